package ledger

import (
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/inbound/web/lent"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
	"sekimori/internal/kit/wire"
)

// wouldView is one medium that would be blocked at one PC.
type wouldView struct{ PC, Href, Person, Medium, Why, Times, Last string }

// mediaPage is what PCs did with media, and what they should do.
type mediaPage struct {
	page.Base
	Mode        string // word of the company's mode
	ModeTag     page.Tag
	Modes       []page.Option
	Departments []modeOf
	Edited      int // the version that the form began with
	May         bool
	Would       []wouldView
	Whats       []page.Option
	Filtered    bool
	Rows        []lent.Attempt
	First, More string
	Changed     string
}

// modeOf is the mode of one department; Value "" follows those above.
type modeOf struct {
	ID, Name string
	Modes    []page.Option
}

func (d Deps) media(w http.ResponseWriter, r *page.Request) error {
	return d.showMedia(w, r, http.StatusOK, page.Refused{})
}

func (d Deps) showMedia(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	pol, err := d.Ledger.GuardPolicy(r.Context(), r.By)
	if err != nil {
		return err
	}
	org, err := r.Org()
	if err != nil {
		return err
	}
	p := mediaPage{Base: r.Kit.Base(r, "media.title", "/assets"), Mode: r.P.T("media.mode." + string(pol.Mode)), Edited: pol.Version, May: r.By.May(access.ManageAssets) == nil}
	p.Errors, p.EventsURL = bad.Summary, "/events?subject=devices&subject=everything"
	p.ModeTag = page.Tag{Kind: "quiet", Text: p.Mode}
	switch pol.Mode {
	case wire.GuardObserve:
		p.ModeTag.Kind, p.ModeTag.Icon = "yama", "eye"
	case wire.GuardBlock:
		p.ModeTag.Kind, p.ModeTag.Icon = "matsu", "shield-check"
	}
	if pol.By != "" {
		p.Changed = page.Line(org.NameOf(pol.By), r.P.DateTime(pol.At))
	}
	modes := choices(r, "media.mode.", []wire.GuardMode{wire.GuardOff, wire.GuardObserve, wire.GuardBlock}, false)
	p.Modes = page.Choose(modes, string(pol.Mode))
	for _, o := range people.Tree(org, "") {
		m := modeOf{ID: o.Value, Name: o.Label}
		m.Modes = page.Choose(append([]page.Option{{Label: r.P.T("media.as_above")}}, modes...), string(pol.Departments[o.Value]))
		p.Departments = append(p.Departments, m)
	}
	would, err := d.Ledger.WouldBlock(r.Context(), r.By)
	if err != nil {
		return err
	}
	for _, x := range would {
		v := wouldView{PC: x.PC, Person: x.Person, Medium: page.Line(x.Name, lent.IDs(x.Vendor, x.Product), x.Serial), Times: r.P.Count(x.Times), Last: r.P.DateTime(x.Last), Why: lent.Word(r, "media.why.", x.Why)}
		if r.By.May(access.ReadDevices) == nil {
			v.Href = "/devices/" + x.Device
		}
		p.Would = append(p.Would, v)
	}
	q := asset.AttemptQuery{What: r.URL.Query().Get("what"), After: r.URL.Query().Get("after"), Limit: pageSize}
	p.Filtered = q.What != ""
	p.Whats = []page.Option{{Label: r.P.T("word.all")}}
	for _, x := range []string{wire.MediaRefused, wire.MediaObserved, wire.MediaAdmitted, wire.MediaEnded, wire.MediaWritten, wire.MediaRegistered, wire.MediaUnread} {
		p.Whats = append(p.Whats, page.Option{Value: x, Label: r.P.T("media.what." + x)})
	}
	p.Whats = page.Choose(p.Whats, q.What)
	found, err := d.Ledger.Attempts(r.Context(), r.By, q)
	if err != nil {
		return err
	}
	for _, a := range found.Rows {
		p.Rows = append(p.Rows, lent.AttemptOf(r, a))
	}
	if found.Next != "" {
		p.More = "/media?what=" + q.What + "&after=" + found.Next
	}
	if q.After != "" {
		p.First = "/media?what=" + q.What
	}
	return r.Kit.Render(w, r, status, "media", p)
}

func (d Deps) setPolicy(w http.ResponseWriter, r *page.Request) error {
	org, err := r.Org()
	if err != nil {
		return err
	}
	in := asset.Policy{Version: page.Int(r.Text("version"), -1), Mode: wire.GuardMode(r.Text("mode")), Departments: map[string]wire.GuardMode{}}
	for id := range org.Departments {
		if m := r.Text("mode-" + id); m != "" {
			in.Departments[id] = wire.GuardMode(m)
		}
	}
	if _, err := d.Ledger.SetGuardPolicy(r.Context(), r.By, in); err != nil {
		bad, ok := r.Refused(err, "mode")
		if !ok {
			return err
		}
		return d.showMedia(w, r, bad.Status, bad)
	}
	return r.Kit.See(w, r, "/media", "media.flash_policy")
}
