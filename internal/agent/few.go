package agent

import (
	"net"
	"slices"
	"sync"
)

const (
	maxControlConns = 64
	maxControlEach  = 8 // of one account, where the system tells whose a connection is
)

// few lets only so many connections be open at once, and only some of them be one account's.
// One too many takes the place of the oldest that has asked nothing yet: somebody who only
// holds connections keeps nobody from pressing.
type few struct {
	net.Listener
	who func(net.Conn) string

	mu     sync.Mutex
	places []*place // oldest first
}

func newFew(l net.Listener, who func(net.Conn) string) *few { return &few{Listener: l, who: who} }

// Accept gives the next connection for which there is a place.
func (f *few) Accept() (net.Conn, error) {
	for {
		conn, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p := &place{Conn: conn, of: f, who: f.who(conn)}
		given, ok := f.enter(p)
		if given != nil {
			given.Conn.Close()
		}
		if ok {
			return p, nil
		}
		conn.Close()
	}
}

// enter gives p a place, in exchange for given when there is none left.
func (f *few) enter(p *place) (given *place, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	same := func(other *place) bool { return other.who == p.who }
	own := 0
	for _, other := range f.places {
		if same(other) {
			own++
		}
	}
	idle := func(other *place) bool { return !other.asked }
	switch {
	case p.who != "" && own >= maxControlEach:
		idle = func(other *place) bool { return !other.asked && same(other) }
	case len(f.places) < maxControlConns:
		f.places = append(f.places, p)
		return nil, true
	}
	i := slices.IndexFunc(f.places, idle)
	if i < 0 {
		return nil, false
	}
	given = f.places[i]
	given.gone = true
	f.places = append(slices.Delete(f.places, i, i+1), p)
	return given, true
}

// place is a connection that counts.
type place struct {
	net.Conn
	of  *few
	who string

	asked, gone bool // its request was read whole; it was given up; guarded by of.mu
}

// keep makes the place its own until the end, unless it was given up.
func (p *place) keep() bool {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.asked = !p.gone
	return p.asked
}

// Close gives the place back.
func (p *place) Close() error {
	p.of.mu.Lock()
	p.gone = true
	if i := slices.Index(p.of.places, p); i >= 0 {
		p.of.places = slices.Delete(p.of.places, i, i+1)
	}
	p.of.mu.Unlock()
	return p.Conn.Close()
}
