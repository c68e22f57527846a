package browser

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// cable is the way from a browser to the demo, which can be pulled out.
type cable struct {
	t    *testing.T
	addr string // where the browser reaches it, the same all the time
	to   string

	mu    sync.Mutex
	ln    net.Listener
	open  []net.Conn
	deaf  bool // what the demo answers does not come back
	going sync.WaitGroup
}

// newCable makes one that is in.
func newCable(t *testing.T) *cable {
	t.Helper()
	c := &cable{t: t, addr: "127.0.0.1:0", to: strings.TrimPrefix(demoURL, "http://")}
	c.plug()
	t.Cleanup(func() { c.pull(); c.going.Wait() })
	return c
}

// url is an address behind the cable.
func (c *cable) url(path string) string { return "http://" + c.addr + path }

// plug puts it in.
func (c *cable) plug() {
	c.t.Helper()
	ln, err := net.Listen("tcp", c.addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	c.ln, c.addr, c.deaf = ln, ln.Addr().String(), false
	c.mu.Unlock()
	c.going.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			c.going.Go(func() { c.carry(in) })
		}
	})
}

// pull takes it out: nothing answers any more, and what was under way ends.
func (c *cable) pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ln.Close()
	for _, one := range c.open {
		one.Close()
	}
	c.open = nil
}

// onlyOut lets everything through to the demo, and nothing back.
func (c *cable) onlyOut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = true
}

func (c *cable) carry(in net.Conn) {
	out, err := net.Dial("tcp", c.to)
	if err != nil {
		in.Close()
		return
	}
	c.mu.Lock()
	c.open = append(c.open, in, out)
	c.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { io.Copy(out, in); out.Close(); in.Close() })
	both.Go(func() {
		b := make([]byte, 32<<10)
		for {
			n, err := out.Read(b)
			c.mu.Lock()
			deaf := c.deaf
			c.mu.Unlock()
			if deaf && n > 0 {
				c.pull() // the answer was on its way
				return
			}
			if n > 0 {
				if _, err := in.Write(b[:n]); err != nil {
					break
				}
			}
			if err != nil {
				break
			}
		}
		in.Close()
		out.Close()
	})
	both.Wait()
}
