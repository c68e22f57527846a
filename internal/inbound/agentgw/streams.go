package agentgw

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"sekimori/internal/kit/wire"
)

// The streams. An idle PC costs its connection, one small goroutine that waits for its
// end, and nothing else: the connection is taken from net/http, whose buffers go.

// writeTime bounds one write: a PC that takes nothing in is cut off, and comes again.
const writeTime = 3 * time.Second

// writers is how many streams are written at once.
const writers = 16

// gather is how long comings and goings wait to be written down together.
const gather = 100 * time.Millisecond

// presenceAgain is how long the store has to recover before presence is written once more.
const presenceAgain = time.Second

// look is how many devices are asked for at once when anything may have changed.
const look = 1000

// stream is one open stream. told is written by its owner alone: who holds the mutex.
type stream struct {
	device string
	conn   io.WriteCloser
	turn   int // when its heartbeats are due; set by streams.add

	mu   sync.Mutex
	told int64 // newest version that the PC has, or was told of
}

// tell writes, when the PC does not know the version yet. Failing, it ends the stream.
func (s *stream) tell(version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version <= s.told {
		return
	}
	s.told = version
	s.write(wire.Nudge(version))
}

// set is tell for the first word on a stream: a server that knows less than the PC, such as
// one that was restored from a backup, says so too.
func (s *stream) set(version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version != s.told {
		s.told = version
		s.write(wire.Nudge(version))
	}
}

func (s *stream) beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(wire.Beat)
}

func (s *stream) write(text string) {
	if c, ok := s.conn.(net.Conn); ok {
		c.SetWriteDeadline(time.Now().Add(writeTime))
	}
	if _, err := io.WriteString(s.conn, text); err != nil {
		s.conn.Close() // its reader sees the end and takes it out
	}
}

// streams holds the open ones, the newest of each device.
type streams struct {
	mu     sync.Mutex
	open   map[string]*stream // guarded by mu
	last   int                // turn that was given last; guarded by mu
	on     map[string]bool    // devices that came (true) or went since the last writing down; guarded by mu
	closed bool               // guarded by mu
	moved  chan struct{}      // something in on
	wg     sync.WaitGroup     // readers
}

// add puts a stream in, in the place of an older one of the same device.
func (ss *streams) add(s *stream) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.closed {
		return false
	}
	if ss.open == nil {
		ss.open, ss.on = map[string]*stream{}, map[string]bool{}
	}
	if old := ss.open[s.device]; old != nil {
		old.conn.Close()
	}
	ss.last = (ss.last + 1) % turns
	s.turn = ss.last
	ss.open[s.device] = s
	ss.move(s.device, true)
	ss.wg.Add(1)
	return true
}

func (ss *streams) remove(s *stream) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.open[s.device] == s {
		delete(ss.open, s.device)
		ss.move(s.device, false)
	}
	ss.wg.Done()
}

// move notes a coming or going. The caller holds mu.
func (ss *streams) move(device string, on bool) {
	ss.on[device] = on
	select {
	case ss.signal() <- struct{}{}:
	default:
	}
}

// signal is the channel that says that somebody came or went. The caller holds mu.
func (ss *streams) signal() chan struct{} {
	if ss.moved == nil {
		ss.moved = make(chan struct{}, 1)
	}
	return ss.moved
}

func (ss *streams) moves() <-chan struct{} {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.signal()
}

// drain gives who came and who went.
func (ss *streams) drain() (on, off []string) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for d, here := range ss.on {
		if here {
			on = append(on, d)
		} else {
			off = append(off, d)
		}
	}
	clear(ss.on)
	return on, off
}

// again takes back comings and goings that could not be written down, unless there is
// newer word of a device.
func (ss *streams) again(on, off []string) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	back := func(devices []string, here bool) {
		for _, d := range devices {
			if _, newer := ss.on[d]; !newer {
				ss.on[d] = here
			}
		}
	}
	back(on, true)
	back(off, false)
}

func (ss *streams) of(device string) *stream {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.open[device]
}

// turns is into how many parts the streams are dealt for their heartbeats.
const turns = 30

// due gives the streams whose turn it is.
func (ss *streams) due(turn int) []*stream {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	out := make([]*stream, 0, len(ss.open)/turns+1)
	for _, s := range ss.open {
		if s.turn == turn {
			out = append(out, s)
		}
	}
	return out
}

func (ss *streams) all() []*stream {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	out := make([]*stream, 0, len(ss.open))
	for _, s := range ss.open {
		out = append(out, s)
	}
	return out
}

// close ends every stream and waits for their readers.
func (ss *streams) close() {
	ss.mu.Lock()
	ss.closed = true
	for _, s := range ss.open {
		s.conn.Close()
	}
	ss.mu.Unlock()
	ss.wg.Wait()
}

// Online is how many PCs hold a stream to this server.
func (g *Gateway) Online() int {
	g.streams.mu.Lock()
	defer g.streams.mu.Unlock()
	return len(g.streams.open)
}

// head is the answer to a request for the stream; the connection ends with it.
const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\nConnection: close\r\n\r\n"

// stream answers a request for the stream.
func (g *Gateway) stream(w http.ResponseWriter, r *http.Request, device string, _ []byte) error {
	have, err := version(r)
	if err != nil {
		return err
	}
	s := &stream{device: device, told: have}
	hijacker, ok := w.(http.Hijacker)
	if !ok || r.ProtoMajor != 1 {
		return g.shared(w, r, s)
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		if errors.Is(err, http.ErrNotSupported) {
			return g.shared(w, r, s)
		}
		return errBroken
	}
	conn.SetDeadline(time.Time{})
	s.conn = conn
	s.write(head + wire.Beat)
	if !g.streams.add(s) {
		conn.Close()
		return errBroken
	}
	go g.wait(s, conn)
	g.catchUp(r.Context(), s)
	return nil
}

