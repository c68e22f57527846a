package agent

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// run guards until ctx ends. What is held stays held.
func (g *guard) run(ctx context.Context) {
	defer g.work.Wait()
	defer g.stopWatches()
	if !g.dry {
		err := g.host.Recover(ctx)
		g.mu.Lock()
		g.note("recover", err)
		g.mu.Unlock()
	}
	g.work.Go(func() { g.watch(ctx) })
	for ctx.Err() == nil {
		t := time.NewTimer(g.look(ctx))
		select {
		case <-ctx.Done():
		case <-g.wake:
		case <-t.C:
		}
		t.Stop()
	}
}

func (g *guard) watch(ctx context.Context) {
	for ctx.Err() == nil {
		err := g.host.WatchUSB(ctx, g.stir)
		if ctx.Err() != nil || errors.Is(err, host.ErrUnsupported) {
			return
		}
		g.mu.Lock()
		g.note("watch", err)
		g.mu.Unlock()
		if !sleep(ctx, guardAgain) {
			return
		}
	}
}

// stopWatches ends every watch of written files; what they saw is kept.
func (g *guard) stopWatches() {
	g.mu.Lock()
	var stops []func()
	for _, p := range g.plugged {
		if p.stop != nil {
			stops = append(stops, p.stop)
			p.stop = nil
		}
	}
	g.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
}

// order is what is wanted. While no desired state can be read, the mode of the last one
// stays and nothing is lent: damaging a file opens nothing. The caller holds mu.
func (g *guard) order() guardOrder {
	o := g.wanted()
	if o.known {
		g.memory.Mode = o.media.Mode
	} else {
		o.media = wire.Media{Mode: g.memory.Mode}
	}
	return o
}

// modeOf is the mode in force.
func (g *guard) modeOf(m wire.Media) wire.GuardMode {
	switch {
	case m.Mode != wire.GuardObserve && m.Mode != wire.GuardBlock:
		return wire.GuardOff
	case g.dry:
		return wire.GuardObserve
	}
	return m.Mode
}

// look judges everything that is plugged in, begins what follows from it, and gives the
// time until it must look again.
func (g *guard) look(ctx context.Context) time.Duration {
	before := g.Fact()
	defer func() {
		if after := g.Fact(); !sameFact(before, after) {
			g.changed()
		}
	}()
	g.mu.Lock()
	defer g.mu.Unlock()
	o := g.order()
	now := g.now(o)
	mode := g.modeOf(o.media)
	g.hold(ctx, mode, now)
	if mode == wire.GuardOff && g.mode == wire.GuardOff && !g.anyHeld() {
		g.mode = mode
		return guardIdle
	}
	was := g.mode
	g.mode = mode
	devices, err := g.host.USB(ctx)
	g.note("list", err)
	if err != nil {
		return guardAgain
	}
	changed := was != mode
	present := map[string]bool{}
	for _, d := range devices {
		present[d.Path] = true
		p := g.plugged[d.Path]
		if p != nil && p.dev.Plug != d.Plug {
			g.gone(ctx, p, now)
			p = nil
		}
		if p == nil {
			p = g.arrived(d)
			changed = true
		}
		p.sees(d)
	}
	for path, p := range g.plugged {
		if !present[path] {
			g.gone(ctx, p, now)
			changed = true
		}
	}
	next := guardIdle
	for _, d := range devices {
		next = min(next, g.decide(ctx, g.plugged[d.Path], mode, o, now))
	}
	if mode != wire.GuardBlock && g.memory.Held && !g.waiting() {
		changed, g.memory.Held = true, false
	}
	if changed || g.clock.Running() >= g.saved+guardIdle {
		g.save()
	}
	return next
}

func sameFact(a, b wire.MediaFact) bool {
	return a.Mode == b.Mode && a.Able == b.Able && a.Since == b.Since && a.Time == b.Time && a.DryRun == b.DryRun && slices.Equal(a.Problem, b.Problem)
}

// waiting reports whether what was held is not given back yet: a device that is still held,
// or the system's own hold. The caller holds mu.
func (g *guard) waiting() bool {
	if g.issues["hold"] != "" {
		return true
	}
	for _, p := range g.plugged {
		if p.busy || p.state == plugHeld || p.state == plugNew {
			return true
		}
	}
	return false
}

