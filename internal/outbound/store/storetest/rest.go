package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/store"
)

// each runs f n times at once and gives the errors in order.
func each(n int, f func(n int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errs
}

func testOutbox(t *testing.T, db *store.DB) {
	m := store.Message{ID: "msg_a", At: at(1), From: "a@aoba.example", To: "b@aoba.example", Subject: kanji, Text: kanji, Headers: map[string]string{"Message-ID": "<x>"}}
	must(t, db.AddMessage(t.Context(), m))
	again := m
	again.Text = "second"
	must(t, db.AddMessage(t.Context(), again))
	bare := store.Message{ID: "msg_b", At: at(2)}
	must(t, db.AddMessage(t.Context(), bare))
	got, err := db.Messages(t.Context(), 9)
	must(t, err)
	same(t, "newest first, each once", []store.Message{bare, m}, got)
	one, ok, err := db.Message(t.Context(), "msg_a")
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	same(t, "one", m, one)
	if _, ok, err := db.Message(t.Context(), "msg_none"); ok || err != nil {
		t.Errorf("missing: %v, %v", ok, err)
	}
}

func testReplies(t *testing.T, db *store.DB) {
	r := db.Replies()
	begin := func(actor, key string, when time.Time) (string, bool) {
		t.Helper()
		p, fresh, err := r.Begin(t.Context(), actor, key, "h", when)
		must(t, err)
		if p == nil {
			return "", fresh
		}
		if d := (store.Reply{Status: 201, ContentType: "application/json", Body: p.Body, Hash: "h"}); p.Status != d.Status || p.ContentType != d.ContentType || p.Hash != d.Hash {
			t.Errorf("stored reply %+v", p)
		}
		return string(p.Body), fresh
	}
	expect := func(what, body string, fresh bool, actor, key string, when time.Time) {
		t.Helper()
		if b, f := begin(actor, key, when); b != body || f != fresh {
			t.Errorf("%s: %q, fresh %v", what, b, f)
		}
	}
	finish := func(actor, key string, status int, body []byte) {
		t.Helper()
		must(t, r.Finish(t.Context(), actor, key, store.Reply{Status: status, ContentType: "application/json", Body: body, Hash: "h"}))
	}
	expect("first", "", true, "per_a", "k", at(0))
	expect("still running", "", false, "per_a", "k", at(0).Add(59*time.Second))
	expect("somebody else's key", "", true, "per_b", "k", at(0))
	finish("per_a", "k", 201, []byte(kanji))
	expect("again", kanji, false, "per_a", "k", at(1))
	finish("per_a", "k", 201, []byte("late"))
	expect("the first answer stays", kanji, false, "per_a", "k", at(1))
	finish("per_a", "k", 0, nil)
	expect("a finished key is not given back", kanji, false, "per_a", "k", at(1))
	expect("its server died", "", true, "per_b", "k", at(1))
	expect("taken over", "", false, "per_b", "k", at(1).Add(time.Second))
	finish("per_b", "k", 0, nil)
	expect("given back", "", true, "per_b", "k", at(1).Add(2*time.Second))
	finish("per_b", "k", 201, nil)
	expect("an empty body", "", false, "per_b", "k", at(2))
	expect("kept for two days", kanji, false, "per_a", "k", at(0).Add(48*time.Hour))
	expect("then forgotten", "", true, "per_a", "k", at(0).Add(48*time.Hour+time.Second))
}

func testRepliesRace(t *testing.T, db *store.DB) {
	var mu sync.Mutex
	won := 0
	for _, err := range each(20, func(int) error {
		_, fresh, err := db.Replies().Begin(t.Context(), "per_a", "k", "h", at(0))
		if fresh {
			mu.Lock()
			won++
			mu.Unlock()
		}
		return err
	}) {
		must(t, err)
	}
	same(t, "callers who may act", 1, won)
}

// testHostileText sends what PostgreSQL refuses as text: no request may end in an
// error of the database.
func testHostileText(t *testing.T, db *store.DB) {
	for _, bad := range []string{"a\x00b", "a\xffb", "INC-\x00"} {
		if _, err := db.Incident(t.Context(), bad); err == nil {
			t.Errorf("%q was found", bad)
		}
		if _, _, err := db.AccountByLogin(t.Context(), bad); err != nil {
			t.Errorf("look up login %q: %v", bad, err)
		}
		if got := ids(t, db, incident.Query{All: true, Text: bad, Department: bad, After: bad}); len(got) != 0 {
			t.Errorf("%q found %v", bad, got)
		}
		must(t, db.UpdateAccess(t.Context(), func(tx access.Tx) error {
			n, err := tx.Miss(t.Context(), "login:"+bad, at(0), time.Minute)
			same(t, "failures of "+bad, 1, n)
			return err
		}))
		must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
			tr := track("trk_"+fmt.Sprintf("%x", bad), "inc_1", notice.Acked)
			tr.AckNote = bad
			return tx.InsertFired(t.Context(), notice.Fired{Track: tr})
		}))
	}
	ts, _, _, err := db.TracksOf(t.Context(), "inc_1")
	must(t, err)
	for _, tr := range ts {
		if tr.AckNote != "ab" && tr.AckNote != "a\uFFFDb" && tr.AckNote != "INC-" {
			t.Errorf("kept %q", tr.AckNote)
		}
	}
}

