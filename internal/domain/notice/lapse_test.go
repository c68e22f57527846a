package notice_test

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
)

// asks lists the questions whether somebody is still on it, by whom they went to.
func (h *house) asks(i *incident.Incident, r notice.Receiver) (out []string) {
	for _, a := range h.attempts(i, r) {
		if a.Purpose == notice.Ask {
			out = append(out, a.Person+" "+string(a.State))
		}
	}
	return out
}

// An answer that nothing follows is asked after, and undone when the question is too.
func TestRule8AnswerLapses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.runTo(4)
	h.must(h.ack(i, notice.Manager, h.as("per_pm")))
	h.runTo(33)
	same(t, "not a minute early", []string(nil), h.asks(i, notice.Manager))
	h.runTo(34)
	same(t, "asked", []string{"per_pm sent"}, h.asks(i, notice.Manager))
	tr := h.track(i, notice.Manager)
	if !tr.Asks() || tr.State != notice.Acked || !tr.NextFire.Equal(noon().Add(44*time.Minute)) {
		t.Errorf("asked: %+v", tr)
	}
	h.runTo(43)
	same(t, "the answer stands until then", notice.Acked, h.track(i, notice.Manager).State)
	h.runTo(44)
	tr = h.track(i, notice.Manager)
	same(t, "starts again at the first level", [2]int{2, 1}, [2]int{tr.Pass, tr.Level})
	if tr.State != notice.Open || tr.AckedBy != "" || !tr.AckedAt.IsZero() || tr.Asks() {
		t.Errorf("lapsed: %+v", tr)
	}
	last := h.attempts(i, notice.Manager)[len(h.attempts(i, notice.Manager))-1]
	if last.Person != "per_pm" || last.Purpose != notice.Tell || last.State != notice.Sent || !last.Planned.Equal(h.clock.now()) {
		t.Errorf("told anew, as at first: %+v", last)
	}
	h.runTo(54)
	same(t, "and climbs", 2, h.track(i, notice.Manager).Level)
	asked, lapsed := h.events(i, "notice.asked"), h.events(i, "notice.lapsed")
	if len(asked) != 1 || asked[0]["person"] != "per_pm" || len(asked[0]["planned"].([]any)) != 1 || len(lapsed) != 1 || lapsed[0]["person"] != "per_pm" {
		t.Errorf("record: %v %v", asked, lapsed)
	}
	h.must(h.ack(i, notice.Manager, h.as("per_pm")))
	same(t, "and is answered as before", notice.Acked, h.track(i, notice.Manager).State)
}

// Whatever shows that somebody works on the case is a decision; the finder's own words are
// none.
func TestRule8WhatADecisionIs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		do      func(h *house, i *incident.Incident) error
		follows bool
	}{
		{"nothing", func(*house, *incident.Incident) error { return nil }, false},
		{"the status", func(h *house, i *incident.Incident) error {
			return h.cases.SetStatus(h.t.Context(), h.as("per_pm"), i.ID, incident.Confirming, "確認中")
		}, true},
		{"given to somebody", func(h *house, i *incident.Incident) error {
			return h.cases.Assign(h.t.Context(), h.as("per_pm"), i.ID, "per_it")
		}, true},
		{"a step", func(h *house, i *incident.Incident) error {
			return h.cases.SetStep(h.t.Context(), h.as("per_pm"), i.ID, "1", true)
		}, true},
		{"a note", func(h *house, i *incident.Incident) error {
			return h.cases.AddNote(h.t.Context(), h.as("per_sales"), i.ID, "先方に電話した")
		}, true},
		{"words of who works on it", func(h *house, i *incident.Incident) error {
			_, err := h.cases.AddFact(h.t.Context(), h.as("per_pm"), i.ID, incident.Addition{Text: "削除を確認"})
			return err
		}, true},
		{"words of the finder", func(h *house, i *incident.Incident) error {
			_, err := h.cases.AddFact(h.t.Context(), h.as("per_emp"), i.ID, incident.Addition{Text: "宛先は三件"})
			return err
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, noon(), nil)
			i := h.report(incident.Missent, "per_emp", nil)
			h.must(h.ack(i, notice.Manager, h.as("per_pm")))
			h.must(h.ack(i, notice.Supervisor, h.as("per_sales")))
			h.after(5)
			h.must(tt.do(h, i))
			h.runTo(300)
			same(t, "undone", tt.follows, len(h.events(i, "notice.lapsed")) == 0)
			same(t, "recorded as followed", tt.follows, len(h.events(i, "notice.followed")) == 2)
			same(t, "asked", tt.follows, len(h.asks(i, notice.Manager)) == 0)
			if tr := h.track(i, notice.Manager); tt.follows && !tr.NextFire.IsZero() {
				t.Errorf("its timer runs on: %+v", tr)
			}
		})
	}
	// A decision after the question is one too.
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.must(h.ack(i, notice.Manager, h.as("per_pm")))
	h.runTo(35)
	h.must(h.cases.Assign(t.Context(), h.as("per_pm"), i.ID, "per_it"))
	h.runTo(200)
	same(t, "after the question", notice.Acked, h.track(i, notice.Manager).State)
}

