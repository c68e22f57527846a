package agent

import (
	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// guardFor makes the guard of an enrolled PC whose system can have one; nil otherwise.
func (a *Agent) guardFor() *guard {
	h, ok := a.o.Host.(host.MediaGuard)
	if !ok || a.ident == nil {
		return nil
	}
	g := newGuard(h, a.o.Dir, a.keep.boot, a.o.Clock)
	g.dry, g.log = a.o.DryRun, a.o.Log
	if a.o.Say != nil {
		g.say = a.o.Say
	}
	g.wanted = a.guardOrder
	if a.net != nil {
		g.server = a.net.clock.byServer
	}
	g.keep = func(e wire.MediaEvent) error {
		defer signal(a.packages)
		return a.spool.addMedia(e)
	}
	g.changed = func() { signal(a.dirty) }
	return g
}

// guardOrder is what the desired state in force says of media.
func (a *Agent) guardOrder() guardOrder {
	k := a.keep
	k.mu.Lock()
	defer k.mu.Unlock()
	o := guardOrder{media: wire.Media{Mode: wire.GuardOff}}
	if d := k.st.doc; d != nil {
		o.known, o.issued = true, d.Issued
		if d.Media != nil {
			o.media = *d.Media
		}
	}
	var err error
	if o.trusted, err = k.st.id.Verifiers(); err != nil {
		o.trusted, _ = wire.Trust{}.Verifiers() // believes nobody
	}
	return o
}

// mediaFact is the guard as facts tell it.
func (a *Agent) mediaFact(at wire.Micros) (wire.Fact, bool) {
	if a.guard == nil {
		return wire.Fact{}, false
	}
	f, err := wire.FactOf(a.guard.Fact(), at)
	if err != nil {
		f = wire.Fact{Unread: oneLine(err.Error()), At: at}
	}
	return f, true
}
