//go:build !windows

package blob

import (
	"errors"
	"syscall"
)

// IsFull reports whether the disk, or the user's share of it, has no room left.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
