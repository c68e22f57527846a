package access_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
)

// known is a browser in which the person has signed in.
func (d *door) known(person, before string) access.Origin {
	d.t.Helper()
	from := access.Origin{Address: "192.0.2.50", Agent: "Mozilla", Devices: before}
	devices, until, err := d.Remember(d.t.Context(), person, from)
	d.must(err)
	if devices == "" || !until.Equal(d.clock().Add(access.DeviceFor)) {
		d.t.Fatalf("remembered as %q until %v", devices, until)
	}
	from.Devices = devices
	return from
}

func (d *door) try(login, pass string, from access.Origin) error {
	_, _, err := d.SignIn(d.t.Context(), login, pass, from)
	return err
}

// Strangers shut a name neither for its owner's browser nor, one of them alone, for anybody else.
func TestStrangerShutsNobodyOut(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	own := d.known("per_emp", "")
	for range 10 {
		_, _ = d.in("yoshida", "wrong password", "203.0.113.1")
	}
	d.must(ignore(d.in("yoshida", password, "198.51.100.7")))
	for n := range 40 { // from everywhere
		_, _ = d.in("yoshida", "wrong password", fmt.Sprint("203.0.113.", n))
	}
	_, err := d.in("yoshida", password, "198.51.100.8")
	refused(t, "a browser that nobody knows", err, fault.TooMany, "fault.throttled")
	d.must(d.try("yoshida", password, own))
	own.Address = "203.0.113.1" // beside the stranger, in the same house
	d.must(d.try("yoshida", password, own))
}

// What is guessed of one name is bounded, from however many senders and however many at once.
func TestGuessesOfANameAreBounded(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	count := func(from func(n int) access.Origin) int {
		var wait sync.WaitGroup
		judged := make(chan bool, 60)
		for n := range 60 {
			wait.Go(func() {
				f := fault.As(d.try("yoshida", "wrong password", from(n)))
				judged <- f != nil && f.ID == "fault.wrong_login"
			})
		}
		wait.Wait()
		close(judged)
		sum := 0
		for x := range judged {
			if x {
				sum++
			}
		}
		return sum
	}
	own := d.known("per_emp", "")
	for _, x := range []struct {
		name string
		from func(int) access.Origin
		want int
	}{
		{"one sender", func(int) access.Origin { return access.Origin{Address: "203.0.113.1"} }, 3},
		{"one customer of IPv6", func(n int) access.Origin { return access.Origin{Address: fmt.Sprintf("2001:db8:7:%x::1", n)} }, 3},
		{"one known browser", func(n int) access.Origin {
			return access.Origin{Address: fmt.Sprint("192.0.2.", n), Devices: own.Devices}
		}, 3},
		{"everywhere", func(n int) access.Origin { return access.Origin{Address: fmt.Sprint("198.51.100.", n)} }, 20 - 6},
	} {
		if got := count(x.from); got != x.want {
			t.Errorf("%s: %d guesses were judged, want %d", x.name, got, x.want)
		}
	}
	if n := d.kinds()["account.throttled"]; n != 4 {
		t.Errorf("%d closings in the record, want one for each lane", n)
	}
}

func TestKnownBrowserIsOneAccounts(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	shut := func(login string) {
		for n := range 30 {
			_, _ = d.in(login, "wrong password", fmt.Sprint("203.0.113.", n))
		}
	}
	shut("yoshida")
	own := d.known("per_emp", "")
	refusedAt := func(name, devices string) {
		t.Helper()
		refused(t, name, d.try("yoshida", password, access.Origin{Address: "192.0.2.60", Devices: devices}), fault.TooMany, "fault.throttled")
	}
	others := d.known("per_it", "")
	part := strings.Split(own.Devices, ".")
	refusedAt("somebody else's", others.Devices)
	refusedAt("longer than it was given", part[0]+".zzzzzz."+part[2])
	refusedAt("forged", part[0]+"."+part[1]+"."+strings.Repeat("0", 64))
	refusedAt("rubbish", "~.~..~...~"+strings.Repeat("x", 5000))
	d.must(d.try("yoshida", password, own))

	both := d.known("per_it", own.Devices) // a PC that two people use
	d.must(d.try("yoshida", password, both))
	if n := strings.Count(both.Devices, "~"); n != 1 {
		t.Errorf("%d devices in %s", n+1, both.Devices)
	}
	if again := d.known("per_it", both.Devices); strings.Count(again.Devices, "~") != 1 {
		t.Errorf("kept twice: %s", again.Devices)
	}

	d.must(d.ChangePassword(t.Context(), d.actorOf("per_emp"), password, password+"2"))
	refused(t, "after another password", d.try("yoshida", password+"2", own), fault.TooMany, "fault.throttled")
	renewed := d.known("per_emp", "")
	d.must(d.try("yoshida", password+"2", renewed))
	d.wait(access.DeviceFor + time.Second)
	shut("yoshida")
	refused(t, "after its time", d.try("yoshida", password+"2", renewed), fault.TooMany, "fault.throttled")
	if devices, _, err := d.Remember(t.Context(), "per_gen", access.Origin{}); devices != "" || err != nil {
		t.Errorf("somebody without a password: %q, %v", devices, err)
	}
}

// Wrong passwords from an address take nothing from who is in there, or shows a passkey.
func TestWrongPasswordsShutNoOtherDoor(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	dev := d.device()
	_, err := d.add(d.actorOf("per_emp"), dev)
	d.must(err)
	for n := range 12 {
		_, _ = d.in(fmt.Sprint("guess", n), "wrong password", "203.0.113.1")
	}
	_, err = d.in("hayashi", password, "203.0.113.1")
	refused(t, "a new browser there", err, fault.TooMany, "fault.throttled")
	_, err = d.show(dev.Get(d.asked()), "203.0.113.1")
	d.must(err)
	_, _, err = d.Confirm(t.Context(), d.actorOf("per_emp"), password, access.Origin{Address: "203.0.113.1"})
	d.must(err)
}
