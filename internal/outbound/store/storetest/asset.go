package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
	"sekimori/internal/outbound/store"
)

func assets(t testing.TB, db *store.DB, f func(asset.Tx) error) {
	t.Helper()
	must(t, db.UpdateAssets(context.Background(), f))
}

// fullAsset has something in every field.
func fullAsset() *asset.Asset {
	return &asset.Asset{ID: "ast_1", Number: "USB-0001", Kind: asset.USBMemory, Model: kanjiLine, Capacity: 32e9, Encryption: asset.ByHardware,
		Identity:   asset.Identity{Vendor: "0951", Product: "1666", Serial: "AA'%_00", Capacity: 31e9, Volume: "1A2B-3C4D", Token: "tok_1", ReadAt: at(1), ReadOn: "dev_1"},
		Department: "d_gen", Keeper: "per_gen", Place: "本社3階", Note: kanji, State: asset.Lent, Since: at(2), Loan: "lon_1", Borrower: "per_emp", Due: at(60),
		Created: at(0), Changed: at(3), Version: 7, SerialTwin: true,
		Disposal: &asset.Disposal{Method: "destroyed", Note: kanji, Proof: "pho_1", By: "per_it", At: at(4), ConfirmedBy: "per_pm", ConfirmedAt: at(5)}}
}

const kanjiLine = "𠮷野家の髙橋 'a' \"b\" 100% _ \\ 🚨"

// bareAsset is the n-th of many.
func bareAsset(n int) *asset.Asset {
	a := &asset.Asset{ID: fmt.Sprintf("ast_%04d", n), Number: fmt.Sprintf("N-%04d", n), Kind: asset.USBMemory, Encryption: asset.EncryptionUnknown,
		Department: "d_gen", Keeper: "per_gen", State: asset.InStore, Since: at(0), Created: at(0), Changed: at(0), Version: 1}
	if n%2 == 1 {
		a.Department, a.Keeper, a.Kind = "d_sales", "per_sales", asset.Locker
	}
	return a
}

