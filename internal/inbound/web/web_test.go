package web

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(p *Parts) { p.Secure = true })
	for _, tc := range []struct {
		form url.Values
		want int
	}{
		{url.Values{"login": {"hanako"}, "password": {"wrong password"}}, http.StatusUnauthorized},
		{url.Values{"login": {"nobody"}, "password": {password}}, http.StatusUnauthorized},
		{url.Values{"login": {"hanako"}}, http.StatusUnprocessableEntity},
	} {
		rec := w.ask("", "ja", "/login", tc.form)
		if rec.Code != tc.want || len(rec.Header().Values("Set-Cookie")) > 0 || !strings.Contains(rec.Body.String(), `value="`+tc.form.Get("login")+`"`) {
			t.Errorf("%v: status %d, %v", tc.form, rec.Code, rec.Header().Values("Set-Cookie"))
		}
		checkHTML(t, "login", rec.Body.String())
	}
	for next, want := range map[string]string{"": "/", "/cases?q=x": "/cases?q=x", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/"} {
		rec := w.ask("", "ja", "/login", url.Values{"login": {"Hanako "}, "password": {password}, "next": {next}})
		cookie := rec.Header().Get("Set-Cookie")
		if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != want {
			t.Errorf("next %q: status %d to %q", next, rec.Code, rec.Header().Get("Location"))
		}
		for _, part := range []string{"__Host-sekimori=", "Path=/", "HttpOnly", "Secure", "SameSite=Lax"} {
			if !strings.Contains(cookie, part) {
				t.Errorf("the cookie lacks %s: %s", part, cookie)
			}
		}
	}
	if rec := w.ask("", "ja", "/login", nil); rec.Header().Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS over TLS")
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := w.ask("hanako", "ja", "/account/tokens", url.Values{"name": {"button"}, "scopes": {"incident:report"}, "days": {"30"}})
	if rec.Code != http.StatusCreated || !strings.Contains(rec.Body.String(), "skm_") {
		t.Fatalf("make token: status %d", rec.Code)
	}
	checkHTML(t, "token", rec.Body.String())
	if strings.Contains(w.get("hanako", "/account"), "skm_") {
		t.Error("the secret is shown again")
	}
	tokens, err := w.parts.Access.Tokens(t.Context(), access.System(), "per_hanako")
	must(t, err)
	w.post("hanako", "/account/tokens/"+tokens[0].ID+"/revoke", url.Values{})
	for path, form := range map[string]url.Values{
		"/account/tokens":   {"name": {"kept name"}, "days": {"400"}},
		"/account/password": {"old": {"not this one"}, "password": {"short"}, "again": {"short"}},
	} {
		rec := w.ask("hanako", "en", path, form)
		if rec.Code != http.StatusUnprocessableEntity || strings.Contains(rec.Body.String(), "not this one") {
			t.Errorf("%s: status %d", path, rec.Code)
		}
		checkHTML(t, path, rec.Body.String())
	}
	if rec := w.ask("hanako", "ja", "/account/password", url.Values{"old": {password}, "password": {"a new long password"}, "again": {"another password"}}); rec.Code != http.StatusUnprocessableEntity {
		t.Errorf("two different passwords: status %d", rec.Code)
	}
	w.post("hanako", "/account/password", url.Values{"old": {password}, "password": {"a new long password"}, "again": {"a new long password"}})
	w.get("hanako", "/account") // this session stays
	if to := w.post("hanako", "/logout", url.Values{}); to != "/login" {
		t.Errorf("sign-out leads to %s", to)
	}
	if rec := w.ask("hanako", "ja", "/account", nil); rec.Code != http.StatusSeeOther {
		t.Errorf("the session outlives sign-out: status %d", rec.Code)
	}
}

func TestHome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for who, want := range map[string]string{"hanako": "/report", "manager": "/morning", "auditor": "/record", "admin": "/report", "": "/login?next=%2F"} {
		if got := w.ask(who, "ja", "/", nil).Header().Get("Location"); got != want {
			t.Errorf("%q starts at %s, want %s", who, got, want)
		}
	}
}

func TestBareAnswersArePages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tc := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/nowhere", http.StatusNotFound}, {http.MethodGet, "/report/unknown_kind", http.StatusNotFound},
		{http.MethodDelete, "/report", http.StatusMethodNotAllowed}, {http.MethodGet, "/receipt/INC-2026-9999", http.StatusNotFound}, {http.MethodGet, "/evidence/evd_x", http.StatusNotFound},
	} {
		rec := w.ask("hanako", "ja", tc.path, nil, func(r *http.Request) { r.Method = tc.method; r.Header.Set("Sec-Fetch-Site", "same-origin") })
		if rec.Code != tc.want {
			t.Errorf("%s %s: status %d, want %d", tc.method, tc.path, rec.Code, tc.want)
		}
		checkHTML(t, tc.path, rec.Body.String())
	}
	long := url.Values{"summary": {strings.Repeat("x", 70<<10)}}
	if rec := w.ask("hanako", "ja", "/report/lost", long); rec.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a form of 70 KiB: status %d", rec.Code)
	}
	if rec := w.ask("hanako", "ja", "/report/lost", url.Values{}, func(r *http.Request) { r.URL.RawQuery = "%zz" }); rec.Code != http.StatusUnprocessableEntity {
		t.Errorf("a broken form: status %d", rec.Code)
	}
}

