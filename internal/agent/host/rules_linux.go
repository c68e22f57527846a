package host

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// What stays open is written here once: the same values make the rules in the kernel,
// the comparison with what stands there, and the words of a dry run.
//
// No rule asks the connection tracker. Whether a packet may come in from the server is
// told by its TCP flags: so the rules need no further part of the kernel, hold from the
// first packet on for a session that was there before, and cannot be shut by filling
// the tracker's table.

// condition is one thing that a packet must fulfil.
type condition struct {
	text  string // as nft writes it
	exprs []expr.Any
}

// rule accepts the packets that fulfil all its conditions.
type rule []condition

func (r rule) String() string {
	var b strings.Builder
	for _, c := range r {
		b.WriteString(c.text + " ")
	}
	return b.String() + "accept"
}

func (r rule) exprs() []expr.Any {
	var all []expr.Any
	for _, c := range r {
		all = append(all, c.exprs...)
	}
	return append(all, &expr.Verdict{Kind: expr.VerdictAccept})
}

// chain drops what none of its rules accepts.
type chain struct {
	family nftables.TableFamily
	name   string
	hook   *nftables.ChainHook
	rules  []rule
}

// ruleset is what the chain holds in the kernel. It ends with a rule that drops: the
// policy alone would not do, because the kernel gives a new chain its policy a moment
// after it has taken away the chain that it replaces, and the network would be open for
// some microseconds.
func (c chain) ruleset() [][]expr.Any {
	var all [][]expr.Any
	for _, r := range c.rules {
		all = append(all, r.exprs())
	}
	return append(all, []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}})
}

func (c chain) String() string {
	family := "inet"
	if c.family == nftables.TableFamilyBridge {
		family = "bridge"
	}
	return family + " " + c.name
}

// priority is the last place at each hook. There is no later table that could send
// elsewhere what was accepted here, such as a redirection of addresses does; and an
// earlier one that accepts a packet does not save it from a later drop.
func priority() *nftables.ChainPriority { return nftables.ChainPriorityRef(math.MaxInt32) }

// chains are all that Cut puts in.
func chains(allow Allow) []chain {
	// Neighbours and routers of IPv6 must be found anew all the time; 255 shows that a
	// packet has passed no router.
	link := rule{icmp6Types(133, 136), hopLimit255()}
	in := chain{family: nftables.TableFamilyINet, name: "input", hook: nftables.ChainHookInput, rules: []rule{
		{loopback("iif", expr.MetaKeyIIF)},
		link,
		// A router on the way takes only smaller packets: without these two the way to
		// the server is dead for everything that is large. They are not answered.
		{icmp4TooLarge()},
		{icmp6Types(2, 2)},
		// Addresses are renewed on the link; a PC without one could not be released.
		{version(4), udp(67, 68)},
		{inNet("saddr", netip.MustParsePrefix("fe80::/10")), udp(547, 546)},
	}}
	out := chain{family: nftables.TableFamilyINet, name: "output", hook: nftables.ChainHookOutput, rules: []rule{
		{loopback("oif", expr.MetaKeyOIF)},
		link,
		{address("daddr", netip.AddrFrom4([4]byte{255, 255, 255, 255})), udp(68, 67)},
		{address("daddr", netip.MustParseAddr("ff02::1:2")), udp(546, 547)},
	}}
	for _, s := range servers(allow) {
		in.rules = append(in.rules, rule{address("saddr", s.Addr()), tcpPort("sport", s.Port()), noNewSession()})
		out.rules = append(out.rules, rule{address("daddr", s.Addr()), tcpPort("dport", s.Port())})
	}
	return []chain{in, out,
		{family: nftables.TableFamilyINet, name: "forward", hook: nftables.ChainHookForward},
		// Machines inside this one that share its network card.
		{family: nftables.TableFamilyBridge, name: "forward", hook: nftables.ChainHookForward},
	}
}

// servers brings the allowed endpoints into one order and form, and leaves out what
// needs no rule or cannot have one.
func servers(allow Allow) []Endpoint {
	var all []Endpoint
	for _, e := range allow.Servers {
		a := e.Addr().Unmap().WithZone("")
		if a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && e.Port() != 0 {
			all = append(all, netip.AddrPortFrom(a, e.Port()))
		}
	}
	slices.SortFunc(all, Endpoint.Compare)
	return slices.Compact(all)
}

