package report

import (
	"net/http"
	"slices"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// fixLine is one correction, shown beside what it corrects.
type fixLine struct{ Text, Who string }

// beside is what stands beside a statement: its corrections, and the way to one more.
type beside struct {
	Fixes []fixLine
	Fix   string // the page that corrects it; "" when there is none
	Short string // the statement in a few words, for what is only heard
}

func besideEntry(r *page.Request, o *directory.Org, c *incident.Case, e incident.Entry) beside {
	b := beside{Fixes: fixesOf(r, o, c, e.ID), Fix: CorrectLink(r.By, c, e, false), Short: page.Short(e.Text, 30)}
	if e.Text == incident.Unknown {
		b.Short = r.P.T("word.unknown")
	}
	return b
}

func besideSummary(r *page.Request, o *directory.Org, c *incident.Case) beside {
	return beside{Fixes: fixesOf(r, o, c, summaryLine), Fix: CorrectSummaryLink(r.By, c, false), Short: page.Short(c.Summary, 30)}
}

// correctPage shows one statement as it was sent, and takes what stands beside it.
type correctPage struct {
	page.Base
	Label, Action  string
	Back, BackWord string
	Head, Text, By string // the statement: what sort it is, its words, who said it when
	Fixes          []fixLine
	Note           bool // it is between those who work on the case, and so is its correction
	Words          page.Field
}

// summaryLine names the line of the report, where an entry is named by its id.
const summaryLine = "summary"

// CorrectLink is the page that corrects a statement, or "" when the actor has no reason
// to: it is not theirs, or nobody's words. fromCase leads back to the case's page.
func CorrectLink(by access.Actor, c *incident.Case, e incident.Entry, fromCase bool) string {
	own := e.By != "" && e.By == by.Person
	if !e.Correctable() || !mayCorrect(by, c) || c.Sight < incident.AsWorker && !own {
		return ""
	}
	return correctHref(c, e.ID, fromCase)
}

// CorrectSummaryLink is the page that corrects the line of the report, or "".
func CorrectSummaryLink(by access.Actor, c *incident.Case, fromCase bool) string {
	if !mayCorrect(by, c) {
		return ""
	}
	return correctHref(c, summaryLine, fromCase)
}

func mayCorrect(by access.Actor, c *incident.Case) bool {
	own := by.Person == c.Reporter || by.Person == c.OnBehalf
	return c.ErasedAt.IsZero() && (own || c.Sight == incident.AsWorker)
}

func correctHref(c *incident.Case, what string, fromCase bool) string {
	href := "/receipt/" + c.Label + "/correct/" + what
	if fromCase {
		href += "?to=case"
	}
	return href
}

// fixesOf lists the corrections of an entry, or of the report's line, oldest first.
func fixesOf(r *page.Request, o *directory.Org, c *incident.Case, what string) []fixLine {
	var out []fixLine
	for _, e := range c.Entries {
		if e.Type == incident.Correction && (e.Corrects == what || what == summaryLine && e.Key == summaryLine) {
			out = append(out, fixLine{Text: e.Text, Who: r.P.T("report.by_at", "name", r.Named(o, e.By), "at", r.P.DateTime(e.At))})
		}
	}
	return out
}

func (d rooms) correctForm(w http.ResponseWriter, r *page.Request) error {
	return d.showCorrect(w, r, http.StatusOK, page.Refused{})
}

// correctOne puts the words beside the statement that the address names.
func (d rooms) correctOne(w http.ResponseWriter, r *page.Request) error {
	_, err := d.Cases.AddFact(r.Context(), r.By, r.PathValue("label"), incident.Addition{Corrects: r.PathValue("what"), Text: r.Text("text")})
	if err == nil {
		c, err := d.Cases.Case(r.Context(), r.By, r.PathValue("label"))
		if err != nil {
			return err
		}
		back := "/receipt/" + c.Label + "#h-facts"
		if toCase(r, c) {
			back = "/cases/" + c.Label + "#said"
		}
		return r.Kit.See(w, r, back, "report.corrected")
	}
	bad, ok := r.Refused(err, "text")
	if !ok {
		return err
	}
	return d.showCorrect(w, r, bad.Status, bad)
}

func toCase(r *page.Request, c *incident.Case) bool {
	return r.URL.Query().Get("to") == "case" && c.Sight >= incident.AsReader
}

func (d rooms) showCorrect(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	c, err := d.Cases.Case(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	o, err := r.Org()
	if err != nil {
		return err
	}
	what := r.PathValue("what")
	p := correctPage{Base: r.Kit.Base(r, "report.fix", "/report"), Label: c.Label, Back: "/receipt/" + c.Label, BackWord: r.P.T("report.fix_back")}
	p.Width, p.Errors = "narrow", bad.Summary
	if toCase(r, c) {
		p.Here, p.Back, p.BackWord = "/cases", "/cases/"+c.Label, r.P.T("report.fix_back_case")
	}
	p.Action = correctHref(c, what, toCase(r, c))
	if !p.statement(r, o, c, what) || !mayCorrect(r.By, c) {
		return fault.Missing("entry")
	}
	p.Fixes = fixesOf(r, o, c, what)
	p.Words = page.Field{ID: "text", Name: "text", Type: "textarea", Rows: 3, MaxLen: incident.MaxText, Required: true,
		Label: r.P.T("report.fix_text"), Hint: r.P.T("report.fix_hint"), Value: r.Text("text"), Error: bad.Fields["text"]}
	return r.Kit.Render(w, r, status, "correct", p)
}

// statement fills what is corrected; false when there is nothing of the kind.
func (p *correctPage) statement(r *page.Request, o *directory.Org, c *incident.Case, what string) bool {
	if what == summaryLine {
		p.Head, p.Text = r.P.T("report.what"), c.Summary
		p.By = r.P.T("report.by_at", "name", r.Named(o, c.Teller()), "at", r.P.DateTime(c.Reported))
		return true
	}
	n := slices.IndexFunc(c.Entries, func(e incident.Entry) bool { return e.ID == what && e.Correctable() })
	if n < 0 {
		return false
	}
	e := c.Entries[n]
	p.Head, p.Text, p.Note = r.P.T("entry."+string(e.Type)), e.Text, e.Internal
	if e.Type == incident.Answer {
		p.Head = r.P.T("question." + e.Key)
	}
	if e.Text == incident.Unknown {
		p.Text = r.P.T("word.unknown")
	}
	p.By = r.P.T("report.by_at", "name", r.Named(o, e.By), "at", r.P.DateTime(e.At))
	return true
}
