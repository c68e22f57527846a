package device_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/device"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

// TestReportsOfAnHour: a key in the wrong hands opens only so many cases, and a press
// that must wait is taken later.
func TestReportsOfAnHour(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p, other := h.enrol("per_emp"), h.enrol("per_sales")
	report := func(p *pc, n int) error {
		_, err := h.pcs.Report(t.Context(), p.id, wire.Infection{Key: fmt.Sprint("k", n), Local: 1})
		return err
	}
	for n := range 30 {
		h.must(report(p, n))
	}
	denied(t, "the 31st report", report(p, 30), fault.TooMany, "fault.too_many")
	h.must(report(p, 7)) // a repeat opens nothing
	h.must(report(other, 0))
	h.wait(time.Hour + time.Second)
	h.must(report(p, 30))
}

// TestEvidenceOfADay: nor does it fill the disk.
func TestEvidenceOfADay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	p := h.enrol("per_emp")
	_, err := h.pcs.Report(t.Context(), p.id, wire.Infection{Key: "k", Local: 1})
	h.must(err)
	add := func(name string) error {
		return h.pcs.AddEvidence(t.Context(), p.id, "k", name, "text/plain", strings.NewReader("x"))
	}
	h.must(add("a"))
	h.must(h.db.UpdateDevices(t.Context(), func(tx device.Tx) error {
		_, err := tx.InsertDeviceEvidence(t.Context(), device.Evidence{Device: p.id, Key: "older", Name: "b", Size: 512 << 20, At: h.clock()})
		return err
	}))
	denied(t, "beyond a day's bytes", add("c"), fault.TooMany, "fault.too_many")
	h.wait(24*time.Hour + time.Second)
	h.must(add("c"))
}
