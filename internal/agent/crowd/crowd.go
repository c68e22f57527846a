// Package crowd plays thousands of PCs against a server from one process: they enrol,
// hold their streams, fetch what they are nudged to, obey isolation and release, and tell
// of changed facts. What they "do" is only said: no firewall is touched.
//
// A seed gives the same PCs again, with the same keys and the same choices. A PC is one
// goroutine and one connection; its requests go over a connection of their own.
package crowd

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/kit/wire"
)

// Options say who plays.
type Options struct {
	Server  string      // https://sekimori.example:8420
	TLS     *tls.Config // for an https server; nil: the machine's authorities
	Seed    int64
	Devices int
	Ramp    time.Duration // streams open at random times within it; 0: as fast as Parallel lets them
	// Parallel bounds connections that are being made at once; default 64.
	Parallel int
	Changes  float64 // changed facts per second, of all PCs together
	Still    bool    // hear nudges, and fetch nothing
	// Heard is told what happens, from many goroutines; may be nil.
	Heard func(device int, what Happening, at time.Time)
}

// Happening is a step of one PC.
type Happening int

// The steps, in their order.
const (
	Opened  Happening = iota // its stream stands
	Nudged                   // it heard that a version exists
	Obeyed                   // the new desired state is checked and in force
	Applied                  // the server has heard so
	Proven                   // and that the isolation is proven
)

// Crowd is the PCs.
type Crowd struct {
	devices []*Device
	base    url.URL
	host    string // host:port to dial
	tls     *tls.Config
	spread  bool // each PC dials from a loopback address of its own
	seed    int64
	ramp    time.Duration
	changes float64
	still   bool
	heard   func(int, Happening, time.Time)
	dialing chan struct{}

	trusted atomic.Pointer[note.Verifiers]
	stats   stats
}

// New makes the PCs; nothing is dialled yet.
func New(o Options) (*Crowd, error) {
	u, err := url.Parse(o.Server)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("crowd: server %q is no http or https URL", o.Server)
	}
	if o.Parallel == 0 {
		o.Parallel = 64
	}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if u.Port() != "" {
		port = u.Port()
	}
	c := &Crowd{base: url.URL{Scheme: u.Scheme, Host: u.Host}, host: net.JoinHostPort(u.Hostname(), port), seed: o.Seed, ramp: o.Ramp,
		changes: o.Changes, still: o.Still, heard: o.Heard, dialing: make(chan struct{}, o.Parallel)}
	c.stats.why = map[string]int64{}
	if u.Scheme == "https" {
		c.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		if o.TLS != nil {
			c.tls = o.TLS.Clone()
		}
		c.tls.ServerName = u.Hostname()
	}
	addr, err := netip.ParseAddr(u.Hostname())
	c.spread = manyLoopbacks && err == nil && addr.Is4() && addr.IsLoopback()
	for n := range o.Devices {
		key := keyOf(o.Seed, n)
		c.devices = append(c.devices, &Device{ID: wire.DeviceID(key.Public().(ed25519.PublicKey)), crowd: c, n: n, key: key})
	}
	return c, nil
}

// Device gives the n-th PC.
func (c *Crowd) Device(n int) *Device { return c.devices[n] }

// Enrol enrols the PCs that the server does not know. token gives a fresh one each time.
func (c *Crowd) Enrol(ctx context.Context, token func(context.Context) (string, error)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	next := make(chan *Device)
	for range min(cap(c.dialing), len(c.devices)) {
		wg.Go(func() {
			for d := range next {
				if err := c.enrol(ctx, d, token); err != nil {
					stop(fmt.Errorf("enrol device %d: %w", d.n, err))
				}
			}
		})
	}
	for _, d := range c.devices {
		if ctx.Err() != nil {
			break
		}
		next <- d
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

func (c *Crowd) enrol(ctx context.Context, d *Device, token func(context.Context) (string, error)) error {
	l, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	if known, err := d.known(ctx, l); known || err != nil {
		return err
	}
	t, err := token(ctx)
	if err != nil {
		return fmt.Errorf("get a token: %w", err)
	}
	began := time.Now()
	if err := d.enrol(ctx, l, t); err != nil {
		return err
	}
	c.stats.enrolments.Add(time.Since(began))
	return nil
}

// trust takes the server's keys over.
func (c *Crowd) trust(keys []string) error {
	if c.trusted.Load() != nil {
		return nil
	}
	var vs []note.Verifier
	for _, k := range keys {
		v, err := note.NewVerifier(k)
		if err != nil {
			return fmt.Errorf("server's key: %w", err)
		}
		vs = append(vs, v)
	}
	list := note.VerifierList(vs...)
	c.trusted.Store(&list)
	return nil
}

// Run plays until ctx ends, and gives what has happened until then.
func (c *Crowd) Run(ctx context.Context) Counts {
	end, stop := context.WithCancel(context.WithoutCancel(ctx)) // so that the last count is of PCs that still play
	defer stop()
	ctx, outer := end, ctx
	var wg sync.WaitGroup
	for _, d := range c.devices {
		wg.Go(func() { c.play(ctx, d) })
	}
	if c.changes > 0 {
		wg.Go(func() { c.change(ctx) })
	}
	<-outer.Done()
	counts := c.Counts()
	stop()
	wg.Wait()
	return counts
}

// play keeps one PC's stream open.
func (c *Crowd) play(ctx context.Context, d *Device) {
	chance := rand.New(rand.NewPCG(uint64(c.seed), uint64(d.n)))
	if c.ramp > 0 && !rest(ctx, time.Duration(chance.Int64N(int64(c.ramp)))) {
		return
	}
	const first, last = 500 * time.Millisecond, 30 * time.Second
	for wait := first; ctx.Err() == nil; {
		err := c.hold(ctx, d, func() { wait = first })
		if ctx.Err() != nil {
			return
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			c.failed(ctx, err)
		}
		// Full jitter: after a server's end all of them must not come back at once.
		if !rest(ctx, time.Duration(chance.Int64N(int64(wait)))) {
			return
		}
		wait = min(2*wait, last)
	}
}

// hold opens the stream in its turn and stays on it.
func (c *Crowd) hold(ctx context.Context, d *Device, stands func()) error {
	select {
	case c.dialing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	turn := sync.OnceFunc(func() { <-c.dialing })
	defer turn()
	began, stood := time.Now(), false
	err := d.listen(ctx, func() {
		turn()
		stood = true
		c.stats.connects.Add(time.Since(began))
		c.stats.online.Add(1)
		c.tell(d, Opened)
		stands()
	})
	if stood {
		c.stats.online.Add(-1)
		if ctx.Err() == nil {
			c.stats.drops.Add(1)
		}
	}
	return err
}

func (c *Crowd) tell(d *Device, what Happening) {
	if c.heard != nil {
		c.heard(d.n, what, time.Now())
	}
}

// rest waits and reports whether ctx is still on.
func rest(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
