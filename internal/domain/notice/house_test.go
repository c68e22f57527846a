package notice_test

import (
	"bytes"
	"context"
	"encoding/json"
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
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
)

var jst = time.FixedZone("JST", 9*60*60)

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

// post is a provider: it notes what it is handed and answers as told.
type post struct {
	mu   sync.Mutex
	sent []notice.Attempt
	do   func(notice.Attempt) (string, error) // nil: takes everything
}

func (p *post) Send(_ context.Context, a notice.Attempt, _ notice.Track) (string, error) {
	p.mu.Lock()
	do := p.do
	p.mu.Unlock()
	answer, err := "250 ok", error(nil)
	if do != nil {
		answer, err = do(a)
	}
	if err == nil {
		p.mu.Lock()
		p.sent = append(p.sent, a)
		p.mu.Unlock()
	}
	return answer, err
}

func (p *post) answer(do func(notice.Attempt) (string, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.do = do
}

// blobs is an evidence store that nothing is put into.
type blobs struct{}

func (blobs) Put(context.Context, string, io.Reader) error { return errors.ErrUnsupported }
func (blobs) Open(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(&bytes.Buffer{}), nil
}
func (blobs) Delete(context.Context, string) error { return nil }

// house is the real services over a real SQLite store, with a clock and a post of its own.
type house struct {
	t      *testing.T
	db     *store.DB
	clock  *clock
	post   *post
	people *directory.Service
	notice *notice.Service
	cases  *incident.Service
	send   *notice.Dispatcher
	start  time.Time
}

// newHouse opens a house at the time given with the made-up company, changed by change.
func newHouse(t *testing.T, start time.Time, change func(*directory.Org)) *house {
	t.Helper()
	o := directorytest.Company()
	for id, p := range o.People {
		p.Verified = start.Add(-time.Hour)
		if !p.Left.IsZero() {
			p.Left = start.AddDate(0, -1, 0)
		}
		o.People[id] = p
	}
	for i := range o.Duties {
		o.Duties[i].From = start.AddDate(-1, 0, 0)
	}
	if change != nil {
		change(o)
	}
	db := storetest.SQLite(t)
	storetest.Seed(t, db, o)
	h := &house{t: t, db: db, clock: &clock{t: start}, post: &post{}, start: start}
	h.boot()
	return h
}

// boot makes new services over the store, as a restart does.
func (h *house) boot() {
	h.t.Helper()
	cal := jpcal.New(jst, jpcal.Options{})
	h.people = directory.NewService(h.db, h.clock.now)
	h.notice = notice.NewService(h.db, h.people, h.clock.now, cal)
	h.send = notice.NewDispatcher(h.db, h.post, h.clock.now, 4)
	var err error
	h.cases, err = incident.NewService(h.t.Context(), incident.Parts{Store: h.db, Blobs: blobs{}, People: h.people, Notices: h.notice, Tracks: h.db, Now: h.clock.now, Zone: jst})
	h.must(err)
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// after moves the clock to minutes after the start, without running anything.
func (h *house) after(minutes int) {
	h.clock.set(h.start.Add(time.Duration(minutes) * time.Minute))
}

// tick runs the timers and the post once, as the program does when something is due.
func (h *house) tick() {
	h.t.Helper()
	_, err := h.notice.FireDue(h.t.Context())
	h.must(err)
	h.send.SendDue(h.t.Context()) // what a post refuses is looked for in the rows
}

// runTo lives through all that falls due until minutes after the start.
func (h *house) runTo(minutes int) {
	h.t.Helper()
	end := h.start.Add(time.Duration(minutes) * time.Minute)
	for {
		due, ok, err := h.db.NextDue(h.t.Context())
		h.must(err)
		if !ok || due.After(end) {
			break
		}
		if due.After(h.clock.now()) {
			h.clock.set(due)
		}
		h.tick()
	}
	h.clock.set(end)
}

func (h *house) as(person string) access.Actor {
	h.t.Helper()
	o, err := h.people.Org(h.t.Context())
	h.must(err)
	return directorytest.As(o, person, h.clock.now())
}

func (h *house) report(kind incident.Kind, by string, change func(*incident.Report)) *incident.Incident {
	h.t.Helper()
	r := incident.Report{Kind: kind, Summary: "宛先を間違えた", Channel: "web"}
	if change != nil {
		change(&r)
	}
	i, err := h.cases.Report(h.t.Context(), h.as(by), r)
	h.must(err)
	return i
}

func leaveOut(people ...string) func(*incident.Report) {
	return func(r *incident.Report) { r.LeaveOut = people }
}

// track reads a receiver's track of a case.
func (h *house) track(i *incident.Incident, r notice.Receiver) notice.Track {
	h.t.Helper()
	ts, _, _, err := h.db.TracksOf(h.t.Context(), i.ID)
	h.must(err)
	n := slices.IndexFunc(ts, func(t notice.Track) bool { return t.Receiver == r })
	if n < 0 {
		h.t.Fatalf("case has no track to %s", r)
	}
	return ts[n]
}

// told lists who was told on a receiver's track, first told first.
func (h *house) told(i *incident.Incident, r notice.Receiver) []string {
	h.t.Helper()
	_, told, err := h.db.Track(h.t.Context(), h.track(i, r).ID)
	h.must(err)
	var out []string
	for _, x := range told {
		out = append(out, x.Person)
	}
	return out
}

// attempts lists what was planned on a receiver's track, oldest first.
func (h *house) attempts(i *incident.Incident, r notice.Receiver) []notice.Attempt {
	h.t.Helper()
	_, _, as, err := h.db.TracksOf(h.t.Context(), i.ID)
	h.must(err)
	id := h.track(i, r).ID
	return slices.DeleteFunc(as, func(a notice.Attempt) bool { return a.Track != id })
}

// states counts a track's attempts by state.
func (h *house) states(i *incident.Incident, r notice.Receiver) map[notice.SendState]int {
	h.t.Helper()
	out := map[notice.SendState]int{}
	for _, a := range h.attempts(i, r) {
		out[a.State]++
	}
	return out
}

// firing is when a level was told to whom, in minutes after the start.
type firing struct {
	Minute, Level int
	Person        string
}

func (h *house) firings(i *incident.Incident, r notice.Receiver) []firing {
	h.t.Helper()
	var out []firing
	for _, a := range h.attempts(i, r) {
		out = append(out, firing{int(a.Planned.Sub(h.start) / time.Minute), a.Level, a.Person})
	}
	return out
}

// events lists a case's events of a kind, with their content.
func (h *house) events(i *incident.Incident, kind string) []map[string]any {
	h.t.Helper()
	all, err := h.db.History(h.t.Context(), i.ID)
	h.must(err)
	var out []map[string]any
	for _, e := range all {
		if e.Kind != kind {
			continue
		}
		m := map[string]any{}
		if e.Data != nil {
			h.must(json.Unmarshal(e.Data, &m))
		}
		m["actor"] = e.Actor
		out = append(out, m)
	}
	return out
}

func (h *house) ack(i *incident.Incident, r notice.Receiver, by access.Actor) error {
	h.t.Helper()
	_, err := h.notice.Acknowledge(h.t.Context(), by, notice.Ack{Track: h.track(i, r).ID, Path: "web"})
	return err
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

func badField(t testing.TB, what string, err error, name, id string) {
	t.Helper()
	f := fault.As(err)
	if f == nil || !slices.ContainsFunc(f.Fields, func(x fault.Field) bool { return x.Name == name && x.ID == id }) {
		t.Errorf("%s: %v, want %s:%s", what, err, name, id)
	}
}

// away has the person absent for the given minutes after start, with a deputy.
func away(person, deputy string, start time.Time, from, until int) func(*directory.Org) {
	return func(o *directory.Org) {
		o.Absences = append(o.Absences, directory.Absence{ID: "abs_" + person, Person: person, From: start.Add(time.Duration(from) * time.Minute),
			Until: start.Add(time.Duration(until) * time.Minute), By: person})
		withDeputy(person, deputy, start)(o)
	}
}

func withDeputy(person, deputy string, start time.Time) func(*directory.Org) {
	return func(o *directory.Org) {
		if deputy != "" {
			o.Deputies = append(o.Deputies, directory.Deputy{ID: "dep_" + person + deputy, Person: person, Deputy: deputy, From: start.AddDate(-1, 0, 0)})
		}
	}
}

func changes(cs ...func(*directory.Org)) func(*directory.Org) {
	return func(o *directory.Org) {
		for _, c := range cs {
			c(o)
		}
	}
}

// noon is a working day's noon in Japan.
func noon() time.Time { return directorytest.Noon() }

var _ journal.Recorder = notice.Tx(nil)
