package vm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"sekimori/internal/testkit/netns"
)

// forbidden is a host that an isolated PC must not reach. It counts what arrives.
type forbidden struct{ tcp4, tcp6, udp4, udp6 atomic.Int64 }

func newForbidden(t *testing.T, s *netns.Space, port string) *forbidden {
	t.Helper()
	f := &forbidden{}
	for host, n := range map[string][2]*atomic.Int64{strangers[0]: {&f.tcp4, &f.udp4}, strangers[1]: {&f.tcp6, &f.udp6}} {
		l, c := s.Listen("tcp", net.JoinHostPort(host, port)), s.ListenPacket("udp", net.JoinHostPort(host, port))
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				n[0].Add(1)
				io.Copy(io.Discard, conn)
				conn.Close()
			}
		}()
		go func() {
			buf := make([]byte, 100)
			for {
				if _, _, err := c.ReadFrom(buf); errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
					return
				}
				n[1].Add(1)
			}
		}()
	}
	return f
}

// heard reports whether something has arrived by every way since before.
func (f *forbidden) heard(before [4]int64) bool {
	for i, n := range f.counts() {
		if n == before[i] {
			return false
		}
	}
	return true
}

func (f *forbidden) counts() [4]int64 {
	return [4]int64{f.tcp4.Load(), f.tcp6.Load(), f.udp4.Load(), f.udp6.Load()}
}

// kind tells what a frame of the PC is: "" when an isolated PC may send it.
type kind struct {
	leak   string
	server bool // it goes to the server
}

// judge reads a frame as far as that needs.
func judge(frame []byte, servers []netip.AddrPort) kind {
	const ethernet = 14
	if len(frame) < ethernet {
		return kind{leak: "a frame without a header"}
	}
	body := frame[ethernet:]
	switch what := binary.BigEndian.Uint16(frame[12:]); what {
	case unix.ETH_P_ARP: // who has the server's address
		return kind{}
	case unix.ETH_P_IP:
		if len(body) < 20 || len(body) < int(body[0]&15)*4+4 {
			return kind{leak: "a broken IPv4 packet"}
		}
		return judgePacket(netip.AddrFrom4([4]byte(body[16:20])), body[9], body[int(body[0]&15)*4:], servers)
	case unix.ETH_P_IPV6:
		if len(body) < 44 {
			return kind{leak: "a broken IPv6 packet"}
		}
		return judgePacket(netip.AddrFrom16([16]byte(body[24:40])), body[6], body[40:], servers)
	default:
		return kind{leak: fmt.Sprintf("a frame of type %#x", what)}
	}
}

func judgePacket(to netip.Addr, protocol byte, payload []byte, servers []netip.AddrPort) kind {
	port := binary.BigEndian.Uint16(payload[2:])
	switch {
	case protocol == unix.IPPROTO_ICMPV6 && payload[0] >= 133 && payload[0] <= 136: // neighbours and routers
		return kind{}
	case protocol == unix.IPPROTO_TCP:
		for _, s := range servers {
			if s == netip.AddrPortFrom(to, port) {
				return kind{server: true}
			}
		}
	}
	return kind{leak: fmt.Sprintf("protocol %d to %s, port or code %d", protocol, to, port)}
}

// cable counts what the PC has sent since a moment.
type cable struct {
	capture *netns.Capture
	servers []netip.AddrPort
	from    int
}

// mark begins to count anew.
func (c *cable) mark() { c.from += len(c.capture.Frames(c.from)) }

// sent returns how many frames have gone to the server, and how many of each other sort
// that an isolated PC may not send.
func (c *cable) sent() (server int, leaks map[string]int) {
	leaks = map[string]int{}
	for _, f := range c.capture.Frames(c.from) {
		switch k := judge(f.Data, c.servers); {
		case k.leak != "":
			leaks[k.leak]++
		case k.server:
			server++
		}
	}
	return server, leaks
}
