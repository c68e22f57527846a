package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/testkit/pg"
)

func TestMain(m *testing.M) { pg.Main(m) }

// Two servers on one PostgreSQL: what one writes wakes the pages of the other.
func TestPagesHearOfAnotherServer(t *testing.T) {
	t.Parallel()
	url := pg.URL(t)
	dir := t.TempDir()
	if err := makeKeys(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "database"), []byte(url), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig("", func(k string) string {
		return map[string]string{"SEKIMORI_DATA": dir, "SEKIMORI_DATABASE_FILE": filepath.Join(dir, "database")}[k]
	})
	if err != nil {
		t.Fatal(err)
	}
	server := func() *house {
		h, err := open(t.Context(), cfg, slog.New(slog.DiscardHandler), access.Cost{Memory: 64, Time: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.close() })
		return h
	}
	one, other := server(), server()
	if err := one.firstPerson(t.Context(), "管理", "太郎", "admin@kaku.example", "a long password"); err != nil {
		t.Fatal(err)
	}
	look := other.neighbours()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	ear := other.hub.Subscribe(ctx)
	if err := look(ctx); err != nil { // the first look is the measure
		t.Fatal(err)
	}
	select {
	case <-ear:
		t.Error("woken although nothing happened since")
	default:
	}
	if err := one.access.SetLogin(ctx, access.System(), personOf(t, one), "admin@kaku.example", "another password"); err != nil {
		t.Fatal(err)
	}
	if err := look(ctx); err != nil {
		t.Fatal(err)
	}
	if subjects, ok := <-ear; !ok || subjects != nil {
		t.Errorf("got %v, %v; want nil: look at everything", subjects, ok)
	}
}

func personOf(t *testing.T, h *house) string {
	t.Helper()
	org, err := h.people.Org(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id := range org.People {
		return id
	}
	t.Fatal("nobody is there")
	return ""
}
