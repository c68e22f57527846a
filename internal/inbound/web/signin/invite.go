package signin

import (
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// invitePage is where whoever was invited chooses a password.
type invitePage struct {
	page.Base
	Action          string // this very address
	Name, Login     string
	Until           string
	Reset           bool
	Password, Again page.Field
}

// invited shows the page behind a link. Opening it uses nothing up.
func (d rooms) invited(w http.ResponseWriter, r *page.Request) error {
	return d.showInvited(w, r, http.StatusOK, page.Refused{})
}

func (d rooms) showInvited(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	v, err := d.Door.Invited(r.Context(), r.PathValue("link"))
	if err != nil {
		return err
	}
	o, err := r.Org()
	if err != nil {
		return err
	}
	r.SpeakTo(v.Person)
	p := invitePage{Base: r.Kit.Base(r, "signin.invited", "/login"), Action: r.URL.Path, Name: o.NameOf(v.Person), Login: v.Login, Until: r.P.DateTime(v.Expires), Reset: v.Reset}
	p.Width, p.Errors = "narrow", bad.Summary
	field := func(name, label, hint string) page.Field {
		f := page.Field{ID: name, Name: name, Type: "password", Auto: "new-password", Class: "full", Label: r.P.T(label), Error: bad.Fields[name], Required: true, MaxLen: access.MaxPassword}
		if hint != "" {
			f.Hint = r.P.T(hint, "min", access.MinPassword)
		}
		return f
	}
	p.Password = field("password", "word.password", "signin.fresh_hint")
	p.Again = field("again", "signin.invited_again", "")
	return r.Kit.Render(w, r, status, "invitation", p)
}

// accept sets the password and signs in.
func (d rooms) accept(w http.ResponseWriter, r *page.Request) error {
	var c fault.Check
	c.That(r.Secret("again") == r.Secret("password"), "again", "fault.password_differs", nil)
	err := c.Err()
	var secret string
	var s access.Session
	if err == nil {
		secret, s, err = d.Door.Accept(r.Context(), r.PathValue("link"), r.Secret("password"), origin(r))
	}
	if err != nil {
		bad, ok := r.Refused(err, "password", "again")
		if !ok {
			return err
		}
		return d.showInvited(w, r, bad.Status, bad)
	}
	return d.come(w, r, secret, s, "/", "signin.invited_done")
}
