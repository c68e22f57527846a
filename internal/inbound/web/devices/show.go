package devices

import (
	"context"
	"net/http"
	"slices"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/lent"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// devicePage is one PC.
type devicePage struct {
	page.Base
	PC         Shown
	PersonHref string
	Document   string
	Behind     bool
	Steps      []string // what a dry run would do
	Refused    string
	Facts      []fact
	About      []pair
	Orders     []order
	Cases      []caseLink
	Media      bool // PCs guard media
	Guard      page.Tag
	GuardWhy   string // what it cannot do, or by what it judges
	Attempts   []lent.Attempt
	MayList    bool
	MayIsolate bool
	MayManage  bool
	MayFree    bool   // release it, and what releasing is like
	WhyNot     string // why they may not free this one
	Forms      map[string]page.Field
	Failed     string
}

// order is one line of the history.
type order struct {
	When, Iso, What, Who, Reason string
	Stages                       string
	Case                         *caseLink
	Old                          bool // a newer one took its place
}

type caseLink struct{ Label, Href string }

func (d Deps) show(w http.ResponseWriter, r *page.Request) error {
	return d.render(w, r, http.StatusOK, "", page.Refused{})
}

// render shows the PC; form names the form that was refused, for bad.
func (d Deps) render(w http.ResponseWriter, r *page.Request, status int, form string, bad page.Refused) error {
	v, err := d.PCs.Get(r.Context(), r.By, r.PathValue("id"))
	if err != nil {
		return err
	}
	org, err := r.Org()
	if err != nil {
		return err
	}
	row := rowOf(r, v)
	p := devicePage{Base: r.Kit.Base(r, "", "/devices"), PC: row.Shown, PersonHref: row.PersonHref, Document: row.Document, Behind: row.Behind, Failed: form,
		Facts: facts(r, v.Facts), MayList: r.By.May(access.ReadDevices) == nil}
	p.Title = row.Name
	p.EventsURL = "/events?subject=time&subject=" + v.ID
	if p.MayList {
		p.EventsURL += "&subject=devices"
	}
	if !v.RefusedAt.IsZero() {
		p.Refused = r.P.T("devices.refused_by", "name", org.NameOf(v.RefusedBy), "at", Moment(r, v.RefusedAt), "why", v.RefusedWhy)
	}
	if p.PC.DryRun && v.Isolation.Wanted {
		p.Steps = v.Isolation.Fact.Steps
	}
	if err := d.media(r, v, &p); err != nil {
		return err
	}
	p.rights(r, org, v)
	p.About = about(r, org, v)
	if err := d.history(r.Context(), r, org, v, &p); err != nil {
		return err
	}
	p.forms(r, form, bad)
	return r.Kit.Render(w, r, status, "device", p)
}

// rights says which presses the page offers; the domain refuses by the same rules.
func (p *devicePage) rights(r *page.Request, org *directory.Org, v device.View) {
	if !v.RefusedAt.IsZero() {
		return
	}
	own := v.Person == r.By.Person
	p.MayManage = r.By.May(access.ManageDevices) == nil
	p.MayIsolate = p.MayManage || own && r.By.May(access.Report) == nil
	p.MayFree = p.MayManage
	other := slices.ContainsFunc(org.Holders(access.ITAdmin, r.Kit.Now()), func(x string) bool { return x != r.By.Person })
	if p.MayManage && own && other {
		p.MayFree, p.WhyNot = false, r.P.T("devices.own_not_freed")
	}
}

func about(r *page.Request, org *directory.Org, v device.View) []pair {
	heard := r.P.T("devices.never_seen")
	if !v.Isolation.FactAt.IsZero() {
		heard = Moment(r, v.Isolation.FactAt)
	}
	yes := map[bool]string{true: r.P.T("word.yes"), false: r.P.T("word.no")}
	out := []pair{
		{r.P.T("devices.col.id"), v.ID},
		{r.P.T("devices.col.system"), v.System},
		{r.P.T("devices.col.agent"), v.Agent},
		{r.P.T("devices.col.enrolled"), page.Line(r.P.DateTime(v.EnrolledAt), org.NameOf(v.EnrolledBy))},
		{r.P.T("devices.heard"), heard},
	}
	if !v.Isolation.FactAt.IsZero() {
		out = append(out, pair{r.P.T("devices.part.privileged"), yes[v.Privileged]})
	}
	return out
}

// history lists the orders, and the cases that they belong to and the actor may see.
func (d Deps) history(ctx context.Context, r *page.Request, org *directory.Org, v device.View, p *devicePage) error {
	seen := map[string]*caseLink{}
	for _, o := range v.Orders {
		x := order{When: Moment(r, o.Requested), Iso: o.Requested.UTC().Format("2006-01-02T15:04:05Z"), What: r.P.T("devices.order." + string(o.Kind)),
			Reason: o.Reason, Old: o.Superseded}
		who := org.NameOf(o.By)
		if o.By == v.ID {
			who = Name(v.Device)
		}
		x.Who = page.Line(who, r.P.T("devices.via."+o.Via))
		s := ""
		for _, y := range stages(r, Shown{}, device.Isolation{Order: o})[1:] {
			if y.When != "" {
				s = page.Line(s, y.Name+" "+y.When)
			}
		}
		x.Stages = s
		if o.Incident != "" && seen[o.Incident] == nil {
			c, err := d.Cases.Case(ctx, r.By, o.Incident)
			switch {
			case err == nil:
				seen[o.Incident] = &caseLink{Label: c.Label, Href: "/cases/" + c.Label}
				p.Cases = append(p.Cases, *seen[o.Incident])
			case fault.As(err) == nil:
				return err
			}
		}
		x.Case = seen[o.Incident]
		p.Orders = append(p.Orders, x)
	}
	return nil
}

// forms fills the controls; a refused form keeps what was typed.
func (p *devicePage) forms(r *page.Request, form string, bad page.Refused) {
	p.Errors = bad.Summary
	p.Forms = map[string]page.Field{}
	for i := range p.Errors {
		if p.Errors[i].ID != "" {
			p.Errors[i].ID = form + "-" + p.Errors[i].ID
		}
	}
	for of, optional := range map[string]bool{"isolate": true, "release": false, "refuse": false, "ticket": false} {
		f := page.Field{ID: of + "-reason", Name: "reason", Label: r.P.T("word.reason"), MaxLen: device.MaxReason, Class: "full", Optional: optional, Required: !optional}
		if of == form {
			f.Error, f.Value = bad.Fields["reason"], r.Text("reason")
		}
		p.Forms[of] = f
	}
	p.Forms["release"] = hinted(p.Forms["release"], r.P.T("devices.release_reason_hint"))
	wifi := page.Option{Value: "1", Label: r.P.T("devices.wifi"), Hint: r.P.T("devices.wifi_hint"), On: form == "isolate" && r.Checked("wifi")}
	p.Forms["wifi"] = page.Field{ID: "isolate-wifi", Name: "wifi", Type: "checkbox", Label: r.P.T("devices.wifi_too"), Options: []page.Option{wifi}}
}

func hinted(f page.Field, hint string) page.Field {
	f.Hint = hint
	return f
}
