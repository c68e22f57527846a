package vm

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sekimori/internal/kit/wire"
	"sekimori/internal/testkit/manager"
	"sekimori/internal/testkit/netns"
	"sekimori/internal/testkit/qemu"
)

// lender is a machine with sockets, the agent on it, a person before it, and the office
// that says which media work there.
type lender struct {
	*qemu.Machine
	t      *testing.T
	office *office
	card   string // its image: it is in the reader all the time
}

// desktopUnit is what mounts whatever the person plugs in.
const desktopUnit = `[Unit]
Description=Mounts what is plugged in
After=udisks2.service
Requires=udisks2.service
[Service]
ExecStart=/usr/local/bin/desktop
Restart=always
[Install]
WantedBy=multi-user.target
`

// personUnit keeps somebody signed in, and what is shown to them.
const personUnit = `[Unit]
Description=Somebody at the PC
After=systemd-user-sessions.service
[Service]
ExecStart=/bin/sh -c 'sleep infinity | script --quiet --flush --append --command "login -f person" /root/shown'
[Install]
WantedBy=multi-user.target
`

// newLender boots the machine, with nothing but what it is given.
func newLender(t *testing.T) *lender {
	t.Helper()
	qemu.Need(t) // before anything is built
	needTools(t)
	space := netns.New(t)
	space.Tap("pc", prefix(servers[0], 24))
	l := &lender{t: t, office: newOffice(t, space, netip.AddrPortFrom(netip.MustParseAddr(servers[0]), serverPort))}
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	l.card = newStick(t, "", "CARD", map[string]string{"PHOTO.TXT": "a cat"}).image
	l.Machine = qemu.Boot(t, qemu.Options{Space: space, Tap: "pc", USB: true, Card: l.card, Files: []qemu.File{
		{From: manager.Build(t, "sekimori/cmd/sekimori-agent"), To: "/usr/local/bin/sekimori-agent", Mode: 0o755},
		{From: manager.Build(t, "sekimori/test/vm/gadget"), To: "/usr/local/bin/gadget", Mode: 0o755},
		{From: manager.Build(t, "sekimori/test/vm/desktop"), To: "/usr/local/bin/desktop", Mode: 0o755},
		{From: l.office.ca, To: "/root/ca.pem", Mode: 0o644},
		{From: file("hosts", "127.0.0.1 localhost persons-pc\n"+servers[0]+" "+officeName+"\n"), To: "/etc/hosts", Mode: 0o644},
		{From: file("pc.network", network), To: "/etc/systemd/network/pc.network", Mode: 0o644},
		{From: file("desktop.service", desktopUnit), To: "/etc/systemd/system/desktop.service", Mode: 0o644},
		{From: file("person.service", personUnit), To: "/etc/systemd/system/person.service", Mode: 0o644},
	}})
	return l
}

// run runs a program inside; it must succeed.
func (l *lender) run(args ...string) string {
	l.t.Helper()
	out, err := l.Run(l.t.Context(), args...)
	if err != nil {
		l.t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(out)
}

// works reports whether a program inside succeeds.
func (l *lender) works(args ...string) bool {
	_, err := l.Run(l.t.Context(), args...)
	return err == nil
}

func (l *lender) await(what string, so func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			journal, err := l.Run(l.t.Context(), "journalctl", "--no-pager", "--lines=40", "--output=cat", "--unit=sekimori-agent", "--unit=desktop")
			l.t.Fatalf("this never came: %s\ndisks %+v\n%s\n%s%v\n%s", what, l.disks(), lines(l.office.told(0)), journal, err, l.kernel())
		}
	}
}

// lines is what was told, to be looked at.
func lines(events []wire.MediaEvent) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s %s %s %s %q %s\n", e.At.Time().Format(time.TimeOnly), e.What, e.Why, e.Class, e.Serial, e.Detail)
	}
	return b.String()
}

// whatever stands for any reason.
const whatever = "*"

// heard waits for an event that the PC tells after since.
func (l *lender) heard(since int, what, why, serial string) wire.MediaEvent {
	l.t.Helper()
	var found wire.MediaEvent
	l.await(fmt.Sprintf("the event %s %s of %q", what, why, serial), func() bool {
		i := slices.IndexFunc(l.office.told(since), func(e wire.MediaEvent) bool {
			return e.What == what && (e.Why == why || why == whatever) && e.Serial == serial
		})
		if i >= 0 {
			found = l.office.told(since)[i]
		}
		return i >= 0
	})
	if late := time.Since(found.At.Time()); late < -patience || late > 2*patience {
		l.t.Errorf("%+v is told to have happened %v ago", found, late)
	}
	return found
}

// disk is what lsblk says of one.
type disk struct {
	Name, Serial, Label, Mountpoint string
	RO                              bool
	Children                        []disk
}

