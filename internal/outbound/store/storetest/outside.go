package storetest

import (
	"testing"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/store"
)

// testOutside: a report of who has no account, with its codes and visits, until the
// retention takes them.
func testOutside(t *testing.T, db *store.DB) {
	ctx := t.Context()
	i := plain(1, func(i *incident.Incident) {
		i.Reporter, i.Department, i.Key = "", "d_sales1", "web:key-1"
		i.Outside = &incident.Outsider{Name: kanji, Contact: "090-0000-0000"}
	})
	insert(t, db, i, plain(2, func(i *incident.Incident) { i.Reporter, i.Outside = "", &incident.Outsider{} }), plain(3, nil))
	got, err := db.Incident(ctx, i.ID)
	must(t, err)
	same(t, "an outside report", i, got)
	if nameless, err := db.Incident(ctx, "inc_0002"); err != nil || nameless.Outside == nil {
		t.Errorf("a report without a name is not from outside any more: %+v, %v", nameless, err)
	}
	call := plain(4, func(i *incident.Incident) {
		i.Channel, i.Drill, i.Began = incident.ByPhone, true, incident.Moment{At: at(3), Known: true}
	})
	insert(t, db, call)
	got, err = db.Incident(ctx, call.ID)
	must(t, err)
	same(t, "a call", call, got)
	// Its department is what it is about, not where it came from.
	tallies, err := db.Count(ctx, at(-60))
	must(t, err)
	n := map[string]int{}
	for _, x := range tallies {
		n[x.Department] += x.N
	}
	if n[""] != 2 || n["d_sales1"] != 1 {
		t.Errorf("tallies %v", n)
	}
	tr := track("trk_a", i.ID, notice.Open)
	tr.Reporter, tr.Department = "", "d_sales1"
	fire(t, db, notice.Fired{Track: tr})
	back, _, err := db.Track(ctx, "trk_a")
	must(t, err)
	if back.Department != "d_sales1" {
		t.Errorf("the track's department is %q", back.Department)
	}

	change := func(f func(tx incident.Tx) error) {
		t.Helper()
		must(t, db.UpdateIncidents(ctx, f))
	}
	opens := func(n byte) string {
		t.Helper()
		of, ok, err := db.CaseByCode(ctx, [32]byte{n})
		must(t, err)
		if ok != (of != "") {
			t.Errorf("code %d: %q, %v", n, of, ok)
		}
		return of
	}
	for n := range byte(7) {
		change(func(tx incident.Tx) error { return tx.InsertCode(ctx, i.ID, [32]byte{n + 1}, at(int(n))) })
	}
	change(func(tx incident.Tx) error { return tx.InsertCode(ctx, "inc_0002", [32]byte{99}, at(1)) })
	if opens(1) != "" || opens(2) != "" || opens(3) != i.ID || opens(7) != i.ID || opens(99) != "inc_0002" || opens(50) != "" {
		t.Error("the newest five codes of a case open it, and no others")
	}

	v := incident.Visit{Hash: [32]byte{1}, Incident: i.ID, Began: at(1), Seen: at(1)}
	change(func(tx incident.Tx) error { return tx.InsertVisit(ctx, v) })
	must(t, db.TouchVisit(ctx, v.Hash, at(2)))
	v.Seen = at(2)
	read, ok, err := db.VisitByHash(ctx, v.Hash)
	must(t, err)
	same(t, "a visit", v, read)
	if _, other, err := db.VisitByHash(ctx, [32]byte{2}); !ok || other || err != nil {
		t.Errorf("visits: %v, %v, %v", ok, other, err)
	}
	change(func(tx incident.Tx) error {
		return tx.InsertVisit(ctx, incident.Visit{Hash: [32]byte{3}, Incident: i.ID, Began: at(9), Seen: at(9)})
	})
	change(func(tx incident.Tx) error {
		if gone, err := tx.DeleteVisit(ctx, [32]byte{77}); gone || err != nil {
			t.Errorf("a visit that never was: %v, %v", gone, err)
		}
		return tx.DropVisits(ctx, at(5))
	})
	if _, there, err := db.VisitByHash(ctx, v.Hash); there || err != nil {
		t.Errorf("an old visit: %v, %v", there, err)
	}
	if n := misses(t, db, "code:192.0.2.1", at(10)); n != 1 {
		t.Errorf("%d misses", n)
	}

	change(func(tx incident.Tx) error { _, err := tx.EraseIncident(ctx, i.ID, at(20)); return err })
	erased, err := db.Incident(ctx, i.ID)
	must(t, err)
	if erased.Outside == nil || *erased.Outside != (incident.Outsider{}) {
		t.Errorf("what stays of the outsider: %+v", erased.Outside)
	}
	if _, there, err := db.VisitByHash(ctx, [32]byte{3}); opens(7) != "" || there || err != nil {
		t.Error("the code or a visit outlives the case's words")
	}
}

func misses(t *testing.T, db *store.DB, key string, when time.Time) int {
	t.Helper()
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error { _, err := tx.Miss(t.Context(), key, when, time.Hour); return err }))
	n, _, err := db.Misses(t.Context(), key, when.Add(-time.Minute))
	must(t, err)
	return n
}
