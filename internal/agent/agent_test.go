package agent

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// TestOrderFromTheServer follows an order from the server to its proof and its end.
func TestOrderFromTheServer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.run(r.open())
	r.eventually("the server knows that it is off", func() bool { return r.srv.isolation().State == wire.IsolationOff })

	r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
	r.eventually("proven", func() bool { f := r.srv.isolation(); return f.State == wire.IsolationProven && f.Order == "ord_1" })
	f := r.srv.isolation()
	if f.Since == 0 || f.Applied < f.Since || f.Proven < f.Applied || len(f.Problems) > 0 {
		t.Errorf("fact %+v", f)
	}
	r.eventually("Wi-Fi and power", func() bool { f := r.srv.isolation(); return f.Wifi == "off" && f.Inhibit == "held" })
	if want := []netip.AddrPort{r.srv.addr}; !r.pc.isUp() || !slices.Equal(r.pc.allow, want) {
		t.Errorf("allowed %v, want %v", r.pc.allow, want)
	}
	if got := r.pc.log(); got[0] != "glance" || got[1] != "cut" {
		t.Errorf("order of things: %v", got)
	}
	r.eventually("evidence", func() bool {
		r.srv.mu.Lock()
		defer r.srv.mu.Unlock()
		return r.srv.evidence["ord_1/manifest.json.sig"] != nil
	})

	r.srv.order(wire.Isolation{Order: "ord_2"})
	r.eventually("off again", func() bool { f := r.srv.isolation(); return f.State == wire.IsolationOff && f.Order == "ord_2" })
	if r.pc.isUp() || r.has(fileMark) {
		t.Error("rules or mark are left")
	}
	// Wi-Fi comes back beside everything else: a slow switch must not hold up a press.
	r.eventually("all is given back", func() bool {
		got := joined(r.pc.log())
		return strings.HasSuffix(got, "let go, wifi true") || strings.HasSuffix(got, "wifi true, let go")
	})
}

// TestRestoredServer: a server that knows an older desired state than the PC is told
// everything again, and is obeyed once it has gone past it.
func TestRestoredServer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.run(r.open())
	r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
	r.eventually("proven", func() bool { return r.srv.isolation().State == wire.IsolationProven })
	var was int64
	r.srv.set(func() {
		was = r.srv.doc.Version
		r.srv.doc.Version, r.srv.restored, r.srv.facts = 1, true, map[string]wire.Fact{}
	})
	r.srv.set(func() {
		for c := range r.srv.streams {
			c <- wire.Nudge(1)
		}
	})
	r.eventually("all is told again", func() bool {
		var a wire.AgentFact
		r.srv.mu.Lock()
		raw := r.srv.facts[wire.FactAgent].Value
		r.srv.mu.Unlock()
		return json.Unmarshal(raw, &a) == nil && a.Document == was && r.srv.isolation().State == wire.IsolationProven
	})
	r.srv.set(func() { r.srv.doc.Version, r.srv.restored = was, false })
	r.srv.order(wire.Isolation{Order: "ord_2"})
	r.eventually("released", func() bool { return r.srv.isolation().State == wire.IsolationOff })
}

// TestPressWithTheServerAway: the press asks nobody, and what it has to say waits.
func TestPressWithTheServerAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.srv.set(func() { r.srv.down = true })
	a := r.open()
	st, err := a.Infected(t.Context(), "変な添付を開いた", "hanako")
	if err != nil || !st.Isolated || st.Isolation.State != wire.IsolationApplied || !r.pc.isUp() {
		t.Fatalf("%+v, %v", st, err)
	}
	if n := len(a.spool.list()); n != 1 {
		t.Errorf("%d wait in the spool", n)
	}
	stop := r.run(a)
	r.eventually("the server is missed", func() bool { return len(a.Status().Isolation.Problems) > 0 })
	if st := a.Status(); st.Isolation.State != wire.IsolationApplied {
		t.Errorf("without a server in reach it is %s", st.Isolation.State)
	}
	stop()

	// The power goes, the system starts anew, still without a server.
	r.pc.up, r.pc.boot = false, "boot-2"
	if isolated, err := Boot(t.Context(), r.options()); err != nil || !isolated || !r.pc.isUp() {
		t.Fatalf("after the restart: %v %v", isolated, err)
	}
	a = r.open()
	r.run(a)
	r.srv.set(func() { r.srv.down = false })
	r.eventually("reported", func() bool { return a.Status().Label == "INC-2026-0001" })
	r.eventually("proven", func() bool { f := r.srv.isolation(); return f.State == wire.IsolationProven && f.Local == 1 })
	r.srv.mu.Lock()
	in := r.srv.reports[0]
	r.srv.mu.Unlock()
	if in.Note != "変な添付を開いた" || in.User != "hanako" || in.Local != 1 || in.Key == "" {
		t.Errorf("report %+v", in)
	}
	if n := a.Status().Isolation.Undone; n != 0 {
		t.Errorf("a restart counts as tampering: %d", n)
	}
	r.eventually("nothing waits", func() bool { return a.Status().Waiting == 0 })
}

