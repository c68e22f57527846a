//go:build !windows

package blob

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
	"testing"
)

func TestIsFull(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, true},
		{errors.Join(io.ErrShortWrite, &fs.PathError{Op: "close", Path: "x", Err: syscall.EDQUOT}), true},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.EIO}, false},
		{nil, false},
	} {
		if got := IsFull(tc.err); got != tc.want {
			t.Errorf("IsFull(%v) = %v", tc.err, got)
		}
	}
}
