package vm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sekimori/internal/kit/wire"
	"sekimori/internal/testkit/qemu"
)

// TestMedia is one PC's guard against what is plugged in: the parts need the ones before
// them.
func TestMedia(t *testing.T) {
	c := newCounter(t)
	for _, part := range []struct {
		name string
		run  func(*counter)
	}{
		{"enrolled and installed", (*counter).install},
		{"observed, and nothing is held", (*counter).observe},
		{"strangers are held, keyboards live", (*counter).strangers},
		{"two in one, and one without a number", (*counter).gadgets},
		{"phones", (*counter).phones},
		{"lent", (*counter).lent},
		{"lent for reading", (*counter).readOnly},
		{"not ours after all", (*counter).tokens},
		{"the same twice", (*counter).twice},
		{"too early and too late", (*counter).times},
		{"registered", (*counter).register},
		{"a card in the reader that is built in", (*counter).cards},
		{"the agent is killed", (*counter).killed},
		{"the loan ends while it is written to", (*counter).ends},
		{"no cable, and clocks that lie", (*counter).offline},
		{"power cut while a token is written, boot with sticks", (*counter).powerCut},
		{"switched off", (*counter).off},
	} {
		begin := time.Now()
		part.run(c)
		t.Logf("%5.1f s: %s", time.Since(begin).Seconds(), part.name)
	}
}

// counter is where media are lent: the machine, and the media that it knows.
type counter struct {
	*lender
	good, ended, private *stick
	loan, late           wire.Medium // of good, and of ended
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	c := &counter{lender: newLender(t)}
	const asset = "USB-0001"
	c.good = newPartitioned(t, "SN-GOOD", "GOOD", map[string]string{wire.TokenFile: c.office.token("tok_good", asset), "A.TXT": "for the journey"})
	c.ended = newStick(t, "SN-ENDED", "ENDED", map[string]string{wire.TokenFile: c.office.token("tok_ended", "USB-0002")})
	c.private = newStick(t, "SN-PRIVATE", "PRIVATE", map[string]string{"SONG.TXT": "la la la"})
	c.loan = c.good.allowed(asset, "LOAN-2026-0001", "tok_good")
	c.late = c.ended.allowed("USB-0002", "LOAN-2026-0002", "tok_ended")
	c.late.Until = soon(-60)
	return c
}

// block is the guard at work, with these loans beside those of every part.
func (c *counter) block(more ...wire.Medium) {
	c.t.Helper()
	c.orders(wire.Media{Mode: wire.GuardBlock, Allowed: append([]wire.Medium{c.loan, c.late}, more...)})
}

func (c *counter) install() {
	c.run("systemctl", "enable", "--now", "systemd-networkd", "desktop", "person")
	c.await("the network is up", func() bool { return c.works("ip", "route", "get", servers[0]) })
	c.run("sekimori-agent", "enroll", "--server", c.office.url, "--ca", "/root/ca.pem", "--token", "good")
	c.run("sekimori-agent", "install")
	c.await("somebody is signed in", func() bool { return strings.Contains(c.run("loginctl"), "person") })
}

// observe is how every company begins.
func (c *counter) observe() {
	c.orders(wire.Media{Mode: wire.GuardObserve, Allowed: []wire.Medium{c.loan}})
	since := c.plug(c.private, "1")
	c.mounted("PRIVATE")
	e := c.heard(since, wire.MediaObserved, wire.WhyUnknown, c.private.serial)
	if e.Class != "storage" || e.Vendor != "46f4" || e.Product != "0001" || e.Name == "" {
		c.t.Errorf("the event is %+v", e)
	}
	unplug := c.gadget("watched", "-serial=SN-WATCHED", "-phone")
	c.heard(since, wire.MediaObserved, wire.WhyPhone, "SN-WATCHED")
	if !c.works("test", "-e", "/dev/mmcblk0") {
		c.t.Error("an observed card is no disk")
	}
	if got := c.authorized("SN-WATCHED"); got != "1" {
		c.t.Errorf("an observed phone is authorized %q", got)
	}
	unplug()

	// From now on it is held, also what is in use.
	since = c.office.said()
	c.block()
	c.heard(since, wire.MediaRefused, wire.WhyUnknown, c.private.serial)
	c.absent()
	c.cardHeld(since)
	c.Unplug(c.private.serial)
	c.private.sound()
	if f := c.office.guard(); !f.Able || len(f.Problem) > 0 {
		c.t.Errorf("the guard says of itself %+v", f)
	}
}

