package notice_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
)

// failures lists what the record says of a person's contacts that failed.
func (h *house) failures(person string) []map[string]any {
	h.t.Helper()
	all, err := h.db.History(h.t.Context(), person)
	h.must(err)
	var out []map[string]any
	for _, e := range all {
		if e.Kind == "directory.contact_failed" {
			m := map[string]any{}
			h.must(json.Unmarshal(e.Data, &m))
			delete(m, "notice")
			out = append(out, m)
		}
	}
	return out
}

// letters claims the letters that wait.
func (h *house) letters() []notice.Letter {
	h.t.Helper()
	ls, err := h.db.ClaimLetters(h.t.Context(), h.clock.now(), notice.Lease, 100)
	h.must(err)
	return ls
}

func (h *house) verified(person string) time.Time {
	h.t.Helper()
	o, err := h.people.Org(h.t.Context())
	h.must(err)
	return o.People[person].Verified
}

// TestRefusedMailbox: a person whose own address is refused at the mail server's door counts
// as not reached from then on, as after a mail that came back: the next firing tells who is above.
func TestRefusedMailbox(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	const mailbox = "takahashi@aoba.example"
	h.post.answer(func(a notice.Attempt) (string, error) {
		if a.Address == mailbox {
			return "", &notice.Rejection{Answer: "550 5.1.1 unknown", Gone: true, Mailbox: mailbox}
		}
		return "250 ok", nil
	})
	i := h.report(incident.Missent, "per_emp", nil)
	h.tick()
	same(t, "state", map[notice.SendState]int{notice.Refused: 1}, h.states(i, notice.Supervisor))
	first := h.attempts(i, notice.Supervisor)[0].Person
	if !h.verified(first).IsZero() {
		t.Error("the address still counts as known to arrive")
	}
	same(t, "record", []map[string]any{{"contact": first, "channel": "mail", "answer": "550 5.1.1 unknown"}}, h.failures(first))
	same(t, "letters to a mailbox that is gone", 0, len(h.letters()))
	h.runTo(3)
	if told := h.told(i, notice.Supervisor); !slices.Contains(told, "per_pres") {
		t.Errorf("the repeat waits for a mailbox that is gone: told %v", told)
	}
	h.runTo(40)
	same(t, "said once", 1, len(h.failures(first)))
}

// TestRefusedForOtherReasons: what is not about the mailbox says nothing of it.
func TestRefusedForOtherReasons(t *testing.T) {
	t.Parallel()
	for name, no := range map[string]error{
		"content": &notice.Rejection{Answer: "554 5.6.0 no"},
		"later":   errors.New("mail server, receiver: 450 4.2.1 greylisted"),
		"sign-in": errors.New("mail server: 535 5.7.8 authentication failed"),
	} {
		h := newHouse(t, noon(), nil)
		h.post.answer(func(notice.Attempt) (string, error) { return "", no })
		i := h.report(incident.Missent, "per_emp", nil)
		h.runTo(2)
		person := h.attempts(i, notice.Supervisor)[0].Person
		if h.verified(person).IsZero() || len(h.failures(person)) > 0 {
			t.Errorf("%s: the address counts as gone", name)
		}
	}
}

// TestRefusedLetter: a letter that is refused at the door marks the address too, in its own
// commit, and that of nobody else.
func TestRefusedLetter(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	courier := notice.NewCourier(h.db, &carrier{do: func(l notice.Letter) (string, error) {
		return "", &notice.Rejection{Answer: "550 5.1.1 unknown", Gone: true, Mailbox: map[string]string{"ltr_a": "ishikawa@aoba.example", "ltr_b": "before@aoba.example"}[l.ID]}
	}}, h.clock.now, 1)
	for _, l := range []notice.Letter{{ID: "ltr_a", Person: "per_pm"}, {ID: "ltr_b", Person: "per_it"}, {ID: "ltr_out"}} {
		l.Key, l.Topic, l.About, l.Planned, l.NextTry, l.State = l.ID, "x", "req_1", noon(), noon(), notice.Planned
		planLetter(t, h.db, l)
	}
	_, err := courier.SendDue(t.Context())
	h.must(err)
	same(t, "record", []map[string]any{{"contact": "per_pm", "channel": "mail", "answer": "550 5.1.1 unknown"}}, h.failures("per_pm"))
	if !h.verified("per_pm").IsZero() || h.verified("per_it").IsZero() || len(h.failures("per_it")) > 0 {
		t.Error("the wrong address was marked")
	}
}

