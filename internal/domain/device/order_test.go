package device_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

const caseID = "inc_00000000000000000000000009"

func TestRequestedAppliedProvenReleased(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	ctx := t.Context()
	o := p.isolate(device.Ask{Reason: "不審な通信"})
	if o.Kind != device.Isolate || o.Via != device.ViaConsole || o.By != "per_it" || o.Version != 2 || !o.Requested.Equal(h.clock()) {
		t.Errorf("order %+v", o)
	}
	d := p.document()
	same(t, "document", wire.Isolation{On: true, Order: o.ID, Since: wire.MicrosOf(h.clock())}, d.Isolation)
	same(t, "version", int64(2), d.Version)

	h.wait(time.Second)
	p.says(wire.IsolationFact{State: wire.IsolationOff})
	p.says(wire.IsolationFact{State: wire.IsolationProven, Order: "ord_other"})
	if i := p.view("per_it").Isolation; !i.Applied().IsZero() || !i.Proven().IsZero() {
		t.Errorf("another order's proof was taken: %+v", i.Order)
	}
	applied := h.clock()
	p.says(wire.IsolationFact{State: wire.IsolationApplied, Order: o.ID, Applied: wire.MicrosOf(applied.Add(-time.Hour))})
	h.wait(time.Second)
	p.says(wire.IsolationFact{State: wire.IsolationProven, Order: o.ID, Applied: 1, Proven: wire.MicrosOf(h.clock())})
	h.wait(time.Second)
	p.says(wire.IsolationFact{State: wire.IsolationProven, Order: o.ID, Proven: wire.MicrosOf(h.clock())})
	i := p.view("per_it").Isolation
	if !i.Applied().Equal(applied) || !i.Order.PCApplied.Equal(applied.Add(-time.Hour)) || !i.Proven().Equal(applied.Add(time.Second)) || p.view("per_it").Failing(h.clock().Add(time.Hour)) {
		t.Errorf("order %+v", i.Order)
	}
	p.expect("isolated", map[string]int{"isolate_requested": 1, "isolated": 1, "isolation_proven": 1, "isolation_failing": 0})

	_, err := h.pcs.Release(ctx, h.as("per_it"), p.id, "")
	bad(t, "without a reason", err, "reason:fault.required")
	_, err = h.pcs.Release(ctx, h.as("per_it"), p.id, strings.Repeat("あ", 501))
	bad(t, "a long reason", err, "reason:fault.too_long")
	r, err := h.pcs.Release(ctx, h.as("per_it"), p.id, "調べ終わった")
	h.must(err)
	d = p.document()
	same(t, "released document", wire.Isolation{Order: r.ID}, d.Isolation)
	_, err = h.pcs.Release(ctx, h.as("per_it"), p.id, "もう一度")
	denied(t, "twice", err, fault.Conflict, "fault.device_not_isolated")
	p.says(wire.IsolationFact{State: wire.IsolationProven, Order: o.ID})
	p.says(wire.IsolationFact{State: wire.IsolationOff})
	if !p.view("per_it").Isolation.Applied().IsZero() {
		t.Error("released before the PC knew of it")
	}
	p.says(wire.IsolationFact{State: wire.IsolationOff, Order: r.ID})
	p.says(wire.IsolationFact{State: wire.IsolationOff, Order: r.ID, Undone: 0})
	p.expect("released", map[string]int{"release_requested": 1, "released": 1})
	v := p.view("per_it")
	if len(v.Orders) != 2 || v.Orders[0].ID != r.ID || v.Orders[0].Applied.IsZero() || v.Orders[0].Reason != "調べ終わった" || v.Isolation.Wanted {
		t.Errorf("orders %+v", v.Orders)
	}
}

// A release counts as obeyed, too, when the PC has the document and is off.
func TestReleaseKnownByDocument(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	p.isolate(device.Ask{})
	_, err := h.pcs.Release(t.Context(), h.as("per_it"), p.id, "済")
	h.must(err)
	h.must(p.tell(map[string]any{wire.FactAgent: wire.AgentFact{Document: 3}, wire.FactIsolation: wire.IsolationFact{State: wire.IsolationOff}}))
	p.expect("released", map[string]int{"released": 1, "isolated": 0})
}

func TestIsolateAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, second)
	p := h.enrol("per_emp")
	first := p.isolate(device.Ask{Reason: "一度目"})
	if again := p.isolate(device.Ask{Reason: "二度目"}); again.ID != first.ID || p.document().Version != 2 {
		t.Errorf("a second press made %+v", again)
	}
	wifi := p.isolate(device.Ask{Wifi: true})
	if wifi.ID == first.ID || !p.document().Isolation.Wifi {
		t.Error("Wi-Fi was not asked for")
	}
	if o := p.isolate(device.Ask{}); o.ID != wifi.ID {
		t.Error("asking for less changed something")
	}
	linked := p.isolate(device.Ask{Incident: caseID, Via: device.ViaCase, Reason: "案件"})
	if linked.Incident != caseID || linked.Via != device.ViaCase || !linked.Wifi {
		t.Errorf("for a case: %+v", linked)
	}
	if o := p.isolate(device.Ask{Incident: caseID}); o.ID != linked.ID {
		t.Error("the same case again changed something")
	}
	v := p.view("per_it")
	if !v.Orders[1].Superseded || !v.Orders[2].Superseded || v.Orders[0].Superseded {
		t.Errorf("orders %+v", v.Orders)
	}
	p.expect("orders", map[string]int{"isolate_requested": 3})

	// A code that was given out may have ended the order on the PC.
	c, err := wire.NewChallenge(strings.NewReader("12345678"))
	h.must(err)
	_, err = h.pcs.ReleaseCode(t.Context(), h.as("per_dep"), p.id, c, "電話")
	h.must(err)
	if o := p.isolate(device.Ask{Incident: caseID}); o.ID == linked.ID {
		t.Error("after a code, isolating again changed nothing")
	}
}

func TestIsolateChecked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	isolate := func(by string, a device.Ask) error {
		_, err := h.pcs.Isolate(t.Context(), h.as(by), p.id, a)
		return err
	}
	bad(t, "door", isolate("per_it", device.Ask{Via: device.ViaPC}), "via:fault.unknown_choice")
	bad(t, "reason", isolate("per_it", device.Ask{Reason: strings.Repeat("x", 501)}), "reason:fault.too_long")
	bad(t, "case", isolate("per_it", device.Ask{Incident: "INC-2026-0001"}), "incident:fault.unknown_choice")
	h.cases.blind = map[string]string{caseID: "per_it"}
	denied(t, "a case that leaves the administrator out", isolate("per_it", device.Ask{Incident: caseID}), fault.NotFound, "fault.not_found")
	_, err := h.pcs.Isolate(t.Context(), h.as("per_it"), "dev_x", device.Ask{})
	denied(t, "no such PC", err, fault.NotFound, "fault.not_found")
	if p.document().Isolation.On {
		t.Error("isolated all the same")
	}
}

// A person may isolate their own PC while reporting, and no other.
func TestOwnPC(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	own, other := h.enrol("per_emp"), h.enrol("per_sales")
	o, err := h.pcs.Isolate(t.Context(), h.as("per_emp"), own.id, device.Ask{Via: device.ViaConsole, Incident: caseID})
	h.must(err)
	if o.Via != device.ViaReport || o.By != "per_emp" {
		t.Errorf("order %+v", o)
	}
	_, err = h.pcs.Isolate(t.Context(), h.as("per_emp"), other.id, device.Ask{})
	denied(t, "another's", err, fault.Denied, "fault.denied")
	_, err = h.pcs.Isolate(t.Context(), h.as("per_emp"), "dev_x", device.Ask{})
	denied(t, "one that is not there", err, fault.Denied, "fault.denied")
	_, err = h.pcs.Release(t.Context(), h.as("per_emp"), own.id, "直った")
	denied(t, "releasing one's own", err, fault.Denied, "fault.denied")
	vs, err := h.pcs.OfPerson(t.Context(), h.as("per_emp"), "per_emp")
	h.must(err)
	if len(vs) != 1 || vs[0].ID != own.id || len(vs[0].Orders) != 1 {
		t.Errorf("one's own PCs: %+v", vs)
	}
	if v := own.view("per_emp"); v.ID != own.id {
		t.Errorf("own view %+v", v)
	}
	vs, err = h.pcs.OfCase(t.Context(), h.as("per_emp"), caseID)
	h.must(err)
	same(t, "own PCs of the case", 1, len(vs))
	vs, err = h.pcs.OfCase(t.Context(), h.as("per_sales"), caseID)
	h.must(err)
	same(t, "another's PCs of the case", 0, len(vs))
}

