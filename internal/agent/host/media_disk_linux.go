package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sekimori/internal/kit/wire"
)

const (
	diskTime  = 45 * time.Second       // from a device being admitted until its disk is there, also on a PC that starts
	diskLook  = 50 * time.Millisecond  // between two looks
	diskQuiet = 150 * time.Millisecond // without another disk: then there are no more
	maxParts  = 64
)

// mountTable reads what is mounted, as the first process sees it: an agent may be in a
// mount namespace of its own.
func (h *linux) mountTable() ([]mount, error) {
	raw, err := readSome(filepath.Join(h.o.Proc, "1/mountinfo"), 4<<20)
	if err != nil {
		return nil, fmt.Errorf("read what is mounted: %w", err)
	}
	var out []mount
	for line := range strings.Lines(string(raw)) {
		if m, err := parseMount(strings.TrimSpace(line)); err == nil {
			out = append(out, m)
		}
	}
	return out, nil
}

// below follows a block device to those that it lies on.
func (h *linux) below(dir string, depth int) []string {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil || depth > 8 {
		return nil
	}
	out := []string{real}
	slaves, err := os.ReadDir(filepath.Join(real, "slaves"))
	if err != nil {
		return out // a partition has none
	}
	for _, s := range slaves {
		out = append(out, h.below(filepath.Join(real, "slaves", s.Name()), depth+1)...)
	}
	return out
}

// holds reports whether one of places is on a device.
func (h *linux) holds(places []string, path string) bool {
	return slices.ContainsFunc(places, func(p string) bool { return strings.Contains(p, "/"+path+"/") })
}

// blocks are the whole disks of a device, by name.
func (h *linux) blocks(path string) []string {
	entries, err := os.ReadDir(h.sys("block"))
	if err != nil {
		return nil // none in this kernel
	}
	inside := "/" + path + "/" + path + ":" // of itself, and not of what hangs on a hub
	if cardPath(path) {
		inside = "/" + path + "/"
	}
	var out []string
	for _, e := range entries {
		real, err := filepath.EvalSymlinks(h.sys("block", e.Name()))
		if err == nil && strings.Contains(real, inside) {
			out = append(out, e.Name())
		}
	}
	return out
}

// parts are a disk's partitions, in order, and last the disk itself.
func (h *linux) parts(disk string) []string {
	entries, err := os.ReadDir(h.sys("block", disk))
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), disk) && len(out) < maxParts && attribute(h.sys("block", disk, e.Name(), "partition")) != "" {
			out = append(out, e.Name())
		}
	}
	slices.SortFunc(out, func(a, b string) int { return len(a) - len(b) }) // sda2 before sda10
	return append(out, disk)
}

// numbers are the device numbers of disks and their partitions: "8:1".
func (h *linux) numbers(disks []string) map[string]bool {
	out := map[string]bool{}
	for _, disk := range disks {
		for _, part := range h.parts(disk) {
			if n := attribute(h.sys("block", disk, "dev")); part == disk && n != "" {
				out[n] = true
			} else if n := attribute(h.sys("block", disk, part, "dev")); n != "" {
				out[n] = true
			}
		}
	}
	return out
}

func (h *linux) dev(name string) string { return filepath.Join(h.o.Root, "/dev", name) }

func (h *linux) Disks(ctx context.Context, path string) ([]Disk, error) {
	if !usbPath(path) && !cardPath(path) {
		return nil, fmt.Errorf("disks of %q: no such device", path)
	}
	at := h.sys(usbDevices, path)
	if cardPath(path) {
		at = h.sys(mmcDevices, path)
	}
	ctx, cancel := context.WithTimeout(ctx, diskTime)
	defer cancel()
	var names []string
	var since time.Time
	for first := true; ; first = false {
		now := h.blocks(path)
		if !slices.Equal(now, names) {
			names, since = now, time.Now()
		}
		if len(names) > 0 && (first || time.Since(since) >= diskQuiet) {
			break
		}
		if _, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("disks of %s: %w", path, fs.ErrNotExist)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("disks of %s: none came: %w", path, ctx.Err())
		case <-time.After(diskLook):
		}
	}
	mounts, err := h.mountTable()
	if err != nil {
		return nil, err
	}
	var out []Disk
	for _, name := range names {
		out = append(out, h.disk(name, mounts))
	}
	return out, nil
}