// TestNothingWaitsOnceItIsGathered: what is still to be gathered counts as waiting, though the
// server has all that lies in the spool.
func TestNothingWaitsOnceItIsGathered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.pc.slow = make(chan struct{})
	a := r.open()
	if _, err := a.Infected(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	r.run(a)
	finish := sync.OnceFunc(func() { close(r.pc.slow) })
	t.Cleanup(finish)
	r.eventually("all that is there was sent", func() bool { return a.Status().Label != "" && len(a.spool.list()) == 0 })
	if n := a.Status().Waiting; n != 1 {
		t.Errorf("%d wait while evidence is gathered", n)
	}
	finish()
	r.eventually("nothing waits", func() bool { return a.Status().Waiting == 0 })
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	if r.srv.evidence[r.srv.reports[0].Key+"/manifest.json.sig"] == nil {
		t.Error("the server does not have all of it")
	}
}

func TestEvidenceIsBoundedHashedAndSigned(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	if _, err := a.Infected(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	if err := a.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer r.close(a)
	key := r.srv.reports[0].Key
	var m manifest
	raw := r.srv.evidence[key+"/manifest.json"]
	if err := json.Unmarshal(raw, &m); err != nil || m.Device != r.srv.id || m.Report != key || len(m.Items) != 2 {
		t.Fatalf("%s: %v", raw, err)
	}
	for _, i := range m.Items {
		data := r.srv.evidence[key+"/"+i.Name]
		sum := sha256.Sum256(data)
		if i.Size != len(data) || i.SHA256 != hex.EncodeToString(sum[:]) || i.At == 0 || strings.Contains(i.Name, "/") {
			t.Errorf("%+v is not what came: %d bytes", i, len(data))
		}
		if len(data) > maxItem+100 {
			t.Errorf("%s: %d bytes", i.Name, len(data))
		}
	}
	if d := r.srv.evidence[key+"/_processes.txt"]; !strings.HasSuffix(string(d), "5 bytes left out\n") {
		t.Errorf("nobody says that something was left out: %d bytes", len(d))
	}
	sig, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(r.srv.evidence[key+"/manifest.json.sig"])))
	if err != nil || !ed25519.Verify(r.srv.device, raw, sig) {
		t.Errorf("the manifest's signature: %v", err)
	}
}

// TestOnlyARealReleaseEndsAPress plays documents that must not end what a person began.
func TestOnlyARealReleaseEndsAPress(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	defer r.close(a)
	ctx := t.Context()
	press := func() {
		t.Helper()
		a.presses = nil
		if _, err := a.Infected(ctx, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	take := func(what string, i wire.Isolation, wantUp bool) {
		t.Helper()
		r.srv.order(i)
		if _, err := a.fetch(ctx); err != nil {
			t.Fatal(err)
		}
		if r.pc.isUp() != wantUp {
			t.Fatalf("%s: isolated is %v", what, r.pc.isUp())
		}
	}
	press()
	take("a renewed document that knows nothing", wire.Isolation{}, true)
	take("one that knows the press, and is no release", wire.Isolation{Local: 1}, true)
	take("the order for the press", wire.Isolation{On: true, Order: "ord_1", Local: 1}, true)
	press()
	take("a release that does not know the second press", wire.Isolation{Order: "ord_2", Local: 1}, true)
	take("a renewal of it that has heard of it", wire.Isolation{Order: "ord_2", Local: 2}, false)
	press() // the third, while ord_2 is the newest order
	take("a renewal of the old release", wire.Isolation{Order: "ord_2", Local: 3}, true)
	take("the release", wire.Isolation{Order: "ord_3", Local: 3}, false)

	// A server that remembers more presses than this PC does not outrun the next one.
	take("a document with presses of an earlier life", wire.Isolation{Order: "ord_4", Local: 90}, false)
	press()
	if !r.pc.isUp() || a.Status().Isolation.Local != 91 {
		t.Errorf("press %d, isolated %v", a.Status().Isolation.Local, r.pc.isUp())
	}
	take("a release for the old count", wire.Isolation{Order: "ord_5", Local: 90}, true)
}

func TestDocumentsThatAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	defer func() { r.close(a) }()
	ctx := t.Context()
	off := r.srv.signed
	r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
	if _, err := a.fetch(ctx); err != nil {
		t.Fatal(err)
	}
	release := r.srv.doc
	release.Version, release.Isolation = 9, wire.Isolation{Order: "ord_2"}
	foreign, _ := signer(t)
	forged, err := release.Sign(foreign)
	if err != nil {
		t.Fatal(err)
	}
	others := release
	others.Device = wire.DeviceID(make(ed25519.PublicKey, ed25519.PublicKeySize))
	stolen, err := others.Sign(r.srv.signer)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		signed string
		want   error
	}{
		"replayed": {off, wire.ErrOlder},
		"forged":   {forged, wire.ErrSignature},
		"stolen":   {stolen, wire.ErrDevice},
		"changed":  {strings.Replace(r.srv.signed, `"on":true`, `"on":false`, 1), wire.ErrSignature},
		"garbage":  {"\x00\xff", wire.ErrSignature},
	} {
		r.srv.set(func() { r.srv.signed, r.srv.doc.Version = c.signed, 9 })
		if _, err := a.fetch(ctx); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if !r.pc.isUp() {
			t.Fatalf("%s: it was obeyed", name)
		}
	}
	// Also with the stored document gone: the newest version is remembered apart from it.
	r.close(a)
	r.damage(fileDocument, "garbage")
	a = r.open()
	r.srv.set(func() { r.srv.signed = off })
	if _, err := a.fetch(ctx); !errors.Is(err, wire.ErrOlder) || !r.pc.isUp() {
		t.Errorf("replayed after a loss: %v, isolated %v", err, r.pc.isUp())
	}
}

