package host

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/godbus/dbus/v5"
)

// HoldPower asks logind, which shows why to whoever wants to shut down. An
// administrator can go on all the same: it is against mistakes.
func (h *linux) HoldPower(ctx context.Context, why string) (release func() error, err error) {
	var fd dbus.UnixFD
	err = h.onBus(ctx, func(c *dbus.Conn) error {
		if !c.SupportsUnixFDs() {
			return errors.New("the bus passes no file descriptors")
		}
		return c.Object("org.freedesktop.login1", "/org/freedesktop/login1").CallWithContext(ctx,
			"org.freedesktop.login1.Manager.Inhibit", 0, "shutdown:handle-power-key", "Sekimori", why, "block").Store(&fd)
	})
	if err != nil {
		return nil, fmt.Errorf("ask logind to keep the PC on: %w", err)
	}
	// It holds as long as this is open, so it ends with the process.
	return os.NewFile(uintptr(fd), "inhibitor").Close, nil
}

// onBus runs f with a connection to the bus that is closed again: some of the services
// asked are restarted any time, and the agent asks seldom.
func (h *linux) onBus(ctx context.Context, f func(*dbus.Conn) error) (err error) {
	var c *dbus.Conn
	if h.o.BusAddress == "" {
		c, err = dbus.ConnectSystemBus(dbus.WithContext(ctx))
	} else {
		c, err = dbus.Connect(h.o.BusAddress, dbus.WithContext(ctx))
	}
	if err != nil {
		return fmt.Errorf("connect to D-Bus: %w", err)
	}
	err = f(c)
	return errors.Join(err, c.Close())
}
