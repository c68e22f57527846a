package agent

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"sekimori/internal/kit/wire"
)

// keepAdmitted sees to a medium that works: is it still lent, is it still the same, and does
// its time end? The caller holds mu.
func (g *guard) keepAdmitted(ctx context.Context, p *plugged, v verdict, now wire.Micros) time.Duration {
	at := slices.IndexFunc(v.lent, func(m wire.Medium) bool { return m.Asset == p.medium.Asset && m.Token == p.medium.Token })
	if at < 0 || v.lent[at].ReadOnly != p.medium.ReadOnly {
		g.end(ctx, p, v, now, at >= 0) // the same medium may have to be mounted another way
		return guardTick
	}
	if v.lent[at].Until != p.medium.Until {
		p.warned = 0 // it was extended, or cut short
	}
	p.medium = v.lent[at]
	switch {
	case p.stop == nil: // of a process before this one
		g.start(p, func() { g.resume(ctx, p, v, now) })
		return guardTick
	case len(p.disks) > 0:
		p.busy = true
		g.work.Go(func() { g.same(ctx, p, v, now) })
	}
	left := time.Duration(p.medium.Until-now) * time.Microsecond
	due := 0
	if left <= firstWarn {
		due = 1
	}
	if left <= lastWarn {
		due = 2
	}
	if due > p.warned {
		first := p.warned == 0
		p.warned = due
		e := g.eventOf(p, wire.MediaEnding, "", now)
		minutes := int(max(1, left.Round(time.Minute)/time.Minute))
		g.work.Go(func() {
			if first {
				g.tell(ctx, e)
			}
			g.speak(ctx, p, "guard.ending", "minutes", minutes)
		})
	}
	next := left
	if p.warned == 0 {
		next = left - firstWarn
	} else if p.warned == 1 {
		next = left - lastWarn
	}
	return max(time.Millisecond, min(next, guardTick))
}

// same looks whether the disks are those that were admitted: a card can be exchanged in its
// reader while the reader stays plugged in.
func (g *guard) same(ctx context.Context, p *plugged, v verdict, now wire.Micros) {
	disks, err := g.host.Disks(ctx, p.path)
	g.mu.Lock()
	p.busy = false
	changed := err == nil && p.state == plugAdmitted && looks(disks) != p.seen
	if changed {
		g.end(ctx, p, v, now, true)
	}
	g.mu.Unlock()
}

// resume goes on with a medium that an earlier process has admitted, if it is the same.
func (g *guard) resume(ctx context.Context, p *plugged, v verdict, now wire.Micros) {
	disks, err := g.host.Disks(ctx, p.path)
	if err == nil && looks(disks) == p.seen {
		g.admitted(ctx, p, disks, nil)
		return
	}
	if errors.Is(err, context.DeadlineExceeded) {
		g.unread(ctx, p, v, err, now)
		return
	}
	g.refused(ctx, p, v, "", "it is not as it was left; plug it in again", now, true)
}

// end takes a medium away whose time is over, without hurting what is on it; again lets it
// be judged anew. The caller holds mu.
func (g *guard) end(ctx context.Context, p *plugged, v verdict, now wire.Micros, again bool) {
	stop := p.stop
	p.stop, p.tried = nil, ""
	why := cmp.Or(v.why, wire.WhyOver)
	g.start(p, func() {
		ctx, cancel := finish(ctx)
		defer cancel()
		if stop != nil {
			stop()
		}
		g.mu.Lock()
		e := g.eventOf(p, wire.MediaEnded, why, now)
		d := p.dev
		g.mu.Unlock()
		did, err := g.host.Eject(ctx, d.Path, v.held())
		if err == nil && !v.whole {
			err = g.host.Admit(ctx, d.Path, v.passing(d))
		}
		if again && errors.Is(err, fs.ErrNotExist) {
			return // it looked otherwise because it was going: that is told as it is
		}
		e.Detail = clip(did, 500)
		if err != nil {
			e.Detail = clip(oneLine(did+"; "+err.Error()), 500)
		}
		state := plugHeld
		if again {
			state = plugNew // it is judged anew
		}
		g.done(p, state, why, err)
		g.mu.Lock()
		p.medium, p.warned = wire.Medium{}, 0
		g.mu.Unlock()
		g.tell(ctx, e)
		if !again {
			g.speak(ctx, p, "guard.ended")
		}
	})
}
