package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waker ends a wait for file descriptors when ctx ends.
type waker struct {
	r, w *os.File
	stop func() bool
}

func newWaker(ctx context.Context) (*waker, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &waker{r, w, context.AfterFunc(ctx, func() { w.Write([]byte{0}) })}, nil
}

func (k *waker) close() error {
	k.stop()
	return errors.Join(k.r.Close(), k.w.Close())
}

// wait waits until one of the descriptors has something, or the context has ended.
func (k *waker) wait(fds ...unix.PollFd) ([]unix.PollFd, error) {
	all := append(fds, unix.PollFd{Fd: int32(k.r.Fd()), Events: unix.POLLIN})
	for {
		_, err := unix.Poll(all, -1)
		if !errors.Is(err, unix.EINTR) {
			return all[:len(fds)], err
		}
	}
}

// kernelEvents is the multicast group of the kernel's own messages; udev's is another.
const kernelEvents = 1

func (h *linux) WatchUSB(ctx context.Context, changed func()) error {
	return watchKernel(ctx, func(u uevent) {
		if u == (uevent{}) || u.ofMedia() {
			changed()
		}
	})
}

// watchKernel calls each for every message of the kernel's about a device until ctx ends, and
// with none where some may have been missed: at first, and when there are too many.
func watchKernel(ctx context.Context, each func(uevent)) (err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return fmt.Errorf("watch USB: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelEvents}); err != nil {
		return fmt.Errorf("watch USB: %w", err)
	}
	// A dock brings dozens of messages at once. Without the right to it the usual room must do.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
	}
	k, err := newWaker(ctx)
	if err != nil {
		return fmt.Errorf("watch USB: %w", err)
	}
	defer func() { err = errors.Join(err, k.close()) }()
	each(uevent{}) // what came before the socket was there
	buf := make([]byte, 16<<10)
	for {
		if _, err := k.wait(unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}); err != nil {
			return fmt.Errorf("watch USB: %w", err)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := drain(fd, buf, each); err != nil {
			return fmt.Errorf("watch USB: %w", err)
		}
	}
}

// drain reads all messages that are there. Only the kernel's own count: any process may
// send to this group.
func drain(fd int, buf []byte, each func(uevent)) error {
	for {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			each(uevent{}) // some were lost
			continue
		case err != nil:
			return err
		}
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
			continue
		}
		if u, ok := parseUevent(buf[:n]); ok {
			each(u)
		}
	}
}

func (h *linux) Written(ctx context.Context, d Disk, each func(name string, size int64)) (err error) {
	fan, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK, unix.O_RDONLY|unix.O_LARGEFILE|unix.O_CLOEXEC|unix.O_NONBLOCK)
	if err != nil {
		return fmt.Errorf("see what is written on %s: %w", d.Name, err)
	}
	defer unix.Close(fan)
	// Not by package os: whoever polls it first takes the news away from the others.
	table, err := unix.Open(filepath.Join(h.o.Proc, "1/mountinfo"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("see what is written on %s: %w", d.Name, err)
	}
	defer unix.Close(table)
	k, err := newWaker(ctx)
	if err != nil {
		return fmt.Errorf("see what is written on %s: %w", d.Name, err)
	}
	defer func() { err = errors.Join(err, k.close()) }()
	w := writing{h: h, fan: fan, disk: d.Name, each: each, buf: make([]byte, 8<<10)}
	var trouble error
	for ctx.Err() == nil {
		// Each mount may be another file system; a mark ends with its file system.
		if err := w.mark(); err != nil {
			trouble = err
		}
		ready, err := k.wait(unix.PollFd{Fd: int32(fan), Events: unix.POLLIN}, unix.PollFd{Fd: int32(table), Events: unix.POLLPRI})
		if err != nil {
			return fmt.Errorf("see what is written on %s: %w", d.Name, err)
		}
		if ready[0].Revents&unix.POLLIN != 0 {
			if err := w.read(); err != nil {
				return fmt.Errorf("see what is written on %s: %w", d.Name, err)
			}
		}
	}
	w.read() // what came last
	return trouble
}

// writing turns fanotify's events into names.
type writing struct {
	h      *linux
	fan    int
	disk   string
	points []string
	each   func(name string, size int64)
	buf    []byte
}

func (w *writing) mark() error {
	table, err := w.h.mountTable()
	if err != nil {
		return err
	}
	numbers := w.h.numbers([]string{w.disk})
	w.points = w.points[:0]
	for _, m := range table {
		if !numbers[m.Device] {
			continue
		}
		w.points = append(w.points, m.Point)
		// Through the first process's root, because this one may see other mounts.
		dir, err := unix.Open(filepath.Join(w.h.o.Proc, "1/root", m.Point), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("see what is written on %s: %w", m.Point, err)
		}
		err = unix.FanotifyMark(w.fan, unix.FAN_MARK_ADD|unix.FAN_MARK_FILESYSTEM, unix.FAN_CLOSE_WRITE, dir, "")
		unix.Close(dir)
		if err != nil {
			return fmt.Errorf("see what is written on %s: %w", m.Point, err)
		}
	}
	return nil
}

// manyReads is more than the kernel's queue holds (16,384 events): who writes without end
// keeps nobody here for longer.
const manyReads = 64

func (w *writing) read() error {
	const head = int(unsafe.Sizeof(unix.FanotifyEventMetadata{}))
	for range manyReads {
		n, err := unix.Read(w.fan, w.buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) || n < head && err == nil {
			return nil
		}
		if err != nil {
			return err
		}
		for b := w.buf[:n]; len(b) >= head; {
			e := (*unix.FanotifyEventMetadata)(unsafe.Pointer(&b[0]))
			if int(e.Event_len) < head || int(e.Event_len) > len(b) || e.Vers != unix.FANOTIFY_METADATA_VERSION {
				return errors.New("events of an unknown form")
			}
			if e.Fd >= 0 {
				w.event(int(e.Fd))
			} else if e.Mask&unix.FAN_Q_OVERFLOW != 0 {
				w.each("", 0)
			}
			b = b[e.Event_len:]
		}
	}
	return nil
}

func (w *writing) event(fd int) {
	defer unix.Close(fd)
	var st unix.Stat_t
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil || unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return
	}
	w.each(strings.ToValidUTF8(relative(path, w.points), "\uFFFD"), st.Size)
}

// relative takes the mount away from a path.
func relative(path string, points []string) string {
	for _, p := range points {
		if rest, ok := strings.CutPrefix(path, strings.TrimSuffix(p, "/")+"/"); ok {
			return rest
		}
	}
	return strings.TrimPrefix(path, "/")
}
