package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// lent is a guard in front of which a medium with its token is plugged in.
func lent(t *testing.T) *watchman {
	t.Helper()
	w := newWatchman(t)
	w.allow(w.loan("USB-1", "tok_1", -time.Hour, 3*time.Hour))
	w.settle()
	return w
}

func (w *watchman) fails(call string, err error) {
	w.ports.mu.Lock()
	defer w.ports.mu.Unlock()
	w.ports.fail[call] = err
}

// TestADiskThatComesLate: on a PC that has a lot to do a disk is not there in time. It is
// tried again, and people hear of it only when that does not help.
func TestADiskThatComesLate(t *testing.T) {
	t.Parallel()
	w := lent(t)
	w.fails("disks", fmt.Errorf("none came: %w", context.DeadlineExceeded))
	w.ports.plug("1-1", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.told()
	if w.ports.works("1-1", 0) {
		t.Errorf("it works meanwhile: %q", w.ports.calls)
	}
	for range 5 {
		w.m.pass(slowMost)
		w.settle()
	}
	w.told("unread")
	if n := w.ports.count("admit 1-1"); n < 5 || n > 8 {
		t.Errorf("tried %d times: %q", n, w.ports.calls)
	}
	w.fails("disks", nil)
	w.m.pass(slowMost)
	w.told("unread", "admitted USB-1")
	if !w.ports.works("1-1", 0) {
		t.Errorf("%q", w.ports.calls)
	}
}

// TestSwitchedOffWhileItWaits: what waits for another try is given back too.
func TestSwitchedOffWhileItWaits(t *testing.T) {
	t.Parallel()
	w := lent(t)
	w.fails("disks", context.DeadlineExceeded)
	w.ports.plug("1-1", aStick("SN-1"), "")
	w.settle()
	w.mode(wire.GuardOff)
	w.settle()
	w.m.pass(slowMost)
	w.settle()
	if !w.ports.works("1-1", 0) || w.ports.held {
		t.Errorf("%q, held %v", w.ports.calls, w.ports.held)
	}
}

// TestAdmittedByHalf: what failed after the device was let in is taken back.
func TestAdmittedByHalf(t *testing.T) {
	t.Parallel()
	w := lent(t)
	w.fails("half", errors.New("no driver"))
	w.ports.plug("1-1", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.told("unread")
	if w.ports.works("1-1", 0) || w.ports.count("eject 1-1") == 0 {
		t.Errorf("%q", w.ports.calls)
	}
}

// TestObservedWithoutItsToken: observing believes a device's own words; blocking does not.
func TestObservedWithoutItsToken(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		w := lent(t)
		w.mode(wire.GuardObserve)
		w.settle()
		w.ports.plug("1-1", aStick("SN-1"), "")
		w.told("admitted USB-1")
		if restart {
			w.restart("boot-1")
		}
		w.mode(wire.GuardBlock)
		w.told("admitted USB-1", "refused no_token")
		if w.ports.works("1-1", 0) {
			t.Errorf("restarted %v: %q", restart, w.ports.calls)
		}
	}
}

// TestLoanOverWhileObserved: from then on nobody looks what is written.
func TestLoanOverWhileObserved(t *testing.T) {
	t.Parallel()
	w := lent(t)
	w.mode(wire.GuardObserve)
	w.settle()
	w.ports.plug("1-1", aStick("SN-1"), "")
	w.told("admitted USB-1")
	watched := func() bool { w.ports.mu.Lock(); defer w.ports.mu.Unlock(); return len(w.ports.writing) > 0 }
	w.eventually("it is watched", watched)
	w.m.pass(4 * time.Hour)
	w.told("admitted USB-1", "observed over USB-1")
	w.eventually("it is watched no more", func() bool { return !watched() })
}

// TestObservedOverARestart: what is written on a medium that was in already is seen, and it
// is not told of again.
func TestObservedOverARestart(t *testing.T) {
	t.Parallel()
	w := lent(t)
	w.mode(wire.GuardObserve)
	w.settle()
	w.ports.plug("1-1", aStick("SN-1"), "")
	w.told("admitted USB-1")
	w.restart("boot-1")
	var each func(string, int64)
	w.eventually("it is watched", func() bool {
		w.ports.mu.Lock()
		defer w.ports.mu.Unlock()
		each = w.ports.writing["sd1-1"]
		return each != nil
	})
	each("plan.txt", 12)
	w.stop()
	w.start("boot-1")
	w.told("admitted USB-1", "written USB-1")
}

// TestBlockedAgainAfterObserving: while nothing is held nothing keeps a medium to its loan,
// so it is looked at anew, and offered as it is lent.
func TestBlockedAgainAfterObserving(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	m := w.loan("USB-1", "tok_1", -time.Hour, time.Hour)
	m.ReadOnly = true
	w.allow(m)
	w.settle()
	w.ports.plug("1-1", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.told("admitted USB-1")
	w.mode(wire.GuardObserve)
	w.settle()
	w.mode(wire.GuardBlock)
	w.told("admitted USB-1", "admitted USB-1")
	if got := w.ports.count("offer sd1-1 true"); got != 2 {
		t.Errorf("offered %d times: %q", got, w.ports.calls)
	}
}

// TestFirstOfAllWhatWasLeftUndone, and the guard works whatever becomes of that.
func TestFirstOfAllWhatWasLeftUndone(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.ports.fail["recover"] = errors.New("no such room")
	w.ports.plug("1-1", aStick("SN-9"), "")
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	go func() { defer close(done); w.g.run(ctx) }()
	w.eventually("the stick is held", func() bool { return !w.ports.works("1-1", 0) })
	cancel()
	<-done
	if w.ports.calls[0] != "recover" || w.ports.count("recover") != 1 {
		t.Errorf("%q", w.ports.calls)
	}
	if !strings.Contains(joined(w.g.Fact().Problem), "no such room") {
		t.Errorf("%q", w.g.Fact().Problem)
	}
}

// TestADiskOfAnotherName: the kernel's drivers take some devices for storage by vendor and
// product alone, whatever class they name.
func TestADiskOfAnotherName(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.settle()
	w.ports.plug("1-1", device("SN-9", onKeyboard, host.USBInterface{Number: 2, Class: 0xff, Name: "printer"}), "")
	w.told()
	if !w.ports.works("1-1", 2) {
		t.Fatalf("%q", w.ports.calls)
	}
	w.ports.mu.Lock()
	w.ports.devices["1-1"].Interfaces[1].Disk = true
	w.ports.mu.Unlock()
	w.told("refused unknown")
	w.ports.mu.Lock()
	w.ports.devices["1-1"].Interfaces[1].Disk = false // it went with its driver
	w.ports.mu.Unlock()
	w.told("refused unknown")
	w.restart("boot-1")
	w.told("refused unknown")
	if w.ports.works("1-1", 2) || !w.ports.works("1-1", 1) {
		t.Errorf("%q", w.ports.calls)
	}
}

// TestTwoSlots: our card in a reader opens its own slot, not the one beside it.
func TestTwoSlots(t *testing.T) {
	t.Parallel()
	w := lent(t)
	w.ports.slots = []host.Disk{{Name: "sdother", Size: 1 << 20}, {Name: "sdempty"}}
	w.ports.plug("1-1", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.told("admitted USB-1")
	if w.ports.count("offer sd1-1") != 1 || w.ports.count("offer") != 1 {
		t.Errorf("%q", w.ports.calls)
	}
}

// TestExchangedWhileItIsRead: another device has its place when the token was found right.
func TestExchangedWhileItIsRead(t *testing.T) {
	t.Parallel()
	w := lent(t)
	w.ports.onRead = func() {
		d := aStick("SN-9")
		w.ports.plugs++
		d.Path, d.Plug = "1-1", "another"
		w.ports.devices["1-1"] = &d
	}
	w.ports.plug("1-1", aStick("SN-1"), w.token("tok_1", "USB-1"))
	w.eventually("the other one is refused", func() bool {
		w.settle()
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.events) > 0 && w.events[len(w.events)-1].What == wire.MediaRefused
	})
	w.told("refused unknown")
	if w.ports.count("offer") != 0 || w.ports.works("1-1", 0) {
		t.Errorf("%q", w.ports.calls)
	}
}

// TestAHoldThatCannotBeUndone is tried until it can.
func TestAHoldThatCannotBeUndone(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.settle()
	w.fails("hold", errors.New("busy"))
	w.mode(wire.GuardOff)
	w.settle()
	w.settle()
	w.fails("hold", nil)
	w.settle()
	if w.ports.held {
		t.Error("the guard is off, and holds")
	}
}

// TestScreensAreNotFlooded by a device that comes and goes.
func TestScreensAreNotFlooded(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.settle()
	said := func() int { w.ports.mu.Lock(); defer w.ports.mu.Unlock(); return len(w.ports.said) }
	for range 5 {
		w.ports.plug("1-1", aStick("SN-9"), "")
		w.settle()
	}
	if n := said(); n != 1 {
		t.Errorf("%d texts of one that says the same", n)
	}
	w.g.say = func(id string, args ...any) string { return id + fmt.Sprint(args...) }
	for n := range maxSaid + 10 {
		d := aStick("SN-9")
		d.Model = fmt.Sprint(n)
		w.ports.plug("1-1", d, "")
		w.settle()
	}
	if n := said(); n != maxSaid {
		t.Errorf("%d texts of one that changes its name", n)
	}
	w.m.pass(2 * time.Minute)
	w.ports.plug("1-1", aStick("SN-9"), "")
	w.settle()
	if n := said(); n != maxSaid+1 {
		t.Errorf("%d texts: nothing is said any more", n)
	}
}

// TestATreeOfHubs: everything a bus can hold comes at once, and each device takes its time.
func TestATreeOfHubs(t *testing.T) {
	t.Parallel()
	w := newWatchman(t)
	w.settle()
	w.ports.gate = make(chan bool)
	const all = 127
	for i := range all {
		w.ports.plug(fmt.Sprintf("1-%d", i), device("", onKeyboard), "")
	}
	w.g.look(w.ctx)
	w.eventually("as many as may are at work", func() bool { w.ports.mu.Lock(); defer w.ports.mu.Unlock(); return w.ports.now == maxWork })
	close(w.ports.gate)
	w.settle()
	for i := range all {
		if !w.ports.works(fmt.Sprintf("1-%d", i), 1) {
			t.Errorf("device %d does not work", i)
		}
	}
	w.ports.mu.Lock()
	defer w.ports.mu.Unlock()
	if w.ports.most > maxWork {
		t.Errorf("%d at a time", w.ports.most)
	}
}

// TestFilesThatWereTooManyToSee are counted, without a name.
func TestFilesThatWereTooManyToSee(t *testing.T) {
	t.Parallel()
	w := newWrittenFiles()
	w.add("", 0, 1)
	w.add("a.txt", 5, 2)
	w.add("", 0, 3)
	if files, more := w.take(); len(files) != 1 || files[0].Name != "a.txt" || more != 2 {
		t.Errorf("%v and %d more", files, more)
	}
}
