package report

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

type formPage struct {
	page.Base
	Kind, Heading, Hint, Icon string
	First                     []page.Advice // what cannot wait for the form
	Key                       string        // idempotency key: two presses make one report
	Summary                   page.Field
	Nearly                    page.Field // of a near miss; no options: not asked
	Thing                     string     // number of the ledger's thing that was lost; "" for none
	PCs                       page.Field // the reporter's own, to be cut off on sending; no options: none
	OnBehalf                  page.Field
	LeaveOut                  page.Field
	Choices                   []people.Pick
	Occurred, Discovered      moment
	Teaches                   bool // there are lessons of the kind
	Later                     bool // open the part that can wait: something in it was typed
}

// moment is a time field with its "I don't know".
type moment struct {
	page.Field
	Unknown bool
}

// order lists the form's fields from top to bottom; the first alone is needed.
func order() []string {
	return []string{"summary", "nearly", "on_behalf", "leave_out", "occurred", "discovered"}
}

func kindOf(r *page.Request) (incident.Kind, error) {
	k := incident.Kind(r.PathValue("kind"))
	if !k.Valid() {
		return "", fault.Missing("kind")
	}
	return k, nil
}

func (d rooms) form(w http.ResponseWriter, r *page.Request) error {
	k, err := kindOf(r)
	if err != nil {
		return err
	}
	p, err := d.formPage(r, k, id.Secret(16), page.Refused{})
	if err != nil {
		return err
	}
	return r.Kit.Render(w, r, http.StatusOK, "report_form", p)
}

func (d rooms) formPage(r *page.Request, k incident.Kind, key string, bad page.Refused) (formPage, error) {
	o, err := r.Org()
	if err != nil {
		return formPage{}, err
	}
	kind := "kind." + string(k)
	p := formPage{Base: r.Kit.Base(r, kind, "/report"), Kind: string(k), Heading: r.P.T(kind), Hint: r.P.T(kind + ".hint"), Icon: string(k), Key: key}
	p.Width, p.Errors = "narrow", bad.Summary
	if k == incident.Virus {
		p.First = r.Advices("do.virus.")
		p.PCs = d.pcField(r)
	}
	field := func(name, label, hint string) page.Field {
		return page.Field{ID: name, Name: name, Label: r.P.T(label), Hint: r.P.T(hint), Value: r.Text(name), Error: bad.Fields[name]}
	}
	p.Summary = field("summary", "report.summary", "report.summary_hint")
	p.Summary.Required, p.Summary.MaxLen, p.Summary.Class, p.Summary.Auto = true, incident.MaxSummary, "full", "off"
	if k == incident.NearMiss {
		p.Nearly = r.Nearly(bad.Fields["nearly"])
	}
	if p.Teaches, err = d.Cases.Teaches(r.Context(), r.By, k); err != nil {
		return formPage{}, err
	}
	lost, err := d.thing(r, k)
	if err != nil {
		return formPage{}, err
	}
	if lost != nil {
		p.Thing = lost.Number
		if p.Summary.Value == "" {
			p.Summary.Value = r.P.T("report.lost_thing", "number", lost.Number, "kind", r.P.T("asset.kind."+string(lost.Kind)))
		}
	}
	p.OnBehalf = field("on_behalf", "report.on_behalf", "report.on_behalf_hint")
	p.LeaveOut = field("leave_out", "report.leave_out", "report.leave_out_hint")
	p.Choices = people.Choices(o, r.Kit.Now(), colleagues(o, r.By.Department), []string{r.By.Person})
	when := func(name, label string) moment {
		f := field(name, label, "report.moment_hint")
		f.Type, f.Class = "datetime-local", "short"
		return moment{f, r.Checked(name + "_unknown")}
	}
	p.Occurred, p.Discovered = when("occurred", "report.occurred"), when("discovered", "report.discovered")
	for _, name := range order()[2:] {
		p.Later = p.Later || r.Text(name) != "" || r.Checked(name+"_unknown") || bad.Fields[name] != ""
	}
	return p, nil
}

