package host

import (
	"context"
	"slices"
	"testing"
	"time"
)

// TestMacIsAsked: every function is there, this Mac's own disk is found, and Disk Arbitration
// takes the session. Nothing is mounted or unmounted.
func TestMacIsAsked(t *testing.T) {
	h := New(Options{State: t.TempDir()}).(*mac)
	m, err := h.look()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(m.disks, func(d macDisk) bool { return len(m.mountsOf(d)) > 0 }) {
		t.Errorf("no disk of %d is mounted", len(m.disks))
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- h.WatchUSB(ctx, func() {}) }()
	if err := h.HoldUSB(ctx, true); err != nil {
		t.Error(err)
	}
	if err := h.HoldUSB(ctx, false); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if h.isAsked() {
		t.Error("nobody watches, and it is asked")
	}
}
