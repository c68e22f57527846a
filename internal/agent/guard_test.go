package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// ports are a host.MediaGuard of the tests: what is plugged in is a variable.
type ports struct {
	mu      sync.Mutex
	devices map[string]*host.USBDevice
	tokens  map[string]string // by path
	sizes   map[string]int64
	calls   []string
	said    []string
	held    bool
	fail    map[string]error // by call, such as "offer"
	plugs   int
	writing map[string]func(name string, size int64)
	user    string
	slots   []host.Disk // more disks of every device
	onRead  func()      // called, once, while a token is read
	gate    chan bool   // held open by who admits
	most    int         // who admitted at a time
	now     int
}

func newPorts() *ports {
	return &ports{devices: map[string]*host.USBDevice{}, tokens: map[string]string{}, sizes: map[string]int64{}, fail: map[string]error{},
		writing: map[string]func(string, int64){}, user: "aoki"}
}

func (p *ports) did(format string, args ...any) {
	p.calls = append(p.calls, fmt.Sprintf(format, args...))
}

func (p *ports) plug(path string, d host.USBDevice, token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plugs++
	d.Path, d.Plug, d.Authorized = path, fmt.Sprint(p.plugs), d.Authorized || !p.held
	d.Interfaces = slices.Clone(d.Interfaces)
	for i := range d.Interfaces {
		if d.Interfaces[i].Authorized = d.Authorized; d.Authorized {
			d.Interfaces[i].Driver = "some"
		}
	}
	p.devices[path], p.tokens[path], p.sizes[path] = &d, token, 16<<20
}

func (p *ports) unplug(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.devices, path)
}

func (p *ports) works(path string, number int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.devices[path]
	if d == nil || !d.Authorized {
		return false
	}
	return !slices.ContainsFunc(d.Interfaces, func(i host.USBInterface) bool { return i.Number == number && !i.Authorized })
}

func (p *ports) count(call string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		if strings.HasPrefix(c, call) {
			n++
		}
	}
	return n
}

func (p *ports) HoldUSB(_ context.Context, on bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.fail["hold"]; err != nil {
		return err
	}
	p.held = on
	return nil
}

func (p *ports) Recover(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did("recover")
	return p.fail["recover"]
}

func (p *ports) WatchUSB(ctx context.Context, _ func()) error { <-ctx.Done(); return nil }

func (p *ports) USB(context.Context) ([]host.USBDevice, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []host.USBDevice
	for _, path := range slices.Sorted(func(yield func(string) bool) {
		for k := range p.devices {
			if !yield(k) {
				return
			}
		}
	}) {
		d := *p.devices[path]
		d.Interfaces = slices.Clone(d.Interfaces)
		for i := range d.Interfaces {
			if !d.Authorized {
				d.Interfaces[i].Name = "" // as the kernel
			}
		}
		out = append(out, d)
	}
	return out, nil
}

func (p *ports) set(path string, interfaces []int, on bool) error {
	d := p.devices[path]
	if d == nil {
		return fs.ErrNotExist
	}
	if interfaces == nil || on {
		d.Authorized = on
	}
	for n := range d.Interfaces {
		i := &d.Interfaces[n]
		if interfaces != nil && !slices.Contains(interfaces, i.Number) {
			continue
		}
		i.Authorized, i.Driver = on, ""
		if on {
			i.Driver = "some"
		}
	}
	return nil
}

func (p *ports) Admit(_ context.Context, path string, interfaces []int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did("admit %s %v", path, interfaces)
	if err := p.fail["admit"]; err != nil {
		return err
	}
	if gate := p.gate; gate != nil {
		p.now++
		p.most = max(p.most, p.now)
		p.mu.Unlock()
		<-gate
		p.mu.Lock()
		p.now--
	}
	return errors.Join(p.set(path, interfaces, true), p.fail["half"])
}

func (p *ports) Refuse(_ context.Context, path string, interfaces []int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did("refuse %s %v", path, interfaces)
	return p.set(path, interfaces, false)
}

func (p *ports) Eject(_ context.Context, path string, interfaces []int) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did("eject %s %v", path, interfaces)
	if err := p.fail["eject"]; err != nil {
		return "", err
	}
	return "unmounted", p.set(path, interfaces, false)
}

func (p *ports) Disks(_ context.Context, path string) ([]host.Disk, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.devices[path] == nil {
		return nil, fs.ErrNotExist
	}
	if err := p.fail["disks"]; err != nil {
		return nil, err
	}
	return append([]host.Disk{{Name: "sd" + path, Size: p.sizes[path], Volume: "vfat 1A2B-3C4D"}}, p.slots...), nil
}

