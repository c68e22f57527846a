package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"sekimori/internal/testkit/netns"
)

// lan is a small company: a PC, an attacker and a file server on one switch, the
// management server and the name service behind a router, and a machine inside the PC
// that reaches the network through it.
type lan struct {
	t                                                   *testing.T
	pc, router, attacker, files, management, dns, inner *netns.Space
	office                                              *netns.Switch
}

const (
	pc4, pc6                 = "192.0.2.10", "2001:db8:1::10"
	attacker4, attacker6     = "192.0.2.30", "2001:db8:1::30"
	files4, files6           = "192.0.2.20", "2001:db8:1::20"
	management4, management6 = "198.51.100.8", "2001:db8:2::8"
	dns4, dns6               = "198.51.100.53", "2001:db8:2::53"
	inner4                   = "10.9.0.2"

	managementPort = 8443
	lateness       = 500 * time.Millisecond // after which a packet counts as dropped
	patience       = 5 * time.Second        // for what must come
)

// pinned is what stays open.
func pinned() Allow {
	return Allow{Servers: []Endpoint{endpoint(management4), endpoint(management6)}}
}

func newLAN(t *testing.T) *lan {
	t.Helper()
	l := &lan{t: t, office: netns.NewSwitch(t)}
	hall, inside := netns.NewSwitch(t), netns.NewSwitch(t)
	for _, s := range []**netns.Space{&l.pc, &l.router, &l.attacker, &l.files, &l.management, &l.dns, &l.inner} {
		*s = netns.New(t)
	}
	l.office.Plug(l.pc, "eth0", prefixes(pc4, pc6)...)
	l.office.Plug(l.attacker, "eth0", prefixes(attacker4, attacker6)...)
	l.office.Plug(l.files, "eth0", prefixes(files4, files6)...)
	l.office.Plug(l.router, "eth0", prefixes("192.0.2.1", "2001:db8:1::1")...)
	hall.Plug(l.router, "eth1", prefixes("198.51.100.1", "2001:db8:2::1")...)
	hall.Plug(l.management, "eth0", prefixes(management4, management6)...)
	hall.Plug(l.dns, "eth0", prefixes(dns4, dns6)...)
	inside.Plug(l.pc, "virbr0", netip.MustParsePrefix("10.9.0.1/24"))
	inside.Plug(l.inner, "eth0", netip.MustParsePrefix(inner4+"/24"))
	l.router.Forward()
	l.pc.Forward()
	for _, s := range []*netns.Space{l.pc, l.attacker, l.files} {
		s.Route(netip.MustParsePrefix("198.51.100.0/24"), netip.MustParseAddr("192.0.2.1"))
		s.Route(netip.MustParsePrefix("2001:db8:2::/64"), netip.MustParseAddr("2001:db8:1::1"))
	}
	for _, s := range []*netns.Space{l.management, l.dns} {
		s.Route(netip.MustParsePrefix("192.0.2.0/24"), netip.MustParseAddr("198.51.100.1"))
		s.Route(netip.MustParsePrefix("2001:db8:1::/64"), netip.MustParseAddr("2001:db8:2::1"))
	}
	for _, s := range []*netns.Space{l.attacker, l.files} {
		s.Route(netip.MustParsePrefix("10.9.0.0/24"), netip.MustParseAddr(pc4))
	}
	l.inner.Route(netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("10.9.0.1"))

	for _, s := range []*netns.Space{l.management, l.attacker, l.files, l.pc, l.inner} {
		for _, port := range []int{managementPort, 445} {
			l.echo(s, fmt.Sprintf(":%d", port))
		}
	}
	for _, s := range []*netns.Space{l.dns, l.attacker, l.management, l.pc} {
		l.echoUDP(s, ":53")
	}
	return l
}

// prefixes are a machine's addresses of both versions.
func prefixes(addr4, addr6 string) []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(addr4), 24), netip.PrefixFrom(netip.MustParseAddr(addr6), 64)}
}

func endpoint(addr string) Endpoint {
	return netip.AddrPortFrom(netip.MustParseAddr(addr), managementPort)
}

func (l *lan) host() Host { return New(Options{NetNS: l.pc.Path()}) }

// echo answers every TCP connection with what it says.
func (l *lan) echo(s *netns.Space, address string) {
	ln := s.Listen("tcp", address)
	go func() { // ends when the test closes ln and its connections
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			l.t.Cleanup(func() { c.Close() })
			go io.Copy(c, c)
		}
	}()
}

func (l *lan) echoUDP(s *netns.Space, address string) {
	c := s.ListenPacket("udp", address)
	go func() { // ends when the test closes c
		b := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				c.WriteTo(b[:n], from)
			}
		}
	}()
}

// session opens a TCP session and proves it.
func (l *lan) session(from *netns.Space, address string) net.Conn {
	l.t.Helper()
	c, err := dial(from, "tcp", address, patience)
	if err == nil {
		l.t.Cleanup(func() { c.Close() })
		err = say(c, patience)
	}
	if err != nil {
		l.t.Fatalf("open a session to %s: %v", address, err)
	}
	return c
}

