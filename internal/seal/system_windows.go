package seal

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

const openFlags = 0

// lock marks a file as in use by this process, until it is closed or the process ends.
func lock(f *os.File) error {
	// The last byte that there can be: locked ranges cannot be read by others.
	at := &windows.Overlapped{Offset: ^uint32(0), OffsetHigh: 1<<31 - 1}
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
}

// rename closes the file first: Windows does not rename an open one.
func rename(f *os.File, to string) error {
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), to)
}

// syncDir does nothing: NTFS writes names to its log by itself.
func syncDir(string) error { return nil }

func full(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
