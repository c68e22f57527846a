package agent

import (
	"time"

	"golang.org/x/sys/windows"
)

// running is the time since the system started.
func running() time.Duration { return windows.DurationSinceBoot() }
