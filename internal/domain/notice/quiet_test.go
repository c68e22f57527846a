package notice_test

import (
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
)

func jp(y, m, d, h, min int) time.Time { return time.Date(y, time.Month(m), d, h, min, 0, 0, jst) }

// What is not urgent is held to the first minute of work, across every edge of the
// calendar; the report itself is stored at once.
func TestRule10FirstNoticeIsHeld(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name            string
		reported, opens time.Time
	}{
		{"in the night", jp(2026, 11, 19, 3, 0), jp(2026, 11, 19, 9, 0)},
		{"a moment before work", jp(2026, 11, 19, 9, 0).Add(-time.Microsecond), jp(2026, 11, 19, 9, 0)},
		{"as work ends", jp(2026, 11, 19, 18, 0), jp(2026, 11, 20, 9, 0)},
		{"Friday evening, before a holiday on Monday", jp(2026, 11, 20, 19, 0), jp(2026, 11, 24, 9, 0)},
		{"at noon of a holiday", jp(2026, 11, 23, 12, 0), jp(2026, 11, 24, 9, 0)},
		{"Saturday", jp(2026, 11, 21, 12, 0), jp(2026, 11, 24, 9, 0)},
		{"end of the month", jp(2026, 9, 30, 23, 59), jp(2026, 10, 1, 9, 0)},
		{"the eve of a leap day", jp(2028, 2, 28, 18, 0), jp(2028, 2, 29, 9, 0)},
		{"a leap day's evening", jp(2028, 2, 29, 18, 0), jp(2028, 3, 1, 9, 0)},
		{"the last evening of the year", jp(2026, 12, 28, 18, 0), jp(2027, 1, 4, 9, 0)},
		{"before the long holidays", jp(2026, 5, 1, 18, 0), jp(2026, 5, 7, 9, 0)},
		{"the company's own day off", jp(2026, 6, 1, 10, 0), jp(2026, 6, 2, 9, 0)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, tt.reported, nil)
			h.must(h.notice.SetDayOff(t.Context(), h.as("per_pm"), notice.DayOff{Day: jpcal.Date{Year: tt.reported.Year(), Month: 6, Day: 1}, Name: "創立記念日"}))
			i := h.report(incident.Complaint, "per_emp", nil)
			h.tick()
			tr := h.track(i, notice.Supervisor)
			if !tr.Held() || !tr.HeldSince.Equal(tt.reported.Truncate(time.Microsecond)) || !tr.NextFire.Equal(tt.opens) || tr.State != notice.Open {
				t.Errorf("held: %+v", tr)
			}
			same(t, "told nobody", 0, len(h.told(i, notice.Supervisor)))
			h.clock.set(tt.opens.Add(-time.Microsecond))
			h.tick()
			same(t, "not a moment before", 0, len(h.attempts(i, notice.Supervisor)))
			h.clock.set(tt.opens)
			h.tick()
			same(t, "the first minute", []string{"per_sales"}, h.told(i, notice.Supervisor))
			tr = h.track(i, notice.Supervisor)
			if tr.Held() || tr.Level != 1 || !tr.LevelEnd.Equal(tt.opens.Add(time.Hour)) || !tr.NextFire.Equal(tt.opens.Add(20*time.Minute)) {
				t.Errorf("told: %+v", tr)
			}
			held := h.events(i, "notice.held")
			if len(held) != 2 || held[0]["until"] != tt.opens.UTC().Format(time.RFC3339) {
				t.Errorf("record: %v", held)
			}
		})
	}
}