// cardHeld waits until the card in the reader is refused, and no disk any more.
func (c *counter) cardHeld(since int) {
	c.t.Helper()
	c.ofCard(since, wire.MediaRefused)
	c.noCard()
}

// authorized is what the kernel lets the device of this serial number do.
func (c *counter) authorized(serial string) string {
	c.t.Helper()
	out, err := c.Run(c.t.Context(), "sh", "-c", fmt.Sprintf(`cat "$(dirname "$(grep -l -x %s /sys/bus/usb/devices/*/serial)")/authorized"`, serial))
	if err != nil {
		return "" // it is not seen yet
	}
	return strings.TrimSpace(out)
}

func (c *counter) strangers() {
	c.refuses(c.private, wire.WhyUnknown)
	c.refuses(newPartitioned(c.t, "SN-PARTS", "PARTS", nil), wire.WhyUnknown)

	before := c.attached()
	since := c.office.said()
	c.Plug("hub", "3", qemu.Hub{})
	c.Plug("keys", "3.1", qemu.Keyboard{})
	c.Plug("deep", "3.2", c.private.device())
	c.Plug("fast", "4", qemu.Stick{Image: newStick(c.t, "", "FAST", nil).image, Serial: "SN-FAST", UAS: true})
	c.await("a keyboard behind a hub", func() bool { return strings.Contains(c.inputs(), "QEMU USB Keyboard") })
	c.heard(since, wire.MediaRefused, wire.WhyUnknown, c.private.serial)
	c.heard(since, wire.MediaRefused, wire.WhyUnknown, "SN-FAST")
	c.only(0, before, "of refused media")
	for _, id := range []string{"fast", "deep", "keys", "hub"} {
		c.Unplug(id)
	}
}

// inputs names what can be typed on.
func (c *counter) inputs() string {
	c.t.Helper()
	return c.run("sh", "-c", "cat /sys/class/input/*/name")
}

// gadgets are on other controllers, which came after the agent.
func (c *counter) gadgets() {
	before := c.attached()
	since := c.office.said()
	c.Write("/root/small", newSmall(c.t, "SMALL", nil), 0o600)
	unplug := c.gadget("both", "-vendor=0781", "-product=5567", "-serial=SN-BOTH", "-storage=/root/small", "-keyboard")
	c.heard(since, wire.MediaRefused, wire.WhyUnknown, "SN-BOTH")
	c.await("the keyboard that is a stick too", func() bool { return strings.Contains(c.inputs(), "Device both") })
	unplug()
	unplug = c.gadget("bare", "-vendor=0781", "-product=5567", "-storage=/root/small")
	if e := c.heard(since, wire.MediaRefused, wire.WhyUnknown, ""); e.Vendor != "0781" || e.Product != "5567" {
		c.t.Errorf("the event is %+v", e)
	}
	unplug()
	c.only(0, before, "of gadgets that are refused")

	// One without a number is known by its token.
	c.block(wire.Medium{Asset: "USB-0003", Loan: "LOAN-2026-0003", Vendor: "0781", Product: "5567", Token: "tok_bare", From: soon(-60), Until: soon(3600)})
	c.Write("/root/small", newSmall(c.t, "BARE", map[string]string{wire.TokenFile: c.office.token("tok_bare", "USB-0003")}), 0o600)
	unplug = c.gadget("known", "-vendor=0781", "-product=5567", "-storage=/root/small")
	c.mounted("BARE")
	if e := c.heard(since, wire.MediaAdmitted, "", ""); e.Asset != "USB-0003" || e.Token != "tok_bare" {
		c.t.Errorf("the event is %+v", e)
	}
	unplug()
	c.absent()
	c.Write("/root/small", newSmall(c.t, "ALIKE", nil), 0o600)
	c.unseen("ALIKE", func() {
		unplug = c.gadget("alike", "-vendor=0781", "-product=5567", "-storage=/root/small")
		c.heard(since, wire.MediaRefused, wire.WhyNoToken, "")
		c.absent()
	})
	unplug()
	c.block()
}

