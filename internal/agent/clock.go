package agent

import (
	"sync"
	"time"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// Clock is time as the machine knows it.
type Clock struct {
	Now     func() time.Time     // what the PC shows; anybody may set it
	Running func() time.Duration // since the system started, sleep included; nobody can set it
}

// MachineClock is the machine's own.
func MachineClock() Clock { return Clock{Now: time.Now, Running: host.Running} }

// serverClock is the server's time as far as it is known here: from the last answer, and
// before the first one from the PC, but never before the newest desired state was made.
type serverClock struct {
	pc Clock

	mu      sync.Mutex
	known   bool
	server  time.Time     // the server's time …
	at      time.Duration // … when this machine had run so long
	floor   time.Time     // when the newest desired state was made
	byFloor bool          // certificates are judged by floor: the PC's own date made them look wrong
}

func (c *serverClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.get()
}

func (c *serverClock) get() time.Time {
	if c.known {
		return c.server.Add(c.pc.Running() - c.at)
	}
	if t := c.pc.Now(); t.After(c.floor) {
		return t
	}
	return c.floor
}

// heard takes the time of an answer over a verified connection.
func (c *serverClock) heard(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := t.Sub(c.get()); !c.known || d > 2*time.Second || d < -2*time.Second {
		c.known, c.server, c.at = true, t, c.pc.Running()
	}
}

func (c *serverClock) issued(t wire.Micros) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := t.Time(); t.After(c.floor) {
		c.floor = t
	}
}

// certificates is the time by which certificates are judged.
func (c *serverClock) certificates() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byFloor && !c.floor.IsZero() {
		return c.floor
	}
	return c.get()
}

// doubt is called when a certificate was refused for its dates: the next one is judged
// by the other clock.
func (c *serverClock) doubt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byFloor = !c.byFloor
}
