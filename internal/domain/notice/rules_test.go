package notice_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

func TestRule1TwoTracks(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	same(t, "supervisor's track", []string{"per_sales"}, h.told(i, notice.Supervisor))
	same(t, "manager's track", []string{"per_pm"}, h.told(i, notice.Manager))
	h.runTo(4)
	h.must(h.ack(i, notice.Manager, h.as("per_pm")))
	ts, _, _, err := h.db.TracksOf(t.Context(), i.ID)
	h.must(err)
	first, full := notice.Answered(ts)
	if len(ts) != 2 || !first.Equal(h.clock.now()) || !full.IsZero() {
		t.Errorf("%d tracks, first answer %v, full %v", len(ts), first, full)
	}
	if got := h.track(i, notice.Supervisor); got.State != notice.Open {
		t.Error("one track's answer silenced the other")
	}
	h.runTo(6)
	same(t, "the other goes on", []firing{{0, 1, "per_sales"}, {3, 1, "per_sales"}, {6, 1, "per_sales"}}, h.firings(i, notice.Supervisor))
	h.must(h.ack(i, notice.Supervisor, h.as("per_sales")))
	ts, _, _, err = h.db.TracksOf(t.Context(), i.ID)
	h.must(err)
	first, full = notice.Answered(ts)
	if !full.Equal(h.clock.now()) || !first.Before(full) {
		t.Errorf("first answer %v, full %v", first, full)
	}
	v := h.report(incident.Virus, "per_emp", nil)
	same(t, "IT administrator's track", []string{"per_it"}, h.told(v, notice.ITAdmin))
	if f, l := notice.Answered(nil); !f.IsZero() || !l.IsZero() {
		t.Error("a case without tracks counts as answered")
	}
}

func TestRule2WindowsAndRepeats(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind incident.Kind
		to   int
		want []firing
	}{
		{incident.Lost, 13, []firing{{0, 1, "per_sales"}, {3, 1, "per_sales"}, {6, 1, "per_sales"}, {9, 1, "per_sales"}, {10, 2, "per_pres"}, {13, 2, "per_pres"}}},
		{incident.Complaint, 80, []firing{{0, 1, "per_sales"}, {20, 1, "per_sales"}, {40, 1, "per_sales"}, {60, 2, "per_pres"}, {80, 2, "per_pres"}}},
		{incident.NearMiss, 80, []firing{{0, 1, "per_sales"}}},
	} {
		h := newHouse(t, noon(), nil)
		i := h.report(tt.kind, "per_emp", nil)
		h.runTo(tt.to)
		same(t, string(tt.kind), tt.want, h.firings(i, notice.Supervisor))
	}
}

// half refuses the second track's first level, the last write of a report but one.
type half struct {
	incident.Store
	n int
}

func (s *half) UpdateIncidents(ctx context.Context, f func(incident.Tx) error) error {
	return s.Store.UpdateIncidents(ctx, func(tx incident.Tx) error { return f(&halfTx{tx, s}) })
}

type halfTx struct {
	incident.Tx
	s *half
}

func (t *halfTx) InsertFired(ctx context.Context, f notice.Fired) error {
	if t.s.n++; t.s.n == 2 {
		return errors.New("no")
	}
	return t.Tx.InsertFired(ctx, f)
}

func TestRule3FiresInTheReportsCommit(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	s, err := incident.NewService(t.Context(), incident.Parts{Store: &half{Store: h.db}, Blobs: blobs{}, People: h.people, Notices: h.notice, Tracks: h.db, Now: h.clock.now, Zone: jst})
	h.must(err)
	if _, err := s.Report(t.Context(), h.as("per_emp"), incident.Report{Kind: incident.Lost, Summary: "x"}); err == nil {
		t.Fatal("a report without its notices was accepted")
	}
	if p, err := h.db.Find(t.Context(), incident.Query{All: true, Limit: 9}); err != nil || len(p.Rows) != 0 {
		t.Errorf("a refused report left %v, %v", p, err)
	}
	if _, due, _ := h.db.NextDue(t.Context()); due {
		t.Error("a refused report left notices")
	}
	i := h.report(incident.Lost, "per_emp", nil)
	same(t, "the number of the refused one is used", 1, i.Number)
	for _, a := range h.attempts(i, notice.Manager) {
		if a.State != notice.Planned || !a.NextTry.Equal(i.Reported) {
			t.Errorf("not ready to go at once: %+v", a)
		}
	}
	h.tick()
	same(t, "sent at once", map[notice.SendState]int{notice.Sent: 1}, h.states(i, notice.Manager))
}