func (c *counter) phones() {
	shown := len(c.run("cat", "/root/shown"))
	since := c.office.said()
	unplug := c.gadget("android", "-vendor=18d1", "-product=4ee1", "-serial=SN-ANDROID", "-phone")
	if e := c.heard(since, wire.MediaRefused, wire.WhyPhone, "SN-ANDROID"); e.Class != "phone" {
		c.t.Errorf("the event is %+v", e)
	}
	if got := c.authorized("SN-ANDROID"); got != "0" {
		c.t.Errorf("a refused phone is authorized %q", got)
	}
	c.await("the person is told", func() bool { return len(c.run("cat", "/root/shown")) > shown+20 })
	told := slices.DeleteFunc(c.office.told(since), func(e wire.MediaEvent) bool { return e.Class != "phone" })
	unplug()
	if len(told) != 1 {
		c.t.Errorf("of one phone is told:\n%s", lines(told))
	}
	c.Plug("phone", "5", qemu.Phone{Folder: c.t.TempDir(), Name: "Phone", Serial: "SN-PHONE"})
	c.heard(since, wire.MediaRefused, wire.WhyPhone, "SN-PHONE")
	c.Unplug("phone")
}

func (c *counter) lent() {
	since := c.plug(c.good, "1")
	e := c.heard(since, wire.MediaAdmitted, "", c.good.serial)
	if e.Asset != c.loan.Asset || e.Loan != c.loan.Loan || e.Token != "tok_good" || e.Capacity != stickSize || e.Volume == "" {
		c.t.Errorf("the event is %+v", e)
	}
	at := c.mounted("GOOD")
	if got := c.run("cat", at+"/A.TXT"); got != "for the journey" {
		c.t.Errorf("on the stick is %q", got)
	}
	c.run("sh", "-c", "echo on the way >"+at+"/report.txt; umount "+at)
	c.Unplug(c.good.serial)
	c.heard(since, wire.MediaRemoved, whatever, c.good.serial)
	e = c.heard(since, wire.MediaWritten, "", c.good.serial)
	if !slices.ContainsFunc(e.Files, func(f wire.WrittenFile) bool {
		return strings.HasSuffix(f.Name, "report.txt") && f.Size == int64(len("on the way\n"))
	}) {
		c.t.Errorf("the event is %+v", e)
	}
	c.good.sound()
	if got := c.good.content("report.txt"); got != "on the way\n" {
		c.t.Errorf("the file is %q", got)
	}
}

func (c *counter) readOnly() {
	s := newStick(c.t, "SN-READ", "READ", map[string]string{wire.TokenFile: c.office.token("tok_read", "USB-0004"), "A.TXT": "only to be read"})
	m := s.allowed("USB-0004", "LOAN-2026-0004", "tok_read")
	m.ReadOnly = true
	c.block(m)
	since := c.plug(s, "1")
	c.heard(since, wire.MediaAdmitted, "", s.serial)
	at := c.mounted("READ")
	if got := c.run("cat", at+"/A.TXT"); got != "only to be read" {
		c.t.Errorf("on the stick is %q", got)
	}
	disk := "/dev/" + c.disks()[0].Name
	for _, try := range [][]string{
		{"sh", "-c", "echo x >" + at + "/new.txt"},
		{"mount", "-o", "remount,rw", at},
		{"dd", "if=/dev/zero", "of=" + disk, "count=1", "conv=fsync"},
	} {
		if c.works(try...) {
			c.t.Errorf("a stick that is lent for reading lets %v", try)
		}
	}
	c.Unplug(s.serial)
	s.sound()
	c.block()
}