func testAssets(t *testing.T, db *store.DB) {
	ctx := t.Context()
	full := fullAsset()
	plain := bareAsset(2)
	assets(t, db, func(tx asset.Tx) error { return errors.Join(tx.InsertAsset(ctx, full), tx.InsertAsset(ctx, plain)) })
	for _, key := range []string{full.Number} {
		got, err := db.Asset(ctx, key)
		must(t, err)
		same(t, "by "+key, full, got)
	}
	got, err := db.Asset(ctx, plain.Number)
	must(t, err)
	same(t, "bare", plain, got)
	if _, err := db.Asset(ctx, "none"); !fault.Is(err, fault.NotFound) {
		t.Errorf("none: %v", err)
	}

	changed := *full
	changed.Kind, changed.Model, changed.Capacity, changed.Encryption, changed.Identity = asset.SDCard, "x", 1, asset.NotEncrypted, asset.Identity{Vendor: "1"}
	changed.Department, changed.Keeper, changed.Place, changed.Note, changed.State, changed.Since = "d_sales", "per_sales", "", "", asset.Lost, at(9)
	changed.Loan, changed.Borrower, changed.Due, changed.Changed, changed.Version, changed.Disposal, changed.SerialTwin = "", "", time.Time{}, at(9), 8, nil, false
	assets(t, db, func(tx asset.Tx) error {
		held, err := tx.LockAsset(ctx, full.Number)
		same(t, "locked", full, held)
		return errors.Join(err, tx.SaveAsset(ctx, &changed))
	})
	got, err = db.Asset(ctx, full.Number)
	must(t, err)
	same(t, "saved", &changed, got)

	// Twins and media.
	assets(t, db, func(tx asset.Tx) error {
		a, b := bareAsset(10), bareAsset(11)
		a.Identity = asset.Identity{Vendor: "0951", Product: "1666", Serial: "S", Token: "tok_a"}
		b.Identity = asset.Identity{Vendor: "0951", Product: "1666", Serial: "S"}
		if err := errors.Join(tx.InsertAsset(ctx, a), tx.InsertAsset(ctx, b)); err != nil {
			return err
		}
		twins, err := tx.SerialTwins(ctx, "0951", "1666", "S")
		must(t, err)
		same(t, "twins", 2, len(twins))
		for i, want := range map[asset.Identity]string{{Token: "tok_a"}: "ast_0010", {Vendor: "0951", Product: "1666", Serial: "S"}: "", {Vendor: "0951", Product: "1666"}: "", {Token: "tok_b"}: ""} {
			id, found, err := tx.MediumOf(ctx, i)
			must(t, err)
			same(t, fmt.Sprint("medium of ", i), want, id)
			same(t, "found", want != "", found)
		}
		b.Identity.Serial = "T"
		if err := tx.SaveAsset(ctx, b); err != nil {
			return err
		}
		id, _, err := tx.MediumOf(ctx, asset.Identity{Vendor: "0951", Product: "1666", Serial: "T"})
		same(t, "the only one of its serial", "ast_0011", id)
		numbered, err2 := tx.AssetsNumbered(ctx, []string{"N-0011", "none", "N-0010"})
		same(t, "numbered", 2, len(numbered))
		return errors.Join(err, err2)
	})
	as, err := db.AssetsByNumber(ctx, []string{"N-0002", "x"})
	must(t, err)
	same(t, "by numbers", []*asset.Asset{plain}, as)

	photo := asset.Photo{ID: "pho_1", Asset: "ast_1", Name: kanji, Type: "image/png", Size: 5, SHA256: [32]byte{1, 2}, Blob: "ast_1/pho_1", By: "per_it", At: at(1)}
	assets(t, db, func(tx asset.Tx) error {
		must(t, tx.InsertPhoto(ctx, photo))
		n, err := tx.CountPhotos(ctx, "ast_1")
		same(t, "photos", 1, n)
		return err
	})
	ps, err := db.PhotosOf(ctx, "ast_1")
	must(t, err)
	same(t, "photos", []asset.Photo{photo}, ps)
	p, err := db.PhotoByID(ctx, "pho_1")
	must(t, err)
	same(t, "photo", photo, p)

	assets(t, db, func(tx asset.Tx) error {
		return errors.Join(tx.Record(ctx, event(t, at(1), "asset.added", "ast_1", nil)), tx.Record(ctx, event(t, at(2), "asset.changed", "ast_1", kanji)))
	})
	evs, err := db.AssetHistory(ctx, "ast_1", 1)
	must(t, err)
	if len(evs) != 1 || evs[0].Kind != "asset.changed" {
		t.Errorf("history: %+v", evs)
	}
}