// The press that answers the question keeps the answer, or hands it to who presses.
func TestRule8StillOnIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.runTo(12)
	_, err := h.notice.Acknowledge(t.Context(), h.as("per_sales"), notice.Ack{Track: h.track(i, notice.Supervisor).ID, Note: "すぐ行きます", Path: "web"})
	h.must(err)
	h.after(20)
	h.must(h.ack(i, notice.Supervisor, h.as("per_sales")))
	same(t, "before the question a second press changes nothing", 0, len(h.events(i, "notice.continued")))
	h.runTo(45)
	ask := h.attempts(i, notice.Supervisor)
	by, of, err := h.notice.Follow(t.Context(), ask[len(ask)-1].ID)
	h.must(err)
	got, err := h.notice.Acknowledge(t.Context(), by, notice.Ack{Track: of.ID, Path: "link"})
	h.must(err)
	if got.Asks() || got.State != notice.Acked || got.AckNote != "すぐ行きます" || !got.NextFire.Equal(noon().Add(75*time.Minute)) || !got.AckedAt.Equal(noon().Add(12*time.Minute)) {
		t.Errorf("still on it: %+v", got)
	}
	h.runTo(76)
	same(t, "asked again", []string{"per_sales sent", "per_sales sent"}, h.asks(i, notice.Supervisor))
	h.must(h.ack(i, notice.Supervisor, h.as("per_pres")))
	tr := h.track(i, notice.Supervisor)
	if tr.AckedBy != "per_pres" || tr.Asks() || tr.State != notice.Acked {
		t.Errorf("taken over: %+v", tr)
	}
	same(t, "in the record", 2, len(h.events(i, "notice.continued")))
	same(t, "one answer", 1, len(h.events(i, "notice.acknowledged")))
}

// A question that does not get out is called off with the answer that it was about.
func TestRule8TheQuestionWaitsForThePost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.tick()
	h.must(h.ack(i, notice.Manager, h.as("per_pm")))
	h.post.answer(func(notice.Attempt) (string, error) { return "", errors.New("connection refused") })
	h.runTo(39)
	same(t, "waits", []string{"per_pm planned"}, h.asks(i, notice.Manager))
	h.runTo(43)
	same(t, "not sent any more", []string{"per_pm cancelled"}, h.asks(i, notice.Manager))
	n := 0
	for _, a := range h.attempts(i, notice.Manager) {
		if a.Purpose == notice.Tell && a.State == notice.Planned {
			n++
		}
	}
	same(t, "the new notice waits in its place", 1, n)
}

// Whoever left since they answered is not asked: the answer lapses at once.
func TestRule8TheAnswererLeft(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), func(o *directory.Org) {
		p := o.People["per_sales"]
		p.Left = noon().Add(10 * time.Minute)
		o.People["per_sales"] = p
	})
	i := h.report(incident.Missent, "per_emp", nil)
	h.must(h.ack(i, notice.Supervisor, h.as("per_sales")))
	h.runTo(30)
	same(t, "not asked", []string(nil), h.asks(i, notice.Supervisor))
	same(t, "the next one above is told", []string{"per_sales", "per_pres"}, h.told(i, notice.Supervisor))
}