// TestOurOwnFailureShowsOnlyANumber makes the store fail under a page.
func TestOurOwnFailureShowsOnlyANumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.db.Close())
	rec := w.ask("hanako", "ja", "/report", nil)
	if rec.Code != http.StatusInternalServerError || !strings.Contains(rec.Body.String(), "req_") || strings.Contains(rec.Body.String(), "closed") {
		t.Errorf("status %d: %s", rec.Code, rec.Body)
	}
	if strings.Count(w.log.String(), "level=ERROR") != 1 {
		t.Errorf("logged: %s", w.log)
	}
}

func TestLanguageGoesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for referer, want := range map[string]string{"http://example.com/report/virus?x=1": "/report/virus?x=1", "http://evil.example/report": "/", "": "/"} {
		rec := w.ask("hanako", "ja", "/language?to=en", nil, func(r *http.Request) { r.Header.Set("Referer", referer) })
		if rec.Header().Get("Location") != want || !strings.Contains(rec.Header().Get("Set-Cookie"), "lang=en") {
			t.Errorf("%q: to %s, %s", referer, rec.Header().Get("Location"), rec.Header().Get("Set-Cookie"))
		}
	}
}

func TestProxiesAreTrustedOnlyByName(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, tc := range []struct{ remote, forwarded, want string }{
		{"10.1.1.1:9", "198.51.100.7", "198.51.100.7"}, {"10.1.1.1:9", "6.6.6.6, 198.51.100.7, 10.2.2.2", "198.51.100.7"},
		{"203.0.113.5:9", "198.51.100.7", "203.0.113.5"}, {"10.1.1.1:9", "nonsense", "10.1.1.1"}, {"10.1.1.1:9", "", "10.1.1.1"},
	} {
		got := ""
		h := Behind(trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, _, _ = strings.Cut(r.RemoteAddr, ":") }))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tc.remote
		if tc.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tc.forwarded)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != tc.want {
			t.Errorf("%+v: got %s", tc, got)
		}
	}
}

func TestStreamTellsThatSomethingChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	label := w.report("lost", "k")
	c, err := w.parts.Incidents.Case(t.Context(), access.System(), label)
	must(t, err)
	srv := httptest.NewServer(w)
	defer srv.Close()
	open := func(who, query string) *http.Response {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		t.Cleanup(cancel)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/events"+query, nil)
		must(t, err)
		r.AddCookie(&http.Cookie{Name: "sekimori", Value: w.cookies[who]})
		res, err := http.DefaultTransport.RoundTrip(r)
		must(t, err)
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	if res := open("", ""); res.StatusCode != http.StatusSeeOther {
		t.Errorf("a stranger may listen: status %d", res.StatusCode)
	}
	if res := open("hanako", "?subject=INC-2026-9999"); res.StatusCode != http.StatusNotFound {
		t.Errorf("a case that is not there: status %d", res.StatusCode)
	}
	res := open("hanako", "?subject="+label)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("status %d", res.StatusCode)
	}
	w.live.out <- []string{"inc_other"}
	w.live.out <- []string{c.ID}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if lines.Text() == "event: changed" {
			close(w.live.out) // the server stops: so must the stream
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Nil subjects mean that anything may have changed: somebody who waits for one case
// must be woken too, or a merged wake-up would leave a receipt behind.
func TestStreamTellsWhenAnythingMayHaveChanged(t *testing.T) {
	t.Parallel()
	changes := make(chan []string, 2)
	rec := httptest.NewRecorder()
	e := events{beat: time.Hour, quiet: time.Millisecond}
	changes <- nil
	done := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		e.follow(ctx, told{rec, stop}, http.NewResponseController(rec), changes, []string{"inc_1"})
	}()
	<-done
	if got := rec.Body.String(); !strings.Contains(got, "event: changed") {
		t.Errorf("heard %q", got)
	}
}

// told ends the stream at its first message.
type told struct {
	*httptest.ResponseRecorder
	stop func()
}

func (w told) Write(b []byte) (int, error) {
	defer w.stop()
	return w.ResponseRecorder.Write(b)
}
