package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"sekimori/internal/kit/wire"
)

const (
	proofTime  = 3 * time.Second        // for the server to answer
	closedTime = 600 * time.Millisecond // a target that says nothing for so long is out of reach
	maxTargets = 12
)

// proof is what two probes have shown: that the server answers, and that what must be
// out of reach is.
type proof struct {
	server error    // nil: it answers
	open   []string // forbidden targets that could be reached
	tried  int      // forbidden targets in all
}

// problems are what keeps an isolation from being proven, one line each. failing says
// that it is not true, rather than not shown.
func (p proof) problems() (lines []string, failing bool) {
	for _, t := range p.open {
		lines = append(lines, t+" can still be reached")
	}
	if p.server != nil {
		lines = append(lines, "the server does not answer: "+oneLine(p.server.Error()))
	}
	if p.tried == 0 {
		lines = append(lines, "there is no place beyond this PC to try")
	}
	return lines, len(p.open) > 0
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = s[:300]
	}
	return strings.ToValidUTF8(s, "")
}

// target is a place that an isolated PC must not reach.
type target struct {
	network string // tcp or udp
	addr    netip.AddrPort
}

func (t target) String() string { return t.network + " " + t.addr.String() }

// targets are forbidden places on machines that are surely there: the server's own, on
// ports that are not the server's, and the ways out of the local network.
func targets(servers []netip.AddrPort, gateways []netip.Addr) []target {
	var hosts []netip.Addr
	for _, s := range servers {
		hosts = append(hosts, s.Addr())
	}
	hosts = append(hosts, gateways...)
	var out []target
	var seen []netip.Addr
	for _, h := range hosts {
		if h.IsLoopback() || slices.Contains(seen, h) || len(out)+3 > maxTargets {
			continue
		}
		seen = append(seen, h)
		for _, t := range []target{{"tcp", netip.AddrPortFrom(h, 445)}, {"tcp", netip.AddrPortFrom(h, 9)}, {"udp", netip.AddrPortFrom(h, 53)}} {
			if !slices.Contains(servers, t.addr) {
				out = append(out, t)
			}
		}
	}
	return out
}

// prove runs both probes at once.
func prove(ctx context.Context, route Route, ca string, now func() time.Time, forbidden []target) proof {
	p := proof{tried: len(forbidden)}
	open := make([]bool, len(forbidden))
	var wg sync.WaitGroup
	for i, t := range forbidden {
		wg.Go(func() { open[i] = reachable(ctx, t) })
	}
	if len(route.URLs) > 0 {
		wg.Go(func() { p.server = answers(ctx, route, ca, now) })
	}
	wg.Wait()
	for i, t := range forbidden {
		if open[i] {
			p.open = append(p.open, t.String())
		}
	}
	return p
}

// answers asks the server at each pinned address by itself; one that answers is enough,
// because not every network has a way to all of them.
func answers(ctx context.Context, route Route, ca string, now func() time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	type place struct {
		base string
		addr netip.AddrPort
	}
	var places []place
	for _, base := range route.URLs {
		for _, a := range route.Pinned[hostPort(base)] {
			places = append(places, place{base, a})
		}
	}
	if len(places) == 0 {
		return errors.New("no pinned address of the server is known")
	}
	got := make(chan error, len(places)) // room for all: none waits for a reader
	var wg sync.WaitGroup
	for _, p := range places {
		wg.Go(func() { got <- answersAt(ctx, p.base, p.addr, ca, now) })
	}
	defer wg.Wait()
	var errs []error
	for range places {
		err := <-got
		if err == nil {
			cancel()
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func answersAt(ctx context.Context, base string, addr netip.AddrPort, ca string, now func() time.Time) error {
	t, err := newTransport(ca, now)
	if err != nil {
		return err
	}
	t.DisableKeepAlives = true
	t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr.String())
	}
	defer t.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+wire.PathProbe, nil)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	res, err := t.RoundTrip(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%v answers %s", addr, res.Status)
	}
	return nil
}

// reachable reports whether anything of a target comes back. A refusal is an answer too:
// the packets have gone out and in. Only silence, or this system's own word that it let
// nothing out, means that the target is out of reach.
func reachable(ctx context.Context, t target) bool {
	ctx, cancel := context.WithTimeout(ctx, closedTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, t.network, t.addr.String())
	if err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	defer conn.Close()
	if t.network == "tcp" {
		return true
	}
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return false
	}
	// A DNS question for the root's servers: any resolver answers something.
	if _, err := conn.Write([]byte{0x5e, 0x4b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1}); err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	var b [1]byte
	_, err = conn.Read(b[:])
	return err == nil || errors.Is(err, syscall.ECONNREFUSED)
}
