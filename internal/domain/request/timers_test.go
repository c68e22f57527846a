package request_test

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
)

// TestClimb: reminded each working day, and so long unanswered also asked of those above,
// until it expires. It is never granted.
func TestClimb(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), func(o *directory.Org) { deputy(o, "per_sales", "per_dep") })
	r := h.submit("per_emp", "a")
	none := []string(nil)
	for _, tc := range []struct {
		wait    time.Duration
		letters []string
	}{
		{0, []string{"request.decide per_sales"}},
		{day - time.Second, none}, // Tuesday, a second too early
		{time.Second, []string{"request.remind per_sales"}},
		{day, []string{"request.climb per_dep for per_sales"}}, // Wednesday
		{day, []string{"request.remind per_dep for per_sales", "request.remind per_sales"}},
		{day, []string{"request.climb per_pres"}}, // Friday
		{2 * day, none},        // the weekend
		{23 * time.Hour, none}, // Monday 23 November, Labour Thanksgiving Day
		{day + time.Hour, []string{"request.remind per_dep for per_sales", "request.remind per_pres", "request.remind per_sales"}},
		{day, []string{"request.climb per_pm"}},
		{day, []string{"request.remind per_dep for per_sales", "request.remind per_pm", "request.remind per_pres", "request.remind per_sales"}},
		{4*day - time.Hour, []string{"request.remind per_dep for per_sales", "request.remind per_pm", "request.remind per_pres", "request.remind per_sales"}}, // Monday 30
		{time.Hour, []string{"request.expired per_emp"}}, // two weeks after it was asked
		{30 * day, none},
	} {
		h.wait(tc.wait)
		h.fire()
		same(t, h.clock().In(jst).Format("Mon 2 15:04:05"), tc.letters, h.post())
	}
	v := h.get("per_emp", r)
	same(t, "state", request.Expired, v.State)
	same(t, "asked", []string{"per_sales", "per_dep for per_sales climb 1", "per_pres climb 2", "per_pm climb 3"}, asked(v.Steps[0]))
}

// TestClimbedDecides: an approval from above stands for one that was not given.
func TestClimbedDecides(t *testing.T) {
	t.Parallel()
	c := chain()
	c.Steps = []request.Rule{{Role: request.ITAdmin, Need: request.All}}
	h := newHouse(t, c, func(o *directory.Org) { duty(o, access.ITAdmin, "per_dep") })
	r := h.submit("per_emp", "a")
	h.approve("per_it", r)
	_, err := h.decide("per_gen", r, request.Approve)
	refused(t, "before the climb", err, "fault.not_found")
	h.wait(2 * day)
	h.fire()
	same(t, "state", request.Waiting, h.get("per_emp", r).State)
	same(t, "state", request.Approved, h.approve("per_gen", r).State)
}

// TestClimbPassesOverEarlierStamps: who approved the first step does not decide the second
// in somebody's place, neither by a press nor by one from before.
func TestClimbPassesOverEarlierStamps(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor, request.ITAdmin), func(o *directory.Org) {
		deputy(o, "per_it", "per_sales")
		p := o.People["per_it"]
		p.Supervisor = "per_sales"
		o.People[p.ID] = p
	})
	r := h.submit("per_emp", "a")
	h.approve("per_sales", r)
	h.post()
	h.wait(2 * day)
	h.fire()
	same(t, "climbed", []string{"per_it", "per_pm climb 3"}, asked(h.get("per_emp", r).Steps[1]))
	same(t, "letters", []string{"request.climb per_pm"}, h.post())
	same(t, "may decide", false, h.get("per_sales", r).MayDecide)
	same(t, "pressed again", request.Waiting, h.approve("per_sales", r).State)
	same(t, "decided", request.Approved, h.approve("per_pm", r).State)
}

