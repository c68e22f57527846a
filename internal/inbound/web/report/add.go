package report

import (
	"net/http"

	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// add keeps free words with the report.
func (d rooms) add(w http.ResponseWriter, r *page.Request) error {
	_, err := d.Cases.AddFact(r.Context(), r.By, r.PathValue("label"), incident.Addition{Text: r.Text("text")})
	return d.done(w, r, err, "add", "report.added", "added", "text")
}

// answer keeps the answer to one of the kind's questions: a ready one by one press,
// "I don't know", or one's own words.
func (d rooms) answer(w http.ResponseWriter, r *page.Request) error {
	a := incident.Addition{Question: r.Text("question"), Text: r.Text("text")}
	if a.Question == "" {
		return fault.Missing("question")
	}
	if c := r.Text("choice"); c == incident.Unknown {
		a.Text = incident.Unknown
	} else if c != "" {
		all := choices(r, "question."+a.Question)
		n := page.Int(c, 0)
		if n < 1 || n > len(all) {
			var c fault.Check
			c.Add("text", "fault.unknown_choice", nil)
			return d.done(w, r, c.Err(), "answer", "", "")
		}
		a.Text = all[n-1]
	}
	_, err := d.Cases.AddFact(r.Context(), r.By, r.PathValue("label"), a)
	return d.done(w, r, err, "answer", "report.answer_kept", "questions")
}

// correct adds a correction beside what was said; what was said stays.
func (d rooms) correct(w http.ResponseWriter, r *page.Request) error {
	var c fault.Check
	a := incident.Addition{Corrects: "summary", Text: r.Text("fix_text")}
	if what := r.Text("fix_what"); what != "" {
		c.That(what == "occurred" || what == "discovered", "fix_what", "fault.unknown_choice", nil)
		a = incident.Addition{Corrects: what, Text: r.Text("fix_why"), Moment: r.Moment(&c, "fix_at")}
		c.That(r.Text("fix_at") != "" || r.Checked("fix_at_unknown"), "fix_at", "fault.required", nil)
	}
	err := c.Err()
	if err == nil {
		_, err = d.Cases.AddFact(r.Context(), r.By, r.PathValue("label"), a)
		err = renamed(err, map[string]string{"text": "fix_text", "occurred": "fix_at", "discovered": "fix_at"})
	}
	return d.done(w, r, err, "correct", "report.corrected", "added", "fix_text", "fix_what", "fix_at", "fix_why")
}

// renamed puts a fault's fields at the inputs that this page has for them.
func renamed(err error, names map[string]string) error {
	f := fault.As(err)
	if f == nil || f.Kind != fault.Invalid {
		return err
	}
	out := &fault.Error{Kind: f.Kind, ID: f.ID, Args: f.Args}
	for _, x := range f.Fields {
		if n, ok := names[x.Name]; ok {
			x.Name = n
		}
		out.Fields = append(out.Fields, x)
	}
	return out
}

// done goes back to the receipt after an addition, or shows what must be mended.
func (d rooms) done(w http.ResponseWriter, r *page.Request, err error, form, flash, at string, order ...string) error {
	if err == nil {
		return r.Kit.See(w, r, "/receipt/"+r.PathValue("label")+"#"+at, flash)
	}
	bad, ok := r.Refused(err, order...)
	if !ok {
		return err
	}
	return d.show(w, r, bad.Status, refusal{form, bad})
}
