package app

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/archive"
	"sekimori/internal/outbound/store"
)

// newServer makes a server's folder and gives its config.
func newServer(t *testing.T) Config {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "srv")
	if err := Init(t.Context(), InitOptions{Dir: dir, Company: "架空商事", AdminName: "管理 太郎", AdminEmail: "admin@kaku.example"}, io.Discard); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig(filepath.Join(dir, "sekimori.toml"), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// A database that a restore has left in the middle is served by nobody.
func TestUnfinishedRestoreDoesNotStart(t *testing.T) {
	t.Parallel()
	cfg := newServer(t)
	set := func(value string) {
		t.Helper()
		db, err := store.Open(t.Context(), cfg.Database, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.SetMeta(t.Context(), "restore_unfinished", value); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	set("yes")
	err := Serve(t.Context(), cfg, io.Discard, slog.New(slog.DiscardHandler))
	if f := fault.As(err); f == nil || f.ID != "operator.unfinished" {
		t.Errorf("the server said %v", err)
	}
}

// A change of the journal's key that was broken off between its two files is brought to its
// end by the next start; a signer that belongs to no key is refused.
func TestBrokenOffKeyChange(t *testing.T) {
	t.Parallel()
	cfg := newServer(t)
	dir := filepath.Join(cfg.Data, "keys")
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := read(journalKey)
	if err := RotateKey(cfg, "journal", false); err != nil {
		t.Fatal(err)
	}
	waiting := read(journalKey + waits)
	start := func() error {
		h, err := openNewest(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		return h.close()
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	second := read(journalKey)
	if second == first {
		t.Fatal("the key was not changed")
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(journalKey, first) // as it was before the second of the two files
	put(journalKey+waits, waiting)
	if err := start(); err != nil {
		t.Fatal(err)
	}
	if read(journalKey) != second {
		t.Error("the change was not brought to its end")
	}
	put(journalKey, first)
	if err := start(); err == nil {
		t.Error("a server starts with a signer that was replaced")
	}
}

// A start that was killed after it took the waiting key, and before it put that key's file
// away, is no second change; and another change begun in the middle of a broken-off one
// does not lose the secret half that the public keys already name.
func TestKilledKeyChangeLosesNoKey(t *testing.T) {
	t.Parallel()
	cfg := newServer(t)
	dir := filepath.Join(cfg.Data, "keys")
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start := func() {
		t.Helper()
		h, err := openNewest(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
	}
	rotate := func() {
		t.Helper()
		if err := RotateKey(cfg, "journal", false); err != nil {
			t.Fatal(err)
		}
	}
	first := read(journalKey)
	rotate()
	waiting := read(journalKey + waits)
	start()
	public := read(journalPub)

	put(journalKey+waits, waiting)
	start()
	if read(journalPub) != public {
		t.Error("the key was changed to itself")
	}
	if _, err := os.Stat(filepath.Join(dir, journalKey+waits)); err == nil {
		t.Error("the file of the taken key is still there")
	}

	put(journalKey, first)
	put(journalKey+waits, waiting)
	rotate()
	start()
	if third := read(journalKey); third == first || strings.Contains(waiting, strings.TrimSpace(third)) {
		t.Error("the second change was not made")
	}
}

// A backup whose list of tables is not the one of its version is refused before anything is
// done with the names in it: none is unknown, none is there twice in the place of another.
func TestRestoreRefusesOtherTables(t *testing.T) {
	t.Parallel()
	l, err := store.Load(t.Context(), filepath.Join(t.TempDir(), "x.db"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	right, err := l.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	try := func(change func([]backupTable)) error {
		t.Helper()
		var r restore
		for _, table := range right {
			r.about.Tables = append(r.about.Tables, backupTable{Table: table})
		}
		change(r.about.Tables)
		return r.sameColumns(t.Context(), l)
	}
	if err := try(func([]backupTable) {}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]backupTable){
		"unknown, without columns": func(ts []backupTable) { ts[0].Table = store.Table{Name: "(SELECT 1)"} },
		"one twice":                func(ts []backupTable) { ts[0] = ts[1] },
		"another column":           func(ts []backupTable) { ts[0].Columns = ts[0].Columns[1:] },
	} {
		if err := try(change); !errors.Is(err, archive.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTidyKeepsTheNewest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Date(2026, 4, 5, 3, 0, 0, 0, time.UTC)
	for _, name := range []string{"sekimori-20260401T030000Z.backup", "sekimori-20260402T030000Z.backup", "sekimori-20260403T030000Z.backup",
		"sekimori-notes.backup", "other.backup", ".sekimori-20260401T030000Z.backup.part-1", ".sekimori-20260405T030000Z.backup.part-2"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		made := now
		if name == ".sekimori-20260401T030000Z.backup.part-1" {
			made = now.Add(-25 * time.Hour)
		}
		if err := os.Chtimes(path, made, made); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tidy(dir, 2, now); err != nil {
		t.Fatal(err)
	}
	var left []string
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range found {
		left = append(left, e.Name())
	}
	want := []string{".sekimori-20260405T030000Z.backup.part-2", "other.backup", "sekimori-20260402T030000Z.backup", "sekimori-20260403T030000Z.backup", "sekimori-notes.backup"}
	if !slices.Equal(left, want) {
		t.Errorf("left are %q, want %q", left, want)
	}
}
