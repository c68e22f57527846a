package storetest

import (
	"fmt"
	"testing"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
)

// track is a track to the manager, started at noon, due ten minutes later when open.
func track(id, incident string, s notice.State) notice.Track {
	t := notice.Track{ID: id, Incident: incident, Receiver: notice.Manager, Urgency: notice.Urgent, Policy: 1, State: s, Pass: 1, Level: 1, Started: at(0)}
	if s == notice.Open {
		t.NextFire, t.LevelEnd = at(10), at(10)
	}
	return t
}

func attempt(id, track string, next time.Time) notice.Attempt {
	return notice.Attempt{ID: id, Key: "key/" + id, Track: track, Incident: "inc_" + track, Person: "per_pm", Channel: "mail", Address: "a@aoba.example",
		Pass: 1, Level: 1, Number: 1, Planned: next, NextTry: next, State: notice.Planned}
}

func fire(t testing.TB, db *store.DB, fs ...notice.Fired) {
	t.Helper()
	must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
		for _, f := range fs {
			if err := tx.InsertFired(t.Context(), f); err != nil {
				return err
			}
		}
		return nil
	}))
}

func testTracks(t *testing.T, db *store.DB) {
	full := notice.Track{ID: "trk_a", Incident: "inc_1", Receiver: notice.Supervisor, Urgency: notice.Light, Policy: 4, Reporter: "per_emp",
		LeftOut: []string{"per_x", "per_y"}, State: notice.Acked, Pass: 51, Level: 3, Attempt: 4, Fires: 600, PassedTo: "per_z", Started: at(0),
		LevelEnd: at(2), NextFire: at(1), Empty: true, AckedAt: at(3), AckedBy: "per_q", AckFor: "per_r", AckPath: "link", AckNote: kanji, EndedWhy: kanji,
		HeldSince: at(4), Hurried: true, Asked: at(5)}
	bare := notice.Track{ID: "trk_b", Incident: "inc_1", Started: at(1)}
	told := []notice.Told{
		{Track: "trk_a", Person: "per_1", For: "per_2", Level: 2, Pass: 3, At: at(1)},
		{Track: "trk_a", Person: "per_0", At: at(2)},
	}
	fire(t, db, notice.Fired{Track: full, Told: told}, notice.Fired{Track: bare})
	got, gotTold, err := db.Track(t.Context(), "trk_a")
	must(t, err)
	same(t, "track", full, got)
	same(t, "told", told, gotTold)
	if _, _, err := db.Track(t.Context(), "trk_none"); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing: %v", err)
	}
	must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
		if _, _, err := tx.LockTrack(t.Context(), "trk_none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("lock a missing track: %v", err)
		}
		tr, td, err := tx.LockTrack(t.Context(), "trk_b")
		if err != nil {
			return err
		}
		same(t, "locked", bare, tr)
		same(t, "nobody told", 0, len(td))
		// Everything that a firing may change, over the bare one.
		id, inc, rec, urg, rep, left, started := tr.ID, tr.Incident, tr.Receiver, tr.Urgency, tr.Reporter, tr.LeftOut, tr.Started
		tr = full
		tr.ID, tr.Incident, tr.Receiver, tr.Urgency, tr.Reporter, tr.LeftOut, tr.Started = id, inc, rec, urg, rep, left, started
		bare = tr
		again := told[0]
		again.Track = "trk_b"
		if err := tx.SaveFired(t.Context(), notice.Fired{Track: tr, Told: []notice.Told{again, again}, Attempts: []notice.Attempt{attempt("ntc_a", "trk_b", at(1)), attempt("ntc_a", "trk_b", at(2))}}); err == nil {
			return nil
		}
		return err
	}))
	ts, td, as, err := db.TracksOf(t.Context(), "inc_1")
	must(t, err)
	same(t, "tracks of the case", []notice.Track{full, bare}, ts)
	same(t, "all told", 3, len(td))
	same(t, "attempts name their own case", 0, len(as))
	a, err := db.AttemptByID(t.Context(), "ntc_a")
	must(t, err)
	same(t, "the first with a key stays", at(1), a.Planned)
}

