package blob

import (
	"errors"
	"syscall"
)

// IsFull reports whether the disk has no room left: ERROR_HANDLE_DISK_FULL (39) or
// ERROR_DISK_FULL (112) of the Windows system error codes.
func IsFull(err error) bool {
	return errors.Is(err, syscall.Errno(39)) || errors.Is(err, syscall.Errno(112))
}
