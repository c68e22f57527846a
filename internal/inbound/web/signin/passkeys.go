package signin

import (
	"context"
	"fmt"
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/inbound/web/page"
)

// script makes and shows passkeys in the browser.
const script = "passkey.js"

// keyForm is the part "passkey": a form that asks the browser for a passkey and sends its
// answer. Its fields are empty where there are no passkeys.
type keyForm struct {
	Site    string // host name that passkeys belong to
	How     string // "get" or "create"
	Options string // where the browser gets the options
	Action  string
	Next    string
	Label   string
	Name    page.Field // of a new one
}

type passkeyLine struct {
	ID, Name, Made, Seen string
	Synced, Copied       bool
	Rename               page.Field
}

func (d rooms) passkeys(r *page.Request, p *accountPage, bad page.Refused) error {
	keys, err := d.Keys.Passkeys(r.Context(), r.By, r.By.Person)
	if err != nil {
		return err
	}
	for _, k := range keys {
		line := passkeyLine{ID: k.ID, Name: k.Name, Made: r.P.DateTime(k.Created), Synced: k.Key.Copyable, Copied: !k.Copied.IsZero()}
		if !k.Seen.IsZero() {
			line.Seen = r.P.DateTime(k.Seen)
		}
		line.Rename = page.Field{ID: "rename-" + k.ID, Name: "name", Label: r.P.T("signin.passkey_name"), Value: k.Name, Required: true, MaxLen: 60}
		p.Passkeys = append(p.Passkeys, line)
	}
	if site := d.Door.PasskeySite(); site != "" {
		p.Scripts = append(p.Scripts, script)
		p.NewKey = keyForm{Site: site, How: "create", Options: "/account/passkeys/options", Action: "/account/passkeys", Label: r.P.T("signin.passkey_add"),
			Name: page.Field{ID: "key-name", Name: "name", Label: r.P.T("signin.passkey_name"), Hint: r.P.T("signin.passkey_name_hint"),
				Value: page.Agent(r.UserAgent()), Required: true, MaxLen: 60, Error: bad.Fields["key-name"]}}
	}
	return nil
}

// options answers a script with what the browser needs for a passkey.
func (d rooms) options(ask func(ctx context.Context, by access.Actor) ([]byte, error)) page.Handler {
	return func(w http.ResponseWriter, r *page.Request) error {
		b, err := ask(r.Context(), r.By)
		if err != nil {
			return r.ProveFirst(w, err, "/account#passkeys")
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if _, err = w.Write(b); err != nil {
			return fmt.Errorf("write options: %w", err)
		}
		return nil
	}
}

func (d rooms) anybodys(context.Context, access.Actor) ([]byte, error) {
	return d.Door.PasskeyOptions()
}

func (d rooms) enterByPasskey(w http.ResponseWriter, r *page.Request) error {
	secret, s, err := d.Door.SignInByPasskey(r.Context(), []byte(r.Secret("answer")), origin(r))
	if err != nil {
		bad, ok := r.Refused(err)
		if !ok {
			return err
		}
		return r.Kit.Render(w, r, bad.Status, "login", d.loginPage(r, bad))
	}
	return d.come(w, r, secret, s, orHome(r.Next()), "")
}

func (d rooms) addPasskey(w http.ResponseWriter, r *page.Request) error {
	if _, err := d.Door.AddPasskey(r.Context(), r.By, r.Text("name"), []byte(r.Secret("answer"))); err != nil {
		return d.again(w, r, err)
	}
	return r.Kit.See(w, r, "/account#passkeys", "signin.passkey_added")
}

func (d rooms) renamePasskey(w http.ResponseWriter, r *page.Request) error {
	if err := d.Door.RenamePasskey(r.Context(), r.By, r.PathValue("id"), r.Text("name")); err != nil {
		return d.again(w, r, err)
	}
	return r.Kit.See(w, r, "/account#passkeys", "signin.passkey_renamed")
}

func (d rooms) removePasskey(w http.ResponseWriter, r *page.Request) error {
	if err := d.Keys.RemovePasskey(r.Context(), r.By, r.By.Person, r.PathValue("id")); err != nil {
		return d.again(w, r, err)
	}
	return r.Kit.See(w, r, "/account#passkeys", "signin.passkey_removed")
}
