package agent

import (
	"time"

	"sekimori/internal/kit/wire"
)

// What loans are judged by, as MediaFact.Time names it.
const (
	byServer   = "server"   // the server's, heard since the system started
	byDocument = "document" // the latest that is known for certain, carried on
	byPC       = "pc"       // the PC's own, which is later than that
)

// clockDrift is how far the PC's clock may fall behind what it said itself before, and still
// be believed to be running.
const clockDrift = wire.Micros(time.Minute / time.Microsecond)

// byServer gives the server's time carried forward, and whether it was heard at all.
func (c *serverClock) byServer() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.get(), c.known
}

// floor is a moment that has certainly passed, as it is written down: setting the PC's
// clock back makes no loan longer, over a restart neither.
type floor struct {
	At   wire.Micros   `json:"at"`
	Boot string        `json:"boot"`
	Ran  time.Duration `json:"ran"` // how long the system had run then
}

// carried gives the moment that has certainly passed by now.
func (f floor) carried(boot string, ran time.Duration) wire.Micros {
	if f.At == 0 {
		return 0
	}
	if f.Boot == boot && boot != "" {
		ran -= f.Ran
	}
	return f.At + wire.Micros(max(0, ran)/time.Microsecond)
}

// trustedTime judges what time it is. server is the server's time, heard true when it was
// heard since the start. issued is when the newest desired state was made.
func trustedTime(server time.Time, heard bool, f floor, issued wire.Micros, boot string, ran time.Duration, pc time.Time) (now wire.Micros, by string) {
	if heard {
		return wire.MicrosOf(server), byServer
	}
	now, by = max(f.carried(boot, ran), issued), byDocument
	if p := wire.MicrosOf(pc); p+clockDrift >= now {
		now, by = max(now, p), byPC
	}
	return now, by
}

// now is the time by which loans are judged. The caller holds mu.
func (g *guard) now(o guardOrder) wire.Micros {
	server, heard := g.server()
	now, by := trustedTime(server, heard, g.memory.Floor, o.issued, g.boot, g.clock.Running(), g.clock.Now())
	g.memory.Floor = floor{At: now, Boot: g.boot, Ran: g.clock.Running()}
	g.fact.Time = by
	return now
}

func (g *guard) peek() wire.Micros {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.timeNow()
}

// timeNow is the trusted time. The caller holds mu.
func (g *guard) timeNow() wire.Micros { return g.now(g.order()) }