func testAttempts(t *testing.T, db *store.DB) {
	a := notice.Attempt{ID: "ntc_a", Key: "k", Track: "trk_a", Incident: "inc_1", Person: "per_pm", For: "per_x", Channel: "mail", Address: kanji, Pass: 2,
		Level: 3, Number: 4, Planned: at(1), NextTry: at(2), Tries: 5, State: notice.Sent, SentAt: at(3), Answer: kanji, Late: true, Purpose: notice.Gather, Bundle: "ntc_z"}
	states := []notice.SendState{notice.Planned, notice.Sending, notice.Refused, notice.Cancelled}
	f := notice.Fired{Track: track("trk_a", "inc_1", notice.Open), Attempts: []notice.Attempt{a}}
	for i, s := range states {
		x := attempt(fmt.Sprintf("ntc_%d", i), "trk_a", at(5+i))
		x.State = s
		f.Attempts = append(f.Attempts, x)
	}
	fire(t, db, f)
	got, err := db.AttemptByID(t.Context(), "ntc_a")
	must(t, err)
	same(t, "attempt", a, got)
	if _, err := db.AttemptByID(t.Context(), "ntc_none"); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing: %v", err)
	}
	must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
		p, err := tx.Pending(t.Context(), "trk_a")
		if err != nil {
			return err
		}
		same(t, "pending", 2, len(p))
		if _, err := tx.LockAttempt(t.Context(), "ntc_none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("lock a missing attempt: %v", err)
		}
		x, err := tx.LockAttempt(t.Context(), "ntc_0")
		if err != nil {
			return err
		}
		x.State, x.NextTry, x.Tries, x.SentAt, x.Answer, x.Late = notice.Sent, at(50), 9, at(51), kanji, true
		f.Attempts[1] = x
		return tx.SaveAttempt(t.Context(), x)
	}))
	got, err = db.AttemptByID(t.Context(), "ntc_0")
	must(t, err)
	same(t, "saved", f.Attempts[1], got)
	_, _, all, err := db.TracksOf(t.Context(), "inc_1")
	must(t, err)
	same(t, "attempts of the case", 1, len(all))
}

func testClaims(t *testing.T, db *store.DB) {
	f := notice.Fired{Track: track("trk_a", "inc_1", notice.Open)}
	for n := range 5 {
		f.Attempts = append(f.Attempts, attempt(fmt.Sprintf("ntc_%d", n), "trk_a", at(n)))
	}
	f.Attempts[4].State = notice.Sent
	fire(t, db, f)
	claim := func(minute, limit int) (out []string) {
		t.Helper()
		as, err := db.Claim(t.Context(), at(minute), 2*time.Minute, limit, true)
		must(t, err)
		for _, a := range as {
			if a.State != notice.Sending || !a.NextTry.Equal(at(minute+2)) {
				t.Errorf("claimed %+v", a)
			}
			out = append(out, fmt.Sprintf("%s:%d", a.ID, a.Tries))
		}
		return out
	}
	same(t, "nothing is due", []string(nil), claim(-1, 9))
	same(t, "oldest first, no more than asked", []string{"ntc_0:1"}, claim(1, 1))
	same(t, "not what is held", []string{"ntc_1:1"}, claim(1, 9))
	same(t, "held until the lease ends", []string{"ntc_2:1"}, claim(2, 9))
	same(t, "then again, beside the new", []string{"ntc_0:2", "ntc_1:2", "ntc_3:1"}, claim(3, 9))
	a, err := db.AttemptByID(t.Context(), "ntc_0")
	must(t, err)
	same(t, "the claim is stored", 2, a.Tries)
}

