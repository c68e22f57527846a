package page

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"sekimori/internal/kit/fault"
)

// Handle makes a route's http.Handler: who asks, how much they may send, then the
// room's handler, then a page for what went wrong.
func (k *Kit) Handle(route Route) http.Handler {
	limit := route.MaxBody
	if limit == 0 {
		limit = DefaultBody
	}
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		hr.Body = http.MaxBytesReader(w, hr.Body, limit)
		if route.Nameless {
			k.handleNameless(w, hr, route)
			return
		}
		r, err := k.newRequest(hr)
		if err == nil && !route.Public && r.By.Person == "" {
			err = fault.New(fault.Unauthenticated, "fault.unauthenticated", nil)
		}
		if err == nil && !route.Stream {
			err = parseForm(hr)
		}
		if err == nil {
			err = route.Do(w, r)
		}
		if err != nil {
			k.fail(w, r, err)
		}
	})
}

// Refuse answers with the page of an error, for handlers outside the routes.
func (k *Kit) Refuse(w http.ResponseWriter, hr *http.Request, err error) {
	r, who := k.newRequest(hr)
	if who != nil {
		err = errors.Join(err, who)
	}
	k.fail(w, r, err)
}

func parseForm(hr *http.Request) error {
	err := hr.ParseForm()
	if err == nil {
		return nil
	}
	if tooLarge(err) != nil {
		return tooLarge(err)
	}
	return fault.New(fault.Invalid, "fault.invalid", nil)
}

// ProveFirst sends who must show password or passkey again to the page for that, and from
// there to next. Any other error it gives back.
func (r *Request) ProveFirst(w http.ResponseWriter, err error, next string) error {
	if f := fault.As(err); f == nil || f.ID != "fault.step_up" {
		return err
	}
	return r.Kit.See(w, r, "/account/confirm?next="+url.QueryEscape(next), "")
}

// errorPage is the data of error.html.
type errorPage struct {
	Base
	Heading string
	Text    string
	Lines   []string // fields that must be mended, when no form could show them
	Request string   // the id that the log knows; only for our own failures
	Login   bool
}

func (k *Kit) fail(w http.ResponseWriter, r *Request, err error) {
	if big := tooLarge(err); big != nil {
		err = big
	}
	f := fault.As(err)
	if f != nil && f.Kind == fault.Unavailable { // the person waits; the operator reads why
		w.Header().Set("Retry-After", "10")
		r.log().WarnContext(r.Context(), "request put off", "request", r.ID, "route", r.Pattern, "error", err)
	}
	if f != nil && f.Kind == fault.Unauthenticated && (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path != "/login" {
		http.Redirect(w, r.Request, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	p := errorPage{Base: k.Base(r, "page.error_internal", "")}
	code := http.StatusInternalServerError
	whole, fields := r.P.Error(err)
	p.Text = whole
	switch {
	case f != nil:
		if code = f.Kind.Status(); f.ID == "fault.method_not_allowed" {
			code = http.StatusMethodNotAllowed
		}
		p.Title = r.P.T(heading(f.Kind))
		p.Login = f.Kind == fault.Unauthenticated
		for _, x := range f.Fields {
			p.Lines = append(p.Lines, fields[x.Name])
		}
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return // nobody is listening any more
	default:
		p.Request = r.ID
		r.log().ErrorContext(r.Context(), "request failed", "request", r.ID, "method", r.Method, "route", r.Pattern, "person", r.By.Person, "error", err)
	}
	p.Heading = p.Title
	if err := k.Render(w, r, code, "error", p); err != nil {
		r.log().ErrorContext(r.Context(), "error page failed", "request", r.ID, "error", err)
		http.Error(w, r.ID, http.StatusInternalServerError)
	}
}

func heading(k fault.Kind) string {
	switch k {
	case fault.Unauthenticated:
		return "page.error_signin"
	case fault.Denied:
		return "page.error_denied"
	case fault.NotFound:
		return "page.error_missing"
	case fault.Conflict:
		return "page.error_conflict"
	case fault.TooLarge:
		return "page.error_large"
	case fault.TooMany, fault.Unavailable:
		return "page.error_wait"
	}
	return "page.error_invalid"
}

// tooLarge turns the body limit's error into a fault; nil for any other.
func tooLarge(err error) error {
	var big *http.MaxBytesError
	if !errors.As(err, &big) {
		return nil
	}
	return fault.New(fault.TooLarge, "fault.too_large", fault.Args{"max": itoa(big.Limit)})
}
