package device_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/device"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

func (p *pc) fact(name string) device.Fact {
	p.h.t.Helper()
	fs, err := p.h.db.Facts(p.h.t.Context(), p.id)
	p.h.must(err)
	if i := slices.IndexFunc(fs, func(f device.Fact) bool { return f.Name == name }); i >= 0 {
		return fs[i]
	}
	return device.Fact{}
}

func TestFactsAreKeptWhenTheyChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	first := h.clock()
	h.must(p.tell(map[string]any{"os.name": "Debian 13", "disk.encryption": map[string]any{"on": true}}))
	h.wait(time.Minute)
	h.must(p.tell(map[string]any{"os.name": "Debian 13", "disk.encryption": map[string]any{"on": false}}))
	same(t, "unchanged", device.Fact{Name: "os.name", Value: json.RawMessage(`"Debian 13"`), At: first, Heard: first}, p.fact("os.name"))
	same(t, "changed", device.Fact{Name: "disk.encryption", Value: json.RawMessage(`{"on":false}`), At: h.clock(), Heard: h.clock()}, p.fact("disk.encryption"))
	if v := p.view("per_it"); !v.Seen.Equal(h.clock()) || len(v.Facts) != 2 {
		t.Errorf("view %+v", v)
	}
	// Not newer: ignored, and no error that would make the PC send it again.
	for _, seq := range []int64{2, 1} {
		h.must(p.send(seq, map[string]any{"os.name": "old"}))
	}
	same(t, "after a repeat", json.RawMessage(`"Debian 13"`), p.fact("os.name").Value)

	h.wait(time.Minute)
	h.must(h.pcs.TakeFacts(t.Context(), p.id, wire.Facts{Seq: 3, Facts: map[string]wire.Fact{"os.name": {Unread: "permission\n denied\u202e", Value: raw(t, "x")}}}))
	same(t, "unread", device.Fact{Name: "os.name", Unread: "permission denied", Heard: h.clock()}, p.fact("os.name"))
	p.expect("facts are no events", map[string]int{"enrolled": 1, "isolated": 0})
}

func TestFactsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	many := func(n int, value string) map[string]wire.Fact {
		out := map[string]wire.Fact{}
		for i := range n {
			out["f."+strings.Repeat("a", i/26)+string(rune('a'+i%26))] = wire.Fact{Value: json.RawMessage(value)}
		}
		return out
	}
	one := func(name string, f wire.Fact) map[string]wire.Fact { return map[string]wire.Fact{name: f} }
	ok := wire.Fact{Value: json.RawMessage("1")}
	for name, c := range map[string]struct {
		seq   int64
		facts map[string]wire.Fact
		kind  fault.Kind
	}{
		"no number":       {0, one("a", ok), fault.Invalid},
		"nothing":         {1, nil, fault.Invalid},
		"65 facts":        {1, many(65, "1"), fault.Invalid},
		"name":            {1, one("A", ok), fault.Invalid},
		"no name":         {1, one("", ok), fault.Invalid},
		"long name":       {1, one(strings.Repeat("a", 41), ok), fault.Invalid},
		"name with line":  {1, one("a\n", ok), fault.Invalid},
		"no value":        {1, one("a", wire.Fact{}), fault.Invalid},
		"null":            {1, one("a", wire.Fact{Value: json.RawMessage(" null ")}), fault.Invalid},
		"no JSON":         {1, one("a", wire.Fact{Value: json.RawMessage("{")}), fault.Invalid},
		"one large":       {1, one("a", wire.Fact{Value: raw(t, strings.Repeat("x", 16<<10))}), fault.TooLarge},
		"all large":       {1, many(20, `"`+strings.Repeat("x", 15<<10)+`"`), fault.TooLarge},
		"large reason":    {1, one("a", wire.Fact{Unread: strings.Repeat("x", wire.MaxFacts)}), fault.TooLarge},
		"agent's form":    {1, one(wire.FactAgent, wire.Fact{Value: json.RawMessage(`[1]`)}), fault.Invalid},
		"isolation state": {1, one(wire.FactIsolation, wire.Fact{Value: json.RawMessage(`{"state":"fine"}`)}), fault.Invalid},
		"isolation form":  {1, one(wire.FactIsolation, wire.Fact{Value: json.RawMessage(`{"state":"off","local":"x"}`)}), fault.Invalid},
	} {
		err := h.pcs.TakeFacts(t.Context(), p.id, wire.Facts{Seq: c.seq, Facts: c.facts})
		denied(t, name, err, c.kind, "fault.device_facts")
	}
	if v := p.view("per_it"); len(v.Facts) != 0 || !v.Seen.IsZero() {
		t.Errorf("kept %+v", v.Facts)
	}
	// No device fills the store with ever new names.
	h.must(h.pcs.TakeFacts(t.Context(), p.id, wire.Facts{Seq: 1, Facts: many(64, "1")}))
	err := h.pcs.TakeFacts(t.Context(), p.id, wire.Facts{Seq: 2, Facts: one("another", ok)})
	denied(t, "the 65th name", err, fault.TooLarge, "fault.device_facts")
	h.must(h.pcs.TakeFacts(t.Context(), p.id, wire.Facts{Seq: 2, Facts: many(3, "2")}))
	err = h.pcs.TakeFacts(t.Context(), "dev_x", wire.Facts{Seq: 1, Facts: many(1, "1")})
	denied(t, "no such PC", err, fault.NotFound, "fault.not_found")
}