func (h *linux) disk(name string, mounts []mount) Disk {
	d := Disk{Name: name, ReadOnly: attribute(h.sys("block", name, "ro")) == "1"}
	if sectors, err := strconv.ParseInt(attribute(h.sys("block", name, "size")), 10, 54); err == nil {
		d.Size = sectors * 512
	}
	numbers := h.numbers([]string{name})
	for _, m := range mounts {
		if numbers[m.Device] {
			d.Mounts = append(d.Mounts, m.Point)
		}
	}
	var volumes []string
	for _, part := range h.parts(name) {
		if _, volume := h.volume(part); volume != "" {
			volumes = append(volumes, volume)
		}
	}
	d.Volume = clip(strings.Join(volumes, "; "), 200)
	return d
}

// volume recognises what is on a block device.
func (h *linux) volume(name string) (kind, volume string) {
	head, err := readSome(h.dev(name), volumeHead)
	if err != nil {
		return "", "" // such as a reader without a card
	}
	return volumeOf(head)
}

func (h *linux) ReadToken(_ context.Context, d Disk) (text []byte, volume string, err error) {
	found := false
	for _, part := range h.parts(d.Name) {
		kind, name := h.volume(part)
		if kind == "" {
			continue
		}
		found = true
		if volume == "" {
			volume = name
		}
		text, err := h.tokenOn(part, kind)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, volume, fmt.Errorf("read the token on %s: %w", part, err)
		}
		return text, name, nil
	}
	if !found {
		return nil, "", fmt.Errorf("%w: no file system on %s is one that can be read here", ErrNoToken, d.Name)
	}
	return nil, volume, ErrNoToken
}

func (h *linux) tokenOn(part, kind string) (text []byte, err error) {
	root, err := h.mountPrivate(part, kind, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	f, err := openIn(root, wire.TokenFile, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("it is no file"))
	}
	return io.ReadAll(io.LimitReader(f, wire.MaxMediumToken+1)) // OpenMedium refuses what is longer
}

func (h *linux) WriteToken(_ context.Context, d Disk, text []byte) error {
	for _, part := range h.parts(d.Name) {
		kind, _ := h.volume(part)
		if kind == "" {
			continue
		}
		if err := h.putToken(part, kind, text); err != nil {
			return fmt.Errorf("write the token on %s: %w", part, err)
		}
		return nil
	}
	return fmt.Errorf("write the token: no file system on %s is one that can be written here", d.Name)
}

func (h *linux) putToken(part, kind string, text []byte) (err error) {
	root, err := h.mountPrivate(part, kind, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	// In place, and not by a rename: FAT renames in two writes, and a power cut between them
	// leaves two names on one cluster. Half a token is none: its signature does not hold.
	if err := unix.Unlinkat(int(root.Fd()), wire.TokenFile, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "remove", Path: wire.TokenFile, Err: err}
	}
	f, err := openIn(root, wire.TokenFile, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), unix.Syncfs(int(f.Fd())), f.Close())
}

