package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// pace is how often things are looked at again.
type pace struct {
	glance  time.Duration // at most, for what a cut destroys
	write   time.Duration // how long a cut waits for the disk
	look    time.Duration // the rules, while isolated
	failing time.Duration // the same while they do not stand
	prove   time.Duration // while proven
	reprove time.Duration // while not; grows to prove
	collect time.Duration // for the rest of the evidence
}

func defaultPace() pace {
	return pace{glance: 200 * time.Millisecond, write: 200 * time.Millisecond, look: 5 * time.Second, failing: time.Second,
		prove: time.Minute, reprove: 2 * time.Second, collect: time.Minute}
}

// keeper makes the network what it must be, and keeps it so: wanted → glance → cut →
// written down → proven → told. It never opens what is in doubt.
type keeper struct {
	host    host.Host
	clock   Clock
	dry     bool
	version string
	why     string // shown while shutting down is held back
	log     *slog.Logger
	spool   *spool
	pace    pace
	prober  func(ctx context.Context, r Route, allow host.Allow) proof
	changed func() // something to report

	wake    chan struct{}
	collect chan struct{}  // a cut has begun evidence
	loose   sync.WaitGroup // what a cut does not wait for: a slow disk, a slow look

	mu        sync.Mutex
	st        *state
	boot      string
	cut       bool // in force as far as we know
	allow     host.Allow
	fact      wire.IsolationFact
	settled   bool // Wi-Fi and power were seen to
	power     func() error
	proveAt   time.Duration // running time of the next proof
	proveWait time.Duration
	evidence  *set // begun by a cut, to be completed
	gathering bool // a set was taken to be completed, and is not all in the spool yet
	cutErr    error
	wifiErr   error            // why Wi-Fi is still off after a release
	unwritten map[string]error // files that are not on disk as they should be, and why
	signed    string           // the document among them
}

func newKeeper(h host.Host, st *state, clock Clock) *keeper {
	k := &keeper{host: h, clock: clock, st: st, unwritten: map[string]error{}, pace: defaultPace(), wake: make(chan struct{}, 1), collect: make(chan struct{}, 1), log: slog.New(slog.DiscardHandler), changed: func() {}}
	k.boot, _ = h.Boot() // "" is a name too: what counts by boots then counts as one
	k.fact = wire.IsolationFact{State: wire.IsolationOff}
	return k
}

