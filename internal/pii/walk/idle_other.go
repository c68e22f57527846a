//go:build !linux && !windows

package walk

import (
	"fmt"
	"syscall"
)

// Idle lets this process, and those that it starts from now on, have only what nobody else wants of the processors. It
// cannot be taken back.
func Idle() error {
	const least = 19
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, least); err != nil {
		return fmt.Errorf("lower the priority: %w", err)
	}
	return nil
}

// Battery reports whether the computer runs on its battery; nobody says so here.
func Battery() bool { return false }

// Load is how many programs want each processor; nobody says so here.
func Load() float64 { return 0 }