// A restart before every step, a clock set back and a second server change nothing of it.
func TestRule8RestartAtEveryState(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Missent, "per_emp", nil)
	h.must(h.ack(i, notice.Manager, h.as("per_pm")))
	// Of two tracks that repeat to one person in the same minute, either may have the turn.
	h.must(h.notice.End(t.Context(), h.as("per_pm"), h.track(i, notice.Supervisor).ID, "一本だけを見る"))
	var states []string
	for m := 0; m <= 60; m++ {
		for _, at := range []int{m, m - 600, m} {
			h.after(at)
			h.boot()
			_, err := h.notice.FireDue(t.Context())
			h.must(err)
			h.boot()
			h.send.SendDue(t.Context())
		}
		tr := h.track(i, notice.Manager)
		s := string(tr.State)
		if tr.Asks() {
			s = "asked"
		}
		if len(states) == 0 || states[len(states)-1] != s {
			states = append(states, s)
		}
	}
	same(t, "states", []string{"acknowledged", "asked", "open"}, states)
	same(t, "asked once", []string{"per_pm sent"}, h.asks(i, notice.Manager))
	same(t, "lapsed once", 1, len(h.events(i, "notice.lapsed")))
	got := h.firings(i, notice.Manager)
	got = slices.DeleteFunc(got, func(f firing) bool { return f.Minute < 40 })
	slices.SortStableFunc(got, func(a, b firing) int { return cmp.Or(a.Minute-b.Minute, cmp.Compare(a.Person, b.Person)) })
	same(t, "told again", []firing{{40, 1, "per_pm"}, {43, 1, "per_pm"}, {46, 1, "per_pm"}, {49, 1, "per_pm"}, {50, 2, "per_pm"}, {53, 2, "per_pm"}, {56, 2, "per_pm"}, {59, 2, "per_pm"}, {60, 3, "per_it"}, {60, 3, "per_pm"}, {60, 3, "per_sales"}}, got)
}

// An open case keeps the times that it began with; a version from before the rule asks
// nobody; urgent answers cannot be left alone.
func TestRule8TimesAreThePolicys(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	old := h.report(incident.Missent, "per_emp", nil)
	p := notice.DefaultPolicy()
	p.Reason = "短く"
	p.Lapse[notice.Urgent] = notice.Lapse{Ask: 5, Answer: 2}
	_, err := h.notice.SetPolicy(t.Context(), h.as("per_pm"), p, false)
	h.must(err)
	fresh := h.report(incident.Missent, "per_emp", nil)
	h.must(h.ack(old, notice.Manager, h.as("per_pm")))
	h.must(h.ack(fresh, notice.Manager, h.as("per_pm")))
	h.runTo(7)
	same(t, "by version", [2]notice.State{notice.Acked, notice.Open}, [2]notice.State{h.track(old, notice.Manager).State, h.track(fresh, notice.Manager).State})
	for _, tt := range []struct {
		urgency notice.Urgency
		lapse   notice.Lapse
		field   string
	}{
		{notice.Urgent, notice.Lapse{}, "lapse.urgent.ask"},
		{notice.Urgent, notice.Lapse{Ask: 1441, Answer: 1}, "lapse.urgent.ask"},
		{notice.Normal, notice.Lapse{Ask: 1}, "lapse.normal.answer"},
		{notice.Light, notice.Lapse{Ask: -1, Answer: 1}, "lapse.light.ask"},
	} {
		p := notice.DefaultPolicy()
		p.Lapse[tt.urgency] = tt.lapse
		badField(t, tt.field, p.Check(), tt.field, "fault.out_of_range")
	}
	p = notice.DefaultPolicy()
	p.Lapse = nil
	if err := p.Check(); err != nil {
		t.Errorf("a version from before the rule: %v", err)
	}
}