func TestRule4WhoIsTold(t *testing.T) {
	t.Parallel()
	stale := func(person string) func(*directory.Org) {
		return func(o *directory.Org) {
			p := o.People[person]
			p.Verified = noon().Add(-directory.VerifiedFor - time.Second)
			o.People[person] = p
		}
	}
	left := func(person string) func(*directory.Org) {
		return func(o *directory.Org) {
			p := o.People[person]
			p.Left = noon()
			o.People[person] = p
		}
	}
	auditor := func(person string) func(*directory.Org) {
		return func(o *directory.Org) {
			o.Duties = append(o.Duties, directory.Assignment{Duty: access.Auditor, Person: person, From: noon().Add(-time.Hour)})
		}
	}
	pmDeputy := withDeputy("per_pm", "per_dep", noon())
	for _, tt := range []struct {
		name     string
		company  func(*directory.Org)
		by       string
		leave    []string
		receiver notice.Receiver
		level    int
		want     []string
	}{
		{"the holder", pmDeputy, "per_emp", nil, notice.Manager, 1, []string{"per_pm"}},
		{"absent: the deputy", away("per_pm", "per_dep", noon(), -1, 9), "per_emp", nil, notice.Manager, 1, []string{"per_dep"}},
		{"absent without deputy: everyone of the last level", away("per_pm", "", noon(), -1, 9), "per_emp", nil, notice.Manager, 3, []string{"per_it", "per_sales"}},
		{"deputy of the deputy", changes(away("per_pm", "per_dep", noon(), -1, 9), away("per_dep", "per_gen", noon(), -1, 9)), "per_emp", nil, notice.Manager, 1, []string{"per_gen"}},
		{"deputies in a loop", changes(away("per_pm", "per_dep", noon(), -1, 9), away("per_dep", "per_pm", noon(), -1, 9)), "per_emp", nil, notice.Manager, 3, []string{"per_it", "per_sales"}},
		{"no contact verified in 90 days: the deputy too", changes(stale("per_pm"), pmDeputy), "per_emp", nil, notice.Manager, 1, []string{"per_pm", "per_dep"}},
		{"a stale contact alone: told all the same, and the next above", stale("per_sales"), "per_emp", nil, notice.Supervisor, 1, []string{"per_sales", "per_pres"}},
		{"the supervisor is the auditor: the next above", auditor("per_sales"), "per_emp", nil, notice.Supervisor, 1, []string{"per_pres"}},
		{"left with the duty still in the book", changes(left("per_pm")), "per_emp", nil, notice.Manager, 3, []string{"per_it", "per_sales"}},
		{"the reporter is the manager: the deputy", pmDeputy, "per_pm", nil, notice.Manager, 1, []string{"per_dep"}},
		{"the reporter is the manager, without deputy", nil, "per_pm", nil, notice.Manager, 3, []string{"per_it", "per_gen"}},
		{"the reporter is the supervisor: the next above", nil, "per_sales", nil, notice.Supervisor, 1, []string{"per_pres"}},
		{"the reporter is at the top", nil, "per_pres", nil, notice.Supervisor, 3, []string{"per_pm"}},
		{"the supervisor is left out: the next above", nil, "per_emp", []string{"per_sales"}, notice.Supervisor, 1, []string{"per_pres"}},
		{"the supervisor is left out: the deputy", withDeputy("per_sales", "per_gen", noon()), "per_emp", []string{"per_sales"}, notice.Supervisor, 1, []string{"per_gen"}},
		{"the manager is left out", pmDeputy, "per_emp", []string{"per_pm"}, notice.Manager, 1, []string{"per_dep"}},
		{"manager and deputy are left out", pmDeputy, "per_emp", []string{"per_pm", "per_dep"}, notice.Manager, 3, []string{"per_it", "per_sales"}},
		{"the reporter is the deputy", changes(away("per_pm", "per_dep", noon(), -1, 9)), "per_dep", nil, notice.Manager, 3, []string{"per_it", "per_gen"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, noon(), tt.company)
			i := h.report(incident.Missent, tt.by, leaveOut(tt.leave...))
			got := h.told(i, tt.receiver)
			same(t, "told", set(tt.want), set(got))
			tr := h.track(i, tt.receiver)
			same(t, "level reached at once", tt.level, tr.Level)
			if tr.Empty || !tr.LevelEnd.After(noon()) {
				t.Errorf("track %+v", tr)
			}
			empty := 0
			for _, e := range h.events(i, "notice.level_empty") {
				if e["track"] == tr.ID {
					empty++
				}
			}
			same(t, "empty levels in the record", tt.level-1, empty)
		})
	}
}