// openIn opens a file in the root of a mount: one name, and no link to another.
func openIn(root *os.File, name string, flags int) (*os.File, error) {
	fd, err := unix.Openat(int(root.Fd()), name, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o444)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// mountPrivate mounts a block device where nobody sees it: on no path and in no list. It is
// gone when the file is closed.
func (h *linux) mountPrivate(part, kind string, readOnly bool) (*os.File, error) {
	root, err := h.mountOnce(part, kind, readOnly)
	if readOnly && errors.Is(err, unix.EBUSY) {
		// Somebody has it mounted for writing; ours shares that, and still only reads.
		return h.mountOnce(part, kind, false)
	}
	return root, err
}

func (h *linux) mountOnce(part, kind string, readOnly bool) (root *os.File, err error) {
	fd, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("file system %s: %w", kind, err)
	}
	defer unix.Close(fd)
	if err := unix.FsconfigSetString(fd, "source", h.dev(part)); err != nil {
		return nil, fmt.Errorf("mount %s: %w", part, err)
	}
	attributes := unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC
	if readOnly {
		attributes |= unix.MOUNT_ATTR_RDONLY
		if err := unix.FsconfigSetFlag(fd, "ro"); err != nil {
			return nil, fmt.Errorf("mount %s: %w", part, err)
		}
		if kind == "ext4" { // or it would mend itself, which writes
			if err := unix.FsconfigSetFlag(fd, "noload"); err != nil {
				return nil, fmt.Errorf("mount %s: %w", part, err)
			}
		}
	}
	if kind == "ext4" {
		// The medium itself says what an error does, and may ask for the whole PC to stop.
		if err := unix.FsconfigSetString(fd, "errors", "remount-ro"); err != nil {
			return nil, fmt.Errorf("mount %s: %w", part, err)
		}
	}
	if !readOnly {
		// What a power cut leaves half done must be sound: on FAT each table is written before
		// the entry that points into it.
		if err := unix.FsconfigSetFlag(fd, "sync"); err != nil {
			return nil, fmt.Errorf("mount %s: %w", part, err)
		}
	}
	if err := unix.FsconfigCreate(fd); err != nil {
		return nil, fmt.Errorf("mount %s as %s: %w", part, kind, err)
	}
	at, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, attributes)
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", part, err)
	}
	return os.NewFile(uintptr(at), part), nil
}

func (h *linux) Offer(_ context.Context, d Disk, readOnly bool) error {
	if err := os.MkdirAll(h.runtime(mediaNames), 0o755); err != nil {
		return fmt.Errorf("offer %s: %w", d.Name, err)
	}
	for _, name := range h.parts(d.Name) {
		if err := h.setReadOnly(name, readOnly); err != nil {
			return fmt.Errorf("offer %s: %w", name, err)
		}
	}
	how := ""
	if readOnly {
		how = onlyToRead
	}
	for _, name := range h.parts(d.Name) {
		if err := os.WriteFile(h.runtime(mediaNames, name), []byte(how), 0o644); err != nil {
			return fmt.Errorf("offer %s: %w", name, err)
		}
		// The desktop hears of it as of one that has changed.
		if err := setAttribute("change", h.sys("class/block", name, "uevent")); err != nil {
			return fmt.Errorf("offer %s: %w", name, err)
		}
	}
	return nil
}

func (h *linux) setReadOnly(name string, on bool) error {
	f, err := os.OpenFile(h.dev(name), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	value := 0
	if on {
		value = 1
	}
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.BLKROSET, value); err != nil {
		return errors.Join(fmt.Errorf("make it read-only %v: %w", on, err), f.Close())
	}
	return f.Close()
}

// onlyToRead is what the file of an offered name says when the disk may only be read.
const onlyToRead = "ro"

// lift lets be written to what was lent for reading: the mark was ours, and would stay until
// it is plugged in anew. A switch of the medium's own is not touched.
func (h *linux) lift() error {
	offered, err := os.ReadDir(h.runtime(mediaNames))
	if err != nil {
		return nil // nothing was
	}
	var errs []error
	for _, e := range offered {
		if attribute(h.runtime(mediaNames, e.Name())) != onlyToRead {
			continue
		}
		err := h.setReadOnly(e.Name(), false)
		if err != nil && !slices.ContainsFunc([]error{fs.ErrNotExist, unix.ENXIO, unix.ENODEV, unix.ENOMEDIUM}, func(gone error) bool { return errors.Is(err, gone) }) {
			errs = append(errs, fmt.Errorf("let %s be written to: %w", e.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// hide takes back what Offer has given.
func (h *linux) hide(disks []string) {
	for _, disk := range disks {
		for _, name := range h.parts(disk) {
			os.Remove(h.runtime(mediaNames, name)) // one that is not there is none to hide
		}
	}
}

// forgetGone takes back what was offered of disks that are gone, before another one can
// come under their name.
func (h *linux) forgetGone() {
	offered, err := os.ReadDir(h.runtime(mediaNames))
	if err != nil {
		return // nothing was
	}
	for _, e := range offered {
		if _, err := os.Lstat(h.sys("class/block", e.Name())); errors.Is(err, fs.ErrNotExist) {
			os.Remove(h.runtime(mediaNames, e.Name()))
		}
	}
}
