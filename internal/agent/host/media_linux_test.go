package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sekimori/internal/kit/wire"
)

// stick is a real file system on a loop device, which the made-up /sys shows as the disk of
// a USB device.
type stick struct {
	*tree
	disk Disk
	name string // loop3
}

const stickPath = "3-1"

func newStick(t *testing.T) *stick {
	t.Helper()
	x := newTree(t)
	image := filepath.Join(x.dir, "image")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 16<<20))
	if out, err := exec.Command("mke2fs", "-q", "-t", "ext4", "-L", "STICK", image).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := &stick{tree: x, name: loop(t, image)}
	x.plug(stickPath, descriptors(0x0781, 0x5567, 0, fn{0, 0, 8, 6, 0x50}), "SN-0001")
	at := "sys/devices/usb3/3-1/3-1:1.0/host0/block/" + s.name
	dev, err := os.ReadFile("/sys/block/" + s.name + "/dev")
	must(t, err)
	x.set(at+"/dev", strings.TrimSpace(string(dev)))
	x.set(at+"/size", fmt.Sprint(16<<20/512))
	x.set(at+"/ro", "0")
	x.set(at+"/uevent", "")
	x.link(at, "sys/block/"+s.name)
	x.link(at, "sys/class/block/"+s.name)
	must(t, os.Symlink("/dev", filepath.Join(x.dir, "dev")))
	// This process stands for the first one.
	must(t, os.RemoveAll(filepath.Join(x.dir, "proc")))
	must(t, os.Mkdir(filepath.Join(x.dir, "proc"), 0o755))
	must(t, os.Symlink("/proc/self", filepath.Join(x.dir, "proc/1")))
	s.disk = s.disks()[0]
	return s
}

// loop attaches a file to a free loop device.
func loop(t *testing.T, image string) string {
	t.Helper()
	out, err := exec.Command("losetup", "--find", "--show", image).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dev := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", dev).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	return filepath.Base(dev)
}

func (s *stick) disks() []Disk {
	s.t.Helper()
	all, err := s.h.Disks(s.t.Context(), stickPath)
	must(s.t, err)
	if len(all) != 1 {
		s.t.Fatalf("%+v", all)
	}
	return all
}

// mount mounts it as a desktop would.
func (s *stick) mount() string {
	s.t.Helper()
	at := filepath.Join(s.dir, "media stick")
	must(s.t, os.MkdirAll(at, 0o755))
	must(s.t, unix.Mount("/dev/"+s.name, at, "ext4", 0, ""))
	s.t.Cleanup(func() { unix.Unmount(at, unix.MNT_DETACH) })
	return at
}

func TestTokenOnAMedium(t *testing.T) {
	t.Parallel()
	s, ctx := newStick(t), t.Context()
	if s.disk.Size != 16<<20 || !strings.Contains(s.disk.Volume, "STICK") || len(s.disk.Mounts) != 0 {
		t.Errorf("%+v", s.disk)
	}
	_, volume, err := s.h.ReadToken(ctx, s.disk)
	if !errors.Is(err, ErrNoToken) || !strings.Contains(volume, "STICK") {
		t.Errorf("%q, %v", volume, err)
	}
	text := []byte("sekimori medium v1\ntok_1\nUSB-0001\n")
	must(t, s.h.WriteToken(ctx, s.disk, text))
	must(t, s.h.WriteToken(ctx, s.disk, text)) // again
	got, _, err := s.h.ReadToken(ctx, s.disk)
	must(t, err)
	if string(got) != string(text) {
		t.Errorf("%q", got)
	}
	// While the person has it mounted.
	at := s.mount()
	if got, _, err := s.h.ReadToken(ctx, s.disk); err != nil || string(got) != string(text) {
		t.Errorf("mounted: %q, %v", got, err)
	}
	if d := s.disks()[0]; len(d.Mounts) != 1 || d.Mounts[0] != at {
		t.Errorf("%+v", d)
	}
	// What only looks like a token is none, and nothing waits for it.
	token := filepath.Join(at, wire.TokenFile)
	for what, make := range map[string]func() error{
		"a link":   func() error { return os.Symlink("/etc/passwd", token) },
		"a pipe":   func() error { return unix.Mkfifo(token, 0o644) },
		"a folder": func() error { return os.Mkdir(token, 0o755) },
	} {
		must(t, os.RemoveAll(token))
		must(t, make())
		if got, _, err := s.h.ReadToken(ctx, s.disk); err == nil {
			t.Errorf("%s: %q", what, got)
		}
	}
	must(t, os.RemoveAll(token))
	must(t, os.WriteFile(token, make([]byte, 1<<20), 0o600))
	if got, _, err := s.h.ReadToken(ctx, s.disk); err != nil || len(got) != wire.MaxMediumToken+1 {
		t.Errorf("a large file: %d bytes, %v", len(got), err)
	}
}

