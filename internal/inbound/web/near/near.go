// Package near is the box of near misses: a form without a name, for those who are signed
// in and those who are not, which looks the same to both.
//
// Nothing here asks who it is. What is typed goes into the box with no account, address or
// time beside it, and no way leads back: there is no receipt. The gate counts addresses for
// ten minutes, in memory alone.
package near

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// Box keeps near misses without a name.
type Box interface {
	PutInBox(ctx context.Context, s incident.Slip) error
}

// Gate decides which forms are taken.
type Gate interface {
	Ask(now time.Time, address string) (challenge string)
	Pass(now time.Time, address, challenge, answer string) bool
}

// Deps are what the room needs.
type Deps struct {
	Box  Box
	Gate Gate
}

//go:embed templates/*.html
var files embed.FS

// Templates are the room's pages.
func Templates() fs.FS { return page.Folder(files) }

// Routes lists the room's pages.
func Routes(d Deps) []page.Route {
	r := rooms(d)
	return []page.Route{
		{Pattern: "GET /near", Do: r.form, Public: true, Nameless: true},
		{Pattern: "POST /near", Do: r.put, Public: true, Nameless: true},
		{Pattern: "GET /near/in", Do: r.in, Public: true, Nameless: true},
	}
}

type rooms Deps

type formPage struct {
	page.Base
	Key                               string // of the slip: two presses put one in
	Work                              string // the challenge; see package work
	Inside                            string // what says that somebody of ours fills it in; see page.Kit.Inside
	Nearly, Department, Summary, Text page.Field
	Kept                              []page.Advice // what is kept and what is not, one sentence each
}

// order lists the form's fields from top to bottom; the line alone is needed.
func order() []string { return []string{"nearly", "department", "summary", "text"} }

func (d rooms) form(w http.ResponseWriter, r *page.Request) error {
	return d.show(w, r, incident.NewBoxKey(), page.Refused{Status: http.StatusOK})
}

func (d rooms) show(w http.ResponseWriter, r *page.Request, key incident.BoxKey, bad page.Refused) error {
	o, err := r.Org()
	if err != nil {
		return err
	}
	p := formPage{Base: r.Kit.Base(r, "near.title", "/near"), Key: key.String(), Work: d.Gate.Ask(r.Kit.Now(), r.Address()), Kept: r.Advices("near.kept.")}
	p.Width, p.Errors, p.Scripts = "narrow", bad.Summary, []string{"work.js"}
	field := func(name, label, hint string) page.Field {
		return page.Field{ID: name, Name: name, Label: r.P.T(label), Hint: r.P.T(hint), Value: r.Text(name), Error: bad.Fields[name], Class: "full"}
	}
	p.Nearly = r.Nearly(bad.Fields["nearly"])
	if r.Kit.Inside(r.Text("units")) { // a stranger is told no names of departments
		p.Inside = r.Text("units")
	}
	p.Department = field("department", "near.department", "near.department_hint")
	p.Department.Type, p.Department.Optional = "select", true
	p.Department.Options = page.Choose(units(r, o), p.Department.Value)
	p.Summary = field("summary", "near.summary", "near.summary_hint")
	p.Summary.Required, p.Summary.MaxLen, p.Summary.Auto = true, incident.MaxSummary, "off"
	p.Text = field("text", "near.text", "near.text_hint")
	p.Text.Type, p.Text.Rows, p.Text.MaxLen, p.Text.Optional, p.Text.Auto = "textarea", 3, incident.MaxText, true, "off"
	return r.Kit.Render(w, r, bad.Status, "near", p)
}

// units lists the departments that are large enough to be named, after nobody's.
func units(r *page.Request, o *directory.Org) []page.Option {
	out := []page.Option{{Value: "", Label: r.P.T("near.no_department")}}
	for _, d := range r.Units(o) {
		out = append(out, page.Option{Value: d.ID, Label: d.Name})
	}
	return out
}

// put keeps what was sent. What was typed is never lost: whatever is amiss, the form comes
// back with it.
func (d rooms) put(w http.ResponseWriter, r *page.Request) error {
	slip := incident.Slip{Nearly: incident.Kind(r.Text("nearly")), Department: r.Text("department"), Summary: r.Text("summary"), Words: r.Text("text")}
	if !r.Kit.Inside(r.Text("units")) {
		slip.Department = ""
	}
	var known bool
	if slip.Key, known = incident.ParseBoxKey(r.Text("key")); !known {
		slip.Key = incident.NewBoxKey()
	}
	err := check(slip)
	if err == nil && !d.Gate.Pass(r.Kit.Now(), r.Address(), r.Text("work"), r.Text("answer")) {
		err = fault.New(fault.TooMany, "fault.near_busy", nil)
	}
	if err == nil {
		err = d.Box.PutInBox(r.Context(), slip)
	}
	if err == nil {
		return r.Kit.See(w, r, "/near/in", "")
	}
	if fault.Is(err, fault.Conflict) { // the first stays; what was changed since is another
		slip.Key, err = incident.NewBoxKey(), fault.Clash("fault.near_sent", nil)
	}
	bad, ok := r.Refused(err, order()...)
	if !ok {
		return err
	}
	return d.show(w, r, slip.Key, bad)
}

// check finds what is missing before the gate counts the form.
func check(s incident.Slip) error {
	var c fault.Check
	c.That(s.Summary != "", "summary", "fault.required", nil)
	for name, x := range map[string]struct {
		text string
		most int
	}{"summary": {s.Summary, incident.MaxSummary}, "text": {s.Words, incident.MaxText}} {
		c.That(utf8.RuneCountInString(x.text) <= x.most, name, "fault.too_long", fault.Args{"max": strconv.Itoa(x.most)})
	}
	return c.Err()
}

type inPage struct {
	page.Base
	Next []page.Advice // what happens now
}

func (d rooms) in(w http.ResponseWriter, r *page.Request) error {
	p := inPage{Base: r.Kit.Base(r, "near.in_title", "/near"), Next: r.Advices("near.next.")}
	p.Width = "narrow"
	return r.Kit.Render(w, r, http.StatusOK, "near_in", p)
}
