package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tree is a made-up /sys with a root hub, whose attributes are plain files.
type tree struct {
	t   testing.TB
	dir string
	h   *linux
}

func newTree(t testing.TB) *tree {
	t.Helper()
	x := &tree{t: t, dir: t.TempDir()}
	x.h = New(Options{Root: x.dir, Sysfs: filepath.Join(x.dir, "sys"), Proc: filepath.Join(x.dir, "proc")}).(*linux)
	x.set("proc/1/mountinfo", "")
	x.set("sys/bus/usb/drivers_probe", "")
	x.set("sys/module/usbcore/parameters/authorized_default", "-1")
	x.set("sys/bus/mmc/drivers_autoprobe", "1")
	x.set("sys/devices/usb3/authorized_default", "1")
	x.set("sys/devices/usb3/interface_authorized_default", "1")
	x.link("sys/devices/usb3", "sys/bus/usb/devices/usb3")
	return x
}

func (x *tree) set(name, text string) {
	x.t.Helper()
	name = filepath.Join(x.dir, name)
	must(x.t, os.MkdirAll(filepath.Dir(name), 0o755))
	must(x.t, os.WriteFile(name, []byte(text+"\n"), 0o600))
}

func (x *tree) get(name string) string {
	x.t.Helper()
	b, err := os.ReadFile(filepath.Join(x.dir, name))
	must(x.t, err)
	return strings.TrimSpace(string(b))
}

func (x *tree) link(to, name string) {
	x.t.Helper()
	name = filepath.Join(x.dir, name)
	must(x.t, os.MkdirAll(filepath.Dir(name), 0o755))
	must(x.t, os.Symlink(filepath.Join(x.dir, to), name))
}

// plug makes a device; its interfaces show once somebody says so with configure.
func (x *tree) plug(path string, raw []byte, serial string) {
	x.t.Helper()
	at := "sys/devices/usb3/" + path
	x.set(at+"/busnum", "3")
	x.set(at+"/devnum", fmt.Sprint(len(path)+len(raw)))
	x.set(at+"/idVendor", fmt.Sprintf("%04x", binary.LittleEndian.Uint16(raw[8:])))
	x.set(at+"/idProduct", fmt.Sprintf("%04x", binary.LittleEndian.Uint16(raw[10:])))
	x.set(at+"/bDeviceClass", fmt.Sprintf("%02x", raw[4]))
	x.set(at+"/authorized", "0")
	x.set(at+"/serial", serial)
	x.set(at+"/product", "Cruzer")
	must(x.t, os.WriteFile(filepath.Join(x.dir, at, "descriptors"), raw, 0o600))
	x.link(at, "sys/bus/usb/devices/"+path)
}

func (x *tree) configure(path string, fns ...fn) {
	x.t.Helper()
	x.set("sys/devices/usb3/"+path+"/bConfigurationValue", "1")
	for _, f := range fns {
		name := fmt.Sprintf("%s:1.%d", path, f[0])
		at := "sys/devices/usb3/" + path + "/" + name
		x.set(at+"/bInterfaceClass", fmt.Sprintf("%02x", f[2]))
		x.set(at+"/bInterfaceSubClass", fmt.Sprintf("%02x", f[3]))
		x.set(at+"/bInterfaceProtocol", fmt.Sprintf("%02x", f[4]))
		x.set(at+"/authorized", "0")
		x.link(at, "sys/bus/usb/devices/"+name)
	}
}

func (x *tree) usb() []USBDevice {
	x.t.Helper()
	all, err := x.h.USB(x.t.Context())
	must(x.t, err)
	return all
}

