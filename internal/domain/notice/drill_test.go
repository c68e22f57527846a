package notice_test

import (
	"slices"
	"testing"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

func (h *house) drill(kind incident.Kind) *incident.Incident {
	h.t.Helper()
	i, err := h.cases.StartDrill(h.t.Context(), h.as("per_pm"), incident.Drill{Kind: kind, Finder: "per_emp", Summary: "訓練です", Channel: "web"})
	h.must(err)
	return i
}

// TestRule16Drill: a drill runs the real chain, is counted nowhere, and says how long the
// answers took beside the drills before.
func TestRule16Drill(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	first := h.drill(incident.Missent)
	if !first.Drill {
		t.Error("it does not say that it is a drill")
	}
	same(t, "the real chain", []string{"per_sales"}, h.told(first, notice.Supervisor))
	same(t, "the manager who started it is told too", []string{"per_pm"}, h.told(first, notice.Manager))
	h.after(4)
	h.must(h.ack(first, notice.Supervisor, h.as("per_sales")))
	results, err := h.cases.Drills(t.Context(), h.as("per_pm"))
	h.must(err)
	same(t, "first answer", 4*time.Minute, results[0].First)
	same(t, "not whole yet", time.Duration(0), results[0].Full)
	h.after(9)
	h.must(h.ack(first, notice.Manager, h.as("per_pm")))

	second := h.drill(incident.Lost)
	h.after(10)
	h.must(h.ack(second, notice.Manager, h.as("per_pm")))
	h.after(30)
	h.must(h.ack(second, notice.Supervisor, h.as("per_sales")))
	third := h.drill(incident.Complaint) // another urgency: not compared
	results, err = h.cases.Drills(t.Context(), h.as("per_aud"))
	h.must(err)
	same(t, "newest first", []string{third.ID, second.ID, first.ID}, []string{results[0].ID, results[1].ID, results[2].ID})
	same(t, "the second", []time.Duration{time.Minute, 21 * time.Minute, 4 * time.Minute, 9 * time.Minute},
		[]time.Duration{results[1].First, results[1].Full, results[1].UsualFirst, results[1].UsualFull})
	same(t, "nothing to compare with", []time.Duration{0, 0}, []time.Duration{results[0].UsualFirst, results[2].UsualFull})

	real := h.report(incident.Missent, "per_emp", nil)
	tallies, err := h.cases.Tallies(t.Context(), h.as("per_emp"))
	h.must(err)
	n := 0
	for _, x := range tallies {
		n += x.N
	}
	same(t, "counted", 1, n)

	if _, err := h.cases.StartDrill(t.Context(), h.as("per_emp"), incident.Drill{Kind: incident.Lost, Finder: "per_emp", Summary: "x"}); fault.As(err) == nil || fault.As(err).Kind != fault.Denied {
		t.Errorf("an employee started a drill: %v", err)
	}
	if _, err := h.cases.Drills(t.Context(), h.as("per_emp")); fault.As(err) == nil {
		t.Error("an employee read the drills")
	}
	_, err = h.cases.StartDrill(t.Context(), h.as("per_pm"), incident.Drill{Kind: incident.Lost, Summary: "x"})
	badField(t, "nobody's report", err, "finder", "fault.required")
	refused(t, "ending a real case as a drill", h.cases.EndDrill(t.Context(), h.as("per_pm"), real.ID, "x"), fault.NotFound, "fault.not_found")
}

// TestRule16DrillEnds: a drill can be ended unanswered, and then tells nobody any more.
func TestRule16DrillEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.drill(incident.Missent)
	h.must(h.ack(i, notice.Manager, h.as("per_pm")))
	h.must(h.cases.EndDrill(t.Context(), h.as("per_pm"), i.ID, "終了"))
	h.runTo(24 * 60)
	for _, r := range []notice.Receiver{notice.Supervisor, notice.Manager} {
		if n := h.states(i, r)[notice.Sent]; n > 1 {
			t.Errorf("%s was told %d times after the end", r, n)
		}
		if !h.track(i, r).NextFire.IsZero() {
			t.Errorf("the track to %s still has a timer", r)
		}
	}
	same(t, "the answer stays", notice.Acked, h.track(i, notice.Manager).State)
	same(t, "the other is closed", notice.Closed, h.track(i, notice.Supervisor).State)
	refused(t, "ending it twice", h.cases.EndDrill(t.Context(), h.as("per_pm"), i.ID, "終了"), fault.Conflict, "fault.case_not_open")
}

// TestRule16Reminder: on the first of a month, once, when neither this month nor the last
// has seen a drill; over the ends of months and years, and not in a young company.
func TestRule16Reminder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, tokyo("2026-11-20 12:00"), nil)
	h.report(incident.Complaint, "per_emp", nil) // the record begins
	reminders := func(at time.Time) int {
		t.Helper()
		h.clock.set(at)
		_, err := h.cases.RemindDrill(t.Context())
		h.must(err)
		ls, err := h.db.ClaimLetters(t.Context(), at, time.Hour, 50)
		h.must(err)
		return len(slices.DeleteFunc(ls, func(l notice.Letter) bool { return l.Topic != incident.TopicDrill || l.Tries > 1 }))
	}
	same(t, "a young company", 0, reminders(tokyo("2026-12-01 10:00")))
	same(t, "before the hour", 0, reminders(tokyo("2027-01-01 08:59")))
	same(t, "the first of the month", 1, reminders(tokyo("2027-01-01 09:00")))
	same(t, "once", 0, reminders(tokyo("2027-01-31 23:00")))
	h.clock.set(tokyo("2027-01-31 23:30"))
	h.drill(incident.Lost)
	same(t, "a drill last month", 0, reminders(tokyo("2027-02-28 12:00")))
	same(t, "none since", 1, reminders(tokyo("2027-03-01 09:00")))
	same(t, "a leap year's March", 1, reminders(tokyo("2028-03-01 09:00")))
}
