package takeouts

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/domain/takeout"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/requests"
	"sekimori/internal/kit/fault"
)

// stage is one step of the way.
type stage struct{ Class, Name, When, Iso, Note string }

// carried is one item with what was confirmed of it.
type carried struct {
	N       int
	Text    string
	Account string // "" while nothing was
	Detail  string
	Tag     page.Tag
	Choices []page.Option
	Note    string
	Wrong   string
}

// file is one line of a manifest.
type file struct{ Name, Size, Hash, Kinds, People, Encrypted string }

// maxFiles is how many lines of a manifest a page names; the whole is with the API.
const maxFiles = 500

type passPage struct {
	page.Base
	Label, Self, Request string
	Carrier, Erased      string
	State                page.Tag
	Stands, Until        string // what is to happen now
	Late, Overdue, Mine  bool
	May                  takeout.Rights
	Step                 int
	Stages               []stage
	Items                []carried
	Facts                []requests.Fact
	Loss                 string
	Grave                bool
	Grounds              []ground
	Files                []file
	MoreFiles            string
	Case                 string // address
	CaseLabel            string
	ToOffice             bool // the leg leads there: arriving is coming back
	Rules                []string
	Form                 []page.Field
	Settles              bool // the page of what is confirmed
}

func (d Deps) make(w http.ResponseWriter, r *page.Request) error {
	p, err := d.Passes.Make(r.Context(), r.By, r.Text("request"))
	if err != nil {
		return err
	}
	return r.Kit.See(w, r, "/take-outs/"+p.Label, "takeout.flash_made")
}

