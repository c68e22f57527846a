package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// tellTime bounds one session: a desktop that hangs keeps nobody else waiting for long.
const tellTime = 3 * time.Second

// tellAgain is how long a session takes to get its terminal, with room.
const tellAgain = time.Second

// tellTries is how often a terminal that is not ready is tried.
const tellTries = 4

// signedIn is a session as logind lists it.
type signedIn struct {
	ID   string
	UID  uint32
	User string
	Seat string
	Path dbus.ObjectPath
}

func (h *linux) sessionsNow(ctx context.Context) (out []signedIn, err error) {
	err = h.onBus(ctx, func(c *dbus.Conn) error {
		return c.Object("org.freedesktop.login1", "/org/freedesktop/login1").CallWithContext(ctx,
			"org.freedesktop.login1.Manager.ListSessions", 0).Store(&out)
	})
	if err != nil {
		return nil, fmt.Errorf("ask logind who is signed in: %w", err)
	}
	return out, nil
}

func (h *linux) SignedIn(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	sessions, err := h.sessionsNow(ctx)
	if err != nil {
		return "" // without logind nobody knows
	}
	var at, others []string
	for _, s := range sessions {
		if s.UID != 0 && s.UID < 1000 {
			continue // the login screen itself
		}
		if s.Seat != "" {
			at = append(at, s.User)
		} else {
			others = append(others, s.User)
		}
	}
	if len(at) == 0 {
		at = others
	}
	slices.Sort(at)
	return clip(strings.Join(slices.Compact(at), ", "), 100)
}

func (h *linux) Tell(ctx context.Context, text string) error {
	sessions, err := h.sessionsNow(ctx)
	if err != nil {
		return err
	}
	var errs []error
	told := map[uint32]bool{}
	for _, s := range sessions {
		if told[s.UID] {
			continue
		}
		err := h.notify(ctx, s.UID, text)
		if err != nil {
			err = h.wall(ctx, s, text)
		}
		told[s.UID] = err == nil
		if err != nil {
			errs = append(errs, fmt.Errorf("tell %s: %w", clip(s.User, 40), err))
		}
	}
	return errors.Join(errs...)
}

// notify shows text on an account's desktop.
func (h *linux) notify(ctx context.Context, uid uint32, text string) error {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	var conn net.Conn
	at := filepath.Join(h.o.Root, "/run/user", strconv.FormatUint(uint64(uid), 10), "bus")
	if _, err := os.Lstat(at); err != nil {
		return err // no desktop
	}
	err := as(uid, func() (err error) { conn, err = dialUnix(at); return err })
	if err != nil {
		return err
	}
	c, err := dbus.NewConn(conn, dbus.WithContext(ctx))
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	defer c.Close()
	if err := c.Auth([]dbus.Auth{dbus.AuthExternal(strconv.FormatUint(uint64(uid), 10))}); err != nil {
		return err
	}
	if err := c.Hello(); err != nil {
		return err
	}
	summary, body, _ := strings.Cut(text, "\n")
	return c.Object("org.freedesktop.Notifications", "/org/freedesktop/Notifications").CallWithContext(ctx,
		"org.freedesktop.Notifications.Notify", 0, "Sekimori", uint32(0), "drive-removable-media", summary, body,
		[]string{}, map[string]dbus.Variant{"urgency": dbus.MakeVariant(byte(2))}, int32(0)).Err
}

// wall writes to the terminal of a session.
func (h *linux) wall(ctx context.Context, s signedIn, text string) error {
	var tty string
	err := h.onBus(ctx, func(c *dbus.Conn) error {
		v, err := c.Object("org.freedesktop.login1", s.Path).GetProperty("org.freedesktop.login1.Session.TTY")
		if err == nil {
			err = v.Store(&tty)
		}
		return err
	})
	if err != nil {
		return err
	}
	if tty == "" || strings.Contains(tty, "..") {
		return errors.New("it has neither a desktop nor a terminal")
	}
	return patiently(ctx, func() error {
		return as(s.UID, func() error {
			fd, err := unix.Open(filepath.Join(h.o.Root, "/dev", tty), unix.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			_, err = unix.Write(fd, []byte("\r\n"+strings.ReplaceAll(text, "\n", "\r\n")+"\r\n"))
			return err
		})
	})
}

// patiently does f again, a moment later and a few times, when a terminal is not ready: that of
// a session that has just begun is not yet its person's, and a slow one may be full.
func patiently(ctx context.Context, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if try == tellTries || !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.EAGAIN) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(tellAgain):
		}
	}
}

// as runs f, on a thread of its own, as an account: buses and terminals let nobody else in,
// and what lies there may not be trusted with more. f starts no goroutine.
func as(uid uint32, f func() error) error {
	if int(uid) == os.Geteuid() {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
			done <- fmt.Errorf("act as account %d: %w", uid, errno)
			return
		}
		done <- f()
	}()
	return <-done
}

// dialUnix connects on this very thread, whose account the other end is told.
func dialUnix(path string) (net.Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 2}); err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, err
	}
	return net.FileConn(f)
}
