//go:build linux || darwin

package host

import (
	"time"

	"golang.org/x/sys/unix"
)

// Running is the time since the system started.
func Running() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(sinceBoot, &t); err != nil {
		return 0 // a challenge then never ends by its age; its tries and its one use stay
	}
	return time.Duration(t.Nano())
}