func TestOfferReadOnly(t *testing.T) {
	t.Parallel()
	s, ctx := newStick(t), t.Context()
	must(t, s.h.Offer(ctx, s.disk, true))
	s.get("run/sekimori/media/" + s.name)
	if got := s.get("sys/class/block/" + s.name + "/uevent"); got != "change" {
		t.Errorf("the desktop hears %q", got)
	}
	at := filepath.Join(s.dir, "m")
	must(t, os.Mkdir(at, 0o755))
	if err := unix.Mount("/dev/"+s.name, at, "ext4", 0, ""); !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EROFS) {
		unix.Unmount(at, 0)
		t.Errorf("mounted for writing: %v", err)
	}
	must(t, unix.Mount("/dev/"+s.name, at, "ext4", unix.MS_RDONLY, ""))
	must(t, unix.Unmount(at, 0))
	must(t, s.h.Offer(ctx, s.disk, false))
	must(t, unix.Mount("/dev/"+s.name, at, "ext4", 0, ""))
	must(t, unix.Unmount(at, 0))
}

// TestReadOnlyEndsWithTheHold: nothing stays read-only until it is plugged in anew.
func TestReadOnlyEndsWithTheHold(t *testing.T) {
	t.Parallel()
	s, ctx := newStick(t), t.Context()
	writable := func() bool {
		f, err := os.Open("/dev/" + s.name)
		must(t, err)
		defer f.Close()
		mark, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKROGET)
		must(t, err)
		return mark == 0
	}
	must(t, s.h.HoldUSB(ctx, true))
	must(t, s.h.Offer(ctx, s.disk, true))
	s.set("run/sekimori/media/sdz", onlyToRead) // of one that is gone
	if writable() {
		t.Error("it is lent for reading")
	}
	again := New(s.h.o).(*linux)
	must(t, again.HoldUSB(ctx, false))
	if !writable() {
		t.Error("it stays read-only")
	}
}

// TestEjectWhileAProgramWrites: what it wrote is on the medium, the place is free, and the
// program lives.
func TestEjectWhileAProgramWrites(t *testing.T) {
	t.Parallel()
	s, ctx := newStick(t), t.Context()
	must(t, s.h.Offer(ctx, s.disk, false))
	at := s.mount()
	must(t, os.WriteFile(filepath.Join(at, "done.txt"), []byte("done"), 0o600))
	file, err := os.Create(filepath.Join(at, "busy.bin"))
	must(t, err)
	_, err = file.Write(make([]byte, 1<<20))
	must(t, err)
	writer := exec.Command("sleep", "60")
	writer.Stdout = file // it holds the file open for writing
	must(t, writer.Start())
	defer func() { writer.Process.Kill(); writer.Wait() }()
	must(t, file.Close())
	must(t, os.Symlink(fmt.Sprintf("/proc/%d", writer.Process.Pid), filepath.Join(s.dir, "proc", fmt.Sprint(writer.Process.Pid))))
	s.configure(stickPath, fn{0, 0, 8, 6, 0x50})
	s.set("sys/devices/usb3/3-1/authorized", "1")
	done, err := s.h.Eject(ctx, stickPath, nil)
	if err != nil || !strings.Contains(done, "1 programs") {
		t.Errorf("%q, %v", done, err)
	}
	if s.get("sys/devices/usb3/3-1/authorized") != "0" {
		t.Error("it is still in use")
	}
	if _, err := os.Stat(filepath.Join(s.dir, "run/sekimori/media", s.name)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still offered: %v", err)
	}
	if d := s.disks()[0]; len(d.Mounts) != 0 {
		t.Errorf("mounted: %+v", d)
	}
	if state := attribute(fmt.Sprintf("/proc/%d/status", writer.Process.Pid)); strings.Contains(state, "State:\tT") {
		t.Error("the program was left stopped")
	}
	// Now it may end, and the file system is whole.
	must(t, writer.Process.Kill())
	writer.Wait()
	again, _, err := s.h.ReadToken(ctx, s.disk)
	if !errors.Is(err, ErrNoToken) {
		t.Errorf("%q, %v", again, err)
	}
	if out, err := exec.Command("e2fsck", "-fn", "/dev/"+s.name).CombinedOutput(); err != nil {
		t.Errorf("the file system is hurt: %v\n%s", err, out)
	}
}

func TestEjectUnmounts(t *testing.T) {
	t.Parallel()
	s := newStick(t)
	s.mount()
	s.set("sys/devices/usb3/3-1/authorized", "1")
	done, err := s.h.Eject(t.Context(), stickPath, nil)
	if err != nil || done != "unmounted" || len(s.disks()[0].Mounts) != 0 {
		t.Errorf("%q, %v", done, err)
	}
}

