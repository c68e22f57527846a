package outside

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

type formPage struct {
	page.Base
	Kind, Heading, Hint, Icon string
	SignIn                    string
	Key                       string // idempotency key: two presses make one report
	Work                      string // the challenge; see package work
	Summary, Text             page.Field
	Name, Contact, Department page.Field
	Phones                    []Phone
}

// order lists the form's fields from top to bottom; the first alone is needed.
func order() []string { return []string{"summary", "text", "name", "contact", "department"} }

func kindOf(r *page.Request) (incident.Kind, error) {
	k := incident.Kind(r.PathValue("kind"))
	if !k.Valid() {
		return "", fault.Missing("kind")
	}
	return k, nil
}

// Form is the form of a kind for who is not signed in.
func (d *Room) Form(w http.ResponseWriter, r *page.Request) error {
	return d.show(w, r, id.Secret(16), page.Refused{Status: http.StatusOK})
}

func (d *Room) show(w http.ResponseWriter, r *page.Request, key string, bad page.Refused) error {
	k, err := kindOf(r)
	if err != nil {
		return err
	}
	kind := "kind." + string(k)
	p := formPage{Base: r.Kit.Base(r, kind, "/report"), Kind: string(k), Heading: r.P.T(kind), Hint: r.P.T(kind + ".hint"), Icon: string(k),
		SignIn: signIn("/report/" + string(k)), Key: key, Work: d.reports.ask(r.Kit.Now(), r.Address())}
	p.Width, p.Errors, p.Scripts = "narrow", bad.Summary, []string{"work.js"}
	field := func(name, label, hint string, most int) page.Field {
		f := page.Field{ID: name, Name: name, Label: r.P.T(label), MaxLen: most, Value: r.Text(name), Error: bad.Fields[name], Class: "full"}
		if hint != "" {
			f.Hint = r.P.T(hint)
		}
		return f
	}
	p.Summary = field("summary", "report.summary", "report.summary_hint", incident.MaxSummary)
	p.Summary.Required, p.Summary.Auto = true, "off"
	p.Text = field("text", "outside.text", "outside.text_hint", incident.MaxText-maxDepartment-100)
	p.Text.Type, p.Text.Rows, p.Text.Optional = "textarea", 3, true
	p.Name = field("name", "outside.name", "outside.name_hint", incident.MaxName)
	p.Name.Auto, p.Name.Optional = "name", true
	p.Contact = field("contact", "outside.contact", "outside.contact_hint", incident.MaxContact)
	p.Contact.Optional = true
	p.Department = field("department", "outside.department", "outside.department_hint", maxDepartment)
	p.Department.Optional, p.Department.Auto = true, "off"
	if p.Phones, err = Phones(r); err != nil {
		return err
	}
	return r.Kit.Render(w, r, bad.Status, "outside_form", p)
}

// maxDepartment is how long the name of a department may be, in characters.
const maxDepartment = 100

// Send stores what was sent without a session. What was typed is never lost: whatever is
// amiss, the form comes back with it.
func (d *Room) Send(w http.ResponseWriter, r *page.Request) error {
	k, err := kindOf(r)
	if err != nil {
		return err
	}
	key := r.Text("key")
	if len(key) < 20 || len(key) > 100 {
		key = id.Secret(16)
	}
	report, err := read(r, k, key)
	switch {
	case err != nil:
	case !r.Checked("outside"): // a session that ended while its owner was typing
		err = fault.New(fault.Unauthenticated, "fault.outside_session", nil)
	default:
		var passed bool
		if report.Work, passed = d.reports.take(r.Kit.Now(), r.Address(), r.Text("work"), r.Text("answer")); !passed {
			err = fault.New(fault.TooMany, "fault.outside_busy", nil)
		}
	}
	var code incident.Code
	if err == nil {
		_, code, err = d.cases.ReportOutside(r.Context(), access.Outside(""), report)
	}
	if err == nil {
		return d.enter(w, r, code)
	}
	if fault.Is(err, fault.Conflict) {
		key, err = id.Secret(16), fault.Clash("fault.report_sent", nil)
	}
	bad, ok := r.Refused(err, order()...)
	if !ok {
		return err
	}
	return d.show(w, r, key, bad)
}

// enter opens a fresh report and shows its code for a while.
func (d *Room) enter(w http.ResponseWriter, r *page.Request, code incident.Code) error {
	secret, err := d.cases.OpenCode(r.Context(), string(code), "")
	if err != nil {
		return err
	}
	visit().Set(w, r.Kit, secret, incident.VisitLength)
	shown().Set(w, r.Kit, string(code), codeShown)
	return r.Kit.See(w, r, "/r", "")
}

// codeShown is how long a fresh code stands on the page of its report.
const codeShown = 10 * time.Minute

// read makes a report of what was typed. A department is known only to who can name it: the
// page lists none.
func read(r *page.Request, k incident.Kind, key string) (incident.OutsideReport, error) {
	out := incident.OutsideReport{Kind: k, Summary: r.Text("summary"), Words: r.Text("text"), Name: r.Text("name"), Contact: r.Text("contact"),
		Channel: "web", Key: key, Demo: r.Kit.Demo}
	var c fault.Check
	c.That(out.Summary != "", "summary", "fault.required", nil)
	for name, most := range map[string]int{"summary": incident.MaxSummary, "text": incident.MaxText - maxDepartment - 100, "name": incident.MaxName, "contact": incident.MaxContact, "department": maxDepartment} {
		c.That(utf8.RuneCountInString(r.Text(name)) <= most, name, "fault.too_long", fault.Args{"max": strconv.Itoa(most)})
	}
	if err := c.Err(); err != nil {
		return out, err
	}
	named := r.Text("department")
	if named == "" {
		return out, nil
	}
	o, err := r.Org()
	if err != nil {
		return out, err
	}
	if out.Department = department(o, named); out.Department == "" {
		out.Words = strings.TrimSpace(out.Words + "\n\n" + r.P.T("outside.about", "department", named))
	}
	return out, nil
}

// department finds the one of that name; "" when there is none, or more than one.
func department(o *directory.Org, name string) string {
	found := ""
	for _, d := range o.Departments {
		if !strings.EqualFold(strings.TrimSpace(d.Name), name) {
			continue
		}
		if found != "" {
			return ""
		}
		found = d.ID
	}
	return found
}
