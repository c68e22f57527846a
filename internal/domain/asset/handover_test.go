package asset_test

import (
	"slices"
	"testing"
	"time"

	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
)

// TestHandovers: whoever handles a thing sees what was approved for it, and what they can
// give out; to others it does not exist.
func TestHandovers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	h.stick("USB-1")
	h.stick("USB-2")
	one := h.grant("per_emp", asset.KindLoan, h.form("USB-1", "dev_emp"), request.Approved)
	h.wait(time.Second)
	kind := h.grant("per_emp", asset.KindLoan, h.form("", "dev_emp"), request.Approved)
	h.wait(time.Second)
	own := h.grant("per_gen", asset.KindLoan, h.form("USB-2", "dev_gen"), request.Approved)
	h.grant("per_emp", asset.KindLoan, h.form("USB-1", "dev_emp"), request.Waiting)
	h.grant("per_emp", asset.KindExtension, asset.ExtensionForm{Loan: "LOAN-2026-0001"}, request.Approved)

	for who, want := range map[string][]string{"per_gen": {one, kind}, "per_it": {one, kind, own}, "per_emp": nil, "per_sales": nil} {
		list := must(h.Handovers(ctx, h.as(who)))(t)
		var got []string
		for _, x := range list {
			got = append(got, x.Request)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", who, got, want)
		}
	}
	things := func(who, req string) (out []string) {
		t.Helper()
		for _, x := range must(h.Handover(ctx, h.as(who), req))(t).Things {
			out = append(out, x.Number)
		}
		return out
	}
	if got := things("per_gen", one); len(got) != 1 || got[0] != "USB-1" {
		t.Errorf("for USB-1 can be given %v", got)
	}
	if got := things("per_gen", kind); len(got) != 2 {
		t.Errorf("for any stick can be given %v", got)
	}
	for _, who := range []string{"per_emp", "per_sales"} {
		if _, err := h.Handover(ctx, h.as(who), one); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", who, err)
		}
	}
	if _, err := h.Handover(ctx, h.as("per_gen"), own); !fault.Is(err, fault.NotFound) {
		t.Errorf("one's own: %v", err)
	}
	must(h.HandOver(ctx, h.as("per_gen"), asset.HandOver{Request: one, Asset: "USB-1"}))(t)
	if _, err := h.Handover(ctx, h.as("per_gen"), one); !fault.Is(err, fault.NotFound) {
		t.Errorf("after the hand-over: %v", err)
	}
	if got := things("per_it", kind); len(got) != 1 || got[0] != "USB-2" {
		t.Errorf("while USB-1 is out can be given %v", got)
	}
}
