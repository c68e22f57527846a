package incident_test

import (
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

// mailed is a person as the sender of a mail.
func mailed(person string) access.Actor {
	a := directorytest.As(directorytest.Company(), person, directorytest.Noon())
	a.Via = access.ByMail
	return a
}

func take(t *testing.T, h *house, by access.Actor, m incident.Mailed) incident.Taken {
	t.Helper()
	if m.Kind == "" {
		m.Kind, m.Guessed = incident.Complaint, true
	}
	got, err := h.cases.TakeMail(t.Context(), by, m)
	h.must(err)
	return got
}

// TestAMailMayOnlyAdd: by mail even the protection manager changes nothing of a case and
// reads no list; they may add to what they may see.
func TestAMailMayOnlyAdd(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i := take(t, h, mailed("per_emp"), incident.Mailed{Key: "1", Sender: "yoshida@aoba.example", Subject: "bag"}).Incident
	pm := mailed("per_pm")
	for what, err := range map[string]error{
		"status":  h.cases.SetStatus(t.Context(), pm, i.ID, incident.Investigating, "x"),
		"assign":  h.cases.Assign(t.Context(), pm, i.ID, "per_pm"),
		"close":   h.cases.AskClose(t.Context(), pm, i.ID, "x"),
		"kind":    h.cases.ChooseKind(t.Context(), pm, i.ID, incident.Lost),
		"note":    h.cases.AddNote(t.Context(), pm, i.ID, "x"),
		"find":    second(h.cases.Find(t.Context(), pm, incident.Query{})),
		"tallies": second(h.cases.Tallies(t.Context(), pm)),
		"code":    second(h.cases.IssueCode(t.Context(), pm, i.ID)),
	} {
		if !fault.Is(err, fault.Denied) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := take(t, h, pm, incident.Mailed{Key: "2", Sender: "ishikawa@aoba.example", Subject: "Re", Labels: []string{i.Label}, Words: "I am on it"}); !got.Added || got.Incident.ID != i.ID {
		t.Errorf("%+v", got)
	}
	for _, by := range []access.Actor{access.Outside(""), access.Outside(i.ID), {}} {
		if _, err := h.cases.TakeMail(t.Context(), by, incident.Mailed{Key: "3", Subject: "x", Kind: incident.Lost}); err == nil {
			t.Errorf("taken by %+v", by)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestChooseKind: who must know of the right kind and was not told is told; who was told
// less urgently is told anew; it happens once, and not over steps that are done.
func TestChooseKind(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i := take(t, h, mailed("per_emp"), incident.Mailed{Key: "1", Sender: "yoshida@aoba.example", Subject: "odd"}).Incident
	if !i.Guessed || i.Urgency != notice.Normal {
		t.Fatalf("%+v", i)
	}
	pm := directorytest.As(directorytest.Company(), "per_pm", h.clock())
	emp := directorytest.As(directorytest.Company(), "per_emp", h.clock())
	if err := h.cases.ChooseKind(t.Context(), emp, i.ID, incident.Virus); !fault.Is(err, fault.Denied) {
		t.Errorf("by the finder: %v", err)
	}
	h.must(h.cases.SetStep(t.Context(), pm, i.ID, "1", true))
	if err := h.cases.ChooseKind(t.Context(), pm, i.ID, incident.Virus); !fault.Is(err, fault.Conflict) {
		t.Errorf("over a done step: %v", err)
	}
	h.wait(time.Minute)
	h.must(h.cases.SetStep(t.Context(), pm, i.ID, "1", false))
	h.wait(time.Minute)
	h.must(h.cases.ChooseKind(t.Context(), pm, i.ID, incident.Virus))
	c, err := h.cases.Case(t.Context(), pm, i.ID)
	h.must(err)
	if c.Kind != incident.Virus || c.Urgency != notice.Urgent || c.Guessed {
		t.Errorf("%+v", c.Incident)
	}
	open := map[notice.Receiver]notice.Urgency{}
	for _, x := range c.Tracks {
		if x.State == notice.Open {
			if _, twice := open[x.Receiver]; twice {
				t.Errorf("two open tracks to %s", x.Receiver)
			}
			open[x.Receiver] = x.Urgency
		}
	}
	for _, r := range []notice.Receiver{notice.Supervisor, notice.Manager, notice.ITAdmin} {
		if open[r] != notice.Urgent {
			t.Errorf("track to %s: %q", r, open[r])
		}
	}
	if err := h.cases.ChooseKind(t.Context(), pm, i.ID, incident.Lost); !fault.Is(err, fault.Conflict) {
		t.Errorf("twice: %v", err)
	}
	// One that was right already starts nothing.
	j := take(t, h, access.System(), incident.Mailed{Key: "2", Sender: "x@outside.example", Subject: "complaint"}).Incident
	before, err := h.cases.Case(t.Context(), pm, j.ID)
	h.must(err)
	h.must(h.cases.ChooseKind(t.Context(), pm, j.ID, incident.Complaint))
	after, err := h.cases.Case(t.Context(), pm, j.ID)
	h.must(err)
	if len(before.Tracks) != len(after.Tracks) || after.Guessed {
		t.Errorf("%d tracks, then %d", len(before.Tracks), len(after.Tracks))
	}
}
