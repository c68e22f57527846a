package signin

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/i18n"
)

type loginPage struct {
	page.Base
	Login, Password page.Field
	Next            string
	Ready           []ready
	Passkey         keyForm
}

// ready is one press that signs in, in the demo.
type ready struct{ Role, Name, Login, Password string }

func (d rooms) form(w http.ResponseWriter, r *page.Request) error {
	if r.By.Person != "" {
		return r.Kit.See(w, r, orHome(r.Next()), "")
	}
	return r.Kit.Render(w, r, http.StatusOK, "login", d.loginPage(r, page.Refused{}))
}

func (d rooms) loginPage(r *page.Request, bad page.Refused) loginPage {
	p := loginPage{Base: r.Kit.Base(r, "signin.title", "/login"), Next: r.Next()}
	p.Width, p.Errors = "narrow", bad.Summary
	p.Login = page.Field{ID: "login", Name: "login", Label: r.P.T("word.login_name"), Value: r.Text("login"), Error: bad.Fields["login"],
		Auto: "username", Class: "full", Required: true}
	p.Password = page.Field{ID: "password", Name: "password", Type: "password", Label: r.P.T("word.password"), Error: bad.Fields["password"],
		Auto: "current-password", Class: "full", Required: true}
	if site := d.Door.PasskeySite(); site != "" {
		p.Scripts = append(p.Scripts, script)
		p.Passkey = keyForm{Site: site, How: "get", Options: "/login/passkey", Action: "/login/passkey", Next: p.Next, Label: r.P.T("signin.passkey_enter")}
	}
	if d.Demo != nil {
		for _, s := range d.Demo.SignIns {
			p.Ready = append(p.Ready, ready{Role: r.P.T(s.Role), Name: s.Name, Login: s.Login, Password: s.Password})
		}
	}
	return p
}

func (d rooms) enter(w http.ResponseWriter, r *page.Request) error {
	secret, s, err := d.Door.SignIn(r.Context(), r.Text("login"), r.Secret("password"), origin(r))
	if err != nil {
		bad, ok := r.Refused(err, "login", "password")
		if !ok {
			return err
		}
		return r.Kit.Render(w, r, bad.Status, "login", d.loginPage(r, bad))
	}
	return d.come(w, r, secret, s, orHome(r.Next()), "")
}

// come hands out a session's secret, and what the browser is known by from now on.
func (d rooms) come(w http.ResponseWriter, r *page.Request, secret string, s access.Session, next, flash string) error {
	r.Kit.SetSession(w, secret, s.Expires)
	if err := d.remember(w, r, s.Person); err != nil {
		return err
	}
	return r.Kit.See(w, r, next, flash)
}

// door is where people sign in, and the one place that is told which browser it is.
const door = "/login"

// devices is the cookie by which tries in a known browser are counted apart.
func devices() page.Narrow { return page.Narrow{Name: "sekimori_device", Path: door} }

// added is the same from a page elsewhere, which is not told whom the browser is known for
// and must not write over them. The door puts both together.
func added() page.Narrow { return page.Narrow{Name: "sekimori_device_added", Path: door} }

// knownDevices is what the browser keeps in both cookies.
func knownDevices(r *page.Request) string {
	return strings.Trim(added().Get(r)+"~"+devices().Get(r), "~")
}

func (d rooms) remember(w http.ResponseWriter, r *page.Request, person string) error {
	known, until, err := d.Door.Remember(r.Context(), person, origin(r))
	if err != nil || known == "" {
		return err
	}
	at := devices()
	if r.URL.Path != door && !strings.HasPrefix(r.URL.Path, door+"/") {
		at = added()
	} else if added().Get(r) != "" {
		added().Drop(w, r.Kit)
	}
	at.Set(w, r.Kit, known, until.Sub(r.Kit.Now()))
	return nil
}

func (d rooms) leave(w http.ResponseWriter, r *page.Request) error {
	if err := d.Door.SignOut(r.Context(), r.By); err != nil {
		return err
	}
	r.Kit.DropSession(w)
	return r.Kit.See(w, r, "/login", "signin.left")
}

// language keeps the language and goes back to the page that was open.
func language(w http.ResponseWriter, r *page.Request) error {
	if to := i18n.Lang(r.Text("to")); slices.Contains(i18n.Langs(), to) {
		r.Kit.SetLanguage(w, to)
	}
	back := "/"
	if u, err := url.Parse(r.Referer()); err == nil && u.Host == r.Host && strings.HasPrefix(u.Path, "/") && !strings.HasPrefix(u.Path, "//") {
		back = u.RequestURI()
	}
	return r.Kit.See(w, r, back, "")
}

func orHome(next string) string {
	if next == "" {
		return "/"
	}
	return next
}