func (p *ports) ReadToken(_ context.Context, d host.Disk) ([]byte, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did("read %s", d.Name)
	if f := p.onRead; f != nil {
		p.onRead = nil
		defer f() // what p holds is free to it
	}
	if err := p.fail["read"]; err != nil {
		return nil, "", err
	}
	if text := p.tokens[strings.TrimPrefix(d.Name, "sd")]; text != "" {
		return []byte(text), d.Volume, nil
	}
	return nil, d.Volume, host.ErrNoToken
}

func (p *ports) WriteToken(_ context.Context, d host.Disk, text []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did("write %s", d.Name)
	if err := p.fail["write"]; err != nil {
		return err
	}
	p.tokens[strings.TrimPrefix(d.Name, "sd")] = string(text)
	return nil
}

func (p *ports) Offer(_ context.Context, d host.Disk, readOnly bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did("offer %s %v", d.Name, readOnly)
	return p.fail["offer"]
}

func (p *ports) Written(ctx context.Context, d host.Disk, each func(string, int64)) error {
	p.mu.Lock()
	p.writing[d.Name] = each
	p.mu.Unlock()
	<-ctx.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.writing, d.Name)
	return nil
}

func (p *ports) Tell(_ context.Context, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, text)
	return nil
}

func (p *ports) SignedIn(context.Context) string { return p.user }

// watchman is a guard under test.
type watchman struct {
	t      *testing.T
	ports  *ports
	m      *machine
	dir    string
	signer note.Signer
	g      *guard
	ctx    context.Context
	stop   func()

	mu     sync.Mutex
	order  guardOrder
	server *time.Time // nil: not heard
	events []wire.MediaEvent
}

func newWatchman(t *testing.T) *watchman {
	t.Helper()
	w := &watchman{t: t, ports: newPorts(), dir: t.TempDir(), m: &machine{wall: time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC), running: time.Hour}}
	var key string
	w.signer, key = signer(t)
	trusted, err := wire.Trust{Keys: []string{key}}.Verifiers()
	if err != nil {
		t.Fatal(err)
	}
	w.order = guardOrder{known: true, media: wire.Media{Mode: wire.GuardBlock}, trusted: trusted, issued: wire.MicrosOf(w.m.wall.Add(-time.Hour))}
	w.start("boot-1")
	return w
}

// start begins a new process over the same folder.
func (w *watchman) start(boot string) {
	g := newGuard(w.ports, w.dir, boot, w.m.clock())
	g.wanted = func() guardOrder { w.mu.Lock(); defer w.mu.Unlock(); return w.order }
	g.server = func() (time.Time, bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.server == nil {
			return time.Time{}, false
		}
		return *w.server, true
	}
	g.keep = func(e wire.MediaEvent) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
		return nil
	}
	w.g = g
	ctx, cancel := context.WithCancel(w.t.Context())
	w.ctx = ctx
	w.stop = sync.OnceFunc(func() { cancel(); g.stopWatches(); g.work.Wait() })
	w.t.Cleanup(w.stop)
}

// restart kills the process and starts another one.
func (w *watchman) restart(boot string) { w.t.Helper(); w.stop(); w.start(boot); w.settle() }

func (w *watchman) allow(media ...wire.Medium) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.order.media.Allowed = media
}

func (w *watchman) mode(m wire.GuardMode) { w.mu.Lock(); defer w.mu.Unlock(); w.order.media.Mode = m }

// settle looks until nothing changes any more.
func (w *watchman) settle() {
	w.t.Helper()
	for range 50 {
		w.g.look(w.ctx)
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			w.g.mu.Lock()
			busy := false
			for _, p := range w.g.plugged {
				busy = busy || p.busy
			}
			w.g.mu.Unlock()
			if !busy {
				break
			} else if time.Now().After(end) {
				w.t.Fatal("a device is at work for ever")
			}
		}
		select {
		case <-w.g.wake:
		default:
			return
		}
	}
	w.t.Fatal("it never settles")
}

// told waits for events and gives them as "what why asset", oldest first.
func (w *watchman) told(want ...string) {
	w.t.Helper()
	w.settle()
	var got []string
	for end := time.Now().Add(3 * time.Second); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		got = nil
		for _, e := range w.events {
			got = append(got, strings.Join(strings.Fields(e.What+" "+e.Why+" "+e.Asset), " "))
		}
		w.mu.Unlock()
		if len(got) >= len(want) || time.Now().After(end) {
			break
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("told %q, not %q; calls %q; problems %q", got, want, w.ports.calls, w.g.Fact().Problem)
	}
}

func (w *watchman) last() wire.MediaEvent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.events[len(w.events)-1]
}

func (w *watchman) forget() { w.mu.Lock(); defer w.mu.Unlock(); w.events = nil }

