package notice_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

// A near miss waits for the first working hour of the next working day in Japan.
func TestRule10LightTracksKeepTheCalendar(t *testing.T) {
	t.Parallel()
	at := func(y, m, d, h, min int) time.Time { return time.Date(y, time.Month(m), d, h, min, 0, 0, jst) }
	for _, tt := range []struct {
		name       string
		told, next time.Time
	}{
		{"in the afternoon", at(2026, 11, 19, 15, 0), at(2026, 11, 20, 10, 0)},
		{"at the first minute", at(2026, 11, 19, 9, 0), at(2026, 11, 20, 10, 0)},
		{"Friday, before a holiday on Monday", at(2026, 11, 20, 12, 0), at(2026, 11, 24, 10, 0)},
		{"last day of the month", at(2026, 9, 30, 17, 59), at(2026, 10, 1, 10, 0)},
		{"last working day of the year", at(2026, 12, 28, 17, 59), at(2027, 1, 4, 10, 0)},
		{"before a leap day", at(2028, 2, 28, 17, 59), at(2028, 2, 29, 10, 0)},
		{"on a leap day", at(2028, 2, 29, 12, 0), at(2028, 3, 1, 10, 0)},
		{"before the long holidays", at(2026, 5, 1, 17, 59), at(2026, 5, 7, 10, 0)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, tt.told, nil)
			i := h.report(incident.NearMiss, "per_emp", nil)
			h.tick()
			same(t, "told once", map[notice.SendState]int{notice.Sent: 1}, h.states(i, notice.Supervisor))
			if tr := h.track(i, notice.Supervisor); !tr.NextFire.Equal(tt.next) || !tr.LevelEnd.Equal(tt.next) {
				t.Errorf("goes on at %v, want %v", tr.NextFire.In(jst), tt.next)
			}
			h.clock.set(tt.next.Add(-time.Microsecond))
			h.tick()
			same(t, "not a moment before", 1, len(h.firings(i, notice.Supervisor)))
			h.clock.set(tt.next)
			h.tick()
			same(t, "then level 2", 2, h.track(i, notice.Supervisor).Level)
		})
	}
}

// The first working hour is the company's own.
func TestRule2LightTracksKeepTheCompanysHours(t *testing.T) {
	t.Parallel()
	at := func(d, h, min int) time.Time { return time.Date(2026, 11, d, h, min, 0, 0, jst) }
	for _, tt := range []struct {
		name       string
		hours      notice.Hours
		told, next time.Time
	}{
		{"late company", notice.Hours{From: "10:30", To: "19:00"}, at(18, 15, 0), at(19, 11, 30)},
		{"late company, at its first minute", notice.Hours{From: "10:30", To: "19:00"}, at(18, 10, 30), at(19, 11, 30)},
		{"early company, over a holiday", notice.Hours{From: "07:00", To: "15:00"}, at(20, 14, 59), at(24, 8, 0)},
		{"half an hour of work", notice.Hours{From: "13:00", To: "13:30"}, at(18, 13, 10), at(19, 13, 30)},
		{"no hours at all", notice.Hours{}, at(18, 3, 0), at(18, 10, 0)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, tt.told, nil)
			p := notice.DefaultPolicy()
			p.Reason, p.Hours = "就業時間", tt.hours
			_, err := h.notice.SetPolicy(t.Context(), h.as("per_pm"), p, false)
			h.must(err)
			i := h.report(incident.NearMiss, "per_emp", nil)
			if tr := h.track(i, notice.Supervisor); !tr.NextFire.Equal(tt.next) || !tr.LevelEnd.Equal(tt.next) {
				t.Errorf("goes on at %v, the window ends at %v, want %v", tr.NextFire.In(jst), tr.LevelEnd.In(jst), tt.next)
			}
		})
	}
}