// TestTimeEndsNothing: the document's time runs out, the PC's clock is set far back and
// forth, and the PC stays isolated and in touch.
func TestTimeEndsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
	a := r.open()
	if _, err := a.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.close(a)
	for _, by := range []time.Duration{-20 * 365 * 24 * time.Hour, 20 * 365 * 24 * time.Hour, -time.Hour} {
		r.m.mu.Lock()
		r.m.wall = time.Now().Add(by)
		r.m.mu.Unlock()
		a := r.open()
		if err := a.tell(t.Context()); err != nil {
			t.Errorf("clock %v: %v", by, err)
		}
		if !r.pc.isUp() || !a.Status().Isolated {
			t.Errorf("clock %v: open", by)
		}
		if d := time.Until(a.net.Now()); d > 3*time.Second || d < -3*time.Second {
			t.Errorf("clock %v: the server's time is off by %v", by, d)
		}
		r.close(a)
	}
}

func TestNewSigningKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	old := r.srv.signer
	next, vkey := signer(t)
	change, err := wire.SignKeyChange(vkey, old)
	if err != nil {
		t.Fatal(err)
	}
	stranger, _ := signer(t)
	_, evil := signer(t)
	bad, err := wire.SignKeyChange(evil, stranger)
	if err != nil {
		t.Fatal(err)
	}
	r.srv.set(func() { r.srv.changes, r.srv.signer = []string{bad, change}, next })
	r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
	if _, err := a.fetch(t.Context()); err != nil || !r.pc.isUp() {
		t.Fatalf("%v", err)
	}
	r.close(a)
	a = r.open()
	defer r.close(a)
	if k := a.keep.st.id.Keys; len(k) != 2 || k[1] != vkey || a.Status().Document != 2 {
		t.Errorf("keys %v, document %d", k, a.Status().Document)
	}
}

// TestReleaseByCode walks through the telephone's way, and the ways to cheat on it.
func TestReleaseByCode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	o := r.options()
	o.Clock = r.m.clock()
	ctx := t.Context()
	a := r.openWith(o)
	if _, _, err := a.Challenge(); !errors.Is(err, ErrNotIsolated) {
		t.Errorf("a challenge without isolation: %v", err)
	}
	r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
	if _, err := a.fetch(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Infected(ctx, "", ""); err != nil {
		t.Fatal(err)
	}
	if err := a.Release(ctx, "0000000000"); !errors.Is(err, ErrNoChallenge) {
		t.Errorf("a code without a challenge: %v", err)
	}
	challenge, life, err := a.Challenge()
	if err != nil || life != challengeLife {
		t.Fatal(life, err)
	}
	if again, _, _ := a.Challenge(); again != challenge {
		t.Error("each look gives another challenge")
	}
	right := wire.ReleaseCode(r.srv.secret, r.srv.id, challenge)
	wrong := wire.ReleaseCode(r.srv.secret, "dev_another", challenge)
	for range challengeTries - 1 {
		if err := a.Release(ctx, wrong); !errors.Is(err, ErrCodeWrong) {
			t.Fatal(err)
		}
		r.close(a) // ending the process gives no new tries
		a = r.openWith(o)
	}
	if err := a.Release(ctx, "12"); !errors.Is(err, ErrCodeForm) {
		t.Errorf("a slip counts as a try: %v", err)
	}
	if err := a.Release(ctx, wrong); !errors.Is(err, ErrCodeWrong) {
		t.Fatal(err)
	}
	if err := a.Release(ctx, right); !errors.Is(err, ErrNoChallenge) || !r.pc.isUp() {
		t.Errorf("the right code after five wrong ones: %v", err)
	}
	// Its life is running time, whatever the PC's clock is set to.
	challenge, _, err = a.Challenge()
	if err != nil {
		t.Fatal(err)
	}
	r.m.pass(challengeLife + time.Second)
	r.m.mu.Lock()
	r.m.wall = r.m.wall.Add(-24 * time.Hour)
	r.m.mu.Unlock()
	if err := a.Release(ctx, wire.ReleaseCode(r.srv.secret, r.srv.id, challenge)); !errors.Is(err, ErrNoChallenge) {
		t.Errorf("a code for an old challenge: %v", err)
	}
	for range maxChallenges - 2 {
		if _, _, err := a.Challenge(); err != nil {
			t.Fatal(err)
		}
		r.m.pass(challengeLife + time.Second)
		if a.keep.st.memory.Codes.Issued == maxChallenges-1 {
			break
		}
	}
	// A restart brings a new hour, with the old count.
	r.close(a)
	r.pc.boot, r.m.running = "boot-2", time.Minute
	a = r.openWith(o)
	if _, _, err := a.Challenge(); err != nil {
		t.Fatal(err)
	}
	r.m.pass(challengeLife + time.Second)
	if _, _, err := a.Challenge(); !errors.Is(err, ErrTooManyCodes) {
		t.Errorf("no end of challenges: %v", err)
	}
	r.m.pass(time.Hour)
	if challenge, _, err = a.Challenge(); err != nil {
		t.Fatal(err)
	}
	right = wire.ReleaseCode(r.srv.secret, r.srv.id, challenge)
	if err := a.Release(ctx, wire.Spoken(right)); err != nil || r.pc.isUp() {
		t.Fatalf("the right code: %v", err)
	}
	if err := a.Release(ctx, right); !errors.Is(err, ErrNotIsolated) {
		t.Errorf("the code once more: %v", err)
	}
	if got := a.Status().Isolation.Release; got == nil || got.Challenge != challenge || got.Order != "ord_1" || got.Local != 1 {
		t.Errorf("the server will be told %+v", got)
	}
	// The order that the code has ended stays ended; a new one, and a new press, do not.
	r.close(a)
	a = r.openWith(o)
	defer func() { r.close(a) }()
	if r.pc.isUp() {
		t.Fatal("the ended order was obeyed again")
	}
	r.m.pass(time.Minute)
	if _, err := a.Infected(ctx, "", ""); err != nil || !r.pc.isUp() {
		t.Fatal("a new press does nothing", err)
	}
	if err := a.Release(ctx, right); !errors.Is(err, ErrNoChallenge) {
		t.Errorf("the code of the last time: %v", err)
	}
}

