package notice_test

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
)

// withContacts gives a person a push contact and a chat room that were proven, and a mail
// address that was not.
func withContacts(person string, start time.Time) func(*directory.Org) {
	return func(o *directory.Org) {
		c := func(id string, ch directory.Channel, address string, verified time.Time) directory.Contact {
			return directory.Contact{ID: id + person, Person: person, Channel: ch, Address: address, Created: start.Add(-time.Hour), Verified: verified}
		}
		o.Contacts = map[string][]directory.Contact{person: {c("con_a", directory.Push, "push.example", start.Add(-time.Minute)),
			c("con_b", directory.Slack, "hooks.example", start.Add(-time.Minute)), c("con_c", directory.Mail, "unproven@aoba.example", time.Time{})}}
	}
}

// planned is where and when, in minutes after the start, a track's notices were due.
type planned struct {
	Channel, Address string
	Minute           int
}

func (h *house) planned(i *incident.Incident, r notice.Receiver) []planned {
	h.t.Helper()
	var out []planned
	for _, a := range h.attempts(i, r) {
		out = append(out, planned{a.Channel, a.Address, int(a.Planned.Sub(h.start) / time.Minute)})
	}
	slices.SortFunc(out, func(a, b planned) int { return cmp.Or(a.Minute-b.Minute, cmp.Compare(a.Channel, b.Channel)) })
	return out
}

// order makes the urgent manager's first level use channels in an order.
func (h *house) order(os ...notice.Offset) error {
	h.t.Helper()
	p := notice.DefaultPolicy()
	p.Reason = "携帯を先に鳴らす"
	p.Chains[notice.Urgent][notice.Manager][0].Channels = os
	_, err := h.notice.SetPolicy(h.t.Context(), h.as("per_pm"), p, false)
	return err
}

func TestRule2EveryContactAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), withContacts("per_pm", noon()))
	i := h.report(incident.Missent, "per_emp", nil)
	same(t, "to the manager", []planned{{"mail", "ishikawa@aoba.example", 0}, {"push", "con_aper_pm", 0}, {"slack", "con_bper_pm", 0}}, h.planned(i, notice.Manager))
	same(t, "to the supervisor", []planned{{"mail", "takahashi@aoba.example", 0}}, h.planned(i, notice.Supervisor))
}

func TestRule2OrderOfChannels(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), withContacts("per_pm", noon()))
	h.must(h.order(notice.Offset{Channel: "push", After: 1}, notice.Offset{Channel: "mail", After: 5}))
	i := h.report(incident.Missent, "per_emp", nil)
	mail, push := "ishikawa@aoba.example", "con_aper_pm"
	// The first channel that they have is told at once; the room is not used on this level.
	same(t, "planned", []planned{{"push", push, 0}, {"mail", mail, 4}}, h.planned(i, notice.Manager))
	h.tick()
	same(t, "sent at once", map[notice.SendState]int{notice.Sent: 1, notice.Planned: 1}, h.states(i, notice.Manager))
	h.runTo(3) // the repeat: push again; the mail is still to come
	same(t, "after the repeat", []planned{{"push", push, 0}, {"push", push, 3}, {"mail", mail, 4}}, h.planned(i, notice.Manager))
	h.runTo(6)
	same(t, "after the second repeat", []planned{{"push", push, 0}, {"push", push, 3}, {"mail", mail, 4}, {"mail", mail, 6}, {"push", push, 6}}, h.planned(i, notice.Manager))
	// Stopped by an answer: what was still to come is not sent.
	h.after(6)
	j := h.report(incident.Missent, "per_gen", nil)
	h.must(h.ack(j, notice.Manager, h.as("per_pm")))
	h.runTo(12)
	for _, a := range h.attempts(j, notice.Manager) {
		if a.State == notice.Planned || a.Channel == "mail" && a.State != notice.Cancelled {
			t.Errorf("after the answer: %+v", a)
		}
	}
}

