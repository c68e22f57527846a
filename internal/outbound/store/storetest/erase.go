package storetest

import (
	"errors"
	"testing"
	"time"

	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/wire"
	"sekimori/internal/outbound/store"
)

// content reports which of a subject's events still say something.
func content(t *testing.T, db *store.DB, subject string) map[string]bool {
	t.Helper()
	events, err := db.AssetHistory(t.Context(), subject, 100)
	must(t, err)
	out := map[string]bool{}
	for _, e := range events {
		out[e.Kind] = e.Data != nil
	}
	return out
}

// testLoansErased: what is over and old loses people, words and file names; another loan of
// the same thing, and what is open, lose nothing.
func testLoansErased(t *testing.T, db *store.DB) {
	ctx := t.Context()
	old, later, open := fullLoan(1), fullLoan(2), fullLoan(3)
	later.Asset, open.Asset = old.Asset, old.Asset
	old.State, old.HandedAt, old.Over, old.NextFire = asset.Done, at(1), at(5), time.Time{}
	later.State, later.HandedAt, later.Over = asset.Broken, at(6), at(9)
	open.HandedAt = at(10)
	file := func(l *asset.Loan) []asset.Written {
		return []asset.Written{{Loan: l.ID, Name: kanji, Size: 1, At: at(2)}}
	}
	assets(t, db, func(tx asset.Tx) error {
		return errors.Join(tx.InsertAsset(ctx, bareAsset(1)), tx.InsertLoan(ctx, old), tx.InsertLoan(ctx, later), tx.InsertLoan(ctx, open),
			tx.InsertAttempt(ctx, asset.Attempt{ID: "med_1", Device: "dev_1", Key: "a"}, file(old)), tx.InsertAttempt(ctx, asset.Attempt{ID: "med_2", Device: "dev_1", Key: "b"}, file(later)),
			tx.Record(ctx, event(t, at(0), "asset.added", old.Asset, kanji)), tx.Record(ctx, event(t, at(1), "loan.handed", old.Asset, kanji)),
			tx.Record(ctx, event(t, at(3), "asset.changed", old.Asset, kanji)), tx.Record(ctx, event(t, at(5), "loan.confirmed", old.Asset, kanji)),
			tx.Record(ctx, event(t, at(6), "loan.received", old.Asset, kanji)))
	})
	expired := func(before int) []string {
		t.Helper()
		ids, err := db.ExpiredLoans(ctx, at(before), 10)
		must(t, err)
		return ids
	}
	same(t, "over", []string{old.ID, later.ID}, expired(10))
	same(t, "over before the second", []string{old.ID}, expired(9))
	assets(t, db, func(tx asset.Tx) error { return tx.EraseLoan(ctx, old.ID, at(20)) })
	same(t, "left", []string{later.ID}, expired(10))
	want := *old
	want.Request, want.Person, want.Device, want.Purpose, want.HandedBy, want.BackBy, want.DoneBy, want.CheckNote = "", "", "", "", "", "", "", ""
	want.ErasedAt = at(20)
	for _, l := range []*asset.Loan{&want, later, open} {
		got, err := db.Loan(ctx, l.ID)
		must(t, err)
		same(t, "after erasing", l, got)
	}
	for l, n := range map[*asset.Loan]int{old: 0, later: 1} {
		files, err := db.WrittenOn(ctx, l.ID, 10)
		must(t, err)
		same(t, "files of "+l.ID, n, len(files))
	}
	same(t, "the record", map[string]bool{"asset.added": true, "loan.handed": false, "asset.changed": true, "loan.confirmed": false, "loan.received": true}, content(t, db, old.Asset))
}

