package agent

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/wire"
)

// eventOf begins an event of a device. The caller holds mu.
func (g *guard) eventOf(p *plugged, what, why string, now wire.Micros) wire.MediaEvent {
	e := wire.MediaEvent{Key: id.New("med", now.Time()), At: now, What: what, Why: why, Class: classStorage,
		Vendor: usbID(p.dev.Vendor), Product: usbID(p.dev.Product), Serial: clip(p.dev.Serial, 200), Name: clip(p.name, 200), Asset: p.medium.Asset, Loan: p.medium.Loan, Token: cmp.Or(p.token, p.medium.Token)}
	if p.dev.Card {
		e.Class = classReader
	}
	for _, d := range p.disks {
		if e.Capacity == 0 {
			e.Capacity, e.Volume = d.Size, clip(d.Volume, 200)
		}
	}
	return e
}

// tell keeps an event for the server. The caller does not hold mu.
func (g *guard) tell(ctx context.Context, e wire.MediaEvent) {
	g.mu.Lock()
	ran := g.clock.Running()
	g.recent = slices.DeleteFunc(g.recent, func(at time.Duration) bool { return ran-at > time.Minute })
	flood := len(g.recent) >= maxMinute
	if flood {
		g.lost++
	} else {
		g.recent = append(g.recent, ran)
	}
	g.mu.Unlock()
	if flood {
		return
	}
	e.User = g.host.SignedIn(context.WithoutCancel(ctx))
	err := g.keep(e)
	g.mu.Lock()
	if errors.Is(err, errMediaFull) {
		g.lost++
		err = nil
	}
	g.note("spool", err)
	g.mu.Unlock()
	g.log.Info("media", "what", e.What, "why", e.Why, "name", e.Name, "asset", e.Asset, "detail", e.Detail)
	g.changed()
}

// speak tells whoever sits at the PC, as long as that helps: a device that comes and goes
// fills nobody's screen.
func (g *guard) speak(ctx context.Context, p *plugged, text string, args ...any) {
	shown := g.say(text, append([]any{"name", p.name}, args...)...)
	g.mu.Lock()
	ran := g.clock.Running()
	g.said = slices.DeleteFunc(g.said, func(s saying) bool { return ran-s.at > time.Minute })
	flood := len(g.said) >= maxSaid || slices.ContainsFunc(g.said, func(s saying) bool { return s.text == shown && ran-s.at < sayAgain })
	if !flood {
		g.said = append(g.said, saying{ran, shown})
	}
	g.mu.Unlock()
	if flood {
		return
	}
	err := g.host.Tell(ctx, shown)
	if errors.Is(err, host.ErrUnsupported) {
		err = nil // the platform's page says so
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.note("tell", err)
}
