package netns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Owner is whom networks are made for, and who ends them: a testing.TB, or a program that
// does as a test does. Fatal, Fatalf and Skip do not return.
type Owner interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Skip(args ...any)
	Cleanup(f func()) // calls f at the end; the last given first
}

// Space is one network namespace: a machine, as far as its network goes. Loopback is up.
type Space struct {
	t  Owner
	ns netns.NsHandle
}

// New makes a Space that lives as long as its owner and what was started in it.
func New(t Owner) *Space {
	t.Helper()
	if os.Geteuid() != 0 {
		const why = "making network namespaces needs root"
		if os.Getenv("CI") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	s := &Space{t: t}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		var err error
		s.ns, err = netns.New()
		made <- err
	}()
	if err := <-made; err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	t.Cleanup(func() { s.ns.Close() })
	s.links(func(h *netlink.Handle) error {
		lo, err := h.LinkByName("lo")
		if err != nil {
			return err
		}
		return h.LinkSetUp(lo)
	})
	return s
}

// Path names the namespace for whoever opens it by name, also in other processes, as
// long as this one lives.
func (s *Space) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(s.ns)) }

// Do runs f inside. Sockets that f itself makes stay inside for life; goroutines that it
// starts do not.
func (s *Space) Do(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good, as above
		if err := netns.Set(s.ns); err != nil {
			done <- fmt.Errorf("enter the network namespace: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

// Dial is net.Dialer.DialContext inside. address is an IP address with a port: there is
// no name service.
func (s *Space) Dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = s.Do(func() (err error) {
		var d net.Dialer
		c, err = d.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// Listen is net.Listen inside, closed with the test.
func (s *Space) Listen(network, address string) net.Listener {
	s.t.Helper()
	var l net.Listener
	err := s.Do(func() (err error) {
		l, err = net.Listen(network, address)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close() })
	return l
}

// ListenPacket is net.ListenPacket inside, closed with the test.
func (s *Space) ListenPacket(network, address string) net.PacketConn {
	s.t.Helper()
	var c net.PacketConn
	err := s.Do(func() (err error) {
		c, err = net.ListenPacket(network, address)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// Start starts a program inside. It must not be one that is to die with the thread that
// started it (Pdeathsig): that is gone at once.
func (s *Space) Start(cmd *exec.Cmd) error { return s.Do(cmd.Start) }

// Keep starts a program inside that is killed when this process dies. ended is closed when
// it has ended and was waited for.
func (s *Space) Keep(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	started, done := make(chan error), make(chan struct{})
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	go func() {
		defer close(done)
		// The death signal comes when the thread ends that started the program: so this one
		// does nothing else until then, and ends, as in Do.
		runtime.LockOSThread()
		err := netns.Set(s.ns)
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			cmd.Wait() // how it ended is in cmd.ProcessState
		}
	}()
	return done, <-started
}

// Run runs a program inside and returns what it printed; what it complained about is
// part of the error.
func (s *Space) Run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &complaint, 5*time.Second
	err := s.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, &complaint)
	}
	return out.String(), nil
}

// Forward makes the machine a router between its links.
func (s *Space) Forward() {
	s.t.Helper()
	s.set("/proc/sys/net/ipv4/ip_forward", "1")
	s.set("/proc/sys/net/ipv6/conf/all/forwarding", "1")
}

// set writes a setting of the namespace.
func (s *Space) set(path, value string) {
	s.t.Helper()
	if err := s.Do(func() error { return os.WriteFile(path, []byte(value), 0) }); err != nil {
		s.t.Fatal(err)
	}
}

// Route sends what is for to by way of the router.
func (s *Space) Route(to netip.Prefix, router netip.Addr) {
	s.t.Helper()
	s.links(func(h *netlink.Handle) error {
		return h.RouteReplace(&netlink.Route{
			Dst: &net.IPNet{IP: to.Addr().AsSlice(), Mask: net.CIDRMask(to.Bits(), to.Addr().BitLen())},
			Gw:  router.AsSlice(),
		})
	})
}

// SetLink pulls the cable out of a link or plugs it in.
func (s *Space) SetLink(name string, up bool) {
	s.t.Helper()
	s.links(func(h *netlink.Handle) error {
		l, err := h.LinkByName(name)
		if err != nil {
			return err
		}
		if up {
			return h.LinkSetUp(l)
		}
		return h.LinkSetDown(l)
	})
}

// SetMTU sets the size of the largest packet that a link sends.
func (s *Space) SetMTU(name string, bytes int) {
	s.t.Helper()
	s.links(func(h *netlink.Handle) error {
		l, err := h.LinkByName(name)
		if err != nil {
			return err
		}
		return h.LinkSetMTU(l, bytes)
	})
}

// ForgetNeighbours has the machine look for its neighbours anew.
func (s *Space) ForgetNeighbours() {
	s.t.Helper()
	s.links(func(h *netlink.Handle) error {
		all, err := h.NeighList(0, netlink.FAMILY_ALL)
		if err != nil {
			return err
		}
		for _, n := range all {
			if n.State&unix.NUD_NOARP != 0 {
				continue // groups, which are not looked for
			}
			if err := h.NeighDel(&n); err != nil && !errors.Is(err, unix.ENOENT) {
				return err
			}
		}
		return nil
	})
}

// links runs f with a handle to the machine's links, addresses and routes.
func (s *Space) links(f func(*netlink.Handle) error) {
	s.t.Helper()
	h, err := netlink.NewHandleAt(s.ns, unix.NETLINK_ROUTE)
	if err == nil {
		defer h.Close()
		err = f(h)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// Switch joins the machines that are plugged into it.
type Switch struct {
	space *Space
	ports int
}

// NewSwitch makes a switch without a machine.
func NewSwitch(t Owner) *Switch {
	t.Helper()
	w := &Switch{space: New(t)}
	w.space.links(func(h *netlink.Handle) error {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "switch"}}
		return errors.Join(h.LinkAdd(bridge), h.LinkSetUp(bridge))
	})
	return w
}

// Plug gives the machine a link of this name to the switch with these addresses, at once
// in use. Names have at most 15 letters.
func (w *Switch) Plug(s *Space, link string, addresses ...netip.Prefix) {
	s.t.Helper()
	port := fmt.Sprintf("port%d", w.ports)
	w.ports++
	w.space.links(func(h *netlink.Handle) error {
		bridge, err := h.LinkByName("switch")
		if err != nil {
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MasterIndex = port, bridge.Attrs().Index
		// The kernel tells at once that a cable is in only if the number of the link at
		// its other end is not by chance the same; otherwise within a second.
		attrs.Index = 1000 + w.ports
		veth := &netlink.Veth{LinkAttrs: attrs, PeerName: link, PeerNamespace: netlink.NsFd(s.ns)}
		return errors.Join(h.LinkAdd(veth), h.LinkSetUp(veth))
	})
	s.links(func(h *netlink.Handle) error {
		l, err := h.LinkByName(link)
		if err != nil {
			return err
		}
		// The kernel takes a second until the link has such an address by itself, and
		// without one a router finds no neighbours.
		own := netip.AddrFrom16([16]byte{0xfe, 0x80, 15: byte(w.ports)})
		for _, p := range append([]netip.Prefix{netip.PrefixFrom(own, 64)}, addresses...) {
			a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
			if p.Addr().Is6() {
				a.Flags = unix.IFA_F_NODAD // nor does anybody wait until it is known to be nobody else's
			}
			if err := h.AddrAdd(l, a); err != nil {
				return err
			}
		}
		return h.LinkSetUp(l)
	})
	w.space.await(port)
	s.await(link)
}

// await waits until a link carries packets, which the kernel sees to in its own time.
func (s *Space) await(link string) {
	s.t.Helper()
	s.links(func(h *netlink.Handle) error {
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			l, err := h.LinkByName(link)
			if err != nil || l.Attrs().OperState == netlink.OperUp {
				return err
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("the link %s does not come up", link)
			}
		}
	})
}
