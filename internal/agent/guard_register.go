package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// register takes an unknown medium as the company's: its identity is read, and the token
// written onto it. It is not lent by that, so it is held afterwards when take is set.
func (g *guard) register(ctx context.Context, p *plugged, v verdict, now wire.Micros, take bool) {
	r := v.register
	var disks []host.Disk
	var err error
	if take {
		disks, _, _, err = g.open(ctx, p, v)
		if errors.Is(err, context.DeadlineExceeded) {
			g.unread(ctx, p, v, err, now)
			return
		}
	} else {
		disks, err = g.host.Disks(ctx, p.path)
	}
	if errors.Is(err, fs.ErrNotExist) { // pulled out
		g.mu.Lock()
		g.taking = ""
		g.mu.Unlock()
		return
	}
	if err == nil && len(disks) != 1 {
		err = fmt.Errorf("it has %d disks: register a medium with one", len(disks))
	}
	if err == nil {
		err = g.stamp(ctx, disks[0], r)
	}
	if err != nil {
		g.mu.Lock()
		p.disks, p.state, p.why, g.taking = disks, plugObserved, "", ""
		e := g.eventOf(p, wire.MediaUnread, "", now)
		g.mu.Unlock()
		e.Register, e.Asset, e.Detail = r.ID, r.Asset, clip(oneLine(err.Error()), 500)
		if take {
			g.refused(ctx, p, v, "", e.Detail, now, false)
		}
		g.tell(ctx, e)
		return
	}
	if fresh, err := g.host.Disks(ctx, p.path); err == nil {
		disks = fresh
	}
	g.mu.Lock()
	p.disks = disks
	g.memory.Registered = append(g.memory.Registered, r.ID)
	if n := len(g.memory.Registered); n > 32 {
		g.memory.Registered = g.memory.Registered[n-32:]
	}
	p.state, p.why, g.taking = plugObserved, wire.WhyUnknown, ""
	e := g.eventOf(p, wire.MediaRegistered, "", now)
	g.mu.Unlock()
	e.Register, e.Asset, e.Token = r.ID, r.Asset, tokenID(r.Token)
	if take {
		g.refused(ctx, p, v, wire.WhyUnknown, "", now, false)
	}
	g.tell(ctx, e)
	g.speak(ctx, p, "guard.registered", "asset", r.Asset)
}

// stamp writes the token and reads it back.
func (g *guard) stamp(ctx context.Context, d host.Disk, r *wire.Registration) error {
	if err := g.host.WriteToken(ctx, d, []byte(r.Token)); err != nil {
		return err
	}
	got, _, err := g.host.ReadToken(ctx, d)
	if err != nil {
		return fmt.Errorf("read the token back: %w", err)
	}
	if string(got) != r.Token {
		return errors.New("the token reads otherwise than it was written")
	}
	return nil
}

// tokenID reads the id out of a token that the signed desired state brought.
func tokenID(signed string) string {
	lines := strings.SplitN(signed, "\n", 3)
	if len(lines) < 3 {
		return ""
	}
	return clip(lines[1], 80)
}
