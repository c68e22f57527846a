package vm

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// ethernet is a frame of one kind around a payload.
func ethernet(kind uint16, payload []byte) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 12), kind), payload...)
}

func ipv4(to string, protocol byte, payload []byte) []byte {
	h := make([]byte, 20)
	h[0], h[9] = 0x45, protocol
	copy(h[16:], netip.MustParseAddr(to).AsSlice())
	return ethernet(0x0800, append(h, payload...))
}

func ipv6(to string, protocol byte, payload []byte) []byte {
	h := make([]byte, 40)
	h[0], h[6] = 0x60, protocol
	copy(h[24:], netip.MustParseAddr(to).AsSlice())
	return ethernet(0x86dd, append(h, payload...))
}

func TestEveryOtherFrameIsALeak(t *testing.T) {
	t.Parallel()
	const tcp, udp, icmp, icmp6 = 6, 17, 1, 58
	to := func(port uint16) []byte { return binary.BigEndian.AppendUint16([]byte{1, 2}, port) }
	allowed := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:8443"), netip.MustParseAddrPort("[2001:db8::1]:8443")}
	for name, c := range map[string]struct {
		frame        []byte
		leak, server bool
	}{
		"who has":                         {ethernet(0x0806, make([]byte, 28)), false, false},
		"neighbour over IPv6":             {ipv6("ff02::1:ff00:1", icmp6, []byte{135, 0, 0, 0}), false, false},
		"the server":                      {ipv4("192.0.2.1", tcp, to(8443)), false, true},
		"the server over IPv6":            {ipv6("2001:db8::1", tcp, to(8443)), false, true},
		"the server on another port":      {ipv4("192.0.2.1", tcp, to(443)), true, false},
		"the server by UDP":               {ipv4("192.0.2.1", udp, to(8443)), true, false},
		"somebody on the server's port":   {ipv4("192.0.2.66", tcp, to(8443)), true, false},
		"somebody over IPv6":              {ipv6("2001:db8::66", udp, to(9999)), true, false},
		"a ping":                          {ipv4("192.0.2.1", icmp, []byte{8, 0, 0, 0}), true, false},
		"a ping over IPv6":                {ipv6("2001:db8::1", icmp6, []byte{128, 0, 0, 0}), true, false},
		"a group joined over IPv6":        {ipv6("ff02::16", icmp6, []byte{143, 0, 0, 0}), true, false},
		"something unknown":               {ethernet(0x88cc, make([]byte, 40)), true, false},
		"a broken frame":                  {make([]byte, 5), true, false},
		"a packet that is cut":            {ethernet(0x0800, make([]byte, 10)), true, false},
		"a packet over IPv6 that is cut":  {ethernet(0x86dd, make([]byte, 10)), true, false},
		"a packet with a header too long": {ethernet(0x0800, append([]byte{0x4f}, make([]byte, 30)...)), true, false},
	} {
		if got := judge(c.frame, allowed); (got.leak != "") != c.leak || got.server != c.server {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