// tokens are sticks that say that they are the one that is lent.
func (c *counter) tokens() {
	stranger, _ := newSigner(c.t) // of the same name
	forged, err := wire.SignMedium(wire.MediumToken{ID: "tok_good", Asset: c.loan.Asset}, stranger)
	if err != nil {
		c.t.Fatal(err)
	}
	for why, files := range map[string]map[string]string{
		wire.WhyNoToken:               {"A.TXT": "nothing of the company's"},
		wire.WhyBadToken:              {wire.TokenFile: forged},
		wire.WhyBadToken + " another": {wire.TokenFile: c.office.token("tok_other", "USB-0009")},
		wire.WhyBadToken + " torn":    {wire.TokenFile: c.office.token("tok_good", c.loan.Asset)[:40]},
		wire.WhyBadToken + " huge":    {wire.TokenFile: strings.Repeat(c.office.token("tok_good", c.loan.Asset), 1000)},
	} {
		why, _, _ = strings.Cut(why, " ")
		c.rejects(newStick(c.t, c.good.serial, "CHEAT", files), wire.MediaRefused, why)
	}
	// These would have a reader wait for ever, or read a file of the PC.
	name := func(dir string) string { return filepath.Join(dir, wire.TokenFile) }
	for _, trick := range []func(dir string) error{
		func(dir string) error { return unix.Mkfifo(name(dir), 0o644) },
		func(dir string) error { return os.Symlink("/var/lib/sekimori-agent/document", name(dir)) },
		func(dir string) error { return os.Mkdir(name(dir), 0o755) },
		func(dir string) error { return unix.Mknod(name(dir), unix.S_IFCHR|0o644, int(unix.Mkdev(1, 5))) }, // zeros without end
	} {
		c.rejects(newLinux(c.t, c.good.serial, "TRICK", trick), wire.MediaUnread, "")
	}
}

// twice are a stick and its copy, token and all.
func (c *counter) twice() {
	since := c.plug(c.good, "1")
	c.heard(since, wire.MediaAdmitted, "", c.good.serial)
	c.mounted("GOOD")
	c.unseen("COPY", func() {
		c.Plug("copy", "2", qemu.Stick{Image: newStick(c.t, "", "COPY", map[string]string{wire.TokenFile: c.office.token("tok_good", c.loan.Asset)}).image, Serial: c.good.serial})
		c.heard(since, wire.MediaRefused, wire.WhyTwice, c.good.serial)
	})
	if got := c.where("GOOD"); got == "" {
		c.t.Error("the stick that was first is taken away")
	}
	c.Unplug("copy")
	c.Unplug(c.good.serial)
	c.absent()
}

func (c *counter) times() {
	c.refuses(c.ended, wire.WhyOver)
	s := newStick(c.t, "SN-EARLY", "EARLY", map[string]string{wire.TokenFile: c.office.token("tok_early", "USB-0005")})
	m := s.allowed("USB-0005", "LOAN-2026-0005", "tok_early")
	m.From = soon(12)
	c.block(m)
	since := c.plug(s, "1")
	c.heard(since, wire.MediaRefused, wire.WhyEarly, s.serial)
	if len(c.disks()) > 0 {
		c.t.Error("a loan that has not begun gives a disk")
	}
	c.heard(since, wire.MediaAdmitted, "", s.serial) // it begins while the stick waits
	c.mounted("EARLY")
	c.block()
	c.heard(since, wire.MediaEnded, whatever, s.serial) // it is lent to somebody else now
	c.absent()
	c.Unplug(s.serial)
	s.sound()
}

// registering is the guard asked to take the next stick as ours.
func (c *counter) registering(asset, token string) {
	c.t.Helper()
	c.orders(wire.Media{Mode: wire.GuardBlock, Allowed: []wire.Medium{c.loan, c.late}, Register: &wire.Registration{
		ID: "reg_" + asset, Asset: asset, Token: c.office.token(token, asset), Until: soon(600)}})
}

