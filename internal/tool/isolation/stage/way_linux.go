package stage

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"sekimori/internal/testkit/netns"
)

// silence is after how long a packet counts as dropped.
const silence = 700 * time.Millisecond

// Way is one exchange between two machines: by tcp, udp, dns or ping.
type Way struct {
	Name    string
	From    *netns.Space
	Network string
	Address string // with a port; without one for ping
}

// Ways are those that an isolated PC must not have.
func (c *Company) Ways(p *PC, addr4, addr6 string) []Way {
	echo := func(addr string) string { return net.JoinHostPort(addr, fmt.Sprint(portEcho)) }
	var out []Way
	for _, v := range []struct{ version, files, attacker, names, management, pc string }{
		{"IPv4", Files4, Attacker4, Names4, Management4, addr4}, {"IPv6", Files6, Attacker6, Names6, Management6, addr6}} {
		out = append(out,
			Way{"to the file server, " + v.version, p.Space, "tcp", echo(v.files)},
			Way{"to the attacker, " + v.version, p.Space, "tcp", echo(v.attacker)},
			Way{"to the attacker by UDP, " + v.version, p.Space, "udp", echo(v.attacker)},
			Way{"to another port of the server, " + v.version, p.Space, "tcp", echo(v.management)},
			Way{"to the name service, " + v.version, p.Space, "dns", net.JoinHostPort(v.names, "53")},
			Way{"ping to the attacker, " + v.version, p.Space, "ping", v.attacker},
			Way{"ping to the server, " + v.version, p.Space, "ping", v.management},
			Way{"from the attacker, " + v.version, c.Attacker.Space, "tcp", echo(v.pc)},
			Way{"from the attacker by UDP, " + v.version, c.Attacker.Space, "udp", echo(v.pc)},
			Way{"from the server, " + v.version, c.Management, "tcp", echo(v.pc)},
			Way{"ping from the attacker, " + v.version, c.Attacker.Space, "ping", v.pc},
		)
	}
	return out
}

// Try makes one exchange.
func (w Way) Try(wait time.Duration) error {
	if w.Network == "ping" {
		return ping(w.From, w.Address, wait)
	}
	network := w.Network
	if network == "dns" {
		network = "udp"
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	c, err := w.From.Dial(ctx, network, w.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	say := []byte("x")
	if w.Network == "dns" {
		if say, err = question(); err != nil {
			return err
		}
	}
	if _, err := c.Write(say); err != nil {
		return err
	}
	_, err = io.ReadAtLeast(c, make([]byte, 1500), 1)
	return err
}

func question() ([]byte, error) {
	name, err := dnsmessage.NewName(Host + ".")
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 42, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	return m.Pack()
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
	b, err := (&icmp.Message{Type: request, Body: &icmp.Echo{ID: 42, Data: []byte("x")}}).Marshal(nil)
	if err != nil {
		return err
	}
	if _, err := c.WriteTo(b, &net.IPAddr{IP: net.ParseIP(address)}); err != nil {
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
		if m, err := icmp.ParseMessage(protocol, b[:n]); err == nil && m.Type == reply && who.String() == address {
			return nil
		}
	}
}

// Closed gives those of the ways that are open; all are tried at once.
func Closed(ways ...Way) (open []string) {
	results := tryAll(silence, ways)
	for i, w := range ways {
		if results[i] == nil {
			open = append(open, w.Name)
		}
	}
	return open
}

// Open gives what is wrong with those of the ways that are closed.
func Open(ways ...Way) (closed []string) {
	results := tryAll(Patience, ways)
	for i, w := range ways {
		if results[i] != nil {
			closed = append(closed, fmt.Sprintf("%s: %v", w.Name, results[i]))
		}
	}
	return closed
}

func tryAll(wait time.Duration, ways []Way) []error {
	results := make([]error, len(ways))
	var wg sync.WaitGroup
	for i, w := range ways {
		wg.Go(func() { results[i] = w.Try(wait) })
	}
	wg.Wait()
	return results
}
