package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/wire"
)

// fileGuard is what the guard remembers over its own restarts: guardMemory.
const fileGuard = "guard.json"

// Pace of the guard.
const (
	guardTick  = 10 * time.Second // while a medium works: a PC that slept wakes late
	guardIdle  = 3 * time.Minute  // else; the floor of time is written down then
	guardAgain = 5 * time.Second  // after something failed
	firstWarn  = 15 * time.Minute // before the end of a loan …
	lastWarn   = 5 * time.Minute  // … and again
	filesEvery = time.Minute      // between two events of written files
	maxMinute  = 60               // events in a minute; more are counted only
)

// guard holds media that are not lent for this PC. What is plugged in gets no driver until
// it was judged; a medium on loan is read privately for its token before people may mount
// it, and taken away when its time is over. It obeys the stored desired state, and waits
// for no server.
type guard struct {
	host    host.MediaGuard
	clock   Clock
	dry     bool
	log     *slog.Logger
	boot    string
	path    string // of fileGuard
	say     func(id string, args ...any) string
	wanted  func() guardOrder
	server  func() (time.Time, bool)
	keep    func(wire.MediaEvent) error // for the server
	changed func()                      // something to report

	wake chan struct{}
	work sync.WaitGroup // what one device needs must not keep another waiting

	mu      sync.Mutex
	memory  guardMemory
	plugged map[string]*plugged
	mode    wire.GuardMode
	fact    wire.MediaFact
	issues  map[string]string // what does not work, by what it is about
	recent  []time.Duration   // when events of the last minute were
	saved   time.Duration     // when the memory was written …
	written string            // … and what it said, but for the floor
	taking  string            // the registration that a device is being taken for
	lost    int               // events that were not kept
}

// guardOrder is what the desired state says of media.
type guardOrder struct {
	known   bool // false: there is no desired state, such as after its file was damaged
	media   wire.Media
	trusted note.Verifiers // who may sign tokens
	issued  wire.Micros
}

// guardMemory is kept on disk. What it says of devices counts only for the same start of the
// system and the same plugging-in.
type guardMemory struct {
	Floor      floor                 `json:"floor"`
	Boot       string                `json:"boot"`
	Mode       wire.GuardMode        `json:"mode,omitempty"`       // of the newest desired state
	Held       bool                  `json:"held,omitempty"`       // what is plugged in waits for us
	Registered []string              `json:"registered,omitempty"` // registrations that are done
	Plugs      map[string]plugMemory `json:"plugs,omitempty"`      // by path
}

type plugMemory struct {
	Plug   string      `json:"plug"`
	State  plugState   `json:"state"`
	Why    string      `json:"why,omitempty"`
	Tried  string      `json:"tried,omitempty"`
	Medium wire.Medium `json:"medium"`
	Disks  string      `json:"disks,omitempty"`
	Warned int         `json:"warned,omitempty"`
}

type plugState string

const (
	plugNew      plugState = ""         // nothing is decided
	plugFree     plugState = "free"     // no medium, or nothing is held here
	plugHeld     plugState = "held"     // its content cannot be reached
	plugObserved plugState = "observed" // it would be held
	plugAdmitted plugState = "admitted" // a medium on loan: works
)

// plugged is one device that is plugged in. The guard's mu guards it.
type plugged struct {
	dev    host.USBDevice
	busy   bool // somebody is at work on it
	looked bool // the names of its interfaces were read
	state  plugState
	why    string
	tried  string // the media that it was taken for when its token was found wanting
	medium wire.Medium
	disks  []host.Disk
	seen   string // how disks looked when it was admitted
	token  string // id of the token that was found on it
	warned int
	after  time.Duration // after a failure nothing is tried before
	stop   func()        // ends the watch of what is written, and waits for it
}

func (p *plugged) name() string {
	return strings.TrimSpace(cmp.Or(strings.TrimSpace(p.dev.Maker+" "+p.dev.Model), p.dev.Path))
}

func newGuard(h host.MediaGuard, dir string, boot string, clock Clock) *guard {
	g := &guard{host: h, clock: clock, boot: boot, path: dir, log: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1),
		plugged: map[string]*plugged{}, issues: map[string]string{}, changed: func() {},
		say:    func(id string, _ ...any) string { return id },
		server: func() (time.Time, bool) { return time.Time{}, false }}
	raw, err := readFile(g.file())
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &g.memory)
	}
	if err != nil {
		g.memory = guardMemory{}
		g.issues["memory"] = fileGuard + " cannot be read: what is plugged in is judged anew"
	}
	if g.memory.Boot != boot || boot == "" {
		g.memory.Boot, g.memory.Held, g.memory.Plugs = boot, false, nil
	}
	if g.memory.Plugs == nil {
		g.memory.Plugs = map[string]plugMemory{}
	}
	return g
}

