package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/work"
)

// carry gives a request the cookies that an answer set.
func carry(rec *httptest.ResponseRecorder) func(*http.Request) {
	return func(r *http.Request) {
		for _, c := range rec.Result().Cookies() {
			if c.MaxAge >= 0 {
				r.AddCookie(c)
			}
		}
	}
}

// TestPagesWithoutAnAccountAreSound renders what a stranger sees, in both languages, with
// every form refused once.
func TestPagesWithoutAnAccountAreSound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, lang := range []string{"ja", "en"} {
		check := func(name string, rec *httptest.ResponseRecorder, status int) *httptest.ResponseRecorder {
			t.Helper()
			if rec.Code != status {
				t.Errorf("%s %s: status %d, want %d\n%s", lang, name, rec.Code, status, w.log)
			}
			if status < 300 || status >= 400 {
				checkHTML(t, lang+" "+name, rec.Body.String())
			}
			if rec.Header().Get("Content-Security-Policy") != policy {
				t.Errorf("%s %s: no policy", lang, name)
			}
			return rec
		}
		from := func(address string) func(*http.Request) {
			return func(r *http.Request) { r.RemoteAddr = address + ":1" }
		}
		here := from("192.0.2.1")
		check("tiles", w.ask("", lang, "/report", nil), http.StatusOK)
		for _, k := range incident.Kinds() {
			check(string(k), w.ask("", lang, "/report/"+string(k), nil), http.StatusOK)
		}
		check("no kind", w.ask("", lang, "/report/fire", nil), http.StatusNotFound)
		check("empty", w.ask("", lang, "/report/lost", url.Values{"outside": {"1"}}, here), http.StatusUnprocessableEntity)
		check("no stranger", w.ask("", lang, "/report/lost", url.Values{"summary": {"x"}}, here), http.StatusUnauthorized)
		sent := w.ask("", lang, "/report/virus", url.Values{"outside": {"1"}, "summary": {"鞄"}, "name": {"通行"}, "department": {"ない部署"}}, from("192.0.2.2"))
		check("sent", sent, http.StatusSeeOther)
		in := carry(sent)
		body := check("receipt", w.ask("", lang, "/r", nil, in), http.StatusOK).Body.String()
		if !strings.Contains(body, `id="the-code"`) || !strings.Contains(body, "ない部署") {
			t.Errorf("%s: no code, or the department is lost", lang)
		}
		check("no words", w.ask("", lang, "/r/add", url.Values{"text": {" "}}, in), http.StatusUnprocessableEntity)
		check("no choice", w.ask("", lang, "/r/answer", url.Values{"question": {"virus.signs"}, "choice": {"77"}}, in), http.StatusUnprocessableEntity)
		check("no question", w.ask("", lang, "/r/answer", url.Values{}, in), http.StatusNotFound)
		check("no file", w.ask("", lang, "/r/files", url.Values{}, in), http.StatusUnprocessableEntity)
		check("answer", w.ask("", lang, "/r/answer", url.Values{"question": {"virus.signs"}, "choice": {"unknown"}}, in), http.StatusSeeOther)
		check("door", w.ask("", lang, "/r", nil), http.StatusOK)
		for _, code := range []string{"", "12", "0000000000000000"} {
			check("code "+code, w.ask("", lang, "/r", url.Values{"code": {code}}, from("198.51.100.1")), http.StatusUnprocessableEntity)
		}
	}
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Error(w.log.String())
	}
}

// The cookies of a visit go to its own pages alone, and never along from elsewhere.
func TestCookiesOfAVisit(t *testing.T) {
	t.Parallel()
	for secure, prefix := range map[bool]string{false: "", true: "__Secure-"} {
		w := newWorld(t, func(p *Parts) { p.Secure = secure })
		rec := w.ask("", "ja", "/report/lost", url.Values{"outside": {"1"}, "summary": {"鞄"}})
		seen := 0
		for _, c := range rec.Result().Cookies() {
			if !strings.HasPrefix(c.Name, prefix+"sekimori_") {
				continue
			}
			seen++
			if c.Path != "/r" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure != secure || c.MaxAge <= 0 {
				t.Errorf("cookie %+v", c)
			}
		}
		if seen != 2 {
			t.Errorf("%d cookies of a visit: %v", seen, rec.Header()["Set-Cookie"])
		}
	}
}

var asked = regexp.MustCompile(`name="work" value="([^"]+)"`)

// When the slow lane is full the words stay, the numbers are shown, and work passes.
func TestPutOffAndTakenAfterWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	form := url.Values{"outside": {"1"}, "summary": {"鞄を忘れた"}}
	rec := w.ask("", "ja", "/report/lost", form)
	for n := 0; rec.Code == http.StatusSeeOther; n++ {
		if n > 20 {
			t.Fatal("nobody is put off")
		}
		rec = w.ask("", "ja", "/report/lost", form)
	}
	body := rec.Body.String()
	checkHTML(t, "put off", body)
	if rec.Code != http.StatusTooManyRequests || !strings.Contains(body, `value="鞄を忘れた"`) || !strings.Contains(body, `href="tel:`) {
		t.Fatalf("status %d", rec.Code)
	}
	challenge := asked.FindStringSubmatch(body)[1]
	answer, _ := work.Solve(challenge)
	form.Set("work", challenge)
	form.Set("answer", answer)
	if rec = w.ask("", "ja", "/report/lost", form); rec.Code != http.StatusSeeOther {
		t.Errorf("with work: status %d", rec.Code)
	}
	if rec = w.ask("", "ja", "/report/lost", form); rec.Code != http.StatusTooManyRequests {
		t.Errorf("with the same work again: status %d", rec.Code)
	}
}

// Who is signed in has the pages of before.
func TestReportPagesOfOurOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/report", "/report/lost"} {
		if body := w.get("hanako", path); strings.Contains(body, `name="outside"`) || strings.Contains(body, "/login?next") {
			t.Errorf("%s is the stranger's page", path)
		}
	}
}

// Who opens a report in a browser where another was just sent is not shown that one's code.
func TestFreshCodeIsShownForItsOwnReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	send := func(address string) (*httptest.ResponseRecorder, string) {
		t.Helper()
		rec := w.ask("", "ja", "/report/lost", url.Values{"outside": {"1"}, "summary": {"鞄"}}, func(r *http.Request) { r.RemoteAddr = address })
		code := regexp.MustCompile(`id="the-code">([^<]+)<`).FindStringSubmatch(w.ask("", "ja", "/r", nil, carry(rec)).Body.String())
		if code == nil {
			t.Fatal("no code")
		}
		return rec, code[1]
	}
	_, first := send("192.0.2.1:1")
	browser, second := send("192.0.2.2:1")
	opened := w.ask("", "ja", "/r", url.Values{"code": {first}}, carry(browser))
	if opened.Code != http.StatusSeeOther {
		t.Fatalf("status %d", opened.Code)
	}
	cookies := map[string]*http.Cookie{}
	for _, c := range append(browser.Result().Cookies(), opened.Result().Cookies()...) {
		cookies[c.Name] = c
	}
	body := w.ask("", "ja", "/r", nil, func(r *http.Request) {
		for _, c := range cookies {
			if c.MaxAge >= 0 {
				r.AddCookie(c)
			}
		}
	}).Body.String()
	if strings.Contains(body, second) {
		t.Error("the page of one report shows the code of another")
	}
}