// TestBackFromLeaveDecidesTheSecondStep: the press of somebody who approved the first step
// and whose deputy was asked on the second counts; it is no repeat.
func TestBackFromLeaveDecidesTheSecondStep(t *testing.T) {
	t.Parallel()
	start := monday()
	c := chain(request.ITAdmin, request.Supervisor, request.Manager)
	c.Steps[0].Need = request.All
	h := newHouse(t, c, func(o *directory.Org) {
		p := o.People["per_emp"]
		p.Supervisor = "per_it"
		o.People[p.ID] = p
		duty(o, access.ITAdmin, "per_dep")
		deputy(o, "per_it", "per_gen")
		o.Absences = append(o.Absences, directory.Absence{Person: "per_it", From: start.Add(time.Hour), Until: start.Add(2 * time.Hour)})
	})
	r := h.submit("per_emp", "a")
	h.approve("per_it", r)
	h.wait(time.Hour)
	h.approve("per_dep", r)
	same(t, "asked", []string{"per_gen for per_it"}, asked(h.get("per_emp", r).Steps[1]))
	h.wait(time.Hour)
	same(t, "may decide", true, h.get("per_it", r).MayDecide)
	same(t, "steps", []request.StepState{request.StepPassed, request.StepPassed, request.StepOpen}, states(h.approve("per_it", r)))
}

func TestServerWasDown(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), func(o *directory.Org) { deputy(o, "per_sales", "per_dep") })
	h.submit("per_emp", "a")
	h.post()
	h.wait(9 * day) // a week and a half later, a Wednesday
	h.Service = h.open()
	same(t, "fires once", 1, h.fire())
	same(t, "letters", []string{"request.climb per_dep for per_sales"}, h.post())
	at, ok, err := h.NextDue(t.Context())
	h.must(err)
	if !ok || at.Before(h.clock().Add(day)) {
		t.Errorf("next timer %v, now %v: those who were asked last have no time", at, h.clock())
	}
	h.wait(20 * day)
	h.fire()
	same(t, "letters", []string{"request.expired per_emp"}, h.post())
	if _, ok, err := h.NextDue(t.Context()); ok || err != nil {
		t.Errorf("a timer is left: %v", err)
	}
}

func TestTwoServersFireOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), nil)
	rs := []*request.Request{h.submit("per_emp", "a"), h.submit("per_gen", "b")}
	h.post()
	h.wait(day)
	servers := []*request.Service{h.open(), h.open(), h.open(), h.open()}
	var wg sync.WaitGroup
	errs := make([]error, len(servers))
	for n, s := range servers {
		wg.Go(func() { _, errs[n] = s.FireDue(t.Context()) })
	}
	wg.Wait()
	for _, err := range errs {
		h.must(err)
	}
	for _, r := range rs {
		n := 0
		for _, k := range h.events(r) {
			if k == "request.reminded" {
				n++
			}
		}
		same(t, "reminders", 1, n)
	}
	same(t, "letters", 2, len(h.post()))
}

// TestQuestionPutsOffOnlyTheReminder: a question a day does not keep those above away.
func TestQuestionPutsOffOnlyTheReminder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), nil)
	r := h.submit("per_emp", "a")
	h.post()
	h.wait(20 * time.Hour)
	h.must(h.Ask(t.Context(), h.as("per_sales"), r.ID, "?"))
	h.wait(4 * time.Hour)
	h.fire()
	same(t, "no reminder right after a question", []string{"request.question per_emp"}, h.post())
	h.wait(20 * time.Hour)
	h.must(h.Ask(t.Context(), h.as("per_sales"), r.ID, "?"))
	h.wait(4 * time.Hour)
	h.fire()
	same(t, "climbed on the second day", []string{"request.climb per_pres", "request.question per_emp"}, h.post())
}

func TestExpiresWhileSomebodyLooks(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), nil)
	r, err := h.Submit(t.Context(), h.as("per_emp"), request.New{Kind: "key", Form: json.RawMessage(`{"room":"a","until":"2026-11-17T09:00:00Z"}`)})
	h.must(err)
	same(t, "deadline", time.Date(2026, 11, 17, 9, 0, 0, 0, time.UTC), r.Deadline)
	seen := h.get("per_sales", r)
	h.wait(30 * time.Hour)
	_, err = h.Decide(t.Context(), h.as("per_sales"), request.Decision{Request: r.ID, Verdict: request.Approve, Digest: seen.Digest, Path: "web"})
	refused(t, "before the timer fired", err, "request.is_expired")
	h.fire()
	_, err = h.Decide(t.Context(), h.as("per_sales"), request.Decision{Request: r.ID, Verdict: request.Approve, Digest: seen.Digest, Path: "web"})
	refused(t, "after", err, "request.is_expired")
	same(t, "state", request.Expired, h.get("per_emp", r).State)
}

