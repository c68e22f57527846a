package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A drop alone does not end a TCP session: both ends go on sending, and a session that
// was hanging while the PC was cut off goes on when it is released. So the sockets
// themselves are destroyed, by NETLINK_SOCK_DIAG (linux/inet_diag.h); their programs
// get ECONNABORTED at once.

const (
	diagByFamily = 20 // SOCK_DIAG_BY_FAMILY
	diagDestroy  = 21 // SOCK_DESTROY

	// endTime bounds the work on a PC with very many sockets.
	endTime = 2 * time.Second
	// endRounds: a handshake that was under way shows as another socket a moment later.
	endRounds = 3
)

// diagSocket is one line of a dump: struct inet_diag_msg up to its id, 52 bytes.
type diagSocket struct {
	family, state byte
	id            [48]byte // struct inet_diag_sockid, given back as it came
}

// local is this end, remote the other one.
func (s diagSocket) local() netip.AddrPort  { return s.end(0, 4) }
func (s diagSocket) remote() netip.AddrPort { return s.end(2, 20) }

// end reads the port and the address at these places of the id. An IPv6 socket with an
// IPv4 session has IPv4 addresses.
func (s diagSocket) end(port, addr int) netip.AddrPort {
	p := binary.BigEndian.Uint16(s.id[port:])
	if s.family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(s.id[addr:])), p)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(s.id[addr:])).Unmap(), p)
}

// stays reports whether the rules let the session go on: within this PC, or with one of
// keep, which is in order.
func (s diagSocket) stays(protocol byte, keep []Endpoint) bool {
	to := s.remote()
	if to.Addr().IsLoopback() || to.Addr().IsUnspecified() || to.Addr() == s.local().Addr() {
		return true
	}
	_, pinned := slices.BinarySearchFunc(keep, to, Endpoint.Compare)
	return pinned && protocol == unix.IPPROTO_TCP
}

// endSessions destroys every TCP and connected UDP socket whose other end is neither
// this PC nor one of allow. The rules must stand, so that no new ones come.
func (h *linux) endSessions(ctx context.Context, allow Allow) error {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	ns, done, err := h.netns()
	if err != nil {
		return err
	}
	defer done()
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, &netlink.Config{NetNS: ns})
	if err != nil {
		return err
	}
	defer conn.Close()
	keep := servers(allow)
	for range endRounds {
		ended, err := endRound(ctx, conn, keep)
		if err != nil || ended == 0 {
			return err
		}
	}
	return nil
}

func endRound(ctx context.Context, conn *netlink.Conn, keep []Endpoint) (ended int, err error) {
	for _, protocol := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
		for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
			all, err := dumpSockets(conn, family, protocol)
			if err != nil {
				return ended, fmt.Errorf("list the connections: %w", err)
			}
			for _, s := range all {
				if s.stays(protocol, keep) {
					continue
				}
				if err := ctx.Err(); err != nil {
					return ended, err
				}
				switch err := destroy(conn, s, protocol); {
				case err == nil:
					ended++
				case errors.Is(err, unix.ENOENT): // it has ended by itself
				default:
					return ended, fmt.Errorf("end the connection to %v: %w", s.remote(), err)
				}
			}
		}
	}
	return ended, nil
}

// dumpSockets lists the sockets that have another end. Of a kind that the kernel does not
// know there are none.
func dumpSockets(conn *netlink.Conn, family, protocol byte) ([]diagSocket, error) {
	const timeWait, closed, listen = 6, 7, 10 // linux/tcp_states.h; these have none
	states := ^uint32(1<<timeWait | 1<<closed | 1<<listen)
	messages, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: diagByFamily, Flags: netlink.Request | netlink.Dump},
		Data:   diagRequest(family, protocol, states, [48]byte{}),
	})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []diagSocket
	for _, m := range messages {
		if len(m.Data) < 52 {
			continue
		}
		all = append(all, diagSocket{family: m.Data[0], state: m.Data[1], id: [48]byte(m.Data[4:52])})
	}
	return all, nil
}

func destroy(conn *netlink.Conn, s diagSocket, protocol byte) error {
	_, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: diagDestroy, Flags: netlink.Request | netlink.Acknowledge},
		Data:   diagRequest(s.family, protocol, 1<<s.state, s.id),
	})
	return err
}

// diagRequest is struct inet_diag_req_v2.
func diagRequest(family, protocol byte, states uint32, id [48]byte) []byte {
	b := []byte{family, protocol, 0, 0}
	b = binary.NativeEndian.AppendUint32(b, states)
	return append(b, id[:]...)
}
