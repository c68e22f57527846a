package device_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/device"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

func (h *house) challenge() string {
	h.t.Helper()
	c, err := wire.NewChallenge(rand.Reader)
	h.must(err)
	return c
}

// code has an administrator read out the code for a challenge.
func (p *pc) code(by, challenge string) (string, error) {
	return p.h.pcs.ReleaseCode(p.h.t.Context(), p.h.as(by), p.id, challenge, "サーバーに届かない")
}

func TestReleaseCode(t *testing.T) {
	t.Parallel()
	h := newHouse(t, second)
	p, other := h.enrol("per_emp"), h.enrol("per_emp")
	c := h.challenge()
	code, err := p.code("per_it", " "+wire.Spoken(c)+"　")
	h.must(err)
	if want := wire.ReleaseCode(p.secret, p.id, c); code != want {
		t.Errorf("code %s, want %s", code, want)
	}
	h.wait(15*time.Minute - time.Second)
	if again, err := p.code("per_it", c); err != nil || again != code {
		t.Errorf("the same again: %s, %v", again, err)
	}
	p.expect("asked twice", map[string]int{"code_issued": 1})
	_, err = p.code("per_dep", c)
	denied(t, "another administrator", err, fault.Conflict, "fault.device_challenge_over")
	if foreign, err := other.code("per_dep", c); err != nil || foreign == code {
		t.Errorf("the same challenge of another PC: %v", err)
	}
	h.wait(time.Second)
	_, err = p.code("per_it", c)
	denied(t, "after a quarter of an hour", err, fault.Conflict, "fault.device_challenge_over")

	wrong := []byte(c)
	wrong[3] = '0' + (wrong[3]-'0'+1)%10
	_, err = p.code("per_it", string(wrong))
	bad(t, "a slip", err, "challenge:fault.device_challenge")
	_, err = h.pcs.ReleaseCode(t.Context(), h.as("per_it"), p.id, "", "")
	bad(t, "nothing", err, "challenge:fault.device_challenge", "reason:fault.required")
	_, err = h.pcs.ReleaseCode(t.Context(), h.as("per_it"), "dev_x", c, "x")
	denied(t, "no such PC", err, fault.NotFound, "fault.not_found")
}

// TestCodeOfACase: why a code was given out is the case's, for whose readers it is kept.
func TestCodeOfACase(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	const incident = "inc_00000000000000000000000001"
	_, err := h.pcs.Isolate(t.Context(), h.as("per_it"), p.id, device.Ask{Incident: incident})
	h.must(err)
	before := h.kinds(incident)["device.case_order"]
	_, err = p.code("per_it", h.challenge())
	h.must(err)
	if got := h.kinds(incident)["device.case_order"]; got != before+1 {
		t.Errorf("%d events of the case, want one more than %d", got, before)
	}
	events, err := h.db.History(t.Context(), p.id)
	h.must(err)
	for _, e := range events {
		if e.Kind == "device.code_issued" && strings.Contains(string(e.Data), "サーバーに届かない") {
			t.Errorf("the reason stands with the PC: %s", e.Data)
		}
	}
}

func TestCodesAreFew(t *testing.T) {
	t.Parallel()
	h := newHouse(t, second)
	var pcs []*pc
	for range 5 {
		pcs = append(pcs, h.enrol("per_emp"))
	}
	for n := range 20 {
		_, err := pcs[n/5].code("per_it", h.challenge())
		h.must(err)
	}
	_, err := pcs[4].code("per_it", h.challenge())
	denied(t, "the administrator's 21st", err, fault.TooMany, "fault.device_codes")
	_, err = pcs[0].code("per_dep", h.challenge())
	denied(t, "the PC's 6th", err, fault.TooMany, "fault.device_codes")
	_, err = pcs[4].code("per_dep", h.challenge())
	h.must(err)
	h.wait(time.Hour + time.Second)
	_, err = pcs[0].code("per_it", h.challenge())
	h.must(err)
}