// testMediaErased: old reports go with what the record says of them, observed ones sooner,
// and those of a loan that is not over not at all.
func testMediaErased(t *testing.T, db *store.DB) {
	ctx := t.Context()
	open, over := fullLoan(1), fullLoan(2)
	over.Over = at(1)
	assets(t, db, func(tx asset.Tx) error {
		errs := []error{tx.InsertAsset(ctx, bareAsset(1)), tx.InsertAsset(ctx, bareAsset(2)), tx.InsertLoan(ctx, open), tx.InsertLoan(ctx, over),
			tx.InsertRegistration(ctx, asset.Registration{ID: "reg_1", Asset: "ast_x", Device: "dev_x", Until: at(3)}),
			tx.InsertRegistration(ctx, asset.Registration{ID: "reg_2", Asset: "ast_y", Device: "dev_y", Until: at(70)})}
		for _, a := range []asset.Attempt{{ID: "old", What: wire.MediaRefused, Heard: at(1)}, {ID: "old_open", What: wire.MediaAdmitted, Heard: at(2), Loan: open.ID},
			{ID: "old_over", What: wire.MediaAdmitted, Heard: at(3), Loan: over.ID}, {ID: "observed", What: wire.MediaObserved, Heard: at(20)},
			{ID: "refused", What: wire.MediaRefused, Heard: at(21)}, {ID: "observed_lately", What: wire.MediaObserved, Heard: at(50)}} {
			ev, err := journal.NewEvent(a.Heard, "media."+a.ID, "ast_1", "dev_1", kanji)
			must(t, err)
			a.Device, a.Key, a.Event = "dev_1", a.ID, ev.ID
			errs = append(errs, tx.InsertAttempt(ctx, a, nil), tx.Record(ctx, ev))
		}
		return errors.Join(errs...)
	})
	for _, want := range []int{2, 1, 0} {
		assets(t, db, func(tx asset.Tx) error {
			n, err := tx.EraseAttempts(ctx, at(10), at(40), at(60), 2)
			same(t, "erased", want, n)
			return err
		})
	}
	as, err := db.FindAttempts(ctx, asset.AttemptQuery{Limit: 10})
	must(t, err)
	var left []string
	for _, a := range as {
		left = append(left, a.ID)
	}
	same(t, "left", []string{"observed_lately", "refused", "old_open"}, left)
	same(t, "the record", map[string]bool{"media.old": false, "media.old_open": true, "media.old_over": false, "media.observed": false, "media.refused": true,
		"media.observed_lately": true}, content(t, db, "ast_1"))
	assets(t, db, func(tx asset.Tx) error {
		_, first, err := tx.LockRegistration(ctx, "reg_1")
		_, second, err2 := tx.LockRegistration(ctx, "reg_2")
		same(t, "registrations", []bool{false, true}, []bool{first, second})
		return errors.Join(err, err2)
	})
}

// testStockErased: a finished count goes part by part; label and times stay.
func testStockErased(t *testing.T, db *store.DB) {
	ctx := t.Context()
	old, running := take(1), take(2)
	old.FinishedBy, old.FinishedAt, old.NextFire = "per_it", at(5), time.Time{}
	stock(t, db, func(tx asset.StockTx) error {
		list := func(k *asset.StockTake) []asset.StockItem {
			return []asset.StockItem{{Stock: k.ID, Number: "USB-1", Keeper: "per_gen"}, {Stock: k.ID, Number: "USB-2"}, {Stock: k.ID, Number: "USB-3"}}
		}
		return errors.Join(tx.InsertStock(ctx, old, list(old)), tx.InsertStock(ctx, running, list(running)),
			tx.InsertSighting(ctx, asset.StockSighting{ID: "sgt_1", Stock: old.ID, Number: "USB-1", By: "per_gen", At: at(2)}),
			tx.InsertSighting(ctx, asset.StockSighting{ID: "sgt_2", Stock: running.ID, Number: "USB-1", By: "per_gen", At: at(2)}),
			tx.InsertStockSeal(ctx, asset.StockSeal{Stock: old.ID, CSV: []byte(kanji), Data: []byte("{}"), Note: "x"}),
			tx.Record(ctx, event(t, at(5), "stock.finished", old.ID, kanji)), tx.Record(ctx, event(t, at(5), "stock.opened", running.ID, kanji)))
	})
	expired := func(before int) []string {
		t.Helper()
		ids, err := db.ExpiredStocks(ctx, at(before), 10)
		must(t, err)
		return ids
	}
	same(t, "not yet", 0, len(expired(5)))
	same(t, "expired", []string{old.ID}, expired(6))
	for _, want := range []bool{false, true} {
		assets(t, db, func(tx asset.Tx) error {
			done, err := tx.EraseStock(ctx, old.ID, at(20), 2)
			same(t, "done", want, done)
			return err
		})
	}
	same(t, "erased", 0, len(expired(6)))
	want := *old
	want.Title, want.OpenedBy, want.FinishedBy, want.ErasedAt = "", "", "", at(20)
	for k, n := range map[*asset.StockTake]int{&want: 0, running: 1} {
		got, err := db.Stock(ctx, k.ID)
		must(t, err)
		same(t, "count", k, got)
		items, err := db.StockItems(ctx, k.ID)
		must(t, err)
		same(t, "list", 3*n, len(items))
		seen, err := db.StockSightings(ctx, k.ID)
		must(t, err)
		same(t, "sightings", n, len(seen))
	}
	if _, ok, err := db.StockSealOf(ctx, old.ID); ok || err != nil {
		t.Errorf("the signed result: %v, %v", ok, err)
	}
	same(t, "the record", map[string]bool{"stock.finished": false}, content(t, db, old.ID))
	same(t, "another's record", map[string]bool{"stock.opened": true}, content(t, db, running.ID))
}