// wait sees the end of a stream. A PC says nothing on it.
func (g *Gateway) wait(s *stream, conn net.Conn) {
	var b [1]byte
	conn.Read(b[:])
	conn.Close()
	g.streams.remove(s)
}

// shared holds a stream over HTTP/2 or behind a wrapper, where the connection is not
// ours to take.
func (g *Gateway) shared(w http.ResponseWriter, r *http.Request, s *stream) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	c := &flushed{w: w, rc: http.NewResponseController(w), end: cancel}
	s.conn = c
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	s.beat()
	if !g.streams.add(s) {
		return errBroken
	}
	defer g.streams.remove(s)
	g.catchUp(ctx, s)
	<-ctx.Done()
	c.stop()
	return nil
}

// flushed writes through a ResponseWriter until its handler returns.
type flushed struct {
	mu  sync.Mutex
	w   http.ResponseWriter // nil once the handler has returned; guarded by mu
	rc  *http.ResponseController
	end func()
}

func (f *flushed) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.w == nil {
		return 0, net.ErrClosed
	}
	f.rc.SetWriteDeadline(time.Now().Add(writeTime)) // where it can be set
	n, err := f.w.Write(b)
	if err == nil {
		err = f.rc.Flush()
	}
	return n, err
}

func (f *flushed) Close() error { f.end(); return nil }

func (f *flushed) stop() {
	f.mu.Lock()
	f.w = nil
	f.mu.Unlock()
}

// catchUp tells a PC at once what it has missed. The stream is in the list by now, so
// that nothing falls between this look and the next change.
func (g *Gateway) catchUp(ctx context.Context, s *stream) {
	newest, err := g.Devices.Version(context.WithoutCancel(ctx), []string{s.device})
	if err != nil {
		g.Log.ErrorContext(ctx, "look for a device's version", "device", s.device, "error", err)
		return // the PC looks by itself now and then
	}
	v, known := newest[s.device]
	if !known { // its key was refused a moment ago
		s.conn.Close()
		return
	}
	s.set(v)
}

// Run serves the streams until ctx ends; it then ends them and returns.
func (g *Gateway) Run(ctx context.Context) {
	if err := g.Devices.ClearPresence(ctx, g.Server); err != nil && ctx.Err() == nil {
		g.Log.ErrorContext(ctx, "clear presence", "error", err)
	}
	tell := make(chan func())
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for f := range tell {
				f()
			}
		})
	}
	var owners sync.WaitGroup
	owners.Go(func() { g.follow(ctx, tell) })
	owners.Go(func() { g.beats(ctx, tell) })
	owners.Go(func() { g.presence(ctx) })
	<-ctx.Done()
	g.streams.close()
	owners.Wait()
	close(tell)
	wg.Wait()
	clearing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := g.Devices.ClearPresence(clearing, g.Server); err != nil {
		g.Log.WarnContext(ctx, "clear presence", "error", err)
	}
}

// follow tells the streams of what changed.
func (g *Gateway) follow(ctx context.Context, tell chan<- func()) {
	changed := g.Live.Subscribe(ctx)
	for {
		var subjects, chosen []string
		select {
		case <-ctx.Done():
			return
		case subjects = <-changed:
		}
		g.keyring.forget(subjects)
		if subjects == nil {
			for _, s := range g.streams.all() {
				chosen = append(chosen, s.device)
			}
		} else {
			for _, subject := range subjects {
				if strings.HasPrefix(subject, "dev_") && g.streams.of(subject) != nil {
					chosen = append(chosen, subject)
				}
			}
		}
		for len(chosen) > 0 && ctx.Err() == nil {
			part := chosen[:min(look, len(chosen))]
			chosen = chosen[len(part):]
			newest, err := g.Devices.Version(ctx, part)
			if err != nil {
				if ctx.Err() == nil {
					g.Log.ErrorContext(ctx, "look for devices' versions", "error", err)
				}
				continue
			}
			for _, device := range part {
				s := g.streams.of(device)
				if s == nil {
					continue
				}
				v, known := newest[device]
				if !known { // its key was refused
					s.conn.Close()
					continue
				}
				tell <- func() { s.tell(v) }
			}
		}
	}
}

// beats writes heartbeats, a few streams at a time, so that none of them comes in a wave.
func (g *Gateway) beats(ctx context.Context, tell chan<- func()) {
	tick := time.NewTicker(max(g.Beat/turns, time.Millisecond))
	defer tick.Stop()
	for turn := 0; ; turn = (turn + 1) % turns {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, s := range g.streams.due(turn) {
			tell <- s.beat
		}
	}
}

// presence writes down who came and who went, many at a time.
func (g *Gateway) presence(ctx context.Context) {
	moved := g.streams.moves()
	var missed <-chan time.Time // what could not be written
	for {
		select {
		case <-ctx.Done():
			return
		case <-moved:
		case <-missed:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(gather):
		}
		on, off := g.streams.drain()
		for len(on)+len(off) > 0 {
			a, b := on[:min(look, len(on))], off[:min(look, len(off))]
			on, off = on[len(a):], off[len(b):]
			if err := g.Devices.Presence(ctx, g.Server, a, b); err != nil && ctx.Err() == nil {
				g.Log.ErrorContext(ctx, "write presence down", "error", err)
				g.streams.again(a, b) // with the next coming or going, or after a while
				missed = time.After(presenceAgain)
			}
		}
	}
}
