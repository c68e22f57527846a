package people

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/contacts"
	"sekimori/internal/inbound/web/lent"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// link is a name with the page of the person.
type link struct{ Href, Name, Note string }

// item is one deputy, absence, session or token.
type item struct {
	ID, Name, Href, Detail string
	On                     bool // in force now
}

// personPage is one person.
type personPage struct {
	page.Base
	ID         string
	Person     row
	Facts      []fact
	Stands     string // whose duties the person may exercise now, besides their own
	Absences   []item
	Deputies   []item
	For        []link // whose deputy they are
	MayEdit    bool
	MayManage  bool
	Own        bool
	Sessions   []item
	Tokens     []item
	Passkeys   []item // On: its count failed to grow
	HasLogin   bool
	Loans      []lent.Loan     // what they have, of what the reader may see
	Contacts   []contacts.Line // for oneself, and who edits the directory
	Candidates []Pick
	Forms      map[string]page.Field
	Failed     string
}

// fact is one line of the description list.
type fact struct {
	Label, Text, Href string
	Unknown           bool
}

func (d Deps) show(w http.ResponseWriter, r *page.Request) error {
	return d.render(w, r, http.StatusOK, "", page.Refused{})
}

// render shows the person; form names the form that was refused, for bad.
func (d Deps) render(w http.ResponseWriter, r *page.Request, status int, form string, bad page.Refused) error {
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	x, ok := org.People[r.PathValue("id")]
	if !ok {
		return fault.Missing("person")
	}
	now := r.Kit.Now()
	p := personPage{Base: r.Kit.Base(r, "", "/people"), ID: x.ID, Person: rowOf(r, org, x, now), Own: x.ID == r.By.Person, Failed: form}
	p.Title = x.Name()
	p.MayEdit = x.Active(now) && (p.Own && r.By.May(access.ManageOwn) == nil || r.By.May(access.EditDirectory) == nil)
	p.MayManage = r.By.May(access.ManageAccounts) == nil
	p.Facts = facts(r, org, x, now)
	if stood := slices.DeleteFunc(org.DutiesOf(x.ID, now), func(a access.Duty) bool { return slices.Contains(own(org, x.ID, now), a) }); len(stood) > 0 {
		p.Stands = strings.Join(dutyWords(r, stood), ", ")
	}
	p.absences(r, org, x, now)
	if p.MayEdit {
		for _, c := range org.ContactsOf(x.ID) {
			p.Contacts = append(p.Contacts, contacts.LineOf(r, c, true, org.Has(c.Channel), now))
		}
	}
	if p.MayManage {
		if err := d.accounts(r.Context(), r, &p); err != nil {
			return err
		}
	}
	if d.Loans != nil {
		if err := d.loans(r, &p); err != nil {
			return err
		}
	}
	if p.MayEdit {
		p.Candidates = Choices(org, now, colleagues(org, x), []string{x.ID})
	}
	p.forms(r, form, bad)
	return r.Kit.Render(w, r, status, "person", p)
}

// loans lists what the person has and what is not confirmed yet.
func (d Deps) loans(r *page.Request, p *personPage) error {
	found, err := d.Loans.Loans(r.Context(), r.By, asset.LoanQuery{Person: p.ID, Open: true, Limit: 200})
	if fault.Is(err, fault.Denied) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, l := range found.Rows {
		p.Loans = append(p.Loans, lent.LoanOf(r, l))
	}
	return nil
}

func facts(r *page.Request, org *directory.Org, x directory.Person, now time.Time) []fact {
	who := func(label, id string) fact {
		f := fact{Label: r.P.T(label), Text: org.NameOf(id)}
		if id == "" {
			f.Text, f.Unknown = r.P.T("word.none"), true
			return f
		}
		f.Href = "/people/" + id
		return f
	}
	plain := func(label, text string) fact {
		f := fact{Label: r.P.T(label), Text: text}
		if text == "" {
			f.Text, f.Unknown = r.P.T("word.not_set"), true
		}
		return f
	}
	boss := org.Supervisor(x.ID)
	out := []fact{
		plain("people.number", x.Number), plain("word.kana", x.Kana()), plain("word.department", Place(org, x.Department)),
		plain("people.job", x.Title), plain("word.email", x.Email),
	}
	phone := plain("word.phone", x.Phone)
	if tel := page.Tel(x.Phone); tel != "" {
		phone.Href = tel
	}
	out = append(out, phone, who("people.supervisor", boss))
	if boss != "" {
		if in := org.StandIn(boss, now, nil); in != boss {
			out = append(out, who("people.supervisor_now", in))
		}
	}
	if _, away := org.Away(x.ID, now); away || !org.Reachable(x.ID, now) {
		out = append(out, who("people.stands_in_now", org.StandIn(x.ID, now, []string{x.ID})))
	}
	lang := "word.japanese"
	if x.Lang == "en" {
		lang = "word.english"
	}
	return append(out, plain("people.mail_language", r.P.T(lang)))
}

