package agent

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/kit/wire"
)

// turn gives the server a new key. With retire it ends those before it, and says so in the
// desired state; with untold in that alone.
func (s *server) turn(retire, untold bool) (old note.Signer) {
	s.t.Helper()
	next, vkey := signer(s.t)
	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.signer
	change, err := wire.SignKeyChange(vkey, old)
	if err != nil {
		s.t.Fatal(err)
	}
	s.changes, s.signer = append(s.changes, change), next
	if !retire {
		return old
	}
	word, err := wire.SignRetirement(wire.SigningKeys(s.changes), next)
	if err != nil {
		s.t.Fatal(err)
	}
	s.doc.Retired = wire.RetiredKeys([]string{word})
	if !untold {
		s.changes = append(s.changes, word)
	}
	return old
}

// TestRetiredKeySignsNothing: a PC that has heard of a retirement obeys the retired key never
// again: no document, no ticket, no successor, not after a restart, and not offline.
func TestRetiredKeySignsNothing(t *testing.T) {
	t.Parallel()
	for name, untold := range map[string]bool{"all is told": false, "somebody on the way keeps the statement back": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			ctx := t.Context()
			a := r.open()
			first := r.srv.turn(false, false)
			r.srv.order(wire.Isolation{})
			if _, err := a.fetch(ctx); err != nil || len(a.keep.st.id.Keys) != 2 {
				t.Fatalf("a routine change: %v, %v", a.keep.st.id.Keys, err)
			}
			second := r.srv.turn(true, untold)
			r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
			if _, err := a.fetch(ctx); err != nil || !r.pc.isUp() {
				t.Fatal(err)
			}
			third := r.srv.signer
			for _, again := range []bool{false, true} {
				if again {
					r.close(a)
					a = r.open()
					if a.Status().Document != 3 || len(a.Status().Problems) > 0 {
						t.Fatalf("after a restart: %+v", a.Status())
					}
				}
				if id := a.keep.st.id; len(id.Keys) != 1 || len(id.Retired) != 2 {
					t.Errorf("again %v: it believes %v, not %v", again, id.Keys, id.Retired)
				}
				for i, thief := range []note.Signer{first, second} {
					forged := r.srv.doc
					forged.Version, forged.Isolation = 99, wire.Isolation{Order: "ord_2", Local: 9}
					signed, err := forged.Sign(thief)
					if err != nil {
						t.Fatal(err)
					}
					_, evil := signer(t)
					heir, err := wire.SignKeyChange(evil, thief)
					if err != nil {
						t.Fatal(err)
					}
					was := r.srv.changes
					r.srv.set(func() { r.srv.doc.Version, r.srv.signed, r.srv.changes = 99, signed, append([]string{heir}, was...) })
					if _, err := a.fetch(ctx); !errors.Is(err, wire.ErrSignature) || !r.pc.isUp() {
						t.Errorf("again %v: retired key %d was obeyed: %v", again, i, err)
					}
					r.srv.set(func() { r.srv.changes = was })
				}
			}
			r.srv.set(func() { r.srv.signer = third })
			r.srv.order(wire.Isolation{Order: "ord_3"})
			if _, err := a.fetch(ctx); err != nil || r.pc.isUp() {
				t.Fatalf("the newest key is not obeyed: %v", err)
			}
			r.close(a)
			r.srv.set(func() { r.srv.down = true })
			ticket := func(by note.Signer) string {
				text, err := wire.SignTicket(r.srv.id, wire.MicrosOf(r.m.wall.Add(time.Hour)), by)
				if err != nil {
					t.Fatal(err)
				}
				return text
			}
			for _, thief := range []note.Signer{first, second} {
				if err := CheckTicket(ctx, r.dir, ticket(thief), r.m.clock()); !errors.Is(err, ErrTicket) {
					t.Errorf("a retired key's ticket: %v", err)
				}
			}
			if err := CheckTicket(ctx, r.dir, ticket(third), r.m.clock()); err != nil {
				t.Errorf("the newest key's ticket: %v", err)
			}
		})
	}
}