// A whole chain whose contacts nobody verified of late: all are told, none is waited for.
func TestRule4AllStale(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), func(o *directory.Org) {
		for id, p := range o.People {
			p.Verified = noon().Add(-directory.VerifiedFor - time.Second)
			o.People[id] = p
		}
	})
	i := h.report(incident.Missent, "per_emp", nil)
	same(t, "told", set([]string{"per_sales", "per_pres", "per_pm"}), set(h.told(i, notice.Supervisor)))
	tr := h.track(i, notice.Supervisor)
	if tr.Empty || tr.State != notice.Open || !tr.NextFire.After(noon()) {
		t.Errorf("track %+v", tr)
	}
}

func set(s []string) map[string]bool {
	m := map[string]bool{}
	for _, x := range s {
		m[x] = true
	}
	return m
}

// Those left out are not told in many passes, do not see the case and cannot answer.
func TestRule4LeftOutStayOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), withDeputy("per_pm", "per_dep", noon()))
	i := h.report(incident.Missent, "per_emp", leaveOut("per_pm", "per_sales"))
	h.runTo(180)
	for _, r := range []notice.Receiver{notice.Manager, notice.Supervisor} {
		for _, f := range h.firings(i, r) {
			if f.Person == "per_pm" || f.Person == "per_sales" || f.Person == "per_emp" {
				t.Fatalf("told %s", f.Person)
			}
		}
		refused(t, "answer by who is left out", h.ack(i, r, h.as("per_pm")), fault.Denied, "fault.denied")
	}
	if _, err := h.cases.Case(t.Context(), h.as("per_pm"), i.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("the manager who is left out sees the case: %v", err)
	}
	p, err := h.cases.Find(t.Context(), h.as("per_pm"), incident.Query{})
	if err != nil || len(p.Rows) != 0 {
		t.Errorf("and finds it: %v, %v", p, err)
	}
	refused(t, "pass on to who is left out", h.notice.PassOn(t.Context(), h.as("per_pres"), h.track(i, notice.Supervisor).ID, "per_sales", "x"), fault.Invalid, "fault.invalid")
	if got := h.events(i, "incident.reported")[0]["left_out"]; got == nil {
		t.Error("the record does not say who was left out")
	}
}

// A chain that finds nobody says so and looks again every few minutes.
func TestRule4NobodyAtAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), changes(away("per_pm", "", noon(), -9, 12), away("per_it", "", noon(), -9, 12), away("per_sales", "", noon(), -9, 500),
		away("per_pres", "", noon(), -9, 500)))
	i := h.report(incident.Missent, "per_emp", nil)
	tr := h.track(i, notice.Manager)
	if !tr.Empty || tr.State != notice.Open {
		t.Errorf("track %+v", tr)
	}
	s, err := h.db.Stats(t.Context(), h.clock.now())
	h.must(err)
	same(t, "in the health line", 2, s.Unreachable)
	h.runTo(16)
	same(t, "when someone is back", []firing{{15, 1, "per_pm"}}, h.firings(i, notice.Manager))
	if h.track(i, notice.Manager).Empty {
		t.Error("still called empty")
	}
}

func TestRule5NextLevelAndEarlierMayAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.runTo(11)
	same(t, "told so far", []string{"per_sales", "per_pres"}, h.told(i, notice.Supervisor))
	h.must(h.ack(i, notice.Supervisor, h.as("per_sales")))
	same(t, "answered by the first", "per_sales", h.track(i, notice.Supervisor).AckedBy)
}

// No cap: the chain has run its fiftieth pass and goes on.
func TestRule6AgainWithoutEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	tr := h.track(i, notice.Manager)
	for n := 0; tr.Pass <= 50; n++ {
		if n > 50*3*4 {
			t.Fatalf("after %d firings in pass %d only", n, tr.Pass)
		}
		h.clock.set(tr.NextFire)
		if got := h.clock.now().Sub(tr.LevelEnd); got > 0 || tr.LevelEnd.Sub(h.clock.now()) > time.Hour {
			t.Fatalf("pass %d waits until %v", tr.Pass, tr.LevelEnd)
		}
		_, err := h.notice.FireDue(t.Context())
		h.must(err)
		before := tr
		if tr = h.track(i, notice.Manager); tr.Fires != before.Fires+1 {
			t.Fatalf("fired %d times at once", tr.Fires-before.Fires)
		}
	}
	same(t, "the fifty-first begins at level 1", 1, tr.Level)
	same(t, "after fifty passes of thirty minutes", 50*30*time.Minute, h.clock.now().Sub(noon()))
	h.must(h.ack(i, notice.Manager, h.as("per_pm")))
}

func TestRule6OnlyAReasonedCloseEndsIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	tr := h.track(i, notice.Supervisor)
	refused(t, "by the supervisor", h.notice.End(t.Context(), h.as("per_sales"), tr.ID, "うるさい"), fault.Denied, "fault.denied")
	badField(t, "without reason", h.notice.End(t.Context(), h.as("per_pm"), tr.ID, "  "), "reason", "fault.required")
	h.must(h.notice.End(t.Context(), h.as("per_pm"), tr.ID, "電話で話した"))
	got := h.track(i, notice.Supervisor)
	if got.State != notice.Closed || got.EndedWhy != "電話で話した" || !got.NextFire.IsZero() {
		t.Errorf("track %+v", got)
	}
	same(t, "nothing goes out", map[notice.SendState]int{notice.Cancelled: 1}, h.states(i, notice.Supervisor))
	ev := h.events(i, "notice.ended")
	if len(ev) != 1 || ev[0]["reason"] != "電話で話した" || ev[0]["actor"] != "per_pm" {
		t.Errorf("record %v", ev)
	}
	refused(t, "twice", h.notice.End(t.Context(), h.as("per_pm"), tr.ID, "x"), fault.Conflict, "fault.track_closed")
	refused(t, "escalate a closed one", h.notice.Escalate(t.Context(), h.as("per_pm"), tr.ID, 0, "x"), fault.Conflict, "fault.track_closed")
}

