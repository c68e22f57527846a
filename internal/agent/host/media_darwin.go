package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sekimori/internal/kit/wire"
)

// On macOS media are held at the mount: Disk Arbitration asks this process before it mounts
// anything, for as long as it runs. Drivers, and what is no disk, such as a phone, it does not
// ask about; only a system extension that Apple has signed could stop those.

var (
	errNotAsked   = fmt.Errorf("media are held on macOS only while the agent runs and Disk Arbitration asks it: %w", ErrUnsupported)
	errNotStorage = errors.New("macOS lets only disks be held: a phone or a camera stays reachable")
)

// How long the system is waited for.
const (
	holdWait   = 3 * time.Second
	diskWait   = 10 * time.Second
	volumeWait = 5 * time.Second
	mediaLook  = 200 * time.Millisecond
)

var _ MediaGuard = (*mac)(nil)

// Recover unmounts what an earlier process has mounted for itself, and did not live to unmount.
func (h *mac) Recover(ctx context.Context) error {
	left, err := filepath.Glob(filepath.Join(h.private(), privateFolder+"*"))
	if err != nil || len(left) == 0 {
		return err
	}
	all, err := mounts()
	if err != nil {
		return err
	}
	var errs []error
	for _, base := range left {
		for _, m := range all {
			if name, is := strings.CutPrefix(m.from, "/dev/"); is && m.at == filepath.Join(base, privateRoot) {
				_, err := h.unmount(ctx, name, true)
				errs = append(errs, err)
			}
		}
		// Not what is in it: should it still be mounted, that is the medium.
		_ = os.Remove(filepath.Join(base, privateRoot))
		_ = os.Remove(base)
	}
	return errors.Join(errs...)
}