// A window does not run while work rests: what was left of it in the evening is there in
// the morning.
func TestRule10WindowRestsOverNight(t *testing.T) {
	t.Parallel()
	h := newHouse(t, jp(2026, 11, 19, 17, 30), nil)
	i := h.report(incident.Complaint, "per_emp", nil)
	h.runTo(16 * 60)
	night := 15 * 60
	same(t, "repeats and levels", []firing{{0, 1, "per_sales"}, {20, 1, "per_sales"}, {night + 30, 1, "per_sales"}, {night + 50, 2, "per_pres"}},
		h.firings(i, notice.Supervisor))
	held := h.events(i, "notice.held")
	if len(held) != 2 || held[0]["due"] != jp(2026, 11, 19, 18, 10).UTC().Format(time.RFC3339) || held[0]["until"] != jp(2026, 11, 20, 9, 0).UTC().Format(time.RFC3339) {
		t.Errorf("record: %v", held)
	}
}

// Urgent tracks never rest, and neither does one whose reporter said that it cannot wait,
// nor what somebody asks for by hand.
func TestRule10WhatIsNotHeld(t *testing.T) {
	t.Parallel()
	night := jp(2026, 11, 21, 2, 0)
	h := newHouse(t, night, nil)
	urgent, normal := h.report(incident.Lost, "per_emp", nil), h.report(incident.Complaint, "per_emp", nil)
	h.runTo(3)
	same(t, "urgent", 2, len(h.firings(urgent, notice.Supervisor)))
	same(t, "normal", 0, len(h.firings(normal, notice.Supervisor)))

	_, err := h.cases.TellNow(t.Context(), h.as("per_dep"), normal.ID, "")
	refused(t, "by somebody else", err, fault.NotFound, "fault.not_found")
	n, err := h.cases.TellNow(t.Context(), h.as("per_emp"), normal.ID, " 先方が待っている ")
	h.must(err)
	same(t, "both tracks", 2, n)
	h.tick()
	same(t, "told now", []firing{{3, 1, "per_sales"}}, h.firings(normal, notice.Supervisor))
	h.runTo(64)
	same(t, "and it goes on through the night", []firing{{3, 1, "per_sales"}, {23, 1, "per_sales"}, {43, 1, "per_sales"}, {63, 2, "per_pres"}}, h.firings(normal, notice.Supervisor))
	ev := h.events(normal, "notice.hurried")
	if len(ev) != 2 || ev[0]["actor"] != "per_emp" || ev[0]["reason"] != "先方が待っている" {
		t.Errorf("record: %v", ev)
	}
	if n, err = h.cases.TellNow(t.Context(), h.as("per_emp"), normal.ID, ""); n != 0 || err != nil {
		t.Errorf("a second press: %d, %v", n, err)
	}

	hand := h.report(incident.Complaint, "per_emp", nil)
	h.must(h.notice.Escalate(t.Context(), h.as("per_pm"), h.track(hand, notice.Supervisor).ID, 1, "朝まで待てない"))
	same(t, "by hand", []string{"per_sales"}, h.told(hand, notice.Supervisor))
	h.runTo(120)
	same(t, "its repeats rest", 1, len(h.firings(hand, notice.Supervisor)))
}

// The manager may answer what is still held; then nobody is told in the morning.
func TestRule10AnsweredWhileHeld(t *testing.T) {
	t.Parallel()
	h := newHouse(t, jp(2026, 11, 19, 3, 0), nil)
	i := h.report(incident.Complaint, "per_emp", nil)
	h.must(h.ack(i, notice.Manager, h.as("per_pm")))
	tr := h.track(i, notice.Manager)
	if tr.Held() || tr.State != notice.Acked {
		t.Errorf("answered: %+v", tr)
	}
	h.runTo(6*60 + 1)
	same(t, "nobody is told", 0, len(h.told(i, notice.Manager)))
	same(t, "the question waits for work", []string{"per_pm sent"}, h.asks(i, notice.Manager))
	tr = h.track(i, notice.Manager)
	same(t, "and the evening takes nothing from the time to answer", jp(2026, 11, 19, 9, 10).UTC(), tr.NextFire)
	late := newHouse(t, jp(2026, 11, 19, 13, 55), nil)
	i = late.report(incident.Complaint, "per_emp", nil)
	late.must(late.ack(i, notice.Manager, late.as("per_pm")))
	late.runTo(4*60 + 1)
	same(t, "asked at five to six", jp(2026, 11, 20, 9, 10).UTC(), late.track(i, notice.Manager).NextFire)
}