func TestHoldAndRelease(t *testing.T) {
	t.Parallel()
	x, ctx := newTree(t), t.Context()
	must(t, x.h.HoldUSB(ctx, true))
	must(t, x.h.HoldUSB(ctx, true))
	where := []string{"sys/module/usbcore/parameters/authorized_default", "sys/bus/mmc/drivers_autoprobe",
		"sys/devices/usb3/authorized_default", "sys/devices/usb3/interface_authorized_default"}
	for _, name := range where {
		if got := x.get(name); !strings.HasPrefix(got, "0") {
			t.Errorf("%s is %s", name, got)
		}
	}
	// A dock brings another controller.
	x.set("sys/devices/usb4/authorized_default", "1")
	x.link("sys/devices/usb4", "sys/bus/usb/devices/usb4")
	must(t, x.h.HoldUSB(ctx, true))
	if got := x.get("sys/devices/usb4/authorized_default"); got != "0" {
		t.Errorf("the new controller's default is %s", got)
	}
	// Another process takes it back.
	again := New(x.h.o).(*linux)
	must(t, again.HoldUSB(ctx, false))
	must(t, again.HoldUSB(ctx, false))
	for i, name := range append(where, "sys/devices/usb4/authorized_default") {
		want := "1"
		if i == 0 {
			want = "-1"
		}
		if got := x.get(name); got != want {
			t.Errorf("%s is %s, not %s", name, got, want)
		}
	}
	if _, err := os.Stat(filepath.Join(x.dir, "run/sekimori/media")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("udev still hides: %v", err)
	}
	empty := New(Options{Root: t.TempDir(), Sysfs: t.TempDir(), Proc: t.TempDir()}).(*linux)
	if err := empty.HoldUSB(ctx, true); !errors.Is(err, ErrUnsupported) {
		t.Errorf("without USB: %v", err)
	}
}

func TestListUSB(t *testing.T) {
	t.Parallel()
	x := newTree(t)
	stick := descriptors(0x0781, 0x5567, 0, fn{0, 0, 8, 6, 0x50})
	x.plug("3-1", stick, "SN-0001")
	x.plug("3-2", descriptors(0x1d6b, 2, 9, fn{0, 0, 9, 0, 0}), "")
	x.plug("3-2.1", descriptors(0x18d1, 0x4ee1, 0, fn{0, 0, 0xff, 0xff, 0}), "")
	x.plug("3-3", stick[:len(stick)-4], "broken\x1b[31m")
	x.set("sys/bus/mmc/devices/mmc0:aaaa/type", "SD")
	x.set("sys/bus/mmc/devices/mmc0:aaaa/cid", "0353445341")
	x.set("sys/bus/mmc/devices/mmc1:0001/type", "MMC")
	all := x.usb()
	var names []string
	for _, d := range all {
		names = append(names, d.Path)
	}
	if !slices.Equal(names, []string{"3-1", "3-2", "3-2.1", "3-3", "mmc0:aaaa"}) {
		t.Fatalf("%v", names)
	}
	d := all[0]
	if d.Serial != "SN-0001" || d.Vendor != 0x0781 || d.Authorized || d.Hub || d.Malformed != "" || len(d.Interfaces) != 1 || d.Plug == "" {
		t.Errorf("%+v", d)
	}
	if !all[1].Hub || all[3].Malformed == "" || strings.Contains(all[3].Serial, "\x1b") || !all[4].Card || all[4].Authorized {
		t.Errorf("%+v", all[1:])
	}
	// The name of an interface is known once the device is configured.
	must(t, x.h.Admit(t.Context(), "3-2.1", []int{}))
	x.configure("3-2.1", fn{0, 0, 0xff, 0xff, 0}, fn{1, 0, 8, 6, 0x50}) // the kernel sees another one too
	x.set("sys/devices/usb3/3-2.1/3-2.1:1.0/interface", "MTP")
	d = x.usb()[2]
	if !d.Authorized || d.Interfaces[0].Name != "MTP" || d.Interfaces[0].Authorized || len(d.Interfaces) != 2 || d.Interfaces[1].Class != 8 {
		t.Errorf("%+v", d)
	}
}

