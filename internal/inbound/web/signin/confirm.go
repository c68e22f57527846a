package signin

import (
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/inbound/web/page"
)

// confirmPage asks who is signed in to show password or passkey again.
type confirmPage struct {
	page.Base
	Next     string
	Minutes  int
	Password page.Field
	Passkey  keyForm
}

func (d rooms) confirmForm(w http.ResponseWriter, r *page.Request) error {
	if d.Door.Fresh(r.By) {
		return r.Kit.See(w, r, orAccount(r.Next()), "")
	}
	return d.showConfirm(w, r, http.StatusOK, page.Refused{})
}

func (d rooms) showConfirm(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	keys, err := d.Keys.Passkeys(r.Context(), r.By, r.By.Person)
	if err != nil {
		return err
	}
	p := confirmPage{Base: r.Kit.Base(r, "signin.confirm", "/account"), Next: r.Next(), Minutes: int(access.FreshFor.Minutes())}
	p.Width, p.Errors = "narrow", bad.Summary
	p.Password = page.Field{ID: "password", Name: "password", Type: "password", Label: r.P.T("word.password"), Error: bad.Fields["password"],
		Auto: "current-password", Class: "full", Required: true, MaxLen: access.MaxPassword}
	if site := d.Door.PasskeySite(); site != "" && len(keys) > 0 {
		p.Scripts = append(p.Scripts, script)
		p.Passkey = keyForm{Site: site, How: "get", Options: "/account/confirm/options", Action: "/account/confirm", Next: p.Next, Label: r.P.T("signin.confirm_passkey")}
	}
	return r.Kit.Render(w, r, status, "confirm", p)
}

// confirm takes password or passkey; the session gets a new cookie.
func (d rooms) confirm(w http.ResponseWriter, r *page.Request) error {
	var secret string
	var s access.Session
	var err error
	if answer := r.Secret("answer"); answer != "" {
		secret, s, err = d.Door.ConfirmByPasskey(r.Context(), r.By, []byte(answer), origin(r))
	} else {
		secret, s, err = d.Door.Confirm(r.Context(), r.By, r.Secret("password"), origin(r))
	}
	if err != nil {
		bad, ok := r.Refused(err, "password")
		if !ok {
			return err
		}
		return d.showConfirm(w, r, bad.Status, bad)
	}
	r.Kit.SetSession(w, secret, s.Expires)
	return r.Kit.See(w, r, orAccount(r.Next()), "signin.confirmed")
}

func orAccount(next string) string {
	if next == "" {
		return "/account"
	}
	return next
}

// origin is where a sign-in comes from.
func origin(r *page.Request) access.Origin {
	return access.Origin{Address: r.Address(), Agent: r.UserAgent(), Devices: knownDevices(r)}
}