// Urgent tracks run by the minute across every edge of the calendar.
func TestRule10UrgentTracksIgnoreTheCalendar(t *testing.T) {
	t.Parallel()
	for _, start := range []time.Time{
		time.Date(2026, 12, 31, 23, 55, 0, 0, jst), time.Date(2028, 2, 28, 23, 55, 0, 0, jst), time.Date(2028, 2, 29, 23, 55, 0, 0, jst),
		time.Date(2026, 11, 30, 23, 55, 0, 0, jst), time.Date(2026, 3, 31, 23, 55, 0, 0, jst),
	} {
		h := newHouse(t, start, nil)
		i := h.report(incident.Lost, "per_emp", nil)
		h.runTo(20)
		var got []int
		for _, f := range h.firings(i, notice.Supervisor) {
			got = append(got, f.Minute)
		}
		same(t, start.String(), []int{0, 3, 6, 9, 10, 13, 16, 19, 20}, got)
	}
}

func TestRule12PolicyIsFrozen(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	first := h.report(incident.Missent, "per_emp", nil)
	p := notice.DefaultPolicy()
	p.Chains[notice.Urgent][notice.Supervisor] = notice.Chain{{Who: []notice.Who{{Kind: "person", ID: "per_gen"}}, Window: 5, Repeat: 5}}
	_, err := h.notice.SetPolicy(t.Context(), h.as("per_it"), p, false)
	refused(t, "by the IT administrator", err, fault.Denied, "fault.denied")
	_, err = h.notice.SetPolicy(t.Context(), h.as("per_pm"), p, false)
	badField(t, "without reason", err, "reason", "fault.required")
	p.Reason = "試験"
	saved, err := h.notice.SetPolicy(t.Context(), h.as("per_pm"), p, false)
	h.must(err)
	if saved.Version != 2 || saved.By != "per_pm" || !saved.At.Equal(noon()) {
		t.Errorf("saved %+v", saved)
	}
	second := h.report(incident.Missent, "per_emp", nil)
	same(t, "a new case has the new one", []string{"per_gen"}, h.told(second, notice.Supervisor))
	h.runTo(10)
	same(t, "an open case keeps its own", []string{"per_sales", "per_pres"}, h.told(first, notice.Supervisor))
	same(t, "by version", [2]int{1, 2}, [2]int{h.track(first, notice.Supervisor).Policy, h.track(second, notice.Supervisor).Policy})
	_, err = h.notice.SetPolicy(t.Context(), h.as("per_pm"), p, true)
	h.must(err)
	same(t, "until it adopts", 3, h.track(first, notice.Supervisor).Policy)
	h.runTo(20)
	same(t, "the next firing is by the new one", []string{"per_sales", "per_pres", "per_gen"}, h.told(first, notice.Supervisor))
	latest, err := h.notice.Policy(t.Context(), h.as("per_emp"))
	h.must(err)
	same(t, "latest", 3, latest.Version)
	recorded, err := h.db.History(t.Context(), "")
	h.must(err)
	sets := 0
	for _, e := range recorded {
		if e.Kind == "notice.policy_set" {
			sets++
		}
	}
	same(t, "in the record", 2, sets)
}

// People are resolved when a level fires, not when the case was opened.
func TestRule12PeopleAreLive(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.after(1)
	h.must(h.people.SetDuties(t.Context(), h.as("per_pm"), access.ProtectionManager, []string{"per_dep"}))
	h.runTo(3)
	same(t, "the repeat goes to the new holder", []firing{{0, 1, "per_pm"}, {3, 1, "per_dep"}}, h.firings(i, notice.Manager))
}