func TestRule7AnswerEndsTheTrackAtOnce(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"web", "link", "api"} {
		h := newHouse(t, noon(), nil)
		i := h.report(incident.Missent, "per_emp", nil)
		h.tick() // the first is sent
		h.after(3)
		_, err := h.notice.FireDue(t.Context())
		h.must(err) // the second is planned: one goes to the post, the supervisor's stays
		tr := h.track(i, notice.Manager)
		claimed, err := h.db.Claim(t.Context(), h.clock.now(), notice.Lease, 1, true)
		h.must(err)
		by := h.as("per_pm")
		switch path {
		case "link":
			var of notice.Track
			by, of, err = h.notice.Follow(t.Context(), h.attempts(i, notice.Manager)[0].ID)
			h.must(err)
			same(t, "the link's track", tr.ID, of.ID)
		case "api":
			by.Via, by.Scopes = access.ByToken, []access.Permission{access.Answer}
		}
		same(t, "following answers nothing", notice.Open, h.track(i, notice.Manager).State)
		got, err := h.notice.Acknowledge(t.Context(), by, notice.Ack{Track: tr.ID, Note: " すぐ行きます ", Path: path})
		h.must(err)
		if got.State != notice.Acked || got.AckedBy != "per_pm" || got.AckPath != path || got.AckNote != "すぐ行きます" || !got.AckedAt.Equal(h.clock.now()) || !got.NextFire.Equal(got.AckedAt.Add(30*time.Minute)) {
			t.Errorf("%s: %+v", path, got)
		}
		for _, a := range h.attempts(i, notice.Manager) {
			held := a.ID == claimed[0].ID
			if a.Number == 2 && (held && (a.State != notice.Sending || !a.Late) || !held && (a.State != notice.Cancelled || a.Late)) {
				t.Errorf("%s: attempt %+v", path, a)
			}
		}
		if st := h.track(i, notice.Supervisor); st.State != notice.Open {
			t.Errorf("%s: the other track is %s", path, st.State)
		}
		fires := h.track(i, notice.Manager).Fires
		h.runTo(32)
		same(t, path+": fires no more", fires, h.track(i, notice.Manager).Fires)
		same(t, path+": in the record", 1, len(h.events(i, "notice.acknowledged")))
	}
}

// What the provider already holds when somebody answers is marked late and settled.
func TestRule7LateNotice(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.post.answer(func(a notice.Attempt) (string, error) {
		if a.Person == "per_pm" { // answered while the message is on its way
			h.must(h.ack(i, notice.Manager, h.as("per_pm")))
		}
		return "250 ok", nil
	})
	h.tick()
	a := h.attempts(i, notice.Manager)[0]
	if a.State != notice.Sent || !a.Late {
		t.Errorf("attempt %+v", a)
	}
	if b := h.attempts(i, notice.Supervisor)[0]; b.State != notice.Sent || b.Late {
		t.Errorf("the other track's %+v", b)
	}
	sent := h.events(i, "notice.sent")
	late := 0
	for _, e := range sent {
		if e["late"] == true {
			late++
		}
	}
	same(t, "late ones in the record", 1, late)
	ack := h.events(i, "notice.acknowledged")[0]
	same(t, "named by the answer", []any{a.ID}, ack["late"].([]any))
}

// A claimed notice that has not been handed over when somebody answers is not sent.
func TestRule7AnsweredBetweenClaimAndSend(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	// One worker: the second notice waits for the first, whose sending answers both.
	h.send = notice.NewDispatcher(h.db, h.post, h.clock.now, 1)
	sent := 0
	h.post.answer(func(notice.Attempt) (string, error) {
		if sent++; sent == 1 {
			h.must(h.ack(i, notice.Manager, h.as("per_pm")))
			h.must(h.ack(i, notice.Supervisor, h.as("per_sales")))
		}
		return "250 ok", nil
	})
	h.tick()
	same(t, "handed over", 1, sent)
	states := h.states(i, notice.Manager)
	for s, n := range h.states(i, notice.Supervisor) {
		states[s] += n
	}
	same(t, "states", map[notice.SendState]int{notice.Sent: 1, notice.Cancelled: 1}, states)
	same(t, "the cancelled one in the record", 1, len(h.events(i, "notice.cancelled")))
}

