package netns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Frame is one Ethernet frame as it came in.
type Frame struct {
	At   time.Time
	Data []byte // the first bytes, enough for the headers
}

// Capture keeps every frame that comes in over one link.
type Capture struct {
	file *os.File
	done chan struct{}

	mu     sync.Mutex
	frames []Frame // guarded by mu
	ending bool    // guarded by mu
	err    error   // guarded by mu: why it ended before it was told to
}

const (
	captured = 128     // bytes of each frame
	backlog  = 8 << 20 // bytes that wait in the kernel while this process is busy
)

// Capture begins to keep what comes in over the link, until the test ends. A frame that
// is lost on the way fails the test: nothing could be said about it.
func (s *Space) Capture(link string) *Capture {
	s.t.Helper()
	c := &Capture{done: make(chan struct{})}
	err := s.Do(func() (err error) {
		l, err := net.InterfaceByName(link)
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("open a packet socket: %w", err)
		}
		c.file = os.NewFile(uintptr(fd), "capture of "+link)
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, backlog); err != nil {
			return fmt.Errorf("make room for packets: %w", err)
		}
		const all = unix.ETH_P_ALL
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: binary.BigEndian.Uint16([]byte{all & 0xff, all >> 8}), Ifindex: l.Index})
	})
	if err != nil {
		s.t.Fatalf("capture %s: %v", link, err)
	}
	go c.read()
	s.t.Cleanup(func() {
		lost := c.lost()
		c.mu.Lock()
		c.ending = true
		c.mu.Unlock()
		c.file.Close()
		<-c.done
		if err := errors.Join(c.err, lost); err != nil {
			s.t.Errorf("the capture of %s is not whole: %v", link, err)
		}
	})
	return c
}

func (c *Capture) read() {
	defer close(c.done)
	err := c.keepAll()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ending {
		c.err = err
	}
}

// keepAll returns when the socket is closed or broken.
func (c *Capture) keepAll() error {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	buf := make([]byte, captured)
	for {
		var n int
		var from unix.Sockaddr
		var got error
		err := raw.Read(func(fd uintptr) bool {
			n, from, got = unix.Recvfrom(int(fd), buf, unix.MSG_TRUNC)
			return !errors.Is(got, unix.EAGAIN)
		})
		switch {
		case err != nil:
			return err
		case errors.Is(got, unix.EINTR), errors.Is(got, unix.ENETDOWN): // the link is down, and may be up again
			continue
		case got != nil:
			return got
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		c.mu.Lock()
		c.frames = append(c.frames, Frame{time.Now(), append([]byte(nil), buf[:min(n, captured)]...)})
		c.mu.Unlock()
	}
}

func (c *Capture) lost() error {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	var stats *unix.TpacketStats
	var asked error
	err = raw.Control(func(fd uintptr) {
		stats, asked = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	})
	if err := errors.Join(err, asked); err != nil {
		return err
	}
	if stats.Drops > 0 {
		return fmt.Errorf("%d frames were lost", stats.Drops)
	}
	return nil
}

// Frames returns what has come in so far, from the n-th frame on.
func (c *Capture) Frames(n int) []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Frame(nil), c.frames[min(n, len(c.frames)):]...)
}

// Settle waits until what has come in so far is in Frames.
func (c *Capture) Settle() {
	for last := -1; ; time.Sleep(50 * time.Millisecond) {
		c.mu.Lock()
		n := len(c.frames)
		c.mu.Unlock()
		if n == last {
			return
		}
		last = n
	}
}