// A restart at every state of a night, and a clock set back, hold nothing twice.
func TestRule10RestartAtEveryState(t *testing.T) {
	t.Parallel()
	h := newHouse(t, jp(2026, 11, 19, 17, 30), nil)
	i := h.report(incident.Complaint, "per_emp", nil)
	for m := 0; m <= 16*60; m += 5 {
		for _, at := range []int{m, m - 1000, m} {
			h.after(at)
			h.boot()
			h.must(h.notice.ReloadDaysOff(t.Context()))
			_, err := h.notice.FireDue(t.Context())
			h.must(err)
			h.boot()
			h.send.SendDue(t.Context())
		}
	}
	night := 15 * 60
	same(t, "firings", []firing{{0, 1, "per_sales"}, {20, 1, "per_sales"}, {night + 30, 1, "per_sales"}, {night + 50, 2, "per_pres"}}, h.firings(i, notice.Supervisor))
	same(t, "held once a track", 2, len(h.events(i, "notice.held")))
	same(t, "each sent once", map[notice.SendState]int{notice.Sent: 4}, h.states(i, notice.Supervisor))
}

// A server that was away over the morning tells at once, and the windows begin with it.
func TestRule10OverdueAfterALongNight(t *testing.T) {
	t.Parallel()
	h := newHouse(t, jp(2026, 11, 19, 3, 0), nil)
	i := h.report(incident.Complaint, "per_emp", nil)
	h.clock.set(jp(2026, 11, 19, 15, 0))
	h.boot()
	h.tick()
	same(t, "told", []string{"per_sales"}, h.told(i, notice.Supervisor))
	if tr := h.track(i, notice.Supervisor); !tr.LevelEnd.Equal(jp(2026, 11, 19, 16, 0)) {
		t.Errorf("window: %+v", tr)
	}
}

func TestRule10HoursAreThePolicys(t *testing.T) {
	t.Parallel()
	cal := jpcal.New(jst, jpcal.Options{})
	for _, tt := range []struct {
		hours    notice.Hours
		at, want time.Time
	}{
		{notice.Hours{From: "08:30", To: "17:15"}, jp(2026, 11, 19, 8, 29), jp(2026, 11, 19, 8, 30)},
		{notice.Hours{From: "08:30", To: "17:15"}, jp(2026, 11, 19, 17, 14), jp(2026, 11, 19, 17, 14)},
		{notice.Hours{From: "08:30", To: "17:15"}, jp(2026, 11, 19, 17, 15), jp(2026, 11, 20, 8, 30)},
		{notice.Hours{From: "00:00", To: "24:00"}, jp(2026, 11, 20, 23, 59), jp(2026, 11, 20, 23, 59)},
		{notice.Hours{From: "00:00", To: "24:00"}, jp(2026, 11, 21, 0, 0), jp(2026, 11, 24, 0, 0)},
		{notice.Hours{}, jp(2026, 11, 21, 3, 0), jp(2026, 11, 21, 3, 0)},
	} {
		if got := tt.hours.Opens(cal, tt.at); !got.Equal(tt.want) {
			t.Errorf("%v at %v: %v, want %v", tt.hours, tt.at, got.In(jst), tt.want)
		}
	}
	for _, tt := range []struct {
		hours     notice.Hours
		field, id string
	}{
		{notice.Hours{From: "9", To: "18:00"}, "hours.from", "escalation.bad_clock"},
		{notice.Hours{From: "09:00", To: "25:00"}, "hours.to", "escalation.bad_clock"},
		{notice.Hours{From: "09:00", To: "18:60"}, "hours.to", "escalation.bad_clock"},
		{notice.Hours{From: "09:00"}, "hours.to", "escalation.bad_clock"},
		{notice.Hours{From: "18:00", To: "09:00"}, "hours.to", "escalation.hours_turned"},
	} {
		p := notice.DefaultPolicy()
		p.Hours = tt.hours
		badField(t, tt.hours.From+"–"+tt.hours.To, p.Check(), tt.field, tt.id)
	}
}

