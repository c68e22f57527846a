package page

import (
	"sekimori/internal/domain/access"
)

// Base is what the layout shows around every page; each page's struct embeds it.
type Base struct {
	Lang       string
	Title      string
	Who        string // name of who is signed in
	WhoDetail  string // duty or department
	SignedIn   bool
	Nav        []NavItem
	Here       string // the Nav address that this page belongs to
	Flash      []Flash
	Errors     []FieldError // what must be mended, for the part "errors"
	Demo       bool
	Version    string
	EventsURL  string   // "" unless the page follows changes
	LiveReload bool     // reload now and then where no script runs
	Width      string   // "" or "narrow"
	Scripts    []string // static files that this page alone runs
	Box        string   // address of the box of near misses
	Me         string   // mark of who is signed in, under which the browser keeps what waits to be sent
	Bare       bool     // shows nothing of anybody: the browser keeps the page for when there is no network
}

// NavItem is one of the main pages.
type NavItem struct {
	Href, Label, Icon string
	Here              bool
}

// Flash is a sentence above the page: Kind is "ok", "info", "warn" or "now".
type Flash struct{ Kind, Text string }

// Base fills the layout's fields. titleID is the message id of the title; here is the
// Nav address that the page belongs to.
func (k *Kit) Base(r *Request, titleID, here string) Base {
	b := Base{Lang: string(r.P.Lang()), Here: here, Demo: k.Demo, Version: k.Version, Box: "/near"}
	if titleID != "" {
		b.Title = r.P.T(titleID)
	}
	if r.flash != "" {
		b.Flash = append(b.Flash, Flash{Kind: "ok", Text: r.P.T(r.flash)})
	}
	if r.By.Person == "" || r.By.Via != access.BySession {
		return b
	}
	b.SignedIn, b.Who, b.WhoDetail, b.Me = true, r.By.Name, k.detail(r), k.Mark(r.By.Person)
	b.Box += "?units=" + k.insider(k.Now())
	for _, n := range k.nav(r) {
		n.Label, n.Here = r.P.T(n.Label), n.Href == here
		b.Nav = append(b.Nav, n)
	}
	return b
}

// nav lists the main pages that the actor has a use for; Label is a message id. The
// pages themselves refuse by the domain's rules, not by this list.
func (k *Kit) nav(r *Request) []NavItem {
	by := r.By
	may := func(p access.Permission) bool { return by.May(p) == nil }
	out := []NavItem{{Href: "/report", Label: "nav.report", Icon: "plus"}}
	add := func(ok bool, href, label, icon string) {
		if ok {
			out = append(out, NavItem{Href: href, Label: label, Icon: icon})
		}
	}
	leads := r.org != nil && r.org.Leads(by.Person)
	add(may(access.WorkCases) || by.Has(access.ITAdmin) || leads, "/morning", "nav.morning", "sun")
	add(true, "/cases", "nav.cases", "list")
	add(k.Lends, "/requests", "nav.requests", "stamp")
	add(k.TakesOut, "/take-outs", "nav.takeouts", "tag")
	add(k.Lends, "/assets", "nav.assets", "usb")
	add(may(access.ReadDirectory), "/people", "nav.people", "users")
	add(may(access.ReadDevices), "/devices", "nav.devices", "monitor")
	add(may(access.ReadDirectory), "/tallies", "nav.tallies", "activity")
	add(may(access.ReadJournal), "/record", "nav.record", "history")
	add(may(access.EditSteps) || may(access.EditPolicy), "/settings", "nav.settings", "settings")
	add(k.Demo, "/outbox", "nav.outbox", "inbox")
	return out
}

// detail is the first duty that the person holds, else their department.
func (k *Kit) detail(r *Request) string {
	if len(r.By.Duties) > 0 {
		return r.P.T("duty." + string(r.By.Duties[0]))
	}
	if r.org == nil {
		return ""
	}
	return r.org.Departments[r.By.Department].Name
}

// Home is where a person starts: the page of their duty, else the report page.
func Home(by access.Actor) string {
	switch {
	case by.Person == "":
		return "/login"
	case by.Has(access.Auditor):
		return "/record"
	case by.Has(access.ProtectionManager):
		return "/morning"
	}
	return "/report"
}
