package host

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sekimori/internal/testkit/netns"
)

// The way to the server must live as long as the isolation, which may be days.
func TestWayToTheServerLives(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	const uploads = 9443
	allow := pinned()
	for _, a := range []string{management4, management6} {
		allow.Servers = append(allow.Servers, netip.AddrPortFrom(netip.MustParseAddr(a), uploads))
	}
	// It reads to the end and then says so.
	ln := l.management.Listen("tcp", ":9443")
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := io.Copy(io.Discard, c); err == nil {
					io.WriteString(c, "x")
				}
			}()
		}
	}()
	must(t, l.host().Cut(t.Context(), allow))

	// Neighbours are forgotten and must be found anew.
	for _, s := range []*netns.Space{l.pc, l.router} {
		s.ForgetNeighbours()
	}
	l.expect(true, l.stayOpen()...)

	// Half way the packets must be smaller, and the router says so.
	l.router.SetMTU("eth1", 1300)
	for _, address := range []string{management4, management6} {
		if err := upload(l.pc, net.JoinHostPort(address, "9443")); err != nil {
			t.Errorf("upload to %s: %v", address, err)
		}
	}
	l.expect(false, l.ways()...)
}

func upload(from *netns.Space, address string) error {
	c, err := dial(from, "tcp", address, patience)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.Write(make([]byte, 256<<10)); err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, err = io.ReadFull(c, make([]byte, 1))
	return err
}

// A PC without an address could not be released, so it may ask for one: on its link, and
// for nothing else.
func TestAddressesAreRenewed(t *testing.T) {
	t.Parallel()
	office := netns.NewSwitch(t)
	pc, server := netns.New(t), netns.New(t)
	office.Plug(pc, "eth0", prefixes(pc4, pc6)...)
	office.Plug(server, "eth0", prefixes(files4, files6)...)
	must(t, New(Options{NetNS: pc.Path()}).Cut(t.Context(), pinned()))

	client4, client6 := listenOn(t, pc, "udp4", ":68"), listenOn(t, pc, "udp6", ":546")
	server4, server6 := listenOn(t, server, "udp4", ":67"), listenOn(t, server, "udp6", ":547")
	// The server listens to the group of DHCPv6; eth0 is link 2.
	raw, err := server6.SyscallConn()
	must(t, err)
	var joined error
	must(t, raw.Control(func(fd uintptr) {
		group := &unix.IPv6Mreq{Multiaddr: netip.MustParseAddr("ff02::1:2").As16(), Interface: 2}
		joined = unix.SetsockoptIPv6Mreq(int(fd), unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, group)
	}))
	must(t, joined)

	for _, c := range []struct {
		name     string
		from, to *net.UDPConn
		address  string
		open     bool
	}{
		{"asked all, IPv4", client4, server4, "255.255.255.255:67", true},
		{"asked one, IPv4", client4, server4, files4 + ":67", false},
		{"asked all, IPv6", client6, server6, "[ff02::1:2%2]:547", true},
		{"asked one, IPv6", client6, server6, "[" + files6 + "]:547", false},
		{"answered, IPv4", server4, client4, pc4 + ":68", true},
		{"answered from afar, IPv6", server6, client6, "[" + pc6 + "]:546", false},
	} {
		to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(c.address))
		if _, err := c.from.WriteTo([]byte(c.name), to); err != nil && !errors.Is(err, syscall.EPERM) {
			t.Errorf("%s: %v", c.name, err)
		}
		b, wait := make([]byte, 64), lateness
		if c.open {
			wait = patience
		}
		must(t, c.to.SetReadDeadline(time.Now().Add(wait)))
		n, _, err := c.to.ReadFrom(b)
		switch {
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			t.Errorf("%s: %v", c.name, err)
		case (err == nil && string(b[:n]) == c.name) != c.open:
			t.Errorf("%s: came %q, %v", c.name, b[:n], err)
		}
	}
}

// listenOn makes a socket that is bound to eth0, as those of DHCP are.
func listenOn(t *testing.T, s *netns.Space, network, address string) *net.UDPConn {
	t.Helper()
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var bound error
		if err := c.Control(func(fd uintptr) { bound = unix.BindToDevice(int(fd), "eth0") }); err != nil {
			return err
		}
		return bound
	}}
	var c net.PacketConn
	must(t, s.Do(func() (err error) {
		c, err = config.ListenPacket(context.Background(), network, address)
		return err
	}))
	t.Cleanup(func() { c.Close() })
	return c.(*net.UDPConn)
}

// The server answers; it does not call. Somebody who has its address gets in no further.
func TestServerOpensNoSession(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	const port = 9999 // of the server, which the PC may reach
	call := func(address, to string, wait time.Duration) error {
		var c net.Conn
		err := l.management.Do(func() (err error) {
			d := net.Dialer{Timeout: wait, LocalAddr: &net.TCPAddr{IP: net.ParseIP(address), Port: port}}
			c, err = d.Dial("tcp", net.JoinHostPort(to, "445"))
			return err
		})
		if err != nil {
			return err
		}
		defer c.Close()
		must(t, c.(*net.TCPConn).SetLinger(0)) // so that the port is free again at once
		return say(c, wait)
	}
	must(t, call(management4, pc4, patience))
	must(t, call(management6, pc6, patience))
	must(t, l.host().Cut(t.Context(), Allow{Servers: []Endpoint{
		netip.AddrPortFrom(netip.MustParseAddr(management4), port), netip.AddrPortFrom(netip.MustParseAddr(management6), port)}}))
	if err := call(management4, pc4, lateness); !late(err) {
		t.Errorf("IPv4: %v", err)
	}
	if err := call(management6, pc6, lateness); !late(err) {
		t.Errorf("IPv6: %v", err)
	}
}

// late reports whether nothing came, not even a refusal.
func late(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
