package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"sekimori/internal/kit/wire"
)

// decide compares what is with what must be. The caller holds mu.
func (g *guard) decide(ctx context.Context, p *plugged, mode wire.GuardMode, o guardOrder, now wire.Micros) time.Duration {
	if p.busy {
		return guardTick // not all work stirs when it is done
	}
	if wait := p.after - g.clock.Running(); wait > 0 {
		return min(wait, guardAgain)
	}
	v := judge(p.dev, g.openOrder(o.media), now)
	if v.register != nil && p.tried != triedOf(v) && (g.taking == v.register.ID || p.state == plugHeld || p.state == plugObserved) {
		// It is for the next medium that is plugged in, and for one only.
		v.register, v.why = nil, wire.WhyUnknown
	}
	if v.why == wire.WhyUnknown && !o.known {
		v.why = wire.WhyNoDocument
	}
	if p.dev.System && v.class != "" {
		g.note(p.path, fmt.Errorf("%s is left alone: the system itself uses it", p.name))
		p.state = plugFree
		return guardIdle
	}
	switch mode {
	case wire.GuardOff:
		g.letGo(ctx, p)
		return guardIdle
	case wire.GuardObserve:
		return g.observe(ctx, p, v, now)
	}
	return g.block(ctx, p, v, o, now)
}

// openOrder is the order without a registration that is done.
func (g *guard) openOrder(m wire.Media) wire.Media {
	if m.Register != nil && slices.Contains(g.memory.Registered, m.Register.ID) {
		m.Register = nil
	}
	return m
}

// letGo gives a device that was held back to the system. The caller holds mu.
func (g *guard) letGo(ctx context.Context, p *plugged) {
	if !g.dry && (p.state == plugHeld || g.memory.Held && !p.dev.Authorized) {
		g.start(p, func() {
			g.done(p, plugFree, "", g.host.Admit(ctx, p.path, nil))
		})
		return
	}
	if p.stop != nil {
		stop := p.stop
		p.stop = nil
		g.work.Go(stop)
	}
	p.state = plugFree
}

// start begins work on a device that others do not wait for. The caller holds mu; f does not.
func (g *guard) start(p *plugged, f func()) {
	p.busy = true
	g.work.Go(func() {
		g.slots <- struct{}{}
		f()
		<-g.slots
		g.mu.Lock()
		p.busy = false
		g.save()
		g.stir() // with the lock held: whoever sees that it is done sees that there is more to do
		g.mu.Unlock()
		g.changed()
	})
}

// done notes how work on a device ended.
func (g *guard) done(p *plugged, state plugState, why string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // it was pulled out meanwhile
	}
	p.state, p.why = state, why
	if err != nil {
		p.after = g.clock.Running() + guardAgain
	}
	g.note(p.path, named(p, err))
}

func named(p *plugged, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", p.name, err)
}

// observe tells what would be done, and does none of it. Tokens are not read: a mount of
// ours could stand in the way of the person's. The caller holds mu.
func (g *guard) observe(ctx context.Context, p *plugged, v verdict, now wire.Micros) time.Duration {
	if !g.dry && (p.state == plugHeld || p.state == plugNew && g.memory.Held && !p.dev.Authorized) {
		g.letGo(ctx, p)
		return guardIdle
	}
	if p.state == plugAdmitted && (v.class == "" || v.why != "" || len(v.lent) == 0) {
		g.forgetLoan(p) // what is written on it is nobody's business any more
	}
	switch {
	case v.class == "":
		p.state = plugFree
	case v.register != nil && !g.dry && p.tried != triedOf(v):
		p.tried, g.taking = triedOf(v), v.register.ID
		g.start(p, func() { g.register(ctx, p, v, now, false) })
	case v.why == "" && len(v.lent) > 0:
		g.observeLent(ctx, p, v, now)
		return guardTick
	case p.state != plugObserved || p.why != v.why:
		p.state, p.why = plugObserved, v.why
		e := g.eventOf(p, wire.MediaObserved, v.why, now)
		e.Class = v.class
		g.work.Go(func() { g.tell(ctx, e) })
	}
	return guardIdle
}

