package debian

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestKeyTellsListsApart(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, list := range [][]string{{"a", "b"}, {"ab"}, {"a"}, {}} {
		seen[key(list)] = true
	}
	if len(seen) != 4 {
		t.Errorf("four lists have the keys %v", seen)
	}
}

func TestLockKeepsOthersOut(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, name); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a held lock was given again: %v", err)
	}
	unlock()
	again, err := lock(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestCacheFolderCanBeNamed(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(CacheEnv, dir)
	if got, err := cacheFolder(); err != nil || got != dir {
		t.Errorf("got %q, %v; want %q", got, err, dir)
	}
}

func TestBrokenOffLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped under -short: begins to make a Debian")
	}
	if _, err := Find(); err != nil || os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatalf("root and mmdebstrap are needed: %v", err)
		}
		t.Skipf("root and mmdebstrap are needed: %v", err)
	}
	cache := t.TempDir()
	t.Setenv(CacheEnv, cache)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		for t.Context().Err() == nil { // until there is something to leave behind
			if found, err := filepath.Glob(filepath.Join(cache, "*.new", "usr")); err != nil || len(found) > 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	dir, err := Rootfs(ctx)
	wg.Wait()
	if err == nil {
		t.Fatalf("%s was made: nothing was broken off", dir)
	}
	left, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil || len(left) != 1 || filepath.Ext(left[0]) != ".lock" {
		t.Errorf("left are %v, want the lock alone (%v)", left, err)
	}
}
