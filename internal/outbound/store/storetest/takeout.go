package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
)

// carryPass is the n-th pass of a person, ready to leave.
func carryPass(n int, person string) *takeout.Pass {
	return &takeout.Pass{ID: fmt.Sprintf("tko_%03d", n), Label: fmt.Sprintf("TKO-2026-%04d", n), Request: fmt.Sprintf("req_%03d", n), Person: person, Department: "d_sales1",
		State: takeout.Ready, Made: at(n), Until: at(600), NextFire: at(600), Body: takeout.Body{Step: 1, Last: "made", DueAt: at(600),
			Form: takeout.Form{Items: []takeout.Item{{Kind: takeout.Paper, Name: "名簿", Count: 2}}, To: "架空ホール", Kinds: []string{"name"}, People: 3, Certainty: takeout.Known, From: at(0), Until: at(600)}}}
}

func keepPasses(t testing.TB, db *store.DB, ps ...*takeout.Pass) {
	t.Helper()
	must(t, db.UpdateTakeOuts(t.Context(), func(tx takeout.Tx) error {
		for _, p := range ps {
			if err := tx.InsertPass(t.Context(), p); err != nil {
				return err
			}
		}
		return nil
	}))
}

func savePass(t testing.TB, db *store.DB, p *takeout.Pass) {
	t.Helper()
	must(t, db.UpdateTakeOuts(t.Context(), func(tx takeout.Tx) error { return tx.SavePass(t.Context(), p) }))
}

func testPasses(t *testing.T, db *store.DB) {
	ctx := t.Context()
	p := carryPass(1, "per_emp")
	p.Form.Purpose, p.Approvers = kanji, []string{"per_sales", "per_sales", "per_pm"}
	keepPasses(t, db, p)
	p.State, p.Expected, p.NextFire, p.Incident, p.Over = takeout.Moving, at(60), at(75), "inc_1", at(90)
	p.Step, p.Last, p.Case, p.LateAt, p.LateLevel, p.DueLevel = 2, "left", "INC-2026-0001", at(75), 3, 2
	p.Legs = []takeout.Leg{{To: takeout.ToThere, Goal: kanji, Left: at(5), Expected: at(60), Delays: 1, Arrived: at(61)}}
	p.Accounts = []takeout.Account{{Item: 0, Outcome: takeout.Destroyed, Note: kanji, By: "per_pm", At: at(62)}}
	savePass(t, db, p)
	for _, name := range []string{"tko_001", "TKO-2026-0001"} {
		got, err := db.Pass(ctx, name)
		must(t, err)
		same(t, name, p, got)
	}
	of, found, err := db.PassOfCase(ctx, "inc_1")
	must(t, err)
	same(t, "of the case", p, of)
	if !found {
		t.Error("the case's pass was not found")
	}
	if _, found, err := db.PassOfCase(ctx, ""); found || err != nil {
		t.Errorf("of no case: %v %v", found, err)
	}
	for _, name := range []string{"tko_none", "TKO-2026-9999", "TKO-\x00", "a\xffb"} {
		if _, err := db.Pass(ctx, name); !fault.Is(err, fault.NotFound) {
			t.Errorf("missing %q: %v", name, err)
		}
	}
	must(t, db.UpdateTakeOuts(ctx, func(tx takeout.Tx) error {
		for want := 1; want <= 2; want++ {
			n, err := tx.NextPassNumber(ctx, 2026)
			if err != nil || n != want {
				t.Errorf("number %d, %v; want %d", n, err, want)
			}
		}
		n, err := tx.NextPassNumber(ctx, 2027)
		if n != 1 {
			t.Errorf("first of the next year: %d", n)
		}
		return err
	}))
}

