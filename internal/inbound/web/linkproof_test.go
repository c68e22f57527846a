package web

import (
	"net/http"
	"net/url"
	"testing"
)

// A form that says neither yes nor no ends nothing: the proof stays wanted.
func TestLinkProofEndsByAWordAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.post("manager", "/settings/links", url.Values{"wanted": {"on"}})
	for _, form := range []url.Values{{"x": {"1"}}, {"wanted": {"maybe"}}} {
		if rec := w.ask("manager", "ja", "/settings/links", form); rec.Code != http.StatusUnprocessableEntity {
			t.Errorf("%v: status %d", form, rec.Code)
		}
	}
	if on, err := w.parts.Notices.WantsProof(t.Context()); err != nil || !on {
		t.Errorf("wanted: %v, %v", on, err)
	}
	w.post("manager", "/settings/links", url.Values{"wanted": {"off"}})
	if on, err := w.parts.Notices.WantsProof(t.Context()); err != nil || on {
		t.Errorf("after it was ended: %v, %v", on, err)
	}
}
