package host

import (
	"time"

	"golang.org/x/sys/windows"
)

// Running is the time since the system started.
func Running() time.Duration { return windows.DurationSinceBoot() }
