package notice_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
)

// gatherer is a provider that takes several notices as one message.
type gatherer struct {
	*post
	mails [][]string // tracks of each message
	fail  error
}

func (g *gatherer) SendGathered(_ context.Context, as []notice.Attempt, _ []notice.Track) (string, error) {
	if g.fail != nil {
		return "", g.fail
	}
	var mail []string
	for _, a := range as {
		mail = append(mail, a.Bundle)
	}
	g.mails = append(g.mails, mail)
	return "250 ok", nil
}

// First words are never put off nor put together, however many there are.
func TestRule13FirstWordsStandAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	g := &gatherer{post: h.post}
	h.send = notice.NewDispatcher(h.db, g, h.clock.now, 4)
	for range 30 {
		h.report(incident.Complaint, "per_emp", nil)
		h.report(incident.Missent, "per_emp", nil)
	}
	for range 10 {
		h.tick()
	}
	same(t, "each a mail of its own", 120, len(h.post.sent))
	same(t, "none gathered", 0, len(g.mails))
}

// Urgent repeats go to one contact once a minute, over all tracks, oldest first; somebody
// who was not told before is told at once.
func TestRule13RepeatsTakeTurns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	var cases []*incident.Incident
	for range 4 {
		cases = append(cases, h.report(incident.Missent, "per_emp", nil))
	}
	h.runTo(2)
	first := len(h.post.sent)
	h.runTo(10)
	last := map[string]time.Time{}
	turns := 0
	for _, a := range h.post.sent[first:] {
		if a.Purpose == notice.Tell {
			if a.Person != "per_pres" {
				t.Errorf("a first word to %s", a.Person)
			}
			continue
		}
		got, err := h.db.AttemptByID(t.Context(), a.ID)
		h.must(err)
		if was := last[a.Address]; !was.IsZero() && got.SentAt.Sub(was) < notice.Turn {
			t.Errorf("%s was written to at %v and %v", a.Address, was, got.SentAt)
		}
		last[a.Address] = got.SentAt
		turns++
	}
	same(t, "two contacts, eight minutes", 16, turns)
	for _, i := range cases {
		same(t, "the next level is on time for each", []string{"per_sales", "per_pres"}, h.told(i, notice.Supervisor))
		for _, a := range h.attempts(i, notice.Supervisor) {
			if a.Person == "per_pres" && (!a.SentAt.Equal(noon().Add(10*time.Minute)) || a.Purpose != notice.Tell) {
				t.Errorf("level 2: %+v", a)
			}
		}
	}
}

// Repeats that are not urgent share a mail when they fall due within five minutes.
func TestRule13RepeatsAreGathered(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	g := &gatherer{post: h.post}
	h.send = notice.NewDispatcher(h.db, g, h.clock.now, 4)
	var cases []*incident.Incident
	for n := range 4 {
		h.after(n)
		cases = append(cases, h.report(incident.Complaint, "per_emp", nil))
		h.tick()
	}
	same(t, "first words", 8, len(h.post.sent))
	h.runTo(24)
	same(t, "the first repeat alone: the others were not due with it", 10, len(h.post.sent))
	h.must(h.ack(cases[2], notice.Manager, h.as("per_pm")))
	h.runTo(25)
	same(t, "two mails", 2, len(g.mails))
	n := 0
	for _, mail := range g.mails {
		n += len(mail)
		for _, bundle := range mail {
			if bundle == "" || bundle != mail[0] {
				t.Errorf("one mail, one name: %v", mail)
			}
		}
	}
	same(t, "five cases in two mails", 5, n)
	for _, i := range cases {
		for _, a := range h.attempts(i, notice.Supervisor) {
			if a.State != notice.Sent || a.SentAt.IsZero() || a.Answer != "250 ok" || a.Number == 2 && a.Bundle == "" {
				t.Errorf("each notice has its own record: %+v", a)
			}
		}
	}
	same(t, "in the record of its case", 4, len(h.events(cases[1], "notice.sent")))
}

// A gathered mail that was cut off goes out again under its name, without what was
// answered meanwhile; what became due since goes by itself.
func TestRule13GatheredMailIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	g := &gatherer{post: h.post}
	h.send = notice.NewDispatcher(h.db, g, h.clock.now, 4)
	var cases []*incident.Incident
	for range 3 {
		cases = append(cases, h.report(incident.Complaint, "per_emp", leaveOut("per_sales", "per_pres")))
	}
	h.tick()
	g.fail = errors.New("connection refused")
	h.runTo(21)
	var was string
	for _, a := range h.attempts(cases[0], notice.Manager) {
		if a.Number == 2 {
			was = a.Bundle
			if a.State != notice.Planned || a.Bundle == "" || a.Tries == 0 {
				t.Errorf("cut off: %+v", a)
			}
		}
	}
	h.must(h.ack(cases[1], notice.Manager, h.as("per_pm")))
	g.fail = nil
	h.boot()
	h.send = notice.NewDispatcher(h.db, g, h.clock.now, 4)
	h.runTo(23)
	same(t, "again, under its name", 1, len(g.mails))
	if d := cmp.Diff([]string{was, was, was, was, was}, g.mails[0]); d != "" {
		t.Error(d)
	}
}

// What fails again and again does not keep the others to its contact back.
func TestRule13TurnsAreFair(t *testing.T) {
	t.Parallel()
	at := func(n int) time.Time { return noon().Add(time.Duration(n) * time.Minute) }
	again := func(id string, tries, planned int) notice.Attempt {
		return notice.Attempt{ID: id, Channel: "mail", Tries: tries, Planned: at(planned), Purpose: notice.Repeat}
	}
	gather := func(id, bundle string, planned int) notice.Attempt {
		return notice.Attempt{ID: id, Channel: "mail", Planned: at(planned), Purpose: notice.Gather, Bundle: bundle}
	}
	other := gather("o", "", 2)
	other.Person = "per_other"
	push := gather("p", "", 0)
	push.Channel = "push"
	many := make([]notice.Attempt, 60)
	for n := range many {
		many[n] = gather(fmt.Sprintf("m%02d", n), "", n)
	}
	for _, tt := range []struct {
		name string
		due  []notice.Attempt
		want int
		id   string
	}{
		{"none", nil, 0, ""},
		{"the oldest", []notice.Attempt{again("b", 0, 2), again("a", 0, 1)}, 1, "a"},
		{"what was tried least", []notice.Attempt{again("a", 3, 1), again("b", 0, 2)}, 1, "b"},
		{"urgent ones stay alone", []notice.Attempt{again("a", 0, 1), gather("g", "", 2)}, 1, "a"},
		{"gathered", []notice.Attempt{gather("g", "", 1), again("a", 0, 2), gather("h", "", 3)}, 2, "g"},
		{"not with another mail's", []notice.Attempt{gather("g", "", 1), gather("h", "x", 2)}, 1, "g"},
		{"together as before", []notice.Attempt{gather("g", "x", 1), gather("h", "", 2), gather("i", "x", 3)}, 2, "g"},
		{"not with another reader's", []notice.Attempt{gather("g", "", 1), other}, 1, "g"},
		{"mails alone can hold several", []notice.Attempt{push, push}, 1, "p"},
		{"no endless mail", many, 50, "m00"},
	} {
		got := notice.TakeTurn(tt.due)
		if len(got) != tt.want || len(got) > 0 && got[0].ID != tt.id {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
