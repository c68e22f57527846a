//go:build unix

package read

import "syscall"

func makeFIFO(path string) error { return syscall.Mkfifo(path, 0o600) }
