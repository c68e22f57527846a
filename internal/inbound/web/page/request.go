package page

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/id"
)

// Request is one request with who makes it and in which language.
type Request struct {
	*http.Request
	By  access.Actor // zero when nobody is signed in
	P   i18n.Printer
	Kit *Kit
	ID  string // names the request in the log and on the page of an error

	org   *directory.Org // nil when it could not be read
	flash string         // message id left by the request before

	nameless bool // see Route.Nameless
}

// newRequest finds out who asks and in which language. A cookie that is not (or no
// longer) good counts as none; a store that does not answer is an error.
func (k *Kit) newRequest(hr *http.Request) (*Request, error) {
	r := &Request{Request: hr, Kit: k, ID: id.New("req", k.Now())}
	r.P = k.Printer(k.language(hr, ""))
	r.flash = k.readFlash(hr)
	if k.Org != nil {
		if o, err := k.Org(hr.Context()); err == nil {
			r.org = o
		}
	}
	if c, err := hr.Cookie(k.SessionCookie()); err == nil && k.Actor != nil {
		by, err := k.Actor(hr.Context(), c.Value)
		switch {
		case err == nil:
			r.By = by
		case !fault.Is(err, fault.Unauthenticated):
			return r, err
		}
	}
	if r.org != nil && r.By.Person != "" {
		r.P = k.Printer(k.language(hr, r.org.People[r.By.Person].Lang))
	}
	return r, nil
}

// language is the one chosen by hand, else the person's, else the browser's.
func (k *Kit) language(hr *http.Request, persons string) i18n.Lang {
	if c, err := hr.Cookie(langCookie); err == nil && slices.Contains(i18n.Langs(), i18n.Lang(c.Value)) {
		return i18n.Lang(c.Value)
	}
	if slices.Contains(i18n.Langs(), i18n.Lang(persons)) {
		return i18n.Lang(persons)
	}
	return i18n.Match(hr.Header.Get("Accept-Language"))
}

// SpeakTo chooses the language of a person who is known by a link instead of a
// sign-in; a language chosen by hand stays.
func (r *Request) SpeakTo(person string) {
	if r.By.Person == "" && r.org != nil {
		r.P = r.Kit.Printer(r.Kit.language(r.Request, r.org.People[person].Lang))
	}
}

// Text is what was typed into a field, trimmed, as valid UTF-8; "" when absent.
func (r *Request) Text(name string) string {
	return strings.TrimSpace(strings.ToValidUTF8(r.FormValue(name), ""))
}

// Was is what a form shows in a field: what was typed into it, once it was sent, else value.
func (r *Request) Was(name, value string) string {
	if r.Method == http.MethodPost {
		return r.Text(name)
	}
	return value
}

// WereAll is the same for a field that may be given more than once.
func (r *Request) WereAll(name string, values []string) []string {
	if r.Method == http.MethodPost {
		return r.Texts(name)
	}
	return values
}

// Secret is what was typed into a password field: untouched.
func (r *Request) Secret(name string) string { return r.PostFormValue(name) }

// Texts are all values of a field that may be given more than once, without blanks.
func (r *Request) Texts(name string) []string {
	if r.Form == nil {
		r.FormValue(name) // parses the form
	}
	var out []string
	for _, v := range r.Form[name] {
		if v = strings.TrimSpace(strings.ToValidUTF8(v, "")); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// Checked reports whether a box was ticked.
func (r *Request) Checked(name string) bool { return r.FormValue(name) != "" }

// Moment reads a time that may be unknown: a datetime-local field in the company's
// zone, and a box named <name>_unknown. Nothing typed is unknown too. What cannot be
// read is recorded in c.
func (r *Request) Moment(c *fault.Check, name string) incident.Moment {
	if r.Checked(name + "_unknown") {
		return incident.Moment{}
	}
	at := r.Time(c, name)
	return incident.Moment{At: at, Known: !at.IsZero()}
}

// Time reads a datetime-local or date field in the company's zone; zero when empty.
// What cannot be read is recorded in c.
func (r *Request) Time(c *fault.Check, name string) time.Time {
	s := r.Text(name)
	if s == "" {
		return time.Time{}
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006/01/02 15:04", "2006-01-02", "2006/01/02"} {
		if t, err := time.ParseInLocation(form, s, r.Kit.Zone); err == nil && t.Year() >= 1900 && t.Year() < 3000 {
			return t.UTC()
		}
	}
	c.Add(name, "fault.bad_date", nil)
	return time.Time{}
}

// Local writes a time as a datetime-local field wants it; "" for none.
func (r *Request) Local(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(r.Kit.Zone).Format("2006-01-02T15:04")
}

// Address is the network address of who asks, without the port.
func (r *Request) Address() string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// Org is the directory as it was when the request began. A directory that could not
// be read is an error.
func (r *Request) Org() (*directory.Org, error) {
	if r.org != nil {
		return r.org, nil
	}
	if r.Kit.Org == nil {
		return nil, errors.New("read directory: no directory")
	}
	return r.Kit.Org(r.Context())
}

// Local path a person may be sent back to: on this server and nowhere else.
func safePath(s string) string {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\r\n\t") || len(s) > 500 {
		return ""
	}
	return s
}

// Next is the page to go to after sign-in: the "next" parameter when it lies on this
// server, else "".
func (r *Request) Next() string { return safePath(r.Text("next")) }