func testDue(t *testing.T, db *store.DB) {
	due, ok, err := db.NextDue(t.Context())
	if ok || err != nil || !due.IsZero() {
		t.Errorf("an empty store is due at %v, %v", due, err)
	}
	b, a, later, rest, acked := track("trk_b", "inc_1", notice.Open), track("trk_a", "inc_1", notice.Open), track("trk_c", "inc_2", notice.Open),
		track("trk_d", "inc_2", notice.Open), track("trk_e", "inc_2", notice.Acked)
	asked := track("trk_f", "inc_2", notice.Acked)
	b.NextFire, a.NextFire, later.NextFire, rest.NextFire, acked.NextFire, asked.NextFire, asked.Asked = at(1), at(2), at(3), time.Time{}, time.Time{}, at(4), at(1)
	fire(t, db, notice.Fired{Track: a}, notice.Fired{Track: b, Told: []notice.Told{{Track: "trk_b", Person: "per_1", At: at(0)}}}, notice.Fired{Track: later},
		notice.Fired{Track: rest}, notice.Fired{Track: asked}, notice.Fired{Track: acked, Told: []notice.Told{{Track: "trk_e", Person: "per_1", At: at(0)}}})
	list := func(minute, limit int) []string {
		t.Helper()
		ids, err := db.Due(t.Context(), at(minute), limit)
		must(t, err)
		return ids
	}
	same(t, "due, oldest first", []string{"trk_b", "trk_a"}, list(2, 9))
	same(t, "an answered one with a timer too", []string{"trk_b", "trk_a", "trk_c", "trk_f"}, list(9, 9))
	same(t, "limit", []string{"trk_b"}, list(9, 1))
	same(t, "none yet", []string(nil), list(0, 9))
	due, ok, err = db.NextDue(t.Context())
	if !ok || err != nil || !due.Equal(at(1)) {
		t.Errorf("next due at %v, %v, %v", due, ok, err)
	}
	must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
		return tx.SaveFired(t.Context(), notice.Fired{Track: b, Attempts: []notice.Attempt{attempt("ntc_1", "trk_b", at(0))}})
	}))
	if due, _, _ = db.NextDue(t.Context()); !due.Equal(at(0)) {
		t.Errorf("with a planned attempt, next due at %v", due)
	}
	open, told, err := db.Waiting(t.Context())
	must(t, err)
	same(t, "waiting, with one that is asked", 5, len(open))
	same(t, "told on what waits", []notice.Told{{Track: "trk_b", Person: "per_1", At: at(0)}}, told)
}

func testPolicies(t *testing.T, db *store.DB) {
	p, err := db.LatestPolicy(t.Context())
	must(t, err)
	same(t, "built in", notice.DefaultPolicy(), p)
	two := notice.DefaultPolicy()
	two.Version, two.By, two.At, two.Reason = 2, "per_pm", at(1), kanji
	two.Lapse[notice.Normal], two.Hours = notice.Lapse{Ask: 7, Answer: 3}, notice.Hours{From: "08:30", To: "24:00"}
	two.Chains[notice.Urgent][notice.Manager][0] = notice.Level{Who: []notice.Who{{Kind: "person", ID: "per_dep"}, {Kind: "duty", Duty: "it_admin", All: true}}, Window: 5, Repeat: 2}
	fire(t, db, notice.Fired{Track: track("trk_a", "inc_1", notice.Open)}, notice.Fired{Track: track("trk_b", "inc_1", notice.Acked)})
	must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
		if err := tx.SavePolicy(t.Context(), two); err != nil {
			return err
		}
		n, err := tx.Adopt(t.Context(), 2)
		same(t, "adopted by open tracks", 1, n)
		return err
	}))
	for _, read := range []func() (notice.Policy, error){
		func() (notice.Policy, error) { return db.LatestPolicy(t.Context()) },
		func() (notice.Policy, error) { return db.PolicyVersion(t.Context(), 2) },
	} {
		p, err := read()
		must(t, err)
		same(t, "saved", two, p)
	}
	p, err = db.PolicyVersion(t.Context(), 1)
	must(t, err)
	same(t, "the old one stays", notice.DefaultPolicy(), p)
	if _, err := db.PolicyVersion(t.Context(), 3); err == nil {
		t.Error("a version that was never saved")
	}
	a, _, err := db.Track(t.Context(), "trk_a")
	must(t, err)
	b, _, err := db.Track(t.Context(), "trk_b")
	must(t, err)
	same(t, "versions on the tracks", []int{2, 1}, []int{a.Policy, b.Policy})
	if err := db.UpdateNotices(t.Context(), func(tx notice.Tx) error { return tx.SavePolicy(t.Context(), two) }); err == nil {
		t.Error("a version was saved twice")
	}
}

