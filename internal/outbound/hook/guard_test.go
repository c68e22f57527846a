package hook

import (
	"net/netip"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	open := Guard{}
	listed := Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("fd00::/8")}}
	for _, tt := range []struct {
		what, address          string
		public, byList, plainX bool // to the Internet; with the list; without TLS with the list
	}{
		{"Internet", "93.184.216.34", true, true, false},
		{"Internet v6", "2606:2800:220:1::1", true, true, false},
		{"loopback", "127.0.0.1", false, true, true},
		{"all of loopback", "127.9.9.9", false, true, true},
		{"loopback v6", "::1", false, false, false},
		{"any", "0.0.0.0", false, false, false},
		{"this network", "0.1.2.3", false, false, false},
		{"any v6", "::", false, false, false},
		{"private 10", "10.0.0.1", false, false, false},
		{"private 10, listed", "10.20.3.4", false, true, true},
		{"private 172.16", "172.16.0.1", false, false, false},
		{"private 172.31", "172.31.255.255", false, false, false},
		{"beside private", "172.32.0.1", true, true, false},
		{"private 192.168", "192.168.1.1", false, false, false},
		{"carrier-grade NAT", "100.64.0.1", false, false, false},
		{"end of carrier-grade NAT", "100.127.255.255", false, false, false},
		{"beside carrier-grade NAT", "100.128.0.1", true, true, false},
		{"link-local", "169.254.1.1", false, false, false},
		{"metadata", "169.254.169.254", false, false, false},
		{"metadata v6", "fd00:ec2::254", false, true, true},
		{"documentation", "192.0.2.1", false, false, false},
		{"documentation v6", "2001:db8::1", false, false, false},
		{"benchmarks", "198.18.0.1", false, false, false},
		{"multicast", "224.0.0.1", false, false, false},
		{"multicast v6", "ff02::1", false, false, false},
		{"broadcast", "255.255.255.255", false, false, false},
		{"reserved", "240.0.0.1", false, false, false},
		{"unique local", "fc00::1", false, false, false},
		{"link-local v6", "fe80::1", false, false, false},
		{"link-local v6 with its interface", "fe80::1%eth0", false, false, false},
		{"site-local", "fec0::1", false, false, false},
		{"mapped loopback", "::ffff:127.0.0.1", false, true, true},
		{"mapped private", "::ffff:192.168.1.1", false, false, false},
		{"mapped metadata", "::ffff:169.254.169.254", false, false, false},
		{"mapped Internet", "::ffff:93.184.216.34", true, true, false},
		{"compatible loopback", "::7f00:1", false, false, false},
		{"NAT64 of loopback", "64:ff9b::7f00:1", false, false, false},
		{"NAT64 of private", "64:ff9b::c0a8:101", false, false, false},
		{"NAT64 of the Internet", "64:ff9b::5db8:d822", true, true, false},
		{"local NAT64", "64:ff9b:1::1", false, false, false},
		{"6to4 of loopback", "2002:7f00:1::1", false, false, false},
		{"Teredo", "2001:0:4136:e378::1", false, false, false},
	} {
		a := netip.MustParseAddr(tt.address)
		at := netip.AddrPortFrom(a, 443).String()
		for _, g := range []struct {
			name  string
			guard Guard
			plain bool
			want  bool
		}{{"TLS", open, false, tt.public}, {"no TLS", open, true, false}, {"TLS, listed", listed, false, tt.byList}, {"no TLS, listed", listed, true, tt.plainX}} {
			if err := g.guard.control(g.plain)("tcp", at, nil); (err == nil) != g.want {
				t.Errorf("%s %s, %s: %v", tt.what, tt.address, g.name, err)
			}
		}
	}
	if err := open.control(false)("tcp", "hooks.company.example:443", nil); err == nil {
		t.Error("a name instead of an address passed")
	}
}

func TestMayReach(t *testing.T) {
	t.Parallel()
	c, err := NewClient(Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}}, "")
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]bool{
		"https://hooks.company.example/x": true, "https://93.184.216.34/x": true, "https://10.20.1.1/x": true, "http://10.20.1.1:8065/x": true,
		"http://hooks.company.example/x": false, "https://10.0.0.1/x": false, "https://127.0.0.1/x": false, "https://[::1]/x": false,
		"https://[::ffff:10.0.0.1]/x": false, "https://localhost/x": false, "https://api.localhost./x": false, "https://intranet/x": false,
		"ftp://hooks.company.example/x": false, "file:///etc/passwd": false, "https://": false, "://": false, "": false, "https://169.254.169.254/latest": false,
		"https://2130706433/x": false, "https://0x7f000001/x": false,
	} {
		if err := c.MayReach(url); (err == nil) != want {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func FuzzMayReach(f *testing.F) {
	c, err := NewClient(Guard{}, "")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"https://hooks.company.example/x", "http://127.0.0.1", "https://[::ffff:7f00:1]/", "https://user@host.example:1/", "%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c.MayReach(s) != nil {
			return
		}
		if !strings.HasPrefix(strings.ToLower(s), "https:") {
			t.Errorf("%q would be sent without TLS", s)
		}
	})
}
