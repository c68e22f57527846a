package netns

import (
	"errors"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Tap gives the machine a link of this name whose other end is a program, such as an
// emulated machine: it opens the link by its name in this namespace. The link is in use
// as soon as a program holds it.
func (s *Space) Tap(link string, addresses ...netip.Prefix) {
	s.t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = link
	tap := &netlink.Tuntap{LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TAP, Flags: netlink.TUNTAP_NO_PI | netlink.TUNTAP_ONE_QUEUE}
	if err := s.Do(func() error { return netlink.LinkAdd(tap) }); err != nil { // the device file makes it where the thread is
		s.t.Fatalf("make a tap: %v", err)
	}
	s.links(func(h *netlink.Handle) error {
		l, err := h.LinkByName(link)
		if err != nil {
			return err
		}
		var errs []error
		for _, p := range addresses {
			a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
			if p.Addr().Is6() {
				a.Flags = unix.IFA_F_NODAD // at once in use, as in Plug
			}
			errs = append(errs, h.AddrAdd(l, a))
		}
		return errors.Join(append(errs, h.LinkSetUp(l))...)
	})
}