func TestReleasedByCode(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	o := p.isolate(device.Ask{})
	h.wait(time.Minute)
	c := h.challenge()
	_, err := p.code("per_it", c)
	h.must(err)
	h.wait(time.Minute)
	off := wire.IsolationFact{State: wire.IsolationOff, Order: o.ID, Release: &wire.CodeRelease{Challenge: c, Order: o.ID, At: wire.MicrosOf(h.clock())}}
	p.says(off)
	v := p.view("per_it")
	if n := v.Isolation.Order; v.Isolation.Wanted || n.Kind != device.Release || n.Via != device.ViaCode || n.By != "per_it" || n.Applied.IsZero() || n.Reason != "サーバーに届かない" {
		t.Errorf("after the code %+v", v.Isolation)
	}
	d := p.document()
	if d.Isolation.On || d.Version != 3 {
		t.Errorf("document %+v", d)
	}
	off.Problems = []string{"x"}
	p.says(off) // the PC tells of its last release each time
	want := map[string]int{"released_by_code": 1, "release_requested": 1, "released": 1, "code_unknown": 0}
	p.expect("told twice", want)
	_, err = p.code("per_it", c)
	denied(t, "a used challenge", err, fault.Conflict, "fault.device_challenge_over")

	// Isolated again, the PC says once more that the same code has released it.
	again := p.isolate(device.Ask{})
	p.says(wire.IsolationFact{State: wire.IsolationOff, Order: again.ID, Release: &wire.CodeRelease{Challenge: c, Order: again.ID, At: wire.MicrosOf(h.clock().Add(time.Second))}})
	if !p.document().Isolation.On {
		t.Error("a used code has released again")
	}
	p.expect("replayed", map[string]int{"released_by_code": 1, "code_unknown": 1})
}

// A release that nobody allowed changes nothing and is told, once in a while.
func TestCodeThatNobodyGave(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p, other := h.enrol("per_emp"), h.enrol("per_emp")
	o := p.isolate(device.Ask{})
	c := h.challenge()
	_, err := other.code("per_it", c)
	h.must(err)
	says := func(challenge string) {
		p.says(wire.IsolationFact{State: wire.IsolationOff, Order: o.ID, Release: &wire.CodeRelease{Challenge: challenge, Order: o.ID}})
	}
	says(c)
	says(c)
	p.expect("another PC's code", map[string]int{"code_unknown": 1, "released_by_code": 0})
	says("12")
	p.expect("another within the minute", map[string]int{"code_unknown": 1})
	h.wait(time.Minute)
	says(h.challenge())
	p.expect("another after it", map[string]int{"code_unknown": 2})
	if !p.document().Isolation.On || p.document().Version != 2 {
		t.Errorf("document %+v", p.document())
	}
}

// Pressed and released by code while no server was in reach: the PC is not cut off again
// by the news of its own press.
func TestPressedAndReleasedOffline(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	c := h.challenge()
	_, err := p.code("per_it", c)
	h.must(err)
	p.says(wire.IsolationFact{State: wire.IsolationOff, Local: 1, Release: &wire.CodeRelease{Challenge: c, Local: 1}})
	_, err = h.pcs.Report(t.Context(), p.id, wire.Infection{Key: "k", Local: 1})
	h.must(err)
	if d := p.document(); d.Isolation.On || d.Isolation.Local != 1 {
		t.Errorf("document %+v", d.Isolation)
	}
	if in, ok, err := h.db.Infection(t.Context(), p.id, "k"); err != nil || !ok || in.Incident == "" || in.Order != "" {
		t.Errorf("report %+v, %v", in, err)
	}
	// A press after the code counts.
	p.says(wire.IsolationFact{State: wire.IsolationApplied, Local: 2, Release: &wire.CodeRelease{Challenge: c, Local: 1}})
	if d := p.document(); !d.Isolation.On || d.Isolation.Local != 2 {
		t.Errorf("after another press %+v", d.Isolation)
	}
	p.expect("all told", map[string]int{"released_by_code": 1, "isolate_requested": 1, "isolated": 1})
}