// Nobody frees their own PC while there is somebody else who could.
func TestFourEyes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		h  *house
		ok bool
	}{"with another administrator": {newHouse(t, second), false}, "alone": {newHouse(t, nil), true}} {
		p := c.h.enrol("per_it")
		ch, err := wire.NewChallenge(strings.NewReader("abcdefgh"))
		c.h.must(err)
		_, _, ticket := c.h.pcs.UninstallTicket(t.Context(), c.h.as("per_it"), p.id, "入れ替え")
		p.isolate(device.Ask{})
		_, code := c.h.pcs.ReleaseCode(t.Context(), c.h.as("per_it"), p.id, ch, "自分で")
		_, release := c.h.pcs.Release(t.Context(), c.h.as("per_it"), p.id, "自分で")
		for verb, err := range map[string]error{"release": release, "code": code, "ticket": ticket} {
			if c.ok && err != nil {
				t.Errorf("%s, %s: %v", name, verb, err)
			}
			if !c.ok {
				denied(t, name+", "+verb, err, fault.Denied, "fault.own_not_allowed")
			}
		}
		if !c.ok {
			_, err := c.h.pcs.Release(t.Context(), c.h.as("per_dep"), p.id, "確かめた")
			c.h.must(err)
		}
	}
}

// Whoever is left out of a case learns of it from no order and no entry of the record.
func TestLeftOutOfTheCase(t *testing.T) {
	t.Parallel()
	h := newHouse(t, second)
	p := h.enrol("per_emp")
	ctx := t.Context()
	p.isolate(device.Ask{Incident: caseID, Reason: "内部の者か"})
	h.cases.blind = map[string]string{caseID: "per_pm"}
	if o := p.view("per_aud").Isolation.Order; o.Incident != caseID || o.Reason != "内部の者か" {
		t.Errorf("a reader sees %+v", o)
	}
	v := p.view("per_pm")
	for _, o := range append(v.Orders, v.Isolation.Order) {
		if o.Incident != "" || o.Reason != "" || o.ID == "" {
			t.Errorf("who is left out sees %+v", o)
		}
	}
	l, err := h.pcs.List(ctx, h.as("per_aud"), device.Query{})
	h.must(err)
	if o := l.Rows[0].Isolation.Order; o.Incident != "" || o.Reason != "" {
		t.Errorf("a list shows %+v", o)
	}
	_, err = h.pcs.OfCase(ctx, h.as("per_pm"), caseID)
	denied(t, "the case's PCs", err, fault.NotFound, "fault.not_found")
	es, err := h.db.History(ctx, p.id)
	h.must(err)
	for _, e := range es {
		if strings.Contains(string(e.Data), caseID) || strings.Contains(string(e.Data), "内部") {
			t.Errorf("%s tells %s", e.Kind, e.Data)
		}
	}
	same(t, "the case's own entries", map[string]int{"device.case_order": 1}, h.kinds(caseID))
	h.cases.blind = map[string]string{caseID: "per_dep"}
	o, err := h.pcs.Release(ctx, h.as("per_dep"), p.id, "私の理由")
	h.must(err)
	if o.Incident != "" || o.Reason != "私の理由" {
		t.Errorf("who releases sees %+v", o)
	}
	vs, err := h.pcs.OfCase(ctx, h.as("per_pm"), caseID)
	h.must(err)
	same(t, "PCs of the case", 1, len(vs))
}

