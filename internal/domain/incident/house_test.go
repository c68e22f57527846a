package incident_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
)

// shelf keeps evidence in memory.
type shelf struct {
	mu   sync.Mutex
	kept map[string][]byte
	fail error // what Put and Delete answer
}

func (s *shelf) Put(_ context.Context, key string, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		s.kept[key] = b
	}
	return s.fail
}

func (s *shelf) Open(_ context.Context, key string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.kept[key]
	if !ok {
		return nil, errors.New("no such file")
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (s *shelf) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		delete(s.kept, key)
	}
	return s.fail
}

func (s *shelf) breakWith(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// house is the real services over a real SQLite store, at a time moved by hand.
type house struct {
	t      *testing.T
	db     *store.DB
	shelf  *shelf
	people *directory.Service
	notice *notice.Service
	cases  *incident.Service

	mu  sync.Mutex
	now time.Time
}

var jst = time.FixedZone("JST", 9*60*60)

func newHouse(t *testing.T, change func(*directory.Org)) *house {
	t.Helper()
	o := directorytest.Company()
	if change != nil {
		change(o)
	}
	db := storetest.SQLite(t)
	storetest.Seed(t, db, o)
	h := &house{t: t, db: db, shelf: &shelf{kept: map[string][]byte{}}, now: directorytest.Noon()}
	h.people = directory.NewService(db, h.clock)
	h.notice = notice.NewService(db, h.people, h.clock, nil)
	h.cases = h.open()
	return h
}

// open makes a service over the store, as another server would.
func (h *house) open() *incident.Service {
	h.t.Helper()
	s, err := incident.NewService(h.t.Context(), incident.Parts{Store: h.db, Blobs: h.shelf, People: h.people, Notices: h.notice, Tracks: h.db,
		Now: h.clock, Zone: jst, Limits: incident.Limits{File: 1000, Case: 2500}})
	h.must(err)
	return s
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) as(person string) access.Actor {
	h.t.Helper()
	o, err := h.people.Org(h.t.Context())
	h.must(err)
	return directorytest.As(o, person, h.clock())
}

func (h *house) report(kind incident.Kind, by string, change func(*incident.Report)) *incident.Incident {
	h.t.Helper()
	r := incident.Report{Kind: kind, Summary: "𠮷野さんへの宛先違い", Channel: "web"}
	if change != nil {
		change(&r)
	}
	i, err := h.cases.Report(h.t.Context(), h.as(by), r)
	h.must(err)
	return i
}

// answer acknowledges every track of a case by the people of its first level.
func (h *house) answer(i *incident.Incident) {
	h.t.Helper()
	ts, told, _, err := h.db.TracksOf(h.t.Context(), i.ID)
	h.must(err)
	for _, t := range ts {
		n := slices.IndexFunc(told, func(x notice.Told) bool { return x.Track == t.ID })
		_, err := h.notice.Acknowledge(h.t.Context(), h.as(told[n].Person), notice.Ack{Track: t.ID, Path: "web"})
		h.must(err)
	}
}

func (h *house) see(i *incident.Incident, by access.Actor) *incident.Case {
	h.t.Helper()
	c, err := h.cases.Case(h.t.Context(), by, i.ID)
	h.must(err)
	return c
}

// kinds lists the kinds of a case's events.
func (h *house) kinds(i *incident.Incident) map[string]int {
	h.t.Helper()
	es, err := h.db.History(h.t.Context(), i.ID)
	h.must(err)
	out := map[string]int{}
	for _, e := range es {
		out[e.Kind]++
	}
	return out
}

func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func refused(t testing.TB, what string, err error, k fault.Kind, id string) {
	t.Helper()
	if f := fault.As(err); f == nil || f.Kind != k || f.ID != id {
		t.Errorf("%s: %v, want %s", what, err, id)
	}
}

// bad checks that exactly these fields are named, as name:id.
func bad(t testing.TB, what string, err error, want ...string) {
	t.Helper()
	f := fault.As(err)
	if f == nil || f.Kind != fault.Invalid {
		t.Errorf("%s: %v, want %v", what, err, want)
		return
	}
	var got []string
	for _, x := range f.Fields {
		got = append(got, x.Name+":"+x.ID)
	}
	same(t, what, want, got)
}

// deputyOf has d stand in for the manager, who is away from minute 10 to minute 20.
func deputyOf(d string) func(*directory.Org) {
	return func(o *directory.Org) {
		at := directorytest.Noon()
		o.Deputies = []directory.Deputy{{ID: "dep_1", Person: "per_pm", Deputy: d, From: at.Add(-time.Hour)}}
		o.Absences = []directory.Absence{{ID: "abs_1", Person: "per_pm", From: at.Add(10 * time.Minute), Until: at.Add(20 * time.Minute)}}
	}
}