func TestRule7WhoMayAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), away("per_pm", "per_dep", noon(), 5, 60))
	i := h.report(incident.Missent, "per_emp", nil)
	h.tick()
	for _, stranger := range []string{"per_gen", "per_it", "per_emp", "per_dep"} {
		refused(t, stranger, h.ack(i, notice.Manager, h.as(stranger)), fault.Denied, "fault.denied")
	}
	refused(t, "nobody", h.ack(i, notice.Manager, access.Actor{}), fault.Unauthenticated, "fault.unauthenticated")
	refused(t, "the auditor", h.ack(i, notice.Manager, h.as("per_aud")), fault.Denied, "fault.auditor_readonly")
	token := h.as("per_pm")
	token.Via, token.Scopes = access.ByToken, []access.Permission{access.ReadCases}
	refused(t, "a token that may only read", h.ack(i, notice.Manager, token), fault.Denied, "fault.scope")
	refused(t, "the manager, on the supervisor's track", h.ack(i, notice.Supervisor, h.as("per_pm")), fault.Denied, "fault.denied")
	_, err := h.notice.Acknowledge(t.Context(), h.as("per_pm"), notice.Ack{Track: "trk_none"})
	refused(t, "no such track", err, fault.NotFound, "fault.not_found")
	long := make([]rune, 501)
	for n := range long {
		long[n] = '長'
	}
	_, err = h.notice.Acknowledge(t.Context(), h.as("per_pm"), notice.Ack{Track: h.track(i, notice.Manager).ID, Note: string(long)})
	badField(t, "a long note", err, "note", "fault.too_long")
	h.after(6) // the manager is away now: the deputy holds the duty
	h.must(h.ack(i, notice.Manager, h.as("per_dep")))
	at := h.clock.now()
	h.after(7)
	h.must(h.ack(i, notice.Manager, h.as("per_pm")))
	got := h.track(i, notice.Manager)
	if got.AckedBy != "per_dep" || !got.AckedAt.Equal(at) {
		t.Errorf("a second answer changed the first: %+v", got)
	}
	same(t, "answers in the record", 1, len(h.events(i, "notice.acknowledged")))
}

func TestRule7StandInIsNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), away("per_pm", "per_dep", noon(), -1, 60))
	i := h.report(incident.Missent, "per_emp", nil)
	h.must(h.ack(i, notice.Manager, h.as("per_dep")))
	same(t, "in whose place", "per_pm", h.track(i, notice.Manager).AckFor)
}

func TestRule7Links(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), func(o *directory.Org) {
		p := o.People["per_sales"]
		p.Left = noon().Add(time.Hour)
		o.People[p.ID] = p
	})
	i := h.report(incident.Missent, "per_emp", nil)
	links := notice.NewLinks([]byte("0123456789abcdef0123456789abcdef"))
	id := h.attempts(i, notice.Supervisor)[0].ID
	token := links.Token(id)
	got, err := links.Read(token)
	if err != nil || got != id {
		t.Errorf("read %q, %v", got, err)
	}
	for _, bad := range []string{"", ".", id, id + ".", token[:len(token)-1], token + "A", "x" + token, id + ".AAAAAAAAAAAAAAAAAAAAAAAA"} {
		_, err := links.Read(bad)
		refused(t, bad, err, fault.NotFound, "fault.bad_link")
	}
	_, err = notice.NewLinks([]byte("another key of the same length!!")).Read(token)
	refused(t, "another server's", err, fault.NotFound, "fault.bad_link")
	by, _, err := h.notice.Follow(t.Context(), id)
	h.must(err)
	if _, err := h.cases.Case(t.Context(), by, i.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("a link opens the case: %v", err)
	}
	if _, err := h.cases.Find(t.Context(), by, incident.Query{}); !fault.Is(err, fault.Denied) {
		t.Errorf("a link lists cases: %v", err)
	}
	if _, err := h.cases.Report(t.Context(), by, incident.Report{Kind: incident.Lost, Summary: "x"}); !fault.Is(err, fault.Denied) {
		t.Errorf("a link reports: %v", err)
	}
	track := h.track(i, notice.Supervisor).ID
	refused(t, "escalate by link", h.notice.Escalate(t.Context(), by, track, 0, "x"), fault.Denied, "fault.denied")
	refused(t, "pass on by link", h.notice.PassOn(t.Context(), by, track, "per_pres", "x"), fault.Denied, "fault.denied")
	h.after(61)
	_, _, err = h.notice.Follow(t.Context(), id)
	refused(t, "of who left", err, fault.NotFound, "fault.link_expired")
	id = h.attempts(i, notice.Manager)[0].ID
	h.clock.set(noon().Add(notice.LinkLife))
	_, _, err = h.notice.Follow(t.Context(), id)
	h.must(err)
	h.clock.set(noon().Add(notice.LinkLife + time.Second))
	_, _, err = h.notice.Follow(t.Context(), id)
	refused(t, "an old one", err, fault.NotFound, "fault.link_expired")
	_, _, err = h.notice.Follow(t.Context(), "ntc_none")
	refused(t, "no such notice", err, fault.NotFound, "fault.not_found")
}

