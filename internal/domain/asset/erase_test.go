package asset_test

import (
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

// TestEraseExpired: loans, what PCs told and what was merely seen go when their time is
// over; the thing, its history and the loan that is out stay.
func TestEraseExpired(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	const retention = 5 * year
	h := newHouse(t)
	ctx := t.Context()
	h.registered("USB-0001", "AA00")
	h.registered("USB-0002", "AA01")
	l := h.lend("USB-0001")
	kept := h.lend("USB-0002")
	write := func(key string, l *asset.Loan) {
		h.tell("dev_emp", wire.MediaEvent{Key: key, What: wire.MediaWritten, Loan: l.Label, Vendor: "0951", Product: "1666", Files: []wire.WrittenFile{{Name: "名簿.xlsx", Size: 1}}})
	}
	write("w1", l)
	write("w2", kept)
	h.tell("dev_sales", wire.MediaEvent{Key: "o1", What: wire.MediaObserved, Vendor: "1234", Product: "5678", Name: "private"})
	must(h.TakeBack(ctx, h.as("per_gen"), l.Label))(t)
	must(h.Confirm(ctx, h.as("per_it"), asset.Check{Loan: l.Label, Content: "work_files", Erased: "erased"}))(t)

	erase := func(want asset.Erased) {
		t.Helper()
		got, err := h.EraseExpired(ctx, access.System(), retention)
		if err != nil || got != want {
			t.Errorf("erased %+v, %v, want %+v", got, err, want)
		}
	}
	for _, person := range []string{"per_it", "per_emp", "per_aud"} {
		if _, err := h.EraseExpired(ctx, h.as(person), retention); !fault.Is(err, fault.Denied) {
			t.Errorf("by %s: %v", person, err)
		}
	}
	erase(asset.Erased{})
	h.wait(year + time.Second)
	erase(asset.Erased{Attempts: 1}) // what was observed
	h.wait(retention - year - time.Minute)
	erase(asset.Erased{})
	h.wait(time.Hour)
	if n, err := h.EraseExpired(ctx, access.System(), 0); err != nil || n != (asset.Erased{}) {
		t.Errorf("kept for ever: %+v, %v", n, err)
	}
	erase(asset.Erased{Loans: 1, Attempts: 3}) // two registrations and what was written on the loan that is over
	erase(asset.Erased{})

	gone := must(h.db.Loan(ctx, l.Label))(t)
	if gone.Person != "" || gone.Purpose != "" || gone.State != asset.Done || gone.DoneAt.IsZero() {
		t.Errorf("erased loan: %+v", gone)
	}
	if fs := must(h.db.WrittenOn(ctx, l.ID, 10))(t); len(fs) != 0 {
		t.Errorf("files of the erased loan: %+v", fs)
	}
	if fs := must(h.db.WrittenOn(ctx, kept.ID, 10))(t); len(fs) != 1 {
		t.Errorf("files of the loan that is out: %+v", fs)
	}
	if o := must(h.db.Loan(ctx, kept.Label))(t); o.Person != "per_emp" {
		t.Errorf("the loan that is out: %+v", o)
	}
	v := must(h.Get(ctx, h.as("per_it"), "USB-0001"))(t)
	if v.Model == "" || v.Identity.Serial != "AA00" || len(v.Loans) != 1 {
		t.Errorf("the thing: %+v", v)
	}
	var said []string
	for _, e := range v.History {
		if e.Data != nil {
			said = append(said, e.Kind)
		}
	}
	if got := strings.Join(said, " "); strings.Contains(got, "loan.handed") || strings.Contains(got, "media.written") || !strings.Contains(got, "asset.added") || !strings.Contains(got, "loan.erased") {
		t.Errorf("the record still says %s", got)
	}
}
