package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// check admits a medium that may be lent, once its token says which it is.
func (g *guard) check(ctx context.Context, p *plugged, v verdict, o guardOrder, now wire.Micros) {
	if v.register != nil {
		g.register(ctx, p, v, now, true)
		return
	}
	disks, on, text, err := g.open(ctx, p, v)
	if errors.Is(err, fs.ErrNotExist) {
		return // pulled out
	}
	if err != nil {
		g.unread(ctx, p, v, err, now)
		return
	}
	m, token, why := pick(v.lent, text, o.trusted)
	g.mu.Lock()
	p.disks, p.token = disks, token
	if why == "" && g.inUse(m, p) {
		why = wire.WhyTwice
	}
	if why == "" {
		p.medium, p.state, p.bare, p.slow = m, plugAdmitted, false, 0 // reserved: a second one is refused from here on
	}
	e := g.eventOf(p, wire.MediaAdmitted, "", now)
	g.mu.Unlock()
	if why != "" {
		g.refused(ctx, p, v, why, "", now, true)
		return
	}
	if m.Token == "" {
		on = disks // it is known by its own words: all of it
	}
	if !g.there(ctx, p) {
		g.mu.Lock()
		p.medium, p.state, p.tried = wire.Medium{}, plugNew, ""
		g.mu.Unlock()
		return // another one may have its place, and its disk's name
	}
	for _, d := range on {
		if d.Size == 0 {
			continue // an empty slot: what is put in later is not what was looked at
		}
		if err := g.host.Offer(ctx, d, m.ReadOnly); err != nil {
			g.mu.Lock()
			p.medium, p.state = wire.Medium{}, plugNew
			g.mu.Unlock()
			g.refused(ctx, p, v, "", oneLine(err.Error()), now, true)
			return
		}
	}
	if g.admitted(ctx, p, disks, nil) {
		g.tell(ctx, e)
	}
}

// there reports whether a device is plugged in as it was when work on it began.
func (g *guard) there(ctx context.Context, p *plugged) bool {
	g.mu.Lock()
	plug := p.dev.Plug
	g.mu.Unlock()
	devices, err := g.host.USB(ctx)
	return err == nil && slices.ContainsFunc(devices, func(d host.USBDevice) bool { return d.Path == p.path && d.Plug == plug })
}

// open lets the system see a device's disks while people do not, and reads the token; on is
// the disk that holds it. A reader has a disk for each slot.
func (g *guard) open(ctx context.Context, p *plugged, v verdict) (disks, on []host.Disk, text []byte, err error) {
	g.mu.Lock()
	d := p.dev
	g.mu.Unlock()
	path := p.path
	if d.Authorized && (d.Card || slices.ContainsFunc(d.Interfaces, func(i host.USBInterface) bool { return (i.Class == usbStorage || i.Disk) && i.Authorized })) {
		// It was there before the guard: it may be mounted, or changed under our eyes.
		if _, err := g.host.Eject(ctx, path, v.held()); err != nil {
			return nil, nil, nil, err
		}
	}
	err = g.host.Admit(ctx, path, nil)
	g.mu.Lock()
	p.dev.Authorized = true // whoever refuses it now has something to take away, also when half of this failed
	g.mu.Unlock()
	if err != nil {
		return nil, nil, nil, err
	}
	disks, err = g.host.Disks(ctx, path)
	if err != nil {
		return nil, nil, nil, err
	}
	for i := range disks {
		got, volume, err := g.host.ReadToken(ctx, disks[i])
		if disks[i].Volume == "" {
			disks[i].Volume = volume
		}
		if err == nil {
			return disks, disks[i : i+1], got, nil
		}
		if !errors.Is(err, host.ErrNoToken) {
			return disks, nil, nil, err
		}
	}
	return disks, nil, nil, nil
}

// inUse reports whether another device works as the same medium. The caller holds mu.
func (g *guard) inUse(m wire.Medium, but *plugged) bool {
	for _, p := range g.plugged {
		if p != but && p.state == plugAdmitted && p.medium.Asset == m.Asset {
			return true
		}
	}
	return false
}

// looks is how disks look, to see that one was exchanged in its reader.
func looks(disks []host.Disk) string {
	var out []string
	for _, d := range disks {
		out = append(out, fmt.Sprintf("%s %d %s", d.Name, d.Size, d.Volume))
	}
	return clip(strings.Join(out, "|"), 1000)
}

// admitted begins the watch of what is written, and reports whether the medium is still there.
func (g *guard) admitted(ctx context.Context, p *plugged, disks []host.Disk, err error) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	p.disks, p.seen, p.state, p.why = disks, looks(disks), plugAdmitted, ""
	g.note(p.path, err)
	if g.plugged[p.path] != p {
		return false
	}
	if p.stop == nil {
		p.stop = g.record(ctx, p, disks)
	}
	return true
}