// TestRetirementOutlastsADisk: what the desired state says of keys counts, though the identity
// could not be written before the agent ended.
func TestRetirementOutlastsADisk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	old := *a.keep.st.id
	r.srv.turn(true, true)
	if err := a.learnKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	believed := *a.keep.st.id
	r.srv.order(wire.Isolation{})
	if _, err := a.fetch(t.Context()); err != nil || !slices.Equal(a.keep.st.id.Keys, believed.Keys[1:]) {
		t.Fatal(a.keep.st.id.Keys, err)
	}
	if len(old.Keys) != 1 {
		t.Error("what was given away has changed afterwards")
	}
	r.close(a)
	s := loadState(r.dir)
	s.id.Trust = believed.Trust
	if err := s.saveIdentity(); err != nil {
		t.Fatal(err)
	}
	if s := loadState(r.dir); len(s.id.Keys) != 1 || len(s.id.Retired) != 1 || s.doc == nil {
		t.Errorf("it believes %v again: %v", s.id.Keys, s.problems)
	}
	r.close(r.open())
	r.damage(fileDocument, "gone")
	if s := loadState(r.dir); len(s.id.Keys) != 1 || len(s.id.Retired) != 1 || s.doc != nil {
		t.Errorf("it believes %v once the document is gone", s.id.Keys)
	}
}

// TestRefusedPCLearnsKeys: a PC whose key was refused is told whose signature counts and
// nothing else, so that it knows the permission to take its agent away.
func TestRefusedPCLearnsKeys(t *testing.T) {
	t.Parallel()
	for name, running := range map[string]bool{"while its agent runs": true, "when it is asked to go": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			ctx := t.Context()
			a := r.open()
			r.srv.turn(false, false)
			r.srv.turn(true, false)
			r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
			r.srv.set(func() { r.srv.refused = true })
			if running {
				var refused *Refused
				if _, err := a.fetch(ctx); !errors.As(err, &refused) || refused.Status != 403 {
					t.Fatalf("it was not refused: %v", err)
				}
				if id := a.keep.st.id; len(id.Keys) != 1 || len(id.Retired) != 2 || a.Status().Document != 1 || r.pc.isUp() {
					t.Errorf("it believes %v and has document %d", id.Keys, a.Status().Document)
				}
				r.srv.set(func() { r.srv.down = true })
			}
			r.close(a)
			text, err := wire.SignTicket(r.srv.id, wire.MicrosOf(r.m.wall.Add(time.Hour)), r.srv.signer)
			if err != nil {
				t.Fatal(err)
			}
			if err := CheckTicket(ctx, r.dir, strings.ReplaceAll(text, "\n", "\r\n"), r.m.clock()); err != nil {
				t.Errorf("its ticket: %v", err)
			}
		})
	}
}

// TestWifiComesBack: Wi-Fi that does not come on again is tried until it does, by the next
// process too, and told meanwhile.
func TestWifiComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	stop := r.run(a)
	r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
	r.eventually("Wi-Fi is off", func() bool { return r.srv.isolation().Wifi == "off" })
	r.pc.mu.Lock()
	r.pc.wifiErr = errors.New("the switch is stuck")
	r.pc.mu.Unlock()
	r.srv.order(wire.Isolation{Order: "ord_2"})
	tries := func() (n int) {
		for _, c := range r.pc.log() {
			if c == "wifi true" {
				n++
			}
		}
		return n
	}
	told := func() bool {
		f := r.srv.isolation()
		return f.State == wire.IsolationOff && strings.Contains(joined(f.Problems), "the switch is stuck")
	}
	r.eventually("tried, and told", func() bool { return tries() > 2 && told() })
	stop()
	a = r.open()
	if !a.keep.st.memory.WifiOff {
		t.Error("forgotten by the next process")
	}
	stop = r.run(a)
	before := tries()
	r.eventually("tried by the next process", func() bool { return tries() > before })
	r.pc.mu.Lock()
	r.pc.wifiErr = nil
	r.pc.mu.Unlock()
	before = tries()
	r.eventually("on, and told", func() bool { return tries() > before && !told() && r.srv.isolation().State == wire.IsolationOff })
	stop()
	a = r.open()
	defer r.close(a)
	if before = tries(); a.keep.st.memory.WifiOff || before != tries() {
		t.Error("it is switched on again and again")
	}
}

