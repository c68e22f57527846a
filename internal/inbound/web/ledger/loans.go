package ledger

import (
	"net/http"
	"net/url"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/inbound/web/lent"
	"sekimori/internal/inbound/web/page"
)

type loansPage struct {
	page.Base
	Only        string // "mine", "waiting", "overdue", "open" or "all"
	Boxes       []tab
	Rows        []lent.Loan
	Waiting     []lent.Handover // approved, and not handed over
	First, More string
	MayAsk      bool
}

// tab is one of several lists.
type tab struct {
	Href, Label string
	Count       int // 0 shows none
	Here        bool
}

func (d Deps) loans(w http.ResponseWriter, r *page.Request) error {
	v := r.URL.Query()
	p := loansPage{Base: r.Kit.Base(r, "loans.title", "/assets"), Only: v.Get("only"), MayAsk: r.By.May(access.Submit) == nil}
	p.EventsURL = "/events"
	waiting, err := d.Ledger.Handovers(r.Context(), r.By)
	if err != nil {
		return err
	}
	q := asset.LoanQuery{After: v.Get("after"), Limit: pageSize}
	switch p.Only {
	case "overdue":
		q.Overdue = true
	case "open":
		q.Open = true
	case "all", "waiting":
	default:
		p.Only, q.Person = "mine", r.By.Person
	}
	for _, b := range []string{"mine", "waiting", "overdue", "open", "all"} {
		t := tab{Href: "/loans?only=" + b, Label: r.P.T("loans.only." + b), Here: b == p.Only}
		if b == "waiting" {
			if t.Count = len(waiting); t.Count == 0 && !t.Here {
				continue // most people never hand anything over
			}
		}
		p.Boxes = append(p.Boxes, t)
	}
	if p.Only == "waiting" {
		for _, h := range waiting {
			p.Waiting = append(p.Waiting, lent.HandoverOf(r, h))
		}
		return r.Kit.Render(w, r, http.StatusOK, "loans", p)
	}
	found, err := d.Ledger.Loans(r.Context(), r.By, q)
	if err != nil {
		return err
	}
	for _, l := range found.Rows {
		p.Rows = append(p.Rows, lent.LoanOf(r, l))
	}
	if found.Next != "" {
		p.More = "/loans?" + url.Values{"only": {p.Only}, "after": {found.Next}}.Encode()
	}
	if q.After != "" {
		p.First = "/loans?only=" + p.Only
	}
	return r.Kit.Render(w, r, http.StatusOK, "loans", p)
}

// loanPage is one lending.
type loanPage struct {
	page.Base
	Label, Self, Number, AssetHref string
	State                          page.Tag
	Late                           bool
	Facts                          []fact
	Stages                         []stage
	Files                          []fileView
	May                            asset.Rights
	Recall, Chase, Extend          bool
	Contents, Erasures             []page.Option
	Medium                         bool
	Lost                           string
	Erased                         string // that it was forgotten who had it; "" while it is known

	Failed string
	Wrongs map[string]string
	Typed  url.Values
}

// stage is one step on the way from the hand-over to the confirmation.
type stage struct{ Class, Name, When, Iso, Note string }

// fileView is one file that was written onto the medium.
type fileView struct{ Name, Size, When string }

// Was gives back what was typed into a refused form.
func (p loanPage) Was(form, field string) string {
	if p.Failed == form {
		return p.Typed.Get(field)
	}
	return ""
}

// Wrong is what must be mended in a field of a refused form.
func (p loanPage) Wrong(form, field string) string {
	if p.Failed == form {
		return p.Wrongs[field]
	}
	return ""
}

