package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/asset"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/outbound/store"
)

// stock changes counts in one commit.
func stock(t testing.TB, db *store.DB, f func(asset.StockTx) error) {
	t.Helper()
	must(t, db.UpdateStock(t.Context(), f))
}

// owned is a thing of the ledger as it is when it was entered.
func owned(n int, state asset.State) *asset.Asset {
	return &asset.Asset{ID: fmt.Sprintf("ast_%d", n), Number: fmt.Sprintf("USB-%04d", n), Kind: asset.USBMemory, Model: kanji, Department: "d_gen",
		Keeper: "per_gen", Place: kanji, State: state, Created: at(0), Changed: at(0), Version: 1}
}

// take is a count that opens n minutes after noon.
func take(n int) *asset.StockTake {
	return &asset.StockTake{ID: fmt.Sprintf("stk_%d", n), Label: fmt.Sprintf("STK-2026-%04d", n), Title: kanji, Departments: []string{"d_gen", "d_sales"},
		Kinds: []asset.Kind{asset.PC, asset.Phone}, OpenedBy: "per_it", OpenedAt: at(n), Due: jpcal.Date{Year: 2026, Month: 11, Day: 30}, Expected: 2, NextFire: at(n + 10)}
}

func testStock(t *testing.T, db *store.DB) {
	ctx := t.Context()
	k := take(1)
	items := []asset.StockItem{
		{Stock: k.ID, Asset: "ast_1", Number: "USB-0001", Kind: asset.USBMemory, Model: kanji, Department: "d_gen", Keeper: "per_gen", Place: kanji, State: asset.InStore},
		{Stock: k.ID, Asset: "ast_2", Number: "USB-0002", Kind: asset.PC, Department: "d_gen", Keeper: "per_gen", State: asset.Lent, Borrower: "per_emp"},
	}
	stock(t, db, func(tx asset.StockTx) error { return tx.InsertStock(ctx, k, items) })
	stock(t, db, func(tx asset.StockTx) error { return tx.InsertStock(ctx, take(2), nil) })
	for _, name := range []string{k.ID, k.Label} {
		got, err := db.Stock(ctx, name)
		must(t, err)
		same(t, "by "+name, k, got)
	}
	if _, err := db.Stock(ctx, "STK-2026-9999"); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing: %v", err)
	}
	all, err := db.Stocks(ctx)
	must(t, err)
	same(t, "newest first", []asset.StockTake{*take(2), *k}, all)

	note := asset.StockNote{Done: "searching", Text: kanji, By: "per_gen", At: at(5)}
	stock(t, db, func(tx asset.StockTx) error {
		got, err := tx.LockStock(ctx, k.Label)
		same(t, "as locked", k, got)
		got.FinishedBy, got.FinishedAt, got.Reminded, got.NextFire = "per_it", at(9), at(8), time.Time{}
		return errors.Join(err, tx.SaveStock(ctx, got), tx.SaveStockNote(ctx, k.ID, "USB-0002", note))
	})
	k.FinishedBy, k.FinishedAt, k.Reminded, k.NextFire = "per_it", at(9), at(8), time.Time{}
	items[1].Note = note
	got, err := db.Stock(ctx, k.ID)
	must(t, err)
	same(t, "as saved", k, got)
	listed, err := db.StockItems(ctx, k.ID)
	must(t, err)
	same(t, "the list", items, listed)
	stock(t, db, func(tx asset.StockTx) error {
		inside, err := tx.StockItems(ctx, k.ID)
		same(t, "the list inside", items, inside)
		one, ok, err2 := tx.StockItemOf(ctx, k.ID, "USB-0002")
		same(t, "one of it", items[1], one)
		_, other, err3 := tx.StockItemOf(ctx, "stk_2", "USB-0002")
		if !ok || other {
			t.Errorf("on the list %v, on another %v", ok, other)
		}
		return errors.Join(err, err2, err3)
	})
	for person, want := range map[string]bool{"per_gen": true, "per_emp": true, "per_it": false} {
		if got, err := db.StockKeeps(ctx, k.ID, person); got != want || err != nil {
			t.Errorf("%s keeps or has something: %v, %v", person, got, err)
		}
	}

	seal := asset.StockSeal{Stock: k.ID, CSV: []byte{0xef, 0xbb, 0xbf, 0, 255}, Data: []byte(kanji), Note: "text\n\n— name AAAA\n"}
	stock(t, db, func(tx asset.StockTx) error { return tx.InsertStockSeal(ctx, seal) })
	kept, ok, err := db.StockSealOf(ctx, k.ID)
	same(t, "the result", seal, kept)
	_, none, err2 := db.StockSealOf(ctx, "stk_2")
	if !ok || none || err != nil || err2 != nil {
		t.Errorf("results %v, %v: %v, %v", ok, none, err, err2)
	}
}

