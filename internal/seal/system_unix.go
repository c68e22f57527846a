//go:build unix

package seal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openFlags keep a pipe that took a file's place from holding us up, and a link from
// leading elsewhere.
const openFlags = unix.O_NOFOLLOW | unix.O_NONBLOCK

// lock marks a file as in use by this process, until it is closed or the process ends.
func lock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

func rename(f *os.File, to string) error { return os.Rename(f.Name(), to) }

// syncDir makes a new name outlast a power cut. Some file systems of networks cannot.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