func TestWrittenFiles(t *testing.T) {
	t.Parallel()
	s := newStick(t)
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	seen := map[string]int64{}
	done := make(chan error, 1)
	go func() {
		done <- s.h.Written(ctx, s.disk, func(name string, size int64) { mu.Lock(); seen[name] = size; mu.Unlock() })
	}()
	has := func(name string, size int64) bool { mu.Lock(); defer mu.Unlock(); return seen[name] == size }
	wrote := func(name, text string) {
		t.Helper()
		at := s.mount()
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(at, name)), 0o755))
		for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) { // it hears of the mount a moment later
			must(t, os.WriteFile(filepath.Join(at, name), []byte(text), 0o600))
			time.Sleep(20 * time.Millisecond)
			if has(name, int64(len(text))) {
				break
			} else if time.Now().After(end) {
				t.Fatalf("%s was not seen; %v", name, seen)
			}
		}
		if _, err := os.ReadFile(filepath.Join(at, name)); err != nil { // reading is no writing
			t.Error(err)
		}
		must(t, unix.Unmount(at, 0))
	}
	wrote("契約書 案.txt", "twelve bytes")
	wrote("folder/second.txt", "x") // of another mount
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(seen) != 2 {
		t.Errorf("%v", seen)
	}
}

// TestAMediumThatWouldStopThePC: a file system says itself what an error on it does.
func TestAMediumThatWouldStopThePC(t *testing.T) {
	t.Parallel()
	s := newStick(t)
	if out, err := exec.Command("tune2fs", "-e", "panic", "/dev/"+s.name).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, readOnly := range []bool{true, false} {
		root, err := s.h.mountPrivate(s.name, "ext4", readOnly)
		must(t, err)
		options, err := os.ReadFile("/proc/fs/ext4/" + s.name + "/options")
		must(t, errors.Join(err, root.Close()))
		if !strings.Contains(string(options), "errors=remount-ro\n") {
			t.Errorf("read-only %v:\n%s", readOnly, options)
		}
	}
}

// TestWritingWithoutEnd keeps the watch no longer than its queue is long, and what was too
// much to see is counted.
func TestWritingWithoutEnd(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	defer w.Close()
	e := unix.FanotifyEventMetadata{Event_len: uint32(unsafe.Sizeof(unix.FanotifyEventMetadata{})), Vers: unix.FANOTIFY_METADATA_VERSION,
		Mask: unix.FAN_Q_OVERFLOW, Fd: unix.FAN_NOFD}
	one := unsafe.Slice((*byte)(unsafe.Pointer(&e)), e.Event_len)
	for range manyReads + 10 {
		_, err := w.Write(one)
		must(t, err)
	}
	seen := 0
	watch := writing{fan: int(r.Fd()), buf: make([]byte, len(one)), each: func(name string, _ int64) {
		if seen++; name != "" {
			t.Errorf("%q", name)
		}
	}}
	must(t, watch.read())
	if seen != manyReads {
		t.Errorf("%d of %d were read at once", seen, manyReads+10)
	}
}

func TestPatiently(t *testing.T) {
	t.Parallel()
	may := &fs.PathError{Op: "open", Path: "tty1", Err: unix.EACCES}
	for what, c := range map[string]struct {
		answers []error
		tries   int
		err     error
	}{
		"a terminal":                 {[]error{nil}, 1, nil},
		"one that is not theirs yet": {[]error{may, nil}, 2, nil},
		"one that is full":           {[]error{unix.EAGAIN, unix.EAGAIN, nil}, 3, nil},
		"one that never is":          {[]error{may, may, may, may}, 4, may},
		"one that is broken":         {[]error{unix.EIO}, 1, unix.EIO},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			tries := 0
			err := patiently(t.Context(), func() error { tries++; return c.answers[tries-1] })
			if tries != c.tries || !errors.Is(err, c.err) {
				t.Errorf("%v after %d tries", err, tries)
			}
		})
	}
}

func TestDisksOfNothing(t *testing.T) {
	t.Parallel()
	x := newTree(t)
	if _, err := x.h.Disks(t.Context(), "3-7"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a device that is gone: %v", err)
	}
	x.plug("3-1", descriptors(1, 2, 0, fn{0, 0, 8, 6, 0x50}), "")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := x.h.Disks(ctx, "3-1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no disk comes: %v", err)
	}
}

func TestWriters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"pos:\t0\nflags:\t0100001\n": true, "flags:\t02": true, "flags:\t0100000": false, "flags:\tx": false, "": false} {
		if forWriting(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
	if got := relative("/media/u/STICK/a/b", []string{"/media/u/STICK"}); got != "a/b" {
		t.Errorf("%q", got)
	}
}
