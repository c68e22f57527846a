package store

import (
	"path/filepath"
	"slices"
	"testing"

	"sekimori/internal/domain/asset"
	"sekimori/internal/testkit/pg"
)

// TestShortWordsLeadToFewThings: two characters in a row say where to look, for what was in
// the ledger before they were known as well, and what is known follows every change.
func TestShortWordsLeadToFewThings(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]dialect{"sqlite": sqliteDialect, "postgres": postgresDialect} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := filepath.Join(t.TempDir(), "x.db")
			if name == "postgres" {
				dsn = pg.URL(t)
			}
			raw, err := d.open(dsn, false)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			exec := func(query string, args ...any) {
				t.Helper()
				if _, err := raw.ExecContext(t.Context(), query, args...); err != nil {
					t.Fatal(err)
				}
			}
			add := func(a asset.Asset) {
				t.Helper()
				values, err := assetValues(&a)
				if err != nil {
					t.Fatal(err)
				}
				exec("INSERT INTO ast_asset ("+assetColumns+") VALUES ("+marks(1, 30)+")", values...)
			}
			migrateTo(t, raw, d, 8)
			add(asset.Asset{ID: "a1", Number: "USB-0001", Model: "架空 UX-17", Place: "本社3階"})
			add(asset.Asset{ID: "a2", Number: "USB-0002", Model: "架空 UX-18", Place: "本社4階"})
			db, err := Open(t.Context(), dsn, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			leads := func(word string, want ...string) {
				t.Helper()
				got, ok, err := db.narrowed(t.Context(), asset.Query{Words: []asset.Word{{Text: word}}})
				slices.Sort(got)
				if err != nil || !ok || !slices.Equal(got, want) {
					t.Errorf("%q leads to %v, %v, %v, want %v", word, got, ok, err, want)
				}
			}
			leads("3階", "USB-0001")
			leads("ux", "USB-0001", "USB-0002")
			leads("zz")
			leads("ux-17", "USB-0001")
			if _, ok, err := db.narrowed(t.Context(), asset.Query{Words: []asset.Word{{Text: "階"}}}); ok || err != nil {
				t.Errorf("one character leads somewhere: %v", err)
			}
			add(asset.Asset{ID: "a3", Number: "USB-0003", Place: "支店5階 🚨🚨"})
			moved := asset.Asset{ID: "a1", Number: "USB-0001", Model: "架空 UX-17", Place: "本社5階"}
			exec("UPDATE ast_asset SET search = $1 WHERE id = 'a1'", moved.SearchText())
			exec("DELETE FROM ast_asset WHERE id = 'a2'")
			leads("3階")
			leads("4階")
			leads("5階", "USB-0001", "USB-0003")
			leads("🚨🚨", "USB-0003")
			if name == "sqlite" { // what it knows is what stands in the ledger
				exec("INSERT INTO ast_gram (ast_gram, rank) VALUES ('integrity-check', 1)")
			}
		})
	}
}