// TestDoubtedNo: what services say by mistake too is believed only when they keep saying it;
// then the contact is marked, and a letter says so by another way.
func TestDoubtedNo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), withContacts("per_pm", noon()))
	var tries []time.Duration
	stray := true
	h.post.answer(func(a notice.Attempt) (string, error) {
		if a.Channel != "slack" {
			return "250 ok", nil
		}
		at := h.clock.now().Sub(h.start)
		tries = append(tries, at)
		if stray && at > time.Minute {
			return "HTTP 200", nil
		}
		return "", &notice.Rejection{Answer: "HTTP 403", Gone: true, Doubted: true}
	})
	first := h.report(incident.Missent, "per_emp", nil)
	h.runTo(2)
	if s := tries[len(tries)-1]; s < time.Minute || len(h.failures("per_pm")) > 0 {
		t.Errorf("tried until %v; failures %v", s, h.failures("per_pm"))
	}
	h.must(h.ack(first, notice.Manager, h.as("per_pm")))

	stray, tries = false, nil
	i := h.report(incident.Missent, "per_emp", nil)
	h.runTo(9)
	same(t, "record", []map[string]any{{"contact": "con_bper_pm", "channel": "slack", "answer": "HTTP 403"}}, h.failures("per_pm"))
	if n, took := len(tries), tries[len(tries)-1]-tries[0]; n != 7 || took < 3*time.Minute || took > 6*time.Minute {
		t.Errorf("believed after %d tries in %v", n, took)
	}
	for _, a := range h.attempts(i, notice.Manager) {
		if a.Channel == "slack" && (a.State != notice.Refused || a.Answer != "HTTP 403") {
			t.Errorf("the notice: %+v", a)
		}
	}
	o, err := h.people.Org(t.Context())
	h.must(err)
	if c, _ := o.Contact("con_bper_pm"); c.Failed.IsZero() || c.FailedWhy != "HTTP 403" || c.Takes() {
		t.Errorf("the contact: %+v", c)
	}
	ls := h.letters()
	if len(ls) != 1 || ls[0].Topic != notice.TopicLost || ls[0].Person != "per_pm" || ls[0].Path != "/account/contacts/con_bper_pm" || ls[0].Args["answer"] != "HTTP 403" {
		t.Errorf("letters %+v", ls)
	}
}

// TestDoubtAfterAnOutage: a single no after many failures of another kind is not believed.
func TestDoubtAfterAnOutage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), withContacts("per_pm", noon()))
	n := 0
	h.post.answer(func(a notice.Attempt) (string, error) {
		if a.Channel != "slack" {
			return "250 ok", nil
		}
		switch n++; {
		case n < 9:
			return "", errors.New("HTTP 503")
		case n == 9:
			return "", &notice.Rejection{Answer: "HTTP 404", Gone: true, Doubted: true}
		}
		return "HTTP 200", nil
	})
	i := h.report(incident.Missent, "per_emp", nil)
	h.runTo(30)
	if len(h.failures("per_pm")) > 0 || !slices.ContainsFunc(h.attempts(i, notice.Manager), func(a notice.Attempt) bool { return a.Channel == "slack" && a.State == notice.Sent }) {
		t.Errorf("one 404 after an outage was believed: %v", h.failures("per_pm"))
	}
}

