package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
)

// A disk without room refuses changes by name, keeps what it has, and takes changes
// again once there is room.
func TestSQLiteOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no small disk to fill: %v", err)
		}
		t.Skipf("no small disk to fill: mounting one needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	db := storetest.Open(t, filepath.Join(dir, "x.db"), store.Options{})
	if err := db.SetMeta(t.Context(), "before", "x"); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	refused, kept := 0, map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for n := range 60 { // alone or sharing a commit, with little and much to write
		name := fmt.Sprint("n", n)
		wg.Go(func() {
			err := db.SetMeta(t.Context(), name, strings.Repeat("x", 1000*n))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				kept[name] = true
				return
			}
			refused++
			if f := fault.As(err); f == nil || f.Kind != fault.Unavailable || f.ID != "fault.disk_full" {
				t.Errorf("a full disk answers %v", err)
			}
		})
	}
	wg.Wait()
	if refused == 0 {
		t.Fatal("the disk was never full")
	}
	if v, err := db.Meta(t.Context(), "before"); err != nil || v != "x" {
		t.Errorf("what was there reads %q, %v", v, err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := db.SetMeta(t.Context(), "after", strings.Repeat("x", 100_000)); err != nil {
		t.Errorf("with room again: %v", err)
	}
	for n := range 60 {
		name := fmt.Sprint("n", n)
		v, err := db.Meta(t.Context(), name)
		if err != nil || kept[name] && len(v) != 1000*n || !kept[name] && v != "" {
			t.Errorf("%s: %d bytes, answered %v, %v", name, len(v), kept[name], err)
		}
	}
}

// fill writes until the disk takes no more.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