func TestAdmitAndRefuseInterfaces(t *testing.T) {
	t.Parallel()
	x, ctx := newTree(t), t.Context()
	both := []fn{{0, 0, 8, 6, 0x50}, {1, 0, 3, 1, 1}}
	x.plug("3-1", descriptors(1, 2, 0, both...), "")
	x.configure("3-1", both...)
	must(t, x.h.Admit(ctx, "3-1", []int{1}))
	for name, want := range map[string]string{"authorized": "1", "3-1:1.0/authorized": "0", "3-1:1.1/authorized": "1"} {
		if got := x.get("sys/devices/usb3/3-1/" + name); got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
	if x.get("sys/devices/usb3/interface_authorized_default") != "0" {
		t.Error("interfaces come with the device")
	}
	if got := x.get("sys/bus/usb/drivers_probe"); got != "3-1:1.1" {
		t.Errorf("drivers are sought for %q", got)
	}
	must(t, x.h.Admit(ctx, "3-1", nil))
	must(t, x.h.Refuse(ctx, "3-1", []int{0}))
	if x.get("sys/devices/usb3/3-1/3-1:1.0/authorized") != "0" || x.get("sys/devices/usb3/3-1/3-1:1.1/authorized") != "1" {
		t.Error("not the storage alone was refused")
	}
	must(t, x.h.Refuse(ctx, "3-1", nil))
	if x.get("sys/devices/usb3/3-1/authorized") != "0" {
		t.Error("the device is in use")
	}
	for _, path := range []string{"usb3", "../3-1", "3-1:1.0"} {
		if err := errors.Join(x.h.Admit(ctx, path, nil)); err == nil {
			t.Errorf("%s was admitted", path)
		}
		if err := x.h.Refuse(ctx, path, nil); err == nil {
			t.Errorf("%s was refused", path)
		}
	}
	if err := x.h.Admit(ctx, "3-9", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a device that is gone: %v", err)
	}
}

// TestTheSystemsDiskIsLeftAlone: a PC that was started from a USB disk.
func TestTheSystemsDiskIsLeftAlone(t *testing.T) {
	t.Parallel()
	x := newTree(t)
	x.plug("3-1", descriptors(1, 2, 0, fn{0, 0, 8, 6, 0x50}), "")
	disk := "sys/devices/usb3/3-1/3-1:1.0/host0/block/sda"
	x.set(disk+"/sda1/partition", "1")
	x.link(disk+"/sda1", "sys/devices/virtual/block/dm-0/slaves/sda1")
	x.link("sys/devices/virtual/block/dm-0", "sys/dev/block/254:0")
	x.set("proc/1/mountinfo", "1 0 254:0 / / rw - ext4 /dev/mapper/root rw")
	if d := x.usb()[0]; !d.System {
		t.Errorf("%+v", d)
	}
	if err := x.h.Refuse(t.Context(), "3-1", nil); !errors.Is(err, ErrSystemDisk) {
		t.Errorf("refused: %v", err)
	}
	if _, err := x.h.Eject(t.Context(), "3-1", nil); !errors.Is(err, ErrSystemDisk) {
		t.Errorf("ejected: %v", err)
	}
}

func TestOfferedNamesDoNotOutliveTheirDisk(t *testing.T) {
	t.Parallel()
	x := newTree(t)
	x.set("run/sekimori/media/sda", "")
	x.set("run/sekimori/media/sdb", "")
	x.set("sys/class/block/sdb/dev", "8:16")
	x.usb()
	if _, err := os.Stat(filepath.Join(x.dir, "run/sekimori/media/sda")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the next disk of that name would be offered: %v", err)
	}
	x.get("run/sekimori/media/sdb")
}

// TestUeventsReachTheWatch: the kernel's messages, in a network namespace of the test's own;
// what any other process sends to the same group counts nothing. The kernel's messages
// about this machine's own disks come there too: the test looks for its own.
func TestUeventsReachTheWatch(t *testing.T) {
	t.Parallel()
	heard, done, ready := make(chan string, 1000), make(chan error, 1), make(chan func(kernel bool, name string) error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		runtime.LockOSThread() // and never unlocked: the namespace goes with its thread
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		var socks [2]int
		for i := range socks {
			fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
			if err == nil {
				err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
			}
			if err != nil {
				done <- err
				return
			}
			defer unix.Close(fd)
			socks[i] = fd
		}
		ready <- func(kernel bool, name string) error {
			msg := "add@" + name + "\x00ACTION=add\x00DEVPATH=" + name + "\x00SUBSYSTEM=usb\x00DEVTYPE=usb_device\x00"
			if !kernel {
				return unix.Sendto(socks[1], []byte(msg), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelEvents})
			}
			head := make([]byte, 16)
			binary.NativeEndian.PutUint32(head, uint32(16+len(msg)))
			binary.NativeEndian.PutUint16(head[4:], 16)
			binary.NativeEndian.PutUint16(head[6:], unix.NLM_F_REQUEST)
			return unix.Sendto(socks[0], append(head, msg...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		}
		done <- watchKernel(ctx, func(u uevent) {
			if u == (uevent{}) || strings.HasPrefix(u.path, "/made/up/") && u.ofMedia() {
				heard <- u.path
			}
		})
	}()
	var send func(bool, string) error
	select {
	case send = <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	next := func() string {
		select {
		case path := <-heard:
			return path
		case <-time.After(patience):
			t.Fatal("nothing is heard")
			return ""
		}
	}
	if path := next(); path != "" {
		t.Errorf("%q before the first look", path)
	}
	must(t, send(false, "/made/up/forged"))
	must(t, send(true, "/made/up/2-1")) // they come in order: the one before it would be heard first
	if path := next(); path != "/made/up/2-1" {
		t.Errorf("%q is heard", path)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestWatchUSBBeginsWithALook: what came before the socket was there.
func TestWatchUSBBeginsWithALook(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	if err := newTree(t).h.WatchUSB(ctx, cancel); err != nil || ctx.Err() == nil {
		t.Errorf("%v, looked %v", err, ctx.Err() != nil)
	}
}

// TestADiskWhereNoClassSpeaksOfOne: usb-storage takes some devices by vendor and product.
func TestADiskWhereNoClassSpeaksOfOne(t *testing.T) {
	t.Parallel()
	x := newTree(t)
	keys := []fn{{0, 0, 3, 1, 1}, {1, 0, 3, 0, 0}}
	x.plug("3-1", descriptors(0x0584, 8, 0, keys...), "")
	x.configure("3-1", keys...)
	must(t, x.h.Admit(t.Context(), "3-1", nil))
	disks := func() (out []int) {
		for _, i := range x.usb()[0].Interfaces {
			if i.Disk {
				out = append(out, i.Number)
			}
		}
		return out
	}
	if got := disks(); len(got) != 0 {
		t.Errorf("%v before there is one", got)
	}
	x.set("sys/devices/usb3/3-1/3-1:1.1/host0/target0:0:0/0:0:0:0/block/sda/size", "1")
	x.link("sys/devices/usb3/3-1/3-1:1.1/host0/target0:0:0/0:0:0:0/block/sda", "sys/block/sda")
	if got := disks(); !slices.Equal(got, []int{1}) {
		t.Errorf("%v", got)
	}
	must(t, os.Remove(filepath.Join(x.dir, "sys/block/sda")))
	if got := disks(); len(got) != 0 {
		t.Errorf("%v after it went", got)
	}
}

// TestAnInterfaceOpenedByOthers is seen, although devices are not read again and again.
func TestAnInterfaceOpenedByOthers(t *testing.T) {
	t.Parallel()
	x := newTree(t)
	both := []fn{{0, 0, 8, 6, 0x50}, {1, 0, 3, 1, 1}}
	x.plug("3-1", descriptors(1, 2, 0, both...), "")
	x.configure("3-1", both...)
	must(t, x.h.Admit(t.Context(), "3-1", []int{1}))
	if i := x.usb()[0].Interfaces[0]; i.Authorized {
		t.Errorf("%+v", i)
	}
	x.set("sys/devices/usb3/3-1/3-1:1.0/authorized", "1")
	if i := x.usb()[0].Interfaces[0]; !i.Authorized {
		t.Errorf("%+v", i)
	}
}

// TestReleasedDisksAreShown: what udev has hidden from desktops is looked at again.
func TestReleasedDisksAreShown(t *testing.T) {
	t.Parallel()
	x := newTree(t)
	at := "sys/devices/usb3/3-1/3-1:1.0/host0/block/sda"
	x.set(at+"/uevent", "")
	x.set(at+"/sda1/uevent", "")
	x.set(at+"/sda1/partition", "1")
	x.set("sys/devices/pci/nvme0n1/uevent", "")
	x.link(at, "sys/block/sda")
	x.link(at, "sys/class/block/sda")
	x.link(at+"/sda1", "sys/class/block/sda1")
	x.link("sys/devices/pci/nvme0n1", "sys/block/nvme0n1")
	x.link("sys/devices/pci/nvme0n1", "sys/class/block/nvme0n1")
	must(t, x.h.HoldUSB(t.Context(), true))
	must(t, x.h.HoldUSB(t.Context(), false))
	for name, want := range map[string]string{at: "change", at + "/sda1": "change", "sys/devices/pci/nvme0n1": ""} {
		if got := x.get(name + "/uevent"); got != want {
			t.Errorf("%s hears %q", name, got)
		}
	}
}

// BenchmarkListUSB: what is looked at between a uevent and the decision, on a PC with thirty
// devices.
func BenchmarkListUSB(b *testing.B) {
	x := newTree(b)
	for i := range 30 {
		path := fmt.Sprintf("3-%d", i+1)
		x.plug(path, descriptors(1, 2, 0, fn{0, 0, 3, 1, 1}, fn{1, 0, 3, 0, 0}), "")
		x.configure(path, fn{0, 0, 3, 1, 1}, fn{1, 0, 3, 0, 0})
		must(b, x.h.Admit(b.Context(), path, nil))
	}
	for b.Loop() {
		if _, err := x.h.USB(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
