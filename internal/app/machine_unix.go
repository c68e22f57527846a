//go:build !windows

package app

import "golang.org/x/sys/unix"

// freeBytes is how much the server may still write to the disk of a folder; -1 when the
// system does not tell.
func freeBytes(dir string) int64 {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return -1
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