func (w *watchman) token(id, asset string) string {
	w.t.Helper()
	text, err := wire.SignMedium(wire.MediumToken{ID: id, Asset: asset}, w.signer)
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

func (w *watchman) loan(asset, token string, from, until time.Duration) wire.Medium {
	now := w.m.clock().Now()
	return wire.Medium{Asset: asset, Loan: "LON-" + asset, Vendor: "0781", Product: "5567", Serial: "SN-1", Token: token,
		From: wire.MicrosOf(now.Add(from)), Until: wire.MicrosOf(now.Add(until))}
}

func device(serial string, interfaces ...host.USBInterface) host.USBDevice {
	return host.USBDevice{Vendor: 0x0781, Product: 0x5567, Serial: serial, Maker: "Maker", Model: "Stick", Interfaces: interfaces}
}

var (
	onStorage  = host.USBInterface{Number: 0, Class: 8, Sub: 6, Protocol: 0x50}
	onKeyboard = host.USBInterface{Number: 1, Class: 3, Sub: 1, Protocol: 1}
)

func aStick(serial string) host.USBDevice { return device(serial, onStorage) }

func TestJudge(t *testing.T) {
	t.Parallel()
	vendor := host.USBInterface{Number: 0, Class: 0xff, Sub: 0xff}
	mtp := vendor
	mtp.Name = "Android MTP"
	open := func(d host.USBDevice) host.USBDevice { d.Authorized = true; return d }
	at := func(n int, class uint8) host.USBInterface { return host.USBInterface{Number: n, Class: class} }
	bad := device("x", onKeyboard)
	bad.Malformed = "?"
	card := host.USBDevice{Path: "mmc0:aaaa", Card: true}
	for what, c := range map[string]struct {
		d     host.USBDevice
		class string
		why   string
		hold  []int
		whole bool
		look  bool
	}{
		"keyboard":             {d: device("", onKeyboard)},
		"hub":                  {d: device("", at(0, 9))},
		"headset":              {d: device("", at(0, 1), at(1, 1), at(2, 3))},
		"camera":               {d: device("", at(0, 0x0e), at(1, 0x0e), at(2, 1))},
		"printer":              {d: device("", at(0, 7))},
		"unknown stick":        {d: aStick("?"), class: classStorage, why: wire.WhyUnknown, hold: []int{0}, whole: true},
		"UAS":                  {d: device("?", onStorage, host.USBInterface{Number: 0, Class: 8, Sub: 6, Protocol: 0x62}), class: classStorage, why: wire.WhyUnknown, hold: []int{0}, whole: true},
		"stick and keyboard":   {d: device("?", onStorage, onKeyboard), class: classStorage, why: wire.WhyUnknown, hold: []int{0}},
		"storage behind HID":   {d: device("?", at(0, 3), onStorage), class: classStorage, why: wire.WhyUnknown, hold: []int{0}, whole: true},
		"camera with PTP":      {d: device("?", at(0, 6), at(1, 0x0e)), class: classPhone, why: wire.WhyPhone, hold: []int{0}},
		"phone":                {d: device("?", at(0, 6), at(1, 2), at(2, 10)), class: classPhone, why: wire.WhyPhone, hold: []int{0, 1, 2}, whole: true},
		"phone by name":        {d: open(device("?", mtp)), class: classPhone, why: wire.WhyPhone, hold: []int{0}, whole: true},
		"phone for debugging":  {d: device("?", host.USBInterface{Class: 0xff, Sub: 0x42, Protocol: 1}), class: classPhone, why: wire.WhyPhone, hold: []int{0}, whole: true},
		"vendor's own":         {d: device("?", vendor), look: true},
		"serial adapter":       {d: open(device("?", vendor))},
		"bad keyboard":         {d: bad},
		"bad stick":            {d: host.USBDevice{Malformed: "?", Interfaces: []host.USBInterface{onStorage, onKeyboard}}, class: classStorage, why: wire.WhyMalformed, hold: []int{0}},
		"nothing but nonsense": {d: host.USBDevice{Malformed: "?"}, class: classStorage, why: wire.WhyMalformed, hold: []int{}},
		"card":                 {d: card, class: classReader, why: wire.WhyUnknown, whole: true},
	} {
		v := judge(c.d, wire.Media{Mode: wire.GuardBlock}, 1)
		if v.class != c.class || v.why != c.why || !slices.Equal(v.hold, c.hold) || v.whole != c.whole || v.look != c.look {
			t.Errorf("%s: %+v", what, v)
		}
	}
}

// FuzzJudge: nothing that is plugged in can take a keyboard away.
func FuzzJudge(f *testing.F) {
	f.Add([]byte{0, 8, 6, 0x50, 1, 3, 1, 1}, "x", true)
	f.Fuzz(func(t *testing.T, raw []byte, serial string, malformed bool) {
		d := host.USBDevice{Serial: serial}
		for len(raw) >= 4 && len(d.Interfaces) < 64 {
			d.Interfaces = append(d.Interfaces, host.USBInterface{Number: int(raw[0] % 8), Class: raw[1], Sub: raw[2], Protocol: raw[3]})
			raw = raw[4:]
		}
		if malformed {
			d.Malformed = "?"
		}
		v := judge(d, wire.Media{Mode: wire.GuardBlock}, 1)
		for n := range 8 {
			only, has := true, false
			for _, i := range d.Interfaces {
				if i.Number == n {
					has, only = true, only && untouched(i.Class)
				}
			}
			if !has {
				continue
			}
			held := v.class != "" && (v.whole || slices.Contains(v.hold, n))
			if only && held {
				t.Errorf("%+v: interface %d is held: %+v", d, n, v)
			}
			storage := slices.ContainsFunc(d.Interfaces, func(i host.USBInterface) bool { return i.Number == n && i.Class == 8 })
			if storage && !held && !v.look {
				t.Errorf("%+v: storage %d is not held: %+v", d, n, v)
			}
		}
	})
}

func TestUnknownStickIsHeldAndTold(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.settle()
	w.ports.plug("1-1", aStick("SN-9"), "")
	w.told("refused unknown")
	if w.ports.works("1-1", 0) || w.ports.count("admit") != 0 {
		t.Errorf("%q", w.ports.calls)
	}
	e := w.last()
	if e.Class != classStorage || e.Vendor != "0781" || e.Serial != "SN-9" || e.User != "aoki" || e.Key == "" || e.At == 0 {
		t.Errorf("%+v", e)
	}
	if !slices.Equal(w.ports.said, []string{"guard.refused.unknown"}) {
		t.Errorf("said %q", w.ports.said)
	}
	w.settle()
	w.restart("boot-1")
	w.told("refused unknown") // once
	w.ports.unplug("1-1")
	w.settle()
	w.ports.plug("1-1", aStick("SN-9"), "")
	w.told("refused unknown", "refused unknown")
	f := w.g.Fact()
	if f.Mode != wire.GuardBlock || !f.Able || f.Since == 0 || f.Time != byPC || len(f.Problem) != 0 {
		t.Errorf("%+v", f)
	}
}

func TestKeyboardOfABadStickLives(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.settle()
	w.ports.plug("1-1", device("SN-9", onStorage, onKeyboard), "")
	w.told("refused unknown")
	if w.ports.works("1-1", 0) || !w.ports.works("1-1", 1) {
		t.Errorf("%q", w.ports.calls)
	}
	w.ports.plug("1-2", host.USBDevice{Malformed: "cut short", Interfaces: []host.USBInterface{onStorage, onKeyboard}}, "")
	w.told("refused unknown", "refused malformed")
	if w.ports.works("1-2", 0) || !w.ports.works("1-2", 1) {
		t.Errorf("malformed: %q", w.ports.calls)
	}
	w.ports.plug("1-3", device("", onKeyboard), "")
	w.settle()
	if !w.ports.works("1-3", 1) {
		t.Errorf("keyboard: %q", w.ports.calls)
	}
}

// TestPhoneThatIsOneByName: its interface must be named first, and does not work meanwhile.
func TestPhoneThatIsOneByName(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.settle()
	w.ports.plug("1-1", device("P", host.USBInterface{Class: 0xff, Sub: 0xff, Name: "MTP"}), "")
	w.told("refused phone")
	if w.ports.works("1-1", 0) || w.ports.count("admit 1-1") != 1 || w.ports.count("eject 1-1 []") != 1 {
		t.Errorf("%q", w.ports.calls)
	}
	w.restart("boot-1")
	w.told("refused phone")
	if w.ports.works("1-1", 0) || w.ports.count("admit 1-1") != 1 {
		t.Errorf("after a restart: %q", w.ports.calls)
	}
	w.ports.plug("1-2", device("A", host.USBInterface{Class: 0xff, Name: "serial"}), "")
	w.told("refused phone")
	if !w.ports.works("1-2", 0) {
		t.Errorf("an adapter: %q", w.ports.calls)
	}
	// Names that cannot be read open nothing.
	w.ports.mu.Lock()
	w.ports.fail["admit"] = errors.New("no bandwidth")
	w.ports.mu.Unlock()
	w.ports.plug("1-3", device("B", host.USBInterface{Class: 0xff}), "")
	w.settle()
	if w.ports.works("1-3", 0) {
		t.Errorf("%q", w.ports.calls)
	}
}

// TestWhatIsOpenedBehindItsBack: root can authorise a device by hand; it is taken away again.
func TestWhatIsOpenedBehindItsBack(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.settle()
	w.ports.plug("1-1", aStick("SN-9"), "")
	w.told("refused unknown")
	if err := w.ports.Admit(w.ctx, "1-1", nil); err != nil {
		t.Fatal(err)
	}
	w.told("refused unknown")
	if w.ports.works("1-1", 0) {
		t.Errorf("%q", w.ports.calls)
	}
}

func TestLoanFromPlugToEnd(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.allow(w.loan("USB-1", "tok_1", -time.Hour, 20*time.Minute))
	w.settle()
	w.ports.plug("1-1", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.told("admitted USB-1")
	if !w.ports.works("1-1", 0) || w.ports.count("offer sd1-1 false") != 1 {
		t.Fatalf("%q", w.ports.calls)
	}
	if e := w.last(); e.Capacity != 16<<20 || e.Loan != "LON-USB-1" || e.Token != "tok_1" || e.Volume == "" {
		t.Errorf("%+v", e)
	}
	w.eventually("its writes are watched", func() bool { w.ports.mu.Lock(); defer w.ports.mu.Unlock(); return w.ports.writing["sd1-1"] != nil })
	for i := range wire.MaxWrittenFiles + 5 {
		w.ports.writing["sd1-1"](fmt.Sprintf("f%d", i), 1)
	}
	w.ports.writing["sd1-1"]("f0", 9)
	w.m.pass(6 * time.Minute) // 14 left
	w.told("admitted USB-1", "ending USB-1")
	w.m.pass(10 * time.Minute) // 4 left: said, and not told again
	w.told("admitted USB-1", "ending USB-1")
	w.eventually("the second warning", func() bool {
		w.ports.mu.Lock()
		defer w.ports.mu.Unlock()
		return slices.Equal(w.ports.said, []string{"guard.ending", "guard.ending"})
	})
	w.m.pass(4 * time.Minute)
	w.told("admitted USB-1", "ending USB-1", "written USB-1", "ended over USB-1")
	if w.ports.works("1-1", 0) || w.ports.count("eject") != 1 {
		t.Errorf("%q", w.ports.calls)
	}
	for _, e := range w.events {
		if e.What == wire.MediaWritten && (len(e.Files) != wire.MaxWrittenFiles || e.More != 5 || e.Files[0].Size != 9 || e.Files[0].At == 0) {
			t.Errorf("%d files, %d more, %+v", len(e.Files), e.More, e.Files[0])
		}
	}
	// It stays in and is told nothing more, until the loan is extended.
	w.settle()
	w.allow(w.loan("USB-1", "tok_1", -time.Hour, time.Hour))
	w.told("admitted USB-1", "ending USB-1", "written USB-1", "ended over USB-1", "admitted USB-1")
}

func (w *watchman) eventually(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(3 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("it never came to this: %s", what)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	others, _ := signer(t)
	foreign, err := wire.SignMedium(wire.MediumToken{ID: "tok_1", Asset: "USB-1"}, others)
	if err != nil {
		t.Fatal(err)
	}
	w0 := newWatchman(t)
	for what, c := range map[string]struct {
		token string
		want  string
	}{
		"none":               {"", "refused no_token"},
		"of another company": {foreign, "refused bad_token"},
		"of another medium":  {w0.token("tok_2", "USB-2"), "refused bad_token"},
		"for another asset":  {w0.token("tok_1", "USB-2"), "refused bad_token"},
		"forged":             {strings.Replace(w0.token("tok_2", "USB-1"), "tok_2", "tok_1", 1), "refused bad_token"},
		"nonsense":           {"hello", "refused bad_token"},
		"too long":           {strings.Repeat("x", wire.MaxMediumToken+1), "refused bad_token"},
	} {
		w := newWatchman(t)
		w.order.trusted = w0.order.trusted
		w.allow(w.loan("USB-1", "tok_1", -time.Hour, time.Hour))
		w.settle()
		w.ports.plug("1-1", aStick("SN-1"), c.token)
		w.told(c.want)
		if w.ports.works("1-1", 0) || w.ports.count("offer") != 0 {
			t.Errorf("%s: %q", what, w.ports.calls)
		}
		w.settle()
		if w.ports.count("read") != 1 {
			t.Errorf("%s: it is read again and again", what)
		}
	}
}

func TestTwoOfOneSerial(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.allow(w.loan("USB-1", "tok_1", -time.Hour, time.Hour), w.loan("USB-2", "tok_2", -time.Hour, time.Hour))
	w.settle()
	w.ports.plug("1-1", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.ports.plug("1-2", aStick("SN-1"), w.token("tok_2", "USB-2"))
	w.told("admitted USB-1", "admitted USB-2")
	w.ports.plug("1-3", aStick("SN-1"), w.token("tok_1", "USB-1")) // a copy
	w.told("admitted USB-1", "admitted USB-2", "refused twice")
	if e := w.last(); e.Token != "tok_1" {
		t.Errorf("%+v", e)
	}
	if !w.ports.works("1-1", 0) || !w.ports.works("1-2", 0) || w.ports.works("1-3", 0) {
		t.Errorf("%q", w.ports.calls)
	}
	w.forget()
	w.ports.unplug("1-1")
	w.told("removed USB-1")
}

func TestEarlyOverAndRecalled(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.allow(w.loan("USB-1", "", 30*time.Minute, time.Hour))
	w.settle()
	w.ports.plug("1-1", aStick("SN-1"), "")
	w.told("refused early")
	w.m.pass(30 * time.Minute)
	w.told("refused early", "admitted USB-1")
	w.allow() // recalled
	w.told("refused early", "admitted USB-1", "ended unknown USB-1")
	if w.ports.works("1-1", 0) {
		t.Errorf("%q", w.ports.calls)
	}
	w.forget()
	w.allow(w.loan("USB-1", "", -2*time.Hour, -time.Hour))
	w.settle()
	w.ports.unplug("1-1")
	w.settle()
	w.ports.plug("1-1", aStick("SN-1"), "")
	w.told("refused over")
}

// TestClockOfThePC: no clock that a person can set makes a loan longer.
func TestClockOfThePC(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.allow(w.loan("USB-1", "", -time.Hour, time.Hour))
	w.settle()
	w.ports.plug("1-1", aStick("SN-1"), "")
	w.told("admitted USB-1")
	w.m.mu.Lock()
	w.m.wall = w.m.wall.AddDate(-1, 0, 0)
	w.m.mu.Unlock()
	w.m.pass(59 * time.Minute)
	w.told("admitted USB-1", "ending USB-1")
	if by := w.g.Fact().Time; by != byDocument {
		t.Errorf("judged by %s", by)
	}
	// A restart of the system, with the clock still wrong: what has passed has passed.
	w.m.mu.Lock()
	w.m.running = time.Minute
	w.m.mu.Unlock()
	w.ports.unplug("1-1")
	w.restart("boot-2")
	w.forget()
	w.ports.plug("1-1", aStick("SN-1"), "")
	w.told("refused over")
	// The server knows better than both.
	at := time.Date(2026, 6, 1, 9, 30, 0, 0, time.UTC)
	w.mu.Lock()
	w.server = &at
	w.mu.Unlock()
	w.told("refused over", "admitted USB-1")
	if by := w.g.Fact().Time; by != byServer {
		t.Errorf("judged by %s", by)
	}
	// A clock that is set forward ends nothing once the server was heard.
	w.m.mu.Lock()
	w.m.wall = w.m.wall.AddDate(5, 0, 0)
	w.m.mu.Unlock()
	w.told("refused over", "admitted USB-1")
}

func TestKilledAndStartedAgain(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.allow(w.loan("USB-1", "tok_1", -time.Hour, time.Hour))
	w.settle()
	w.ports.plug("1-1", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.told("admitted USB-1")
	w.restart("boot-1")
	w.told("admitted USB-1")
	if !w.ports.works("1-1", 0) || w.ports.count("eject") != 0 || w.ports.count("read") != 1 {
		t.Errorf("%q", w.ports.calls)
	}
	// The loan ended while nobody was there.
	w.stop()
	w.m.pass(2 * time.Hour)
	w.start("boot-1")
	w.told("admitted USB-1", "ended over USB-1")
	if w.ports.works("1-1", 0) {
		t.Errorf("%q", w.ports.calls)
	}
	w.restart("boot-1")
	w.told("admitted USB-1", "ended over USB-1")
	// Another medium in the same place while nobody was there.
	w.forget()
	w.allow(w.loan("USB-1", "tok_1", -3*time.Hour, time.Hour))
	w.ports.unplug("1-1")
	w.settle()
	w.ports.plug("1-1", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.told("admitted USB-1")
	w.stop()
	w.ports.plug("1-1", aStick("SN-1"), "")
	w.start("boot-1")
	w.told("admitted USB-1", "refused no_token")
	// Another card in the same reader.
	w.forget()
	w.ports.plug("1-2", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.told("admitted USB-1")
	w.stop()
	w.ports.sizes["1-2"]++
	w.start("boot-1")
	w.told("admitted USB-1", "unread USB-1")
	if w.ports.works("1-2", 0) {
		t.Errorf("%q", w.ports.calls)
	}
}

func TestAnotherCardInTheReader(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.allow(w.loan("USB-1", "tok_1", -time.Hour, time.Hour))
	w.settle()
	w.ports.plug("1-1", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.told("admitted USB-1")
	w.ports.mu.Lock()
	w.ports.sizes["1-1"], w.ports.tokens["1-1"] = 1, ""
	w.ports.mu.Unlock()
	w.told("admitted USB-1", "ended over USB-1", "refused no_token")
	if w.ports.works("1-1", 0) {
		t.Errorf("%q", w.ports.calls)
	}
}

func TestObserveBlocksNothing(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.mode(wire.GuardObserve)
	w.allow(w.loan("USB-1", "tok_1", -time.Hour, time.Hour))
	w.settle()
	w.ports.plug("1-1", aStick("SN-9"), "")
	w.ports.plug("1-2", aStick("SN-1"), "")
	w.ports.plug("1-3", device("", host.USBInterface{Class: 6}), "")
	w.told("observed unknown", "admitted USB-1", "observed phone")
	for _, path := range []string{"1-1", "1-2", "1-3"} {
		if !w.ports.works(path, 0) {
			t.Errorf("%s does not work", path)
		}
	}
	w.m.pass(2 * time.Hour)
	w.told("observed unknown", "admitted USB-1", "observed phone", "observed over USB-1")
	if w.ports.count("eject") != 0 || w.ports.held || len(w.ports.said) != 0 {
		t.Errorf("%q, said %q", w.ports.calls, w.ports.said)
	}
	// And back: what is in already is taken away.
	w.mode(wire.GuardBlock)
	w.told("observed unknown", "admitted USB-1", "observed phone", "observed over USB-1", "refused unknown", "refused phone", "refused over USB-1")
	for _, path := range []string{"1-1", "1-2", "1-3"} {
		if w.ports.works(path, 0) {
			t.Errorf("%s works", path)
		}
	}
	w.mode(wire.GuardOff)
	w.settle()
	for _, path := range []string{"1-1", "1-2", "1-3"} {
		if !w.ports.works(path, 0) {
			t.Errorf("%s does not come back", path)
		}
	}
	if w.ports.held {
		t.Error("the guard is off, and holds")
	}
}

func TestDryRunTouchesNothing(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.g.dry = true
	w.settle()
	w.ports.plug("1-1", aStick("SN-9"), "")
	w.told("observed unknown")
	if len(w.ports.calls) != 0 || w.ports.held {
		t.Errorf("%q", w.ports.calls)
	}
	if f := w.g.Fact(); !f.DryRun || f.Able || !strings.Contains(joined(f.Problem), "dry run") {
		t.Errorf("%+v", f)
	}
}

func TestWhatCannotBeDoneIsTold(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.ports.fail["hold"] = errors.New("permission denied")
	w.settle()
	if f := w.g.Fact(); f.Able || !strings.Contains(joined(f.Problem), "permission denied") {
		t.Errorf("%+v", f)
	}
	delete(w.ports.fail, "hold")
	w.allow(w.loan("USB-1", "tok_1", -time.Hour, time.Hour))
	w.ports.fail["read"] = errors.New("no such file system")
	w.settle()
	w.ports.plug("1-1", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.told("unread")
	if e := w.last(); !strings.Contains(e.Detail, "no such file system") || w.ports.works("1-1", 0) {
		t.Errorf("%+v", e)
	}
	delete(w.ports.fail, "read")
	w.ports.fail["offer"] = errors.New("no udev")
	w.ports.plug("1-1", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.told("unread", "unread")
	if w.ports.works("1-1", 0) {
		t.Errorf("%q", w.ports.calls)
	}
	w.ports.fail["eject"] = errors.New("stuck")
	w.ports.plug("1-2", host.USBDevice{Authorized: true, Interfaces: []host.USBInterface{onStorage}}, "")
	w.told("unread", "unread", "unread unknown")
	if f := w.g.Fact(); !strings.Contains(joined(f.Problem), "stuck") {
		t.Errorf("%+v", f)
	}
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.settle()
	w.ports.plug("1-9", aStick("SN-9"), "") // was there before
	w.told("refused unknown")
	w.forget()
	token := w.token("tok_7", "USB-7")
	w.order.media.Register = &wire.Registration{ID: "reg_1", Asset: "USB-7", Token: token, Until: wire.MicrosOf(w.m.wall.Add(15 * time.Minute))}
	w.settle()
	w.ports.plug("1-1", aStick("SN-7"), "")
	w.told("registered USB-7")
	if e := w.last(); e.Register != "reg_1" || e.Token != "tok_7" || e.Serial != "SN-7" || e.Capacity == 0 {
		t.Errorf("%+v", e)
	}
	if w.ports.tokens["1-1"] != token || w.ports.works("1-1", 0) || w.ports.tokens["1-9"] != "" {
		t.Errorf("%q", w.ports.calls)
	}
	w.restart("boot-1")
	w.told("registered USB-7") // once
	w.ports.plug("1-2", aStick("SN-8"), "")
	w.told("registered USB-7", "refused unknown")
	// One that cannot be written.
	w.forget()
	w.ports.fail["write"] = errors.New("read-only")
	w.order.media.Register = &wire.Registration{ID: "reg_2", Asset: "USB-8", Token: token, Until: wire.MicrosOf(w.m.wall.Add(15 * time.Minute))}
	w.ports.plug("1-3", aStick("SN-3"), "")
	w.told("unread USB-8")
	if e := w.last(); e.Register != "reg_2" || !strings.Contains(e.Detail, "read-only") {
		t.Errorf("%+v", e)
	}
}

func TestReadOnlyLoan(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	m := w.loan("USB-1", "", -time.Hour, time.Hour)
	m.ReadOnly = true
	w.allow(m)
	w.settle()
	w.ports.plug("1-1", aStick("SN-1"), "")
	w.told("admitted USB-1")
	if w.ports.count("offer sd1-1 true") != 1 {
		t.Errorf("%q", w.ports.calls)
	}
}

// TestBootHoldsEverything: before the agent runs nothing may be mounted, lent or not.
func TestBootHoldsEverything(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.allow(w.loan("USB-1", "tok_1", -time.Hour, time.Hour))
	w.ports.plug("1-1", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.ports.plug("1-2", device("", onKeyboard), "")
	w.ports.plug("1-3", aStick("SN-9"), "")
	w.ports.plug("1-4", host.USBDevice{System: true, Interfaces: []host.USBInterface{onStorage}}, "")
	if err := w.g.early(w.ctx); err != nil {
		t.Fatal(err)
	}
	if !w.ports.held || w.ports.works("1-1", 0) || !w.ports.works("1-2", 1) || w.ports.works("1-3", 0) || !w.ports.works("1-4", 0) {
		t.Errorf("%q", w.ports.calls)
	}
	w.told("admitted USB-1", "refused unknown")
	if !strings.Contains(joined(w.g.Fact().Problem), "the system itself") {
		t.Errorf("%q", w.g.Fact().Problem)
	}
	w.mode(wire.GuardObserve)
	w2 := newWatchman(t)
	w2.mode(wire.GuardObserve)
	if err := w2.g.early(w2.ctx); err != nil || w2.ports.held {
		t.Errorf("observing: %v", err)
	}
}

func TestDamagedMemoryOfTheGuard(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.stop()
	if err := os.WriteFile(filepath.Join(w.dir, fileGuard), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.start("boot-1")
	w.ports.plug("1-1", aStick("SN-9"), "")
	w.told("refused unknown")
	if !strings.Contains(joined(w.g.Fact().Problem), "judged anew") {
		t.Errorf("%q", w.g.Fact().Problem)
	}
}

// TestLostDocumentOpensNothing: the mode of the last desired state stays, and nothing is lent.
func TestLostDocumentOpensNothing(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.settle()
	w.mu.Lock()
	w.order.known, w.order.media = false, wire.Media{Mode: wire.GuardOff}
	w.mu.Unlock()
	w.restart("boot-2")
	w.ports.plug("1-1", aStick("SN-1"), "")
	w.told("refused no_document")
	if !w.ports.held || w.ports.works("1-1", 0) {
		t.Errorf("%q", w.ports.calls)
	}
}

func TestAFloodOfPlugging(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.settle()
	for range maxMinute + 20 {
		w.ports.plug("1-1", aStick("SN-9"), "")
		w.settle()
	}
	w.eventually("all is over", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.events) == maxMinute && strings.Contains(joined(w.g.Fact().Problem), "20 events")
	})
}

// BenchmarkDecide: from the news that something is plugged in to the decision, with ten
// thousand media in the document.
func BenchmarkDecide(b *testing.B) {
	m := wire.Media{Mode: wire.GuardBlock}
	for i := range 10_000 {
		m.Allowed = append(m.Allowed, wire.Medium{Asset: fmt.Sprint(i), Vendor: "0781", Product: "5567", Serial: fmt.Sprintf("SN-%d", i), Until: 5})
	}
	d := aStick("SN-9999")
	for b.Loop() {
		if v := judge(d, m, 1); len(v.lent) != 1 {
			b.Fatal(v)
		}
	}
}