func testFindAssets(t *testing.T, db *store.DB) {
	ctx := t.Context()
	const n = 300
	assets(t, db, func(tx asset.Tx) error {
		for i := range n {
			a := bareAsset(i)
			switch i {
			case 7:
				a.State, a.Borrower, a.Due, a.Loan = asset.Lent, "per_emp", at(10), "lon_7"
			case 8:
				a.State, a.Borrower, a.Due, a.Loan = asset.Lent, "per_emp", at(90), "lon_8"
			case 9:
				a.Model, a.Identity.ReadAt = `100%_\ Ａｂｃ`, at(0)
				a.Kind = asset.ExternalDisk
			}
			if err := tx.InsertAsset(ctx, a); err != nil {
				return err
			}
		}
		return nil
	})
	all := asset.Scope{All: true}
	find := func(q asset.Query) []string {
		t.Helper()
		if q.Limit == 0 {
			q.Limit = n
		}
		q.Now = at(30)
		as, err := db.FindAssets(ctx, q)
		must(t, err)
		out := []string{}
		for _, a := range as {
			out = append(out, a.Number)
		}
		return out
	}
	same(t, "all", n, len(find(asset.Query{Scope: all})))
	same(t, "a page", []string{"N-0003", "N-0004"}, find(asset.Query{Scope: all, After: "N-0002", Limit: 2}))
	same(t, "a whole number", []string{"N-0003"}, find(asset.Query{Scope: all, Number: "N-0003"}))
	same(t, "overdue", []string{"N-0007"}, find(asset.Query{Scope: all, State: asset.Overdue}))
	same(t, "lent", []string{"N-0008"}, find(asset.Query{Scope: all, State: asset.Lent}))
	same(t, "in store", n-2, len(find(asset.Query{Scope: all, State: asset.InStore})))
	same(t, "a kind", []string{"N-0009"}, find(asset.Query{Scope: all, Kind: asset.ExternalDisk}))
	same(t, "of a strength", []string{"N-0009"}, find(asset.Query{Scope: all, Strength: asset.Weak}))
	same(t, "of a department", n/2, len(find(asset.Query{Scope: all, Department: "d_sales"})))
	same(t, "of a keeper", n/2, len(find(asset.Query{Scope: all, Keeper: "per_gen"})))
	for text, want := range map[string][]string{"%": {"N-0009"}, "_": {"N-0009"}, `\`: {"N-0009"}, "abc": {"N-0009"}, "n-0299": {"N-0299"}, "x'": {}, "a\x00z": {}, "?": {}, "$1": {}} {
		same(t, text, want, find(asset.Query{Scope: all, Words: []asset.Word{{Text: text}}}))
	}
	same(t, "two words", []string{"N-0009"}, find(asset.Query{Scope: all, Words: []asset.Word{{Text: "n-00"}, {Text: "abc"}}}))
	same(t, "by people", n/2, len(find(asset.Query{Scope: all, Words: []asset.Word{{Text: "zzz", People: []string{"per_sales", "per_x"}}}})))
	same(t, "nobody sees nothing", 0, len(find(asset.Query{})))
	same(t, "what somebody keeps", n/2, len(find(asset.Query{Scope: asset.Scope{Person: "per_gen"}})))
	same(t, "what somebody has", []string{"N-0007", "N-0008"}, find(asset.Query{Scope: asset.Scope{Person: "per_emp"}}))
	same(t, "of departments", n, len(find(asset.Query{Scope: asset.Scope{Person: "per_x", Departments: []string{"d_gen", "d_sales", "d_x"}}})))
	counts, err := db.CountAssets(ctx, all, at(30))
	must(t, err)
	same(t, "counts", map[asset.State]int{asset.InStore: n - 2, asset.Lent: 1, asset.Overdue: 1}, counts)
	counts, err = db.CountAssets(ctx, asset.Scope{Person: "per_emp"}, at(30))
	must(t, err)
	same(t, "counts of somebody", map[asset.State]int{asset.Lent: 1, asset.Overdue: 1}, counts)
	walked, after := 0, ""
	for {
		as, err := db.EachAsset(ctx, after, 70)
		must(t, err)
		if len(as) == 0 {
			break
		}
		walked, after = walked+len(as), as[len(as)-1].Number
	}
	same(t, "walked", n, walked)
}

// fullLoan has something in every field.
func fullLoan(n int) *asset.Loan {
	return &asset.Loan{ID: fmt.Sprintf("lon_%04d", n), Label: fmt.Sprintf("LOAN-2026-%04d", n), Asset: fmt.Sprintf("ast_%04d", n), Request: "req_1", Person: "per_emp",
		Device: "dev_1", From: at(0), Until: at(60), ReadOnly: true, Purpose: kanji, State: asset.Out, HandedBy: "per_gen", HandedAt: at(1), ReceivedAt: at(2),
		EndedAt: at(3), BackBy: "per_it", BackAt: at(4), DoneBy: "per_pm", DoneAt: at(5), Content: "empty", Erased: "kept", CheckNote: kanji, NextFire: at(30),
		Reminded: 1, Chased: at(6), Climbed: 2}
}

func testLoans(t *testing.T, db *store.DB) {
	ctx := t.Context()
	const n = 60
	states := asset.LoanStates()
	assets(t, db, func(tx asset.Tx) error {
		for i := range n {
			a := bareAsset(i)
			l := fullLoan(i)
			l.State = states[i%len(states)]
			if i%3 == 0 {
				l.Person = "per_dep"
			}
			l.NextFire = time.Time{}
			if i < 4 {
				l.NextFire = at(30 + i)
			}
			if err := errors.Join(tx.InsertAsset(ctx, a), tx.InsertLoan(ctx, l)); err != nil {
				return err
			}
		}
		return nil
	})
	l, err := db.Loan(ctx, "LOAN-2026-0001")
	must(t, err)
	want := fullLoan(1)
	want.NextFire = at(31)
	same(t, "loan", want, l)
	assets(t, db, func(tx asset.Tx) error {
		held, err := tx.LockLoan(ctx, "lon_0001")
		same(t, "locked", want, held)
		x := *want
		x.Until, x.State, x.ReceivedAt, x.EndedAt, x.BackBy, x.BackAt, x.DoneBy, x.DoneAt = at(61), asset.Ended, at(7), at(8), "a", at(9), "b", at(10)
		x.Content, x.Erased, x.CheckNote, x.NextFire, x.Reminded, x.Chased, x.Climbed, x.Over = "c", "d", "e", at(31), 5, at(11), 6, at(12)
		must(t, tx.SaveLoan(ctx, &x))
		again, err2 := tx.LockLoan(ctx, "LOAN-2026-0001")
		same(t, "saved", &x, again)
		_, err3 := tx.LockLoan(ctx, "none")
		same(t, "none", true, fault.Is(err3, fault.NotFound))
		return errors.Join(err, err2, tx.SaveLoan(ctx, want))
	})
	find := func(q asset.LoanQuery) (out []string) {
		t.Helper()
		if q.Limit == 0 {
			q.Limit = n
		}
		q.Now = at(61)
		rows, err := db.FindLoans(ctx, q)
		must(t, err)
		for i, r := range rows {
			if i > 0 && r.ID >= rows[i-1].ID {
				t.Error("not newest first")
			}
			out = append(out, r.ID)
		}
		return out
	}
	all := asset.Scope{All: true}
	same(t, "all", n, len(find(asset.LoanQuery{Scope: all})))
	same(t, "a page", []string{"lon_0056", "lon_0055"}, find(asset.LoanQuery{Scope: all, After: "lon_0057", Limit: 2}))
	same(t, "of a person", n/3, len(find(asset.LoanQuery{Scope: all, Person: "per_dep"})))
	same(t, "of a PC", n, len(find(asset.LoanQuery{Scope: all, Device: "dev_1"})))
	same(t, "of a thing", []string{"lon_0005"}, find(asset.LoanQuery{Scope: all, Asset: "ast_0005"}))
	same(t, "handed", 9, len(find(asset.LoanQuery{Scope: all, State: asset.Handed})))
	same(t, "open", 36, len(find(asset.LoanQuery{Scope: all, Open: true})))
	same(t, "overdue", 27, len(find(asset.LoanQuery{Scope: all, Overdue: true})))
	same(t, "one's own", n/3, len(find(asset.LoanQuery{Scope: asset.Scope{Person: "per_dep"}})))
	same(t, "of a keeper", n/2, len(find(asset.LoanQuery{Scope: asset.Scope{Person: "per_gen"}})))
	same(t, "of a department", n/2, len(find(asset.LoanQuery{Scope: asset.Scope{Person: "per_x", Departments: []string{"d_gen"}}})))
	same(t, "a page of a department", []string{"lon_0056", "lon_0054"}, find(asset.LoanQuery{Scope: asset.Scope{Person: "per_x", Departments: []string{"d_gen", "d_x"}}, After: "lon_0057", Limit: 2}))
	many := []string{"d_gen"}
	for i := range 40 {
		many = append(many, fmt.Sprint("d_", i))
	}
	same(t, "of many departments", n/2, len(find(asset.LoanQuery{Scope: asset.Scope{Person: "per_x", Departments: many}})))
	same(t, "nobody's", 0, len(find(asset.LoanQuery{Scope: asset.Scope{Person: "per_x"}, Open: true})))
	rows, err := db.FindLoans(ctx, asset.LoanQuery{Scope: all, Asset: "ast_0005", Limit: 1})
	must(t, err)
	same(t, "with its thing", "N-0005 locker per_sales", fmt.Sprint(rows[0].Number, " ", rows[0].Kind, " ", rows[0].Keeper))

	// The thing goes to another keeper, and its loans with it.
	assets(t, db, func(tx asset.Tx) error {
		a, err := tx.LockAsset(ctx, "N-0005")
		must(t, err)
		a.Keeper, a.Department = "per_x", "d_x"
		return tx.SaveAsset(ctx, a)
	})
	same(t, "of the new keeper", []string{"lon_0005"}, find(asset.LoanQuery{Scope: asset.Scope{Person: "per_x"}}))
	held, err := db.HeldLoans(ctx, "per_dep")
	must(t, err)
	same(t, "held", true, len(held) > 0 && !slices.ContainsFunc(held, func(l asset.Loan) bool { return !l.State.Holds() || l.Person != "per_dep" }))
	assets(t, db, func(tx asset.Tx) error {
		same2, err := tx.HeldBy(ctx, "per_dep")
		same(t, "held", held, same2)
		return err
	})
	due, err := db.DueLoans(ctx, at(31), 10)
	must(t, err)
	same(t, "due", []string{"lon_0000", "lon_0001"}, due)
	next, some, err := db.NextLoanFire(ctx)
	must(t, err)
	same(t, "next", fmt.Sprint(at(30), true), fmt.Sprint(next, some))
}

func testLoanNumbers(t *testing.T, db *store.DB) {
	var got []int
	numbers := make(chan int, 50)
	for _, err := range each(50, func(int) error {
		return db.UpdateAssets(t.Context(), func(tx asset.Tx) error {
			n, err := tx.NextLoanNumber(t.Context(), 2026)
			if err == nil {
				numbers <- n
			}
			return err
		})
	}) {
		must(t, err)
	}
	close(numbers)
	for n := range numbers {
		got = append(got, n)
	}
	slices.Sort(got)
	got = slices.Compact(got) // a change that was run again counted once more
	same(t, "numbers", 50, len(got))
	same(t, "the last", 50, got[len(got)-1])
	next, some, err := db.NextLoanFire(t.Context())
	must(t, err)
	same(t, "nothing due", fmt.Sprint(time.Time{}, false), fmt.Sprint(next, some))
}

// testMedia is what PCs are told of media, and tell.
func testMedia(t *testing.T, db *store.DB) {
	ctx := t.Context()
	Seed(t, db, directorytest.Company())
	allowed := func(device string, now int) (out []wire.Medium, reg *wire.Registration) {
		t.Helper()
		assets(t, db, func(tx asset.Tx) error {
			asker, ok := tx.(interface {
				AllowedMedia(ctx context.Context, device string, now time.Time) ([]wire.Medium, *wire.Registration, error)
			})
			if !ok {
				t.Fatal("a transaction does not say what a PC lets work")
			}
			var err error
			out, reg, err = asker.AllowedMedia(ctx, device, at(now))
			return err
		})
		return out, reg
	}
	assets(t, db, func(tx asset.Tx) error {
		for i, state := range append(asset.LoanStates(), asset.Out, asset.Out, asset.Out) {
			a, l := bareAsset(i), fullLoan(i)
			a.Identity = asset.Identity{Vendor: "0951", Product: "1666", Serial: fmt.Sprint("S", i), Token: fmt.Sprint("tok_", i)}
			a.State, a.Loan, l.State = asset.Lent, l.ID, state
			switch i {
			case 7:
				l.Device = "dev_2"
			case 8:
				l.Until = at(5)
			case 9:
				a.Identity = asset.Identity{} // never read
			}
			if err := errors.Join(tx.InsertAsset(ctx, a), tx.InsertLoan(ctx, l)); err != nil {
				return err
			}
		}
		return nil
	})
	ms, reg := allowed("dev_1", 10)
	same(t, "allowed", []wire.Medium{{Asset: "N-0001", Loan: "LOAN-2026-0001", Vendor: "0951", Product: "1666", Serial: "S1", Token: "tok_1",
		From: wire.MicrosOf(at(0)), Until: wire.MicrosOf(at(60)), ReadOnly: true}}, ms)
	same(t, "nothing to register", true, reg == nil)
	ms, _ = allowed("dev_1", 60)
	same(t, "at the end", 0, len(ms))
	ms, _ = allowed("", 10)
	same(t, "of no PC", 0, len(ms))

	r := asset.Registration{ID: "reg_1", Asset: "ast_0000", Device: "dev_1", Token: "tok_x", Text: kanji, By: "per_it", At: at(1), Until: at(16)}
	second := r
	second.ID, second.At, second.Device = "reg_2", at(2), "dev_2"
	assets(t, db, func(tx asset.Tx) error {
		return errors.Join(tx.InsertRegistration(ctx, r), tx.InsertRegistration(ctx, second))
	})
	_, reg = allowed("dev_1", 3)
	same(t, "given up for another PC", true, reg == nil)
	_, reg = allowed("dev_2", 3)
	same(t, "to register", &wire.Registration{ID: "reg_2", Asset: "N-0000", Token: kanji, Until: wire.MicrosOf(at(16))}, reg)
	_, reg = allowed("dev_2", 16)
	same(t, "too late", true, reg == nil)
	assets(t, db, func(tx asset.Tx) error {
		got, found, err := tx.LockRegistration(ctx, "reg_2")
		same(t, "registration", second, got)
		same(t, "found", true, found)
		_, found, err2 := tx.LockRegistration(ctx, "none")
		same(t, "found", false, found)
		got.Done = at(4)
		return errors.Join(err, err2, tx.SaveRegistration(ctx, got))
	})
	_, reg = allowed("dev_2", 5)
	same(t, "done", true, reg == nil)

	full := asset.Attempt{ID: "med_1", Device: "dev_1", Key: "k'1", At: at(1), Heard: at(2), What: wire.MediaWritten, Why: wire.WhyUnknown, Vendor: "0951", Product: "1666",
		Serial: kanji, Class: "storage", Name: kanji, Asset: "ast_0001", Loan: "lon_0001", User: kanji, Files: 3, Bytes: 1 << 40}
	files := []asset.Written{{Loan: "lon_0001", Name: kanji, Size: 1 << 40, At: at(2)}, {Loan: "lon_0001", Name: "b", At: at(1)}}
	assets(t, db, func(tx asset.Tx) error {
		must(t, tx.InsertAttempt(ctx, full, files))
		for i := range 5 {
			x := asset.Attempt{ID: fmt.Sprint("med_2", i), Device: "dev_2", Key: fmt.Sprint(i), At: at(i), Heard: at(10 + i), What: wire.MediaObserved, Vendor: "1", Serial: "S"}
			if i == 4 {
				x.What = wire.MediaRefused
			}
			must(t, tx.InsertAttempt(ctx, x, nil))
		}
		known, err := tx.KnownAttempts(ctx, "dev_1", []string{"0", "k'1", "x"})
		same(t, "known", []string{"k'1"}, known)
		none, err2 := tx.KnownAttempts(ctx, "dev_1", nil)
		same(t, "known of none", 0, len(none))
		n, err3 := tx.CountAttempts(ctx, "dev_2", "", at(11))
		same(t, "since", 4, n)
		n, err4 := tx.CountAttempts(ctx, "dev_2", wire.MediaRefused, at(0))
		same(t, "refused", 1, n)
		n, err5 := tx.CountWritten(ctx, "lon_0001")
		same(t, "files", 2, n)
		_, on, err6 := tx.LoanOn(ctx, "LOAN-2026-0001", "dev_1")
		same(t, "its loan", true, on)
		_, on, err7 := tx.LoanOn(ctx, "LOAN-2026-0001", "dev_2")
		same(t, "another's loan", false, on)
		return errors.Join(err, err2, err3, err4, err5, err6, err7)
	})
	find := func(q asset.AttemptQuery) (out []string) {
		t.Helper()
		as, err := db.FindAttempts(ctx, q)
		must(t, err)
		for _, a := range as {
			out = append(out, a.ID)
		}
		return out
	}
	as, err := db.FindAttempts(ctx, asset.AttemptQuery{Asset: "ast_0001", Limit: 5})
	must(t, err)
	same(t, "attempt", []asset.Attempt{full}, as)
	same(t, "newest first", []string{"med_24", "med_23"}, find(asset.AttemptQuery{Limit: 2}))
	same(t, "next page", []string{"med_22", "med_21"}, find(asset.AttemptQuery{Limit: 2, After: "med_23", Device: "dev_2"}))
	same(t, "of one sort", []string{"med_24"}, find(asset.AttemptQuery{Limit: 2, What: wire.MediaRefused}))
	ws, err := db.WouldBlock(ctx, at(11), 10)
	must(t, err)
	same(t, "would block", []asset.Would{{Device: "dev_2", Vendor: "1", Serial: "S", Times: 3, Last: at(13)}}, ws)
	fs, err := db.WrittenOn(ctx, "lon_0001", 10)
	must(t, err)
	same(t, "files", files, fs)

	assets(t, db, func(tx asset.Tx) error {
		last, err := tx.LastDraft(ctx, "dev_2")
		same(t, "no draft yet", time.Time{}, last)
		must(t, tx.AskDraft(ctx, "dev_2", at(1)))
		must(t, tx.AskDraft(ctx, "dev_2", at(20)))
		last, err2 := tx.LastDraft(ctx, "dev_2")
		same(t, "last draft", at(20), last)
		return errors.Join(err, err2, tx.DraftDone(ctx, "dev_2", at(1)))
	})
	ds, err := db.OpenDrafts(ctx)
	must(t, err)
	same(t, "open drafts", []asset.Draft{{Device: "dev_2", At: at(20)}}, ds)
	refused, err := db.RefusedOn(ctx, "dev_2", at(0), at(20), 9)
	must(t, err)
	same(t, "refused on it", 1, len(refused))
	assets(t, db, func(tx asset.Tx) error { return tx.DraftDone(ctx, "dev_2", at(20)) })
	ds, err = db.OpenDrafts(ctx)
	must(t, err)
	same(t, "filed", 0, len(ds))
}

func testGuardPolicy(t *testing.T, db *store.DB) {
	ctx := t.Context()
	Seed(t, db, directorytest.Company())
	_, some, err := db.NewestGuardPolicy(ctx)
	must(t, err)
	same(t, "none yet", false, some)
	mode := func(department string) (m wire.GuardMode) {
		t.Helper()
		assets(t, db, func(tx asset.Tx) (err error) {
			asker, ok := tx.(interface {
				GuardMode(ctx context.Context, department string) (wire.GuardMode, error)
			})
			if !ok {
				t.Fatal("a transaction does not say how a guard deals with media")
			}
			m, err = asker.GuardMode(ctx, department)
			return err
		})
		return m
	}
	same(t, "built in", wire.GuardObserve, mode("d_gen"))
	p := asset.Policy{Version: 1, Mode: wire.GuardBlock, Departments: map[string]wire.GuardMode{"d_sales": wire.GuardOff}, By: "per_it", At: at(1)}
	save := func(p asset.Policy) (saved bool) {
		t.Helper()
		assets(t, db, func(tx asset.Tx) (err error) {
			saved, err = tx.SaveGuardPolicy(ctx, p)
			return err
		})
		return saved
	}
	same(t, "saved", true, save(p))
	same(t, "the same version again", false, save(asset.Policy{Version: 1, Mode: wire.GuardOff, By: "per_x", At: at(2)}))
	got, some, err := db.NewestGuardPolicy(ctx)
	must(t, err)
	same(t, "policy", p, got)
	same(t, "set", true, some)
	for dep, want := range map[string]wire.GuardMode{"d_sales": wire.GuardOff, "d_sales1": wire.GuardOff, "d_gen": wire.GuardBlock, "": wire.GuardBlock, "none": wire.GuardBlock} {
		same(t, dep, want, mode(dep))
	}
}

// testSearchIndex: what a search finds by the index is what it would find by looking at
// every thing, whatever the words, after changes as well.
func testSearchIndex(t *testing.T, db *store.DB) {
	ctx := t.Context()
	models := []string{"架空 UX-1 Secure", "架空 UX-12", `100%_\ Ａｂｃ`, `"quoted" OR NOT`, "𠮷野家の髙橋", "がぎぐ パピプ", "", "ﷺ 🚨🚨🚨", "it's * NEAR(a b)"}
	places := []string{"本社3階 棚12", "支店 Ａ棚", "大阪", "x"}
	var things []*asset.Asset
	assets(t, db, func(tx asset.Tx) error {
		things = nil
		for i := range 1500 {
			a := bareAsset(i)
			a.Model, a.Place, a.Identity.Serial = models[i%len(models)], places[i%len(places)], fmt.Sprintf("60A44C%08X", uint32(i)*2654435761)
			things = append(things, a)
			if err := tx.InsertAsset(ctx, a); err != nil {
				return err
			}
		}
		return nil
	})
	texts := []string{"ux-1", "ux-12", "secure", "n-0011", "n-14", "n-0", "n", "大阪", "本社3", "本社3階", "棚1", "abc", `%_\`, "%", "___", `"`, `"qu`, `or not`, "not", "and", "near(", "*",
		"it'", "𠮷野家", "髙橋", "ガギグ", "がぎぐ", "🚨🚨🚨", "zzz", "zz", "3階", "ux", "x-", "12", "がぎ", "𠮷野", "🚨🚨", "x", "階", `\_`, `"o`, "", "60a44c", "9e37", "79b1", "a\x00b", "c\n", strings.Repeat("ux-1", 100), "ux-\nx"}
	scopes := []asset.Scope{{All: true}, {All: true}, {Person: "per_gen"}, {Person: "per_x", Departments: []string{"d_sales", "d_gen"}}}
	seen := func(a *asset.Asset, words []asset.Word) bool {
		for _, w := range words {
			if !strings.Contains(a.SearchText(), w.Text) && !slices.Contains(w.People, a.Keeper) {
				return false
			}
		}
		return true
	}
	check := func(what string) {
		t.Helper()
		for i, text := range texts {
			for j, words := range [][]asset.Word{{{Text: text}}, {{Text: text}, {Text: texts[(i*7+3)%len(texts)]}}, {{Text: text, People: []string{"per_sales"}}}, {{Text: text, People: []string{"per_rare"}}}} {
				sc, after := scopes[(i+j+len(what))%len(scopes)], []string{"", "N-0700"}[(i/2+j)%2]
				want := []string{}
				for _, a := range things {
					if a.Number > after && seen(a, words) && (sc.All || a.Keeper == sc.Person || slices.Contains(sc.Departments, a.Department)) {
						want = append(want, a.Number)
					}
				}
				as, err := db.FindAssets(ctx, asset.Query{Scope: sc, Words: words, After: after, Limit: 40, Now: at(1)})
				must(t, err)
				got := []string{}
				for _, a := range as {
					got = append(got, a.Number)
				}
				same(t, fmt.Sprintf("%s: %+v of %+v after %q", what, words, sc, after), want[:min(len(want), 40)], got)
			}
		}
	}
	check("entered")
	assets(t, db, func(tx asset.Tx) error {
		for i, a := range things {
			if i%3 == 0 {
				a.Model, a.Place = models[(i+4)%len(models)], places[(i+1)%len(places)]
			}
			if i%100 == 0 {
				a.Keeper = "per_rare"
			}
			if err := tx.SaveAsset(ctx, a); err != nil {
				return err
			}
		}
		return nil
	})
	check("changed")
	undone := errors.New("undone")
	err := db.UpdateAssets(ctx, func(tx asset.Tx) error {
		a := *things[1]
		a.Model = "zzz"
		return errors.Join(tx.SaveAsset(ctx, &a), undone)
	})
	if !errors.Is(err, undone) {
		t.Error(err)
	}
	check("undone")
}
