package host

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strings"
)

// Gateways are the next hops of the default routes, as /proc/net shows them.
func Gateways() []netip.Addr {
	var out []netip.Addr
	// Fields of route: interface, destination, gateway, flags, …, each address in the
	// byte order of the machine (proc_net(5)).
	v4, err := os.ReadFile("/proc/net/route")
	for line := range strings.Lines(string(v4)) {
		f := strings.Fields(line)
		if err != nil || len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		if b, err := hex.DecodeString(f[2]); err == nil && len(b) == 4 {
			var a [4]byte
			binary.NativeEndian.PutUint32(a[:], binary.BigEndian.Uint32(b))
			out = append(out, netip.AddrFrom4(a))
		}
	}
	// Fields of ipv6_route: destination, its length, source, its length, next hop, …
	v6, err := os.ReadFile("/proc/net/ipv6_route")
	for line := range strings.Lines(string(v6)) {
		f := strings.Fields(line)
		if err != nil || len(f) < 10 || f[1] != "00" || f[9] == "lo" {
			continue
		}
		if b, err := hex.DecodeString(f[4]); err == nil && len(b) == 16 {
			a := netip.AddrFrom16([16]byte(b))
			if a.IsLinkLocalUnicast() {
				a = a.WithZone(f[9])
			}
			out = append(out, a)
		}
	}
	usable := out[:0]
	for _, a := range out {
		if !a.IsUnspecified() {
			usable = append(usable, a)
		}
	}
	return usable
}
