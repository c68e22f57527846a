package report

import (
	"context"
	"net/http"
	"slices"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

type receiptPage struct {
	page.Base
	ID, Label, Kind, Icon, Summary string
	Drill                          bool
	Here                           string // this page's address
	Urgency                        page.Tag
	Status                         page.Tag
	At                             string
	Mine                           bool
	CaseHref                       string // for those who read or work on cases
	Do, Dont                       []page.Advice
	Tracks                         []trackLine
	Sent                           []sentLine
	Phones                         []phone
	PCs                            []pcLine
	Facts                          []factLine
	MayAdd                         bool
	Questions                      []question
	Answers                        []answerLine
	Added                          []addedLine
	Evidence                       []evidenceLine
	Add, Photo, File               page.Field
	MaxFile                        int64
	FixSummary, FixWhat, FixWhy    page.Field
	FixWhen                        moment
	Fixing                         bool // open the corrections: one of them was refused
	Talk                           page.Talk
	Main                           string // number of the case that this one goes on as
	Held                           bool   // somebody is told only with the next working hours
}

type factLine struct {
	Name, Value string
	Unknown     bool
	beside
}

// refusal is what was wrong with one of the receipt's forms.
type refusal struct {
	form string // "add", "answer", "correct" or "files"
	page.Refused
}

func (d rooms) receipt(w http.ResponseWriter, r *page.Request) error {
	return d.show(w, r, http.StatusOK, refusal{})
}

// show renders the receipt; after a refused addition with what must be mended.
func (d rooms) show(w http.ResponseWriter, r *page.Request, status int, bad refusal) error {
	c, err := d.Cases.Case(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	o, err := r.Org()
	if err != nil {
		return err
	}
	p, err := d.receiptPage(r.Context(), r, o, c, bad)
	if err != nil {
		return err
	}
	return r.Kit.Render(w, r, status, "receipt", p)
}

func (d rooms) receiptPage(ctx context.Context, r *page.Request, o *directory.Org, c *incident.Case, bad refusal) (receiptPage, error) {
	kind := string(c.Kind)
	p := receiptPage{Base: r.Kit.Base(r, "", "/report"), ID: c.ID, Label: c.Label, Kind: r.P.T("kind." + kind), Drill: c.Drill, Icon: kind, Summary: c.Summary,
		Here: "/receipt/" + c.Label, At: r.P.DateTime(c.Reported), Do: r.Advices("do." + kind + "."), Dont: r.Advices("dont." + kind + ".")}
	p.Title, p.EventsURL, p.Errors = c.Label, "/events?subject="+c.ID, bad.Summary
	p.Mine = r.By.Person == c.Reporter || r.By.Person == c.OnBehalf
	p.MayAdd = p.Mine || !r.By.Has(access.Auditor) && c.Sight >= incident.AsWorker
	if c.Sight >= incident.AsReader {
		p.CaseHref = "/cases/" + c.Label
	}
	p.Urgency = page.Tag{Kind: urgencyTag(c), Text: r.P.T("urgency." + string(c.Urgency))}
	p.Status = page.Tag{Kind: "ai", Text: r.P.T("status." + string(c.Status))}
	if !c.Status.Open() {
		p.Status.Kind = "matsu"
	}
	p.Held = held(c)
	if err := d.talk(r, o, c, &p, bad); err != nil {
		return p, err
	}
	p.Phones = phones(r, o, call{For: c.Finder(), Receivers: c.Kind.Receivers(), LeftOut: c.LeftOut})
	p.Facts = facts(r, o, c)
	p.Questions, p.Answers = questions(r, o, c, bad)
	p.Added = added(r, o, c)
	p.Evidence = evidence(r, o, c)
	d.forms(r, &p, bad)
	d.pcs(r, c, &p)
	var err error
	p.Tracks, p.Sent, err = d.tracks(ctx, r, o, c)
	return p, err
}

func urgencyTag(c *incident.Case) string {
	switch c.Urgency {
	case "urgent":
		return "shu"
	case "light":
		return "matsu"
	}
	return "yama"
}

// facts keeps the three times apart: when it happened, when it was noticed, when we
// were told.
func facts(r *page.Request, o *directory.Org, c *incident.Case) []factLine {
	when := func(id string, m incident.Moment) factLine {
		f := factLine{Name: r.P.T(id), Value: r.P.T("word.unknown"), Unknown: !m.Known}
		if m.Known {
			f.Value = r.P.DateTime(m.At)
		}
		return f
	}
	out := []factLine{
		{Name: r.P.T("report.what"), Value: c.Summary, beside: besideSummary(r, o, c)},
		when("report.occurred", c.Occurred),
		when("report.discovered", c.Discovered),
		{Name: r.P.T("report.reported"), Value: r.P.DateTime(c.Reported)},
	}
	if c.Written.Known {
		out = append(out, when("offline.written", c.Written))
	}
	for _, f := range CallFacts(r, o, c.Incident) {
		out = append(out, factLine{Name: f.Name, Value: f.Value, Unknown: f.Unknown})
	}
	if c.Reporter != "" && c.Channel != incident.ByPhone {
		out = append(out, factLine{Name: r.P.T("report.by"), Value: o.NameOf(c.Reporter)})
	}
	if c.OnBehalf != "" {
		out = append(out, factLine{Name: r.P.T("report.found_by"), Value: o.NameOf(c.OnBehalf)})
	}
	out = append(out, outsiderFacts(r, c.Outside)...)
	out = append(out, nearFacts(r, c.Incident)...)
	if dep, ok := o.Departments[c.Department]; ok {
		out = append(out, factLine{Name: r.P.T("word.department"), Value: dep.Name})
	}
	if len(c.LeftOut) > 0 && (r.By.Person == c.Reporter || r.By.Person == c.OnBehalf) {
		names := ""
		for i, p := range c.LeftOut {
			if i > 0 {
				names += " / "
			}
			names += o.NameOf(p)
		}
		out = append(out, factLine{Name: r.P.T("report.not_told"), Value: names})
	}
	return out
}

// forms fills the forms of the receipt; the refused one keeps what was typed.
func (d rooms) forms(r *page.Request, p *receiptPage, bad refusal) {
	field := func(form, id, name, label, hint string) page.Field {
		f := page.Field{ID: id, Name: name, Label: r.P.T(label)}
		if hint != "" {
			f.Hint = r.P.T(hint)
		}
		if bad.form == form {
			f.Value, f.Error = r.Text(name), bad.Fields[name]
		}
		return f
	}
	p.Add = field("add", "text", "text", "report.add", "report.add_hint")
	p.Add.Type, p.Add.Rows, p.Add.MaxLen = "textarea", 3, incident.MaxText
	p.MaxFile = d.Files.Limits().File
	p.Photo = page.Field{ID: "photo", Name: "photo", Label: r.P.T("report.photo"), Hint: r.P.T("report.file_hint", "max", r.P.Bytes(p.MaxFile))}
	p.File = page.Field{ID: "file", Name: "file", Label: r.P.T("report.file"), Hint: p.Photo.Hint}
	if bad.form == "files" {
		p.File.Error = bad.Fields["file"]
	}
	p.FixSummary = field("correct", "fix_text", "fix_text", "report.fix_text", "report.fix_hint")
	p.FixSummary.Type, p.FixSummary.Rows, p.FixSummary.MaxLen = "textarea", 2, incident.MaxText
	p.FixWhat = field("correct", "fix_what", "fix_what", "report.fix_what", "")
	p.FixWhat.Type, p.FixWhat.Class = "select", "short"
	p.FixWhat.Options = page.Choose([]page.Option{
		{Value: "occurred", Label: r.P.T("report.occurred")}, {Value: "discovered", Label: r.P.T("report.discovered")}}, p.FixWhat.Value)
	p.FixWhen = moment{Field: field("correct", "fix_at", "fix_at", "report.fix_at", "")}
	p.FixWhen.Type, p.FixWhen.Class = "datetime-local", "short"
	p.FixWhen.Unknown = bad.form == "correct" && r.Checked("fix_at_unknown")
	p.FixWhy = field("correct", "fix_why", "fix_why", "report.fix_why", "")
	p.FixWhy.Optional, p.FixWhy.MaxLen = true, 500
	p.Fixing = bad.form == "correct"
}

// question is one that has not been answered yet.
type question struct {
	ID, Text, Hint, Error, Value string
	Choices                      []string
}

type answerLine struct {
	Question, Text, At string
	Unknown            bool
	beside
}

// questions parts the kind's questions into those still open and those answered.
func questions(r *page.Request, o *directory.Org, c *incident.Case, bad refusal) (open []question, done []answerLine) {
	for _, q := range c.Kind.Questions() {
		id := "question." + q
		n := 0
		for _, e := range c.Entries {
			if e.Type != incident.Answer || e.Key != q {
				continue
			}
			n++
			line := answerLine{Question: r.P.T(id), Text: e.Text, At: r.P.T("report.by_at", "name", r.Named(o, e.By), "at", r.P.DateTime(e.At)), beside: besideEntry(r, o, c, e)}
			if e.Text == incident.Unknown {
				line.Text, line.Unknown = r.P.T("word.unknown"), true
			}
			done = append(done, line)
		}
		if n > 0 {
			continue
		}
		x := question{ID: q, Text: r.P.T(id), Choices: choices(r, id)}
		if r.P.Has(id + ".hint") {
			x.Hint = r.P.T(id + ".hint")
		}
		if bad.form == "answer" && r.Text("question") == q {
			x.Error, x.Value = bad.Fields["text"], r.Text("text")
		}
		open = append(open, x)
	}
	return open, done
}

type addedLine struct {
	At, Iso, What, Text, Who string
	IsFix                    bool
	beside
}

// added is what came after the report, in order: words, corrections, and how the work
// goes on, so that whoever reported hears what became of it.
func added(r *page.Request, o *directory.Org, c *incident.Case) []addedLine {
	var out []addedLine
	shown := []incident.EntryType{incident.Fact, incident.Correction, incident.StatusSet, incident.Assigned}
	for _, e := range c.Entries {
		if e.Internal || !slices.Contains(shown, e.Type) {
			continue
		}
		l := addedLine{At: r.P.DateTime(e.At), Iso: e.At.UTC().Format("2006-01-02T15:04:05Z"), What: r.P.T("entry." + string(e.Type)), Text: e.Text, Who: r.Named(o, e.By), IsFix: e.Type == incident.Correction}
		switch e.Type {
		case incident.Fact:
			l.beside = besideEntry(r, o, c, e)
		case incident.StatusSet:
			l.What = r.P.T("report.status_now", "status", r.P.T("status."+e.Key))
		case incident.Assigned:
			l.What = r.P.T("report.assigned_to", "name", o.NameOf(e.Key))
		case incident.Correction:
			if e.Corrects != "" { // it stands beside what it corrects
				continue
			}
			l.What, l.Text = r.P.T("report.fixed_other"), corrected(r, e)
			if e.Key != "" {
				l.What = r.P.T("report.fixed_" + e.Key)
			}
		}
		out = append(out, l)
	}
	return out
}