// The press and its release by code come in one report of facts, the press first known.
func TestPressedThenReleasedBeforeAnybodyHeard(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	c := h.challenge()
	_, err := p.code("per_it", c)
	h.must(err)
	h.wait(time.Second)
	_, err = h.pcs.Report(t.Context(), p.id, wire.Infection{Key: "k", Local: 1})
	h.must(err)
	p.says(wire.IsolationFact{State: wire.IsolationOff, Local: 1, Release: &wire.CodeRelease{Challenge: c, Local: 1}})
	if d := p.document(); d.Isolation.On {
		t.Errorf("document %+v", d.Isolation)
	}
}

// The news of a later press comes before that of the release by code: the release stands
// among the orders all the same, and releases nothing.
func TestReleaseHeardOfAfterTheNextPress(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	c := h.challenge()
	_, err := p.code("per_it", c)
	h.must(err)
	h.wait(time.Second)
	for n, key := range []string{"first", "second"} {
		_, err = h.pcs.Report(t.Context(), p.id, wire.Infection{Key: key, Local: int64(n + 1)})
		h.must(err)
	}
	p.says(wire.IsolationFact{State: wire.IsolationApplied, Local: 2, Release: &wire.CodeRelease{Challenge: c, Local: 1}})
	if d := p.document(); !d.Isolation.On || d.Isolation.Local != 2 {
		t.Errorf("document %+v", d.Isolation)
	}
	v := p.view("per_it")
	var vias []string
	for _, o := range v.Orders {
		vias = append(vias, o.Via)
	}
	same(t, "orders, newest first", []string{device.ViaPC, device.ViaCode, device.ViaPC}, vias)
	if o := v.Orders[1]; !o.Superseded || o.Kind != device.Release || o.Reason == "" {
		t.Errorf("release by code %+v", o)
	}
	p.expect("all told", map[string]int{"released_by_code": 1})
}

// An order that came after the code stays.
func TestOrderAfterTheCode(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	before := p.isolate(device.Ask{})
	c := h.challenge()
	h.wait(time.Second)
	_, err := p.code("per_it", c)
	h.must(err)
	h.wait(time.Second)
	after := p.isolate(device.Ask{})
	if before.ID == after.ID {
		t.Fatal("no new order")
	}
	p.says(wire.IsolationFact{State: wire.IsolationOff, Local: 1, Release: &wire.CodeRelease{Challenge: c, Order: before.ID, Local: 1}})
	v := p.view("per_it")
	if !v.Isolation.Wanted || v.Isolation.Order.ID != after.ID || v.Presses != 1 {
		t.Errorf("after the code %+v, %d presses", v.Isolation, v.Presses)
	}
	p.says(wire.IsolationFact{State: wire.IsolationApplied, Local: 1, Order: after.ID, Release: &wire.CodeRelease{Challenge: c, Order: before.ID, Local: 1}})
	if got := p.view("per_it").Isolation; got.Order.ID != after.ID || got.Applied().IsZero() {
		t.Errorf("the later order %+v", got.Order)
	}
	p.expect("told", map[string]int{"released_by_code": 1, "release_requested": 0})
}

func TestUninstallTicket(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	ticket, until, err := h.pcs.UninstallTicket(t.Context(), h.as("per_it"), p.id, "入れ替え")
	h.must(err)
	got, err := wire.OpenTicket(ticket, h.keys.verifiers(t), p.id)
	h.must(err)
	if !got.Time().Equal(until) || until.Sub(h.clock()) != 24*time.Hour {
		t.Errorf("until %v, %v", got.Time(), until)
	}
	p.expect("ticket", map[string]int{"uninstall_allowed": 1})
	p.isolate(device.Ask{})
	_, _, err = h.pcs.UninstallTicket(t.Context(), h.as("per_it"), p.id, "入れ替え")
	denied(t, "while isolated", err, fault.Conflict, "fault.device_isolated")
	_, _, err = h.pcs.UninstallTicket(t.Context(), h.as("per_it"), p.id, "")
	bad(t, "without a reason", err, "reason:fault.required")
}