func (k *keeper) stir() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// finish is for what must not stop half-way because whoever asked for it went away.
func finish(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

func (k *keeper) micros() wire.Micros { return wire.MicrosOf(k.clock.Now()) }

// press is "infected": it cuts at once and speaks to nobody. The report waits in the
// spool when press returns. An error says why the network may still be open.
func (k *keeper) press(ctx context.Context, words, user string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.stir()
	ctx, cancel := finish(ctx)
	defer cancel()
	m, at := &k.st.memory, k.micros()
	report := &wire.Infection{Key: newKey(k.clock.Now()), At: at, Note: words, User: user}
	m.Presses++
	if d := k.st.doc; d != nil {
		m.Presses = max(m.Presses, d.Isolation.Local+1)
		m.Over = d.Isolation.Order
	}
	report.Local = m.Presses
	if !k.cut {
		m.Since = at
	}
	err := k.converge(ctx, report)
	k.file(report)
	return err
}

// file puts a report into the spool. The caller holds mu.
func (k *keeper) file(in *wire.Infection) {
	if in == nil || in.Key == k.st.memory.Filed {
		return
	}
	if !k.wrote("report", k.spool.addReport(*in)) {
		return
	}
	k.st.memory.Filed, k.st.memory.Label = in.Key, ""
	k.save()
	k.changed()
}

// save writes the memory down.
func (k *keeper) save() { k.wrote(fileMemory, k.st.saveMemory()) }

// saveIdentity writes down whose signature counts.
func (k *keeper) saveIdentity() { k.wrote(fileIdentity, k.st.saveIdentity()) }

// wrote notes whether a file is on disk as it should be. What is not is written again
// with every look, and told: the network waits for no disk.
func (k *keeper) wrote(what string, err error) bool {
	old := k.unwritten[what]
	switch {
	case err == nil && old == nil:
		return true
	case err == nil:
		delete(k.unwritten, what)
	default:
		if old == nil {
			k.log.Error("state", "error", err)
		}
		k.unwritten[what] = err
	}
	k.changed()
	return err == nil
}

// obey takes a new desired state: it is acted on, then kept.
func (k *keeper) obey(ctx context.Context, d wire.Document, signed string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.stir()
	ctx, cancel := finish(ctx)
	defer cancel()
	if d.Version < k.st.memory.Newest || k.st.doc != nil && d.Version <= k.st.doc.Version {
		return wire.ErrOlder
	}
	old := k.st.cause()
	k.st.doc, k.st.memory.Newest = &d, d.Version
	c := k.st.cause()
	if c.on && !old.on {
		k.st.memory.Since = k.micros()
	}
	k.changed()
	var err error
	if c.on {
		// The mark, written before the cut, holds the order until the document is on disk.
		err = k.converge(ctx, nil)
	}
	k.signed = signed
	k.saveDocument()
	if k.st.id != nil && k.st.id.Heed(d, signed) {
		k.log.Info("signing keys are retired", "keys", d.Retired)
		k.saveIdentity()
	}
	k.save()
	if !c.on {
		err = k.converge(ctx, nil)
	}
	return err
}

func (k *keeper) saveDocument() {
	if k.wrote(fileDocument, writeFile(k.st.path(fileDocument), []byte(k.signed), 0o644)) {
		k.signed = ""
	}
}

// converge makes the network what it must be. report is of the press that it is called
// for. The caller holds mu.
func (k *keeper) converge(ctx context.Context, report *wire.Infection) error {
	c := k.st.cause()
	if !c.on {
		return k.open(ctx)
	}
	if k.st.memory.Since == 0 {
		k.st.memory.Since = k.micros()
	}
	k.fact.Order, k.fact.Local, k.fact.Since = c.order, k.st.memory.Presses, k.st.memory.Since
	allow := k.st.allow()
	same := k.cut && slices.Equal(allow.Servers, k.allow.Servers)
	if same {
		err := k.standing(ctx, allow)
		if err == nil {
			k.failed(nil)
			k.remember(c, allow, report)
			return nil
		}
		k.log.Warn("somebody changed the isolation; it is put back", "found", err)
		k.st.memory.Undone++
		k.fact.Undone = k.st.memory.Undone
		k.unproven()
	}
	fresh := k.st.mark == nil
	again := !fresh && !k.cut && k.st.memory.CutIn == k.boot
	if again && k.standing(ctx, allow) == nil {
		// This process is new, the rules are not.
		k.inForce(allow)
		k.remember(c, allow, report)
		return nil
	}
	var early *set
	if fresh {
		early = k.before(ctx, c, allow, report)
	} else {
		k.remember(c, allow, report)
	}
	err := k.apply(ctx, allow)
	k.failed(err)
	if early != nil && k.evidence == nil {
		k.evidence = early
		signal(k.collect)
	}
	if err != nil {
		k.changed()
		return err
	}
	if again {
		k.st.memory.Undone++ // they were gone when this process came
	}
	k.inForce(allow)
	k.st.memory.CutIn = k.boot
	k.save()
	return nil
}

// before does what must precede a cut, and waits for neither for long: it looks at the
// connections that the cut destroys, and writes down that the network is to be cut.
func (k *keeper) before(ctx context.Context, c cause, allow host.Allow, report *wire.Infection) *set {
	k.st.mark = k.markOf(c, allow, report)
	m := *k.st.mark
	written := make(chan error, 1)
	k.loose.Go(func() { written <- k.st.saveJSON(fileMark, m, 0o600) })
	early := &set{key: c.order}
	if report != nil {
		early.key = report.Key
	}
	if early.key == "" {
		early.key = newKey(k.clock.Now())
	}
	early.early = k.glance(ctx)
	select {
	case err := <-written:
		k.wrote(fileMark, err)
	case <-time.After(k.pace.write):
		k.wrote(fileMark, errSlowDisk)
	}
	return early
}

// glance looks for a while, and no longer. What it gives waits for what was read in that
// time and is still being written down.
func (k *keeper) glance(ctx context.Context) func(context.Context) []item {
	ctx, cancel := context.WithTimeout(ctx, k.pace.glance)
	var mu sync.Mutex
	var items []item
	done := make(chan struct{})
	k.loose.Go(func() {
		defer close(done)
		defer cancel()
		s := &set{}
		err := k.host.Glance(ctx, func(name string, write func(io.Writer) error) error {
			i := s.take(name, k.clock.Now(), write)
			mu.Lock()
			defer mu.Unlock()
			items = append(items, i)
			return nil
		})
		if err != nil && !errors.Is(err, host.ErrUnsupported) {
			k.log.Warn("what the cut destroys could not all be read", "error", err)
		}
	})
	select {
	case <-done:
	case <-ctx.Done():
	}
	return func(ctx context.Context) []item {
		select {
		case <-done:
		case <-ctx.Done():
		}
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(items)
	}
}

func (k *keeper) markOf(c cause, allow host.Allow, report *wire.Infection) *mark {
	m := &mark{Order: c.order, Wifi: c.wifi, Doubt: c.doubt, Since: k.st.memory.Since, Boot: k.boot, Servers: allow.Servers, Report: report}
	if c.pressed {
		m.Local, m.Over = k.st.memory.Presses, k.st.memory.Over
	}
	if k.st.doc != nil {
		m.Version = k.st.doc.Version
	}
	old := k.st.mark
	if old != nil { // an older desired state that was put back on the disk makes nothing forgotten
		m.Version = max(m.Version, old.Version)
	}
	if report == nil && old != nil && old.Report != nil && old.Report.Key != k.st.memory.Filed {
		m.Report = old.Report
	}
	return m
}

var errSlowDisk = errors.New("the disk takes too long")

// remember keeps the mark on disk as it must be.
func (k *keeper) remember(c cause, allow host.Allow, report *wire.Infection) {
	m, old := k.markOf(c, allow, report), k.st.mark
	k.st.mark = m
	if old != nil && k.unwritten[fileMark] == nil && report == nil && old.Local == m.Local && old.Over == m.Over && old.Order == m.Order &&
		old.Version == m.Version && old.Boot == m.Boot && old.Doubt == m.Doubt && slices.Equal(old.Servers, m.Servers) {
		return
	}
	k.wrote(fileMark, k.st.saveJSON(fileMark, m, 0o600))
}

// apply puts the rules in, or in a dry run does not.
func (k *keeper) apply(ctx context.Context, allow host.Allow) error {
	if k.dry {
		return nil
	}
	if err := k.host.Privileged(); err != nil {
		return err
	}
	return k.host.Cut(ctx, allow)
}

func (k *keeper) standing(ctx context.Context, allow host.Allow) error {
	if k.dry {
		return nil
	}
	return k.host.Standing(ctx, allow)
}

// inForce notes that the rules stand.
func (k *keeper) inForce(allow host.Allow) {
	if !k.cut || k.fact.Applied == 0 {
		k.fact.Applied = k.micros()
	}
	k.cut, k.allow = true, allow
	k.fact.Undone, k.fact.DryRun = k.st.memory.Undone, k.dry
	if k.dry {
		k.fact.Steps = k.host.Plan(allow)
	}
	k.unproven()
	k.log.Info("isolated", "order", k.fact.Order, "dry_run", k.dry)
	k.changed()
}

// failed notes whether the last cut went wrong.
func (k *keeper) failed(err error) {
	if err == nil {
		if k.cutErr != nil {
			k.cutErr = nil
			k.unproven()
			k.changed()
		}
		return
	}
	if k.cutErr == nil || k.cutErr.Error() != err.Error() {
		k.log.Error("NOT isolated; it is tried again", "error", err)
		k.changed()
	}
	k.cutErr = err
	k.fact.State, k.fact.Problems, k.fact.DryRun = wire.IsolationFailing, []string{oneLine(err.Error())}, k.dry
	k.fact.Proven = 0
}

// unproven asks for a new proof.
func (k *keeper) unproven() {
	if now := k.asCut(); k.fact.State != now {
		k.fact.State = now
		k.changed()
	}
	k.fact.Proven, k.fact.Problems = 0, nil
	k.proveAt, k.proveWait = 0, 0
}

// asCut is the state of a PC whose rules were put in and are not proven yet; in a dry run
// that nothing was put in.
func (k *keeper) asCut() wire.IsolationState {
	if k.dry {
		return wire.IsolationDryRun
	}
	return wire.IsolationApplied
}

// open takes the rules away once nothing wants them any more.
func (k *keeper) open(ctx context.Context) error {
	if !k.cut && k.st.mark == nil {
		return nil
	}
	if !k.dry {
		if err := k.host.Open(ctx); err != nil {
			k.fact.Problems = []string{"released, but: " + oneLine(err.Error())}
			k.log.Error("the rules could not be taken away; it is tried again", "error", err)
			k.changed()
			return err
		}
	}
	k.cut, k.allow, k.settled, k.cutErr = false, host.Allow{}, false, nil
	if k.power != nil {
		if err := k.power(); err != nil {
			k.log.Warn("power", "error", err)
		}
		k.power = nil
	}
	if k.st.mark != nil {
		k.file(k.st.mark.Report) // with the mark goes the last copy of a report that found no place
	}
	m := &k.st.memory
	m.Since, m.CutIn, m.Ended = 0, "", m.Presses
	// What was read out for this isolation must not end the next one.
	m.Codes.Challenge, m.AdminCodes.Challenge = "", ""
	k.save()
	k.wrote(fileMark, removeFile(k.st.path(fileMark)))
	k.st.mark = nil
	k.fact = k.off()
	k.log.Info("released", "dry_run", k.dry)
	k.changed()
	return nil
}

// wifiOn switches Wi-Fi on when we switched it off. What fails is tried again, over restarts
// too, with each look. No press waits for it: whoever it asks may be stuck.
func (k *keeper) wifiOn(ctx context.Context) {
	k.mu.Lock()
	due := k.st.memory.WifiOff && !k.dry && !k.cut && !k.st.cause().on
	k.mu.Unlock()
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, switchTime)
	defer cancel()
	_, err := k.host.SwitchWifi(ctx, true, nil, true)
	if errors.Is(err, host.ErrUnsupported) {
		err = nil // there is none any more
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if (err == nil) != (k.wifiErr == nil) {
		k.changed()
	}
	if k.wifiErr = err; err != nil {
		k.log.Warn("Wi-Fi is still off; it is tried again", "error", err)
		return
	}
	k.st.memory.WifiOff = false
	k.save()
}

// off is the fact of a PC that is not isolated.
func (k *keeper) off() wire.IsolationFact {
	m := k.st.memory
	f := wire.IsolationFact{State: wire.IsolationOff, Local: m.Presses, Undone: m.Undone, Release: m.Release, DryRun: k.dry}
	if d := k.st.doc; d != nil && !d.Isolation.On {
		f.Order = d.Isolation.Order
	}
	return f
}

// start takes up what the folder says: after a reboot, a crash, or an update.
func (k *keeper) start(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fact = k.off()
	var report *wire.Infection
	if k.st.mark != nil {
		report = k.st.mark.Report
	}
	err := k.converge(ctx, nil)
	k.file(report)
	if k.st.heeded {
		k.saveIdentity()
	}
	return err
}

// run keeps the network as it must be until ctx ends. It leaves the rules as they are.
func (k *keeper) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	watching := func() {}
	defer func() { watching() }()
	var watched bool
	for ctx.Err() == nil {
		wait := k.step(ctx)
		on := wait > 0
		if on && !watched && !k.dry {
			watched = true
			wctx, cancel := context.WithCancel(ctx)
			watching = cancel
			wg.Go(func() { k.watch(wctx) })
		}
		if !on && watched {
			watching()
			watching, watched = func() {}, false
		}
		var tick <-chan time.Time
		if on {
			tick = time.After(wait)
			k.breathe(ctx)
		}
		select {
		case <-ctx.Done():
		case <-k.wake:
		case <-tick:
		}
	}
}

