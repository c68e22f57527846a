// Package agent is the process on a PC: it holds the PC to the desired state that its
// server has signed, cuts the network off when the person at the PC or the company says
// so, proves it, and reports what is so. It knows no other server code than package
// wire, and no operating system but package host.
//
// Three loops share one state: keeper (the network), obey and listen (the server's word
// and ours to it), deliver (reports and evidence). None of them waits for another.
package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// Options are what an Agent is made of.
type Options struct {
	Dir     string // state folder
	Host    host.Host
	Version string // of the program
	DryRun  bool   // say what would be done to the network, and do nothing to it
	Socket  string // where people's commands are heard; "" for nowhere
	Why     string // shown to people while shutting down is held back
	// Say gives a text for everyone at the PC, such as why a medium is held.
	Say   func(id string, args ...any) string
	Log   *slog.Logger
	Clock Clock // default: the machine's

	// Forbidden are places that an isolated PC must not reach. The default is other
	// ports of the server's machines, and the gateways.
	Forbidden func(allow host.Allow) []Target
	// Patience is how long New waits for another agent process to leave the folder;
	// default: not at all.
	Patience time.Duration
}

// Target is a place that an isolated PC must not reach. Network is tcp or udp.
type Target = target

// Agent is one PC's agent over its state folder.
type Agent struct {
	o     Options
	keep  *keeper
	guard *guard // nil where the system holds no media
	spool *spool
	lock  *os.File
	ident *Identity // nil: not enrolled
	net   *Client   // nil: not enrolled
	beat  rhythm

	nudges   chan struct{} // a newer desired state may exist
	dirty    chan struct{} // facts may have changed
	packages chan struct{} // the spool holds something
	seen     atomic.Int64  // newest version that the server has spoken of
	heard    atomic.Int64  // when the server last answered: its time in microseconds
	online   atomic.Bool   // the stream is open
	trouble  atomic.Pointer[string]
	blind    atomic.Bool // streams come to nothing here: ask instead
	pressing sync.Mutex
	presses  []time.Duration // of the last hour, in running time; guarded by pressing
	told     told
	sendOne  sync.Mutex // one delivery at a time
	sent     map[string]wire.Fact
	behind   int64 // the older version of a server that was told everything again; guarded by sentMu
	sentMu   sync.Mutex
}

// rhythm is how often the server is asked.
type rhythm struct {
	poll      time.Duration // the safety net under the stream
	blindPoll time.Duration // where streams come to nothing
	least     time.Duration // first wait after a failure …
	most      time.Duration // … and the longest
}

// after is how long to wait after a failure: the longer the more there were, and never the
// same for two PCs. A server that has refused is not asked again at once.
func (r rhythm) after(err error, failures int) time.Duration {
	wait := jitter(min(r.least<<min(failures, 10), r.most))
	var refused *Refused
	switch {
	case !errors.As(err, &refused):
	case refused.Wait > 0:
		wait += refused.Wait
	case refused.Status == 401 || refused.Status == 403 || refused.Status == 404:
		wait += r.poll/4 + jitter(r.poll/4)
	case refused.Status < 500:
		wait += r.most / 2
	}
	return wait
}

// note keeps the newest trouble with the server, for whoever asks at the PC.
func (a *Agent) note(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	text := oneLine(err.Error())
	a.trouble.Store(&text)
	a.o.Log.Debug("server", "error", err)
}

