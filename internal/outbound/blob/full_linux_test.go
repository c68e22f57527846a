package blob_test

import (
	"context"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"

	"sekimori/internal/kit/fault"
)

// TestDiskFull writes to a real file system of one megabyte. Only root may make one.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	f, name := open(t, dir, newKey(t)), key()
	err := f.Put(context.Background(), name, io.LimitReader(rand.NewChaCha8([32]byte{1}), 4<<20))
	if e := fault.As(err); e == nil || e.ID != "fault.disk_full" || e.Kind != fault.Unavailable {
		t.Errorf("Put on a full disk: %v", err)
	}
	if got := left(t, dir); len(got) > 0 {
		t.Errorf("files left: %v", got)
	}
	put(t, f, name, words) // there is room again
}
