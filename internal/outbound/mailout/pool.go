package mailout

import (
	"context"
	"slices"
	"sync"
	"time"
)

// pool keeps connections on which a mail went well, for the next one: to connect, to
// agree on keys and to sign in costs several times what a mail costs. There are never
// more of them than there were mails under way at once.
type pool struct {
	idle  time.Duration // a connection that waited so long is ended
	mails int           // a connection that took so many is ended

	mu      sync.Mutex
	running bool    // guarded by mu
	waiting []*line // guarded by mu; the one that waited longest first
}

// take gives the connection that was used last, bound to ctx, or nil when none waits.
// Until it agrees to take the content it has only the time given: one whose other end
// is gone without a word must leave time for a fresh one.
func (p *pool) take(ctx context.Context, limit time.Duration) *line {
	for {
		l := p.pop()
		if l == nil {
			return nil
		}
		now := time.Now()
		if now.Sub(l.since) >= p.idle || l.conn.SetDeadline(now.Add(limit)) != nil {
			l.hangUp() // run was about to end it
			continue
		}
		l.bind(ctx)
		return l
	}
}

func (p *pool) pop() *line {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.waiting)
	if n == 0 {
		return nil
	}
	l := p.waiting[n-1]
	p.waiting = p.waiting[:n-1]
	return l
}

// keep lets a connection wait on which a mail has just gone well, or ends it.
func (p *pool) keep(l *line) {
	l.mails++
	l.since = time.Now()
	if !l.release() {
		l.hangUp()
		return
	}
	p.mu.Lock()
	kept := p.running && l.mails < p.mails
	if kept {
		p.waiting = append(p.waiting, l)
	}
	p.mu.Unlock()
	if !kept {
		l.goodbye()
	}
}

// run lets connections wait until ctx ends, and ends those that waited too long.
func (p *pool) run(ctx context.Context) {
	p.set(true)
	tick := time.NewTicker(max(p.idle/4, time.Millisecond)) // it panics at zero
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case now := <-tick.C:
			part(p.cut(now.Add(-p.idle)))
		}
	}
	p.set(false)
	part(p.cut(time.Now()))
}

func (p *pool) set(running bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = running
}

// cut takes out the connections that have waited since the time or longer.
func (p *pool) cut(since time.Time) []*line {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.waiting) && !p.waiting[n].since.After(since) {
		n++
	}
	old := slices.Clone(p.waiting[:n])
	p.waiting = slices.Delete(p.waiting, 0, n)
	return old
}

// part takes leave on all of the connections at once, and waits until it is done.
func part(lines []*line) {
	var wg sync.WaitGroup
	for _, l := range lines {
		wg.Go(l.goodbye)
	}
	wg.Wait()
}
