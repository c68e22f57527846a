package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestCaseWorkPagesAreSound: the pages of talk, related, merged and reopened cases and of
// lessons, in both languages, and each refused form with what was typed.
func TestCaseWorkPagesAreSound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second, third := w.report("lost", "one"), w.report("lost", "two"), w.report("lost", "three")
	w.post("manager", "/cases/"+first+"/say", url.Values{"say": {"どこで落としましたか <i>x</i>"}})
	w.post("manager", "/cases/"+first+"/related", url.Values{"other": {second}, "reason": {"同じ日"}})
	w.post("manager", "/cases/"+first+"/lessons", url.Values{"title": {"鞄を確かめる"}, "happened": {"鈴木さんの鞄"}, "now": {"声に出す"}})
	w.post("manager", "/cases/"+second+"/merge", url.Values{"other": {strings.ToLower(first)}, "reason": {"同じ件"}})
	for _, p := range []struct{ who, path string }{{"manager", "/cases/" + first}, {"manager", "/cases/" + second}, {"auditor", "/cases/" + first},
		{"hanako", "/receipt/" + first}, {"hanako", "/receipt/" + second}, {"manager", "/cases?unread=1"}, {"manager", "/morning"}, {"hanako", "/lessons"}} {
		for _, lang := range []string{"ja", "en"} {
			rec := w.ask(p.who, lang, p.path, nil)
			if rec.Code != http.StatusOK {
				t.Errorf("%s: status %d", p.path, rec.Code)
			}
			checkHTML(t, p.path, rec.Body.String())
			if strings.Contains(rec.Body.String(), "<i>x</i>") {
				t.Errorf("%s: what was typed is markup", p.path)
			}
		}
	}
	if body := w.get("hanako", "/receipt/"+second); !strings.Contains(body, first) {
		t.Error("the receipt of a merged report does not name the other")
	}
	for _, f := range []struct{ path, field string }{{"/say", "say"}, {"/related", "reason"}, {"/merge", "reason"}, {"/lessons", "title"}} {
		rec := w.ask("manager", "ja", "/cases/"+third+f.path, url.Values{f.field: {""}, "other": {"INC-1900-0001"}})
		if rec.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", f.path, rec.Code)
		}
		checkHTML(t, f.path, rec.Body.String())
		if f.path != "/say" && f.path != "/lessons" && !strings.Contains(rec.Body.String(), `value="INC-1900-0001"`) {
			t.Errorf("%s: what was typed is lost", f.path)
		}
	}
	rec := w.ask("manager", "ja", "/cases/"+second+"/unmerge", url.Values{"reason": {""}})
	checkHTML(t, "unmerge", rec.Body.String())
	if rec.Code != http.StatusUnprocessableEntity {
		t.Errorf("unmerge without a reason: status %d", rec.Code)
	}
}