func testStockSightings(t *testing.T, db *store.DB) {
	ctx := t.Context()
	see := func(n int, number, by string, listed bool) asset.StockSighting {
		why := ""
		if !listed {
			why = asset.StockWhyUnknown
		}
		return asset.StockSighting{ID: fmt.Sprintf("sgt_%d", n), Stock: "stk_1", Number: number, Asset: "ast_1", Listed: listed, Why: why, How: asset.StockByCamera,
			Place: kanji, By: by, At: at(n)}
	}
	a, b, c, d := see(1, "USB-0001", "per_gen", true), see(2, "USB-0001", "per_emp", true), see(3, "X-1", "per_emp", false), see(4, "X-2", "per_emp", false)
	stock(t, db, func(tx asset.StockTx) error {
		return errors.Join(tx.InsertSighting(ctx, d), tx.InsertSighting(ctx, c), tx.InsertSighting(ctx, b), tx.InsertSighting(ctx, a))
	})
	stock(t, db, func(tx asset.StockTx) error {
		of, err := tx.SightingsOf(ctx, "stk_1", "USB-0001")
		same(t, "of a number", []asset.StockSighting{a, b}, of)
		held, err2 := tx.LockSighting(ctx, c.ID)
		same(t, "held", c, held)
		if _, err := tx.LockSighting(ctx, "sgt_x"); !fault.Is(err, fault.NotFound) {
			t.Errorf("missing: %v", err)
		}
		return errors.Join(err, err2, tx.UndoSighting(ctx, c.ID, at(6)))
	})
	c.Undone = at(6)
	stock(t, db, func(tx asset.StockTx) error {
		held, err := tx.LockSighting(ctx, c.ID)
		same(t, "taken back", c, held)
		if n, err := tx.CountStray(ctx, "stk_1", "per_emp"); n != 2 || err != nil {
			t.Errorf("%d that are not on the list, %v", n, err)
		}
		if n, err := tx.CountStray(ctx, "stk_1", "per_gen"); n != 0 || err != nil {
			t.Errorf("%d of another, %v", n, err)
		}
		inside, err2 := tx.StockSightings(ctx, "stk_1")
		same(t, "all inside", []asset.StockSighting{a, b, d}, inside)
		return errors.Join(err, err2)
	})
	all, err := db.StockSightings(ctx, "stk_1")
	must(t, err)
	same(t, "all", []asset.StockSighting{a, b, d}, all)
}