// TestReleaseOutlastsItsDocument: a press that a desired state has ended stays ended when that
// document can no longer be read, as after its key was retired; the PC can be given up then.
func TestReleaseOutlastsItsDocument(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	a := r.open()
	if _, err := a.Infected(ctx, "", ""); err != nil || !r.pc.isUp() {
		t.Fatal(err)
	}
	r.srv.order(wire.Isolation{Order: "ord_1", Local: 1})
	if _, err := a.fetch(ctx); err != nil || r.pc.isUp() {
		t.Fatal(err)
	}
	r.srv.turn(true, false)
	r.srv.set(func() { r.srv.refused = true })
	if _, err := a.fetch(ctx); err == nil || len(a.keep.st.id.Retired) != 1 {
		t.Fatalf("it believes %v: %v", a.keep.st.id.Keys, err)
	}
	r.close(a)
	a = r.open()
	if a.keep.st.doc != nil || r.pc.isUp() {
		t.Errorf("isolated by a restart alone: %v", a.Status().Problems)
	}
	r.close(a)
	text, err := wire.SignTicket(r.srv.id, wire.MicrosOf(r.m.wall.Add(time.Hour)), r.srv.signer)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckTicket(ctx, r.dir, text, r.m.clock()); err != nil {
		t.Errorf("its ticket: %v", err)
	}
	a = r.open()
	defer r.close(a)
	if _, err := a.Infected(ctx, "", ""); err != nil || !r.pc.isUp() {
		t.Errorf("the next press: %v", err)
	}
}

// TestPressWaitsForNoSwitch: a program that switches Wi-Fi and never answers delays no press.
func TestPressWaitsForNoSwitch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.open()
	r.run(a)
	r.srv.order(wire.Isolation{On: true, Order: "ord_1"})
	r.eventually("Wi-Fi is off", func() bool { return r.srv.isolation().Wifi == "off" })
	r.pc.mu.Lock()
	stuck := make(chan struct{})
	r.pc.stuck = stuck
	r.pc.mu.Unlock()
	r.srv.order(wire.Isolation{Order: "ord_2"})
	select {
	case <-stuck:
	case <-time.After(20 * time.Second):
		t.Fatal("Wi-Fi is not switched on")
	}
	if _, err := a.Infected(t.Context(), "", ""); err != nil || !r.pc.isUp() {
		t.Errorf("pressed: %v", err)
	}
	if slices.Contains(r.pc.log(), "wifi given up") {
		t.Error("the press waited for the switch")
	}
}

// TestWifiComesBackWithoutAService: a release at the PC while no service runs sees to it itself.
func TestWifiComesBackWithoutAService(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	a := r.open()
	defer r.close(a)
	if _, err := a.Infected(ctx, "", ""); err != nil {
		t.Fatal(err)
	}
	if err := a.Settle(ctx); err != nil || !a.keep.st.memory.WifiOff {
		t.Fatalf("Wi-Fi was not seen to: %v", err)
	}
	shown, _, err := a.Challenge()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Release(ctx, wire.ReleaseCode(r.srv.secret, r.srv.id, shown)); err != nil || r.pc.isUp() {
		t.Fatal(err)
	}
	if a.keep.st.memory.WifiOff || !slices.Contains(r.pc.log(), "wifi true") {
		t.Errorf("Wi-Fi stays off: %v", r.pc.log())
	}
}