func testStats(t *testing.T, db *store.DB) {
	s, err := db.Stats(t.Context(), at(0))
	must(t, err)
	same(t, "empty", notice.Stats{}, s)
	over, empty := track("trk_a", "inc_1", notice.Open), track("trk_b", "inc_1", notice.Open)
	empty.Empty = true
	f := notice.Fired{Track: over}
	for i, x := range []struct {
		state notice.SendState
		at    int
	}{{notice.Planned, 8}, {notice.Sending, 7}, {notice.Sent, 1}, {notice.Refused, 2}, {notice.Refused, -2000}} {
		a := attempt(fmt.Sprintf("ntc_%d", i), "trk_a", at(x.at))
		if a.State = x.state; a.State == notice.Sent {
			a.SentAt = at(3)
		}
		f.Attempts = append(f.Attempts, a)
	}
	fire(t, db, f, notice.Fired{Track: empty}, notice.Fired{Track: track("trk_c", "inc_1", notice.Acked)})
	s, err = db.Stats(t.Context(), at(12))
	must(t, err)
	same(t, "just in time", notice.Stats{OpenTracks: 2, Unsent: 2, OldestUnsent: at(7), LastSent: at(3), Unreachable: 1, RefusedRecent: 1}, s)
	s, err = db.Stats(t.Context(), at(13))
	must(t, err)
	same(t, "overdue", 2, s.Overdue)

	for i, x := range []struct {
		state notice.SendState
		at    int
	}{{notice.Planned, 9}, {notice.Sending, 8}, {notice.Sent, 1}, {notice.Cancelled, 2}, {notice.Refused, 3}, {notice.Refused, -2000}} {
		l := letter(fmt.Sprintf("ltr_%d", i), at(x.at))
		l.State, l.Planned = x.state, at(x.at)
		plan(t, db, l)
	}
	off := letter("ltr_off", at(4)) // called off on its way: nobody waits for it
	off.State, off.Planned, off.About = notice.Sending, at(4), "req_off"
	plan(t, db, off)
	callOff(t, db, "req_off", "")
	ask(t, db, application(2, "per_emp"), application(11, "per_emp"))
	s, err = db.Stats(t.Context(), at(12))
	must(t, err)
	same(t, "with letters", notice.Stats{OpenTracks: 2, Unsent: 2, OldestUnsent: at(7), LastSent: at(3), Unreachable: 1, RefusedRecent: 1,
		Letters: 2, OldestLetter: at(8), LettersRefused: 1, LateTimers: 1}, s)
	same(t, "waits", 5*time.Minute, s.Waiting(at(12)))
	same(t, "nothing waits", time.Duration(0), notice.Stats{}.Waiting(at(12)))
}

// testNumbers takes numbers from many goroutines, some of which give up.
func testNumbers(t *testing.T, db *store.DB) {
	errs := each(60, func(n int) error {
		return db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
			k, err := tx.NextNumber(t.Context(), 2026)
			if err != nil {
				return err
			}
			if err := tx.InsertIncident(t.Context(), plain(k, nil)); err != nil {
				return err
			}
			if n%3 == 0 {
				return errNo
			}
			return nil
		})
	})
	want := 0
	for n, err := range errs {
		if n%3 != 0 {
			want++
			must(t, err)
		}
	}
	got := ids(t, db, incident.Query{All: true, Limit: 200})
	same(t, "kept", want, len(got))
	for i, n := range got {
		if n != want-i {
			t.Fatalf("numbers have gaps or doubles: %v", got)
		}
	}
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		k, err := tx.NextNumber(t.Context(), 2027)
		same(t, "a new year starts again", 1, k)
		return err
	}))
}