// testStockLedger: the list comes from the ledger, and the proofs from what PCs told.
func testStockLedger(t *testing.T, db *store.DB) {
	ctx := t.Context()
	late := owned(3, asset.Lent)
	late.Borrower, late.Due = "per_emp", at(-1)
	must(t, db.UpdateAssets(ctx, func(tx asset.Tx) error {
		var errs []error
		for _, a := range []*asset.Asset{owned(2, asset.InRepair), owned(1, asset.InStore), late, owned(4, asset.Lost), owned(5, asset.Disposed)} {
			errs = append(errs, tx.InsertAsset(ctx, a))
		}
		for i, a := range []asset.Attempt{
			{What: "admitted", Asset: "ast_1", At: at(1), Heard: at(3), Device: "dev_1"},
			{What: "admitted", Asset: "ast_1", At: at(2), Heard: at(2), Device: "dev_2"},
			{What: "registered", Asset: "ast_2", At: at(1), Heard: at(1), Device: "dev_1"},
			{What: "refused", Asset: "ast_3", At: at(1), Heard: at(1), Device: "dev_1"},
			{What: "admitted", Asset: "", At: at(1), Heard: at(1), Device: "dev_1"},
			{What: "admitted", Asset: "ast_4", At: at(-5), Heard: at(1), Device: "dev_1"}, // before the count, told since
			{What: "admitted", Asset: "ast_5", At: at(99), Heard: at(99), Device: "dev_1"},
		} {
			a.ID, a.Key = fmt.Sprintf("med_%d", i), fmt.Sprint(i)
			errs = append(errs, tx.InsertAttempt(ctx, a, nil))
		}
		return errors.Join(errs...)
	}))
	want := []asset.StockItem{
		{Asset: "ast_1", Number: "USB-0001", Kind: asset.USBMemory, Model: kanji, Department: "d_gen", Keeper: "per_gen", Place: kanji, State: asset.InStore},
		{Asset: "ast_2", Number: "USB-0002", Kind: asset.USBMemory, Model: kanji, Department: "d_gen", Keeper: "per_gen", Place: kanji, State: asset.InRepair},
		{Asset: "ast_3", Number: "USB-0003", Kind: asset.USBMemory, Model: kanji, Department: "d_gen", Keeper: "per_gen", Place: kanji, State: asset.Overdue, Borrower: "per_emp"},
	}
	proofs := map[string]asset.StockProof{"ast_1": {At: at(2), Device: "dev_2"}, "ast_2": {At: at(1), Device: "dev_1"}}
	stock(t, db, func(tx asset.StockTx) error {
		got, err := tx.StockLedger(ctx, at(0))
		same(t, "the ledger", want, got)
		id, state, ok, err2 := tx.AssetNumbered(ctx, "USB-0005")
		_, _, none, err3 := tx.AssetNumbered(ctx, "USB-9999")
		if id != "ast_5" || state != asset.Disposed || !ok || none {
			t.Errorf("by number: %s, %s, %v, %v", id, state, ok, none)
		}
		inside, err4 := tx.StockProofs(ctx, at(0), at(10))
		same(t, "proofs inside", proofs, inside)
		return errors.Join(err, err2, err3, err4)
	})
	got, err := db.StockProofs(ctx, at(0), at(10))
	must(t, err)
	same(t, "proofs", proofs, got)
}

func testStockDue(t *testing.T, db *store.DB) {
	ctx := t.Context()
	if next, ok, err := db.NextStockFire(ctx); ok || !next.IsZero() || err != nil {
		t.Errorf("nothing there: %v, %v, %v", next, ok, err)
	}
	rests := take(3)
	rests.NextFire = time.Time{}
	stock(t, db, func(tx asset.StockTx) error {
		return errors.Join(tx.InsertStock(ctx, take(2), nil), tx.InsertStock(ctx, take(1), nil), tx.InsertStock(ctx, rests, nil))
	})
	for minute, want := range map[int][]string{10: nil, 11: {"stk_1"}, 60: {"stk_1", "stk_2"}} {
		due, err := db.DueStocks(ctx, at(minute), 10)
		if !slices.Equal(due, want) || err != nil {
			t.Errorf("due after %d minutes: %v, %v", minute, due, err)
		}
	}
	if due, err := db.DueStocks(ctx, at(60), 1); len(due) != 1 || err != nil {
		t.Errorf("the first: %v, %v", due, err)
	}
	next, ok, err := db.NextStockFire(ctx)
	if !next.Equal(at(11)) || !ok || err != nil {
		t.Errorf("next %v, %v, %v", next, ok, err)
	}
}

// testStockNumbers: each year counts for itself, and a refused count uses up no number.
func testStockNumbers(t *testing.T, db *store.DB) {
	ctx := t.Context()
	must(t, db.UpdateStock(ctx, func(tx asset.StockTx) error { _, err := tx.NextStockNumber(ctx, 2026); return err }))
	if err := db.UpdateStock(ctx, func(tx asset.StockTx) error {
		_, err := tx.NextStockNumber(ctx, 2026)
		return errors.Join(err, errNo)
	}); !errors.Is(err, errNo) {
		t.Fatal(err)
	}
	var mu sync.Mutex
	got := []int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := db.UpdateStock(ctx, func(tx asset.StockTx) error {
				n, err := tx.NextStockNumber(ctx, 2026)
				mu.Lock()
				defer mu.Unlock()
				got = append(got, n)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, []int{2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("numbers %v", got)
	}
	stock(t, db, func(tx asset.StockTx) error {
		if n, err := tx.NextStockNumber(ctx, 2027); n != 1 || err != nil {
			t.Errorf("the next year begins with %d, %v", n, err)
		}
		return nil
	})
}