func TestRule10DaysOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	day := jpcal.Date{Year: 2027, Month: 6, Day: 1}
	refused(t, "by an employee", h.notice.SetDayOff(t.Context(), h.as("per_emp"), notice.DayOff{Day: day, Name: "x"}), fault.Denied, "fault.denied")
	badField(t, "without a name", h.notice.SetDayOff(t.Context(), h.as("per_pm"), notice.DayOff{Day: day, Name: " "}), "name", "fault.required")
	badField(t, "no day", h.notice.SetDayOff(t.Context(), h.as("per_pm"), notice.DayOff{Day: jpcal.Date{Year: 2026, Month: 2, Day: 29}, Name: "x"}), "day", "escalation.bad_day")
	badField(t, "far away", h.notice.SetDayOff(t.Context(), h.as("per_pm"), notice.DayOff{Day: jpcal.Date{Year: 2036, Month: 2, Day: 29}, Name: "x"}), "day", "escalation.day_far")
	h.must(h.notice.SetDayOff(t.Context(), h.as("per_pm"), notice.DayOff{Day: day, Name: "創立記念日"}))
	h.must(h.notice.SetDayOff(t.Context(), h.as("per_pm"), notice.DayOff{Day: day, Name: "創立記念日（振替）"}))
	days, err := h.notice.DaysOff(t.Context(), h.as("per_emp"))
	h.must(err)
	same(t, "kept once", []notice.DayOff{{Day: day, Name: "創立記念日（振替）", By: "per_pm", At: noon().UTC()}}, days)
	if _, err := h.notice.DaysOff(t.Context(), access.Actor{}); err == nil {
		t.Error("read by nobody")
	}
	h.must(h.notice.DropDayOff(t.Context(), h.as("per_pm"), day))
	days, err = h.notice.DaysOff(t.Context(), h.as("per_pm"))
	h.must(err)
	same(t, "dropped", 0, len(days))
}

// What is planned shortly before work ends, for a later minute of its level or for the next
// gathering, goes out when work begins again; what somebody does by hand does not wait.
func TestRule10NothingPlannedIntoTheEvening(t *testing.T) {
	t.Parallel()
	start, morning := jp(2026, 11, 19, 17, 36), jp(2026, 11, 20, 9, 0)
	h := newHouse(t, start, withContacts("per_pm", start))
	p := notice.DefaultPolicy()
	p.Reason = "携帯を先に鳴らす"
	p.Chains[notice.Normal][notice.Manager][0].Channels = []notice.Offset{{Channel: "push"}, {Channel: "mail", After: 30}}
	_, err := h.notice.SetPolicy(t.Context(), h.as("per_pm"), p, false)
	h.must(err)
	i := h.report(incident.Complaint, "per_emp", nil)
	h.runTo(15 * 60) // 08:36
	for _, r := range []notice.Receiver{notice.Supervisor, notice.Manager} {
		for _, a := range h.attempts(i, r) {
			if a.State == notice.Sent && !a.SentAt.Before(jp(2026, 11, 19, 18, 0)) {
				t.Errorf("%s to %s went out at %v", a.Channel, a.Person, a.SentAt.In(jst))
			}
		}
	}
	h.runTo(16 * 60)
	n := 0
	for _, a := range h.attempts(i, notice.Manager) {
		if a.Channel == "mail" && a.State == notice.Sent && !a.SentAt.Before(morning) {
			n++
		}
	}
	if n == 0 {
		t.Error("the mail never went out")
	}
}
