package host

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// connection is one connection, listener or UDP port.
type connection struct {
	Proto   string         `json:"proto"` // "tcp", "tcp6", "udp", "udp6"
	State   string         `json:"state,omitempty"`
	Local   netip.AddrPort `json:"local"`
	Remote  netip.AddrPort `json:"remote"`
	UID     *uint32        `json:"uid,omitempty"`
	PID     int            `json:"pid,omitempty"`
	Program string         `json:"program,omitempty"`
	inode   uint64
}

// neighbour is an entry of the ARP or neighbour discovery table.
type neighbour struct {
	Address netip.Addr `json:"address"`
	MAC     string     `json:"mac,omitempty"`
	Link    string     `json:"link"`
	State   string     `json:"state"`
}

// tcpState names the states of a TCP connection, as numbered by Linux's
// include/net/tcp_states.h.
func tcpState(n uint64) string {
	names := [...]string{1: "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2", "time-wait",
		"close", "close-wait", "last-ack", "listen", "closing", "new-syn-recv"}
	if n > 0 && n < uint64(len(names)) {
		return names[n]
	}
	return strconv.FormatUint(n, 10)
}

// parseConnection reads a line of /proc/net/tcp, tcp6, udp or udp6 (man 5 proc), but not the
// first, which is the heading. proto is the file's name.
func parseConnection(proto, line string) (connection, error) {
	f := strings.Fields(line)
	if len(f) < 10 {
		return connection{}, fmt.Errorf("%s: %d fields", proto, len(f))
	}
	s := connection{Proto: proto}
	var err error
	if s.Local, err = parseHexAddr(f[1]); err != nil {
		return connection{}, err
	}
	if s.Remote, err = parseHexAddr(f[2]); err != nil {
		return connection{}, err
	}
	state, err := strconv.ParseUint(f[3], 16, 8)
	if err != nil {
		return connection{}, fmt.Errorf("state: %w", err)
	}
	if strings.HasPrefix(proto, "tcp") {
		s.State = tcpState(state)
	} else if state == 1 { // UDP knows only connected and not
		s.State = "connected"
	}
	uid, err := strconv.ParseUint(f[7], 10, 32)
	if err != nil {
		return connection{}, fmt.Errorf("uid: %w", err)
	}
	s.UID = new(uint32(uid))
	if s.inode, err = strconv.ParseUint(f[9], 10, 64); err != nil {
		return connection{}, fmt.Errorf("inode: %w", err)
	}
	return s, nil
}

// parseHexAddr reads ADDRESS:PORT where the address is in words of the machine's own byte
// order, which is little-endian on every system that we build for.
func parseHexAddr(s string) (netip.AddrPort, error) {
	addr, port, ok := strings.Cut(s, ":")
	if !ok || len(addr) != 8 && len(addr) != 32 {
		return netip.AddrPort{}, fmt.Errorf("address %.60q", s)
	}
	b, err := hex.DecodeString(addr)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("address %.60q: %w", s, err)
	}
	for i := 0; i < len(b); i += 4 {
		b[i], b[i+1], b[i+2], b[i+3] = b[i+3], b[i+2], b[i+1], b[i]
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port of %.60q: %w", s, err)
	}
	ip, _ := netip.AddrFromSlice(b) // 4 or 16 bytes
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), nil
}
