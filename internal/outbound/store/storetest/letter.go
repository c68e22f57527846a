package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
)

// letter is a planned letter, due at a time.
func letter(id string, due time.Time) notice.Letter {
	return notice.Letter{ID: id, Key: "key/" + id, Topic: "request.decide", About: "req_1", Person: "per_pm", Planned: at(0), NextTry: due, State: notice.Planned}
}

func plan(t testing.TB, db *store.DB, ls ...notice.Letter) {
	t.Helper()
	must(t, db.UpdateRequests(t.Context(), func(tx request.Tx) error {
		for _, l := range ls {
			if err := tx.PlanLetter(t.Context(), l); err != nil {
				return err
			}
		}
		return nil
	}))
}

func callOff(t testing.TB, db *store.DB, about, topic string) {
	t.Helper()
	must(t, db.UpdateRequests(t.Context(), func(tx request.Tx) error { return tx.CallOff(t.Context(), about, topic) }))
}

func letterState(t testing.TB, db *store.DB, id string) notice.SendState {
	t.Helper()
	l, err := db.LetterByID(t.Context(), id)
	must(t, err)
	return l.State
}

func testLetters(t *testing.T, db *store.DB) {
	if _, ok, err := db.NextLetter(t.Context()); ok || err != nil {
		t.Errorf("none yet: %v, %v", ok, err)
	}
	full := notice.Letter{ID: "ltr_a", Key: kanji, Topic: "loan.ends", About: "ast_1", Person: "per_emp", For: "per_gen", Args: map[string]string{"title": kanji, "until": "x"},
		Path: "/a?b=c", Act: true, Planned: at(1), NextTry: at(2), Tries: 3, State: notice.Sent, SentAt: at(4), Answer: kanji}
	bare := letter("ltr_b", at(5))
	plan(t, db, full, bare)
	got, err := db.LetterByID(t.Context(), "ltr_a")
	must(t, err)
	same(t, "letter", full, got)
	if _, err := db.LetterByID(t.Context(), "ltr_none"); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing: %v", err)
	}
	again := letter("ltr_c", at(5))
	again.Key = bare.Key
	plan(t, db, again)
	if _, err := db.LetterByID(t.Context(), "ltr_c"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the same key was planned twice: %v", err)
	}
	next, ok, err := db.NextLetter(t.Context())
	must(t, err)
	same(t, "next", fmt.Sprint(at(5), true), fmt.Sprint(next, ok))

	must(t, db.UpdateLetters(t.Context(), func(tx notice.LetterTx) error {
		if _, err := tx.LockLetter(t.Context(), "ltr_none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("lock a missing letter: %v", err)
		}
		l, err := tx.LockLetter(t.Context(), "ltr_b")
		if err != nil {
			return err
		}
		l.State, l.NextTry, l.Tries, l.SentAt, l.Answer = notice.Refused, at(8), 9, at(10), kanji
		bare = l
		return tx.SaveLetter(t.Context(), l)
	}))
	got, err = db.LetterByID(t.Context(), "ltr_b")
	must(t, err)
	same(t, "saved", bare, got)
	if err := db.UpdateRequests(t.Context(), func(tx request.Tx) error {
		return errors.Join(tx.PlanLetter(t.Context(), letter("ltr_d", at(0))), errNo)
	}); !errors.Is(err, errNo) {
		t.Error(err)
	}
	if _, err := db.LetterByID(t.Context(), "ltr_d"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a letter of a failed change is kept: %v", err)
	}
}