// private is the folder where this process mounts for itself, by the name that the table of
// mounts has for it: some of macOS's folders are links.
func (h *mac) private() string {
	dir := h.o.State
	if dir == "" {
		dir = os.TempDir()
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	return dir
}

// A private mount is at privateFolder…/privateRoot.
const (
	privateFolder = "medium-"
	privateRoot   = "root"
)

// HoldUSB makes every mount of a medium wait for Offer. What is mounted stays so. It ends with
// WatchUSB, which answers Disk Arbitration.
func (h *mac) HoldUSB(ctx context.Context, on bool) error {
	if !on {
		h.media.Lock()
		h.media.hold.on, h.media.hold.offered = false, nil
		h.media.Unlock()
		return nil
	}
	if !h.holding().on {
		m, err := h.look()
		if err != nil {
			return fmt.Errorf("hold media: %w", err)
		}
		h.media.Lock()
		h.media.hold.on, h.media.hold.offered = true, m.mounted()
		h.media.Unlock()
	}
	for began := time.Now(); !h.isAsked(); {
		if time.Since(began) > holdWait {
			return fmt.Errorf("hold media: %w", errNotAsked)
		}
		if err := pause(ctx, mediaLook); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (h *mac) USB(context.Context) ([]USBDevice, error) {
	m, err := h.look()
	if err != nil {
		return nil, err
	}
	return m.usb(h.holding()), nil
}

// device finds one device, an os.ErrNotExist when it is not there.
func (h *mac) device(path string) (macMedia, USBDevice, error) {
	m, err := h.look()
	if err != nil {
		return m, USBDevice{}, err
	}
	for _, d := range m.usb(h.holding()) {
		if d.Path == path {
			return m, d, nil
		}
	}
	return m, USBDevice{}, fmt.Errorf("%s: %w", path, os.ErrNotExist)
}

// Admit has nothing to do while media are held: a device has its drivers, and its disks wait
// for Offer. Otherwise it mounts what was held.
func (h *mac) Admit(ctx context.Context, path string, interfaces []int) error {
	m, _, err := h.device(path)
	if err != nil || interfaces != nil || h.holding().on {
		return err
	}
	disks, _ := m.on(path)
	var errs []error
	for _, w := range disks {
		if w.name == w.whole {
			errs = append(errs, h.mountAll(ctx, m, w.name))
		}
	}
	return errors.Join(errs...)
}

// mountAll mounts every volume of a disk that people see and that is not mounted.
func (h *mac) mountAll(ctx context.Context, m macMedia, whole string, arguments ...string) error {
	var errs []error
	for _, v := range m.volumes(whole, false) {
		if len(m.mountsOf(v)) > 0 {
			continue
		}
		done := h.takeOver(v.name)
		errs = append(errs, h.mount(ctx, v.name, "", arguments...))
		done()
	}
	return errors.Join(errs...)
}

// takeOver lets this process mount a disk, until done is called.
func (h *mac) takeOver(name string) (done func()) {
	h.media.Lock()
	defer h.media.Unlock()
	h.media.ours[name]++
	return func() {
		h.media.Lock()
		defer h.media.Unlock()
		if h.media.ours[name]--; h.media.ours[name] <= 0 {
			delete(h.media.ours, name)
		}
	}
}

func (h *mac) Refuse(ctx context.Context, path string, interfaces []int) error {
	_, err := h.take(ctx, path, interfaces, false)
	return err
}

// Eject unmounts; when a program is in the way, by force, after which what it has open gives
// errors. The medium is not ejected in Apple's sense: an ejected one has no disk until it is
// plugged in again, and could not be lent meanwhile.
func (h *mac) Eject(ctx context.Context, path string, interfaces []int) (done string, err error) {
	return h.take(ctx, path, interfaces, true)
}

func (h *mac) take(ctx context.Context, path string, interfaces []int, gently bool) (done string, err error) {
	m, d, err := h.device(path)
	if err != nil {
		return "", err
	}
	if d.System {
		return "", ErrSystemDisk
	}
	disks, _ := m.on(path)
	h.media.Lock()
	for _, disk := range disks {
		delete(h.media.hold.offered, disk.id) // from here on it is not mounted again
	}
	h.media.Unlock()
	var errs []error
	done = "nothing was mounted"
	for _, disk := range disks {
		for range m.mountsOf(disk) {
			forced, err := h.unmount(ctx, disk.name, gently)
			errs = append(errs, err)
			switch {
			case forced:
				done = "unmounted by force: a program was in the way"
			case done == "nothing was mounted":
				done = "unmounted"
			}
		}
		errs = append(errs, closeNodes(disk.name))
	}
	if notStorage(d, interfaces) {
		errs = append(errs, errNotStorage)
	}
	return done, errors.Join(errs...)
}

// closeNodes gives the files by which a disk's bytes are read the owner and mode that those
// of built-in disks have: macOS lets who sits at the PC read removable ones.
func closeNodes(name string) error {
	const operator, mode = 5, 0o640
	var errs []error
	for _, path := range []string{"/dev/" + name, "/dev/r" + name} {
		err := os.Chmod(path, mode)
		if err == nil {
			err = os.Chown(path, 0, operator)
		}
		if !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (h *mac) Disks(ctx context.Context, path string) ([]Disk, error) {
	for began := time.Now(); ; {
		m, _, err := h.device(path)
		if err != nil {
			return nil, fmt.Errorf("disks: %w", err)
		}
		disks, ready := m.disksOf(h.holding(), path)
		waited := time.Since(began)
		if len(disks) > 0 && (ready || waited > volumeWait) {
			return disks, nil
		}
		if waited > diskWait {
			return nil, fmt.Errorf("disks of %s: none came: %w", path, context.DeadlineExceeded)
		}
		if err := pause(ctx, mediaLook); err != nil {
			return nil, err
		}
	}
}

func (h *mac) ReadToken(ctx context.Context, d Disk) (text []byte, volume string, err error) {
	m, err := h.look()
	if err != nil {
		return nil, "", err
	}
	var errs []error
	for _, v := range m.volumes(d.Name, true) {
		if volume == "" {
			volume = v.volume()
		}
		found := false
		err := h.privately(ctx, m, v, func(root string) (err error) {
			text, err = readToken(filepath.Join(root, wire.TokenFile))
			if found = err == nil; errors.Is(err, os.ErrNotExist) {
				return nil
			}
			return err
		}, "rdonly")
		if err != nil {
			errs = append(errs, fmt.Errorf("read the token on %s: %w", v.name, err))
		} else if found {
			return text, v.volume(), nil
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, volume, err
	}
	return nil, volume, ErrNoToken
}

func (h *mac) WriteToken(ctx context.Context, d Disk, text []byte) error {
	m, err := h.look()
	if err != nil {
		return err
	}
	volumes := m.volumes(d.Name, false)
	if len(volumes) == 0 {
		return fmt.Errorf("write the token: no file system on %s is one that can be written here", d.Name)
	}
	err = h.privately(ctx, m, volumes[0], func(root string) error { return writeToken(filepath.Join(root, wire.TokenFile), text) })
	if err != nil {
		return fmt.Errorf("write the token on %s: %w", volumes[0].name, err)
	}
	return nil
}

// privately mounts a volume in a folder that only root can enter, and unmounts it after use.
// macOS mounts a volume once: where people have it already, as they do while nothing is held,
// it is used where it is.
func (h *mac) privately(ctx context.Context, m macMedia, v macDisk, use func(root string) error, arguments ...string) (err error) {
	if at := m.mountsOf(v); len(at) > 0 {
		return use(at[0].at)
	}
	base, err := os.MkdirTemp(h.private(), privateFolder) // for root alone
	if err != nil {
		return err
	}
	root := filepath.Join(base, privateRoot)
	defer func() {
		// Never with what is in it: should it still be mounted, that is the medium.
		_ = os.Remove(root)
		_ = os.Remove(base)
	}()
	if err := os.Mkdir(root, 0o700); err != nil {
		return err
	}
	done := h.takeOver(v.name)
	defer done()
	if err := h.mount(ctx, v.name, root, append(arguments, "nobrowse", "nosuid", "nodev", "noexec")...); err != nil {
		return err
	}
	err = use(root)
	_, uerr := h.unmount(context.WithoutCancel(ctx), v.name, true)
	return errors.Join(err, uerr)
}

// readToken reads a file that is no link to another one.
func readToken(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("it is no file"))
	}
	return io.ReadAll(io.LimitReader(f, wire.MaxMediumToken+1)) // OpenMedium refuses what is longer
}

// writeToken writes the file in place, not by a rename, which FAT does in two writes. Half a
// token is none: its signature does not hold.
func writeToken(path string, text []byte) error {
	_ = unix.Chflags(path, 0) // one written on Linux is marked read-only; where there is none, Remove says so
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// Offer lets people mount a disk, and mounts it for them. One for reading only is mounted by
// this process alone, as whoever mounts says how; unmounted, it comes back by plugging in.
func (h *mac) Offer(ctx context.Context, d Disk, readOnly bool) error {
	m, err := h.look()
	if err != nil {
		return err
	}
	id := uint64(0)
	for _, w := range m.disks {
		if w.name == d.Name {
			id = w.id
		}
	}
	if id == 0 {
		return fmt.Errorf("%s: %w", d.Name, os.ErrNotExist)
	}
	h.media.Lock()
	if h.media.hold.offered == nil {
		h.media.hold.offered = map[uint64]bool{}
	}
	h.media.hold.offered[id] = readOnly
	h.media.Unlock()
	if !readOnly {
		// A volume that macOS cannot mount, or not without its password, keeps no other back.
		_ = h.mountAll(ctx, m, d.Name)
		return nil
	}
	err = h.mountAll(ctx, m, d.Name, "rdonly")
	if err == nil {
		err = h.onlyRead(d.Name)
	}
	if err != nil {
		h.media.Lock()
		delete(h.media.hold.offered, id)
		h.media.Unlock()
		return fmt.Errorf("offer %s for reading only: %w", d.Name, err)
	}
	return nil
}

// onlyRead closes what a disk could be written to by beside its mounts, and says whether one of
// these is for writing.
func (h *mac) onlyRead(whole string) error {
	m, err := h.look()
	if err != nil {
		return err
	}
	for _, d := range m.disks {
		if d.whole != whole {
			continue
		}
		if err := closeNodes(d.name); err != nil {
			return err
		}
		for _, mount := range m.mountsOf(d) {
			if !mount.readOnly {
				return fmt.Errorf("%s can be written to", mount.at)
			}
		}
	}
	return nil
}

func (h *mac) Written(context.Context, Disk, func(string, int64)) error { return ErrUnsupported }

// Tell shows a notice to who sits at the PC; macOS shows it in the session in front.
func (h *mac) Tell(_ context.Context, text string) error {
	f, err := h.frameworks()
	if err != nil {
		return err
	}
	title, body := f.text("Sekimori"), f.text(text)
	defer f.free(title, body)
	if code := f.notificationShown(0, cautionNotice, 0, 0, 0, title, body, 0); code != 0 {
		return fmt.Errorf("show a notice: %d", code)
	}
	return nil
}

// SignedIn is who owns the console.
func (h *mac) SignedIn(context.Context) string {
	info, err := os.Stat("/dev/console")
	if err != nil {
		return ""
	}
	stat, is := info.Sys().(*syscall.Stat_t)
	if !is || stat.Uid == 0 {
		return "" // nobody: the window for signing in
	}
	id := strconv.FormatUint(uint64(stat.Uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return strings.TrimSpace(u.Username)
	}
	return id
}