// TestBusyProvider: a provider that names a time is not asked before it, and one that names
// an absurd one is asked within the hour.
func TestBusyProvider(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]time.Duration{0: 2 * time.Second, time.Second: 2 * time.Second, 5 * time.Minute: 5 * time.Minute, 1000 * time.Hour: time.Hour, -time.Hour: 2 * time.Second} {
		h := newHouse(t, noon(), withContacts("per_pm", noon()))
		h.post.answer(func(a notice.Attempt) (string, error) {
			if a.Channel != "slack" {
				return "250 ok", nil
			}
			return "", &notice.Busy{Answer: "HTTP 429", Wait: wait}
		})
		i := h.report(incident.Missent, "per_emp", nil)
		h.tick()
		for _, a := range h.attempts(i, notice.Manager) {
			if a.Channel == "slack" && (a.State != notice.Planned || !a.NextTry.Equal(h.start.Add(want)) || a.Answer != "HTTP 429") {
				t.Errorf("%v: next try after %v, want %v: %+v", wait, a.NextTry.Sub(h.start), want, a)
			}
		}
	}
}

// TestSecondAddressIsLost: another address of the person's is marked, and a letter to the
// first says so.
func TestSecondAddressIsLost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), func(o *directory.Org) {
		o.Contacts = map[string][]directory.Contact{"per_pm": {{ID: "con_x", Person: "per_pm", Channel: directory.Mail, Address: "second@aoba.example",
			Created: noon().Add(-time.Hour), Verified: noon().Add(-time.Minute)}}}
	})
	h.post.answer(func(a notice.Attempt) (string, error) {
		if a.Address == "second@aoba.example" {
			return "", &notice.Rejection{Answer: "550 5.1.1 unknown", Gone: true, Mailbox: a.Address}
		}
		return "250 ok", nil
	})
	h.report(incident.Missent, "per_emp", nil)
	h.tick()
	same(t, "record", []map[string]any{{"contact": "con_x", "channel": "mail", "answer": "550 5.1.1 unknown"}}, h.failures("per_pm"))
	if ls := h.letters(); len(ls) != 1 || ls[0].Person != "per_pm" || ls[0].About != "con_x" || h.verified("per_pm").IsZero() {
		t.Errorf("letters %+v", ls)
	}
}

// TestChannelThatIsOff: whoever can be told only by what the server does not have is passed
// over like somebody without a contact, and nothing is planned for it.
func TestChannelThatIsOff(t *testing.T) {
	t.Parallel()
	for _, off := range [][]directory.Channel{nil, {directory.Slack}} {
		h := &house{t: t, db: storetest.Open(t, t.TempDir()+"/test.db", store.Options{Off: off}), clock: &clock{t: noon()}, post: &post{}, start: noon()}
		o := directorytest.Company()
		boss := o.People["per_sales"]
		boss.Email = ""
		o.People["per_sales"] = boss
		o.Contacts = map[string][]directory.Contact{"per_sales": {{ID: "con_1", Person: "per_sales", Channel: directory.Slack, Address: "hooks.example", Verified: noon(), Created: noon()}},
			"per_pm": {{ID: "con_2", Person: "per_pm", Channel: directory.Slack, Address: "hooks.example", Verified: noon(), Created: noon()}}}
		storetest.Seed(t, h.db, o)
		h.boot()
		i := h.report(incident.Missent, "per_emp", nil)
		supervisor, manager := []planned{{"slack", "con_1", 0}}, []planned{{"mail", "ishikawa@aoba.example", 0}, {"slack", "con_2", 0}}
		if off != nil {
			supervisor, manager = []planned{{"mail", "aoba@aoba.example", 0}}, manager[:1]
		}
		same(t, "to the supervisor", supervisor, h.planned(i, notice.Supervisor))
		same(t, "to the manager", manager, h.planned(i, notice.Manager))
	}
}
