package device_test

import (
	"errors"
	"testing"
	"time"

	"sekimori/internal/domain/device"
	"sekimori/internal/kit/wire"
)

// Nothing changes when its event cannot be written.
func TestAChangeAndItsEventAreOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	free, cut := h.enrol("per_emp"), h.enrol("per_emp")
	cut.isolate(device.Ask{})
	token, waiting, err := h.pcs.CreateToken(t.Context(), h.as("per_it"), device.NewToken{Person: "per_emp"})
	h.must(err)
	_, in := enrolment(t, token)
	ctx, it := t.Context(), h.as("per_it")
	challenge := h.challenge()
	picture := func() any {
		ts, err := h.pcs.Tokens(ctx, it)
		h.must(err)
		l, err := h.pcs.List(ctx, it, device.Query{})
		h.must(err)
		return []any{ts, l, free.view("per_it").Orders, cut.view("per_it").Orders, cut.view("per_it").Facts}
	}
	before := picture()
	h.wait(time.Minute)
	for name, do := range map[string]func() error{
		"token":    func() error { _, _, err := h.pcs.CreateToken(ctx, it, device.NewToken{Person: "per_emp"}); return err },
		"revoke":   func() error { return h.pcs.RevokeToken(ctx, it, waiting.ID) },
		"enrol":    func() error { _, err := h.pcs.Enrol(ctx, in, ""); return err },
		"refuse":   func() error { return h.pcs.Refuse(ctx, it, free.id, "x") },
		"isolate":  func() error { _, err := h.pcs.Isolate(ctx, it, free.id, device.Ask{}); return err },
		"for case": func() error { _, err := h.pcs.Isolate(ctx, it, free.id, device.Ask{Incident: caseID}); return err },
		"release":  func() error { _, err := h.pcs.Release(ctx, it, cut.id, "x"); return err },
		"code":     func() error { _, err := h.pcs.ReleaseCode(ctx, it, cut.id, challenge, "x"); return err },
		"ticket":   func() error { _, _, err := h.pcs.UninstallTicket(ctx, it, free.id, "x"); return err },
		"report":   func() error { _, err := h.pcs.Report(ctx, free.id, wire.Infection{Key: "k", Local: 1}); return err },
		"press":    func() error { return told(free, wire.IsolationFact{State: wire.IsolationApplied, Local: 1}) },
		"undone":   func() error { return told(cut, wire.IsolationFact{State: wire.IsolationOff, Undone: 1}) },
		"applied":  func() error { return told(cut, standing(cut, wire.IsolationApplied)) },
		"proven":   func() error { return told(cut, standing(cut, wire.IsolationProven)) },
		"failing":  func() error { return told(cut, standing(cut, wire.IsolationFailing)) },
		"no code": func() error {
			return told(cut, wire.IsolationFact{State: wire.IsolationOff, Release: &wire.CodeRelease{}})
		},
		"documents": func() error { h.keys.turn(t); _, err := h.pcs.Renew(ctx); return err },
	} {
		h.store.fail = errors.New("no room for " + name)
		if err := do(); !errors.Is(err, h.store.fail) {
			t.Errorf("%s: %v", name, err)
		}
		h.store.fail = nil
		same(t, "after "+name, before, picture())
	}
	if _, ok, err := h.db.Infection(ctx, free.id, "k"); ok || err != nil {
		t.Errorf("a report is there: %v", err)
	}
	h.must(told(cut, standing(cut, wire.IsolationProven)))
	cut.expect("and then", map[string]int{"isolated": 1, "isolation_proven": 1, "code_issued": 0})
}

// standing is what a PC says of the order in force.
func standing(p *pc, s wire.IsolationState) wire.IsolationFact {
	return wire.IsolationFact{State: s, Order: p.view("per_it").Isolation.Order.ID}
}

func told(p *pc, i wire.IsolationFact) error { return p.tell(map[string]any{wire.FactIsolation: i}) }