func TestAgentFact(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	a := wire.AgentFact{Version: "1.1\x07", System: "linux/arm64", Host: "PC\u202e-9", Privileged: true, DryRun: true, Boot: strings.Repeat("b", 100), Document: 99}
	h.must(p.tell(map[string]any{wire.FactAgent: a}))
	v := p.view("per_it")
	if v.Name != "PC-9" || v.Agent != "1.1" || v.System != "linux/arm64" || !v.Privileged || !v.DryRun || v.Applied != 1 {
		t.Errorf("device %+v", v.Device)
	}
	var kept wire.AgentFact
	h.must(json.Unmarshal(p.fact(wire.FactAgent).Value, &kept))
	if kept.Host != "PC-9" || len([]rune(kept.Boot)) != 80 {
		t.Errorf("kept %+v", kept)
	}
	h.must(p.tell(map[string]any{wire.FactAgent: wire.AgentFact{Document: -4}}))
	if v := p.view("per_it"); v.Name != "PC-9" || v.Applied != 0 || v.DryRun {
		t.Errorf("device %+v", v.Device)
	}
}

// A dry run never counts as isolated, and never as failing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	for name, facts := range map[string]map[string]any{
		"told by the isolation": {wire.FactIsolation: wire.IsolationFact{State: wire.IsolationProven, DryRun: true, Local: 1, Steps: []string{"would cut\nall"}}},
		"told by the agent": {wire.FactAgent: wire.AgentFact{DryRun: true},
			wire.FactIsolation: wire.IsolationFact{State: wire.IsolationProven, Local: 1}},
	} {
		h := newHouse(t, nil)
		p := h.enrol("per_emp")
		_, err := h.pcs.Report(t.Context(), p.id, wire.Infection{Key: "k", Local: 1})
		h.must(err)
		h.must(p.tell(facts))
		i := p.view("per_it").Isolation
		if !i.Wanted || !i.Applied().IsZero() || !i.Proven().IsZero() {
			t.Errorf("%s: %+v", name, i.Order)
		}
		p.expect(name, map[string]int{"isolated": 0, "isolation_proven": 0})
		h.wait(time.Hour)
		if p.view("per_it").Failing(h.clock()) {
			t.Errorf("%s: a dry run fails", name)
		}
		l, err := h.pcs.List(t.Context(), h.as("per_it"), device.Query{State: device.StateFailing})
		h.must(err)
		same(t, name+": failing", 0, len(l.Rows))
		if i.Fact.DryRun {
			same(t, name+": steps", []string{"would cut all"}, i.Fact.Steps)
		}
	}
}

