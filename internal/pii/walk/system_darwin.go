package walk

import (
	"io/fs"
	"syscall"
)

// systemOf names the file system on which a folder lies.
func systemOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Dev)
	}
	return 0
}

// changedOf is when anything of a file changed, which nobody can set back.
func changedOf(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ctimespec.Nano()
	}
	return 0
}