// testFindPasses: only what the scope sees, newest first, by each filter.
func testFindPasses(t *testing.T, db *store.DB) {
	ctx := t.Context()
	late := carryPass(2, "per_emp")
	late.State, late.Expected = takeout.Moving, at(60)
	over := carryPass(3, "per_emp")
	over.State, over.Over = takeout.Closed, at(50)
	allowed := carryPass(4, "per_gen")
	allowed.Approvers = []string{"per_pres"}
	allowed.Form.Items = []takeout.Item{{Kind: takeout.OfLedger, Name: "UX-1", Number: "USB-0007", Count: 1}}
	keepPasses(t, db, carryPass(1, "per_emp"), late, over, allowed)
	all := takeout.Scope{All: true}
	for name, tt := range map[string]struct {
		q    takeout.Query
		want []string
	}{
		"all":             {takeout.Query{Scope: all}, []string{"tko_004", "tko_003", "tko_002", "tko_001"}},
		"own":             {takeout.Query{Scope: takeout.Scope{Person: "per_gen"}}, []string{"tko_004"}},
		"allowed":         {takeout.Query{Scope: takeout.Scope{Person: "per_pres"}}, []string{"tko_004"}},
		"of those below":  {takeout.Query{Scope: takeout.Scope{Person: "per_sales", Below: []string{"per_emp", "per_x"}}}, []string{"tko_003", "tko_002", "tko_001"}},
		"of nobody":       {takeout.Query{Scope: takeout.Scope{Person: "per_old"}}, []string{}},
		"open":            {takeout.Query{Scope: all, Open: true}, []string{"tko_004", "tko_002", "tko_001"}},
		"state":           {takeout.Query{Scope: all, State: takeout.Closed}, []string{"tko_003"}},
		"late":            {takeout.Query{Scope: all, Late: true, Now: at(75)}, []string{"tko_002"}},
		"not yet late":    {takeout.Query{Scope: all, Late: true, Now: at(74)}, []string{}},
		"person":          {takeout.Query{Scope: all, Person: "per_gen"}, []string{"tko_004"}},
		"a thing":         {takeout.Query{Scope: all, Text: "usb-0007"}, []string{"tko_004"}},
		"no wild card":    {takeout.Query{Scope: all, Text: "%"}, []string{}},
		"another's thing": {takeout.Query{Scope: takeout.Scope{Person: "per_emp"}, Text: "USB-0007"}, []string{}},
		"behind":          {takeout.Query{Scope: all, After: "tko_003"}, []string{"tko_002", "tko_001"}},
	} {
		tt.q.Limit = 10
		found, err := db.FindPasses(ctx, tt.q)
		must(t, err)
		got := []string{}
		for _, p := range found {
			got = append(got, p.ID)
		}
		same(t, name, tt.want, got)
	}
}

func testPassesDue(t *testing.T, db *store.DB) {
	ctx := t.Context()
	if _, any, err := db.NextPassFire(ctx); any || err != nil {
		t.Errorf("nothing is planned: %v %v", any, err)
	}
	a, b, rests := carryPass(1, "per_emp"), carryPass(2, "per_emp"), carryPass(3, "per_emp")
	a.NextFire, b.NextFire, rests.NextFire = at(20), at(10), time.Time{}
	keepPasses(t, db, a, b, rests)
	next, any, err := db.NextPassFire(ctx)
	must(t, err)
	if !any || !next.Equal(at(10)) {
		t.Errorf("next %v %v", next, any)
	}
	due, err := db.DuePasses(ctx, at(20), 10)
	must(t, err)
	same(t, "due", []string{"tko_002", "tko_001"}, due)
	due, err = db.DuePasses(ctx, at(19), 10)
	must(t, err)
	same(t, "due earlier", []string{"tko_002"}, due)
}