func TestRule13PolicyIsChecked(t *testing.T) {
	t.Parallel()
	level := func(w, r int, who ...notice.Who) notice.Level { return notice.Level{Who: who, Window: w, Repeat: r} }
	pm := notice.Who{Kind: "duty", Duty: access.ProtectionManager}
	if err := notice.DefaultPolicy().Check(); err != nil {
		t.Errorf("the built-in policy: %v", err)
	}
	for _, tt := range []struct {
		name  string
		chain notice.Chain
		field string
		id    string
	}{
		{"no level", nil, "urgent.supervisor", "fault.levels"},
		{"eleven levels", slices.Repeat(notice.Chain{level(1, 1, pm)}, 11), "urgent.supervisor", "fault.levels"},
		{"nobody", notice.Chain{level(1, 1)}, "urgent.supervisor.1.who", "fault.required"},
		{"no window", notice.Chain{level(0, 1, pm)}, "urgent.supervisor.1.window", "fault.out_of_range"},
		{"more than a day", notice.Chain{level(1441, 1, pm)}, "urgent.supervisor.1.window", "fault.out_of_range"},
		{"more than once a minute", notice.Chain{level(5, 0, pm)}, "urgent.supervisor.1.repeat", "fault.repeat_over_window"},
		{"repeat beyond the window", notice.Chain{level(5, 5, pm), level(5, 6, pm)}, "urgent.supervisor.2.repeat", "fault.repeat_over_window"},
		{"the auditor", notice.Chain{level(5, 5, notice.Who{Kind: "duty", Duty: access.Auditor})}, "urgent.supervisor.1.who", "fault.unknown_choice"},
		{"an unknown duty", notice.Chain{level(5, 5, notice.Who{Kind: "duty", Duty: "king"})}, "urgent.supervisor.1.who", "fault.unknown_choice"},
		{"an unknown kind", notice.Chain{level(5, 5, notice.Who{Kind: "x", Up: 1})}, "urgent.supervisor.1.who", "fault.unknown_choice"},
		{"a superior below", notice.Chain{level(5, 5, notice.Who{Kind: "supervisor"})}, "urgent.supervisor.1.who", "fault.unknown_choice"},
		{"a person without id", notice.Chain{level(5, 5, notice.Who{Kind: "person"})}, "urgent.supervisor.1.who", "fault.unknown_choice"},
	} {
		p := notice.DefaultPolicy()
		p.Chains[notice.Urgent][notice.Supervisor] = tt.chain
		badField(t, tt.name, p.Check(), tt.field, tt.id)
	}
}

// A clock that is set back neither fires again nor un-fires.
func TestRule14ClockSetBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.runTo(11)
	before := h.firings(i, notice.Supervisor)
	for _, minute := range []int{10, 3, 0, -100000, 12} {
		h.after(minute)
		h.tick()
		h.tick()
	}
	same(t, "nothing fires in between", before, h.firings(i, notice.Supervisor))
	h.runTo(13)
	same(t, "and it goes on", append(before, firing{13, 2, "per_pres"}), h.firings(i, notice.Supervisor))
	same(t, "all sent once", map[notice.SendState]int{notice.Sent: 6}, h.states(i, notice.Supervisor))
}

// After a long stop what is overdue runs at once, oldest first, one level each.
func TestRule14OverdueAfterALongStop(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	var cases []*incident.Incident
	for n := range 3 {
		h.after(n)
		cases = append(cases, h.report(incident.Missent, "per_emp", nil))
	}
	h.after(3 * 24 * 60)
	s, err := h.db.Stats(t.Context(), h.clock.now())
	h.must(err)
	same(t, "the watchdog sees them", 6, s.Overdue)
	due, err := h.db.Due(t.Context(), h.clock.now(), 99)
	h.must(err)
	var starts []time.Time
	for _, id := range due {
		tr, _, err := h.db.Track(t.Context(), id)
		h.must(err)
		starts = append(starts, tr.Started)
	}
	if !slices.IsSortedFunc(starts, time.Time.Compare) || len(starts) != 6 {
		t.Errorf("order %v", starts)
	}
	h.boot()
	h.tick()
	for _, i := range cases {
		tr := h.track(i, notice.Supervisor)
		same(t, "one level", [2]int{1, 2}, [2]int{tr.Pass, tr.Level})
		if !tr.LevelEnd.Equal(h.clock.now().Add(10 * time.Minute)) {
			t.Errorf("its window begins now: %+v", tr)
		}
		same(t, "firings", 2, len(h.firings(i, notice.Supervisor)))
	}
}

// The same life with a restart before every step gives the same notices.
func TestRule14RestartAtEveryState(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	for m := 0; m <= 13; m++ {
		h.after(m)
		h.boot()
		_, err := h.notice.FireDue(t.Context())
		h.must(err)
		h.boot()
		h.send.SendDue(t.Context())
	}
	same(t, "firings", []firing{{0, 1, "per_sales"}, {3, 1, "per_sales"}, {6, 1, "per_sales"}, {9, 1, "per_sales"}, {10, 2, "per_pres"}, {13, 2, "per_pres"}}, h.firings(i, notice.Supervisor))
	same(t, "each sent once", map[notice.SendState]int{notice.Sent: 6}, h.states(i, notice.Supervisor))
	h.must(h.ack(i, notice.Supervisor, h.as("per_pres")))
	h.boot()
	h.after(42)
	h.tick()
	same(t, "answered stays answered", 6, len(h.firings(i, notice.Supervisor)))
}