// TestRule2NobodyWaitsForAChannelTheyLack: whoever has none of the level's channels is told
// by all they have, at once.
func TestRule2NobodyWaitsForAChannelTheyLack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	h.must(h.order(notice.Offset{Channel: "push"}, notice.Offset{Channel: "slack", After: 3}))
	same(t, "mail alone", []planned{{"mail", "ishikawa@aoba.example", 0}}, h.planned(h.report(incident.Missent, "per_emp", nil), notice.Manager))
	h.must(h.order(notice.Offset{Channel: "push"}, notice.Offset{Channel: "mail", After: 5}))
	same(t, "the second channel", []planned{{"mail", "ishikawa@aoba.example", 0}}, h.planned(h.report(incident.Missent, "per_emp", nil), notice.Manager))
}

func TestPolicyRefusesChannels(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	at := "urgent.protection_manager.1.channels"
	badField(t, "unknown", h.order(notice.Offset{Channel: "pigeon"}), at, "fault.unknown_choice")
	badField(t, "twice", h.order(notice.Offset{Channel: "mail"}, notice.Offset{Channel: "mail", After: 1}), at, "fault.unknown_choice")
	badField(t, "as long as the window", h.order(notice.Offset{Channel: "mail", After: 10}), at, "fault.channel_over_window")
	badField(t, "negative", h.order(notice.Offset{Channel: "mail", After: -1}), at, "fault.channel_over_window")
}

// TestGoneContactIsLeftAlone: a contact that refuses for good is marked, said so in the
// record, and not used again; the others go on.
func TestGoneContactIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), withContacts("per_pm", noon()))
	h.post.answer(func(a notice.Attempt) (string, error) {
		switch a.Channel {
		case "push":
			return "", &notice.Rejection{Answer: "HTTP 410", Gone: true}
		case "slack":
			return "", &notice.Rejection{Answer: "left out of this case"}
		}
		return "250 ok", nil
	})
	i := h.report(incident.Missent, "per_emp", nil)
	h.runTo(4)
	same(t, "planned", []planned{{"mail", "ishikawa@aoba.example", 0}, {"push", "con_aper_pm", 0}, {"slack", "con_bper_pm", 0},
		{"mail", "ishikawa@aoba.example", 3}, {"slack", "con_bper_pm", 3}}, h.planned(i, notice.Manager))
	o, err := h.people.Org(t.Context())
	h.must(err)
	push, _ := o.Contact("con_aper_pm")
	room, _ := o.Contact("con_bper_pm")
	if push.Failed.IsZero() || push.FailedWhy != "HTTP 410" || !room.Failed.IsZero() {
		t.Errorf("push %+v, room %+v", push, room)
	}
	same(t, "wants care", directory.ContactCare{Failed: 1}, o.CareOf("per_pm", h.clock.now()))
	said, err := h.db.History(t.Context(), "per_pm")
	h.must(err)
	n := 0
	for _, e := range said {
		if e.Kind == "directory.contact_failed" {
			n++
		}
	}
	same(t, "said in the record", 1, n)
}

// TestSlowChannelHoldsNothingUp: what one provider does not take keeps no other contact of
// the person waiting, and is owed once.
func TestSlowChannelHoldsNothingUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), withContacts("per_pm", noon()))
	h.post.answer(func(a notice.Attempt) (string, error) {
		if a.Channel == "slack" {
			return "", errors.New("HTTP 503")
		}
		return "250 ok", nil
	})
	i := h.report(incident.Missent, "per_emp", nil)
	h.runTo(7)
	count := map[string]int{}
	for _, a := range h.attempts(i, notice.Manager) {
		count[a.Channel]++
	}
	same(t, "notices by channel", map[string]int{"mail": 3, "push": 3, "slack": 1}, count)
}

// TestLinkProvesTheContact: an answer by the link of a notice says that the contact works,
// that one and no other.
func TestLinkProvesTheContact(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), withContacts("per_pm", noon()))
	i := h.report(incident.Missent, "per_emp", nil)
	h.tick()
	h.after(2)
	as := h.attempts(i, notice.Manager)
	n := slices.IndexFunc(as, func(a notice.Attempt) bool { return a.Channel == "push" })
	by, tr, err := h.notice.Follow(t.Context(), as[n].ID)
	h.must(err)
	same(t, "door", access.ByLink, by.Via)
	_, err = h.notice.Acknowledge(t.Context(), by, notice.Ack{Track: tr.ID, Path: "link", Attempt: as[n].ID})
	h.must(err)
	o, err := h.people.Org(t.Context())
	h.must(err)
	push, _ := o.Contact("con_aper_pm")
	room, _ := o.Contact("con_bper_pm")
	same(t, "push", h.clock.now(), push.Verified)
	same(t, "room", noon().Add(-time.Minute), room.Verified)
	same(t, "mail", noon().Add(-time.Hour), o.People["per_pm"].Verified)
}