func (d rooms) send(w http.ResponseWriter, r *page.Request) error {
	k, err := kindOf(r)
	if err != nil {
		return err
	}
	report, err := d.read(r, k)
	if err := writtenBy(r, r.Text("me")); err != nil {
		return err
	}
	var i *incident.Incident
	if err == nil {
		i, err = d.Cases.Report(r.Context(), r.By, report)
	}
	if err == nil {
		flash, err := d.tellLedger(r, k, i)
		if err != nil {
			return err
		}
		return r.Kit.See(w, r, "/receipt/"+i.Label+d.cutOff(r, i), flash)
	}
	key := report.Key
	if fault.Is(err, fault.Conflict) {
		// The first report of this form is stored and stays; what was changed since can
		// be sent as another.
		key = id.Secret(16)
		err = fault.Clash("fault.report_sent", nil)
	}
	bad, ok := r.Refused(err, order()...)
	if !ok {
		return err
	}
	p, err := d.formPage(r, k, key, bad)
	if err != nil {
		return err
	}
	return r.Kit.Render(w, r, bad.Status, "report_form", p)
}

// writtenBy refuses what waited in a browser that several people use, under the mark of
// another than who is signed in. Without a mark nothing has waited.
func writtenBy(r *page.Request, mark string) error {
	if mark != "" && mark != r.Kit.Mark(r.By.Person) {
		return fault.New(fault.Denied, "fault.other_person", nil)
	}
	return nil
}

// tellLedger marks the thing of a stored report as lost. The report stands whatever the
// ledger says to it.
func (d rooms) tellLedger(r *page.Request, k incident.Kind, i *incident.Incident) (flash string, err error) {
	lost, err := d.thing(r, k)
	if err != nil || lost == nil {
		return "", err
	}
	err = d.Things.ReportLost(r.Context(), r.By, lost.Number, i.ID)
	if fault.As(err) != nil {
		return "report.flash_ledger_not", nil
	}
	return "report.flash_ledger", err
}

// read makes a report of what was typed. Everything that must be mended is named at
// once, not one thing at a time.
func (d rooms) read(r *page.Request, k incident.Kind) (incident.Report, error) {
	out := incident.Report{Kind: k, Nearly: incident.Kind(r.Text("nearly")), Summary: r.Text("summary"), Channel: "web", Key: r.Text("key"), Demo: r.Kit.Demo}
	if out.Key == "" || len(out.Key) > 100 {
		out.Key = id.Secret(16)
	}
	o, err := r.Org()
	if err != nil {
		return out, err
	}
	var c fault.Check
	c.That(out.Summary != "", "summary", "fault.required", nil)
	c.That(utf8.RuneCountInString(out.Summary) <= incident.MaxSummary, "summary", "fault.too_long", fault.Args{"max": strconv.Itoa(incident.MaxSummary)})
	var whoErr, outErr error
	out.OnBehalf, whoErr = people.Resolve(o, r.Kit.Now(), r.Text("on_behalf"), "on_behalf")
	for _, typed := range split(r.Text("leave_out")) {
		p, err := people.Resolve(o, r.Kit.Now(), typed, "leave_out")
		if err != nil {
			outErr = err
			continue
		}
		out.LeaveOut = append(out.LeaveOut, p)
	}
	lost, err := d.thing(r, k)
	if err != nil {
		return out, err
	}
	if lost != nil {
		out.Words = lostWords(r, lost)
	}
	if text := r.Text("words"); text != "" {
		out.Words = text
	}
	out.Written = written(r)
	out.Occurred = r.Moment(&c, "occurred")
	out.Discovered = r.Moment(&c, "discovered")
	return out, page.Join(c.Err(), whoErr, outErr)
}

// written is when the browser says that a report was written which it had to keep.
func written(r *page.Request) incident.Moment {
	t, err := time.Parse(time.RFC3339, r.Text("written"))
	return incident.Moment{At: t, Known: err == nil}
}

// split cuts a list of names at the separators that people use.
func split(s string) []string {
	var out []string
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("、,，;；\n", r) }) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
