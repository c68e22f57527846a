package web

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestWorkerKeepsWhatThePageNeeds: every file that the bare page asks for is in the list of
// what the browser keeps, and each of them is served.
func TestWorkerKeepsWhatThePageNeeds(t *testing.T) {
	w := newWorld(t)
	res := w.ask("", "ja", "/sw.js", nil)
	head, _, _ := strings.Cut(res.Body.String(), ";\n")
	var shell struct{ Files []string }
	must(t, json.Unmarshal([]byte(strings.TrimPrefix(head, "const SHELL = ")), &shell))
	if csp := res.Header().Get("Content-Security-Policy"); csp != workerPolicy || !strings.HasPrefix(res.Header().Get("Content-Type"), "text/javascript") {
		t.Errorf("the worker comes as %s under %q", res.Header().Get("Content-Type"), csp)
	}
	bare := w.ask("", "ja", "/report/offline", nil).Body.String()
	for _, m := range regexp.MustCompile(`"(/static/[^"#]+)`).FindAllStringSubmatch(bare, -1) {
		if !strings.Contains(head, `"`+m[1]+`"`) {
			t.Errorf("the page needs %s, and the worker does not keep it", m[1])
		}
	}
	for _, f := range shell.Files {
		if got := w.ask("", "ja", f, nil); got.Code != http.StatusOK || !strings.Contains(got.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d, %s", f, got.Code, got.Header().Get("Cache-Control"))
		}
	}
}

// TestBarePageShowsNobody: the page that a browser keeps is the same whoever asks for it.
func TestBarePageShowsNobody(t *testing.T) {
	w := newWorld(t)
	if mine, nobodys := w.ask("hanako", "ja", "/report/offline", nil).Body.String(), w.ask("", "ja", "/report/offline", nil).Body.String(); mine != nobodys {
		t.Errorf("it differs for somebody who is signed in:\n%s", mine)
	}
	left := w.ask("", "ja", "/report/offline", nil, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "flash", Value: "signin.left"}) })
	if nobodys := w.ask("", "ja", "/report/offline", nil).Body.String(); left.Body.String() != nobodys {
		t.Errorf("it keeps what the page before had to say:\n%s", left.Body)
	}
	if page := w.ask("", "ja", "/report/offline", nil).Body.String(); strings.Contains(page, "data-me") || !strings.Contains(page, "電波がない") {
		t.Errorf("the page is\n%s", page)
	}
}

func TestManifestInBothLanguages(t *testing.T) {
	w := newWorld(t)
	for lang, name := range map[string]string{"ja": "関守", "en": "Sekimori", "xx": "関守"} {
		var m struct {
			Name  string
			Icons []struct{ Src string }
		}
		must(t, json.Unmarshal(w.ask("", "ja", "/manifest.webmanifest?lang="+lang, nil).Body.Bytes(), &m))
		if m.Name != name || len(m.Icons) == 0 || w.ask("", "ja", m.Icons[0].Src, nil).Code != http.StatusOK {
			t.Errorf("%s: %+v", lang, m)
		}
	}
}

// TestReportOfSomebodyElseIsNotTaken: a browser that several people use sends what waits
// under the one who wrote it, or not at all.
func TestReportOfSomebodyElseIsNotTaken(t *testing.T) {
	w := newWorld(t)
	page := w.get("hanako", "/report/lost")
	mark := regexp.MustCompile(`name="me" value="([^"]+)"`).FindStringSubmatch(page)
	if mark == nil {
		t.Fatalf("no mark:\n%s", page)
	}
	form := map[string][]string{"summary": {"鍵をなくした"}, "me": mark[1:], "key": {"0123456789abcdef0123"}, "written": {"2026-11-20T08:15:00Z"}}
	if got := w.ask("boss", "ja", "/report/lost", form); got.Code != http.StatusForbidden {
		t.Errorf("somebody else: %d", got.Code)
	}
	if got := w.ask("", "ja", "/report/lost", form); got.Code != http.StatusUnauthorized {
		t.Errorf("nobody: %d, and it must not become a report from outside", got.Code)
	}
	if got := w.ask("hanako", "ja", "/report/lost", form); got.Code != http.StatusSeeOther {
		t.Errorf("who wrote it: %d\n%s", got.Code, got.Body)
	}
}