func TestReport(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	ctx := t.Context()
	in := wire.Infection{Key: "press-1", At: wire.MicrosOf(h.clock()), Note: "変な画面\r\n\x1b[2J\u202eが出た\n", Local: 1, User: "yoshida\n"}
	first, err := h.pcs.Report(ctx, p.id, in)
	h.must(err)
	if by := h.cases.actor; by.Person != "per_emp" || by.Via != access.ByDevice || by.May(access.Report) != nil || by.May(access.ReadDirectory) == nil {
		t.Errorf("reported as %+v", by)
	}
	same(t, "what the case is given", wire.Infection{Key: p.id + ":press-1", At: in.At, Note: "変な画面\n[2Jが出た", Local: 1, User: "yoshida"}, h.cases.last)
	v := p.view("per_it")
	if o := v.Isolation.Order; !v.Isolation.Wanted || o.Via != device.ViaPC || o.Local != 1 || o.By != p.id || o.Incident != first.ID {
		t.Errorf("order %+v", v.Isolation.Order)
	}
	d := p.document()
	if !d.Isolation.On || d.Isolation.Local != 1 || d.Version != 2 {
		t.Errorf("document %+v", d)
	}
	again, err := h.pcs.Report(ctx, p.id, in)
	h.must(err)
	same(t, "the repeat", first, again)
	same(t, "version after the repeat", int64(2), p.document().Version)
	same(t, "entries of the case", map[string]int{"device.case_order": 1}, h.kinds(first.ID))

	in.Key, in.Local = "press-2", 2
	second, err := h.pcs.Report(ctx, p.id, in)
	h.must(err)
	if second.ID == first.ID || p.document().Isolation.Local != 2 || p.document().Version != 3 {
		t.Errorf("a second press: %+v, %+v", second, p.document())
	}
	in.Key = "press-2b" // the same press, told twice
	_, err = h.pcs.Report(ctx, p.id, in)
	h.must(err)
	same(t, "version after a press that is known", int64(3), p.document().Version)
	p.expect("presses", map[string]int{"isolate_requested": 2})
	vs, err := h.pcs.OfCase(ctx, h.as("per_it"), second.ID)
	h.must(err)
	same(t, "PCs of the case", 1, len(vs))

	// The PC tells by its number of presses that the order stands.
	p.says(wire.IsolationFact{State: wire.IsolationProven, Local: 1})
	p.expect("an earlier press", map[string]int{"isolation_proven": 0})
	p.says(wire.IsolationFact{State: wire.IsolationProven, Local: 2})
	p.expect("this press", map[string]int{"isolation_proven": 1, "isolated": 1})

	// A release knows of two presses; the third cuts the PC off again.
	r, err := h.pcs.Release(ctx, h.as("per_it"), p.id, "済")
	h.must(err)
	if r.Local != 2 || p.document().Isolation.Local != 2 {
		t.Errorf("release %+v", r)
	}
	in.Key, in.Local = "press-3", 3
	_, err = h.pcs.Report(ctx, p.id, in)
	h.must(err)
	if d := p.document(); !d.Isolation.On || d.Isolation.Local != 3 {
		t.Errorf("after a press that came later: %+v", d.Isolation)
	}
}

func TestReportChecked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	for name, c := range map[string]struct {
		in   wire.Infection
		want string
	}{
		"no key":      {wire.Infection{Local: 1}, "key:fault.device_report"},
		"long key":    {wire.Infection{Key: strings.Repeat("k", 61), Local: 1}, "key:fault.device_report"},
		"hostile key": {wire.Infection{Key: "a\x00b", Local: 1}, "key:fault.device_report"},
		"no press":    {wire.Infection{Key: "k"}, "local:fault.device_report"},
		"endless":     {wire.Infection{Key: "k", Local: 1 << 60}, "local:fault.device_report"},
	} {
		_, err := h.pcs.Report(t.Context(), p.id, c.in)
		bad(t, name, err, c.want)
	}
	if p.document().Version != 1 {
		t.Error("a refused report changed something")
	}
}

// The PC is isolated even when the case cannot be stored, and the repeat mends it.
func TestReportMended(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	broken := errors.New("no room")
	h.cases.breakWith(broken)
	in := wire.Infection{Key: "k", Local: 1}
	if _, err := h.pcs.Report(t.Context(), p.id, in); !errors.Is(err, broken) {
		t.Errorf("report: %v", err)
	}
	if !p.document().Isolation.On {
		t.Error("not isolated")
	}
	denied(t, "evidence before the case", h.pcs.AddEvidence(t.Context(), p.id, "k", "a", "", strings.NewReader("x")), fault.NotFound, "fault.not_found")
	h.cases.breakWith(nil)
	out, err := h.pcs.Report(t.Context(), p.id, in)
	h.must(err)
	if o := p.view("per_it").Isolation.Order; o.Incident != out.ID || p.document().Version != 2 {
		t.Errorf("mended to %+v", o)
	}
}