func TestUnusedApprovalExpires(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), nil)
	r, err := h.Submit(t.Context(), h.as("per_emp"), request.New{Kind: "key", Form: json.RawMessage(`{"room":"a","until":"2026-11-18T00:00:00Z"}`)})
	h.must(err)
	h.approve("per_sales", r)
	h.post()
	h.wait(3 * day)
	h.fire()
	same(t, "state", request.Expired, h.get("per_emp", r).State)
	same(t, "letters", []string{"request.expired per_emp"}, h.post())

	r = h.submit("per_emp", "b") // one without an end stays
	h.approve("per_sales", r)
	h.wait(60 * day)
	h.fire()
	same(t, "state", request.Approved, h.get("per_emp", r).State)
}

func TestReturnedExpires(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), nil)
	r := h.submit("per_emp", "a")
	_, err := h.decide("per_sales", r, request.SendBack)
	h.must(err)
	h.wait(13 * day)
	h.fire()
	same(t, "state", request.Returned, h.get("per_emp", r).State)
	h.wait(day)
	_, err = h.Mend(t.Context(), h.as("per_emp"), r.ID, json.RawMessage(`{"room":"b"}`), 1)
	refused(t, "mended too late", err, "request.is_expired")
	h.fire()
	same(t, "state", request.Expired, h.get("per_emp", r).State)
}

// TestPeopleChange: the organisation is asked anew at every step and every timer.
func TestPeopleChange(t *testing.T) {
	t.Parallel()
	t.Run("the approver leaves", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, chain(request.Supervisor), nil)
		r := h.submit("per_emp", "a")
		sales := h.as("per_sales")
		h.wait(time.Hour)
		h.leave("per_sales")
		_, err := h.decideAs(sales, r, request.Approve)
		refused(t, "one who left", err, "request.no_longer_asked")
		h.wait(day)
		h.post()
		h.fire()
		same(t, "letters", []string{"request.decide per_pres"}, h.post())
		same(t, "state", request.Approved, h.approve("per_pres", r).State)
	})
	t.Run("the duty goes to another", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, chain(request.Manager), nil)
		r := h.submit("per_emp", "a")
		h.post()
		pm := h.as("per_pm")
		h.change(func(tx directory.Tx) error {
			return tx.ReplaceDuties(t.Context(), []directory.Assignment{{Duty: access.ProtectionManager, Person: "per_gen", From: monday()}})
		})
		_, err := h.decideAs(pm, r, request.Approve)
		refused(t, "one who lost the post", err, "request.no_longer_asked")
		h.wait(day)
		h.fire()
		same(t, "letters", []string{"request.decide per_gen"}, h.post())
		same(t, "state", request.Approved, h.approve("per_gen", r).State)
	})
	t.Run("on leave after being asked", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, chain(request.Supervisor), func(o *directory.Org) {
			deputy(o, "per_sales", "per_dep")
			o.Absences = append(o.Absences, directory.Absence{ID: "abs_1", Person: "per_sales", From: monday().Add(time.Hour), Until: monday().Add(3 * day)})
		})
		r := h.submit("per_emp", "a")
		h.post()
		h.wait(day)
		h.fire()
		same(t, "letters", []string{"request.decide per_dep for per_sales"}, h.post())
		_, err := h.decide("per_sales", r, request.Approve)
		refused(t, "the absent one", err, "request.no_longer_asked")
		same(t, "state", request.Approved, h.approve("per_dep", r).State)
	})
	t.Run("the deputy of one who is back", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, chain(request.Supervisor), func(o *directory.Org) {
			deputy(o, "per_sales", "per_dep")
			o.Absences = append(o.Absences, directory.Absence{ID: "abs_1", Person: "per_sales", From: monday(), Until: monday().Add(time.Hour)})
		})
		r := h.submit("per_emp", "a")
		same(t, "asked", []string{"per_dep for per_sales"}, asked(r.Steps[0]))
		h.wait(2 * time.Hour)
		_, err := h.decide("per_dep", r, request.Approve)
		refused(t, "the deputy", err, "request.no_longer_asked")
		out := h.approve("per_sales", r)
		same(t, "in person", "", out.Steps[0].Stamps[0].For)
	})
	t.Run("one of all leaves after the others approved", func(t *testing.T) {
		t.Parallel()
		c := chain()
		c.Steps = []request.Rule{{Role: request.ITAdmin, Need: request.All}}
		h := newHouse(t, c, func(o *directory.Org) { duty(o, access.ITAdmin, "per_dep") })
		r := h.submit("per_emp", "a")
		h.approve("per_it", r)
		h.leave("per_dep")
		h.wait(day)
		h.fire()
		same(t, "state", request.Approved, h.get("per_emp", r).State)
	})
	t.Run("between two steps", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, chain(request.Supervisor, request.Manager), nil)
		r := h.submit("per_emp", "a")
		h.change(func(tx directory.Tx) error {
			return tx.ReplaceDuties(t.Context(), []directory.Assignment{{Duty: access.ProtectionManager, Person: "per_gen", From: monday()}})
		})
		r = h.approve("per_sales", r)
		same(t, "asked", []string{"per_gen"}, asked(r.Steps[1]))
	})
	t.Run("the applicant leaves", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, chain(request.Supervisor), nil)
		r := h.submit("per_emp", "a")
		h.post()
		h.leave("per_emp")
		_, err := h.decide("per_sales", r, request.Approve)
		refused(t, "decided", err, "request.applicant_left")
		h.wait(day)
		h.fire()
		same(t, "no letter to who left", []string(nil), h.post())
		same(t, "state", request.Expired, h.get("per_sales", r).State)
	})
}