// Timers run by several at once fire once.
func TestRule14ManyTimers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.after(10)
	done := make(chan error)
	for range 8 {
		go func() {
			_, err := h.notice.FireDue(t.Context())
			done <- err
		}()
	}
	for range 8 {
		h.must(<-done)
	}
	same(t, "fired", 2, h.track(i, notice.Supervisor).Fires)
	same(t, "recorded", 4, len(h.events(i, "notice.level_fired")))
}

// A post that is down for a day: each contact is owed one message, and gets it.
func TestPostDownForADay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	tries := 0
	h.post.answer(func(notice.Attempt) (string, error) { tries++; return "", errors.New("connection refused") })
	h.send = notice.NewDispatcher(h.db, h.post, h.clock.now, 1)
	for minute := 0; minute <= 24*60; minute += 5 {
		h.after(minute)
		h.tick()
	}
	owed := map[string]int{}
	for _, r := range []notice.Receiver{notice.Supervisor, notice.Manager} {
		if tr := h.track(i, r); tr.Pass < 3 {
			t.Errorf("%s: the chain rested in pass %d", r, tr.Pass)
		}
		for _, a := range h.attempts(i, r) {
			if a.State != notice.Planned {
				t.Errorf("attempt %+v", a)
			}
			owed[string(r)+" "+a.Address]++
		}
	}
	for who, n := range owed {
		if n != 1 {
			t.Errorf("%s is owed %d messages", who, n)
		}
	}
	if tries < 200 {
		t.Errorf("tried %d times in a day", tries)
	}
	s, err := h.db.Stats(t.Context(), h.clock.now())
	h.must(err)
	if s.Unsent != len(owed) || !s.OldestUnsent.Equal(noon()) {
		t.Errorf("health %+v", s)
	}
	same(t, "delays in the record, one for each", len(owed), len(h.events(i, "notice.delayed")))
	h.post.answer(nil)
	h.clock.set(h.clock.now().Add(2 * time.Minute))
	for range 10 {
		h.send.SendDue(t.Context())
	}
	same(t, "handed over once it is back", len(owed), len(h.post.sent))
}

func TestRefusedForGood(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.post.answer(func(a notice.Attempt) (string, error) {
		if a.Person == "per_sales" {
			return "", fmt.Errorf("send: %w", &notice.Rejection{Answer: "550 no such user"})
		}
		return "250 ok", nil
	})
	h.runTo(10)
	for _, a := range h.attempts(i, notice.Supervisor) {
		if a.Person == "per_sales" && (a.State != notice.Refused || a.Answer != "550 no such user" || a.Tries != 1) || a.Person == "per_pres" && a.State != notice.Sent {
			t.Errorf("attempt %+v", a)
		}
	}
	same(t, "the chain goes on", []string{"per_sales", "per_pres"}, h.told(i, notice.Supervisor))
	s, err := h.db.Stats(t.Context(), h.clock.now())
	h.must(err)
	same(t, "somebody is warned", 4, s.RefusedRecent)
	ev := h.events(i, "notice.refused")
	if len(ev) != 4 || ev[0]["answer"] != "550 no such user" {
		t.Errorf("record %v", ev)
	}
}

// A process that dies between handing over and writing so: the lease lapses and the
// same attempt goes out again under the same id.
func TestKilledBetweenSendAndSettle(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Complaint, "per_emp", nil)
	dead, err := h.db.Claim(t.Context(), h.clock.now(), notice.Lease, 99, true)
	h.must(err)
	h.boot()
	h.clock.set(noon().Add(notice.Lease - time.Second))
	h.tick()
	same(t, "the lease holds", 0, len(h.post.sent))
	h.clock.set(noon().Add(notice.Lease))
	h.tick()
	var was, is []string
	for _, a := range dead {
		was = append(was, a.ID)
	}
	for _, a := range h.post.sent {
		is = append(is, a.ID)
	}
	slices.Sort(was)
	slices.Sort(is)
	same(t, "the same attempts", was, is)
	same(t, "now sent", map[notice.SendState]int{notice.Sent: 1}, h.states(i, notice.Manager))
	h.tick()
	same(t, "and not a third time", 2, len(h.post.sent))
}

