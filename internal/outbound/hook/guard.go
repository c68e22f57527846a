// Package hook posts to addresses that people typed in: chat rooms and programs of their
// own. Nothing that a person types may make the server speak to what lies inside the
// company's network or on its own machine, so every connection passes a guard.
package hook

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// Guard decides which addresses may be connected to. It sees the address that a name was
// resolved to, at the moment of connecting, so that no name can promise one address and
// lead to another.
type Guard struct {
	// Allow are networks inside that may be reached all the same, also without TLS.
	Allow []netip.Prefix
}

// inside are networks that are not the Internet: what a machine calls itself, private and
// link-local ones (the metadata services of cloud providers are among them), those for
// documents and tests, multicast, and IPv6 forms that carry an IPv4 address in them.
func inside() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// global is the one part of IPv6 that is given out for the Internet.
var global = netip.MustParsePrefix("2000::/3")

// nat64 carries an IPv4 address in its last four bytes (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Public reports whether the address is one of the Internet.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !a.IsValid() || a.Is6() && !global.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(inside(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// Listed reports whether the address is in a network that was allowed by name.
func (g Guard) Listed(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(g.Allow, func(p netip.Prefix) bool { return p.Contains(a) })
}

// insideError says that a connection was refused by the guard.
type insideError struct{ address netip.Addr }

func (e *insideError) Error() string {
	return fmt.Sprintf("%s is inside: the configuration does not allow it", e.address)
}

// control is a net.Dialer's Control: it is given the address itself, never a name.
func (g Guard) control(plain bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("address to connect to: %w", err)
		}
		if g.Listed(at.Addr()) || !plain && Public(at.Addr()) {
			return nil
		}
		return &insideError{at.Addr()}
	}
}