func (g *guard) anyHeld() bool {
	for _, p := range g.plugged {
		if p.state == plugHeld || p.busy {
			return true
		}
	}
	return g.memory.Held
}

// hold makes the system keep what is plugged in from now on, or not. The caller holds mu.
func (g *guard) hold(ctx context.Context, mode wire.GuardMode, now wire.Micros) {
	f := &g.fact
	f.Mode, f.DryRun = mode, g.dry
	if g.dry {
		f.Able, f.Since = false, 0
		g.note("dry", nil)
		if mode != wire.GuardOff {
			g.note("dry", errors.New("dry run: media would be judged and held; nothing is"))
		}
		return
	}
	if mode != wire.GuardBlock {
		if g.memory.Held || g.mode == "" {
			g.note("hold", g.host.HoldUSB(ctx, false))
		}
		f.Able, f.Since = false, 0
		return
	}
	g.memory.Held = true
	// Each time: a host controller may have come.
	err := g.host.HoldUSB(ctx, true)
	g.note("hold", err)
	f.Able = err == nil
	switch {
	case err != nil:
		f.Since = 0
	case f.Since == 0:
		f.Since = now
	}
}

// arrived takes up a device: anew, or as it was known before this process. The caller holds mu.
func (g *guard) arrived(d host.USBDevice) *plugged {
	p := &plugged{path: d.Path, name: cmp.Or(strings.TrimSpace(strings.TrimSpace(d.Maker)+" "+strings.TrimSpace(d.Model)), d.Path)}
	if m, ok := g.memory.Plugs[d.Path]; ok && m.Plug == d.Plug {
		p.state, p.why, p.tried, p.warned = m.State, m.Why, m.Tried, m.Warned
		p.medium, p.seen, p.stores, p.bare = m.Medium, m.Disks, m.Stores, m.Bare
		if p.state == plugAdmitted && !d.Authorized {
			p.state = plugNew // somebody else took it away
		}
	}
	p.sees(d)
	g.plugged[d.Path] = p
	return p
}

// sees takes up what the system says of a device now. An interface that was a disk once
// stays one for this plug: as soon as it is held it has no disk that would show it.
func (p *plugged) sees(d host.USBDevice) {
	d.Interfaces = slices.Clone(d.Interfaces)
	for n := range d.Interfaces {
		i := &d.Interfaces[n]
		if i.Disk && !slices.Contains(p.stores, i.Number) {
			p.stores = append(p.stores, i.Number)
		}
		i.Disk = slices.Contains(p.stores, i.Number)
	}
	p.dev = d
}

// gone forgets a device that is no longer there. The caller holds mu.
func (g *guard) gone(ctx context.Context, p *plugged, now wire.Micros) {
	delete(g.plugged, p.path)
	delete(g.issues, p.path)
	stop := p.stop
	p.stop = nil
	if p.state != plugAdmitted {
		return
	}
	e := g.eventOf(p, wire.MediaRemoved, "", now)
	g.work.Go(func() {
		if stop != nil {
			stop()
		}
		g.tell(ctx, e)
	})
}

// early holds media as far as the folder says so, before anybody can mount one. It admits
// none: the running agent does, once it can read their tokens.
func (g *guard) early(ctx context.Context) error {
	g.mu.Lock()
	o := g.order()
	now := g.now(o)
	g.mu.Unlock()
	if g.modeOf(o.media) != wire.GuardBlock {
		return nil
	}
	err := g.host.HoldUSB(ctx, true)
	if errors.Is(err, host.ErrUnsupported) {
		err = nil // there is nothing to hold yet, or never will be
	}
	devices, lerr := g.host.USB(ctx)
	err = errors.Join(err, lerr)
	nothing := wire.Media{Mode: wire.GuardBlock}
	for _, d := range devices {
		v := judge(d, nothing, now)
		switch {
		case d.System:
		case v.class == "" && !v.look:
			if !d.Authorized {
				err = errors.Join(err, g.host.Admit(ctx, d.Path, nil))
			}
		case v.class != "":
			err = errors.Join(err, g.takeAway(ctx, d, v))
		}
	}
	return err
}
