package people

import (
	"net/http"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// invitePage lists who has no sign-in, before anything is made.
type invitePage struct {
	page.Base
	People  page.Field // a box for each person
	Days    page.Field
	Form    page.Field // a sheet to print, or a file
	N       int
	NoLogin []link // people whom no sign-in name is free for
}

// invitedPage is the sheet of links, shown this once.
type invitedPage struct {
	page.Base
	Slips []slip
	Until string
}

// slip is what one person is handed.
type slip struct{ Name, Place, Number, Login, Href string }

func (d Deps) inviteForm(w http.ResponseWriter, r *page.Request) error {
	return d.showInvite(w, r, http.StatusOK, page.Refused{})
}

func (d Deps) showInvite(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	open, err := d.Access.Invitable(r.Context(), r.By, invitees(org, r.Kit.Now(), nil))
	if err != nil {
		return err
	}
	p := invitePage{Base: r.Kit.Base(r, "people.invite", "/people")}
	p.Errors = bad.Summary
	p.People = page.Field{ID: "person", Name: "person", Type: "checkbox", Label: r.P.T("people.invite_who"), Error: bad.Fields["person"]}
	for _, x := range open {
		one := org.People[x.Person]
		if x.Login == "" {
			p.NoLogin = append(p.NoLogin, link{Href: "/people/" + x.Person, Name: one.Name(), Note: one.Number})
			continue
		}
		o := page.Option{Value: x.Person, Label: one.Name(), Hint: page.Line(one.Number, Place(org, one.Department), x.Login), On: x.Until.IsZero()}
		if one.Email == "" || one.Verified.IsZero() {
			o.Hint = page.Line(o.Hint, r.P.T("people.invite_unmailable"))
		}
		if !x.Until.IsZero() {
			o.Hint = page.Line(o.Hint, r.P.T("people.invite_runs", "until", r.P.DateTime(x.Until)))
		}
		if status != http.StatusOK {
			o.On = slices.Contains(r.Texts("person"), x.Person)
		}
		p.People.Options = append(p.People.Options, o)
	}
	p.N = len(p.People.Options)
	p.Days = page.Field{ID: "days", Name: "days", Class: "short", Label: r.P.T("people.invite_days"), Hint: r.P.T("people.invite_days_hint", "max", access.MaxInviteDays),
		Value: itoa(access.InviteDays), Error: bad.Fields["days"]}
	if status != http.StatusOK {
		p.Days.Value = r.Text("days")
	}
	chosen := "sheet"
	if f := r.Text("form"); f == "csv" || f == "mail" {
		chosen = f
	}
	p.Form = page.Field{ID: "form", Name: "form", Type: "radio", Label: r.P.T("people.invite_form"), Options: page.Choose([]page.Option{
		{Value: "sheet", Label: r.P.T("people.invite_sheet"), Hint: r.P.T("people.invite_sheet_hint")},
		{Value: "mail", Label: r.P.T("people.invite_mail"), Hint: r.P.T("people.invite_mail_hint")},
		{Value: "csv", Label: r.P.T("people.invite_csv"), Hint: r.P.T("people.invite_csv_hint")}}, chosen)}
	return r.Kit.Render(w, r, status, "invite", p)
}

// invite makes the links and answers with them. There is no page to go back to: a link
// is shown this once, and kept nowhere.
func (d Deps) invite(w http.ResponseWriter, r *page.Request) error {
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	now := r.Kit.Now()
	chosen := append([]string{}, r.Texts("person")...) // none chosen is not everybody
	issue, none := d.Access.Invite, "fault.required"   // each of them has a sign-in by now
	if r.Text("form") == "mail" {
		issue, none = d.Access.InviteByMail, "fault.nobody_mailable"
	}
	made, err := issue(r.Context(), r.By, invitees(org, now, chosen), page.Int(r.Text("days"), 0))
	if err == nil && len(made) == 0 {
		var c fault.Check
		c.Add("person", none, nil)
		err = c.Err()
	}
	if err != nil {
		bad, ok := r.Refused(err, "person", "days")
		if !ok {
			return err
		}
		return d.showInvite(w, r, bad.Status, bad)
	}
	if r.Text("form") == "mail" {
		return r.Kit.See(w, r, "/people/invite", "people.invite_mailed")
	}
	p := invitedPage{Base: r.Kit.Base(r, "people.invited", "/people"), Until: r.P.DateTime(made[0].Expires)}
	for _, v := range made {
		x := org.People[v.Person]
		p.Slips = append(p.Slips, slip{Name: x.Name(), Place: Place(org, x.Department), Number: x.Number, Login: v.Login, Href: r.Kit.BaseURL + "/invite/" + v.Secret})
	}
	if r.Text("form") != "csv" {
		return r.Kit.Render(w, r, http.StatusOK, "invited", p)
	}
	header := []string{r.P.T("people.number"), r.P.T("word.name"), r.P.T("word.department"), r.P.T("word.email"), r.P.T("word.login_name"), r.P.T("people.invite_link"), r.P.T("people.invite_until")}
	var rows [][]string
	for n, v := range made {
		s := p.Slips[n]
		rows = append(rows, []string{s.Number, s.Name, s.Place, org.People[v.Person].Email, s.Login, s.Href, p.Until})
	}
	return r.Table(w, "invitations", header, slices.Values(rows))
}

// invitees are those who work here, or of them the ones named, each with the names that
// suit as a sign-in: the mail address, else the employee number.
func invitees(org *directory.Org, now time.Time, only []string) []access.Invitee {
	var out []access.Invitee
	for _, x := range org.Sorted() {
		if x.Active(now) && (only == nil || slices.Contains(only, x.ID)) {
			out = append(out, access.Invitee{Person: x.ID, Logins: []string{x.Email, x.Number}})
		}
	}
	return out
}