func (p *personPage) absences(r *page.Request, org *directory.Org, x directory.Person, now time.Time) {
	span := func(from, until time.Time) string {
		if until.IsZero() {
			return r.P.T("people.from_on", "from", r.P.DateTime(from))
		}
		return r.P.T("word.range", "from", r.P.DateTime(from), "until", r.P.DateTime(until))
	}
	for _, a := range org.Absences {
		if a.Person != x.ID || !a.Until.IsZero() && a.Until.Before(now) {
			continue
		}
		detail := a.Note
		if a.By != a.Person && a.By != access.System().Person {
			detail = page.Line(detail, r.P.T("people.entered_by", "name", org.NameOf(a.By)))
		}
		p.Absences = append(p.Absences, item{ID: a.ID, Name: span(a.From, a.Until), Detail: detail, On: !a.From.After(now)})
	}
	deputies := slices.Clone(org.Deputies)
	slices.SortStableFunc(deputies, func(a, b directory.Deputy) int { return a.Order - b.Order })
	for _, y := range deputies {
		if !y.Until.IsZero() && y.Until.Before(now) {
			continue
		}
		switch x.ID {
		case y.Person:
			p.Deputies = append(p.Deputies, item{ID: y.ID, Name: org.NameOf(y.Deputy), Href: "/people/" + y.Deputy,
				Detail: page.Line(r.P.T("people.order", "n", y.Order), span(y.From, y.Until)), On: !y.From.After(now)})
		case y.Deputy:
			p.For = append(p.For, link{Href: "/people/" + y.Person, Name: org.NameOf(y.Person), Note: span(y.From, y.Until)})
		}
	}
}

// accounts lists the ways in that the person has open, for who manages accounts.
func (d Deps) accounts(ctx context.Context, r *page.Request, p *personPage) error {
	ss, err := d.Access.Sessions(ctx, r.By, p.ID)
	if err != nil {
		return err
	}
	for _, s := range ss {
		p.Sessions = append(p.Sessions, item{ID: s.ID, Name: page.Agent(s.Agent), Detail: r.P.T("people.session_line", "address", s.Address, "began", r.P.DateTime(s.Created), "seen", r.P.DateTime(s.Seen))})
	}
	ts, err := d.Access.Tokens(ctx, r.By, p.ID)
	if err != nil {
		return err
	}
	ks, err := d.Access.Passkeys(ctx, r.By, p.ID)
	if err != nil {
		return err
	}
	for _, k := range ks {
		line := item{ID: k.ID, Name: k.Name, Detail: r.P.T("people.passkey_line", "made", r.P.DateTime(k.Created)), On: !k.Copied.IsZero()}
		if !k.Seen.IsZero() {
			line.Detail = page.Line(line.Detail, r.P.T("people.passkey_seen", "seen", r.P.DateTime(k.Seen)))
		}
		p.Passkeys = append(p.Passkeys, line)
	}
	open, err := d.Access.Invitable(ctx, r.By, []access.Invitee{{Person: p.ID}})
	if err != nil {
		return err
	}
	p.HasLogin = len(open) == 0
	for _, t := range ts {
		p.Tokens = append(p.Tokens, item{ID: t.ID, Name: t.Name, Detail: r.P.T("people.token_line", "until", r.P.DateTime(t.Expires)), On: t.Expires.After(r.Kit.Now())})
	}
	return nil
}

// forms fills the controls; a refused form keeps what was typed.
func (p *personPage) forms(r *page.Request, form string, bad page.Refused) {
	p.Errors = bad.Summary
	p.Forms = map[string]page.Field{}
	add := func(of string, f page.Field) {
		f.ID = of + "-" + f.Name
		if of == form {
			f.Error = bad.Fields[f.Name]
			if f.Type != "password" {
				f.Value = r.Text(f.Name)
			}
		}
		p.Forms[f.ID] = f
	}
	for i := range p.Errors {
		if p.Errors[i].ID != "" {
			p.Errors[i].ID = form + "-" + p.Errors[i].ID
		}
	}
	add("absence", page.Field{Name: "from", Type: "datetime-local", Class: "short", Label: r.P.T("word.from"), Required: true, Value: r.Local(r.Kit.Now())})
	add("absence", page.Field{Name: "until", Type: "datetime-local", Class: "short", Label: r.P.T("word.until"), Required: true})
	add("absence", page.Field{Name: "note", Type: "text", Label: r.P.T("word.note"), Hint: r.P.T("people.absence_note_hint"), Optional: true, MaxLen: 200})
	add("deputy", page.Field{Name: "order", Type: "select", Class: "short", Label: r.P.T("people.order_label"), Value: "1", Options: orders(r)})
	add("deputy", page.Field{Name: "from", Type: "datetime-local", Class: "short", Label: r.P.T("word.from"), Hint: r.P.T("people.from_hint"), Optional: true})
	add("deputy", page.Field{Name: "until", Type: "datetime-local", Class: "short", Label: r.P.T("word.until"), Hint: r.P.T("people.until_hint"), Optional: true})
	add("deputy", page.Field{Name: "deputy", Type: "text", Label: r.P.T("people.deputy")})
	add("login", page.Field{Name: "login", Type: "text", Auto: "off", Label: r.P.T("word.login_name"), Required: true, MaxLen: 200})
	add("login", page.Field{Name: "password", Type: "password", Auto: "new-password", Label: r.P.T("word.password"), Hint: r.P.T("people.password_hint", "min", access.MinPassword), Required: true, MaxLen: access.MaxPassword})
}

func orders(r *page.Request) []page.Option {
	var out []page.Option
	for n := 1; n <= 5; n++ {
		out = append(out, page.Option{Value: strconv.Itoa(n), Label: r.P.T("people.order", "n", n)})
	}
	return page.Choose(out, r.Text("order"))
}

// colleagues are the likely deputies: the same department, then those above.
func colleagues(org *directory.Org, x directory.Person) []string {
	var out []string
	for _, y := range org.Sorted() {
		if y.Department == x.Department {
			out = append(out, y.ID)
		}
	}
	return append(out, org.Above(x.ID)...)
}

func itoa(n int) string { return strconv.Itoa(n) }