// testGroupCommit mixes callers who succeed, refuse, break a constraint, panic and go
// away: exactly those answered with success are there.
func testGroupCommit(t *testing.T, db *store.DB) {
	insert(t, db, plain(9999, nil))
	gone, leave := context.WithCancel(t.Context())
	errs := each(200, func(n int) error {
		ctx := t.Context()
		if n%10 == 4 {
			ctx = gone
		}
		if n == 100 {
			leave()
		}
		return db.UpdateIncidents(ctx, func(tx incident.Tx) error {
			k, err := tx.NextNumber(ctx, 2026)
			if err != nil {
				return err
			}
			i := plain(k, nil)
			i.Summary = fmt.Sprint("caller ", n)
			if err := tx.InsertIncident(ctx, i); err != nil {
				return err
			}
			switch n % 10 {
			case 1:
				return errNo
			case 2:
				panic("a caller's mistake")
			case 3:
				return tx.InsertIncident(ctx, plain(9999, nil))
			}
			return tx.Record(ctx, event(t, at(n), "incident.reported", i.ID, n))
		})
	})
	want := map[string]bool{"宛先を間違えた": true}
	for n, err := range errs {
		switch {
		case n%10 == 1 && !errors.Is(err, errNo), (n%10 == 2 || n%10 == 3) && err == nil:
			t.Errorf("caller %d: %v", n, err)
		case n%10 == 4 && err != nil && !errors.Is(err, context.Canceled):
			t.Errorf("caller %d, who went away: %v", n, err)
		case (n%10 == 0 || n%10 > 4) && err != nil:
			t.Errorf("caller %d: %v", n, err)
		}
		if err == nil {
			want[fmt.Sprint("caller ", n)] = true
		}
	}
	got := map[string]bool{}
	numbers := map[int]bool{}
	p, err := db.Find(t.Context(), incident.Query{All: true, Limit: 300})
	must(t, err)
	for _, r := range p.Rows {
		got[r.Summary] = true
		numbers[r.Number] = true
		h, err := db.History(t.Context(), r.ID)
		must(t, err)
		if r.Number != 9999 && len(h) != 1 {
			t.Errorf("%s has %d events", r.ID, len(h))
		}
	}
	same(t, "who is there", want, got)
	for n := 1; n < len(p.Rows); n++ {
		if !numbers[n] {
			t.Fatalf("number %d of %d is missing: those of failed callers are used again", n, len(p.Rows)-1)
		}
	}
	if n, _, err := db.Record().Unsealed(t.Context()); err != nil || n != len(p.Rows)-1 {
		t.Errorf("%d events for %d cases, %v", n, len(p.Rows)-1, err)
	}
}

// testSwallowed is a caller that does not look at an error of the database.
func testSwallowed(t *testing.T, db *store.DB) {
	insert(t, db, plain(1, nil))
	for _, n := range []int{1, 8} { // alone and sharing a commit
		errs := each(n, func(i int) error {
			return db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
				if i > 0 {
					return tx.InsertIncident(t.Context(), plain(100*n+i, nil))
				}
				tx.InsertIncident(t.Context(), plain(1, nil))
				tx.InsertIncident(t.Context(), plain(7, nil))
				return nil
			})
		})
		for i, err := range errs {
			if (i == 0) == (err == nil) {
				t.Errorf("caller %d of %d: %v", i, n, err)
			}
		}
	}
	same(t, "cases", 8, len(ids(t, db, incident.Query{All: true})))
}

// testSameKey has ten callers report the same thing with the same key.
func testSameKey(t *testing.T, db *store.DB) {
	for _, err := range each(10, func(n int) error { return ReportOnce(t, db, "key") }) {
		must(t, err)
	}
	same(t, "cases", []int{1}, ids(t, db, incident.Query{All: true}))
}

// ReportOnce stores a case unless its key is there, as the domain does.
func ReportOnce(t testing.TB, db *store.DB, key string) error {
	return db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		if _, found, err := tx.IncidentByKey(t.Context(), "per_emp", key); found || err != nil {
			return err
		}
		k, err := tx.NextNumber(t.Context(), 2026)
		if err != nil {
			return err
		}
		return tx.InsertIncident(t.Context(), plain(k, func(i *incident.Incident) { i.Key = key }))
	})
}

// testClose closes the store under callers: each is answered, and those answered with
// success had their change made.
func testClose(t *testing.T, db *store.DB) {
	var mu sync.Mutex
	done, ran := 0, 0
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		each(100, func(n int) error {
			for {
				err := db.UpdateAccess(t.Context(), func(access.Tx) error {
					mu.Lock()
					ran++
					mu.Unlock()
					return nil
				})
				if err != nil {
					return err
				}
				mu.Lock()
				done++
				mu.Unlock()
			}
		})
	}()
	for begun := false; !begun; {
		mu.Lock()
		begun = done > 50
		mu.Unlock()
	}
	must(t, db.Close())
	must(t, db.Close())
	<-answered
	if done > ran {
		t.Errorf("%d answered, %d run", done, ran)
	}
	if err := db.SetMeta(t.Context(), "a", "b"); err == nil {
		t.Error("a closed store took a change")
	}
}
