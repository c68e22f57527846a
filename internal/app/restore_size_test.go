package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/archive"
	"sekimori/internal/outbound/store"
)

// packed is n bytes of a table's part, made small.
func packed(t *testing.T, n int64) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(z, io.LimitReader(blanks{}, n)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// madeBackup writes a file as whoever has no key of ours could.
func madeBackup(t *testing.T, members map[string][]byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "made.backup")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := archive.NewWriter(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range members {
		if err := w.Add(name, int64(len(content)), bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

// A backup that would fill the disk is refused while it is read, before its end is looked at
// and before anything is written.
func TestRestoreIsBounded(t *testing.T) {
	t.Parallel()
	part := tableFolder + "jrn_event/000001.jsonl.gz"
	for name, x := range map[string]struct {
		members map[string][]byte
		free    int64
		want    string
	}{
		"a part unpacks to too much":  {map[string][]byte{part: packed(t, maxPart+1)}, 1 << 50, "operator.damaged"},
		"parts that do not fit":       {map[string][]byte{part: packed(t, 8<<20)}, 15 << 20, "operator.restore_no_room"},
		"files that do not fit":       {map[string][]byte{evidenceFolder + "x": make([]byte, 2<<20)}, 1 << 20, "operator.restore_no_room"},
		"keys without end":            {map[string][]byte{keyFolder + "x": make([]byte, maxKeyFiles+1)}, 1 << 50, "operator.damaged"},
		"a config file without end":   {map[string][]byte{configMember: make([]byte, maxConfig+1)}, 1 << 50, "operator.damaged"},
		"no rows where they ought be": {map[string][]byte{part: []byte("no gzip")}, 1 << 50, "operator.damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := restore{o: RestoreOptions{From: madeBackup(t, x.members)}, keyFiles: map[string][]byte{}, free: x.free}
			err := backupFault(r.check())
			if f := fault.As(err); f == nil || f.ID != x.want {
				t.Errorf("said %v, want %s", err, x.want)
			}
		})
	}
}

// A real backup fits where it fits, and says what it becomes.
func TestRestoreKnowsItsSize(t *testing.T) {
	t.Parallel()
	cfg := newServer(t)
	file := filepath.Join(t.TempDir(), "a.backup")
	if _, err := Backup(t.Context(), cfg, BackupOptions{To: file}); err != nil {
		t.Fatal(err)
	}
	try := func(free int64, change func(*restore)) error {
		t.Helper()
		r := restore{o: RestoreOptions{From: file, Keys: filepath.Join(cfg.Data, "keys")}, keyFiles: map[string][]byte{}, free: free}
		if change != nil {
			change(&r)
		}
		return r.check()
	}
	if err := try(1<<30, nil); err != nil {
		t.Error(err)
	}
	if f := fault.As(try(100, nil)); f == nil || f.ID != "operator.restore_no_room" {
		t.Errorf("without room it said %v", f)
	}
	if err := try(1<<30, func(r *restore) { r.size.rows, r.size.all = map[string]int64{"jrn_event": 1}, 1 }); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("with a byte more than it states: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "none", "yet")
	if got := standing(dir); got != filepath.Dir(filepath.Dir(dir)) {
		t.Errorf("%s stands", got)
	}
}

// What older programs copied and this one leaves out keeps no backup of theirs from being restored.
func TestRestoreLeavesOutWhatPasses(t *testing.T) {
	t.Parallel()
	r := restore{about: backupAbout{Tables: []backupTable{{Table: store.Table{Name: "inc_visit"}, Rows: 3}}}}
	if err := r.part(t.Context(), nil, "inc_visit", strings.NewReader("never read")); err != nil {
		t.Error(err)
	}
}

// The record says once that another key signs it, however often a start is killed between
// that and what makes the database the key's: there is nothing between them.
func TestKeyChangeIsSaidOnce(t *testing.T) {
	t.Parallel()
	cfg := newServer(t)
	if err := RotateKey(cfg, "journal", false); err != nil {
		t.Fatal(err)
	}
	do := func(text string) {
		t.Helper()
		db, err := sql.Open("sqlite", cfg.Database)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	start := func() error {
		h, err := openNewest(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		return h.close()
	}
	do(`CREATE TRIGGER killed BEFORE UPDATE ON meta WHEN new.name = 'journal_key' BEGIN SELECT RAISE(ABORT, 'killed'); END`)
	for range 2 {
		if err := start(); err == nil {
			t.Fatal("started with a database that still is the older key's")
		}
	}
	do("DROP TRIGGER killed")
	for range 2 {
		if err := start(); err != nil {
			t.Fatal(err)
		}
	}
	if n := events(t.Context(), t, cfg, "journal.key_changed"); n != 1 {
		t.Errorf("the record says it %d times", n)
	}
}

func events(ctx context.Context, t *testing.T, cfg Config, kind string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", cfg.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM jrn_event WHERE kind = $1", kind).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
