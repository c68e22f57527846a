package agentgw

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/httpsig"
	"sekimori/internal/kit/wire"
)

// shelf is a Media of the tests.
type shelf struct {
	took map[string][]wire.MediaEvent
	err  error
}

func (s *shelf) TakeMedia(_ context.Context, device string, events []wire.MediaEvent) error {
	if s.err != nil {
		return s.err
	}
	s.took[device] = append(s.took[device], events...)
	return nil
}

// TestMediaEvents: what a PC tells of media is taken when it has signed it, within bounds,
// and in its own name alone.
func TestMediaEvents(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	p, stranger := h.pc(1), pc{}
	s := &shelf{took: map[string][]wire.MediaEvent{}}
	gw := New(Parts{Devices: h.domain, Media: s, Server: "two", Now: h.now, Log: slog.New(slog.DiscardHandler)})
	post := func(by pc, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", wire.PathMedia, strings.NewReader(body))
		if by.key != nil {
			httpsig.Sign(r, []byte(body), by.id, by.key, h.now())
		}
		for _, f := range change {
			f(r)
		}
		w := httptest.NewRecorder()
		gw.ServeHTTP(w, r)
		return w
	}
	tell := func(n int) string {
		in := wire.MediaEvents{}
		for range n {
			in.Events = append(in.Events, wire.MediaEvent{Key: "k", What: wire.MediaRefused, Class: "storage"})
		}
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if w := post(p, tell(2)); w.Code != 204 || w.Body.Len() != 0 || len(s.took[p.id]) != 2 {
		t.Errorf("two events: %d %s, took %v", w.Code, w.Body, s.took)
	}
	if w := post(stranger, tell(1)); w.Code != 401 {
		t.Errorf("unsigned: %d", w.Code)
	}
	if w := post(p, tell(1), func(r *http.Request) { r.Body = http.NoBody }); w.Code != 401 {
		t.Errorf("another body than was signed: %d", w.Code)
	}
	if w := post(p, "{"); w.Code != 422 {
		t.Errorf("no JSON: %d", w.Code)
	}
	if w := post(p, tell(wire.MaxMediaEvents+1)); w.Code != 413 {
		t.Errorf("too many events: %d", w.Code)
	}
	if w := post(p, strings.Repeat(" ", wire.MaxEvents+1)); w.Code != 413 {
		t.Errorf("too large: %d", w.Code)
	}
	if len(s.took[p.id]) != 2 || len(s.took) != 1 {
		t.Errorf("took %v", s.took)
	}
	s.err = fault.New(fault.Invalid, "fault.media_events", nil)
	if w := post(p, tell(1)); w.Code != 422 || !strings.Contains(w.Body.String(), "fault.media_events") {
		t.Errorf("refused by the domain: %d %s", w.Code, w.Body)
	}
	if res := h.do(t, p, "POST", wire.PathMedia, tell(1)); res.StatusCode != 404 {
		t.Errorf("a house that lends nothing: %s", res.Status)
	}
}
