package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	busyTries = 3
	busyWait  = 100 * time.Millisecond
)

func (h *linux) Eject(ctx context.Context, path string, interfaces []int) (done string, err error) {
	if h.holds(h.systemDisks(), path) {
		return "", fmt.Errorf("eject %s: %w", path, ErrSystemDisk)
	}
	disks := h.blocks(path)
	h.hide(disks)
	numbers := h.numbers(disks)
	busy, err := h.unmount(numbers, 0)
	for range busyTries { // who only looks at it is gone in a moment
		if len(busy) == 0 || ctx.Err() != nil {
			break
		}
		time.Sleep(busyWait)
		busy, err = h.unmount(numbers, 0)
	}
	done = "unmounted"
	if len(busy) > 0 {
		stopped, serr := h.stopWriters(ctx, path, numbers)
		// Whatever happens, they go on: what they write next fails, and they say so.
		defer func() { err = errors.Join(err, serr, h.goOn(path, stopped)) }()
		busy, err = h.unmount(numbers, unix.MNT_DETACH)
		done = fmt.Sprintf("in use: %d programs were writing; written back and detached", len(stopped))
	}
	if len(busy) > 0 || err != nil {
		done = "could not be unmounted"
	}
	for _, disk := range disks {
		if ferr := h.flush(disk); ferr != nil {
			err = errors.Join(err, ferr)
		}
	}
	// What could not be written back is no reason to leave it in use.
	return done, errors.Join(err, h.Refuse(ctx, path, interfaces))
}

// flush waits until everything that was written is on the medium.
func (h *linux) flush(disk string) error {
	f, err := os.OpenFile(h.dev(disk), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("write back: %w", err)
	}
	err = f.Sync()
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write back %s: %w", disk, err)
	}
	return nil
}

// unmount writes back and unmounts every place of the devices with the given numbers. busy
// are those that something holds.
func (h *linux) unmount(numbers map[string]bool, flags int) (busy []string, err error) {
	table, err := h.mountTable()
	if err != nil {
		return nil, err
	}
	var points []string
	for _, m := range table {
		if numbers[m.Device] {
			points = append(points, m.Point)
		}
	}
	if len(points) == 0 {
		return nil, nil
	}
	slices.Reverse(points) // what was mounted last lies on top
	err = h.atHome(func() error {
		var errs []error
		for _, point := range points {
			if err := syncPoint(point); err != nil {
				errs = append(errs, err)
			}
			switch err := unix.Unmount(point, flags|unix.UMOUNT_NOFOLLOW); {
			case errors.Is(err, unix.EBUSY):
				busy = append(busy, point)
			case err != nil && !errors.Is(err, unix.EINVAL): // EINVAL: it is unmounted already
				errs = append(errs, fmt.Errorf("unmount %s: %w", point, err))
			}
		}
		return errors.Join(errs...)
	})
	return busy, err
}

func syncPoint(point string) error {
	fd, err := unix.Open(point, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("write back %s: %w", point, err)
	}
	err = unix.Syncfs(fd)
	unix.Close(fd)
	if err != nil {
		return fmt.Errorf("write back %s: %w", point, err)
	}
	return nil
}

// atHome runs f where the first process sees the file system: a service has its own view,
// and what it unmounts there stays mounted for everybody else. f starts no goroutine.
func (h *linux) atHome(f func() error) error {
	first := filepath.Join(h.o.Proc, "1/ns/mnt")
	there, err := os.Readlink(first)
	if err != nil {
		return fmt.Errorf("find the system's own view: %w", err)
	}
	here, err := os.Readlink("/proc/thread-self/ns/mnt")
	if err == nil && here == there {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		ns, err := unix.Open(first, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			done <- fmt.Errorf("enter the system's own view: %w", err)
			return
		}
		defer unix.Close(ns)
		if err := errors.Join(unix.Unshare(unix.CLONE_FS), unix.Setns(ns, unix.CLONE_NEWNS)); err != nil {
			done <- fmt.Errorf("enter the system's own view: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

func writesTo(process string, numbers map[string]bool) bool {
	files, err := os.ReadDir(filepath.Join(process, "fd"))
	if err != nil {
		return false // it has ended
	}
	for _, f := range files {
		var st unix.Stat_t
		if unix.Stat(filepath.Join(process, "fd", f.Name()), &st) != nil {
			continue
		}
		if numbers[fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))] && forWriting(attribute(process, "fdinfo", f.Name())) {
			return true
		}
	}
	return false
}

// forWriting reads the flags of an open file in fdinfo (man 5 proc): octal.
func forWriting(fdinfo string) bool {
	for line := range strings.Lines(fdinfo) {
		if value, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, err := strconv.ParseUint(strings.TrimSpace(value), 8, 64)
			return err == nil && cmp.Compare(flags&unix.O_ACCMODE, unix.O_RDONLY) != 0
		}
	}
	return false
}
