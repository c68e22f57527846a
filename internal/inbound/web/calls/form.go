package calls

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/outside"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// maxKey bounds the idempotency key of a sheet, in bytes: what is stored is one of 100.
const maxKey = 90

// unsure is the choice of who cannot tell the kind.
const unsure = "unsure"

type formPage struct {
	page.Base
	Start               string // sealed; see start
	Known               bool   // when the call began
	At                  string // the clock when it began
	Elapsed             int    // seconds since
	Key                 string // idempotency key: two presses make one report
	From, Caller, Found page.Field
	NoMatch             bool // nobody is called what was searched for
	Choices             []people.Pick
	Name, Contact, Dept page.Field
	Kind                page.Field
	Kinds               []tile
	Summary, Words      page.Field
	Occurred            moment
	Discovered          moment
	LeaveOut            page.Field
	Phones              []outside.Phone
	Later               bool // open the part that can wait: something in it was typed
}

type tile struct {
	Value, Icon, Title string
	On                 bool
}

// moment is a time field with its "I don't know".
type moment struct {
	page.Field
	Unknown bool
}

// order lists the form's fields from top to bottom; kind and summary alone are needed.
func order() []string {
	return []string{"from", "caller", "name", "contact", "department", "kind", "summary", "text", "occurred", "discovered", "leave_out"}
}

// form shows an empty sheet. Without a start it begins one.
func (d rooms) form(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.Report); err != nil {
		return err
	}
	start := r.Text("b")
	if start == "" {
		return d.begin(w, r)
	}
	return d.show(w, r, start, page.Refused{Status: http.StatusOK})
}

// show is the form with what was typed. Its key follows from the start, so that one opening
// is one report; after a clash it is another.
func (d rooms) show(w http.ResponseWriter, r *page.Request, key string, bad page.Refused) error {
	o, err := r.Org()
	if err != nil {
		return err
	}
	start := r.Text("b")
	p := formPage{Base: r.Kit.Base(r, "calls.title", "/report"), Start: start, Key: key}
	p.Errors, p.Scripts = bad.Summary, []string{"call.js"}
	if at := d.began(r, start); at.Known {
		p.Known, p.At = true, at.At.In(r.Kit.Zone).Format("15:04:05")
		p.Elapsed = max(0, int(r.Kit.Now().Sub(at.At)/time.Second))
	}
	d.fields(r, o, &p, bad)
	if p.Phones, err = outside.Phones(r); err != nil {
		return err
	}
	return r.Kit.Render(w, r, bad.Status, "call_form", p)
}

func (d rooms) fields(r *page.Request, o *directory.Org, p *formPage, bad page.Refused) {
	field := func(name, label, hint string, most int) page.Field {
		f := page.Field{ID: name, Name: name, Label: r.P.T(label), MaxLen: most, Value: r.Text(name), Error: bad.Fields[name], Class: "full", Auto: "off"}
		if hint != "" {
			f.Hint = r.P.T(hint)
		}
		return f
	}
	stranger := r.Text("from") == fromOutside
	p.From = page.Field{ID: "from", Name: "from", Type: "radio", Class: "cols", Label: r.P.T("calls.from"), Options: []page.Option{
		{Value: fromOurs, Label: r.P.T("calls.from_ours"), On: !stranger}, {Value: fromOutside, Label: r.P.T("calls.from_outside"), On: stranger}}}
	p.Caller = field("caller", "calls.caller", "calls.caller_hint", 200)
	p.Choices = people.Choices(o, r.Kit.Now(), nil, []string{r.By.Person})
	p.Found = matches(r, o, bad)
	p.NoMatch = r.Checked("find") && !stranger && len(p.Found.Options) == 0
	p.Name = field("name", "calls.name", "calls.name_hint", incident.MaxName)
	p.Contact = field("contact", "calls.contact", "calls.contact_hint", incident.MaxContact)
	p.Dept = field("department", "outside.department", "", 0)
	p.Dept.Type, p.Dept.Class, p.Dept.Auto = "select", "", ""
	p.Dept.Options = []page.Option{{Label: r.P.T("word.unknown")}}
	for _, dep := range departments(o) {
		p.Dept.Options = append(p.Dept.Options, page.Option{Value: dep.ID, Label: dep.Name})
	}
	p.Dept.Options = page.Choose(p.Dept.Options, p.Dept.Value)
	p.Kind = page.Field{ID: "kind", Name: "kind", Label: r.P.T("calls.kind"), Required: true, Error: bad.Fields["kind"]}
	for _, k := range incident.Kinds() {
		p.Kinds = append(p.Kinds, tile{string(k), string(k), r.P.T("kind." + string(k)), r.Text("kind") == string(k)})
	}
	p.Kinds = append(p.Kinds, tile{unsure, "info", r.P.T("word.unknown"), r.Text("kind") == unsure})
	p.Summary = field("summary", "report.summary", "calls.summary_hint", incident.MaxSummary)
	p.Summary.Required = true
	p.Words = field("text", "calls.words", "", incident.MaxText)
	p.Words.Type, p.Words.Rows = "textarea", 3
	when := func(name, label string) moment {
		f := field(name, label, "report.moment_hint", 0)
		f.Type, f.Class, f.Auto = "datetime-local", "short", ""
		return moment{f, r.Checked(name + "_unknown")}
	}
	p.Occurred, p.Discovered = when("occurred", "report.occurred"), when("discovered", "report.discovered")
	p.LeaveOut = field("leave_out", "report.leave_out", "report.leave_out_hint", 0)
	for _, name := range []string{"occurred", "discovered", "leave_out"} {
		p.Later = p.Later || r.Text(name) != "" || r.Checked(name+"_unknown") || bad.Fields[name] != ""
	}
}

