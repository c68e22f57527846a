package seal_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"sekimori/internal/seal"
)

// TestDiskFull seals onto a real file system of one megabyte. Only root may make one.
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
	from := tree(t, map[string][]byte{"a": noise(4 << 20)})
	for _, f := range []seal.Format{seal.Zip, seal.Age} {
		refused(t, seal.Job{Format: f, Paths: []string{from}, Password: password, Out: filepath.Join(dir, "o")}, "seal.disk_full")
	}
	small := tree(t, map[string][]byte{"a": noise(1 << 10)})
	if _, err := seal.Seal(t.Context(), seal.Job{Format: seal.Zip, Paths: []string{small}, Password: password, Out: filepath.Join(dir, "o")}); err != nil {
		t.Errorf("there is room again: %v", err)
	}
}
