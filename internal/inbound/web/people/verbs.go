package people

import (
	"context"
	"net/http"
	"net/url"

	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// personVerb changes something of the person of the address; where is the part of the
// page to return to and flash the message that says it was done.
type personVerb func(ctx context.Context, d Deps, r *page.Request, person string) (where, flash string, err error)

// verb runs one change: done and back to the person, or the page again with what to mend.
func (d Deps) verb(form string, f personVerb) page.Handler {
	return func(w http.ResponseWriter, r *page.Request) error {
		person := r.PathValue("id")
		where, flash, err := f(r.Context(), d, r, person)
		if err == nil {
			return r.Kit.See(w, r, "/people/"+url.PathEscape(person)+where, flash)
		}
		bad, ok := r.Refused(err, "deputy", "order", "from", "until", "note", "login", "password")
		if !ok {
			return r.ProveFirst(w, err, "/people/"+url.PathEscape(person)+"#account")
		}
		return d.render(w, r, bad.Status, form, bad)
	}
}

func addAbsence(ctx context.Context, d Deps, r *page.Request, person string) (string, string, error) {
	var c fault.Check
	a := directory.Absence{Person: person, From: r.Time(&c, "from"), Until: r.Time(&c, "until"), Note: r.Text("note")}
	if err := c.Err(); err != nil {
		return "", "", err
	}
	_, err := d.People.SetAbsence(ctx, r.By, a)
	return "#absences", "people.flash_absence", err
}

func endAbsence(ctx context.Context, d Deps, r *page.Request, _ string) (string, string, error) {
	return "#absences", "people.flash_absence_ended", d.People.EndAbsence(ctx, r.By, r.PathValue("item"))
}

func addDeputy(ctx context.Context, d Deps, r *page.Request, person string) (string, string, error) {
	org, err := d.People.View(ctx, r.By)
	if err != nil {
		return "", "", err
	}
	var c fault.Check
	y := directory.Deputy{Person: person, Order: page.Int(r.Text("order"), 1), From: r.Time(&c, "from"), Until: r.Time(&c, "until")}
	deputy, err := Resolve(org, r.Kit.Now(), r.Text("deputy"), "deputy")
	if err := page.Join(err, c.Err()); err != nil {
		return "", "", err
	}
	y.Deputy = deputy
	_, err = d.People.SetDeputy(ctx, r.By, y)
	return "#deputies", "people.flash_deputy", err
}

func endDeputy(ctx context.Context, d Deps, r *page.Request, _ string) (string, string, error) {
	return "#deputies", "people.flash_deputy_ended", d.People.EndDeputy(ctx, r.By, r.PathValue("item"))
}

func removeContact(ctx context.Context, d Deps, r *page.Request, _ string) (string, string, error) {
	if d.Contacts == nil {
		return "", "", fault.Missing("contact")
	}
	return "#contacts", "contacts.flash_others_removed", d.Contacts.Remove(ctx, r.By, r.PathValue("item"))
}

func setLogin(ctx context.Context, d Deps, r *page.Request, person string) (string, string, error) {
	return "#account", "people.flash_login", d.Access.SetLogin(ctx, r.By, person, r.Text("login"), r.Secret("password"))
}

func endSession(ctx context.Context, d Deps, r *page.Request, person string) (string, string, error) {
	return "#account", "people.flash_session", d.Access.RevokeSession(ctx, r.By, person, r.PathValue("item"))
}

func endToken(ctx context.Context, d Deps, r *page.Request, person string) (string, string, error) {
	return "#account", "people.flash_token", d.Access.RevokeToken(ctx, r.By, person, r.PathValue("item"))
}

func endPasskey(ctx context.Context, d Deps, r *page.Request, person string) (string, string, error) {
	return "#account", "people.flash_passkey", d.Access.RemovePasskey(ctx, r.By, person, r.PathValue("item"))
}