// A slow sender whose claim lapsed does not undo what the next one settled.
func TestLapsedClaimSettlesOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Complaint, "per_emp", leaveOut("per_sales", "per_pres"))
	blocked, release := make(chan struct{}), make(chan struct{})
	slow := &post{do: func(a notice.Attempt) (string, error) {
		if a.Track == h.track(i, notice.Manager).ID {
			close(blocked)
			<-release
		}
		return "", errors.New("timeout")
	}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		notice.NewDispatcher(h.db, slow, h.clock.now, 4).SendDue(t.Context())
	}()
	<-blocked
	h.clock.set(noon().Add(notice.Lease))
	h.tick()
	same(t, "sent by the other", map[notice.SendState]int{notice.Sent: 1}, h.states(i, notice.Manager))
	close(release)
	<-done
	same(t, "and stays so", map[notice.SendState]int{notice.Sent: 1}, h.states(i, notice.Manager))
}

// A claim that ran out while the attempt waited for a worker is not used.
func TestClaimThatRanOutIsLeft(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	h.report(incident.Virus, "per_emp", nil)
	n := 0
	h.post.answer(func(notice.Attempt) (string, error) {
		n++
		h.clock.set(h.clock.now().Add(notice.Lease)) // a provider that takes minutes
		return "250 ok", nil
	})
	h.send = notice.NewDispatcher(h.db, h.post, h.clock.now, 1)
	h.send.SendDue(t.Context())
	same(t, "only the first was sent", 1, n)
	h.send.SendDue(t.Context())
	same(t, "the others by later claims", 2, n)
}

// Every end of an attempt is in the journal, with the provider's answer.
func TestRule15EveryStateIsRecorded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), func(o *directory.Org) {
		o.Duties = append(o.Duties, directory.Assignment{Duty: access.ITAdmin, Person: "per_dep", From: noon().AddDate(-1, 0, 0)})
	})
	i := h.report(incident.Virus, "per_emp", nil)
	failed := false
	h.post.answer(func(a notice.Attempt) (string, error) {
		switch {
		case a.Person == "per_sales":
			return "", &notice.Rejection{Answer: "550 unknown"}
		case a.Person == "per_it" && !failed:
			failed = true
			return "", errors.New("timeout")
		}
		return "250 queued", nil
	})
	h.runTo(1)
	h.after(3)
	_, err := h.notice.FireDue(t.Context())
	h.must(err)
	h.must(h.ack(i, notice.Manager, h.as("per_pm")))
	planned, ended := map[string]bool{}, map[string]string{}
	for _, e := range h.events(i, "notice.level_fired") {
		for _, id := range e["planned"].([]any) {
			planned[id.(string)] = true
		}
	}
	for _, kind := range []string{"sent", "refused", "delayed"} {
		for _, e := range h.events(i, "notice."+kind) {
			ended[e["notice"].(string)] = kind
			if e["answer"] == "" || e["person"] == "" || e["channel"] != "mail" {
				t.Errorf("%s: %v", kind, e)
			}
			if kind == "delayed" {
				ended[e["notice"].(string)] = "sent" // later
			}
		}
	}
	for _, e := range h.events(i, "notice.acknowledged") {
		for _, id := range e["cancelled"].([]any) {
			ended[id.(string)] = "cancelled"
		}
	}
	count := map[notice.SendState]int{}
	for _, r := range i.Kind.Receivers() {
		for _, a := range h.attempts(i, r) {
			count[a.State]++
			if !planned[a.ID] {
				t.Errorf("%s is not recorded as planned", a.ID)
			}
			if a.State != notice.Planned && ended[a.ID] != string(a.State) {
				t.Errorf("%s is %s, recorded %q", a.ID, a.State, ended[a.ID])
			}
		}
	}
	same(t, "states seen", map[notice.SendState]int{notice.Planned: 2, notice.Sent: 2, notice.Refused: 1, notice.Cancelled: 1}, count)
	same(t, "the delay", 1, len(h.events(i, "notice.delayed")))
}
