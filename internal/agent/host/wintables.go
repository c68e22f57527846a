package host

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// The tables of sockets and neighbours as the IP helper library of Windows lays them out
// in memory (tcpmib.h, udpmib.h, netioapi.h). They are read as bytes, so that the readers
// are tested and fuzzed on every system.

// winTable is one of the tables of GetExtendedTcpTable and GetExtendedUdpTable, with the
// owner's process.
type winTable int

const (
	tcpTable4 winTable = iota
	tcpTable6
	udpTable4
	udpTable6
)

// proto is its name among connections.
func (t winTable) proto() string { return [...]string{"tcp", "tcp6", "udp", "udp6"}[t] }

// row is the size of a row in bytes.
func (t winTable) row() int { return [...]int{24, 56, 12, 28}[t] }

// rows cuts a table into its rows: a count, then so many rows. A count that is too large
// gives only what is there.
func rows(table []byte, t winTable) [][]byte {
	if len(table) < 4 {
		return nil
	}
	n, rest := binary.LittleEndian.Uint32(table), table[4:]
	var all [][]byte
	for ; n > 0 && len(rest) >= t.row(); n-- {
		all = append(all, rest[:t.row():t.row()])
		rest = rest[t.row():]
	}
	return all
}

// parseRow reads one row. Addresses and ports are in network order, all else is the
// machine's.
func (t winTable) parseRow(b []byte) (connection, error) {
	if len(b) != t.row() {
		return connection{}, fmt.Errorf("%s: a row of %d bytes", t.proto(), len(b))
	}
	port := func(at int) uint16 { return binary.BigEndian.Uint16(b[at:]) }
	v4 := func(at int) netip.Addr { return netip.AddrFrom4([4]byte(b[at : at+4])) }
	v6 := func(at int) netip.Addr { return netip.AddrFrom16([16]byte(b[at : at+16])).Unmap() }
	number := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	c := connection{Proto: t.proto()}
	var pid uint32
	switch t {
	case tcpTable4:
		c.Local, c.Remote = netip.AddrPortFrom(v4(4), port(8)), netip.AddrPortFrom(v4(12), port(16))
		c.State, pid = winTCPState(number(0)), number(20)
	case tcpTable6:
		c.Local, c.Remote = netip.AddrPortFrom(v6(0), port(20)), netip.AddrPortFrom(v6(24), port(44))
		c.State, pid = winTCPState(number(48)), number(52)
	case udpTable4:
		c.Local, c.Remote, pid = netip.AddrPortFrom(v4(0), port(4)), netip.AddrPortFrom(netip.IPv4Unspecified(), 0), number(8)
	case udpTable6:
		c.Local, c.Remote, pid = netip.AddrPortFrom(v6(0), port(20)), netip.AddrPortFrom(netip.IPv6Unspecified(), 0), number(24)
	}
	c.PID = int(pid)
	return c, nil
}

// winTCPState names MIB_TCP_STATE (tcpmib.h).
func winTCPState(n uint32) string {
	names := [...]string{1: "close", "listen", "syn-sent", "syn-recv", "established", "fin-wait-1", "fin-wait-2",
		"close-wait", "closing", "last-ack", "time-wait", "delete"}
	if n > 0 && n < uint32(len(names)) {
		return names[n]
	}
	return strconv.FormatUint(uint64(n), 10)
}

// winNeighbourRow is the size of MIB_IPNET_ROW2.
const winNeighbourRow = 88

// parseWinNeighbour reads a MIB_IPNET_ROW2: address, interface's index and LUID, physical
// address of up to 32 bytes and its length, state.
func parseWinNeighbour(b []byte) (n neighbour, err error) {
	if len(b) != winNeighbourRow {
		return neighbour{}, fmt.Errorf("neighbour: a row of %d bytes", len(b))
	}
	switch family := binary.LittleEndian.Uint16(b); family {
	case 2: // AF_INET
		n.Address = netip.AddrFrom4([4]byte(b[4:8]))
	case 23: // AF_INET6
		n.Address = netip.AddrFrom16([16]byte(b[8:24]))
	default:
		return neighbour{}, fmt.Errorf("neighbour: address family %d", family)
	}
	n.Link = strconv.FormatUint(uint64(binary.LittleEndian.Uint32(b[28:])), 10)
	n.MAC = net.HardwareAddr(b[40 : 40+min(binary.LittleEndian.Uint32(b[72:]), 32)]).String()
	states := [...]string{"unreachable", "incomplete", "probe", "delay", "stale", "reachable", "permanent"}
	state := binary.LittleEndian.Uint32(b[76:])
	n.State = strconv.FormatUint(uint64(state), 10)
	if state < uint32(len(states)) {
		n.State = states[state]
	}
	return n, nil
}

// ends reports whether a connection with this other end is ended by a cut.
func ends(remote netip.AddrPort, allow Allow) bool {
	if !remote.IsValid() || remote.Addr().IsLoopback() || remote.Addr().IsUnspecified() {
		return false
	}
	for _, s := range allow.Servers {
		if netip.AddrPortFrom(s.Addr().Unmap(), s.Port()) == remote {
			return false
		}
	}
	return true
}