// breathe keeps a program that changes the firewall without end from taking the
// processor with us.
func (k *keeper) breathe(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}

// watch hears of changes of the firewall, where the system tells of them.
func (k *keeper) watch(ctx context.Context) {
	for ctx.Err() == nil {
		err := k.host.Watch(ctx, k.stir)
		if errors.Is(err, host.ErrUnsupported) {
			return
		}
		if err != nil && ctx.Err() == nil {
			k.log.Warn("watch of the firewall", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(k.pace.look):
		}
	}
}

// step looks once and mends. It gives the time until the next look, 0 when nothing is
// to be kept.
func (k *keeper) step(ctx context.Context) time.Duration {
	k.mu.Lock()
	if err := k.converge(ctx, nil); err != nil {
		k.log.Debug("isolation", "error", err)
	}
	if len(k.unwritten) > 0 {
		k.writeAgain()
	}
	on := k.st.cause().on
	settle := on && k.cut && !k.settled
	k.settled = k.settled || settle
	due := on && k.cut && !k.dry && k.clock.Running() >= k.proveAt
	failing := k.cutErr != nil || k.fact.State == wire.IsolationFailing || len(k.unwritten) > 0 || !on && k.st.mark != nil
	allow, c := k.allow, k.st.cause()
	route := k.route()
	k.mu.Unlock()
	if settle {
		k.settle(ctx, c, allow)
	}
	if due {
		k.proveNow(ctx, route, allow)
	}
	k.wifiOn(ctx)
	switch {
	case failing:
		return k.pace.failing
	case on:
		return min(k.pace.look, k.untilProof())
	case k.offline():
		return k.pace.look
	}
	return 0
}

// offline reports whether Wi-Fi is still off after a release.
func (k *keeper) offline() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wifiErr != nil
}