// TestReleasedBeforeTheServerHeard: pressed and released by telephone without a server in
// reach; the server then hears of the release first.
func TestReleasedBeforeTheServerHeard(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	r.srv.set(func() { r.srv.down = true })
	a := r.open()
	if _, err := a.Infected(ctx, "", ""); err != nil {
		t.Fatal(err)
	}
	challenge, _, err := a.Challenge()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Release(ctx, wire.ReleaseCode(r.srv.secret, r.srv.id, challenge)); err != nil || r.pc.isUp() {
		t.Fatal(err)
	}
	r.srv.set(func() { r.srv.down = false })
	if err := a.send(ctx); err != nil {
		t.Fatal(err)
	}
	defer r.close(a)
	if f := r.srv.isolation(); f.Release == nil || f.Release.Local != 1 || f.State != wire.IsolationOff || len(r.srv.reports) != 1 {
		t.Errorf("the server knows %+v and %d reports", f, len(r.srv.reports))
	}
}

func TestRulesThatSomebodyTakesAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	r.run(a)
	r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
	r.eventually("proven", func() bool { return r.srv.isolation().State == wire.IsolationProven })
	for n := range int64(2) {
		r.pc.undo()
		r.eventually("put back and told", func() bool {
			f := r.srv.isolation()
			return r.pc.isUp() && f.Undone == n+1 && f.State == wire.IsolationProven
		})
	}
}

// TestFailingIsToldAndTriedAgain: rules that cannot be put in, then rules that do not hold.
func TestFailingIsToldAndTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := r.options()
	o.Forbidden = func(host.Allow) []Target {
		return []Target{{"tcp", netip.MustParseAddrPort(l.Addr().String())}, {"tcp", netip.MustParseAddrPort("127.0.0.1:1")}}
	}
	a := r.openWith(o)
	a.keep.pace.prove = 20 * time.Millisecond
	r.pc.mu.Lock()
	r.pc.cutErr = errors.New("no space in the kernel")
	r.pc.mu.Unlock()
	r.run(a)
	r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
	r.eventually("failing", func() bool {
		f := r.srv.isolation()
		return f.State == wire.IsolationFailing && slices.Contains(f.Problems, "no space in the kernel")
	})
	r.pc.mu.Lock()
	r.pc.cutErr = nil
	r.pc.mu.Unlock()
	r.eventually("it stands, and does not hold", func() bool {
		f := r.srv.isolation()
		return r.pc.isUp() && f.State == wire.IsolationFailing && len(f.Problems) == 2 &&
			strings.HasSuffix(f.Problems[1], "127.0.0.1:1 can still be reached")
	})
}

