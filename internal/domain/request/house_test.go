package request_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
	"sekimori/internal/testkit/letters"
)

var jst = time.FixedZone("JST", 9*60*60)

// day is one working day.
const day = 24 * time.Hour

// monday is a working Monday in Japan, at noon, with an ordinary week after it.
func monday() time.Time { return time.Date(2026, 11, 16, 3, 0, 0, 0, time.UTC) }

// key is the form of the tests' only kind: to have a key to a room.
type keyForm struct {
	Room  string    `json:"room"`
	Until time.Time `json:"until,omitzero"`
}

func checkKey(_ context.Context, _ access.Actor, raw json.RawMessage, _ time.Time) (request.Content, error) {
	var f keyForm
	if err := json.Unmarshal(raw, &f); err != nil || f.Room == "" {
		var c fault.Check
		c.Add("room", "fault.required", nil)
		return request.Content{}, c.Err()
	}
	plain, err := json.Marshal(f)
	return request.Content{Form: plain, Title: "鍵 " + f.Room, About: "room_" + f.Room, Expires: f.Until}, err
}

// chain asks the roles in turn, one of each, by the usual times.
func chain(roles ...request.Role) request.Chain {
	c := request.Chain{Remind: day, Climb: 2 * day, Life: 14 * day}
	for _, r := range roles {
		c.Steps = append(c.Steps, request.Rule{Role: r, Need: request.One})
	}
	return c
}

// house is the real service over a real SQLite store, at a time moved by hand.
type house struct {
	t      *testing.T
	db     *store.DB
	people *directory.Service
	*request.Service
	built request.Chain

	mu  sync.Mutex
	now time.Time
}

func newHouse(t *testing.T, c request.Chain, change func(*directory.Org)) *house {
	t.Helper()
	o := directorytest.Company()
	if change != nil {
		change(o)
	}
	db := storetest.SQLite(t)
	storetest.Seed(t, db, o)
	h := &house{t: t, db: db, now: monday(), built: c}
	h.people = directory.NewService(db, h.clock)
	h.Service = h.open()
	return h
}

// open makes a service over the store, as another server would.
func (h *house) open() *request.Service {
	h.t.Helper()
	s, err := request.NewService(request.Parts{Store: h.db, People: h.people, Now: h.clock, Zone: jst, Calendar: jpcal.New(jst, jpcal.Options{}), Retention: 99 * day,
		Kinds: []request.Kind{{Name: "key", Chain: h.built, Check: checkKey}}})
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

// change changes the directory as its pages would.
func (h *house) change(f func(directory.Tx) error) {
	h.t.Helper()
	h.must(h.db.UpdateDirectory(h.t.Context(), f))
}

// leave ends a person's employment now.
func (h *house) leave(person string) {
	h.t.Helper()
	o, err := h.people.Org(h.t.Context())
	h.must(err)
	p := o.People[person]
	p.Left = h.clock()
	h.change(func(tx directory.Tx) error { return tx.SavePerson(h.t.Context(), p) })
}

func (h *house) submit(person, room string) *request.Request {
	h.t.Helper()
	r, err := h.Submit(h.t.Context(), h.as(person), request.New{Kind: "key", Form: json.RawMessage(`{"room":"` + room + `"}`)})
	h.must(err)
	return r
}

func (h *house) get(person string, r *request.Request) request.View {
	h.t.Helper()
	v, err := h.Get(h.t.Context(), h.as(person), r.Label)
	h.must(err)
	return v
}

// decide decides what the request is now.
func (h *house) decide(person string, r *request.Request, v request.Verdict) (*request.Request, error) {
	h.t.Helper()
	return h.decideAs(h.as(person), r, v)
}

func (h *house) decideAs(by access.Actor, r *request.Request, v request.Verdict) (*request.Request, error) {
	h.t.Helper()
	now, err := h.db.Request(h.t.Context(), r.ID)
	h.must(err)
	path := map[access.Via]string{access.ByLink: "link", access.ByToken: "api"}[by.Via]
	if path == "" {
		path = "web"
	}
	return h.Decide(h.t.Context(), by, request.Decision{Request: r.Label, Verdict: v, Note: "理由", Digest: request.Digest(now), Path: path})
}

func (h *house) approve(person string, r *request.Request) *request.Request {
	h.t.Helper()
	out, err := h.decide(person, r, request.Approve)
	if err != nil {
		h.t.Fatalf("%s approves: %v", person, err)
	}
	return out
}

// fire runs the timers until nothing is due, and gives how many ran.
func (h *house) fire() (fired int) {
	h.t.Helper()
	for range 20 {
		n, err := h.FireDue(h.t.Context())
		h.must(err)
		if n == 0 {
			return fired
		}
		fired += n
	}
	h.t.Fatal("the timers never rest")
	return fired
}

// events lists the kinds of a request's events in their order.
func (h *house) events(r *request.Request) []string {
	h.t.Helper()
	var out []string
	for _, e := range h.history(r) {
		out = append(out, e.Kind)
	}
	return out
}

func (h *house) history(r *request.Request) []journal.Event {
	h.t.Helper()
	es, err := h.db.History(h.t.Context(), r.ID)
	h.must(err)
	return es
}

// post takes every letter that is due and gives them as "topic person".
func (h *house) post() []string {
	h.t.Helper()
	var out []string
	for _, l := range h.letters() {
		who := l.Person
		if l.For != "" {
			who += " for " + l.For
		}
		out = append(out, l.Topic+" "+who)
	}
	slices.Sort(out)
	return out
}

func (h *house) letters() []notice.Letter {
	h.t.Helper()
	p := &pigeon{}
	_, err := notice.NewCourier(h.db, p, h.clock, 1).SendDue(h.t.Context())
	h.must(err)
	for _, l := range p.sent {
		letters.Complete(h.t, l.Topic, l.Args)
	}
	return p.sent
}

// pigeon takes every letter, or answers as told.
type pigeon struct {
	sent []notice.Letter
	err  error
}

func (p *pigeon) SendLetter(_ context.Context, l notice.Letter) (string, error) {
	if p.err == nil {
		p.sent = append(p.sent, l)
	}
	return "250 ok", p.err
}

func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func refused(t testing.TB, what string, err error, id string) {
	t.Helper()
	if f := fault.As(err); f == nil || f.ID != id {
		t.Errorf("%s: %v, want %s", what, err, id)
	}
}

// bad checks that the input is refused for exactly these fields, as name:id.
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

// states gives the states of the steps.
func states(r *request.Request) []request.StepState {
	var out []request.StepState
	for _, s := range r.Steps {
		out = append(out, s.State)
	}
	return out
}

// asked gives who was asked on a step, as "person" or "person for other", with the climb.
func asked(s request.Step) []string {
	var out []string
	for _, a := range s.Asked {
		who := a.Person
		if a.For != "" {
			who += " for " + a.For
		}
		if a.Climb > 0 {
			who += " climb " + string(rune('0'+a.Climb))
		}
		out = append(out, who)
	}
	return out
}
