package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
)

// acked counts the answered tracks of a case.
func (w *world) acked(label string) int {
	c, err := w.parts.Incidents.Case(w.t.Context(), access.System(), label)
	must(w.t, err)
	n := 0
	for _, t := range c.Tracks {
		if t.State == notice.Acked {
			n++
		}
	}
	return n
}

func TestOnlyThePressAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	label := w.report("lost", "k")
	at := w.link(label, "per_manager")
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut} {
		w.ask("", "ja", at, nil, func(r *http.Request) { r.Method = method })
	}
	w.ask("", "ja", at+"?note=x&press=1", nil, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	if w.acked(label) != 0 {
		t.Fatal("opening the link answered")
	}
	// A form on somebody else's page must not answer either.
	rec := w.ask("", "ja", at, url.Values{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	if rec.Code != http.StatusForbidden || w.acked(label) != 0 {
		t.Fatalf("a form from another site: status %d", rec.Code)
	}
	checkHTML(t, "cross", rec.Body.String())
	if back := w.post("", at, url.Values{"note": {"見ています"}}); back != at {
		t.Errorf("the press leads to %s", back)
	}
	if w.acked(label) != 1 {
		t.Error("the press did not answer")
	}
	body := w.ask("", "en", at, nil).Body.String()
	checkHTML(t, "after", body)
	if strings.Contains(body, `name="note"`) || !strings.Contains(body, "You took it") || !strings.Contains(body, `href="tel:0300000011"`) {
		t.Error("the page does not say that it is done")
	}
	w.post("", at, url.Values{}) // a second press is no error
}

func TestLongNoteIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	label := w.report("lost", "k")
	note := strings.Repeat("長", 501)
	rec := w.ask("", "ja", w.link(label, "per_boss"), url.Values{"note": {note}})
	if rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), note) || w.acked(label) != 0 {
		t.Errorf("status %d", rec.Code)
	}
	checkHTML(t, "note", rec.Body.String())
}

func TestBrokenLinksAreExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.link(w.report("lost", "k"), "per_boss")
	for _, path := range []string{"/a/x", "/a/.", good + "A", good[:len(good)-2], "/a/" + strings.Repeat("a", 300)} {
		for _, form := range []url.Values{nil, {}} {
			rec := w.ask("", "en", path, form)
			if rec.Code != http.StatusNotFound && rec.Code != http.StatusGone {
				t.Errorf("%s: status %d", path, rec.Code)
			}
			checkHTML(t, path, rec.Body.String())
		}
	}
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Error(w.log.String())
	}
}
