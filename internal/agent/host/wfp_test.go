package host

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// passes walks a packet through the filters of one layer, as the engine does: by weight,
// the first that fits decides.
func passes(filters []wfpFilter, layer wfpLayer, protocol uint8, remote string, local, port uint16) bool {
	addr := netip.MustParseAddr(remote)
	sorted := slices.Clone(filters)
	slices.SortStableFunc(sorted, func(a, b wfpFilter) int {
		switch {
		case a.weight() > b.weight():
			return -1
		case a.weight() < b.weight():
			return 1
		}
		return 0
	})
	for _, f := range sorted {
		switch {
		case f.layer != layer, f.boot,
			f.loopback && !addr.IsLoopback(),
			f.protocol != 0 && f.protocol != protocol,
			f.remote.IsValid() && !f.remote.Contains(addr),
			f.local != 0 && f.local != local,
			f.port != 0 && f.port != port:
			continue
		}
		return f.permit
	}
	return true
}

func TestWindowsFilters(t *testing.T) {
	t.Parallel()
	filters := wfpFilters(Allow{Servers: []Endpoint{
		netip.MustParseAddrPort("192.0.2.1:8420"), netip.MustParseAddrPort("[2001:db8::1]:8420"),
		netip.MustParseAddrPort("[::ffff:192.0.2.2]:8420"),
	}})
	for _, tc := range []struct {
		layer       wfpLayer
		protocol    uint8
		remote      string
		local, port uint16
		want        bool
	}{
		{wfpConnect4, protoTCP, "192.0.2.1", 50000, 8420, true},
		{wfpOut4, protoTCP, "192.0.2.1", 50000, 8420, true},
		{wfpIn4, protoTCP, "192.0.2.1", 50000, 8420, true},
		{wfpConnect4, protoTCP, "192.0.2.2", 50000, 8420, true},
		{wfpConnect6, protoTCP, "2001:db8::1", 50000, 8420, true},
		{wfpIn6, protoTCP, "2001:db8::1", 50000, 8420, true},
		{wfpAccept4, protoTCP, "192.0.2.1", 50000, 8420, false}, // the server calls nobody
		{wfpConnect4, protoTCP, "192.0.2.1", 50000, 8421, false},
		{wfpConnect4, protoUDP, "192.0.2.1", 50000, 8420, false},
		{wfpConnect4, protoTCP, "192.0.2.9", 50000, 8420, false},
		{wfpConnect4, protoUDP, "192.0.2.53", 50000, 53, false},
		{wfpConnect6, protoUDP, "2001:db8::53", 50000, 53, false},
		{wfpAccept4, protoTCP, "192.0.2.66", 445, 50000, false},
		{wfpOut4, protoTCP, "198.51.100.7", 50000, 443, false},
		{wfpIn6, protoTCP, "2001:db8::7", 50000, 443, false},
		{wfpConnect4, 1, "198.51.100.7", 8, 0, false}, // ping
		{wfpConnect4, protoTCP, "127.0.0.1", 50000, 631, true},
		{wfpAccept6, protoTCP, "::1", 631, 50000, true},
		{wfpConnect4, protoUDP, "255.255.255.255", 68, 67, true},
		{wfpAccept4, protoUDP, "192.0.2.254", 68, 67, true},
		{wfpConnect4, protoUDP, "198.51.100.7", 68, 67, false}, // no way out under DHCP's name
		{wfpOut6, protoICMPv6, "fe80::1", 135, 0, true},
		{wfpIn6, protoICMPv6, "fe80::1", 134, 0, true},
		{wfpIn6, protoICMPv6, "2001:db8::7", 128, 0, false},
		{wfpForward4, protoTCP, "192.0.2.1", 50000, 8420, false},
		{wfpForward6, protoTCP, "2001:db8::1", 50000, 8420, false},
	} {
		if got := passes(filters, tc.layer, tc.protocol, tc.remote, tc.local, tc.port); got != tc.want {
			t.Errorf("%s, protocol %d, %s, %d → %d: %v", tc.layer, tc.protocol, tc.remote, tc.local, tc.port, got)
		}
	}
}

// Every layer is closed, at the start of Windows as well as later, and a filter keeps its
// number whatever the servers are.
func TestWindowsFiltersCloseEveryLayer(t *testing.T) {
	t.Parallel()
	none := wfpFilters(Allow{})
	for _, l := range wfpLayers() {
		for _, boot := range []bool{false, true} {
			if !slices.Contains(none, wfpFilter{layer: l, boot: boot}) {
				t.Errorf("%s is not closed (boot: %v)", l, boot)
			}
		}
	}
	some := wfpFilters(Allow{Servers: []Endpoint{netip.MustParseAddrPort("192.0.2.1:8420")}})
	if !slices.Equal(some[:len(none)], none) || len(some) != len(none)+3 {
		t.Error("the servers' filters move the others")
	}
	seen := map[string]bool{}
	for _, f := range some {
		if seen[f.String()] {
			t.Errorf("two filters are called %q", f)
		}
		seen[f.String()] = true
	}
}

func TestWindowsPlan(t *testing.T) {
	t.Parallel()
	lines := strings.Join(wfpPlan(Allow{Servers: []Endpoint{netip.MustParseAddrPort("192.0.2.1:8420")}}), "\n")
	for _, want := range []string{"block everything", "192.0.2.1:8420", "DHCP"} {
		if !strings.Contains(lines, want) {
			t.Errorf("the plan does not speak of %q:\n%s", want, lines)
		}
	}
}
