package stage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"sekimori/internal/testkit/netns"
)

// Ports of the neighbours.
const (
	portEcho     = 445
	portDownload = 8080
	portShell    = 4444
)

// Neighbour is another machine of the company's network. Each answers on TCP and UDP.
type Neighbour struct {
	*netns.Space
	t            netns.Owner
	addr4, addr6 string
}

// neighbour makes a machine that echoes what is said to it by TCP and by UDP.
func (c *Company) neighbour(addr4, addr6 string) *Neighbour {
	c.t.Helper()
	n := &Neighbour{netns.New(c.t), c.t, addr4, addr6}
	c.Office.Plug(n.Space, "eth0", Prefixes(addr4, addr6)...)
	Echo(c.t, n.Space)
	return n
}

// Echo has a machine send back what it is told, by TCP and UDP.
func Echo(t netns.Owner, s *netns.Space) {
	t.Helper()
	serve(t, s, portEcho, func(c net.Conn) { io.Copy(c, c) })
	u := s.ListenPacket("udp", fmt.Sprintf(":%d", portEcho))
	go func() { // ends with its socket
		b := make([]byte, 512)
		for {
			n, from, err := u.ReadFrom(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				u.WriteTo(b[:n], from)
			}
		}
	}()
}

// serve answers connections until the owner ends.
func serve(t netns.Owner, s *netns.Space, port int, answer func(net.Conn)) {
	t.Helper()
	l := s.Listen("tcp", fmt.Sprintf(":%d", port))
	go func() { // ends with its socket
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go func() {
				answer(c)
				c.Close()
			}()
		}
	}()
}

// serveNames answers questions for one name, of both versions, and knows no other.
func (n *Neighbour) serveNames(name, addr4, addr6 string) {
	n.t.Helper()
	u := n.ListenPacket("udp", ":53")
	go func() { // ends with its socket
		b := make([]byte, 1500)
		for {
			size, from, err := u.ReadFrom(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			if answer := resolve(b[:size], name, netip.MustParseAddr(addr4), netip.MustParseAddr(addr6)); answer != nil {
				u.WriteTo(answer, from)
			}
		}
	}()
}

// resolve answers one question of the name service, or gives nil for what is none.
func resolve(question []byte, name string, addr4, addr6 netip.Addr) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	out := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true, RecursionAvailable: true, RCode: dnsmessage.RCodeNameError}, Questions: m.Questions}
	if q.Name.String() == name+"." {
		out.RCode = dnsmessage.RCodeSuccess
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, Type: q.Type, TTL: 60}
		switch q.Type {
		case dnsmessage.TypeA:
			out.Answers = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.AResource{A: addr4.As4()}}}
		case dnsmessage.TypeAAAA:
			out.Answers = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.AAAAResource{AAAA: addr6.As16()}}}
		}
	}
	raw, err := out.Pack()
	if err != nil {
		return nil
	}
	return raw
}

// Download is a transfer to a PC that goes on without end.
type Download struct {
	Bytes atomic.Int64
	Ended chan error // what the PC's program was told in the end

	conn net.Conn
}

// ServeDownloads makes the machine a file server.
func (n *Neighbour) ServeDownloads() {
	n.t.Helper()
	block := make([]byte, 16<<10)
	serve(n.t, n.Space, portDownload, func(c net.Conn) {
		for {
			if _, err := c.Write(block); err != nil {
				return
			}
			time.Sleep(time.Millisecond) // it is to go on, not to fill the machine
		}
	})
}

// Download starts one to the PC and waits until it runs. version is 4 or 6.
func (n *Neighbour) Download(p *PC, version int) *Download {
	n.t.Helper()
	c := n.connect(p, version, portDownload)
	d := &Download{Ended: make(chan error, 1), conn: c}
	go func() { // ends with its connection
		b := make([]byte, 16<<10)
		for {
			size, err := c.Read(b)
			d.Bytes.Add(int64(size))
			if err != nil {
				d.Ended <- err
				return
			}
		}
	}()
	for end := time.Now().Add(Patience); d.Bytes.Load() < 64<<10; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			n.t.Fatalf("the download does not run")
		}
	}
	return d
}

// Address gives where a port of the machine is dialled.
func (n *Neighbour) Address(version, port int) string {
	host := n.addr4
	if version == 6 {
		host = n.addr6
	}
	return net.JoinHostPort(host, fmt.Sprint(port))
}

func (n *Neighbour) connect(p *PC, version, port int) net.Conn {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	c, err := p.Dial(ctx, "tcp", n.Address(version, port))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { c.Close() })
	return c
}

// Shell is a command shell on a PC that an attacker types into from afar.
type Shell struct {
	Ended chan struct{} // closed when the shell on the PC has ended

	far net.Conn
	say *bufio.Reader
}

// TakeShell has a program on the PC open a shell to the attacker, as malware does.
func (n *Neighbour) TakeShell(p *PC, version int) *Shell {
	n.t.Helper()
	var l net.Listener
	err := n.Do(func() (err error) {
		l, err = net.Listen("tcp", n.Address(version, portShell))
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
	defer l.Close()
	near, ok := n.connect(p, version, portShell).(*net.TCPConn)
	if !ok {
		n.t.Fatal("no TCP connection")
	}
	far, err := l.Accept()
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { far.Close() })
	socket, err := near.File()
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = socket, socket, socket
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = p.Space.Start(cmd)
	socket.Close()
	near.Close() // the shell alone holds it now
	if err != nil {
		n.t.Fatal(err)
	}
	s := &Shell{Ended: make(chan struct{}), far: far, say: bufio.NewReader(far)}
	go func() {
		cmd.Wait()
		close(s.Ended)
	}()
	n.t.Cleanup(func() {
		cmd.Process.Kill()
		<-s.Ended
	})
	if _, err := s.Type("echo ready"); err != nil {
		n.t.Fatalf("the shell does not answer: %v", err)
	}
	return s
}

// Type types a command of one line's answer, and gives the answer.
func (s *Shell) Type(command string) (string, error) { return s.typed(command, Patience) }

// TypeFor is Type for a shell that may not answer any more.
func (s *Shell) TypeFor(command string, wait time.Duration) (string, error) {
	return s.typed(command, wait)
}

func (s *Shell) typed(command string, wait time.Duration) (string, error) {
	if err := s.far.SetDeadline(time.Now().Add(wait)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(s.far, command+"\n"); err != nil {
		return "", err
	}
	return s.say.ReadString('\n')
}
