package asset_test

import (
	"testing"

	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/wire"
)

// TestACardIsRegisteredAndLent by what it says of itself: maker and OEM where a stick has
// vendor and product, and its CID for a serial.
func TestACardIsRegisteredAndLent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	const number, cid = "SD-0001", "03534453553332478012345678013a"
	must(h.Add(ctx, h.as("per_it"), asset.Asset{Number: number, Kind: asset.SDCard, Model: "架空カード 32", Department: "d_gen", Keeper: "per_gen", Place: "本社3階"}))(t)
	r := must(h.AskRegistration(ctx, h.as("per_gen"), number, "dev_gen"))(t)
	h.tell("dev_gen", wire.MediaEvent{Key: "reg", What: wire.MediaRegistered, Class: "reader", Register: r.ID, Token: r.Token,
		Vendor: "0003", Product: "5344", Serial: cid, Name: "SU32G", Capacity: 32e9})
	a := must(h.db.Asset(ctx, number))(t)
	if a.Strength() != asset.Strong || a.Identity.Vendor != "0003" || a.Identity.Product != "5344" || a.Identity.Serial != cid {
		t.Fatalf("registered: %+v", a.Identity)
	}
	form := h.form(number, "dev_emp")
	form.Kind = asset.SDCard
	l := must(h.HandOver(ctx, h.as("per_gen"), asset.HandOver{Request: h.grant("per_emp", asset.KindLoan, form, request.Approved), Asset: number}))(t)
	must(h.Receive(ctx, h.as("per_emp"), l.Label))(t)
	if m := h.media["dev_emp"]; len(m) != 1 || m[0].Asset != number || m[0].Vendor != "0003" || m[0].Product != "5344" || m[0].Serial != cid || m[0].Token != r.Token {
		t.Errorf("the PC is told %+v", m)
	}
	h.tell("dev_emp", wire.MediaEvent{Key: "in", What: wire.MediaAdmitted, Class: "reader", Vendor: "0003", Product: "5344", Serial: cid, Loan: l.Label})
	if as := h.attempts("per_it", asset.AttemptQuery{Device: "dev_emp"}); len(as) != 1 || as[0].Number != number || as[0].Class != "reader" || as[0].Loan != l.ID {
		t.Errorf("attempts %+v", as)
	}
}