func dial(from *netns.Space, network, address string, wait time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	return from.Dial(ctx, network, address)
}

// say has the other end echo a byte.
func say(c net.Conn, wait time.Duration) error {
	if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

// try makes a new exchange: by tcp, udp, or ping when there is no port.
func try(from *netns.Space, network, address string, wait time.Duration) error {
	if network == "ping" {
		return ping(from, address, wait)
	}
	c, err := dial(from, network, address, wait)
	if err != nil {
		return err
	}
	defer c.Close()
	return say(c, wait)
}

func ping(from *netns.Space, address string, wait time.Duration) (err error) {
	network, local, request, reply, protocol := "ip4:icmp", "0.0.0.0", icmp.Type(ipv4.ICMPTypeEcho), icmp.Type(ipv4.ICMPTypeEchoReply), 1
	if netip.MustParseAddr(address).Is6() {
		network, local, request, reply, protocol = "ip6:ipv6-icmp", "::", ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply, 58
	}
	var c *icmp.PacketConn
	err = from.Do(func() (err error) {
		c, err = icmp.ListenPacket(network, local)
		return err
	})
	if err != nil {
		return err
	}
	defer c.Close()
	b, err := (&icmp.Message{Type: request, Body: &icmp.Echo{ID: os.Getpid() & 0xffff, Data: []byte("x")}}).Marshal(nil)
	if err != nil {
		return err
	}
	to := &net.IPAddr{IP: net.ParseIP(address)}
	if _, err := c.WriteTo(b, to); err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	for b := make([]byte, 1500); ; {
		n, who, err := c.ReadFrom(b)
		if err != nil {
			return err
		}
		m, err := icmp.ParseMessage(protocol, b[:n])
		if err == nil && m.Type == reply && who.String() == to.String() {
			return nil
		}
	}
}

// way is one exchange that may be tried.
type way struct {
	name             string
	from             *netns.Space
	network, address string
}

// ways are all that an isolated PC must not have.
func (l *lan) ways() []way {
	join := net.JoinHostPort
	return []way{
		{"file server, IPv4", l.pc, "tcp", join(files4, "445")},
		{"file server, IPv6", l.pc, "tcp", join(files6, "445")},
		{"attacker on the server's port, IPv4", l.pc, "tcp", join(attacker4, "8443")},
		{"attacker on the server's port, IPv6", l.pc, "tcp", join(attacker6, "8443")},
		{"another port of the server, IPv4", l.pc, "tcp", join(management4, "445")},
		{"another port of the server, IPv6", l.pc, "tcp", join(management6, "445")},
		{"UDP to the server", l.pc, "udp", join(management4, "53")},
		{"name service, IPv4", l.pc, "udp", join(dns4, "53")},
		{"name service, IPv6", l.pc, "udp", join(dns6, "53")},
		{"attacker's UDP", l.pc, "udp", join(attacker4, "53")},
		{"ping out, IPv4", l.pc, "ping", attacker4},
		{"ping out, IPv6", l.pc, "ping", attacker6},
		{"ping the server", l.pc, "ping", management4},
		{"into the PC, IPv4", l.attacker, "tcp", join(pc4, "445")},
		{"into the PC, IPv6", l.attacker, "tcp", join(pc6, "445")},
		{"into the PC by UDP", l.attacker, "udp", join(pc4, "53")},
		{"from the server into the PC", l.management, "tcp", join(pc4, "445")},
		{"ping in, IPv4", l.attacker, "ping", pc4},
		{"ping in, IPv6", l.attacker, "ping", pc6},
		{"out through the PC", l.inner, "tcp", join(files4, "445")},
		{"in through the PC", l.attacker, "tcp", join(inner4, "445")},
		{"from inside to the PC", l.inner, "tcp", join("10.9.0.1", "445")},
	}
}

// stayOpen are those that it must keep.
func (l *lan) stayOpen() []way {
	join := net.JoinHostPort
	return []way{
		{"management server, IPv4", l.pc, "tcp", join(management4, "8443")},
		{"management server, IPv6", l.pc, "tcp", join(management6, "8443")},
		{"loopback, IPv4", l.pc, "tcp", "127.0.0.1:445"},
		{"loopback, IPv6", l.pc, "tcp", "[::1]:445"},
		{"loopback, UDP", l.pc, "udp", "127.0.0.1:53"},
		{"the PC's own address", l.pc, "tcp", join(pc4, "445")},
	}
}

// expect tries all ways at once.
func (l *lan) expect(open bool, ways ...way) {
	l.t.Helper()
	results, wait := make([]error, len(ways)), lateness
	if open {
		wait = patience
	}
	var wg sync.WaitGroup
	for i, w := range ways {
		wg.Go(func() { results[i] = try(w.from, w.network, w.address, wait) })
	}
	wg.Wait()
	for i, w := range ways {
		if open && results[i] != nil {
			l.t.Errorf("%s: %v", w.name, results[i])
		}
		if !open && results[i] == nil {
			l.t.Errorf("%s: it is open", w.name)
		}
	}
}