func (g *guard) file() string { return loadPath(g.path, fileGuard) }

func (g *guard) stir() { signal(g.wake) }

// now is the time by which loans are judged. The caller holds mu.
func (g *guard) now(o guardOrder) wire.Micros {
	server, heard := g.server()
	now, by := trustedTime(server, heard, g.memory.Floor, o.issued, g.boot, g.clock.Running(), g.clock.Now())
	g.memory.Floor = floor{At: now, Boot: g.boot, Ran: g.clock.Running()}
	g.fact.Time = by
	return now
}

// save writes the memory down when it says something new, or when the floor of time is due:
// a keyboard waits for no disk. The caller holds mu.
func (g *guard) save() {
	g.memory.Plugs = map[string]plugMemory{}
	for path, p := range g.plugged {
		if p.state == plugHeld || p.state == plugAdmitted || p.state == plugObserved {
			g.memory.Plugs[path] = plugMemory{p.dev.Plug, p.state, p.why, p.tried, p.medium, p.seen, p.warned}
		}
	}
	m := g.memory
	m.Floor = floor{}
	news, err := json.Marshal(m)
	if err == nil && string(news) == g.written && g.issues["disk"] == "" && g.clock.Running() < g.saved+guardIdle {
		return
	}
	raw, merr := json.Marshal(g.memory)
	if err = errors.Join(err, merr); err == nil {
		err = writeFile(g.file(), append(raw, '\n'), 0o600)
	}
	g.saved, g.written = g.clock.Running(), string(news)
	g.note("disk", err)
}

// note keeps what does not work, for the facts. The caller holds mu.
func (g *guard) note(about string, err error) {
	if err == nil {
		delete(g.issues, about)
		return
	}
	text := oneLine(err.Error())
	if g.issues[about] != text {
		g.log.Warn("media", "about", about, "error", err)
	}
	g.issues[about] = text
}

// Fact tells how the guard stands.
func (g *guard) Fact() wire.MediaFact {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.fact
	for _, about := range slices.Sorted(maps.Keys(g.issues)) {
		f.Problem = append(f.Problem, g.issues[about])
	}
	if g.lost > 0 {
		f.Problem = append(f.Problem, fmt.Sprintf("%d events of media were not kept: there were too many", g.lost))
	}
	return f
}

// run guards until ctx ends. What is held stays held.
func (g *guard) run(ctx context.Context) {
	defer g.work.Wait()
	defer g.stopWatches()
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
		p.dev = d
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
	if mode != wire.GuardBlock && !slices.ContainsFunc(slices.Collect(maps.Values(g.plugged)), func(p *plugged) bool { return p.busy || p.state == plugHeld }) {
		changed = changed || g.memory.Held
		g.memory.Held = false
	}
	if changed || g.clock.Running() >= g.saved+guardIdle {
		g.save()
	}
	return next
}

func sameFact(a, b wire.MediaFact) bool {
	return a.Mode == b.Mode && a.Able == b.Able && a.Since == b.Since && a.Time == b.Time && a.DryRun == b.DryRun && slices.Equal(a.Problem, b.Problem)
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
	p := &plugged{dev: d}
	if m, ok := g.memory.Plugs[d.Path]; ok && m.Plug == d.Plug {
		p.state, p.why, p.tried, p.warned = m.State, m.Why, m.Tried, m.Warned
		p.medium, p.seen = m.Medium, m.Disks
		if p.state == plugAdmitted && !d.Authorized {
			p.state = plugNew // somebody else took it away
		}
	}
	g.plugged[d.Path] = p
	return p
}

