package host

import (
	"context"
	"fmt"
)

// macOS lets only a system extension that Apple has signed, or a program linked with its
// Disk Arbitration framework, decide on a medium before it is mounted. This program is
// neither. Unmounting afterwards would leave what is on it open for a moment, and be called
// a guard: so nothing is held, and it says so.

// errNoGuard is why.
var errNoGuard = fmt.Errorf("media are not held on macOS: only a signed system extension can: %w", ErrUnsupported)

var _ MediaGuard = (*mac)(nil)

func (h *mac) HoldUSB(_ context.Context, on bool) error {
	if on {
		return errNoGuard
	}
	return nil
}

func (h *mac) WatchUSB(context.Context, func()) error        { return ErrUnsupported }
func (h *mac) USB(context.Context) ([]USBDevice, error)      { return nil, errNoGuard }
func (h *mac) Admit(context.Context, string, []int) error    { return errNoGuard }
func (h *mac) Refuse(context.Context, string, []int) error   { return errNoGuard }
func (h *mac) Disks(context.Context, string) ([]Disk, error) { return nil, errNoGuard }

func (h *mac) ReadToken(context.Context, Disk) ([]byte, string, error) { return nil, "", errNoGuard }
func (h *mac) WriteToken(context.Context, Disk, []byte) error          { return errNoGuard }
func (h *mac) Offer(context.Context, Disk, bool) error                 { return errNoGuard }

func (h *mac) Eject(context.Context, string, []int) (string, error) { return "", errNoGuard }

func (h *mac) Written(context.Context, Disk, func(string, int64)) error { return errNoGuard }

func (h *mac) Tell(context.Context, string) error { return ErrUnsupported }
func (h *mac) SignedIn(context.Context) string    { return "" }