func (c *counter) register() {
	s := newStick(c.t, "SN-NEW", "NEW", map[string]string{"before.txt": "was there before\n"})
	s.keepWrites()
	c.registering("USB-0005", "tok_first")
	c.heard(c.plug(s, "1"), wire.MediaRegistered, "", s.serial)
	c.absent()
	c.Unplug(s.serial)
	s.safeAfterEveryWrite(c.office.token("tok_first", "USB-0005"))
	s.keepWrites()
	c.registering("USB-0006", "tok_new")
	e := c.heard(c.plug(s, "1"), wire.MediaRegistered, "", s.serial)
	if e.Register != "reg_USB-0006" || e.Asset != "USB-0006" || e.Token != "tok_new" || e.Vendor != "46f4" || e.Capacity != stickSize {
		c.t.Errorf("the event is %+v", e)
	}
	c.absent() // it is ours, and lent to nobody
	c.Unplug(s.serial)
	s.sound()
	if got := s.content(wire.TokenFile); got != c.office.token("tok_new", "USB-0006") {
		c.t.Errorf("the token is %q", got)
	}
	s.safeAfterEveryWrite(c.office.token("tok_first", "USB-0005"), c.office.token("tok_new", "USB-0006"))
	c.refuses(c.private, wire.WhyUnknown) // one only, however long it is asked for
	c.block()
}

func (c *counter) killed() {
	since := c.plug(c.good, "1")
	c.heard(since, wire.MediaAdmitted, "", c.good.serial)
	at := c.mounted("GOOD")
	before, was := c.attached(), c.run("systemctl", "show", "--value", "--property=MainPID", "sekimori-agent")
	c.run("systemctl", "kill", "--signal=KILL", "sekimori-agent")
	c.Plug(c.private.serial, "2", c.private.device())
	c.await("the agent comes back", func() bool {
		now := c.run("systemctl", "show", "--value", "--property=MainPID", "sekimori-agent")
		return now != was && now != "0"
	})
	c.heard(since, wire.MediaRefused, wire.WhyUnknown, c.private.serial)
	c.only(0, before, "of a stick that came while there was no agent")
	if got := c.run("cat", at+"/A.TXT"); got != "for the journey" {
		c.t.Errorf("after the agent's end, on the stick is %q", got)
	}
	c.Unplug(c.private.serial)

	// What is held stays held without an agent.
	c.run("systemctl", "stop", "sekimori-agent")
	c.Plug(c.private.serial, "2", c.private.device())
	c.await("the kernel sees the stick", func() bool { return c.authorized(c.private.serial) != "" })
	since = c.office.said()
	c.run("systemctl", "start", "sekimori-agent")
	c.heard(since, wire.MediaRefused, wire.WhyUnknown, c.private.serial)
	c.only(0, before, "of a stick that came while the agent was stopped")
	c.Unplug(c.private.serial)
	c.Unplug(c.good.serial)
	c.absent()
}

func (c *counter) ends() {
	c.late.Until = soon(25)
	since := c.office.said()
	c.block()
	c.plug(c.ended, "1")
	at := c.mounted("ENDED")
	c.heard(since, wire.MediaEnding, whatever, c.ended.serial)
	c.run("sh", "-c", "echo done and synced >"+at+"/done.txt; sync -f "+at)
	c.run("systemd-run", "--quiet", "--unit=writer", "sh", "-c", "while test -e "+at+"/done.txt; do dd if=/dev/zero of="+at+"/big bs=64k count=64; done")
	c.heard(since, wire.MediaEnded, whatever, c.ended.serial)
	c.absent()
	c.await("the writer's end", func() bool { return !c.works("systemctl", "is-active", "--quiet", "writer") })
	c.Unplug(c.ended.serial)
	c.ended.sound()
	if got := c.ended.content("done.txt"); got != "done and synced\n" {
		c.t.Errorf("the file is %q", got)
	}
	c.refuses(c.ended, wire.WhyOver)
}