// gone forgets a device that is no longer there. The caller holds mu.
func (g *guard) gone(ctx context.Context, p *plugged, now wire.Micros) {
	delete(g.plugged, p.dev.Path)
	delete(g.issues, p.dev.Path)
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

// decide compares what is with what must be. The caller holds mu.
func (g *guard) decide(ctx context.Context, p *plugged, mode wire.GuardMode, o guardOrder, now wire.Micros) time.Duration {
	if p.busy {
		return guardTick // not all work stirs when it is done
	}
	if g.clock.Running() < p.after {
		return guardAgain
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
		g.note(p.dev.Path, fmt.Errorf("%s is left alone: the system itself runs from it", p.name()))
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
			g.done(p, plugFree, "", g.host.Admit(ctx, p.dev.Path, nil))
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
		f()
		g.mu.Lock()
		p.busy = false
		g.save()
		g.mu.Unlock()
		g.changed()
		g.stir()
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
	g.note(p.dev.Path, named(p, err))
}

func named(p *plugged, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", p.name(), err)
}

// observe tells what would be done, and does none of it. Tokens are not read: a mount of
// ours could stand in the way of the person's. The caller holds mu.
func (g *guard) observe(ctx context.Context, p *plugged, v verdict, now wire.Micros) time.Duration {
	if !g.dry && (p.state == plugHeld || p.state == plugNew && g.memory.Held && !p.dev.Authorized) {
		g.letGo(ctx, p)
		return guardIdle
	}
	switch {
	case v.class == "":
		p.state = plugFree
	case v.register != nil && !g.dry && p.tried != triedOf(v):
		p.tried, g.taking = triedOf(v), v.register.ID
		g.start(p, func() { g.register(ctx, p, v, now, false) })
	case v.why == "" && len(v.lent) > 0:
		if p.state != plugAdmitted {
			p.medium = v.lent[0]
			p.state, p.why = plugAdmitted, ""
			e := g.eventOf(p, wire.MediaAdmitted, "", now)
			g.start(p, func() {
				disks, err := g.host.Disks(ctx, p.dev.Path)
				if g.admitted(ctx, p, disks, named(p, err)) {
					g.tell(ctx, e)
				}
			})
		}
		return guardTick
	case p.state != plugObserved || p.why != v.why:
		p.state, p.why = plugObserved, v.why
		e := g.eventOf(p, wire.MediaObserved, v.why, now)
		e.Class = v.class
		g.work.Go(func() { g.tell(ctx, e) })
	}
	return guardIdle
}

// block enforces. The caller holds mu.
func (g *guard) block(ctx context.Context, p *plugged, v verdict, o guardOrder, now wire.Micros) time.Duration {
	switch {
	case v.look && p.state == plugHeld:
		return guardIdle // its names were read when it was judged, and cannot be now
	case v.look:
		if p.looked {
			p.after = g.clock.Running() + guardAgain // it did not help: not again at once
		}
		p.looked = true
		g.start(p, func() { g.done(p, plugNew, "", g.host.Admit(ctx, p.dev.Path, []int{})) })
		return guardIdle
	case v.class == "":
		if p.state != plugFree || !p.dev.Authorized {
			g.start(p, func() { g.done(p, plugFree, "", g.host.Admit(ctx, p.dev.Path, nil)) })
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
	if errors.Is(err, fs.ErrNotExist) && !d.Card {
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

// check admits a medium that may be lent, once its token says which it is.
func (g *guard) check(ctx context.Context, p *plugged, v verdict, o guardOrder, now wire.Micros) {
	if v.register != nil {
		g.register(ctx, p, v, now, true)
		return
	}
	disks, text, err := g.open(ctx, p, v)
	if errors.Is(err, fs.ErrNotExist) {
		return // pulled out
	}
	if err != nil {
		g.refused(ctx, p, v, "", oneLine(err.Error()), now, true)
		return
	}
	m, token, why := pick(v.lent, text, o.trusted)
	g.mu.Lock()
	p.disks, p.token = disks, token
	if why == "" && g.inUse(m, p) {
		why = wire.WhyTwice
	}
	if why == "" {
		p.medium, p.state = m, plugAdmitted // reserved: a second one is refused from here on
	}
	e := g.eventOf(p, wire.MediaAdmitted, "", now)
	g.mu.Unlock()
	if why != "" {
		g.refused(ctx, p, v, why, "", now, true)
		return
	}
	for _, d := range disks {
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

// open lets the system see a device's disks while people do not, and reads the token.
func (g *guard) open(ctx context.Context, p *plugged, v verdict) (disks []host.Disk, text []byte, err error) {
	path := p.dev.Path
	if p.dev.Authorized && slices.ContainsFunc(p.dev.Interfaces, func(i host.USBInterface) bool { return i.Class == usbStorage && i.Driver != "" }) {
		// It was there before the guard: it may be mounted, or changed under our eyes.
		if _, err := g.host.Eject(ctx, path, v.held()); err != nil {
			return nil, nil, err
		}
	}
	if err := g.host.Admit(ctx, path, nil); err != nil {
		return nil, nil, err
	}
	g.mu.Lock()
	p.dev.Authorized = true // whoever refuses it now has something to take away
	g.mu.Unlock()
	disks, err = g.host.Disks(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	for i := range disks {
		got, volume, err := g.host.ReadToken(ctx, disks[i])
		if disks[i].Volume == "" {
			disks[i].Volume = volume
		}
		if err == nil {
			return disks, got, nil
		}
		if !errors.Is(err, host.ErrNoToken) {
			return disks, nil, err
		}
	}
	return disks, nil, nil
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
	g.note(p.dev.Path, err)
	if g.plugged[p.dev.Path] != p {
		return false
	}
	if p.stop == nil {
		p.stop = g.record(ctx, p, disks)
	}
	return true
}

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
	disks, err := g.host.Disks(ctx, p.dev.Path)
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
	disks, err := g.host.Disks(ctx, p.dev.Path)
	if err == nil && looks(disks) == p.seen {
		g.admitted(ctx, p, disks, nil)
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

// register takes an unknown medium as the company's: its identity is read, and the token
// written onto it. It is not lent by that, so it is held afterwards when take is set.
func (g *guard) register(ctx context.Context, p *plugged, v verdict, now wire.Micros, take bool) {
	r := v.register
	var disks []host.Disk
	var err error
	if take {
		disks, _, err = g.open(ctx, p, v)
	} else {
		disks, err = g.host.Disks(ctx, p.dev.Path)
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
	if fresh, err := g.host.Disks(ctx, p.dev.Path); err == nil {
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

// record watches what is written onto disks until the returned function is called.
func (g *guard) record(ctx context.Context, p *plugged, disks []host.Disk) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	var mu sync.Mutex
	files := newWrittenFiles()
	for _, d := range disks {
		watching.Go(func() {
			err := g.host.Written(ctx, d, func(name string, size int64) {
				at := g.peek()
				mu.Lock()
				defer mu.Unlock()
				files.add(name, size, at)
			})
			if err != nil && ctx.Err() == nil {
				g.mu.Lock()
				g.note(p.dev.Path, named(p, err))
				g.mu.Unlock()
			}
		})
	}
	flush := func() {
		mu.Lock()
		taken, more := files.take()
		mu.Unlock()
		if len(taken) == 0 && more == 0 {
			return
		}
		g.mu.Lock()
		e := g.eventOf(p, wire.MediaWritten, "", g.timeNow())
		g.mu.Unlock()
		e.Files, e.More = taken, more
		g.tell(context.WithoutCancel(ctx), e)
	}
	watching.Go(func() {
		for sleep(ctx, filesEvery) {
			flush()
		}
	})
	g.work.Go(watching.Wait) // also when nobody stops it
	return sync.OnceFunc(func() {
		cancel()
		watching.Wait()
		flush()
	})
}

func (g *guard) peek() wire.Micros {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.timeNow()
}

// timeNow is the trusted time. The caller holds mu.
func (g *guard) timeNow() wire.Micros { return g.now(g.order()) }

// eventOf begins an event of a device. The caller holds mu.
func (g *guard) eventOf(p *plugged, what, why string, now wire.Micros) wire.MediaEvent {
	e := wire.MediaEvent{Key: id.New("med", now.Time()), At: now, What: what, Why: why, Class: classStorage,
		Serial: clip(p.dev.Serial, 200), Name: clip(p.name(), 200), Asset: p.medium.Asset, Loan: p.medium.Loan, Token: cmp.Or(p.token, p.medium.Token)}
	if p.dev.Card {
		e.Class = classReader
	} else {
		e.Vendor, e.Product = usbID(p.dev.Vendor), usbID(p.dev.Product)
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

// speak tells whoever sits at the PC.
func (g *guard) speak(ctx context.Context, p *plugged, text string, args ...any) {
	err := g.host.Tell(ctx, g.say(text, append([]any{"name", p.name()}, args...)...))
	if errors.Is(err, host.ErrUnsupported) {
		err = nil // the platform's page says so
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.note("tell", err)
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