func TestSwitchedOffChannel(t *testing.T) {
	t.Parallel()
	s := notice.ByChannel{"mail": &post{}}
	_, err := s.Send(t.Context(), notice.Attempt{Channel: "push"}, notice.Track{})
	var no *notice.Rejection
	if !errors.As(err, &no) || no.Gone {
		t.Errorf("a channel that is off: %v", err)
	}
	if _, err := s.Send(t.Context(), notice.Attempt{Channel: "mail"}, notice.Track{}); err != nil {
		t.Error(err)
	}
}

// TestGoneAddressOfAGatheredMail: an address that refuses a mail of several repeats for good
// is marked as one that refuses a single notice is.
func TestGoneAddressOfAGatheredMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), func(o *directory.Org) {
		o.Contacts = map[string][]directory.Contact{"per_pm": {{ID: "con_x", Person: "per_pm", Channel: directory.Mail, Address: "second@aoba.example",
			Created: noon().Add(-time.Hour), Verified: noon().Add(-time.Minute)}}}
	})
	g := &gatherer{post: h.post}
	h.send = notice.NewDispatcher(h.db, g, h.clock.now, 4)
	for range 2 {
		h.report(incident.Complaint, "per_emp", nil)
	}
	h.tick()
	g.fail = &notice.Rejection{Answer: "550 5.1.1 no such user", Gone: true}
	h.runTo(21)
	o, err := h.people.Org(t.Context())
	h.must(err)
	if c, _ := o.Contact("con_x"); c.Failed.IsZero() || c.FailedWhy != "550 5.1.1 no such user" {
		t.Errorf("the contact: %+v", c)
	}
}

// TestRule9DoesNotWaitForAnOlderPlan: what somebody does by hand is told at once, although
// an older notice to the same contact is planned for later.
func TestRule9DoesNotWaitForAnOlderPlan(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), withContacts("per_pm", noon()))
	p := notice.DefaultPolicy()
	p.Reason = "携帯を先に鳴らす"
	p.Chains[notice.Urgent][notice.Manager][0].Channels = []notice.Offset{{Channel: "push"}, {Channel: "mail", After: 8}}
	p.Chains[notice.Urgent][notice.Manager][1].Channels = []notice.Offset{{Channel: "mail"}}
	_, err := h.notice.SetPolicy(t.Context(), h.as("per_pm"), p, false)
	h.must(err)
	i := h.report(incident.Missent, "per_emp", nil)
	h.tick()
	h.after(1)
	h.must(h.notice.Escalate(t.Context(), h.as("per_pm"), h.track(i, notice.Manager).ID, 2, "返事がない"))
	h.tick()
	var mails []int
	for _, a := range h.attempts(i, notice.Manager) {
		if a.Channel == "mail" && a.Person == "per_pm" && a.State == notice.Sent {
			mails = append(mails, int(a.SentAt.Sub(h.start)/time.Minute))
		}
	}
	same(t, "mails to the manager, in minutes", []int{1}, mails)
}

// TestRule12ShorterWindowDelaysNoRepeat: a shorter window that is adopted within a level
// moves the level's beginning nowhere ahead.
func TestRule12ShorterWindowDelaysNoRepeat(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	i := h.report(incident.Complaint, "per_emp", nil)
	h.tick()
	h.after(1)
	p := notice.DefaultPolicy()
	p.Reason = "早く知らせる"
	p.Chains[notice.Normal][notice.Manager][0].Window, p.Chains[notice.Normal][notice.Manager][0].Repeat = 10, 5
	_, err := h.notice.SetPolicy(t.Context(), h.as("per_pm"), p, true)
	h.must(err)
	h.runTo(40)
	last := h.attempts(i, notice.Manager)
	for _, a := range last {
		if a.State != notice.Sent {
			t.Errorf("planned at %v, waits until %v", a.Planned, a.NextTry)
		}
	}
	if len(last) < 3 {
		t.Errorf("%d notices in 40 minutes", len(last))
	}
}
