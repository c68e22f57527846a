package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

// call is a call of per_emp that per_it took two minutes and five seconds ago.
func (h *house) call(change func(*incident.Report)) (*incident.Incident, error) {
	h.t.Helper()
	r := incident.Report{Kind: incident.Lost, Summary: "鞄を電車に忘れたとの電話", OnBehalf: "per_emp", Channel: incident.ByPhone,
		Began: incident.Moment{At: h.clock().Add(-125 * time.Second), Known: true}, Key: "call-1"}
	if change != nil {
		change(&r)
	}
	return h.cases.Report(h.t.Context(), h.as("per_it"), r)
}

// receiptsOfCalls gives the receipts that are planned for callers.
func (h *house) receiptsOfCalls() (out []notice.Letter) {
	h.t.Helper()
	due, err := h.db.ClaimLetters(h.t.Context(), h.clock(), time.Minute, 50)
	h.must(err)
	for _, l := range due {
		if l.Topic == incident.TopicCalled {
			out = append(out, l)
		}
	}
	return out
}

func TestCallOfOneOfOurs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	i, err := h.call(nil)
	h.must(err)
	again, err := h.call(nil) // the button was pressed twice
	h.must(err)
	if again.ID != i.ID || i.Finder() != "per_emp" || i.Reporter != "per_it" || i.Took() != 125*time.Second {
		t.Errorf("case %+v, again %s", i, again.ID)
	}
	stored, err := h.db.Incident(t.Context(), i.ID)
	h.must(err)
	same(t, "stored", i.Began, stored.Began)
	ls := h.receiptsOfCalls()
	if len(ls) != 1 || ls[0].Person != "per_emp" || ls[0].Path != "/receipt/"+i.Label || ls[0].Args["number"] != i.Label {
		t.Errorf("letters %+v", ls)
	}
	evs, err := h.db.History(t.Context(), i.ID)
	h.must(err)
	if said := string(evs[0].Data); evs[0].Actor != "per_it" || !strings.Contains(said, `"began":"`+i.Began.String()+`"`) || !strings.Contains(said, `"channel":"phone"`) {
		t.Errorf("the record says %s by %s", said, evs[0].Actor)
	}
	if c := h.see(i, h.as("per_emp")); c.Sight != incident.AsFinder {
		t.Errorf("the caller sees %v", c.Sight)
	}
	// Whose superior is told is the caller's, not that of who took the call.
	o, err := h.people.Org(t.Context())
	h.must(err)
	_, told, _, err := h.db.TracksOf(t.Context(), i.ID)
	h.must(err)
	caller := o.StandIn(o.Above("per_emp")[0], h.clock(), nil)
	if !slices.ContainsFunc(told, func(x notice.Told) bool { return x.Person == caller }) {
		t.Errorf("told %+v, want %s among them", told, caller)
	}
}

// A beginning that cannot be is not known, and refuses nothing.
func TestCallBegan(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		ago     time.Duration
		channel string
		known   bool
		took    time.Duration
	}{
		"a day ago":            {incident.MaxCall, incident.ByPhone, true, incident.MaxCall},
		"longer":               {incident.MaxCall + time.Second, incident.ByPhone, false, 0},
		"another server ahead": {-30 * time.Second, incident.ByPhone, true, 0},
		"tomorrow":             {-2 * time.Minute, incident.ByPhone, false, 0},
		"no call":              {time.Minute, "web", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			i, err := h.call(func(r *incident.Report) { r.Began.At, r.Channel = h.clock().Add(-x.ago), x.channel })
			h.must(err)
			if i.Began.Known != x.known || i.Took() != x.took {
				t.Errorf("began %v, took %s", i.Began, i.Took())
			}
		})
	}
}

func TestCallRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *directory.Org) {
		p := o.People["per_emp2"]
		p.ID, p.Number, p.Left = "per_gone", "9999", time.Unix(1, 0)
		o.People["per_gone"] = p
	})
	_, err := h.call(func(r *incident.Report) { r.OnBehalf = "per_gone" })
	bad(t, "a caller who has left", err, "on_behalf:fault.unknown_person")
	_, err = h.call(func(r *incident.Report) { r.LeaveOut = []string{"per_it"} })
	bad(t, "about who took it", err, "leave_out:fault.call_about_taker")
	_, err = h.call(func(r *incident.Report) { r.LeaveOut = []string{"per_emp"} })
	bad(t, "about the caller", err, "leave_out:fault.leave_out_self")
	if ls := h.receiptsOfCalls(); len(ls) != 0 {
		t.Errorf("letters %+v", ls)
	}
}

// Of a call from outside, who took it may leave somebody out and say when it began; a
// stranger may say neither.
func TestCallFromOutside(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	r := incident.OutsideReport{Kind: incident.Unsure, Guessed: true, Summary: "社員のことで電話", Name: "通行 一郎", Contact: "03-0000-0099", Channel: incident.ByPhone, Key: "call-1",
		Began: incident.Moment{At: h.clock().Add(-time.Minute), Known: true}, LeaveOut: []string{"per_pm"}}
	i, code, err := h.cases.ReportOutside(t.Context(), h.as("per_it"), r)
	h.must(err)
	again, second, err := h.cases.ReportOutside(t.Context(), h.as("per_it"), r)
	h.must(err)
	if again.ID != i.ID || i.Took() != time.Minute || !i.Guessed || !slices.Equal(i.LeftOut, []string{"per_pm"}) {
		t.Errorf("case %+v", i)
	}
	for _, c := range []incident.Code{code, second} { // either may have been read out
		if _, err := h.cases.OpenCode(t.Context(), string(c), ""); err != nil {
			t.Errorf("code %s: %v", c, err)
		}
	}
	if _, told := h.receivers(i); slices.Contains(told, "per_pm") {
		t.Errorf("told %v", told)
	}
	_, err = h.cases.Case(t.Context(), h.as("per_pm"), i.ID)
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("who is left out sees the case: %v", err)
	}
	r.LeaveOut = []string{"per_it"}
	_, _, err = h.cases.ReportOutside(t.Context(), h.as("per_it"), r)
	bad(t, "about who took it", err, "leave_out:fault.call_about_taker")
	r.LeaveOut, r.Key = []string{"per_pm"}, ""
	i, _ = h.outside(func(o *incident.OutsideReport) { *o = r })
	if i.Began.Known || i.Guessed || len(i.LeftOut) != 0 {
		t.Errorf("of a stranger: %+v", i)
	}
}
