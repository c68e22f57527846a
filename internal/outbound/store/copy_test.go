package store_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/journal"
	"sekimori/internal/outbound/store"
	"sekimori/internal/testkit/pg"
)

// made gives rows for a table that hold what is hard to copy: the largest and smallest
// numbers, no bytes at all, every byte, Unicode beyond the first plane.
func made(t store.Table) [][]any {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	var rows [][]any
	for n := range 3 {
		row := make([]any, len(t.Columns))
		for i, c := range t.Columns {
			switch c.Kind {
			case store.TextColumn:
				row[i] = fmt.Sprintf("%d %s 𠮷野家 \"<&>\" \\ \t\n\u2028", n, c.Name)
			case store.IntColumn:
				row[i] = []int64{math.MaxInt64, math.MinInt64, 0}[n]
			case store.BoolColumn:
				row[i] = n == 1
			case store.BytesColumn:
				row[i] = [][]byte{every, {}, {0}}[n]
			}
		}
		rows = append(rows, row)
	}
	if t.Name == "jrn_event" { // the one table with columns that may be empty
		for i, c := range t.Columns {
			if c.Name == "salt" || c.Name == "content" || c.Name == "seq" {
				rows[1][i] = nil
			}
		}
	}
	return rows
}

// asJSON is what a row is between two databases.
func asJSON(t *testing.T, row []any) []json.RawMessage {
	t.Helper()
	text, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

// contents reads every table of a database, its columns and rows in an order of their own.
func contents(t *testing.T, dsn string) map[string][]string {
	t.Helper()
	db, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	out := map[string][]string{}
	err = db.Snapshot(t.Context(), func(s *store.Snapshot) error {
		tables, err := s.Tables(t.Context())
		if err != nil {
			return err
		}
		for _, table := range tables {
			slices.SortFunc(table.Columns, func(a, b store.Column) int { return cmp.Compare(a.Name, b.Name) })
			lines := []string{fmt.Sprint(table.Columns)}
			err := s.Rows(t.Context(), table, func(row []any) error {
				line, err := json.Marshal(row)
				lines = append(lines, string(line))
				return err
			})
			if err != nil {
				return err
			}
			slices.Sort(lines[1:])
			out[table.Name] = lines
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fillAll loads every table of an empty database with made rows.
func fillAll(t *testing.T, dsn string) {
	t.Helper()
	load(t, dsn, func(l *store.Loading) {
		tables, err := l.Tables(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			rows := made(table)
			for i := range rows {
				if rows[i], err = table.Parse(asJSON(t, rows[i])); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Add(t.Context(), table, rows); err != nil {
				t.Fatal(err)
			}
			want := int64(len(rows))
			if n, err := l.Count(t.Context(), table); n != want || err != nil {
				t.Errorf("%s has %d rows, want %d, %v", table.Name, n, want, err)
			}
		}
	})
}

// newest is the version of the tables that this program makes.
func newest(t *testing.T) int64 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "newest.db")
	db, err := store.Open(t.Context(), file, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	has, wants, err := store.Version(t.Context(), file)
	if err != nil || has != wants {
		t.Fatalf("a new database has version %d, want %d, %v", has, wants, err)
	}
	return has
}

// load loads an empty database and takes it for whole.
func load(t *testing.T, dsn string, do func(*store.Loading)) {
	t.Helper()
	l, err := store.Load(t.Context(), dsn, newest(t))
	if err != nil {
		t.Fatal(err)
	}
	do(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if unfinished, err := db.Unfinished(t.Context()); !unfinished || err != nil {
		t.Errorf("a database that is being loaded counts as whole: %v", err)
	}
	if err := db.Loaded(t.Context()); err != nil {
		t.Fatal(err)
	}
	if unfinished, err := db.Unfinished(t.Context()); unfinished || err != nil {
		t.Errorf("a loaded database counts as unfinished: %v", err)
	}
}

// TestCopyBetweenDatabases copies every table that there is, from each database to each,
// and finds the same.
func TestCopyBetweenDatabases(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, dsn string) {
		fillAll(t, dsn)
		want := contents(t, dsn)
		if len(want) < 40 {
			t.Fatalf("only %d tables", len(want))
		}
		for to, target := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "copy.db"), "postgres": pg.URL(t)} {
			db, err := store.Open(t.Context(), dsn, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			load(t, target, func(l *store.Loading) {
				err := db.Snapshot(t.Context(), func(s *store.Snapshot) error {
					tables, err := s.Tables(t.Context())
					if err != nil {
						return err
					}
					for _, table := range tables {
						err := s.Rows(t.Context(), table, func(row []any) error {
							parsed, err := table.Parse(asJSON(t, row))
							if err != nil {
								return err
							}
							return l.Add(t.Context(), table, [][]any{parsed})
						})
						if err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			})
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(want, contents(t, target)); d != "" {
				t.Errorf("to %s (-original +copy):\n%s", to, d)
			}
		}
	})
}

// A snapshot is of one moment: what is written while it is read is not in it, and whoever
// writes does not wait for it.
func TestSnapshotIsOfOneMoment(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, dsn string) {
		db, err := store.Open(t.Context(), dsn, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		set := func(name string) {
			t.Helper()
			if err := db.SetMeta(t.Context(), name, "x"); err != nil {
				t.Fatal(err)
			}
		}
		set("before")
		seen := []string{}
		err = db.Snapshot(t.Context(), func(s *store.Snapshot) error {
			tables, err := s.Tables(t.Context())
			if err != nil {
				return err
			}
			set("meanwhile")
			for _, table := range tables {
				if table.Name != "meta" {
					continue
				}
				err = s.Rows(t.Context(), table, func(row []any) error {
					seen = append(seen, fmt.Sprint(table.Value(row, "name")))
					return nil
				})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(seen, "before") || slices.Contains(seen, "meanwhile") {
			t.Errorf("the snapshot has %q", seen)
		}
	})
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, dsn string) {
		version := newest(t)
		if _, err := store.Load(t.Context(), dsn, version+1); !errors.Is(err, store.ErrNewer) {
			t.Errorf("a newer version: %v", err)
		}
	})
	engines(t, func(t *testing.T, dsn string) {
		db, err := store.Open(t.Context(), dsn, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := store.Load(t.Context(), dsn, newest(t)); !errors.Is(err, store.ErrNotEmpty) {
			t.Errorf("a database with tables: %v", err)
		}
	})
	if _, _, err := store.Version(t.Context(), filepath.Join(t.TempDir(), "none.db")); err == nil {
		t.Error("a database that is not there has a version")
	}
}

// Values that are not of their column's kind are refused, not bent.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	table := store.Table{Name: "x", Columns: []store.Column{{Name: "a", Kind: store.IntColumn}}}
	for _, bad := range []string{`["1"]`, `[1.5]`, `[9223372036854775808]`, `[true]`, `[1, 2]`, `[]`} {
		var raw []json.RawMessage
		if err := json.Unmarshal([]byte(bad), &raw); err != nil {
			t.Fatal(err)
		}
		if v, err := table.Parse(raw); err == nil {
			t.Errorf("%s was read as %v", bad, v)
		}
	}
}

func TestLastBackup(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, dsn string) {
		db, err := store.Open(t.Context(), dsn, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if at, err := db.LastBackup(t.Context()); !at.IsZero() || err != nil {
			t.Errorf("before any backup: %v, %v", at, err)
		}
		when := time.Date(2026, 4, 1, 3, 0, 0, 123456000, time.UTC)
		ev, err := journal.NewEvent(when, "backup.made", "", "system", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.RecordBackup(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		if at, err := db.LastBackup(t.Context()); !at.Equal(when) || err != nil {
			t.Errorf("the newest backup was made %v, want %v, %v", at, when, err)
		}
	})
}
