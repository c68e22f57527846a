package host

import (
	"fmt"
	"net/netip"
	"strings"
)

// What the Windows Filtering Platform is told, as values: the same list makes the
// filters, the comparison with what stands, and the words of a dry run.

// wfpLayer is a place in the network stack where a filter decides.
type wfpLayer string

// The layers, each for IPv4 and IPv6. Connect and accept decide about programs' sockets,
// and look again at those that are open when a filter comes; out and in see every packet,
// so that a session that was there before ends at once; forward is what a PC routes for
// others. Messages about errors (ICMP) that come in are not stopped: they carry nothing
// out, and without "too big" the way to the server would be dead for large packets.
const (
	wfpConnect4 wfpLayer = "connect4"
	wfpConnect6 wfpLayer = "connect6"
	wfpAccept4  wfpLayer = "accept4"
	wfpAccept6  wfpLayer = "accept6"
	wfpOut4     wfpLayer = "out4"
	wfpOut6     wfpLayer = "out6"
	wfpIn4      wfpLayer = "in4"
	wfpIn6      wfpLayer = "in6"
	wfpForward4 wfpLayer = "forward4"
	wfpForward6 wfpLayer = "forward6"
)

func wfpLayers() []wfpLayer {
	return []wfpLayer{
		wfpConnect4, wfpConnect6, wfpAccept4, wfpAccept6,
		wfpOut4, wfpOut6, wfpIn4, wfpIn6, wfpForward4, wfpForward6,
	}
}

func (l wfpLayer) six() bool     { return strings.HasSuffix(string(l), "6") }
func (l wfpLayer) forward() bool { return strings.HasPrefix(string(l), "forward") }

// outgoing layers are those where this PC opens or sends.
func (l wfpLayer) outgoing() bool {
	return strings.HasPrefix(string(l), "connect") || strings.HasPrefix(string(l), "out")
}

// Internet protocol numbers.
const (
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

// wfpFilter blocks or permits what fulfils all its conditions; a zero condition is none.
type wfpFilter struct {
	layer    wfpLayer
	permit   bool
	boot     bool // stands only from the start of the network driver to that of the engine
	loopback bool
	protocol uint8
	remote   netip.Prefix
	local    uint16 // port, or the type of an ICMP message: they are one field to Windows
	port     uint16 // of the other end
}

// weight orders the filters of a layer: what permits comes before what blocks.
func (f wfpFilter) weight() uint64 {
	if f.permit {
		return 1 << 60
	}
	return 0
}

// String is also kept with the filter in Windows, to tell it from any other.
func (f wfpFilter) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", f.layer)
	if f.permit {
		b.WriteString("permit")
	} else {
		b.WriteString("block")
	}
	switch f.protocol {
	case protoTCP:
		b.WriteString(" tcp")
	case protoUDP:
		b.WriteString(" udp")
	case protoICMPv6:
		fmt.Fprintf(&b, " icmpv6 type %d", f.local)
	}
	if f.loopback {
		b.WriteString(" within this PC")
	}
	if f.remote.IsValid() {
		fmt.Fprintf(&b, " with %s", f.remote)
	}
	if f.port != 0 {
		fmt.Fprintf(&b, " port %d", f.port)
	}
	if f.local != 0 && f.protocol != protoICMPv6 {
		fmt.Fprintf(&b, " own port %d", f.local)
	}
	if f.protocol == 0 && !f.loopback {
		b.WriteString(" everything")
	}
	if f.boot {
		b.WriteString(", until the filter engine has started")
	}
	return b.String()
}

// wfpFilters are all that Cut puts in. What differs from PC to PC comes last, so that a
// filter keeps its number.
func wfpFilters(allow Allow) []wfpFilter {
	var all []wfpFilter
	for _, l := range wfpLayers() {
		// Nothing needs the network, or this PC itself, before the engine has started.
		all = append(all, wfpFilter{layer: l, boot: true}, wfpFilter{layer: l})
	}
	for _, l := range wfpLayers() {
		if l.forward() {
			continue
		}
		all = append(all, wfpFilter{layer: l, permit: true, loopback: true})
		for _, f := range wfpLinkFilters(l) {
			f.layer, f.permit = l, true
			all = append(all, f)
		}
	}
	for _, s := range allow.Servers {
		addr := s.Addr().Unmap()
		for _, l := range []wfpLayer{wfpConnect4, wfpConnect6, wfpOut4, wfpOut6, wfpIn4, wfpIn6} {
			if l.six() == addr.Is6() {
				all = append(all, wfpFilter{
					layer: l, permit: true, protocol: protoTCP,
					remote: netip.PrefixFrom(addr, addr.BitLen()), port: s.Port(),
				})
			}
		}
	}
	return all
}

// wfpLinkFilters keep the link itself alive: an address by DHCP, and the neighbours of
// IPv6. A DHCP server is only called, not written to.
func wfpLinkFilters(l wfpLayer) []wfpFilter {
	if !l.six() {
		dhcp := wfpFilter{protocol: protoUDP, local: 68, port: 67}
		if l.outgoing() {
			dhcp.remote = netip.MustParsePrefix("255.255.255.255/32")
		}
		return []wfpFilter{dhcp}
	}
	dhcp := wfpFilter{protocol: protoUDP, local: 546, port: 547, remote: netip.MustParsePrefix("fe80::/10")}
	router := wfpFilter{protocol: protoICMPv6, local: 134, remote: netip.MustParsePrefix("fe80::/10")} // advertisement
	if l.outgoing() {
		dhcp.remote = netip.MustParsePrefix("ff02::1:2/128")
		router.local, router.remote = 133, netip.MustParsePrefix("ff02::2/128") // solicitation
	}
	return []wfpFilter{
		dhcp, router,
		{protocol: protoICMPv6, local: 135}, {protocol: protoICMPv6, local: 136}, // neighbours
	}
}

// wfpPlan says in English what the filters do.
func wfpPlan(allow Allow) []string {
	lines := []string{
		"add a provider and a sublayer of the highest weight to the Windows Filtering Platform, both kept over restarts",
		"block everything in, out and through, IPv4 and IPv6, by filters that are kept over restarts and by others that stand while Windows starts",
		"permit what stays within this PC, DHCP, and the neighbours and routers of IPv6",
	}
	for _, s := range allow.Servers {
		lines = append(lines, fmt.Sprintf("permit TCP to %s, in a way that no other firewall can override", s))
	}
	return append(lines, "end the IPv4 connections that are open to anywhere else; those of IPv6 are silenced")
}