// testManifests: one person's same list is kept once, and goes with its pass.
func testManifests(t *testing.T, db *store.DB) {
	ctx := t.Context()
	lines := []takeout.Line{{Name: kanji, Size: 1 << 40, SHA256: "ab", Kinds: []string{"name"}, People: 7, Encrypted: "AES"}}
	text, err := json.Marshal(lines)
	must(t, err)
	m := takeout.Manifest{ID: "tkm_1", Person: "per_emp", At: at(1), SHA256: "aa", Lines: lines}
	other := takeout.Manifest{ID: "tkm_2", Person: "per_emp", At: at(2), SHA256: "bb", Lines: lines}
	keep := func(m takeout.Manifest) error {
		return db.UpdateTakeOuts(ctx, func(tx takeout.Tx) error { return tx.InsertManifest(ctx, m, text) })
	}
	must(t, keep(m))
	must(t, keep(other))
	if keep(takeout.Manifest{ID: "tkm_3", Person: "per_emp", At: at(2), SHA256: "aa"}) == nil {
		t.Error("the same list was kept twice")
	}
	got, err := db.Manifest(ctx, "tkm_1")
	must(t, err)
	same(t, "manifest", m, got)
	p := carryPass(1, "per_emp")
	p.Form.Manifest = "tkm_1"
	keepPasses(t, db, p)
	again := carryPass(2, "per_emp")
	again.Form.Manifest = "tkm_1" // stays with the first
	keepPasses(t, db, again)
	must(t, db.UpdateTakeOuts(ctx, func(tx takeout.Tx) error {
		like, found, err := tx.ManifestLike(ctx, "per_emp", "bb")
		if err != nil || !found || like.ID != "tkm_2" {
			t.Errorf("the same one: %+v %v %v", like, found, err)
		}
		if _, found, err := tx.ManifestLike(ctx, "per_gen", "bb"); found || err != nil {
			t.Errorf("somebody else's: %v %v", found, err)
		}
		n, err := tx.CountManifests(ctx, "per_emp")
		if n != 1 {
			t.Errorf("%d without a pass, want 1", n)
		}
		return err
	}))
	erase := func(before time.Time) (n int) {
		must(t, db.UpdateTakeOuts(ctx, func(tx takeout.Tx) (err error) { n, err = tx.EraseManifests(ctx, before, at(700), 10); return err }))
		return n
	}
	if n := erase(at(2)); n != 0 {
		t.Errorf("%d erased too early", n)
	}
	if n := erase(at(3)); n != 1 {
		t.Errorf("%d erased, want 1", n)
	}
	if _, err := db.Manifest(ctx, "tkm_2"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an erased manifest: %v", err)
	}
	must(t, db.UpdateTakeOuts(ctx, func(tx takeout.Tx) error { return tx.ErasePass(ctx, "tko_002", at(700)) }))
	if _, err := db.Manifest(ctx, "tkm_1"); err != nil {
		t.Errorf("the first pass has lost its manifest with the second: %v", err)
	}
}

// testPassesErased: of an erased pass its number, state and times stay.
func testPassesErased(t *testing.T, db *store.DB) {
	ctx := t.Context()
	p, open := carryPass(1, "per_emp"), carryPass(2, "per_emp")
	p.State, p.Over, p.Approvers, p.NextFire = takeout.Closed, at(10), []string{"per_pm"}, time.Time{}
	keepPasses(t, db, p, open)
	ev, err := journal.NewEvent(at(10), "takeout.closed", p.ID, "per_pm", map[string]string{"label": p.Label})
	must(t, err)
	must(t, db.UpdateTakeOuts(ctx, func(tx takeout.Tx) error { return tx.Record(ctx, ev) }))
	expired := func(before time.Time) []string {
		found, err := db.ExpiredPasses(ctx, before, 10)
		must(t, err)
		return append([]string{}, found...)
	}
	same(t, "too early", []string{}, expired(at(10)))
	same(t, "expired", []string{p.ID}, expired(at(11)))
	must(t, db.UpdateTakeOuts(ctx, func(tx takeout.Tx) error { return tx.ErasePass(ctx, p.ID, at(700)) }))
	same(t, "once", []string{}, expired(at(11)))
	if content(t, db, p.ID)["takeout.closed"] {
		t.Error("the record still says what became of it")
	}
	got, err := db.Pass(context.Background(), p.Label)
	must(t, err)
	same(t, "erased", &takeout.Pass{ID: p.ID, Label: p.Label, State: takeout.Closed, Made: p.Made, Until: p.Until, Over: at(10), ErasedAt: at(700)}, got)
	found, err := db.FindPasses(ctx, takeout.Query{Scope: takeout.Scope{Person: "per_pm"}, Limit: 5})
	must(t, err)
	if len(found) > 0 {
		t.Errorf("who allowed it is still known: %+v", found)
	}
}