// offline is without the server, which hears of everything afterwards.
func (c *counter) offline() {
	since := c.office.said()
	before := c.attached()
	c.Cable(false)
	c.plug(c.good, "1")
	c.mounted("GOOD")

	c.shift("1 year")
	c.Plug(c.private.serial, "2", c.private.device())
	c.Plug("keys", "4", qemu.Keyboard{})
	c.await("the guard has looked, and let a keyboard live", func() bool { return strings.Contains(c.inputs(), "QEMU USB Keyboard") })
	if c.where("GOOD") == "" {
		c.t.Error("a clock that is set on ends a loan")
	}
	c.Unplug("keys")
	c.Unplug(c.good.serial)
	c.absent()
	c.shift("-2 years")
	c.run("systemctl", "kill", "--signal=KILL", "sekimori-agent") // it knows no server's time any more
	c.plug(c.ended, "1")
	c.plug(c.good, "3")
	c.mounted("GOOD")
	c.only(2, before, "of the good one that was plugged in twice, with clocks that lie")
	c.shift("1 year")
	c.Unplug(c.ended.serial)
	c.Cable(true)
	c.heard(since, wire.MediaRefused, wire.WhyUnknown, c.private.serial)
	c.heard(since, wire.MediaRefused, wire.WhyOver, c.ended.serial)
	c.Unplug(c.private.serial)
	c.Unplug(c.good.serial)
	c.absent()
}

// shift sets the PC's clock.
func (c *counter) shift(by string) {
	c.t.Helper()
	c.run("date", "--set="+by)
}

// powerCut leaves everything in its socket.
func (c *counter) powerCut() {
	s := newStick(c.t, "SN-CUT", "CUT", nil)
	c.registering("USB-0007", "tok_cut")
	c.plug(c.good, "1")
	c.mounted("GOOD")
	c.plug(c.ended, "2")
	since := c.plug(s, "3")
	for deadline := time.Now().Add(patience); !s.lists("SEKIMO~1"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatal("no token is written")
		}
	}
	c.CutPower()
	s.safe()
	again := c.office.said()
	c.PowerOn()
	c.mounted("GOOD")
	c.heard(again, wire.MediaRefused, wire.WhyOver, c.ended.serial)
	c.heard(since, wire.MediaRegistered, "", s.serial)
	c.cardHeld(again)
	if strings.Contains(c.run("dmesg"), "mmcblk0") {
		c.t.Error("the card became a disk before it was refused")
	}
	if n := c.attached(); n > 2 {
		c.t.Errorf("%d disks came since the power is back, besides those of the loan and of the registration", n-2)
	}
	for _, s := range []*stick{s, c.ended, c.good} {
		c.Unplug(s.serial)
		s.sound()
	}
	if got := s.content(wire.TokenFile); got != c.office.token("tok_cut", "USB-0007") {
		c.t.Errorf("the token is %q", got)
	}
}

// off is a company that has thought better of it.
func (c *counter) off() {
	s := newStick(c.t, "SN-STILL", "STILL", map[string]string{wire.TokenFile: c.office.token("tok_still", "USB-0008")})
	m := s.allowed("USB-0008", "LOAN-2026-0008", "tok_still")
	m.ReadOnly = true
	c.block(m)
	c.plug(s, "2")
	at := c.mounted("STILL")
	c.orders(wire.Media{Mode: wire.GuardOff})
	c.await("what was lent for reading can be written to", func() bool { return c.works("mount", "-o", "remount,rw", at) })
	c.run("sh", "-c", "echo new >"+at+"/new.txt; umount "+at)
	c.Unplug(s.serial)
	s.sound()
	c.await("the card is a disk again", func() bool { return c.works("test", "-e", "/dev/mmcblk0") })
	since := c.plug(c.private, "1")
	c.mounted("PRIVATE")
	for _, e := range c.office.told(since) {
		if e.Serial == c.private.serial { // what was pulled before may still be told
			c.t.Errorf("a guard that is off tells of %+v", e)
		}
	}
}
