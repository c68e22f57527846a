package agent

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sekimori/internal/kit/wire"
)

// door is the server's door for events of media.
type door struct {
	mu       sync.Mutex
	events   []string
	requests int
	refuse   string // the key of an event that is refused for ever
	status   int    // of everything; 0: as it should be
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var in wire.MediaEvents
	raw, err := io.ReadAll(io.LimitReader(r.Body, wire.MaxEvents+1))
	if err != nil || len(raw) > wire.MaxEvents || json.Unmarshal(raw, &in) != nil || len(in.Events) > wire.MaxMediaEvents || r.URL.Path != wire.PathMedia {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	d.requests++
	if d.status != 0 {
		w.WriteHeader(d.status)
		return
	}
	for _, e := range in.Events {
		if e.Key == d.refuse {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
	}
	for _, e := range in.Events {
		d.events = append(d.events, e.Key)
	}
	w.WriteHeader(http.StatusNoContent)
}

func TestEventsOfMediaAreDelivered(t *testing.T) {
	t.Parallel()
	d := &door{status: http.StatusServiceUnavailable}
	srv := httptest.NewServer(d)
	defer srv.Close()
	r := newRig(t)
	a := r.open()
	defer r.close(a)
	a.ident.Server = srv.URL
	c, err := NewClient(ClientOptions{Identity: a.ident})
	if err != nil {
		t.Fatal(err)
	}
	const n = 300
	for i := range n {
		if err := a.spool.addMedia(wire.MediaEvent{Key: fmt.Sprintf("med_%04d", i), What: wire.MediaRefused}); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.spool.list()) != 0 {
		t.Error("they take the room of reports")
	}
	if err := a.spool.sendMedia(t.Context(), c); err == nil || len(a.spool.mediaWaiting()) != n {
		t.Errorf("the server is away: %v, %d wait", err, len(a.spool.mediaWaiting()))
	}
	d.mu.Lock()
	d.status, d.refuse, d.requests = 0, "med_0003", 0
	d.mu.Unlock()
	if err := os.WriteFile(filepath.Join(a.spool.dir, "m med_0010"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.spool.sendMedia(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if len(d.events) != n-2 || len(a.spool.mediaWaiting()) != 0 || d.events[0] != "med_0000" || d.events[n-3] != "med_0299" {
		t.Errorf("%d events, %d wait", len(d.events), len(a.spool.mediaWaiting()))
	}
	for i := range maxMediaWaiting {
		if err := a.spool.addMedia(wire.MediaEvent{Key: fmt.Sprintf("med_%04d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.spool.addMedia(wire.MediaEvent{Key: "med_x"}); !errors.Is(err, errMediaFull) {
		t.Errorf("one too many: %v", err)
	}
}

// TestLargeDocumentComesCompressed: and what swells beyond the limit is refused.
func TestLargeDocumentComesCompressed(t *testing.T) {
	t.Parallel()
	size := 1 << 20
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("%s asks for %q", r.URL.Path, r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, strings.Repeat("a", size))
		z.Close()
	}))
	defer srv.Close()
	r := newRig(t)
	a := r.open()
	defer r.close(a)
	a.ident.Server = srv.URL
	c, err := NewClient(ClientOptions{Identity: a.ident})
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := c.Document(t.Context(), 0)
	if err != nil || len(got) != size {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	size = wire.MaxDocument + 1
	if _, _, err := c.Document(t.Context(), 0); err == nil {
		t.Error("a document beyond the limit was taken")
	}
}

// TestGuardFollowsTheDocument: the agent's own loops bring mode and media to the guard, its
// facts to the server, and its events to the spool.
func TestGuardFollowsTheDocument(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPorts()
	o := r.options()
	o.Host = guardedPC{r.pc, p}
	a := r.openWith(o)
	r.run(a)
	r.srv.set(func() { r.srv.doc.Media = &wire.Media{Mode: wire.GuardBlock} })
	r.srv.order(wire.Isolation{})
	r.eventually("the guard holds", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.held })
	r.eventually("the server knows", func() bool {
		var f wire.MediaFact
		r.srv.mu.Lock()
		defer r.srv.mu.Unlock()
		return json.Unmarshal(r.srv.facts[wire.FactMedia].Value, &f) == nil && f.Able && f.Mode == wire.GuardBlock && f.Time == byServer
	})
	p.plug("1-1", aStick("SN-9"), "")
	a.guard.stir()
	r.eventually("the attempt waits for the server", func() bool { return len(a.spool.mediaWaiting()) == 1 })
	r.srv.set(func() { r.srv.doc.Media.Mode = wire.GuardOff })
	r.srv.order(wire.Isolation{})
	r.eventually("the guard lets go", func() bool { return p.works("1-1", 0) })
}

// guardedPC is a pc with ports.
type guardedPC struct {
	*pc
	*ports
}