func TestRule9EscalateByHand(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	tr := h.track(i, notice.Supervisor)
	refused(t, "by a stranger", h.notice.Escalate(t.Context(), h.as("per_gen"), tr.ID, 0, "x"), fault.Denied, "fault.denied")
	badField(t, "to no level", h.notice.Escalate(t.Context(), h.as("per_sales"), tr.ID, 4, "x"), "level", "fault.out_of_range")
	badField(t, "below", h.notice.Escalate(t.Context(), h.as("per_sales"), tr.ID, -1, "x"), "level", "fault.out_of_range")
	h.after(1)
	h.must(h.notice.Escalate(t.Context(), h.as("per_sales"), tr.ID, 0, "手に負えない"))
	same(t, "the next level at once", []firing{{0, 1, "per_sales"}, {1, 2, "per_pres"}}, h.firings(i, notice.Supervisor))
	h.must(h.ack(i, notice.Supervisor, h.as("per_pres")))
	h.after(2)
	h.must(h.notice.Escalate(t.Context(), h.as("per_pm"), tr.ID, 3, "答えたが動かない")) // the manager may, though not told
	got := h.track(i, notice.Supervisor)
	if got.State != notice.Open || !got.AckedAt.IsZero() || got.AckedBy != "" || got.Level != 3 || !got.NextFire.After(h.clock.now()) {
		t.Errorf("also when answered: %+v", got)
	}
	ev := h.events(i, "notice.escalated")
	if len(ev) != 2 || ev[0]["reason"] != "手に負えない" || ev[1]["actor"] != "per_pm" {
		t.Errorf("record %v", ev)
	}
	same(t, "the answer stays in the record", 1, len(h.events(i, "notice.acknowledged")))
	h.runTo(12) // level 3 ends: the chain begins again
	got = h.track(i, notice.Supervisor)
	same(t, "pass and level", [2]int{2, 1}, [2]int{got.Pass, got.Level})
}

func TestRule9PassOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), away("per_dep", "per_gen", noon(), 30, 60))
	i := h.report(incident.Missent, "per_emp", nil)
	tr := h.track(i, notice.Supervisor)
	for person, id := range map[string]string{"": "fault.required", "per_emp": "fault.not_reachable", "per_old": "fault.not_reachable", "per_none": "fault.not_reachable"} {
		badField(t, person, h.notice.PassOn(t.Context(), h.as("per_sales"), tr.ID, person, "x"), "person", id)
	}
	h.runTo(4)
	h.must(h.notice.PassOn(t.Context(), h.as("per_sales"), tr.ID, "per_dep", "担当だから"))
	got := h.track(i, notice.Supervisor)
	if !got.LevelEnd.Equal(h.clock.now().Add(10 * time.Minute)) {
		t.Errorf("no window of its own: %+v", got)
	}
	h.runTo(15)
	same(t, "firings", []firing{{0, 1, "per_sales"}, {3, 1, "per_sales"}, {4, 1, "per_dep"}, {7, 1, "per_dep"}, {10, 1, "per_dep"}, {13, 1, "per_dep"}, {14, 2, "per_pres"}},
		h.firings(i, notice.Supervisor))
	h.must(h.ack(i, notice.Supervisor, h.as("per_dep")))
	h.after(40)
	h.must(h.notice.PassOn(t.Context(), h.as("per_pres"), tr.ID, "per_dep", "戻す"))
	told := h.firings(i, notice.Supervisor)
	same(t, "the named one is away: the deputy", "per_gen", told[len(told)-1].Person)
	same(t, "in the record", 2, len(h.events(i, "notice.passed_on")))
}
