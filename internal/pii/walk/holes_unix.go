//go:build linux || darwin

package walk

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// solidParts tells where a file has data: the first part of it at or after a place. At the end there is none, and the
// part is empty. Where the file system knows of no holes, all of it is data.
func solidParts(f *os.File, size int64) func(from int64) (start, end int64) {
	var st unix.Stat_t
	fd := int(f.Fd())
	if unix.Fstat(fd, &st) != nil || st.Blocks*512 >= size {
		return whole(size)
	}
	return func(from int64) (int64, int64) {
		start, err := unix.Seek(fd, from, unix.SEEK_DATA)
		if errors.Is(err, syscall.ENXIO) {
			return size, size
		}
		if err != nil {
			return from, size
		}
		end, err := unix.Seek(fd, start, unix.SEEK_HOLE)
		if err != nil || end <= start {
			end = size
		}
		return min(start, size), min(end, size)
	}
}