func testLetterClaims(t *testing.T, db *store.DB) {
	for n := range 4 {
		plan(t, db, letter(fmt.Sprintf("ltr_%d", n), at(n)))
	}
	claim := func(minute, limit int) (out []string) {
		t.Helper()
		ls, err := db.ClaimLetters(t.Context(), at(minute), 2*time.Minute, limit)
		must(t, err)
		for _, l := range ls {
			if l.State != notice.Sending || !l.NextTry.Equal(at(minute+2)) {
				t.Errorf("claimed %+v", l)
			}
			out = append(out, fmt.Sprintf("%s:%d", l.ID, l.Tries))
		}
		return out
	}
	same(t, "nothing is due", []string(nil), claim(-1, 9))
	same(t, "the oldest", []string{"ltr_0:1"}, claim(1, 1))
	same(t, "the next", []string{"ltr_1:1"}, claim(1, 9))
	same(t, "lapsed", []string{"ltr_2:1", "ltr_0:2", "ltr_1:2", "ltr_3:1"}, claim(3, 9))

	// Called off: what is planned never goes, what is on its way is not tried again.
	plan(t, db, letter("ltr_4", at(0)))
	other := letter("ltr_5", at(0))
	other.Topic = "request.question"
	plan(t, db, other)
	callOff(t, db, "req_2", "")
	callOff(t, db, "req_1", "request.decide")
	same(t, "planned", notice.Cancelled, letterState(t, db, "ltr_4"))
	same(t, "of another topic", notice.Planned, letterState(t, db, "ltr_5"))
	same(t, "on its way", notice.Sending, letterState(t, db, "ltr_0"))
	settle := func(id string, s notice.SendState) {
		must(t, db.UpdateLetters(t.Context(), func(tx notice.LetterTx) error {
			l, err := tx.LockLetter(t.Context(), id)
			if err != nil {
				return err
			}
			l.State = s
			return tx.SaveLetter(t.Context(), l)
		}))
	}
	settle("ltr_0", notice.Planned)
	same(t, "failed", notice.Cancelled, letterState(t, db, "ltr_0"))
	settle("ltr_1", notice.Sent)
	same(t, "arrived", notice.Sent, letterState(t, db, "ltr_1"))
	same(t, "a lapsed claim of what was called off", []string{"ltr_5:1"}, claim(20, 9))
	callOff(t, db, "req_1", "")
	settle("ltr_5", notice.Planned)
	same(t, "every topic", notice.Cancelled, letterState(t, db, "ltr_5"))
	if _, ok, err := db.NextLetter(t.Context()); ok || err != nil {
		t.Errorf("something is left: %v, %v", ok, err)
	}
}

// testLetterClaimRace: however many claim at once, each letter is one's alone.
func testLetterClaimRace(t *testing.T, db *store.DB) {
	for n := range 40 {
		plan(t, db, letter(fmt.Sprintf("ltr_%02d", n), at(0)))
	}
	claimed := make([][]notice.Letter, 8)
	for _, err := range each(len(claimed), func(n int) (err error) {
		claimed[n], err = db.ClaimLetters(t.Context(), at(1), time.Minute, 7)
		return err
	}) {
		must(t, err)
	}
	var ids []string
	for _, ls := range claimed {
		for _, l := range ls {
			ids = append(ids, l.ID)
		}
	}
	slices.Sort(ids)
	same(t, "claimed", 40, len(ids))
	same(t, "each once", 40, len(slices.Compact(ids)))
}

func testLettersErased(t *testing.T, db *store.DB) {
	for i, state := range []notice.SendState{notice.Planned, notice.Sending, notice.Sent, notice.Refused, notice.Cancelled, notice.Sent} {
		l := letter(fmt.Sprintf("ltr_%d", i), at(1))
		l.State, l.Planned = state, at(i)
		plan(t, db, l)
	}
	off := letter("ltr_off", at(1))
	off.State, off.About = notice.Sending, "req_off"
	plan(t, db, off)
	callOff(t, db, "req_off", "") // and its server died
	erase := func(before, limit, want int) {
		t.Helper()
		must(t, db.UpdateLetters(t.Context(), func(tx notice.LetterTx) error {
			n, err := tx.EraseLetters(t.Context(), at(before), limit)
			same(t, "erased", want, n)
			return err
		}))
	}
	erase(5, 2, 2)
	erase(5, 9, 2)
	erase(5, 9, 0)
	for id, want := range map[string]bool{"ltr_0": true, "ltr_1": true, "ltr_2": false, "ltr_3": false, "ltr_4": false, "ltr_5": true, "ltr_off": false} {
		if _, err := db.LetterByID(t.Context(), id); want != (err == nil) {
			t.Errorf("%s: %v", id, err)
		}
	}
}