// New opens the state folder and takes up what it says: an isolation stands, or is being
// put back, when New returns. It never fails for what it reads. An error means that
// another agent process holds the folder, or that there is no folder to write to.
func New(ctx context.Context, o Options) (*Agent, error) {
	if o.Clock.Now == nil {
		o.Clock = MachineClock()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := makeFolder(o.Dir); err != nil {
		return nil, err
	}
	lock, err := waitLock(ctx, loadPath(o.Dir, fileLock), o.Patience)
	if err != nil {
		return nil, err
	}
	st := loadState(o.Dir)
	a := &Agent{
		o: o, lock: lock, ident: st.id, spool: &spool{dir: st.path(dirSpool)},
		beat:   rhythm{poll: 10 * time.Minute, blindPoll: time.Minute, least: 500 * time.Millisecond, most: 30 * time.Second},
		nudges: make(chan struct{}, 1), dirty: make(chan struct{}, 1), packages: make(chan struct{}, 1),
		sent: map[string]wire.Fact{},
	}
	for _, p := range st.problems {
		o.Log.Warn("state", "problem", p)
	}
	k := newKeeper(o.Host, st, o.Clock)
	k.dry, k.version, k.why, k.log, k.spool = o.DryRun, o.Version, o.Why, o.Log, a.spool
	k.changed = func() { signal(a.dirty); signal(a.packages) }
	k.prober = a.probe
	a.keep = k
	if st.id != nil {
		a.net, err = NewClient(ClientOptions{Identity: st.id, Clock: o.Clock, Route: func() Route {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.route()
		}})
		if err != nil {
			lock.Close()
			return nil, err
		}
		if st.doc != nil {
			a.net.clock.issued(st.doc.Issued)
		}
	}
	if err := k.start(ctx); err != nil {
		o.Log.Error("isolation", "error", err)
	}
	a.guard = a.guardFor()
	return a, nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func waitLock(ctx context.Context, name string, patience time.Duration) (*os.File, error) {
	end := time.Now().Add(patience)
	for {
		f, err := host.Lock(name)
		if !errors.Is(err, host.ErrLocked) || !time.Now().Before(end) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Busy reports whether New failed because another agent process holds the folder.
func Busy(err error) bool { return errors.Is(err, host.ErrLocked) }

// Close lets the folder go. The rules stay as they are.
func (a *Agent) Close() error {
	a.keep.loose.Wait()
	if a.net != nil {
		a.net.Close()
	}
	return a.lock.Close()
}

// Run serves the PC until ctx ends.
func (a *Agent) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer wg.Wait()
	defer cancel()
	if a.o.Socket != "" {
		c, err := listenControl(a, a.o.Socket)
		if err != nil {
			// Nobody can press here, and the server's word counts all the same.
			a.o.Log.Error("people's commands are not heard", "error", err)
		} else {
			wg.Go(func() { c.run(ctx) })
		}
	}
	wg.Go(func() { a.keep.run(ctx) })
	wg.Go(func() { a.gather(ctx) })
	if a.guard != nil {
		wg.Go(func() { a.guard.run(ctx) })
	}
	if a.net != nil {
		wg.Go(func() { a.listen(ctx) })
		wg.Go(func() { a.obey(ctx) })
		wg.Go(func() { a.deliver(ctx) })
	}
	debug.FreeOSMemory()
	<-ctx.Done()
	return nil
}

// Infected is the press at the PC. It returns once the network is cut, or cannot be; the
// report then waits to be sent. On a PC that is isolated, presses within a moment are
// one, and no more than some in an hour are reports.
func (a *Agent) Infected(ctx context.Context, words, user string) (Status, error) {
	a.pressing.Lock()
	defer a.pressing.Unlock()
	now := a.o.Clock.Running()
	a.presses = slices.DeleteFunc(a.presses, func(at time.Duration) bool { return now-at > time.Hour })
	if n := len(a.presses); n > 0 && a.keep.wanted() {
		if n >= pressesAnHour || words == "" && now-a.presses[n-1] < onePress {
			return a.Status(), nil
		}
	}
	a.presses = append(a.presses, now)
	err := a.keep.press(ctx, clip(words, 2000), clip(user, 100))
	return a.Status(), err
}

const (
	onePress      = 10 * time.Second
	pressesAnHour = 10
)

func (k *keeper) wanted() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.st.cause().on
}

func clip(s string, n int) string {
	r := []rune(string(bytes.ToValidUTF8([]byte(s), nil)))
	if len(r) > n {
		r = r[:n]
	}
	return string(r)
}

// Challenge gives what to read to the administrator, and how long it lives. It is for a
// process that holds the folder itself; Service asks for others.
func (a *Agent) Challenge() (string, time.Duration, error) { return a.keep.challenge(people) }

// Release obeys a code that an administrator read out. It is for a process that holds the
// folder itself, and so sees to Wi-Fi too.
func (a *Agent) Release(ctx context.Context, code string) error {
	if err := a.keep.release(ctx, people, code); err != nil {
		return err
	}
	a.keep.wifiOn(ctx)
	return nil
}

// Settle does once what Run does all the time: see to Wi-Fi and power, prove, gather
// evidence, fetch the newest desired state, report and deliver. It is for a press where
// no service runs.
func (a *Agent) Settle(ctx context.Context) error {
	a.keep.step(ctx)
	if a.net == nil {
		a.gatherNow(ctx)
		return ErrNotEnrolled
	}
	err := a.send(ctx)
	_, ferr := a.fetch(ctx)
	err = errors.Join(err, ferr, a.tell(ctx))
	a.keep.wifiOn(ctx) // that may have been the release
	a.gatherNow(ctx)
	return errors.Join(err, a.send(ctx))
}

func (a *Agent) probe(ctx context.Context, r Route, allow host.Allow) proof {
	var ca string
	now := a.o.Clock.Now
	if a.ident != nil {
		ca, now = a.ident.CA, a.net.clock.certificates
	}
	var forbidden []target
	if a.o.Forbidden != nil {
		forbidden = a.o.Forbidden(allow)
	} else {
		forbidden = targets(allow.Servers, host.Gateways())
	}
	return prove(ctx, r, ca, now, forbidden)
}

// listen holds the stream open. It is the PC's presence, and brings word of newer
// desired states; where a proxy keeps it from working, asking takes its place.
func (a *Agent) listen(ctx context.Context) {
	deaf, failures := 0, 0
	for ctx.Err() == nil {
		heard := false
		err := a.net.Stream(ctx, a.version(), func() {
			heard = true
			a.blind.Store(false)
			a.answered()
			if !a.online.Swap(true) {
				signal(a.dirty) // what had to wait for the server
				signal(a.packages)
			}
		}, func(v int64) {
			heard = true
			if v > a.seen.Load() {
				a.seen.Store(v)
			}
			signal(a.nudges)
		})
		a.online.Store(false)
		a.note(err)
		switch {
		case heard:
			deaf, failures = 0, 0
		case a.inReach(ctx, err):
			if deaf++; deaf >= 2 {
				a.blind.Store(true)
				signal(a.nudges)
			}
		}
		wait := a.beat.after(err, failures)
		failures++
		if a.blind.Load() {
			wait += a.beat.poll / 2
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

// inReach reports whether the server answers, though a stream to it came to nothing: then
// something on the way holds streams back, cuts them or gives up on them.
func (a *Agent) inReach(ctx context.Context, stream error) bool {
	var op *net.OpError
	if ctx.Err() != nil || errors.As(stream, &op) && op.Op == "dial" {
		return false
	}
	_, err := a.net.Keys(ctx)
	return err == nil
}

// jitter is somewhere between nothing and d, so that many PCs do not come at once.
func jitter(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(d) + 1)) }

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// answered notes that the server is in reach. What waits for it may try again.
func (a *Agent) answered() {
	if a.heard.Swap(int64(wire.MicrosOf(a.net.Now()))) == 0 && a.guard != nil {
		a.guard.stir() // now it is known what time it is
	}
	a.trouble.Store(nil)
}

func (a *Agent) version() int64 {
	a.keep.mu.Lock()
	defer a.keep.mu.Unlock()
	if a.keep.st.doc == nil {
		return 0
	}
	return a.keep.st.doc.Version
}

// obey fetches what the stream speaks of, and reports facts that changed.
func (a *Agent) obey(ctx context.Context) {
	failures := 0
	fetch := false
	for ctx.Err() == nil {
		var err error
		if fetch {
			for more := true; more && err == nil; {
				more, err = a.fetch(ctx)
			}
		}
		if err == nil {
			err = a.tell(ctx)
		}
		wait := a.beat.poll
		if a.blind.Load() {
			wait = a.beat.blindPoll
		}
		wait = wait*4/5 + jitter(wait*2/5)
		if err != nil {
			a.note(err)
			wait = a.beat.after(err, failures)
			failures++
		} else {
			failures = 0
			fetch = false
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-a.nudges:
			fetch = true
		case <-a.dirty:
		case <-t.C:
			fetch = true
		}
		t.Stop()
	}
}

// fetch asks for a newer desired state and acts on it. more says that a still newer one
// is known to exist.
func (a *Agent) fetch(ctx context.Context) (more bool, err error) {
	have := a.version()
	signed, newest, err := a.net.Document(ctx, have)
	var refused *Refused
	if errors.As(err, &refused) && refused.Code == "fault.device_refused" {
		// It is told nothing more but whose signature counts, or it would not know a
		// permission to take the agent away.
		return false, errors.Join(err, a.learnKeys(ctx))
	}
	if err != nil {
		return false, err
	}
	a.answered()
	if newest > 0 && newest < have {
		a.overtaken(newest)
	}
	if signed == "" {
		return false, nil
	}
	doc, err := a.openDocument(signed)
	if errors.Is(err, wire.ErrSignature) {
		if err := a.learnKeys(ctx); err != nil {
			return false, err
		}
		doc, err = a.openDocument(signed)
	}
	if err != nil {
		a.o.Log.Error("desired state refused", "error", err)
		return false, err
	}
	a.net.clock.issued(doc.Issued)
	err = a.keep.obey(ctx, doc, signed)
	if a.guard != nil {
		a.guard.stir()
	}
	if err != nil {
		a.o.Log.Error("desired state", "version", doc.Version, "error", err)
		if errors.Is(err, wire.ErrOlder) {
			return false, err
		}
	}
	return a.seen.Load() > doc.Version, nil
}

// overtaken tells everything again to a server that knows less than this PC, such as one
// that was restored from a backup: it then goes on from here.
func (a *Agent) overtaken(newest int64) {
	a.sentMu.Lock()
	defer a.sentMu.Unlock()
	if a.behind == newest {
		return // told already
	}
	a.behind = newest
	clear(a.sent)
	a.o.Log.Warn("the server's desired state is older than this PC's", "server", newest)
}

func (a *Agent) openDocument(signed string) (wire.Document, error) {
	a.keep.mu.Lock()
	trusted, err := a.keep.st.id.Verifiers()
	newest := a.keep.st.memory.Newest
	a.keep.mu.Unlock()
	if err != nil {
		return wire.Document{}, err
	}
	return wire.OpenDocument(signed, trusted, a.ident.Device, newest)
}

// learnKeys follows the server's changes of its signing key.
func (a *Agent) learnKeys(ctx context.Context) error {
	statements, err := a.net.Keys(ctx)
	if err != nil {
		return err
	}
	k := a.keep
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.st.id.Follow(statements) {
		a.o.Log.Info("the server has a new signing key")
		k.saveIdentity()
	}
	return nil
}

// tell reports facts that changed since the server took them.
func (a *Agent) tell(ctx context.Context) error {
	a.sentMu.Lock()
	defer a.sentMu.Unlock()
	all := a.Facts()
	changed := map[string]wire.Fact{}
	for name, f := range all {
		old, ok := a.sent[name]
		if !ok || !bytes.Equal(old.Value, f.Value) || old.Unread != f.Unread {
			changed[name] = f
		}
	}
	if len(changed) == 0 {
		return nil
	}
	seq, at := a.keep.nextSeq(a.net.Now())
	if err := a.net.Facts(ctx, wire.Facts{Seq: seq, At: at, Facts: changed}); err != nil {
		return err
	}
	a.answered()
	for name, f := range changed {
		a.sent[name] = f
	}
	return nil
}

// nextSeq numbers a report of facts. The number is on disk before it is used; where the
// memory was lost, the time is larger than whatever was used before.
func (k *keeper) nextSeq(server time.Time) (int64, wire.Micros) {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := &k.st.memory
	m.Seq = max(m.Seq+1, server.UnixMicro())
	k.save()
	return m.Seq, k.micros()
}

// Facts is what is known of this PC now.
func (a *Agent) Facts() map[string]wire.Fact {
	k := a.keep
	privileged := a.o.Host.Privileged() == nil
	media, guarded := a.mediaFact(k.micros())
	k.mu.Lock()
	defer k.mu.Unlock()
	at := k.micros()
	agent := wire.AgentFact{Version: a.o.Version, System: runtime.GOOS + "/" + runtime.GOARCH, Host: a.o.Host.Name(),
		Privileged: privileged, DryRun: a.o.DryRun, Boot: k.boot}
	if k.st.doc != nil {
		agent.Document = k.st.doc.Version
	}
	isolation := k.fact
	isolation.Problems = append(append([]string{}, isolation.Problems...), k.stateProblems()...)
	out := map[string]wire.Fact{}
	for name, v := range map[string]any{wire.FactAgent: agent, wire.FactIsolation: isolation} {
		f, err := wire.FactOf(v, at)
		if err != nil {
			f = wire.Fact{Unread: oneLine(err.Error()), At: at}
		}
		out[name] = f
	}
	if guarded {
		out[wire.FactMedia] = media
	}
	return out
}

// stateProblems are of the agent's own memory. The caller holds mu.
func (k *keeper) stateProblems() []string {
	out := append([]string{}, k.st.problems...)
	for _, what := range slices.Sorted(maps.Keys(k.unwritten)) {
		out = append(out, "not on disk: "+oneLine(k.unwritten[what].Error()))
	}
	if k.wifiErr != nil && !k.cut {
		out = append(out, "Wi-Fi was switched off and does not come back: "+oneLine(k.wifiErr.Error()))
	}
	return out
}

// deliver sends what the spool holds, and keeps trying.
func (a *Agent) deliver(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		err := a.send(ctx)
		var again <-chan time.Time
		if err != nil {
			a.note(err)
			again = time.After(a.beat.after(err, failures))
			failures++
		} else {
			failures = 0
		}
		select {
		case <-ctx.Done():
		case <-a.packages:
		case <-again:
		}
	}
}

func (a *Agent) send(ctx context.Context) error {
	a.sendOne.Lock()
	defer a.sendOne.Unlock()
	waiting := len(a.spool.list()) > 0
	if waiting && a.keep.releasedByCode() {
		// The server must hear of the release before it hears of the press, or it would
		// order anew what an administrator has just ended.
		if err := a.tell(ctx); err != nil {
			return fmt.Errorf("deliver: %w", err)
		}
	}
	err := a.spool.send(ctx, a.net, func(key string, r wire.Reported) {
		a.answered()
		a.keep.labelled(key, r.Label)
		a.told.arrived(key, r.Label)
	})
	err = errors.Join(err, a.spool.sendMedia(ctx, a.net))
	if waiting {
		debug.FreeOSMemory() // evidence is large, and comes once
	}
	if err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	return nil
}

func (k *keeper) releasedByCode() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := k.st.memory
	return m.Release != nil && m.ReleasedLocal == m.Presses
}

func (k *keeper) labelled(key, label string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.st.memory.Filed == key {
		k.st.memory.Label = label
		k.save()
	}
}

// gather completes the evidence of each cut.
func (a *Agent) gather(ctx context.Context) {
	for {
		a.gatherNow(ctx)
		select {
		case <-ctx.Done():
			return
		case <-a.keep.collect:
		}
	}
}

func (a *Agent) gatherNow(ctx context.Context) {
	k := a.keep
	s := k.takeEvidence()
	if s == nil {
		return
	}
	defer k.gathered()
	put := func(i item) {
		if err := s.put(a.spool, i); err != nil {
			a.o.Log.Warn("evidence", "item", i.name, "error", err)
		}
	}
	cctx, cancel := context.WithTimeout(ctx, k.pace.collect)
	defer cancel()
	if s.early != nil {
		for _, i := range s.early(cctx) {
			put(i)
		}
	}
	signal(a.packages)
	err := a.o.Host.Collect(cctx, func(name string, write func(io.Writer) error) error {
		put(s.take(name, k.clock.Now(), write))
		return cctx.Err()
	})
	if err != nil && !errors.Is(err, host.ErrUnsupported) {
		a.o.Log.Warn("evidence", "error", err)
	}
	if err := s.close(a.spool, a.ident, k.clock.Now()); err != nil {
		a.o.Log.Warn("evidence", "error", err)
	}
	s.early = nil
	signal(a.packages)
	debug.FreeOSMemory()
}

// Status is what a person at the PC may know.
type Status struct {
	Enrolled   bool               `json:"enrolled"`
	Device     string             `json:"device,omitempty"`
	Person     string             `json:"person,omitempty"`
	Server     string             `json:"server,omitempty"`
	Company    string             `json:"company,omitempty"`
	Version    string             `json:"version"`
	DryRun     bool               `json:"dry_run"`
	Privileged bool               `json:"privileged"`
	Why        string             `json:"unprivileged,omitempty"` // why not, in English
	Document   int64              `json:"document"`
	Connected  bool               `json:"connected"`       // the stream is open
	Heard      wire.Micros        `json:"heard,omitempty"` // when the server last answered, by its clock
	Isolated   bool               `json:"isolated"`        // the network is to be cut
	Isolation  wire.IsolationFact `json:"isolation"`
	Contacts   []wire.Contact     `json:"contacts,omitempty"`
	Waiting    int                `json:"waiting"`          // reports and evidence that the server does not have yet; what is still to be gathered is one
	Unsent     int                `json:"unsent"`           // reports among them
	Report     string             `json:"report,omitempty"` // key of the newest report
	Label      string             `json:"label,omitempty"`  // its case, once the server has it
	Problems   []string           `json:"problems,omitempty"`
	Trouble    string             `json:"trouble,omitempty"` // why the server is not in reach
	Plan       []string           `json:"plan,omitempty"`    // what a cut would do; in a dry run
}

// Status tells how things stand.
func (a *Agent) Status() Status {
	s := Status{Version: a.o.Version, DryRun: a.o.DryRun, Connected: a.online.Load(), Heard: wire.Micros(a.heard.Load())}
	s.Waiting = a.keep.toGather() // asked before the spool, so that nothing is missed on its way there
	for _, w := range a.spool.list() {
		s.Waiting++
		if w.report {
			s.Unsent++
		}
	}
	if err := a.o.Host.Privileged(); err != nil {
		s.Why = oneLine(err.Error())
	} else {
		s.Privileged = true
	}
	k := a.keep
	k.mu.Lock()
	defer k.mu.Unlock()
	if id := k.st.id; id != nil {
		s.Enrolled, s.Device, s.Person, s.Server = true, id.Device, id.Person, id.Server
	}
	if d := k.st.doc; d != nil {
		s.Document, s.Company = d.Version, d.Company
	}
	s.Isolated, s.Isolation, s.Contacts = k.st.cause().on, k.fact, k.st.contacts()
	s.Report, s.Label, s.Problems = k.st.memory.Filed, k.st.memory.Label, k.stateProblems()
	if t := a.trouble.Load(); t != nil {
		s.Trouble = *t
	}
	if a.o.DryRun {
		s.Plan = a.o.Host.Plan(k.st.allow())
	}
	return s
}

// Preview says what a cut of this PC would do, a line each, and changes nothing.
func Preview(dir string, h host.Host) []string {
	s := loadState(dir)
	if s.doc == nil { // not ours to verify, when it is another account's: good enough to show
		s.doc = glanceAtDocument(dir)
	}
	return h.Plan(s.allow())
}

// Shutdown takes an isolated PC's links down, because other programs that stop may take
// every firewall rule away while the network is still up. It is for the time when the
// agent has stopped, and keeps nothing: the next boot is isolated as this one was.
func Shutdown(ctx context.Context, o Options) error {
	s := loadState(o.Dir)
	h, can := o.Host.(host.Unplugger)
	if o.DryRun || !can || s.mark == nil && !s.cause().on {
		return nil
	}
	return h.Unplug(ctx)
}

// Boot makes the network what the folder says, before there is any network. It speaks to
// nobody. isolated says what was found to be wanted.
func Boot(ctx context.Context, o Options) (isolated bool, err error) {
	a, err := New(ctx, o)
	if err != nil {
		return false, err
	}
	a.keep.mu.Lock()
	isolated, err = a.keep.st.cause().on, a.keep.cutErr
	a.keep.mu.Unlock()
	if a.guard != nil {
		err = errors.Join(err, a.guard.early(ctx))
	}
	return isolated, errors.Join(err, a.Close())
}
