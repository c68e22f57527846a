package story

import (
	"errors"
	"os"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// canMount reports whether this process may give a script a small disk: mounting needs
// root. Where CI is set it must be able to, and the script fails when it is not.
func canMount() bool {
	if os.Getenv("CI") != "" {
		return true
	}
	dir, err := os.MkdirTemp("", "sekimori-mount-")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		return false
	}
	return syscall.Unmount(dir, 0) == nil
}

// smallDisk: smalldisk DIR SIZE makes DIR a disk of its own, of that size (8m).
func (s *stage) smallDisk(ts *testscript.TestScript, args []string) error {
	dir := ts.MkAbs(args[0])
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+args[1]); err != nil {
		return err
	}
	ts.Defer(func() {
		s.server.kill() // it holds files there
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			s.t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return nil
}

func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) }
