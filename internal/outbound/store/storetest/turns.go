package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/outbound/store"
)

// testTurns claims repeats once a minute for each contact, and first words at once.
func testTurns(t *testing.T, db *store.DB) {
	f := notice.Fired{Track: track("trk_a", "inc_1", notice.Open)}
	add := func(id, address string, p notice.Purpose, minute int) {
		a := attempt(id, "trk_a", at(minute))
		a.Address, a.Purpose = address, p
		f.Attempts = append(f.Attempts, a)
	}
	add("ntc_0", "a@aoba.example", notice.Repeat, 0)
	add("ntc_1", "a@aoba.example", notice.Repeat, -2)
	add("ntc_2", "a@aoba.example", notice.Tell, 0)
	add("ntc_3", "b@aoba.example", notice.Gather, -3)
	add("ntc_4", "b@aoba.example", notice.Gather, -1)
	add("ntc_5", "b@aoba.example", notice.Gather, 5)
	add("ntc_6", "c@aoba.example", notice.Ask, 0)
	fire(t, db, f)
	claim := func(at time.Time, limit int) (out []string) {
		t.Helper()
		as, err := db.Claim(t.Context(), at, 2*time.Minute, limit, true)
		must(t, err)
		for _, a := range as {
			out = append(out, fmt.Sprintf("%s:%d:%s", a.ID, a.Tries, a.Bundle))
		}
		slices.Sort(out)
		return out
	}
	same(t, "the oldest of each contact, and all first words", []string{"ntc_1:1:", "ntc_2:1:", "ntc_3:1:ntc_3", "ntc_4:1:ntc_3", "ntc_6:1:"}, claim(at(0), 9))
	other, err := db.AttemptByID(t.Context(), "ntc_0")
	must(t, err)
	same(t, "the other waits for the next turn", at(1), other.NextTry)
	if due, ok, err := db.NextDue(t.Context()); !ok || err != nil || !due.Equal(at(1)) {
		t.Errorf("next due at %v, %v, %v", due, ok, err)
	}
	same(t, "not before", []string(nil), claim(at(1).Add(-time.Microsecond), 9))
	same(t, "then", []string{"ntc_0:1:"}, claim(at(1), 9))
	must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
		for _, id := range []string{"ntc_0", "ntc_1", "ntc_2", "ntc_6"} {
			a, err := tx.LockAttempt(t.Context(), id)
			if err != nil {
				return err
			}
			a.State = notice.Sent
			if err := tx.SaveAttempt(t.Context(), a); err != nil {
				return err
			}
		}
		return nil
	}))
	same(t, "a mail that was cut off, as it was", []string{"ntc_3:2:ntc_3", "ntc_4:2:ntc_3"}, claim(at(2), 1))
	same(t, "and what is due since by itself", []string{"ntc_5:1:ntc_5"}, claim(at(5), 9))
}

// testDaysOff keeps the company's own days off.
func testDaysOff(t *testing.T, db *store.DB) {
	one := notice.DayOff{Day: jpcal.Date{Year: 2028, Month: 2, Day: 29}, Name: kanji, By: "per_pm", At: at(1)}
	two := notice.DayOff{Day: jpcal.Date{Year: 2026, Month: 6, Day: 1}, Name: "x", By: "per_pm", At: at(2)}
	save := func(d notice.DayOff) {
		t.Helper()
		must(t, db.UpdateNotices(t.Context(), func(tx notice.Tx) error { return tx.SaveDayOff(t.Context(), d) }))
	}
	for _, d := range []notice.DayOff{one, two} {
		save(d)
	}
	days, err := db.DaysOff(t.Context())
	must(t, err)
	same(t, "by day", []notice.DayOff{two, one}, days)
	one.Name, one.At = "y", at(3)
	save(one)
	save(notice.DayOff{Day: two.Day})
	days, err = db.DaysOff(t.Context())
	must(t, err)
	same(t, "named anew, and dropped", []notice.DayOff{one}, days)
}
