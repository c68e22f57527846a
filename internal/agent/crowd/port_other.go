//go:build !linux

package crowd

import "syscall"

// latePort has nothing to do: no address is bound here.
func latePort(syscall.RawConn) error { return nil }

// manyLoopbacks says that all of 127.0.0.0/8 is this machine.
const manyLoopbacks = false