// disks are those in sockets.
func (l *lender) disks() []disk {
	l.t.Helper()
	var out struct{ Blockdevices []disk }
	said := l.run("lsblk", "--json", "--output=NAME,SERIAL,LABEL,RO,MOUNTPOINT")
	if err := json.Unmarshal([]byte(said), &out); err != nil {
		l.t.Fatalf("lsblk says %q: %v", said, err)
	}
	return slices.DeleteFunc(out.Blockdevices, func(d disk) bool { return !strings.HasPrefix(d.Name, "sd") })
}

// mounted waits until the desktop has mounted the one file system of this label, and
// returns where.
func (l *lender) mounted(label string) string {
	l.t.Helper()
	at := ""
	l.await("the desktop has mounted "+label, func() bool { at = l.where(label); return at != "" })
	return at
}

// where is the mount point of a label; "" for none.
func (l *lender) where(label string) string {
	for _, d := range l.disks() {
		for _, d := range append(d.Children, d) {
			if d.Label == label && d.Mountpoint != "" {
				return d.Mountpoint
			}
		}
	}
	return ""
}

// attached counts the disks that the kernel has had since the boot.
func (l *lender) attached() int {
	l.t.Helper()
	return strings.Count(l.run("dmesg"), "] Attached SCSI")
}

// only checks that no more than n disks came since there were before so many.
func (l *lender) only(n, before int, during string) {
	l.t.Helper()
	if got := l.attached() - before; got != n {
		l.t.Errorf("%s, %d disks came, want %d\n%s", during, got, n, l.kernel())
	}
}

// kernel is what the kernel says of media, to be looked at.
func (l *lender) kernel() string {
	l.t.Helper()
	return l.run("sh", "-c", "dmesg | grep -E 'usb|sd |scsi|mmc|FAT' | tail -n 60")
}

// absent waits until no disk is there.
func (l *lender) absent() {
	l.t.Helper()
	l.await("all disks are gone", func() bool { return len(l.disks()) == 0 })
}

// plug plugs a stick into a socket under its serial number, and returns how much was
// told before.
func (l *lender) plug(s *stick, socket string) (since int) {
	l.t.Helper()
	since = l.office.said()
	l.Plug(s.serial, socket, s.device())
	return since
}

// refuses plugs a stick in, and waits for the event. It never becomes a disk: that is
// why no more than its descriptors could be read.
func (l *lender) refuses(s *stick, why string) {
	l.t.Helper()
	before := l.attached()
	l.heard(l.plug(s, "7"), wire.MediaRefused, why, s.serial)
	l.only(0, before, "of the refused stick "+s.serial)
	l.Unplug(s.serial)
}

// rejects plugs a stick in that must be looked at before it can be held, which is told as
// what: it is a disk for that moment, and nobody may mount it.
func (l *lender) rejects(s *stick, what, why string) {
	l.t.Helper()
	l.unseen(s.label, func() { l.heard(l.plug(s, "7"), what, why, s.serial); l.absent() })
	l.Unplug(s.serial)
}

// unseen checks that the desktop mounts nothing of this label while something happens.
func (l *lender) unseen(label string, while func()) {
	l.t.Helper()
	mounts := func() int {
		return strings.Count(l.run("journalctl", "--unit=desktop", "--output=cat", "--no-pager"), "/media/root/"+label)
	}
	before := mounts()
	while()
	if mounts() != before {
		l.t.Errorf("the desktop has mounted %s", label)
	}
}

// gadget plugs a device in that QEMU does not have, and returns what takes it out.
func (l *lender) gadget(name string, args ...string) (unplug func()) {
	l.t.Helper()
	l.run(append([]string{"systemd-run", "--quiet", "--unit=gadget-" + name, "gadget", "-name=" + name}, args...)...)
	l.await("the gadget "+name+" is plugged in", func() bool {
		return l.works("grep", "--quiet", ".", "/sys/kernel/config/usb_gadget/"+name+"/UDC")
	})
	return func() { l.t.Helper(); l.run("systemctl", "stop", "gadget-"+name) }
}

// orders has the office order something, and waits until the PC has it.
func (l *lender) orders(m wire.Media) {
	l.t.Helper()
	version := l.office.media(m)
	l.await(fmt.Sprintf("version %d of what the office orders", version), func() bool {
		return l.works("grep", "--quiet", fmt.Sprintf(`"version":%d}`, version), "/var/lib/sekimori-agent/document")
	})
	l.await("the mode "+string(m.Mode), func() bool { return l.office.guard().Mode == m.Mode })
}

// token is the text of the file by which a medium is known.
func (o *office) token(id, asset string) string {
	o.t.Helper()
	text, err := wire.SignMedium(wire.MediumToken{ID: id, Asset: asset}, o.signer)
	if err != nil {
		o.t.Fatal(err)
	}
	return text
}

// soon is a time some seconds from now.
func soon(seconds int) wire.Micros {
	return wire.MicrosOf(time.Now().Add(time.Duration(seconds) * time.Second))
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
