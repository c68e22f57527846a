package app

import "golang.org/x/sys/windows"

// freeBytes is how much the server may still write to the disk of a folder; -1 when the
// system does not tell.
func freeBytes(dir string) int64 {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return -1
	}
	var free uint64
	if windows.GetDiskFreeSpaceEx(name, &free, nil, nil) != nil {
		return -1
	}
	return int64(free)
}
