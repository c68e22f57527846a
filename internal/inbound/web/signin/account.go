package signin

import (
	"fmt"
	"net/http"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

type accountPage struct {
	page.Base
	Old, Fresh, Again  page.Field
	Sessions           []sessionLine
	Tokens             []tokenLine
	Name, Scopes, Days page.Field
	Secret             string // of the token just made: shown this once
	SecretName         string
	Absence            string // address of the page where one enters an absence
	Passkeys           []passkeyLine
	NewKey             keyForm
	Proven             bool // password or passkey were shown of late
}

type sessionLine struct {
	ID, Agent, Address, Began, Seen string
	Here                            bool
}

type tokenLine struct {
	ID, Name, Scopes, Until, Seen string
	Expired                       bool
}

func (d rooms) account(w http.ResponseWriter, r *page.Request) error {
	p, err := d.accountPage(r, page.Refused{})
	if err != nil {
		return err
	}
	return r.Kit.Render(w, r, http.StatusOK, "account", p)
}

// again shows the page with what must be mended.
func (d rooms) again(w http.ResponseWriter, r *page.Request, err error) error {
	bad, ok := r.Refused(err, "old", "password", "again", "name", "scopes", "days")
	if !ok {
		return r.ProveFirst(w, err, "/account")
	}
	if text, named := bad.Fields["name"]; named && strings.HasPrefix(r.URL.Path, "/account/passkeys") { // not the token's
		delete(bad.Fields, "name")
		bad.Fields["key-name"], bad.Summary = text, []page.FieldError{{ID: "key-name", Text: text, Field: "name"}}
	}
	p, err := d.accountPage(r, bad)
	if err != nil {
		return err
	}
	return r.Kit.Render(w, r, bad.Status, "account", p)
}

func (d rooms) accountPage(r *page.Request, bad page.Refused) (accountPage, error) {
	p := accountPage{Base: r.Kit.Base(r, "signin.account", "/account"), Absence: "/people/" + r.By.Person}
	p.Errors, p.Proven = bad.Summary, d.Door.Fresh(r.By)
	secret := func(id, label, auto, hint string) page.Field {
		return page.Field{ID: id, Name: id, Type: "password", Label: r.P.T(label), Hint: hint, Auto: auto, Required: true, Error: bad.Fields[id], MaxLen: access.MaxPassword}
	}
	p.Old = secret("old", "signin.old", "current-password", "")
	p.Fresh = secret("password", "signin.fresh", "new-password", r.P.T("signin.fresh_hint", "min", access.MinPassword))
	p.Again = secret("again", "signin.again", "new-password", "")
	if err := d.lists(r, &p); err != nil {
		return p, err
	}
	if err := d.passkeys(r, &p, bad); err != nil {
		return p, err
	}
	p.Name = page.Field{ID: "name", Name: "name", Label: r.P.T("signin.token_name"), Hint: r.P.T("signin.token_name_hint"), Value: r.Text("name"), Error: bad.Fields["name"], Required: true, MaxLen: 80}
	p.Scopes = page.Field{ID: "scopes", Name: "scopes", Type: "checkbox", Label: r.P.T("signin.scopes"), Error: bad.Fields["scopes"], Options: page.Choose(scopes(r), r.Texts("scopes")...)}
	days := r.Text("days")
	if days == "" {
		days = "90"
	}
	p.Days = page.Field{ID: "days", Name: "days", Type: "select", Class: "short", Label: r.P.T("signin.days"), Error: bad.Fields["days"]}
	for _, n := range []int{7, 30, 90, 366} {
		p.Days.Options = append(p.Days.Options, page.Option{Value: fmt.Sprint(n), Label: r.P.T("word.days", "n", n), On: days == fmt.Sprint(n)})
	}
	return p, nil
}

func (d rooms) lists(r *page.Request, p *accountPage) error {
	sessions, err := d.Keys.Sessions(r.Context(), r.By, r.By.Person)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		p.Sessions = append(p.Sessions, sessionLine{ID: s.ID, Agent: page.Agent(s.Agent), Address: s.Address, Began: r.P.DateTime(s.Created), Seen: r.P.DateTime(s.Seen), Here: s.ID == r.By.Session})
	}
	tokens, err := d.Keys.Tokens(r.Context(), r.By, r.By.Person)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		line := tokenLine{ID: t.ID, Name: t.Name, Until: r.P.DateTime(t.Expires), Expired: t.Expires.Before(r.Kit.Now())}
		if !t.Seen.IsZero() {
			line.Seen = r.P.DateTime(t.Seen)
		}
		for i, s := range t.Scopes {
			if i > 0 {
				line.Scopes += " / "
			}
			line.Scopes += r.P.T("scope." + string(s))
		}
		p.Tokens = append(p.Tokens, line)
	}
	return nil
}

// scopes offers only what the person may do: a token never holds more.
func scopes(r *page.Request) []page.Option {
	var out []page.Option
	for _, s := range access.Permissions() {
		if r.By.May(s) == nil {
			out = append(out, page.Option{Value: string(s), Label: r.P.T("scope." + string(s))})
		}
	}
	return out
}

func (d rooms) password(w http.ResponseWriter, r *page.Request) error {
	fresh := r.Secret("password")
	if r.Secret("again") != fresh {
		var c fault.Check
		c.Add("again", "fault.password_differs", nil)
		return d.again(w, r, c.Err())
	}
	if err := d.Door.ChangePassword(r.Context(), r.By, r.Secret("old"), fresh); err != nil {
		return d.again(w, r, err)
	}
	if err := d.remember(w, r, r.By.Person); err != nil {
		return err
	}
	return r.Kit.See(w, r, "/account", "signin.password_changed")
}

func (d rooms) revokeSession(w http.ResponseWriter, r *page.Request) error {
	id := r.PathValue("id")
	if err := d.Keys.RevokeSession(r.Context(), r.By, r.By.Person, id); err != nil {
		return err
	}
	if id == r.By.Session {
		r.Kit.DropSession(w)
		return r.Kit.See(w, r, "/login", "signin.left")
	}
	return r.Kit.See(w, r, "/account#sessions", "signin.session_ended")
}

// createToken shows the secret on the page that answers, because it is stored nowhere
// and must not travel in an address or a cookie.
func (d rooms) createToken(w http.ResponseWriter, r *page.Request) error {
	n := access.NewToken{Name: r.Text("name"), Days: page.Int(r.Text("days"), 0)}
	for _, s := range r.Texts("scopes") {
		n.Scopes = append(n.Scopes, access.Permission(s))
	}
	secret, t, err := d.Keys.CreateToken(r.Context(), r.By, n)
	if err != nil {
		return d.again(w, r, err)
	}
	p, err := d.accountPage(r, page.Refused{})
	if err != nil {
		return err
	}
	p.Secret, p.SecretName, p.Name.Value = secret, t.Name, ""
	p.Scopes.Options = scopes(r)
	return r.Kit.Render(w, r, http.StatusCreated, "account", p)
}

func (d rooms) revokeToken(w http.ResponseWriter, r *page.Request) error {
	if err := d.Keys.RevokeToken(r.Context(), r.By, r.By.Person, r.PathValue("id")); err != nil {
		return err
	}
	return r.Kit.See(w, r, "/account#tokens", "signin.token_ended")
}
