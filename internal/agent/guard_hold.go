package agent

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// refuse takes a device away, tells its person why, and the server. The caller holds mu.
func (g *guard) refuse(ctx context.Context, p *plugged, v verdict, why, detail string, now wire.Micros, tell bool) {
	g.start(p, func() { g.refused(ctx, p, v, why, detail, now, tell) })
}

// refused is refuse for who is at work on the device. The caller does not hold mu.
func (g *guard) refused(ctx context.Context, p *plugged, v verdict, why, detail string, now wire.Micros, tell bool) {
	ctx, cancel := finish(ctx)
	defer cancel()
	what := wire.MediaRefused
	if detail != "" {
		what = wire.MediaUnread
	}
	g.mu.Lock()
	e := g.eventOf(p, what, why, now)
	e.Class, e.Detail = v.class, clip(detail, 500)
	d := p.dev
	g.mu.Unlock()
	err := g.takeAway(ctx, d, v)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	g.done(p, plugHeld, why, err)
	if !tell {
		return
	}
	if err != nil {
		e.What, e.Detail = wire.MediaUnread, clip(strings.TrimPrefix(detail+"; could not be held: "+oneLine(err.Error()), "; "), 500)
	}
	g.tell(ctx, e)
	g.speak(ctx, p, "guard.refused."+cmp.Or(why, "unread"))
}

// takeAway holds what the verdict holds, and lets the rest of the device work.
func (g *guard) takeAway(ctx context.Context, d host.USBDevice, v verdict) error {
	if !d.Authorized {
		if v.whole && d.Malformed == "" {
			return nil // as it came
		}
		if d.Malformed != "" {
			// The kernel's own reading of it decides, once it has one.
			if err := g.host.Admit(ctx, d.Path, []int{}); err != nil {
				return err
			}
			return g.host.Admit(ctx, d.Path, g.harmless(ctx, d))
		}
		return g.host.Admit(ctx, d.Path, v.passing(d))
	}
	_, err := g.host.Eject(ctx, d.Path, v.held())
	if err == nil && !v.whole {
		err = g.host.Admit(ctx, d.Path, v.passing(d))
	}
	return err
}

// harmless are the interfaces of a device that are never held, as the kernel knows them.
func (g *guard) harmless(ctx context.Context, d host.USBDevice) []int {
	out := []int{}
	devices, err := g.host.USB(ctx)
	if err != nil {
		return out
	}
	for _, now := range devices {
		if now.Path != d.Path || now.Plug != d.Plug {
			continue
		}
		may := map[int]bool{}
		for _, i := range now.Interfaces {
			may[i.Number] = may[i.Number] || !untouched(i.Class)
		}
		for n, held := range may {
			if !held {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return out
}

// unread refuses a medium that could not be looked into. Where only no disk came, as on a
// PC that has a lot to do, it is tried again, less and less often.
func (g *guard) unread(ctx context.Context, p *plugged, v verdict, err error, now wire.Micros) {
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		g.refused(ctx, p, v, "", oneLine(err.Error()), now, true)
		return
	}
	g.mu.Lock()
	p.slow++
	slow := p.slow
	g.mu.Unlock()
	g.refused(ctx, p, v, "", oneLine(err.Error()), now, slow == slowTold)
	g.mu.Lock()
	p.state, p.tried = plugNew, ""
	p.after = g.clock.Running() + min(guardAgain<<min(slow-1, 8), slowMost)
	if v.register != nil {
		g.taking = "" // it is the next one still
	}
	g.mu.Unlock()
}
