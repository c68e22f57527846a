package qemu_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sekimori/internal/testkit/netns"
	"sekimori/internal/testkit/qemu"
)

func TestMachine(t *testing.T) {
	t.Parallel()
	s := netns.New(t)
	s.Tap("pc", netip.MustParsePrefix("192.0.2.1/24"))
	given := filepath.Join(t.TempDir(), "given")
	if err := os.WriteFile(given, []byte("from outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := qemu.Boot(t, qemu.Options{Space: s, Tap: "pc", USB: true, Files: []qemu.File{{From: given, To: "/srv/new/given", Mode: 0o640}}})
	run := func(args ...string) string {
		t.Helper()
		out, err := m.Run(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	if got := run("stat", "--format=%a %U %s", "/srv/new/given"); got != "640 root 12" {
		t.Errorf("the file that was given is %q", got)
	}
	if got := run("uname", "-r"); !strings.HasSuffix(got, "amd64") {
		t.Errorf("the kernel is %q", got)
	}
	if _, err := m.Run(t.Context(), "ls", "/nowhere"); err == nil || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("the complaint of a failed program is not told: %v", err)
	}

	// Frames are seen on this side of the cable.
	c := s.Capture("pc")
	card := strings.TrimSpace(run("ls", "/sys/class/net", "--ignore=lo"))
	run("ip", "address", "add", "192.0.2.9/24", "dev", card)
	run("ip", "link", "set", card, "up")
	run("ip", "neighbour", "replace", "192.0.2.77", "lladdr", "02:00:00:00:00:77", "dev", card)
	run("bash", "-c", "echo -n lost-and-found >/dev/udp/192.0.2.77/9")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var all strings.Builder
		for _, f := range c.Frames(0) {
			all.Write(f.Data)
		}
		if strings.Contains(all.String(), "lost-and-found") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("what the machine sent was not seen")
		}
	}

	// What is in a socket is seen, and what was written to it is there afterwards.
	image := filepath.Join(t.TempDir(), "stick")
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := func(file string) func() bool {
		return func() bool { _, err := m.Run(t.Context(), "ls", file); return err == nil }
	}
	m.Plug("keys", "1", qemu.Keyboard{})
	m.Plug("hub", "2", qemu.Hub{})
	m.Plug("stick", "2.1", qemu.Stick{Image: image, Serial: "SN-1"})
	await(t, "the stick", seen("/dev/sda"))
	run("dd", "if=/srv/new/given", "of=/dev/sda", "conv=fsync")
	m.Unplug("stick")
	await(t, "the stick's end", func() bool { return !seen("/dev/sda")() })
	if got, err := os.ReadFile(image); err != nil || !strings.HasPrefix(string(got), "from outside") {
		t.Errorf("on the stick is %.20q, %v", got, err)
	}
	m.Plug("phone", "3", qemu.Phone{Folder: t.TempDir(), Name: "Phone"})
	m.Plug("disk", "4", qemu.Stick{Image: image, Serial: "SN-2", UAS: true})
	await(t, "the disk", seen("/dev/sda"))
	if got := run("sh", "-c", "cat /sys/bus/usb/devices/*/serial"); !strings.Contains(got, "SN-2") {
		t.Errorf("the serial numbers are %q", got)
	}
	if got := run("sh", "-c", "cat /sys/bus/usb/devices/*:*/bInterfaceClass"); !strings.Contains(got, "06") || !strings.Contains(got, "03") {
		t.Errorf("the interface classes are %q", got)
	}

	// A power cut loses what was not synced, and takes nothing out of its socket.
	m.Write("/srv/synced", "x", 0o600)
	run("bash", "-c", "echo -n y >/srv/unsynced")
	m.CutPower()
	m.PowerOn()
	if got := run("ls", "/srv"); got != "new\nsynced" {
		t.Errorf("after a power cut there is %q", got)
	}
	await(t, "the disk after a power cut", seen("/dev/sda"))
}

func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("this never came: %s", what)
		}
	}
}