func TestWithoutRights(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.pc.privileged = errors.New("not root")
	a := r.open()
	st, err := a.Infected(t.Context(), "", "")
	if err == nil || st.Isolation.State != wire.IsolationFailing || st.Privileged {
		t.Errorf("%+v %v", st, err)
	}
	if err := a.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer r.close(a)
	if len(r.srv.reports) != 1 || a.Status().Label == "" {
		t.Error("the report was not filed")
	}
	if slices.Contains(r.pc.log(), "cut") {
		t.Error("it tried what it may not")
	}
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	o := r.options()
	o.DryRun = true
	a := r.openWith(o)
	r.run(a)
	if _, err := a.Infected(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	r.eventually("told", func() bool {
		f := r.srv.isolation()
		return f.State == wire.IsolationDryRun && f.DryRun && len(f.Steps) == 1
	})
	r.srv.order(wire.Isolation{Order: "ord_1", Local: 1})
	r.eventually("ended", func() bool { f := r.srv.isolation(); return f.State == wire.IsolationOff && f.DryRun })
	if got := r.pc.log(); !slices.Equal(got, []string{"glance"}) {
		t.Errorf("a dry run did %v", got)
	}
}

func TestNotEnrolled(t *testing.T) {
	t.Parallel()
	p, dir := newPC(), t.TempDir()
	a, err := New(t.Context(), Options{Dir: dir, Host: p, Forbidden: silent(t)})
	if err != nil {
		t.Fatal(err)
	}
	st, err := a.Infected(t.Context(), "", "")
	if err != nil || !p.up || len(p.allow) != 0 || st.Enrolled {
		t.Errorf("%+v %v, allowed %v", st, err, p.allow)
	}
	if err := a.Settle(t.Context()); !errors.Is(err, ErrNotEnrolled) {
		t.Error(err)
	}
	if s := a.Status(); s.Isolation.State != wire.IsolationProven || s.Waiting == 0 {
		t.Errorf("%+v", s)
	}
	if _, _, err := a.Challenge(); !errors.Is(err, ErrNotEnrolled) {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestKilledAnywhere plays the folder as each moment of a press leaves it.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	var before []byte // the folder's mark in the very moment of the cut
	r.pc.glance = func(context.Context) {}
	if _, err := a.Infected(t.Context(), "words", "hanako"); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(r.dir, fileMark))
	if err != nil {
		t.Fatal(err)
	}
	r.close(a)
	// Killed after the mark was written, before or after the cut: nothing else is there.
	for _, up := range []bool{false, true} {
		for _, name := range []string{fileMemory, dirSpool} {
			if err := os.RemoveAll(filepath.Join(r.dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		r.damage(fileMark, string(before))
		r.pc.mu.Lock()
		r.pc.up = up
		r.pc.mu.Unlock()
		a = r.open()
		st := a.Status()
		if !r.pc.isUp() || !st.Isolated || st.Isolation.Local != 1 || st.Waiting != 1 {
			t.Errorf("rules there %v: isolated %v, %+v", up, r.pc.isUp(), st)
		}
		r.close(a)
	}
	// Killed in a release: opened, the mark not yet gone.
	a = r.open()
	r.srv.order(wire.Isolation{Order: "ord_2", Local: 1})
	if _, err := a.fetch(t.Context()); err != nil || r.pc.isUp() {
		t.Fatal(err)
	}
	r.close(a)
	r.damage(fileMark, string(before))
	a = r.open()
	defer r.close(a)
	if r.pc.isUp() || r.has(fileMark) || a.Status().Isolated {
		t.Error("a release was forgotten")
	}
}

// TestGarbage damages each file of the folder in each way, isolated and not.
func TestGarbage(t *testing.T) {
	t.Parallel()
	files := []string{fileKey, fileIdentity, fileDocument, fileMemory, fileMark, dirSpool + "/r x", dirSpool + "/junk"}
	for _, press := range []bool{false, true} {
		for _, isolated := range []bool{false, true} {
			for _, file := range files {
				for _, garbage := range []string{"", "{", "null", "[]", `{"presses":"x"}`, "\x00\xff\x00", strings.Repeat("x", 1<<20)} {
					if file == fileMark && !isolated {
						continue // a mark that should not be there is a case of its own below
					}
					r := newRig(t)
					a := r.open()
					if isolated && press {
						if _, err := a.Infected(t.Context(), "", ""); err != nil {
							t.Fatal(err)
						}
					} else if isolated {
						r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
						if _, err := a.fetch(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
					r.close(a)
					r.damage(file, garbage)
					r.pc.up, r.pc.boot = false, "boot-2"
					for range 2 { // and once more after the first start has written things down
						a = r.open()
						if r.pc.isUp() != isolated {
							t.Fatalf("press %v, isolated %v: %s as %.10q: isolated %v, problems %v", press, isolated, file, garbage, r.pc.isUp(), a.Status().Problems)
						}
						r.close(a)
					}
				}
			}
		}
	}
}

// TestDoubtEndsByARelease: a mark that nobody understands, and everything else lost.
func TestDoubtEndsByARelease(t *testing.T) {
	t.Parallel()
	for _, lose := range [][]string{{fileMark, fileDocument}, {fileMark, fileMemory}, {fileMark, fileDocument, fileMemory}} {
		r := newRig(t)
		a := r.open()
		if err := a.tell(t.Context()); err != nil { // so that there is something to lose
			t.Fatal(err)
		}
		r.close(a)
		for _, name := range lose {
			r.damage(name, "garbage")
		}
		a = r.open()
		if !r.pc.isUp() || len(a.Status().Problems) < 2 {
			t.Fatalf("%v: isolated %v, said %v", lose, r.pc.isUp(), a.Status().Problems)
		}
		challenge, _, err := a.Challenge()
		if slices.Contains(lose, fileMemory) {
			if !errors.Is(err, ErrTooManyCodes) {
				t.Errorf("%v: lost counters give new tries: %v", lose, err)
			}
			r.srv.order(wire.Isolation{Order: "ord_1", Local: a.Status().Isolation.Local})
			if _, err := a.fetch(t.Context()); err != nil {
				t.Fatal(err)
			}
		} else if err := a.Release(t.Context(), wire.ReleaseCode(r.srv.secret, r.srv.id, challenge)); err != nil {
			t.Fatal(err)
		}
		if r.pc.isUp() || r.has(fileMark) {
			t.Errorf("%v: not released", lose)
		}
		r.close(a)
	}
}

// TestDiskThatTakesNothing: no file can be written, and the network is cut all the same.
func TestDiskThatTakesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	moved := r.dir + ".away"
	if err := os.Rename(r.dir, moved); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Infected(t.Context(), "", ""); err != nil || !r.pc.isUp() {
		t.Fatal("not cut", err)
	}
	if p := a.Status().Problems; len(p) == 0 || !strings.HasPrefix(p[0], "not on disk: ") {
		t.Errorf("nobody says so: %v", p)
	}
	if err := os.Rename(moved, r.dir); err != nil {
		t.Fatal(err)
	}
	stop := r.run(a)
	r.eventually("written down and filed", func() bool { return r.has(fileMark) && r.has(fileMemory) && a.Status().Label != "" })
	stop()
	r.pc.up, r.pc.boot = false, "boot-2"
	a = r.open()
	defer r.close(a)
	if !r.pc.isUp() {
		t.Error("forgotten")
	}
}

// TestSlowGlance: a look that does not come back holds the cut up for its time only, and
// what it had seen is kept, also when it is written down later.
func TestSlowGlance(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	a.keep.pace.glance = 20 * time.Millisecond
	r.pc.glance = func(ctx context.Context) { <-ctx.Done(); time.Sleep(50 * time.Millisecond) }
	if _, err := a.Infected(t.Context(), "", ""); err != nil || !r.pc.isUp() {
		t.Fatal(err)
	}
	s := a.keep.takeEvidence()
	if s == nil {
		t.Fatal("nothing is kept")
	}
	if early := s.early(t.Context()); len(early) != 1 || string(early[0].data) != "a connection\n" {
		t.Errorf("kept %+v", early)
	}
	r.close(a)
}

// TestAnOldDocumentOnTheDisk: a release that was signed once, put back in the place of the
// newest order, releases nobody, however often the agent starts.
func TestAnOldDocumentOnTheDisk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	fetch := func(i wire.Isolation) {
		t.Helper()
		r.srv.order(i)
		if _, err := a.fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	fetch(wire.Isolation{Order: "ord_1"})
	old := r.srv.signed
	fetch(wire.Isolation{On: true, Order: "ord_2"})
	r.close(a)
	r.damage(fileDocument, old)
	for range 3 {
		a = r.open()
		if st := a.Status(); !st.Isolated || !r.pc.isUp() {
			t.Fatalf("it says %+v", st)
		}
		r.close(a)
	}
}

// TestBehindAProxyThatHoldsBack: nothing of a stream comes through, and orders do.
func TestBehindAProxyThatHoldsBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.srv.set(func() { r.srv.muted = true })
	a := r.open()
	r.run(a)
	r.eventually("asking instead", func() bool { return a.blind.Load() })
	r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
	r.eventually("obeyed", func() bool { return r.srv.isolation().State == wire.IsolationProven })
}

func TestControlSocket(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	o := r.options()
	o.Socket = filepath.Join(t.TempDir(), "c.sock")
	a := r.openWith(o)
	stop := r.run(a)
	r.eventually("socket", func() bool { _, err := Dial(ctx, o.Socket); return err == nil })
	s, err := Dial(ctx, o.Socket)
	if err != nil {
		t.Fatal(err)
	}
	// Garbage first: nobody is kept from pressing by it.
	for range 3 * maxControlEach {
		conn, err := net.Dial("unix", o.Socket)
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte("\x00\xff nonsense\r\n\r\n" + strings.Repeat("x", 1<<14)))
		conn.Close()
	}
	conn, err := net.Dial("unix", o.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var problem string
	r.eventually("pressed", func() bool {
		_, problem, err = s.Infected(ctx, "words")
		return err == nil
	})
	if problem != "" || !r.pc.isUp() {
		t.Fatalf("press: %q", problem)
	}
	if _, _, err := s.Infected(ctx, strings.Repeat("x", maxControl)); err == nil {
		t.Error("a huge note was taken")
	}
	r.eventually("filed", func() bool { st, err := s.Status(ctx); return err == nil && st.Label != "" })
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if got := r.srv.reports[0].User; got != me.Username {
		t.Errorf("pressed by %q", got)
	}
	if _, err := s.Release(ctx, "1"); !errors.Is(err, ErrNoChallenge) {
		t.Error(err)
	}
	c, err := s.Challenge(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Release(ctx, "1"); !errors.Is(err, ErrCodeForm) {
		t.Error(err)
	}
	if _, err := s.Release(ctx, wire.ReleaseCode(r.srv.secret, r.srv.id, c.Challenge)); err != nil || r.pc.isUp() {
		t.Error("release", err)
	}
	if f, err := s.Facts(ctx); err != nil || f[wire.FactAgent].Value == nil {
		t.Error(f, err)
	}
	if _, err := New(ctx, r.options()); !Busy(err) {
		t.Errorf("two processes in one folder: %v", err)
	}
	stop()
	if _, err := Dial(ctx, o.Socket); err == nil {
		t.Error("the socket answers after the end")
	}
}

// TestManyPresses: a nervous finger is one press, a program that presses without end is
// bounded, and neither keeps the first press after a release from cutting.
func TestManyPresses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	defer r.close(a)
	press := func(words string) {
		t.Helper()
		if _, err := a.Infected(t.Context(), words, ""); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		press("")
	}
	if n := a.Status().Isolation.Local; n != 1 || len(a.spool.list()) != 1 {
		t.Errorf("%d presses, %d reports", n, len(a.spool.list()))
	}
	for range 3 * pressesAnHour {
		press("words")
	}
	n := a.Status().Isolation.Local
	if n != pressesAnHour {
		t.Errorf("%d presses", n)
	}
	r.srv.order(wire.Isolation{Order: "ord_1", Local: n})
	if _, err := a.fetch(t.Context()); err != nil || r.pc.isUp() {
		t.Fatal("not released", err)
	}
	press("")
	if !r.pc.isUp() {
		t.Error("a press after the release did nothing")
	}
}

func TestSpoolKeepsReports(t *testing.T) {
	t.Parallel()
	s := &spool{dir: filepath.Join(t.TempDir(), dirSpool)}
	for i := range maxReports + 2 {
		err := s.addReport(wire.Infection{Key: newKey(time.UnixMilli(int64(i)))})
		if (err != nil) != (i >= maxReports) {
			t.Fatalf("report %d: %v", i, err)
		}
	}
	big := make([]byte, maxItem)
	for set := range 4 {
		for i := range 10 {
			if err := s.addEvidence("rep_"+string(rune('a'+set)), string(rune('a'+i)), big); err != nil {
				t.Fatal(set, i, err)
			}
		}
	}
	var bytes int64
	reports, sets := 0, map[string]int{}
	for _, w := range s.list() {
		bytes += w.size
		if w.report {
			reports++
		} else {
			sets[w.key]++
		}
	}
	if reports != maxReports || bytes > maxSpoolBytes || sets["rep_d"] != 10 || sets["rep_a"] != 0 {
		t.Errorf("%d reports, %d bytes, evidence %v", reports, bytes, sets)
	}
}

// TestEvidenceWaitsForItsCase: an order may be given its case later.
func TestEvidenceWaitsForItsCase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	defer r.close(a)
	r.srv.set(func() { r.srv.homeless = true })
	r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
	if _, err := a.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.gatherNow(t.Context())
	var refused *Refused
	if err := a.send(t.Context()); !errors.As(err, &refused) || r.srv.asked != 1 || len(a.spool.list()) != 4 {
		t.Errorf("%v, asked %d times, %d wait", err, r.srv.asked, len(a.spool.list()))
	}
	// A report does not wait behind it.
	if _, err := a.Infected(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	if err := a.send(t.Context()); err == nil || len(r.srv.reports) != 1 {
		t.Errorf("%v, %d reports", err, len(r.srv.reports))
	}
	r.srv.set(func() { r.srv.homeless = false })
	if err := a.send(t.Context()); err != nil || len(r.srv.evidence) != 4 {
		t.Errorf("%v, %d items", err, len(r.srv.evidence))
	}
}

// TestRefusedReportHoldsNothingBack: what the server cannot take waits, and the next one
// does not wait behind it.
func TestRefusedReportHoldsNothingBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	defer r.close(a)
	r.srv.set(func() { r.srv.clash = "first" })
	for _, words := range []string{"first", "second"} {
		if _, err := a.Infected(t.Context(), words, ""); err != nil {
			t.Fatal(err)
		}
	}
	var refused *Refused
	if err := a.send(t.Context()); !errors.As(err, &refused) || len(r.srv.reports) != 1 || r.srv.reports[0].Note != "second" {
		t.Errorf("%v, the server has %+v", err, r.srv.reports)
	}
	r.srv.set(func() { r.srv.clash = "" })
	if err := a.send(t.Context()); err != nil || len(r.srv.reports) != 2 {
		t.Errorf("%v, the server has %+v", err, r.srv.reports)
	}
}

// TestEnrolledAnew: a PC that has lost who it is becomes another device, which obeys
// from its first desired state on, and an isolation outlives it.
func TestEnrolledAnew(t *testing.T) {
	t.Parallel()
	for _, cut := range []string{"", "pressed", "ordered"} {
		r := newRig(t)
		a := r.open()
		for range 5 {
			r.srv.order(wire.Isolation{})
			if _, err := a.fetch(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		switch cut {
		case "pressed":
			if _, err := a.Infected(t.Context(), "", ""); err != nil {
				t.Fatal(err)
			}
		case "ordered":
			r.srv.order(wire.Isolation{On: true, Order: "ord_0"})
			if _, err := a.fetch(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r.close(a)
		old := r.srv.id
		r.damage(fileIdentity, "{")
		r.srv.set(func() { r.srv.known = r.srv.device })
		id, err := Enrol(t.Context(), Enrolment{Dir: r.dir, Server: r.srv.url, Token: "good", Host: "PC-0042", Version: Version})
		if err != nil || id.Device == old {
			t.Fatalf("enrolled as %+v, %v", id, err)
		}
		a = r.open()
		if a.Status().Isolated != (cut != "") {
			t.Errorf("%q, isolated %v", cut, a.Status().Isolated)
		}
		r.srv.order(wire.Isolation{On: true, Order: "ord_1", Local: 9})
		if _, err := a.fetch(t.Context()); err != nil || !a.Status().Isolated {
			t.Errorf("%q: an order to the new device: %v", cut, err)
		}
		r.srv.order(wire.Isolation{Order: "ord_2", Local: 9})
		if _, err := a.fetch(t.Context()); err != nil || a.Status().Isolated {
			t.Errorf("%q: its release: %v, isolated %v", cut, err, a.Status().Isolated)
		}
		r.close(a)
	}
}

// FuzzFolder reads any bytes as the files of the folder.
func FuzzFolder(f *testing.F) {
	f.Add([]byte(`{"presses":1,"released_local":0}`), []byte(`{"local":1,"order":"ord_1"}`), []byte(`{"device":"dev_"}`))
	f.Add([]byte("{"), []byte("null"), []byte("\xff"))
	f.Fuzz(func(t *testing.T, memory, mark, identity []byte) {
		dir := t.TempDir()
		for name, raw := range map[string][]byte{fileMemory: memory, fileMark: mark, fileIdentity: identity} {
			if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s := loadState(dir)
		s.allow()
		var m struct{ Since int64 }
		if (json.Unmarshal(mark, &m) != nil || m.Since <= 0) && !s.cause().on {
			t.Errorf("a mark that nobody understands, and the network is open: %v", s.problems)
		}
		if err := s.saveMemory(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzCode tries codes.
func FuzzCode(f *testing.F) {
	secret := make([]byte, 32)
	f.Add("1234567890")
	f.Add("12345-67890")
	f.Fuzz(func(t *testing.T, code string) {
		var c codes
		challenge, _, err := c.challenge("boot", time.Hour, strings.NewReader("01234567"))
		if err != nil {
			t.Fatal(err)
		}
		right := wire.ReleaseCode(secret, "dev", challenge)
		plain, ok := wire.ParseCode(code)
		if _, err := c.try("boot", time.Hour, secret, "dev", code); (err == nil) != (ok && plain == right) {
			t.Errorf("%q for %q: %v", code, right, err)
		}
	})
}

func TestEnrolRefuses(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	for name, c := range map[string]struct {
		server, token string
		want          error
	}{
		"plain HTTP beyond this PC": {"http://sekimori.example", "good", ErrServerURL},
		"no address":                {"sekimori", "good", ErrServerURL},
		"a path":                    {srv.url + "/x", "good", ErrServerURL},
	} {
		if _, err := Enrol(t.Context(), Enrolment{Dir: t.TempDir(), Server: c.server, Token: c.token}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := t.TempDir()
	var refused *Refused
	if _, err := Enrol(t.Context(), Enrolment{Dir: dir, Server: srv.url, Token: "bad"}); !errors.As(err, &refused) || refused.Code != "fault.denied" {
		t.Errorf("a bad token: %v", err)
	}
	if _, err := Enrol(t.Context(), Enrolment{Dir: dir, Server: srv.url, Token: "good"}); err != nil {
		t.Fatal(err)
	}
	if _, err := Enrol(t.Context(), Enrolment{Dir: dir, Server: srv.url, Token: "good"}); !errors.Is(err, ErrEnrolled) {
		t.Errorf("twice: %v", err)
	}
	for _, name := range []string{fileKey, fileIdentity} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, st.Mode(), err)
		}
	}
}

func TestTicket(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	clock := r.m.clock()
	ticket := func(device string, until time.Duration) string {
		text, err := wire.SignTicket(device, wire.MicrosOf(r.m.wall.Add(until)), r.srv.signer)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := ticket(r.srv.id, time.Hour)
	for name, c := range map[string]struct {
		ticket string
		want   error
	}{
		"good":           {good, nil},
		"none":           {"", ErrTicket},
		"another's":      {ticket(wire.DeviceID(nil), time.Hour), ErrTicket},
		"run out":        {ticket(r.srv.id, -time.Hour), ErrTicket},
		"not its server": {strings.Replace(good, "uninstall", "Uninstall", 1), ErrTicket},
	} {
		if err := CheckTicket(t.Context(), r.dir, c.ticket, clock); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	a := r.open()
	if _, err := a.Infected(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	r.close(a)
	if err := CheckTicket(t.Context(), r.dir, good, clock); !errors.Is(err, ErrIsolated) {
		t.Errorf("while isolated: %v", err)
	}
	if err := CheckTicket(t.Context(), t.TempDir(), "", clock); err != nil {
		t.Errorf("never enrolled: %v", err)
	}
	if err := Forget(r.dir); err != nil || r.has(fileKey) || r.has(dirSpool) {
		t.Errorf("something is left: %v", err)
	}
}