// TestNobodyMayDecide: it waits, those who can mend the organisation are told once, and
// as soon as somebody may decide they are asked.
func TestNobodyMayDecide(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor), func(o *directory.Org) {
		noDuty(o, access.ProtectionManager)
		noDuty(o, access.Approver)
	})
	r := h.submit("per_pres", "a")
	same(t, "letters", []string{"request.stuck per_it"}, h.post())
	for range 30 {
		h.wait(time.Hour)
		h.fire()
	}
	same(t, "told once", []string(nil), h.post())
	same(t, "state", request.Waiting, h.get("per_pres", r).State)
	h.change(func(tx directory.Tx) error {
		return tx.ReplaceDuties(t.Context(), []directory.Assignment{{Duty: access.ProtectionManager, Person: "per_pm", From: monday()}})
	})
	h.wait(time.Hour)
	h.fire()
	same(t, "letters", []string{"request.decide per_pm"}, h.post())
	h.wait(day)
	h.fire()
	same(t, "their time begins when they are asked", []string{"request.remind per_pm"}, h.post())
	same(t, "why", request.WhyByManager, h.get("per_pres", r).Steps[0].Why)
	same(t, "state", request.Approved, h.approve("per_pm", r).State)

	gone := newHouse(t, chain(request.Supervisor), func(o *directory.Org) { o.Duties = nil })
	r = gone.submit("per_pres", "a")
	gone.wait(20 * day)
	gone.fire()
	same(t, "never granted", request.Expired, gone.get("per_pres", r).State)
}

// TestTheRecordTellsNoMore: events name people by id, and hold no form, title, note or word.
func TestTheRecordTellsNoMore(t *testing.T) {
	t.Parallel()
	h := newHouse(t, chain(request.Supervisor, request.Manager), nil)
	r := h.submit("per_emp", "秘密の部屋")
	h.approve("per_sales", r)
	_, err := h.decide("per_pm", r, request.Refuse)
	h.must(err)
	for _, e := range h.history(r) {
		var data map[string]any
		h.must(json.Unmarshal(e.Data, &data))
		for name, v := range data {
			if slices.Contains([]string{"form", "title", "note", "text", "words"}, name) {
				t.Errorf("%s holds %s %v", e.Kind, name, v)
			}
			if name == "reason" && e.Kind != "request.refused" {
				t.Errorf("%s holds a reason", e.Kind)
			}
		}
		same(t, "subject", r.ID, e.Subject)
	}
}
