package web

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/work"
)

// sealed is a world in which links are sealed, as they are everywhere but here.
func sealed(t *testing.T) *world {
	t.Helper()
	return newWorld(t, func(p *Parts) {
		var err error
		p.Access, err = access.NewService(t.Context(), p.Tracks.(access.Store), access.NewHasher(access.Cost{Memory: 64, Time: 1}, 1), p.Now,
			access.Rules{PerLogin: 3, PerName: 5, Seal: notice.NewLinks([]byte("a key")).Seal})
		must(t, err)
	})
}

// Whoever has signed in in a browser gets in there while strangers keep their name shut. The
// cookie is the door's alone, and no session.
func TestKnownBrowserGetsIn(t *testing.T) {
	t.Parallel()
	w := sealed(t)
	enter := func(login, pass, address string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
		t.Helper()
		return w.ask("", "ja", "/login", url.Values{"login": {login}, "password": {pass}}, func(r *http.Request) {
			r.RemoteAddr = address + ":1"
			for _, c := range cookies {
				r.AddCookie(c)
			}
		})
	}
	known := func(rec *httptest.ResponseRecorder) *http.Cookie {
		t.Helper()
		for _, c := range rec.Result().Cookies() {
			if c.Name == "sekimori_device" {
				return c
			}
		}
		t.Fatalf("status %d, no cookie in %v", rec.Code, rec.Result().Cookies())
		return nil
	}
	c := known(enter("hanako", password, "192.0.2.1"))
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/login" || c.MaxAge < int(access.DeviceFor.Seconds())-60 || strings.Contains(c.Value, "hanako") {
		t.Errorf("cookie %+v", c)
	}
	if rec := w.ask("", "ja", "/account", nil, func(r *http.Request) { r.AddCookie(c) }); rec.Code == http.StatusOK {
		t.Error("a known browser is signed in")
	}
	for n := range 6 {
		enter("hanako", "wrong password", fmt.Sprint("203.0.113.", n))
	}
	if rec := enter("hanako", password, "198.51.100.1"); rec.Code != http.StatusTooManyRequests {
		t.Errorf("an unknown browser: status %d", rec.Code)
	}
	if rec := enter("hanako", password, "198.51.100.1", c); rec.Code != http.StatusSeeOther {
		t.Errorf("the known browser: status %d", rec.Code)
	}
	if rec := enter("boss", password, "198.51.100.1", c); strings.Count(known(rec).Value, "~") != 1 {
		t.Errorf("a browser of two people: %v", known(rec))
	}
}

// A browser at a counter knows both of its people after one of them has taken another
// password there, where the cookie of the door does not go.
func TestSharedBrowserForgetsNobody(t *testing.T) {
	t.Parallel()
	w := sealed(t)
	jar, err := cookiejar.New(nil)
	must(t, err)
	ask := func(person, path string, form url.Values) int {
		t.Helper()
		at, err := url.Parse("http://example.com" + path)
		must(t, err)
		rec := w.ask(person, "ja", path, form, func(r *http.Request) {
			r.RemoteAddr = "192.0.2.1:1"
			for _, c := range jar.Cookies(at) {
				if strings.HasPrefix(c.Name, "sekimori_device") {
					r.AddCookie(c)
				}
			}
		})
		jar.SetCookies(at, rec.Result().Cookies())
		return rec.Code
	}
	enter := func(login, pass string) int {
		t.Helper()
		return ask("", "/login", url.Values{"login": {login}, "password": {pass}})
	}
	enter("hanako", password)
	enter("boss", password)
	fresh := "a new long password"
	if code := ask("boss", "/account/password", url.Values{"old": {password}, "password": {fresh}, "again": {fresh}}); code != http.StatusSeeOther {
		t.Fatalf("another password: %d", code)
	}
	for _, login := range []string{"hanako", "boss"} {
		for n := range 6 { // strangers shut both names
			w.ask("", "ja", "/login", url.Values{"login": {login}, "password": {"wrong password"}}, func(r *http.Request) { r.RemoteAddr = fmt.Sprint("203.0.113.", n, ":1") })
		}
	}
	for range 2 { // and what was put together is kept
		if code := enter("hanako", password); code != http.StatusSeeOther {
			t.Errorf("who signed in before: %d", code)
		}
		if code := enter("boss", fresh); code != http.StatusSeeOther {
			t.Errorf("who took another password: %d", code)
		}
	}
}

// Work that a stranger's browser has done is good for one report, on two servers of one
// database, and after either starts again.
func TestWorkIsGoodOnceOnTwoServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second, err := New(w.parts)
	must(t, err)
	first := w.Handler
	form := func(on http.Handler) string {
		t.Helper()
		w.Handler = on
		return w.ask("", "ja", "/report/lost", nil).Body.String()
	}
	value := func(body, name string) string {
		t.Helper()
		m := regexp.MustCompile(`name="` + name + `" value="([^"]+)"`).FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("no %s", name)
		}
		return m[1]
	}
	body := form(first)
	challenge := value(body, "work")
	answer, ok := work.Solve(challenge)
	if !ok {
		t.Fatal("not solved")
	}
	send := func(on http.Handler, key, summary string) int {
		t.Helper()
		w.Handler = on
		return w.ask("", "ja", "/report/lost", url.Values{"outside": {"1"}, "summary": {summary}, "key": {key}, "work": {challenge}, "answer": {answer}},
			func(r *http.Request) { r.RemoteAddr = "203.0.113.9:1" }).Code
	}
	key := value(body, "key")
	if code := send(second, key, "鞄"); code != http.StatusSeeOther {
		t.Errorf("the other server: status %d", code)
	}
	if code := send(first, key, "鞄"); code != http.StatusSeeOther {
		t.Errorf("a double press: status %d", code)
	}
	third, err := New(w.parts) // one that has just started
	must(t, err)
	if code := send(third, value(form(third), "key"), "別の鞄"); code != http.StatusTooManyRequests {
		t.Errorf("another report for the same work: status %d", code)
	}
}