func (d Deps) show(w http.ResponseWriter, r *page.Request) error {
	v, err := d.Passes.Get(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	if v.Label != r.PathValue("label") {
		return r.Kit.See(w, r, "/take-outs/"+v.Label, "")
	}
	p, err := d.page(r, v)
	if err != nil {
		return err
	}
	return r.Kit.Render(w, r, http.StatusOK, "take_out", p)
}

// page says of a pass what its reader may see.
func (d Deps) page(r *page.Request, v takeout.View) (*passPage, error) {
	p := &passPage{Base: r.Kit.Base(r, "", "/take-outs"), Label: v.Label, Self: "/take-outs/" + v.Label, Carrier: v.PersonName, State: Tag(r, v.Row), May: v.May, Mine: v.Mine,
		Step: v.Step, Late: v.IsLate, Overdue: v.IsOverdue, Until: r.P.DateTime(v.Until)}
	p.Title = r.P.T("takeout.one") + " " + v.Label
	p.EventsURL = "/events?subject=" + v.ID
	p.Width, p.Scripts = "narrow", []string{"print.js"}
	if !v.ErasedAt.IsZero() {
		p.Erased = r.P.T("requests.erased")
		return p, nil
	}
	org, err := r.Org()
	if err != nil {
		return nil, err
	}
	p.Request = "/requests/" + v.Request
	p.Stands = stands(r, v)
	p.ToOffice = v.State == takeout.Moving && v.Pass.Leg().To == takeout.ToOffice
	if v.Case != "" {
		p.CaseLabel, p.Case = v.Case, "/receipt/"+v.Case
		if !v.Mine {
			p.Case = "/cases/" + v.Case
		}
	}
	p.Stages = stages(r, v)
	for n, i := range v.Form.Items {
		c := carried{N: n, Text: Item(r.P, i)}
		if a, done := v.AccountOf(n); done {
			c.Account = r.P.T("takeout.outcome." + string(a.Outcome))
			c.Detail = page.Line(a.Note, org.NameOf(a.By), r.P.DateTime(a.At))
			c.Tag = page.Tag{Kind: "matsu", Icon: "check", Text: c.Account}
		}
		p.Items = append(p.Items, c)
	}
	p.Facts = facts(r, v.Form, v.Judged)[1:] // the items have a list of their own
	p.Loss, p.Grave, p.Grounds = Loss(r.P, v.Judged), v.Judged.Verdict != takeout.No, grounds(r, v.Judged)
	p.Files, p.MoreFiles = files(r, v.Manifest)
	return p, nil
}

// stands says in one sentence what is to happen now.
func stands(r *page.Request, v takeout.View) string {
	args := []any{"until", r.P.DateTime(v.Until)}
	switch v.State {
	case takeout.Moving:
		l := v.Pass.Leg()
		args = append(args, "goal", Goal(r.P, *l), "expected", r.P.DateTime(l.Expected))
	case takeout.Ready:
		args = append(args, "from", r.P.DateTime(v.Form.From))
	}
	if id := "takeout.seen." + string(v.State); !v.Mine && r.P.Has(id) { // nothing for the reader to press
		return r.P.T(id, args...)
	}
	return r.P.T("takeout.stands."+string(v.State), args...)
}

func stages(r *page.Request, v takeout.View) []stage {
	iso := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	out := []stage{{Class: "done", Name: r.P.T("takeout.stage.made"), When: r.P.DateTime(v.Made), Iso: iso(v.Made)}}
	for _, l := range v.Legs {
		note := r.P.T("takeout.expected_at", "at", r.P.DateTime(l.Expected))
		if l.Delays > 0 {
			note = r.P.T("takeout.delayed", "at", r.P.DateTime(l.Expected), "n", r.P.Count(l.Delays))
		}
		out = append(out, stage{Class: "done", Name: r.P.T("takeout.stage.left", "goal", Goal(r.P, l)), When: r.P.DateTime(l.Left), Iso: iso(l.Left), Note: note})
		if l.Arrived.IsZero() {
			if v.State == takeout.Moving {
				out = append(out, stage{Name: r.P.T("takeout.stage.arriving", "goal", Goal(r.P, l))})
			}
			continue
		}
		out = append(out, stage{Class: "done", Name: r.P.T("takeout.stage.arrived", "goal", Goal(r.P, l)), When: r.P.DateTime(l.Arrived), Iso: iso(l.Arrived)})
	}
	if v.State.Open() {
		return append(out, stage{Name: r.P.T("takeout.stage.closed")})
	}
	return append(out, stage{Class: "done", Name: r.P.T("takeout.state." + string(v.State)), When: r.P.DateTime(v.Over), Iso: iso(v.Over), Note: v.Why})
}

func files(r *page.Request, m takeout.Manifest) (out []file, more string) {
	for n, l := range m.Lines {
		if n == maxFiles {
			return out, r.P.T("takeout.more_files", "n", r.P.Count(len(m.Lines)-maxFiles))
		}
		f := file{Name: l.Name, Size: r.P.Bytes(l.Size), Hash: l.SHA256, Kinds: Words(r.P, "takeout.kind.", l.Kinds), Encrypted: l.Encrypted}
		if l.People > 0 {
			f.People = r.P.T("takeout.people.estimated", "n", r.P.Count(l.People))
		}
		out = append(out, f)
	}
	return out, ""
}

// doPress is one press of the carrier.
type doPress func(d Deps, r *page.Request, in takeout.Press) (flash string, err error)

func arrive(d Deps, r *page.Request, in takeout.Press) (string, error) {
	_, err := d.Passes.Arrive(r.Context(), r.By, in)
	return "takeout.flash_arrived", err
}

func delay(d Deps, r *page.Request, in takeout.Press) (string, error) {
	_, err := d.Passes.Delay(r.Context(), r.By, in)
	return "takeout.flash_delayed", err
}

func back(d Deps, r *page.Request, in takeout.Press) (string, error) {
	_, err := d.Passes.Back(r.Context(), r.By, in)
	return "takeout.flash_back", err
}

func cancel(d Deps, r *page.Request, in takeout.Press) (string, error) {
	_, err := d.Passes.Cancel(r.Context(), r.By, in, r.Text("reason"))
	return "takeout.flash_cancelled", err
}

// pressOf is the press that a page sent.
func pressOf(r *page.Request) takeout.Press {
	return takeout.Press{Pass: r.PathValue("label"), Step: page.Int(r.Text("step"), 0)}
}

// press runs one press; what stands instead is said on the pass.
func (d Deps) press(do doPress) page.Handler {
	return func(w http.ResponseWriter, r *page.Request) error {
		flash, err := do(d, r, pressOf(r))
		if err == nil {
			return r.Kit.See(w, r, "/take-outs/"+r.PathValue("label"), flash)
		}
		return d.refused(w, r, err)
	}
}

// refused shows the pass with what must be mended.
func (d Deps) refused(w http.ResponseWriter, r *page.Request, err error) error {
	bad, ok := r.Refused(err)
	if !ok {
		return err
	}
	v, seen := d.Passes.Get(r.Context(), r.By, r.PathValue("label"))
	if seen != nil {
		return err
	}
	p, wrong := d.page(r, v)
	if wrong != nil {
		return wrong
	}
	p.Errors = bad.Summary
	return r.Kit.Render(w, r, bad.Status, "take_out", p)
}

// lost files the loss and shows the receipt of its case.
func (d Deps) lost(w http.ResponseWriter, r *page.Request) error {
	p, err := d.Passes.Lose(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return d.refused(w, r, err)
	}
	return r.Kit.See(w, r, "/receipt/"+p.Case, "takeout.flash_lost")
}

// rules are those of the way, in the order in which they are read.
func rules(r *page.Request) []string {
	var out []string
	for n := 1; n <= 6; n++ {
		out = append(out, r.P.T("takeout.rule."+strconv.Itoa(n)))
	}
	return out
}

func (d Deps) leaveForm(w http.ResponseWriter, r *page.Request) error {
	return d.showLeave(w, r, http.StatusOK, page.Refused{})
}

func (d Deps) showLeave(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	v, err := d.Passes.Get(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	if !v.May.Leave && status == http.StatusOK {
		return r.Kit.See(w, r, "/take-outs/"+v.Label, "")
	}
	p, err := d.page(r, v)
	if err != nil {
		return err
	}
	p.Title, p.EventsURL, p.Errors, p.Rules = r.P.T("takeout.leave"), "", bad.Summary, rules(r)
	first := takeout.ToThere
	if v.State != takeout.Ready {
		first = takeout.ToOffice
	}
	to := page.Field{ID: "place", Name: "place", Type: "radio", Required: true, Label: r.P.T("takeout.leave_to"), Error: bad.Fields["place"]}
	for _, place := range takeout.Places() {
		if place == takeout.ToOffice && v.State == takeout.Ready {
			continue
		}
		to.Options = append(to.Options, page.Option{Value: string(place), Label: r.P.T("takeout.place." + string(place)), Hint: r.P.T("takeout.place_hint." + string(place))})
	}
	to.Options = page.Choose(to.Options, r.Was("place", string(first)))
	goal := page.Field{ID: "goal", Name: "goal", Label: r.P.T("takeout.leave_goal"), Hint: r.P.T("takeout.leave_goal_hint"), Value: r.Was("goal", v.Form.To), MaxLen: 100, Class: "full", Optional: true, Error: bad.Fields["goal"]}
	expected := page.Field{ID: "expected", Name: "expected", Type: "datetime-local", Label: r.P.T("takeout.leave_expected"), Hint: r.P.T("takeout.leave_expected_hint"), Class: "short", Required: true,
		Value: r.Was("expected", r.Local(r.Kit.Now().Add(time.Hour))), Error: bad.Fields["expected"]}
	p.Form = []page.Field{to, goal, expected}
	if r.Method == http.MethodPost && r.Text("step") != "" {
		p.Step = page.Int(r.Text("step"), p.Step)
	}
	return r.Kit.Render(w, r, status, "take_out_leave", p)
}

func (d Deps) leave(w http.ResponseWriter, r *page.Request) error {
	var c fault.Check
	in := takeout.Departure{Press: pressOf(r), To: takeout.Place(r.Text("place")), Goal: r.Text("goal"), Expected: r.Time(&c, "expected"), Rules: r.Checked("rules")}
	err := c.Err()
	if err == nil {
		_, err = d.Passes.Leave(r.Context(), r.By, in)
	}
	if err == nil {
		return r.Kit.See(w, r, "/take-outs/"+r.PathValue("label"), "takeout.flash_left")
	}
	bad, ok := r.Refused(err, "place", "goal", "expected")
	if !ok {
		return err
	}
	if fault.Is(err, fault.Conflict) { // it stands otherwise by now: the pass says how
		return d.refused(w, r, err)
	}
	return d.showLeave(w, r, bad.Status, bad)
}

func (d Deps) confirmForm(w http.ResponseWriter, r *page.Request) error {
	return d.showConfirm(w, r, http.StatusOK, page.Refused{})
}

func (d Deps) showConfirm(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	v, err := d.Passes.Get(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	if !v.May.Confirm && status == http.StatusOK {
		return r.Kit.See(w, r, "/take-outs/"+v.Label, "")
	}
	p, err := d.page(r, v)
	if err != nil {
		return err
	}
	p.Title, p.EventsURL, p.Errors, p.Settles = r.P.T("takeout.confirm"), "", bad.Summary, true
	for n := range p.Items {
		i := &p.Items[n]
		name := strconv.Itoa(n)
		chosen := ""
		if v.State == takeout.Office {
			chosen = string(takeout.Returned)
		}
		if r.Method == "POST" {
			chosen = r.Text("outcome." + name)
		}
		i.Choices = []page.Option{{Label: r.P.T("takeout.not_yet")}}
		for _, o := range takeout.Outcomes() {
			if o != takeout.Returned || v.State == takeout.Office {
				i.Choices = append(i.Choices, page.Option{Value: string(o), Label: r.P.T("takeout.outcome." + string(o))})
			}
		}
		i.Choices = page.Choose(i.Choices, chosen)
		i.Note, i.Wrong = r.Text("note."+name), bad.Fields["items."+name]
	}
	for n, e := range p.Errors {
		if e.Field != "" {
			p.Errors[n].ID = "note-" + strings.TrimPrefix(e.Field, "items.")
		}
	}
	return r.Kit.Render(w, r, status, "take_out_confirm", p)
}

func (d Deps) confirm(w http.ResponseWriter, r *page.Request) error {
	v, err := d.Passes.Get(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	var said []takeout.Said
	for n := range v.Form.Items {
		name := strconv.Itoa(n)
		if o := r.Text("outcome." + name); o != "" {
			said = append(said, takeout.Said{Item: n, Outcome: takeout.Outcome(o), Note: r.Text("note." + name)})
		}
	}
	p, err := d.Passes.Confirm(r.Context(), r.By, v.Label, said)
	if err == nil {
		flash := "takeout.flash_confirmed"
		if p.State == takeout.Closed {
			flash = "takeout.flash_closed"
		}
		return r.Kit.See(w, r, "/take-outs/"+v.Label, flash)
	}
	bad, ok := r.Refused(err)
	if !ok {
		return err
	}
	if fault.Is(err, fault.Conflict) {
		return d.refused(w, r, err)
	}
	return d.showConfirm(w, r, bad.Status, bad)
}

// manifest shows the files of an application to whoever may see the application.
func (d Deps) manifest(w http.ResponseWriter, r *page.Request) error {
	v, err := d.Requests.Get(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	m, err := d.Passes.ManifestOf(r.Context(), v.Request)
	if err != nil {
		return err
	}
	p := passPage{Base: r.Kit.Base(r, "takeout.manifest", "/requests"), Label: v.Label, Self: "/requests/" + v.Label}
	p.Scripts = []string{"print.js"}
	p.Files, p.MoreFiles = files(r, m)
	return r.Kit.Render(w, r, http.StatusOK, "take_out_manifest", p)
}