// TestRestoredDatabase: the server knows less than its PCs.
func TestRestoredDatabase(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state  wire.IsolationState
		before bool // isolated already when the backup was made
		want   bool
	}{
		"free, and free in the backup":   {wire.IsolationOff, false, false},
		"cut off since the backup":       {wire.IsolationProven, false, true},
		"failing since the backup":       {wire.IsolationFailing, false, true},
		"cut off then and now":           {wire.IsolationProven, true, true},
		"released since: cut once again": {wire.IsolationOff, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			p := h.enrol("per_emp")
			if c.before {
				_, err := h.pcs.Isolate(t.Context(), h.as("per_it"), p.id, device.Ask{})
				h.must(err)
			}
			h.must(p.tell(map[string]any{wire.FactAgent: wire.AgentFact{Document: 50}, wire.FactIsolation: wire.IsolationFact{State: c.state, Order: "ord_lost", Local: 3}}))
			d := p.document()
			if d.Version != 51 || d.Isolation.On != c.want || d.Isolation.Local != 3 {
				t.Errorf("document %d, isolation %+v", d.Version, d.Isolation)
			}
			p.expect("overtaken", map[string]int{"overtaken": 1})
			h.must(p.tell(map[string]any{wire.FactAgent: wire.AgentFact{Document: 51}, wire.FactIsolation: wire.IsolationFact{State: wire.IsolationOff, Local: 3}}))
			if d := p.document(); d.Version != 51 {
				t.Errorf("then document %d", d.Version)
			}
			if c.want {
				_, err := h.pcs.Release(t.Context(), h.as("per_it"), p.id, "looked at it")
				h.must(err)
				if d := p.document(); d.Version != 52 || d.Isolation.On {
					t.Errorf("released by document %d, %+v", d.Version, d.Isolation)
				}
			}
		})
	}
}

func TestEvidenceOfAnOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p, other := h.enrol("per_emp"), h.enrol("per_sales")
	add := func(pc *pc, key string) error {
		return h.pcs.AddEvidence(t.Context(), pc.id, key, "sockets.json", "application/json", strings.NewReader("{}"))
	}
	bare, err := h.pcs.Isolate(t.Context(), h.as("per_it"), p.id, device.Ask{})
	h.must(err)
	denied(t, "an order without a case", add(p, bare.ID), fault.NotFound, "fault.not_found")
	const incident = "inc_00000000000000000000000001"
	o, err := h.pcs.Isolate(t.Context(), h.as("per_it"), p.id, device.Ask{Incident: incident})
	h.must(err)
	h.must(add(p, o.ID))
	same(t, "files", []string{incident + " sockets.json application/json"}, h.cases.files)
	denied(t, "another PC's order", add(other, o.ID), fault.NotFound, "fault.not_found")
	free, err := h.pcs.Release(t.Context(), h.as("per_it"), p.id, "clean")
	h.must(err)
	denied(t, "a release", add(p, free.ID), fault.NotFound, "fault.not_found")
}

func TestEvidence(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p, other := h.enrol("per_emp"), h.enrol("per_sales")
	ctx := t.Context()
	out, err := h.pcs.Report(ctx, p.id, wire.Infection{Key: "k", Local: 1})
	h.must(err)
	add := func(pc *pc, key, name string) error {
		return h.pcs.AddEvidence(ctx, pc.id, key, name, "application/json", strings.NewReader("{}"))
	}
	h.must(add(p, "k", "sockets\n.json"))
	h.must(add(p, "k", "sockets .json"))
	same(t, "files", []string{out.ID + " sockets .json application/json"}, h.cases.files)
	p.expect("evidence", map[string]int{"evidence_added": 1})
	denied(t, "another PC's report", add(other, "k", "a"), fault.NotFound, "fault.not_found")
	denied(t, "no such report", add(p, "x", "a"), fault.NotFound, "fault.not_found")
	bad(t, "no name", add(p, "k", " "), "name:fault.required")
	for n := range 31 {
		h.must(add(p, "k", strings.Repeat("n", n+1)))
	}
	denied(t, "the 33rd file", add(p, "k", "one more"), fault.TooMany, "fault.device_files")
	h.cases.breakWith(fault.New(fault.TooLarge, "fault.too_large", nil))
	in, err := h.pcs.Report(ctx, other.id, wire.Infection{Key: "k", Local: 1})
	if err == nil {
		t.Errorf("stored %+v", in)
	}
}