// send stores what was told. Whatever is amiss, the form comes back with all that was typed.
func (d rooms) send(w http.ResponseWriter, r *page.Request) error {
	if mark := r.Text("me"); mark != "" && mark != r.Kit.Mark(r.By.Person) { // it waited in a browser that several use
		return fault.New(fault.Denied, "fault.other_person", nil)
	}
	key := r.Text("key")
	if key == "" || len(key) > maxKey {
		key = id.Secret(16)
	}
	if searching(r) {
		return d.show(w, r, key, page.Refused{Status: http.StatusOK})
	}
	t, err := d.read(r)
	if err == nil {
		err = d.store(w, r, t, key)
	}
	if err == nil {
		return nil
	}
	if fault.Is(err, fault.Conflict) { // the first report of this sheet stays; this can go as another
		key, err = id.Secret(16), fault.Clash("fault.report_sent", nil)
	}
	bad, ok := r.Refused(err, order()...)
	if !ok {
		return err
	}
	return d.show(w, r, key, bad)
}

// told is what a call came to.
type told struct {
	kind                 incident.Kind
	guessed              bool
	caller               string // person id; "" for nobody of ours
	leaveOut             []string
	began, written       incident.Moment
	occurred, discovered incident.Moment
}

func (d rooms) read(r *page.Request) (told, error) {
	o, err := r.Org()
	if err != nil {
		return told{}, err
	}
	t := told{kind: incident.Kind(r.Text("kind")), began: d.began(r, r.Text("b"))}
	if r.Text("kind") == unsure {
		t.kind, t.guessed = incident.Unsure, true
	}
	var c fault.Check
	c.That(t.kind != "", "kind", "fault.required", nil)
	c.That(r.Text("summary") != "", "summary", "fault.required", nil)
	t.occurred, t.discovered = r.Moment(&c, "occurred"), r.Moment(&c, "discovered")
	var whoErr, outErr error
	t.caller, whoErr = caller(r, o)
	for _, typed := range strings.FieldsFunc(r.Text("leave_out"), func(x rune) bool { return strings.ContainsRune("、,，;；\n", x) }) {
		p, err := people.Resolve(o, r.Kit.Now(), typed, "leave_out")
		if err != nil {
			outErr = err
		} else if p != "" {
			t.leaveOut = append(t.leaveOut, p)
		}
	}
	if at, err := time.Parse(time.RFC3339, r.Text("written")); err == nil {
		t.written = incident.Moment{At: at, Known: true}
	}
	return t, page.Join(c.Err(), whoErr, outErr)
}

// store makes the case and leads to what is read out to the caller. Somebody outside, and
// who rang off before they said who they were, have a receipt code. The key is the same for
// whoever calls, so that one sheet is one report.
func (d rooms) store(w http.ResponseWriter, r *page.Request, t told, key string) error {
	if t.caller == "" {
		i, code, err := d.Cases.ReportOutside(r.Context(), r.By, incident.OutsideReport{Kind: t.kind, Guessed: t.guessed, Summary: r.Text("summary"), Words: r.Text("text"),
			Name: r.Text("name"), Contact: r.Text("contact"), Department: r.Text("department"), Channel: incident.ByPhone, Key: key,
			Began: t.began, Occurred: t.occurred, Discovered: t.discovered, Written: t.written, LeaveOut: t.leaveOut, Demo: r.Kit.Demo})
		if err != nil {
			return err
		}
		codeOf(i.Label).Set(w, r.Kit, string(code), codeShown)
		return r.Kit.See(w, r, "/calls/"+i.Label, "")
	}
	report := incident.Report{Kind: t.kind, Guessed: t.guessed, Summary: r.Text("summary"), Words: r.Text("text"), OnBehalf: t.caller, LeaveOut: t.leaveOut,
		Began: t.began, Occurred: t.occurred, Discovered: t.discovered, Written: t.written, Channel: incident.ByPhone, Key: incident.ByPhone + ":" + key, Demo: r.Kit.Demo}
	at, flash := "/calls/", ""
	if t.caller == r.By.Person { // nobody called: it is their own report
		report.Channel, at, flash = "web", "/receipt/", "calls.flash_own"
	}
	i, err := d.Cases.Report(r.Context(), r.By, report)
	if err != nil {
		return err
	}
	return r.Kit.See(w, r, at+i.Label, flash)
}

// departments lists those that are there, by name.
func departments(o *directory.Org) []directory.Department {
	var out []directory.Department
	for _, dep := range o.Departments {
		out = append(out, dep)
	}
	slices.SortFunc(out, func(a, b directory.Department) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.ID, b.ID))
	})
	return out
}