func (d Deps) loan(w http.ResponseWriter, r *page.Request) error {
	v, err := d.Ledger.Loan(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	p, err := d.loanOf(r, v)
	if err != nil {
		return err
	}
	return r.Kit.Render(w, r, http.StatusOK, "loan", p)
}

func (d Deps) loanOf(r *page.Request, v asset.LoanView) (*loanPage, error) {
	org, err := r.Org()
	if err != nil {
		return nil, err
	}
	p := &loanPage{Base: r.Kit.Base(r, "", "/assets"), Label: v.Label, Self: "/loans/" + v.Label, Number: v.Number, AssetHref: href(v.Number), State: lent.Tag(r, v.LoanRow.Loan), Late: v.Late,
		May: v.May, Recall: v.Recall, Chase: v.Chase, Medium: v.Kind.Medium()}
	p.Title = v.Label + " " + v.Number
	p.EventsURL = "/events?subject=" + v.Asset
	if !v.ErasedAt.IsZero() {
		p.Erased = r.P.T("loans.erased", "at", r.P.DateTime(v.ErasedAt))
	}
	p.Extend = v.Person == r.By.Person && v.State == asset.Out && !v.Late
	add := func(id, text string) {
		if text != "" {
			p.Facts = append(p.Facts, fact{Label: r.P.T("loans.field." + id), Text: text})
		}
	}
	add("asset", page.Line(v.Number, r.P.T("asset.kind."+string(v.Kind)), v.Model))
	add("person", v.PersonName)
	add("period", lent.Period(r, v.From, v.Until))
	add("device", v.PC)
	if v.ReadOnly {
		add("mode", r.P.T("loans.read_only"))
	}
	add("purpose", v.Purpose)
	add("content", page.Line(lent.Word(r, "asset.content.", v.Content), lent.Word(r, "asset.erased.", v.Erased), v.CheckNote))
	step := func(class, name string, at string, iso string, who string) {
		s := stage{Name: r.P.T("loans.stage." + name), When: at, Iso: iso, Note: org.NameOf(who)}
		if at != "" {
			s.Class = class
		}
		p.Stages = append(p.Stages, s)
	}
	when := func(l asset.Loan) {
		step("done", "handed", r.P.DateTime(l.HandedAt), iso(l.HandedAt), l.HandedBy)
		if l.ReceivedAt.IsZero() {
			step("", "received", "", "", "")
		} else {
			step("done", "received", r.P.DateTime(l.ReceivedAt), iso(l.ReceivedAt), l.Person)
		}
		if l.BackAt.IsZero() {
			step("", "back", "", "", "")
		} else {
			step("done", "back", r.P.DateTime(l.BackAt), iso(l.BackAt), l.BackBy)
		}
		if l.DoneAt.IsZero() {
			step("", "done", "", "", "")
		} else {
			step("done", "done", r.P.DateTime(l.DoneAt), iso(l.DoneAt), l.DoneBy)
		}
	}
	when(v.LoanRow.Loan)
	for _, f := range v.Files {
		p.Files = append(p.Files, fileView{Name: f.Name, Size: r.P.Bytes(f.Size), When: r.P.DateTime(f.At)})
	}
	p.Contents = choices(r, "asset.content.", asset.Contents(), false)
	p.Erasures = choices(r, "asset.erased.", asset.Erasures(), false)
	if v.May.ReportLost {
		p.Lost = lostHref(v.Number)
	}
	return p, nil
}

// doLoan is one press on a loan.
type doLoan func(d Deps, r *page.Request, label string) (flash string, err error)

func (d Deps) loanVerb(form string, f doLoan) page.Handler {
	return func(w http.ResponseWriter, r *page.Request) error {
		label := r.PathValue("label")
		flash, err := f(d, r, label)
		if err == nil && r.Text("to") == "morning" {
			return r.Kit.See(w, r, "/morning", flash)
		}
		if err == nil {
			return r.Kit.See(w, r, "/loans/"+label, flash)
		}
		bad, ok := r.Refused(err)
		if !ok {
			return err
		}
		v, seen := d.Ledger.Loan(r.Context(), r.By, label)
		if seen != nil {
			return err
		}
		p, wrong := d.loanOf(r, v)
		if wrong != nil {
			return wrong
		}
		p.Failed, p.Typed, p.Wrongs, p.Errors = form, r.PostForm, bad.Fields, bad.Summary
		for i, e := range p.Errors {
			if e.ID == "" && e.Field != "" {
				p.Errors[i].ID = form + "-" + e.Field
			}
		}
		return r.Kit.Render(w, r, bad.Status, "loan", p)
	}
}

func receive(d Deps, r *page.Request, label string) (string, error) {
	_, err := d.Ledger.Receive(r.Context(), r.By, label)
	return "loans.flash_received", err
}

func takeBack(d Deps, r *page.Request, label string) (string, error) {
	_, err := d.Ledger.TakeBack(r.Context(), r.By, label)
	return "loans.flash_back", err
}

func confirm(d Deps, r *page.Request, label string) (string, error) {
	_, err := d.Ledger.Confirm(r.Context(), r.By, asset.Check{Loan: label, Content: r.Text("content"), Erased: r.Text("erased"), Note: r.Text("note")})
	return "loans.flash_done", err
}

func recall(d Deps, r *page.Request, label string) (string, error) {
	_, err := d.Ledger.Recall(r.Context(), r.By, label, r.Text("reason"))
	return "loans.flash_recalled", err
}

func chase(d Deps, r *page.Request, label string) (string, error) {
	_, err := d.Ledger.Chase(r.Context(), r.By, label)
	return "loans.flash_chased", err
}

// extend uses an approved extension.
func (d Deps) extend(w http.ResponseWriter, r *page.Request) error {
	l, err := d.Ledger.Extend(r.Context(), r.By, r.Text("request"))
	if err != nil {
		return err
	}
	return r.Kit.See(w, r, "/loans/"+l.Label, "loans.flash_extended")
}
