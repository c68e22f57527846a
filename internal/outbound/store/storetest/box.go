package storetest

import (
	"errors"
	"testing"

	"sekimori/internal/domain/incident"
	"sekimori/internal/outbound/store"
)

// testBox: what is put in the box, once for each key, until it is taken out; and the days
// of its openings.
func testBox(t *testing.T, db *store.DB) {
	ctx := t.Context()
	change := func(f func(tx incident.Tx) error) {
		t.Helper()
		must(t, db.UpdateIncidents(ctx, f))
	}
	put := func(s incident.Slip) (there *incident.Slip) {
		t.Helper()
		change(func(tx incident.Tx) (err error) { there, err = tx.PutInBox(ctx, s); return err })
		return there
	}
	lies := func() (out []incident.Boxed) {
		t.Helper()
		change(func(tx incident.Tx) (err error) {
			if out, err = tx.Boxed(ctx); err != nil {
				return err
			}
			n, err := tx.CountBox(ctx)
			if n != len(out) {
				t.Errorf("%d counted, %d listed", n, len(out))
			}
			return err
		})
		return out
	}
	last := incident.Slip{Key: incident.BoxKey{255, 1}, Nearly: incident.Lost, Department: "d_a", Summary: kanji, Words: "一\n二"}
	first := incident.Slip{Key: incident.BoxKey{0, 1}, Summary: "先"}
	if put(last) != nil || put(first) != nil {
		t.Error("the box was not empty")
	}
	again := last
	again.Summary = "別"
	same(t, "what lies under a key", &last, put(again))
	same(t, "in the box", []incident.Boxed{{Slip: first}, {Slip: last}}, lies())
	change(func(tx incident.Tx) error { return tx.SaveWaited(ctx, last.Key, 2) })
	broken := errors.New("broken off")
	err := db.UpdateIncidents(ctx, func(tx incident.Tx) error {
		if err := tx.DropBoxed(ctx, last.Key); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	change(func(tx incident.Tx) error { return tx.DropBoxed(ctx, first.Key) })
	same(t, "what stays", []incident.Boxed{{Slip: last, Waited: 2}}, lies())

	if day, err := db.BoxOpened(ctx); day != "" || err != nil {
		t.Errorf("opened on %q, %v", day, err)
	}
	for _, x := range []struct {
		day  string
		want bool
	}{{"2026-12-31", true}, {"2026-12-31", false}, {"2026-11-01", false}, {"2027-01-04", true}} {
		change(func(tx incident.Tx) error {
			got, err := tx.ClaimBox(ctx, x.day)
			if got != x.want {
				t.Errorf("the opening of %s was taken: %v", x.day, got)
			}
			return err
		})
	}
	if day, err := db.BoxOpened(ctx); day != "2027-01-04" || err != nil {
		t.Errorf("opened on %q, %v", day, err)
	}

	near := plain(1, func(i *incident.Incident) {
		i.Kind, i.Nearly, i.Reporter, i.Channel = incident.NearMiss, incident.Missent, "", incident.ByBox
	})
	insert(t, db, near, plain(2, func(i *incident.Incident) { i.Kind, i.Nearly, i.Drill = incident.NearMiss, incident.Lost, true }),
		plain(3, func(i *incident.Incident) { i.Outside, i.Kind = &incident.Outsider{}, incident.NearMiss }))
	got, err := db.Incident(ctx, near.ID)
	must(t, err)
	same(t, "out of the box", near, got)
	tallies, err := db.Count(ctx, at(-60))
	must(t, err)
	same(t, "tallies", []incident.Tally{{Week: at(-60), Kind: incident.NearMiss, Nearly: incident.Missent, Department: "d_sales1", N: 1},
		{Week: at(-60), Kind: incident.NearMiss, Outside: true, N: 1}}, tallies)
}
