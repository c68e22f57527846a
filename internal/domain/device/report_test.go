package device_test

import (
	"fmt"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

// A report of any kind becomes a case of the PC's person, once, and orders nothing.
func TestReportOfAnyKind(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	for n, kind := range wire.Kinds() {
		in := wire.Infection{Key: fmt.Sprint("told-", n), Kind: kind, At: wire.MicrosOf(h.clock()), Note: "電車に\x1b忘れた", User: "yoshida\n"}
		first, err := h.pcs.Report(t.Context(), p.id, in)
		h.must(err)
		if by := h.cases.actor; by.Person != "per_emp" || by.Via != access.ByDevice {
			t.Errorf("%s: reported as %+v", kind, by)
		}
		same(t, kind+": what the case is given", wire.Infection{Key: p.id + ":" + in.Key, Kind: kind, At: in.At, Note: "電車に 忘れた", User: "yoshida"}, h.cases.last)
		again, err := h.pcs.Report(t.Context(), p.id, in)
		h.must(err)
		same(t, kind+": the repeat", first, again)
	}
	if v := p.view("per_it"); v.Isolation.Wanted || v.Isolation.Order != (device.Order{}) || p.document().Version != 1 {
		t.Errorf("a report ordered something: %+v", v.Isolation)
	}
	// On an isolated PC it changes the order as little, and its case is not the order's.
	_, err := h.pcs.Report(t.Context(), p.id, wire.Infection{Key: "press", Local: 1})
	h.must(err)
	cut := p.view("per_it").Isolation.Order
	_, err = h.pcs.Report(t.Context(), p.id, wire.Infection{Key: "told-after", Kind: "lost"})
	h.must(err)
	same(t, "order", cut, p.view("per_it").Isolation.Order)
}

func TestReportOfAKindChecked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	for name, c := range map[string]struct {
		in   wire.Infection
		want string
	}{
		"no such kind":    {wire.Infection{Key: "k", Kind: "fire"}, "kind:fault.unknown_choice"},
		"a kind, pressed": {wire.Infection{Key: "k", Kind: "lost", Local: 1}, "local:fault.device_report"},
		"no key":          {wire.Infection{Kind: "lost"}, "key:fault.device_report"},
	} {
		_, err := h.pcs.Report(t.Context(), p.id, c.in)
		bad(t, name, err, c.want)
	}
	if len(h.cases.made) > 0 {
		t.Errorf("cases %v", h.cases.made)
	}
}

// Whoever floods with reports leaves room for presses.
func TestReportsLeaveRoomForPresses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	tell := func(n int) error {
		_, err := h.pcs.Report(t.Context(), p.id, wire.Infection{Key: fmt.Sprint("t", n), Kind: "near_miss"})
		return err
	}
	for n := range 20 {
		h.must(tell(n))
	}
	denied(t, "the 21st report", tell(20), fault.TooMany, "fault.too_many")
	for n := range 10 {
		_, err := h.pcs.Report(t.Context(), p.id, wire.Infection{Key: fmt.Sprint("p", n), Local: 1})
		h.must(err)
	}
	h.wait(time.Hour + time.Second)
	h.must(tell(20))
}
