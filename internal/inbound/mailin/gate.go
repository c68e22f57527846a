package mailin

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// gate lets in who may connect, and no more of them than there is room for.
type gate struct {
	net.Listener
	opt   Options
	now   func() time.Time
	log   *slog.Logger
	count func(Outcome)

	mu     sync.Mutex
	open   map[*guarded]struct{}
	recent map[netip.Addr]int // new connections since minute
	minute time.Time
	closed atomic.Bool
	taking sync.WaitGroup // mails
}

func newGate(ln net.Listener, o Options, now func() time.Time, log *slog.Logger, count func(Outcome)) *gate {
	return &gate{Listener: ln, opt: o, now: now, log: log, count: count, open: map[*guarded]struct{}{}, recent: map[netip.Addr]int{}}
}

// Accept gives the next connection that may come in.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if in := g.admit(c); in != nil {
			return in, nil
		}
	}
}

func (g *gate) admit(c net.Conn) *guarded {
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	from := ap.Addr().Unmap().WithZone("")
	if err != nil || !within(g.opt.Networks, from) {
		g.log.Warn("mail intake: connection refused", "address", c.RemoteAddr().String())
		g.count(Stranger)
		g.turnAway(c, "554 5.7.1 Mail is taken from our own mail servers only\r\n")
		return nil
	}
	in := &guarded{Conn: c, from: from, gate: g}
	g.mu.Lock()
	why := g.full(from)
	if why == "" {
		g.open[in] = struct{}{}
	}
	g.mu.Unlock()
	if why != "" {
		g.count(Limited)
		g.turnAway(c, "421 4.7.0 "+why+", try again later\r\n")
		return nil
	}
	in.end = time.AfterFunc(longest, func() { in.Close() })
	return in
}

// full says why no more may come from an address; "" when one more may.
func (g *gate) full(from netip.Addr) string {
	if now := g.now(); now.Sub(g.minute) >= time.Minute || now.Before(g.minute) {
		g.minute = now
		clear(g.recent)
	}
	if g.recent[from]++; g.recent[from] > g.opt.Limits.PerMinute {
		return "Too many connections in a minute"
	}
	same := 0
	for c := range g.open {
		if c.from == from {
			same++
		}
	}
	if same >= g.opt.Limits.Connections || len(g.open) >= 4*g.opt.Limits.Connections {
		return "Too many connections"
	}
	return ""
}

func (g *gate) turnAway(c net.Conn, answer string) {
	c.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(c, answer)
	c.Close()
}

// drain ends the connections on which no mail is being taken, and lets the others end
// after it.
func (g *gate) drain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed.Store(true)
	g.Listener.Close()
	for c := range g.open {
		if !c.busy.Load() {
			c.Conn.SetReadDeadline(time.Now())
		}
	}
}

// begin notes that a mail is being taken on a connection, and reports false when the server
// stops; end notes that it was.
func (g *gate) begin(c *guarded) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed.Load() {
		return false
	}
	c.busy.Store(true)
	g.taking.Add(1)
	return true
}

func (g *gate) end(c *guarded) {
	c.busy.Store(false)
	g.taking.Done()
}

func (g *gate) closeAll() {
	g.mu.Lock()
	open := g.open
	g.open = map[*guarded]struct{}{}
	g.mu.Unlock()
	for c := range open {
		c.Conn.Close()
	}
}

// guarded is one connection that was let in.
type guarded struct {
	net.Conn
	from netip.Addr
	gate *gate
	end  *time.Timer
	busy atomic.Bool // a mail is being taken on it
}

// Read ends the conversation when the server stops.
func (c *guarded) Read(p []byte) (int, error) {
	if c.gate.closed.Load() && !c.busy.Load() {
		return 0, io.EOF
	}
	return c.Conn.Read(p)
}

// Close makes room for another connection.
func (c *guarded) Close() error {
	if c.end != nil {
		c.end.Stop()
	}
	c.gate.mu.Lock()
	delete(c.gate.open, c)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}

// quota counts mails by sender within the hour.
type quota struct {
	now func() time.Time

	mu    sync.Mutex
	began time.Time
	sent  map[string]int
}

// senders is how many senders are told apart in an hour; further ones share one count.
const senders = 10_000

// allow counts one more of each key, and reports false, counting none, when one of them
// has had its share.
func (q *quota) allow(shares map[string]int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := q.now(); q.sent == nil || now.Sub(q.began) >= time.Hour || now.Before(q.began) {
		q.began, q.sent = now, map[string]int{}
	}
	var keys []string
	for key, most := range shares {
		if _, known := q.sent[key]; !known && len(q.sent) >= senders {
			key = ""
		}
		if q.sent[key] >= most {
			return false
		}
		keys = append(keys, key)
	}
	for _, key := range keys {
		q.sent[key]++
	}
	return true
}