func (k *keeper) untilProof() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dry || !k.cut {
		return k.pace.look
	}
	return max(10*time.Millisecond, k.proveAt-k.clock.Running())
}

// writeAgain tries the files that could not be written. The mark is seen to by remember.
// The caller holds mu.
func (k *keeper) writeAgain() {
	k.save()
	if k.signed != "" {
		k.saveDocument()
	}
	if k.unwritten[fileIdentity] != nil {
		k.saveIdentity()
	}
	if k.st.mark != nil {
		k.file(k.st.mark.Report)
	} else {
		k.wrote(fileMark, removeFile(k.st.path(fileMark)))
	}
}

// switchTime bounds how long the looks wait for NetworkManager, logind and their like: the
// rules are watched and proven all the same.
const switchTime = 10 * time.Second

// settle sees to Wi-Fi and to the power, which are not worth a moment's delay of a cut.
func (k *keeper) settle(ctx context.Context, c cause, allow host.Allow) {
	var done, inhibit string
	var release func() error
	if !k.dry {
		ctx, cancel := context.WithTimeout(ctx, switchTime)
		defer cancel()
		k.wifiMayBeOff(true) // first: a crash must not leave it off for good
		said, err := k.host.SwitchWifi(ctx, false, allow.Servers, c.wifi)
		done = said
		k.wifiMayBeOff(!errors.Is(err, host.ErrUnsupported))
		if err != nil && !errors.Is(err, host.ErrUnsupported) {
			done = "could not: " + oneLine(err.Error())
		}
		release, err = k.host.HoldPower(ctx, k.why)
		switch {
		case err == nil:
			inhibit = "held"
		case !errors.Is(err, host.ErrUnsupported):
			inhibit = oneLine(err.Error())
		default:
			inhibit = "not supported on this system"
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.cut { // released in between
		defer k.stir()
		if release != nil {
			if err := release(); err != nil {
				k.log.Warn("power", "error", err)
			}
		}
		return
	}
	k.power, k.fact.Wifi, k.fact.Inhibit = release, done, inhibit
	k.changed()
}

// wifiMayBeOff writes down whether Wi-Fi is to be switched on again.
func (k *keeper) wifiMayBeOff(off bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.wifiErr = nil
	if k.st.memory.WifiOff != off {
		k.st.memory.WifiOff = off
		k.save()
	}
}

// proveNow runs the probes. A press, an order or a release does not wait for them.
func (k *keeper) proveNow(ctx context.Context, route Route, allow host.Allow) {
	p := k.prober(ctx, route, allow)
	k.mu.Lock()
	defer k.mu.Unlock()
	if ctx.Err() != nil || !k.cut || k.cutErr != nil || !slices.Equal(allow.Servers, k.allow.Servers) {
		return
	}
	was := k.fact
	lines, failing := p.problems()
	switch {
	case failing:
		k.fact.State, k.fact.Proven = wire.IsolationFailing, 0
	case len(lines) > 0:
		// What was shown once stays shown while the server is away; a first proof waits for it.
		if k.fact.State != wire.IsolationProven {
			k.fact.State = wire.IsolationApplied
		}
	case k.fact.State != wire.IsolationProven:
		k.fact.State, k.fact.Proven = wire.IsolationProven, k.micros()
	}
	k.fact.Problems = lines
	if k.fact.State == wire.IsolationProven && len(lines) == 0 {
		k.proveWait = k.pace.prove
	} else {
		k.proveWait = min(max(2*k.proveWait, k.pace.reprove), k.pace.prove)
	}
	k.proveAt = k.clock.Running() + k.proveWait
	if was.State != k.fact.State || !slices.Equal(was.Problems, k.fact.Problems) {
		k.log.Info("proof", "state", string(k.fact.State), "problems", lines)
		k.changed()
	}
}

// route is the way to the server as the state knows it. The caller holds mu.
func (k *keeper) route() Route {
	var r Route
	if k.st.id != nil {
		r = RouteOf(k.st.id.Server, k.st.servers())
		if k.st.doc == nil && k.st.mark != nil && len(r.URLs) > 0 {
			at := hostPort(r.URLs[0])
			r.Pinned[at] = append(r.Pinned[at], k.st.mark.Servers...)
		}
	}
	r.Closed = k.cut && !k.dry
	return r
}

// challenge gives the challenge to read out, and how long it lives.
func (k *keeper) challenge(by source) (string, time.Duration, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case !k.st.cause().on:
		return "", 0, ErrNotIsolated
	case k.st.id == nil:
		return "", 0, ErrNotEnrolled
	}
	c, left, err := k.st.memory.codesOf(by).challenge(k.boot, k.clock.Running(), rand.Reader)
	k.save()
	return c, left, err
}

// release obeys a code that an administrator read out. Whoever has the rights of the PC's
// administrator may answer the challenge of the others too.
func (k *keeper) release(ctx context.Context, by source, code string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.stir()
	ctx, cancel := finish(ctx)
	defer cancel()
	switch {
	case !k.st.cause().on:
		return ErrNotIsolated
	case k.st.id == nil:
		return ErrNotEnrolled
	}
	m := &k.st.memory
	challenge, err := m.codesOf(by).try(k.boot, k.clock.Running(), k.st.id.Secret, k.st.id.Device, code)
	if by == administrator && errors.Is(err, ErrNoChallenge) {
		challenge, err = m.Codes.try(k.boot, k.clock.Running(), k.st.id.Secret, k.st.id.Device, code)
	}
	if err != nil {
		k.save()
		return err
	}
	c := k.st.cause()
	m.ReleasedLocal = m.Presses
	if c.order != "" {
		m.ReleasedOrder = c.order
	}
	m.Release = &wire.CodeRelease{Challenge: challenge, Order: c.order, Local: m.Presses, At: k.micros()}
	if k.st.mark != nil && k.st.mark.Doubt {
		k.st.mark = &mark{} // the administrator has spoken: the doubt is over
	}
	k.save()
	k.log.Info("released by code")
	if err := k.converge(ctx, nil); err != nil {
		return fmt.Errorf("open the network: %w", err)
	}
	return nil
}

// takeEvidence gives the evidence that a cut has begun, once.
func (k *keeper) takeEvidence() *set {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.evidence
	k.evidence, k.gathering = nil, s != nil
	return s
}

// gathered notes that the set which was taken is in the spool.
func (k *keeper) gathered() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gathering = false
}

// toGather is the number of sets of evidence that are still to be gathered: 0 or 1.
func (k *keeper) toGather() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.evidence != nil || k.gathering {
		return 1
	}
	return 0
}