// observeLent lets a medium on loan work by its own words, and watches what is written on
// it. The caller holds mu.
func (g *guard) observeLent(ctx context.Context, p *plugged, v verdict, now wire.Micros) {
	news := p.state != plugAdmitted
	if news {
		p.medium, p.state, p.why = v.lent[0], plugAdmitted, ""
	}
	p.bare = true // also one that was let in by its token: nothing keeps it to its loan now
	if !news && p.stop != nil {
		return
	}
	e := g.eventOf(p, wire.MediaAdmitted, "", now)
	g.start(p, func() {
		disks, err := g.host.Disks(ctx, p.path)
		if g.admitted(ctx, p, disks, named(p, err)) && news {
			g.tell(ctx, e) // of what an earlier process has let in was told
		}
	})
}

// forgetLoan ends the watch of a medium that is not taken away. The caller holds mu.
func (g *guard) forgetLoan(p *plugged) {
	stop := p.stop
	p.stop, p.state, p.bare, p.warned = nil, plugNew, false, 0
	if stop != nil {
		g.work.Go(stop)
	}
}

// block enforces. The caller holds mu.
func (g *guard) block(ctx context.Context, p *plugged, v verdict, o guardOrder, now wire.Micros) time.Duration {
	if p.state == plugAdmitted && p.bare {
		// It was let in by its own words alone: now its token counts.
		g.forgetLoan(p)
		p.medium, p.tried = wire.Medium{}, ""
	}
	switch {
	case v.look && p.state == plugHeld:
		return guardIdle // its names were read when it was judged, and cannot be now
	case v.look:
		if p.looked {
			p.after = g.clock.Running() + guardAgain // it did not help: not again at once
		}
		p.looked = true
		g.start(p, func() { g.done(p, plugNew, "", g.host.Admit(ctx, p.path, []int{})) })
		return guardIdle
	case v.class == "":
		if p.state != plugFree || !p.dev.Authorized {
			g.start(p, func() { g.done(p, plugFree, "", g.host.Admit(ctx, p.path, nil)) })
		}
		return guardIdle
	case p.state == plugAdmitted:
		return g.keepAdmitted(ctx, p, v, now)
	case v.why != "":
		if p.state != plugHeld || p.why != v.why {
			told := p.state == plugHeld && v.why == wire.WhyOver // the end of its loan was told
			g.refuse(ctx, p, v, v.why, "", now, !told)
		} else if v.open(p.dev) {
			g.refuse(ctx, p, v, v.why, "", now, false) // somebody, or a failure, has undone it
		}
		return g.nextStart(p, o.media, now)
	case p.state == plugHeld && p.tried == triedOf(v):
		return guardIdle // its token was found wanting, and nothing has changed
	}
	p.tried = triedOf(v)
	if v.register != nil {
		g.taking = v.register.ID
	}
	g.start(p, func() { g.check(ctx, p, v, o, now) })
	return guardTick
}

// triedOf names the media that a device may be.
func triedOf(v verdict) string {
	var names []string
	for _, m := range v.lent {
		names = append(names, m.Asset+" "+m.Token+" "+m.Loan)
	}
	if v.register != nil {
		names = append(names, v.register.ID)
	}
	return clip(strings.Join(names, ","), 1000)
}

// nextStart is when a loan of a held device begins. The caller holds mu.
func (g *guard) nextStart(p *plugged, m wire.Media, now wire.Micros) time.Duration {
	if p.why != wire.WhyEarly {
		return guardIdle
	}
	next := guardIdle
	for _, a := range m.Allowed {
		if a.From > now && a.Serial == p.dev.Serial {
			next = min(next, until(a.From, now))
		}
	}
	return next
}

func until(at, now wire.Micros) time.Duration {
	return max(time.Millisecond, min(time.Duration(at-now)*time.Microsecond, guardIdle))
}