func (h *linux) Plan(allow Allow) []string {
	lines := []string{
		fmt.Sprintf("replace the nftables tables inet %[1]s and bridge %[1]s in one step by:", h.o.Table),
	}
	for _, c := range chains(allow) {
		lines = append(lines, fmt.Sprintf("chain %v: drop everything but", c))
		if len(c.rules) == 0 {
			lines[len(lines)-1] = fmt.Sprintf("chain %v: drop everything", c)
		}
		for _, r := range c.rules {
			lines = append(lines, "  "+r.String())
		}
	}
	return append(lines, "then end every TCP connection and connected UDP socket whose other end is neither this PC nor one of the servers above")
}

func equals(data ...byte) *expr.Cmp { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

func port(p uint16) []byte { return binary.BigEndian.AppendUint16(nil, p) }

func meta(key expr.MetaKey) *expr.Meta { return &expr.Meta{Key: key, Register: 1} }

func network(offset, length uint32) *expr.Payload {
	return &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length}
}

func transport(offset, length uint32) *expr.Payload {
	return &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: length}
}

// loopback is the interface number 1, whatever somebody calls it.
func loopback(text string, key expr.MetaKey) condition {
	return condition{text + " lo", []expr.Any{meta(key), equals(binaryutil.NativeEndian.PutUint32(1)...)}}
}

func version(v int) condition {
	family := byte(unix.NFPROTO_IPV4)
	if v == 6 {
		family = unix.NFPROTO_IPV6
	}
	return condition{fmt.Sprintf("meta nfproto ipv%d", v), []expr.Any{meta(expr.MetaKeyNFPROTO), equals(family)}}
}

// address holds the source ("saddr") or destination ("daddr") to one address.
func address(side string, a netip.Addr) condition {
	return inNet(side, netip.PrefixFrom(a, a.BitLen()))
}

func inNet(side string, p netip.Prefix) condition {
	a := p.Addr()
	v, text, offset := 6, "ip6 ", uint32(8)
	if a.Is4() {
		v, text, offset = 4, "ip ", 12
	}
	length := uint32(a.BitLen() / 8)
	if side == "daddr" {
		offset += length
	}
	c := condition{text + side + " ", append(version(v).exprs, network(offset, length))}
	if p.IsSingleIP() {
		c.text += a.String()
	} else {
		c.text += p.String()
		mask := make([]byte, length)
		for i := range p.Bits() {
			mask[i/8] |= 1 << (7 - i%8)
		}
		c.exprs = append(c.exprs, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: length, Mask: mask, Xor: make([]byte, length)})
	}
	c.exprs = append(c.exprs, equals(a.AsSlice()...))
	return c
}

func tcpPort(side string, p uint16) condition {
	offset := uint32(0)
	if side == "dport" {
		offset = 2
	}
	return condition{fmt.Sprintf("tcp %s %d", side, p), []expr.Any{
		meta(expr.MetaKeyL4PROTO), equals(unix.IPPROTO_TCP), transport(offset, 2), equals(port(p)...)}}
}

// noNewSession: SYN without ACK is the only packet that opens a session.
func noNewSession() condition {
	const syn, ack = 0x02, 0x10
	return condition{"tcp flags & (syn|ack) != syn", []expr.Any{
		transport(13, 1),
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{syn | ack}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{syn}}}}
}

func udp(from, to uint16) condition {
	return condition{fmt.Sprintf("udp sport %d udp dport %d", from, to), []expr.Any{
		meta(expr.MetaKeyL4PROTO), equals(unix.IPPROTO_UDP), transport(0, 4), equals(append(port(from), port(to)...)...)}}
}

func icmp6Types(first, last byte) condition {
	c := condition{fmt.Sprintf("icmpv6 type %d-%d", first, last), append(version(6).exprs,
		meta(expr.MetaKeyL4PROTO), equals(unix.IPPROTO_ICMPV6), transport(0, 1))}
	if first == last {
		c.text = fmt.Sprintf("icmpv6 type %d", first)
		c.exprs = append(c.exprs, equals(first))
		return c
	}
	c.exprs = append(c.exprs, &expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: []byte{first}},
		&expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: []byte{last}})
	return c
}

func icmp4TooLarge() condition {
	return condition{"icmp type 3 icmp code 4", append(version(4).exprs,
		meta(expr.MetaKeyL4PROTO), equals(unix.IPPROTO_ICMP), transport(0, 2), equals(3, 4))}
}

func hopLimit255() condition {
	return condition{"ip6 hoplimit 255", []expr.Any{network(7, 1), equals(255)}}
}
