package host

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// Unplug leaves no link up that a packet could leave by.
func (h *linux) Unplug(context.Context) error {
	ns, done, err := h.netns()
	if err != nil {
		return err
	}
	defer done()
	rt, err := routeHandle(ns)
	if err != nil {
		return fmt.Errorf("ask for the network links: %w", err)
	}
	defer rt.Close()
	links, err := rt.LinkList()
	if err != nil {
		return fmt.Errorf("list the network links: %w", err)
	}
	var errs []error
	for _, l := range links {
		if l.Attrs().Flags&net.FlagLoopback != 0 {
			continue
		}
		if err := rt.LinkSetDown(l); err != nil {
			errs = append(errs, fmt.Errorf("take link %s down: %w", l.Attrs().Name, err))
		}
	}
	return errors.Join(errs...)
}
