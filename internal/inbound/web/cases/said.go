package cases

import (
	"strings"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/report"
)

// statement is something that somebody said of a case, with what corrects it.
type statement struct {
	Head  string // the question, or what sort of statement it is
	Text  string
	Who   string
	Fixes []statement
	Fix   string // the page that corrects it; "" when there is none
}

// Short is the statement in a few words, for what is only heard.
func (s statement) Short() string { return page.Short(s.Text, 30) }

// said lists the report's line, facts and answers in the order in which they came.
// What was corrected stands as it was sent, and the correction beside it.
func said(r *page.Request, org *directory.Org, c *incident.Case) []statement {
	first := statement{Head: r.P.T("cases.said_report"), Text: c.Summary, Who: signed(r, org, c.Teller(), c.Reported),
		Fixes: corrections(r, org, c, func(e incident.Entry) bool { return e.Key == "summary" }),
		Fix:   report.CorrectSummaryLink(r.By, c, true)}
	if first.Text == "" {
		first.Text = r.P.T("cases.erased")
	}
	out := []statement{first}
	for _, e := range byTime(c.Entries) {
		s := statement{Text: words(r, e.Text), Who: signed(r, org, e.By, e.At), Fix: report.CorrectLink(r.By, c, e, true)}
		switch e.Type {
		case incident.Fact:
			s.Head = r.P.T("cases.said_fact")
		case incident.Answer:
			s.Head = r.P.T("question." + e.Key)
		default:
			continue
		}
		s.Fixes = corrections(r, org, c, func(x incident.Entry) bool { return x.Corrects == e.ID })
		out = append(out, s)
	}
	return out
}

// notes lists what those who work on the case told each other.
func notes(r *page.Request, org *directory.Org, c *incident.Case) []statement {
	var out []statement
	for _, e := range byTime(c.Entries) {
		if e.Type == incident.Note {
			out = append(out, statement{Text: words(r, e.Text), Who: signed(r, org, e.By, e.At), Fix: report.CorrectLink(r.By, c, e, true),
				Fixes: corrections(r, org, c, func(x incident.Entry) bool { return x.Corrects == e.ID })})
		}
	}
	return out
}

func corrections(r *page.Request, org *directory.Org, c *incident.Case, of func(incident.Entry) bool) []statement {
	var out []statement
	for _, e := range byTime(c.Entries) {
		if e.Type != incident.Correction || !of(e) {
			continue
		}
		text := words(r, e.Text)
		if e.Key == "occurred" || e.Key == "discovered" {
			text = moments(r, e.Text)
		}
		out = append(out, statement{Head: r.P.T("cases.said_correction"), Text: text, Who: signed(r, org, e.By, e.At)})
	}
	return out
}

func signed(r *page.Request, org *directory.Org, person string, at time.Time) string {
	return page.Line(r.Named(org, person), r.P.DateTime(at))
}

// words is a text as it is shown: an answer may be the word for not knowing, and an
// erased one is empty.
func words(r *page.Request, s string) string {
	switch s {
	case incident.Unknown:
		return r.P.T("word.unknown")
	case "":
		return r.P.T("cases.erased")
	}
	return s
}

// moments writes the correction of a time, kept as "was → is" in UTC, in the reader's
// own zone.
func moments(r *page.Request, s string) string {
	line, rest, _ := strings.Cut(s, "\n")
	was, is, ok := strings.Cut(line, " → ")
	if !ok {
		return words(r, s)
	}
	at := func(s string) string {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return words(r, s)
		}
		return r.P.DateTime(t)
	}
	return strings.TrimSpace(at(was) + " → " + at(is) + "\n" + rest)
}
