package page

import (
	"net/http"
	"strings"
	"time"

	"sekimori/internal/kit/i18n"
)

const (
	langCookie  = "lang"
	flashCookie = "flash"
)

// SessionCookie is the name of the cookie that holds the session's secret. The prefix
// makes browsers refuse it from any other host or path.
func (k *Kit) SessionCookie() string {
	if k.Secure {
		return "__Host-sekimori"
	}
	return "sekimori"
}

// SetSession hands out a session's secret.
func (k *Kit) SetSession(w http.ResponseWriter, secret string, until time.Time) {
	c := k.cookie(k.SessionCookie(), secret)
	c.Expires, c.MaxAge = until, int(until.Sub(k.Now()).Seconds())
	http.SetCookie(w, c)
}

// knownCookie holds the secret of a browser that was proven at the link of a notice.
func (k *Kit) knownCookie() string { return k.SessionCookie() + "-known" }

// SetKnown hands out the secret of a proven browser.
func (k *Kit) SetKnown(w http.ResponseWriter, secret string, until time.Time) {
	c := k.cookie(k.knownCookie(), secret)
	c.MaxAge = int(until.Sub(k.Now()).Seconds())
	http.SetCookie(w, c)
}

// Known is the secret of a proven browser; "" for none.
func (r *Request) Known() string {
	c, err := r.Cookie(r.Kit.knownCookie())
	if err != nil {
		return ""
	}
	return c.Value
}

// DropSession takes the session's cookie back.
func (k *Kit) DropSession(w http.ResponseWriter) {
	c := k.cookie(k.SessionCookie(), "")
	c.MaxAge = -1
	http.SetCookie(w, c)
}

// SetLanguage keeps the language that was chosen by hand.
func (k *Kit) SetLanguage(w http.ResponseWriter, l i18n.Lang) {
	c := k.cookie(langCookie, string(l))
	c.MaxAge = 365 * 24 * 60 * 60
	http.SetCookie(w, c)
}

func (k *Kit) cookie(name, value string) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: k.Secure, SameSite: http.SameSiteLaxMode}
}

// See answers a form with 303: the browser fetches url next, where flashID, a message
// id, is shown once. "" shows nothing.
func (k *Kit) See(w http.ResponseWriter, r *Request, url, flashID string) error {
	if flashID != "" {
		c := k.cookie(flashCookie, flashID)
		c.MaxAge = 60
		http.SetCookie(w, c)
	}
	http.Redirect(w, r.Request, url, http.StatusSeeOther)
	return nil
}

// readFlash takes only ids that the catalogue knows: a cookie is a stranger's text.
func (k *Kit) readFlash(hr *http.Request) string {
	c, err := hr.Cookie(flashCookie)
	if err != nil || len(c.Value) > 80 || strings.ContainsAny(c.Value, "{}") || !k.Printer(i18n.JA).Has(c.Value) {
		return ""
	}
	return c.Value
}

func (k *Kit) dropFlash(w http.ResponseWriter) {
	c := k.cookie(flashCookie, "")
	c.MaxAge = -1
	http.SetCookie(w, c)
}