func TestFailingIsToldOnceAndWhenItChanges(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	o := p.isolate(device.Ask{})
	failing := func(problems ...string) {
		p.says(wire.IsolationFact{State: wire.IsolationFailing, Order: o.ID, Problems: problems})
	}
	failing("a\x1b")
	failing("a\x1b")
	p.expect("once", map[string]int{"isolation_failing": 1, "isolated": 0})
	failing("a", "b")
	p.expect("another problem", map[string]int{"isolation_failing": 2})
	p.says(wire.IsolationFact{State: wire.IsolationProven, Order: o.ID})
	failing("a", "b")
	p.expect("again after it was well", map[string]int{"isolation_failing": 3, "isolation_proven": 1})
	for n := range 40 {
		failing(fmt.Sprint("problem ", n))
	}
	p.expect("without end", map[string]int{"isolation_failing": 20})
	o = p.isolate(device.Ask{Wifi: true})
	failing("z")
	p.expect("another order", map[string]int{"isolation_failing": 21})
	if !p.view("per_it").Failing(h.clock()) {
		t.Error("does not fail")
	}
}

// An isolation that nobody has proven within a minute counts as failing by itself.
func TestUnprovenIsFailing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	o := p.isolate(device.Ask{})
	failing := func() int {
		l, err := h.pcs.List(t.Context(), h.as("per_it"), device.Query{State: device.StateFailing})
		h.must(err)
		if got := p.view("per_it").Failing(h.clock()); got != (len(l.Rows) == 1) {
			t.Errorf("the list says %d, the view %v", len(l.Rows), got)
		}
		return len(l.Rows)
	}
	same(t, "at once", 0, failing())
	h.wait(device.Patience + time.Second)
	same(t, "later", 1, failing())
	p.says(wire.IsolationFact{State: wire.IsolationApplied, Order: o.ID})
	same(t, "applied only", 1, failing())
	p.says(wire.IsolationFact{State: wire.IsolationProven, Order: o.ID})
	same(t, "proven", 0, failing())
}

func TestTampered(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	o := p.isolate(device.Ask{})
	undone := func(n int64) {
		p.says(wire.IsolationFact{State: wire.IsolationApplied, Order: o.ID, Undone: n})
	}
	undone(0)
	undone(1)
	undone(1)
	p.expect("once", map[string]int{"tampered": 1})
	undone(2)
	p.expect("within the minute", map[string]int{"tampered": 1})
	h.wait(time.Minute)
	undone(2)
	p.expect("after it", map[string]int{"tampered": 2})
	h.wait(time.Minute)
	undone(1)
	p.expect("fewer", map[string]int{"tampered": 2})
}

// A press that the server first hears of in the facts is an order, as if it was reported.
func TestPressHeardInFacts(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	p.says(wire.IsolationFact{State: wire.IsolationProven, Local: 1, Proven: wire.MicrosOf(h.clock())})
	i := p.view("per_it").Isolation
	if !i.Wanted || i.Order.Via != device.ViaPC || i.Proven().IsZero() {
		t.Errorf("isolation %+v", i)
	}
	out, err := h.pcs.Report(t.Context(), p.id, wire.Infection{Key: "k", Local: 1})
	h.must(err)
	if n := p.view("per_it").Isolation.Order; n.ID != i.Order.ID || n.Incident != out.ID {
		t.Errorf("order %+v", n)
	}
	p.expect("one order", map[string]int{"isolate_requested": 1})
}

func TestHostileClocksAndNumbers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	o := p.isolate(device.Ask{})
	for _, m := range []wire.Micros{-1 << 62, -1, 1, 1<<63 - 1} {
		p.says(wire.IsolationFact{State: wire.IsolationProven, Order: o.ID, Applied: m, Proven: m, Since: m, Undone: 1<<63 - 1, Local: -5,
			Release: &wire.CodeRelease{Challenge: "00000000", Local: 1<<63 - 1, At: m}})
	}
	v := p.view("per_it")
	if n := v.Isolation.Order; !n.PCApplied.IsZero() || !n.PCProven.IsZero() || n.Applied.IsZero() || v.Presses != 0 {
		t.Errorf("order %+v, %d presses", n, v.Presses)
	}
	p.says(wire.IsolationFact{State: wire.IsolationOff, Local: 1<<63 - 1})
	if d := p.document(); d.Isolation.Local != 1_000_000 {
		t.Errorf("presses %d", d.Isolation.Local)
	}
}
