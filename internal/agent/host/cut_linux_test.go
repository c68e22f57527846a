package host

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
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sekimori/internal/testkit/netns"
)

// cutChild has the test program cut off a namespace and wait to be killed.
const cutChild = "SEKIMORI_TEST_CUT_CHILD"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "sekimori-agent" {
		if err := playAgent(os.Args[1], os.Args[3]); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	if ns := os.Getenv(cutChild); ns != "" {
		if err := New(Options{NetNS: ns}).Cut(context.Background(), pinned()); err != nil {
			os.Stdout.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Stdout.WriteString("cut\n")
		select {}
	}
	os.Exit(m.Run())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCutAndOpen(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	h := l.host()
	l.expect(true, append(l.ways(), l.stayOpen()...)...)

	// What runs when the person presses the button.
	shell := l.session(l.pc, net.JoinHostPort(attacker4, "445"))
	shell6 := l.session(l.pc, net.JoinHostPort(attacker6, "445"))
	report := l.session(l.pc, net.JoinHostPort(management4, "8443"))
	report6 := l.session(l.pc, net.JoinHostPort(management6, "8443"))
	local := l.session(l.pc, net.JoinHostPort(pc4, "445"))
	door := l.pc.Listen("tcp", ":4444") // an IPv6 socket with IPv4 sessions
	intruder, err := dial(l.attacker, "tcp", net.JoinHostPort(pc4, "4444"), patience)
	must(t, err)
	defer intruder.Close()
	backDoor, err := door.Accept()
	must(t, err)
	defer backDoor.Close()
	lookup, err := dial(l.pc, "udp", net.JoinHostPort(dns4, "53"), patience)
	must(t, err)
	defer lookup.Close()
	must(t, lookup.SetDeadline(time.Now().Add(2*patience)))
	download := l.download()

	if err := h.Standing(t.Context(), pinned()); err == nil {
		t.Error("nothing was cut, but the rules stand")
	}
	must(t, h.Cut(t.Context(), pinned()))
	if err := h.Standing(t.Context(), pinned()); err != nil {
		t.Errorf("just cut: %v", err)
	}
	for name, c := range map[string]net.Conn{"shell, IPv4": shell, "shell, IPv6": shell6, "back door": backDoor} {
		if err := say(c, patience); !errors.Is(err, syscall.ECONNABORTED) {
			t.Errorf("%s: its program got %v, not an aborted connection", name, err)
		}
	}
	if _, err := lookup.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNABORTED) {
		t.Errorf("name lookup: its program got %v, not an aborted connection", err)
	}
	if err := <-download; !errors.Is(err, syscall.ECONNABORTED) {
		t.Errorf("download: its program got %v, not an aborted connection", err)
	}
	for name, c := range map[string]net.Conn{"report, IPv4": report, "report, IPv6": report6, "local": local} {
		if err := say(c, patience); err != nil {
			t.Errorf("%s: the session did not live on: %v", name, err)
		}
	}
	l.expect(false, l.ways()...)
	l.expect(true, l.stayOpen()...)

	// A second way out, such as a telephone's, that is opened later.
	telephone, mast := netns.NewSwitch(t), netns.New(t)
	telephone.Plug(mast, "eth0", netip.MustParsePrefix("203.0.113.1/24"), netip.MustParsePrefix("2001:db8:3::1/64"))
	l.echo(mast, ":445")
	telephone.Plug(l.pc, "usb0", netip.MustParsePrefix("203.0.113.10/24"), netip.MustParsePrefix("2001:db8:3::10/64"))
	later := []way{
		{"second way out, IPv4", l.pc, "tcp", "203.0.113.1:445"},
		{"second way out, IPv6", l.pc, "tcp", "[2001:db8:3::1]:445"},
		{"second way in", mast, "tcp", "203.0.113.10:445"},
	}
	l.expect(false, later...)

	must(t, h.Cut(t.Context(), pinned())) // again changes nothing
	must(t, h.Standing(t.Context(), pinned()))
	if err := say(report, patience); err != nil {
		t.Errorf("the report's session after a second cut: %v", err)
	}

	must(t, h.Open(t.Context()))
	must(t, h.Open(t.Context()))
	l.expect(true, append(append(l.ways(), l.stayOpen()...), later...)...)
	// The intruder's end was told nothing while the PC was cut off. Now it is.
	if err := say(intruder, patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a session from before the cut after the release: %v", err)
	}
	if err := say(shell, lateness); err == nil {
		t.Error("the shell has come back")
	}
}

// download starts a transfer that goes on without end; what comes is how it ended.
func (l *lan) download() <-chan error {
	ln := l.files.Listen("tcp", ":8080")
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		l.t.Cleanup(func() { c.Close() })
		for b := make([]byte, 64<<10); err == nil; {
			_, err = c.Write(b)
		}
	}()
	c, err := dial(l.pc, "tcp", net.JoinHostPort(files4, "8080"), patience)
	must(l.t, err)
	l.t.Cleanup(func() { c.Close() })
	ended, started := make(chan error, 1), make(chan struct{})
	go func() {
		_, err := io.CopyN(io.Discard, c, 1<<20)
		close(started)
		if err == nil {
			_, err = io.Copy(io.Discard, c)
		}
		ended <- err
	}()
	<-started
	return ended
}

func TestCutOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), cutChild+"="+l.pc.Path())
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "cut\n" {
		t.Errorf("the child said %q, %v", line, err)
	}
	must(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Error("the child was not killed")
	}
	must(t, l.host().Standing(t.Context(), pinned()))
	l.expect(false, l.ways()...)
	l.expect(true, l.stayOpen()...)
}

// Rules are exchanged while packets rush at them: none may slip through.
func TestChangeLeavesNoGap(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	h := l.host()
	report := l.session(l.pc, net.JoinHostPort(management4, "8443"))
	must(t, h.Cut(t.Context(), pinned()))

	var through atomic.Int64
	count := func(s *netns.Space) net.PacketConn {
		c := s.ListenPacket("udp4", ":9999")
		go func() {
			for b := make([]byte, 16); ; {
				if _, _, err := c.ReadFrom(b); err != nil {
					return
				}
				through.Add(1)
			}
		}()
		return c
	}
	in, out := count(l.pc), count(l.attacker)
	stop := make(chan struct{})
	sent := make(chan int, 2)
	rush := func(c net.PacketConn, to string) {
		n, addr := 0, net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(to), 9999))
		for {
			select {
			case <-stop:
				sent <- n
				return
			default:
				c.WriteTo([]byte("x"), addr)
				n++
			}
		}
	}
	go rush(in, attacker4)
	go rush(out, pc4)
	other := Allow{Servers: append(pinned().Servers, netip.MustParseAddrPort(net.JoinHostPort(files4, "8443")))}
	for i := range 30 {
		allow := pinned()
		if i%2 == 0 {
			allow = other
		}
		must(t, h.Cut(t.Context(), allow))
		must(t, h.Standing(t.Context(), allow))
	}
	close(stop)
	tried := <-sent + <-sent
	must(t, say(report, patience))
	if n := through.Load(); n != 0 {
		t.Errorf("%d of %d packets got through while the rules were exchanged", n, tried)
	}
	if tried < 1000 {
		t.Errorf("only %d packets were tried", tried)
	}
	// The test would have seen them.
	must(t, h.Open(t.Context()))
	in.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(attacker4+":9999")))
	for at := time.Now(); through.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Since(at) > patience {
			t.Fatal("no packet gets through after the release")
		}
	}
}

func nft(t *testing.T, s *netns.Space, script string) {
	t.Helper()
	if _, err := s.Run(t.Context(), "nft", script); err != nil {
		t.Fatal(err)
	}
}

func TestStandingSeesEveryChange(t *testing.T) {
	t.Parallel()
	needNFT(t)
	pc := netns.New(t)
	h := New(Options{NetNS: pc.Path()})
	for _, script := range []string{
		"flush ruleset",
		"delete table inet sekimori",
		"delete table bridge sekimori",
		"add table inet sekimori { flags dormant ; }",
		"flush chain inet sekimori output",
		"flush table inet sekimori",
		"add rule inet sekimori output accept",
		"insert rule inet sekimori input ip saddr 192.0.2.30 accept",
		"insert rule inet sekimori output oif lo accept", // one of ours, once too often
		"add rule inet sekimori forward accept",
		"add rule bridge sekimori forward accept",
		"chain inet sekimori output { policy accept ; }",
		"chain inet sekimori forward { policy accept ; }",
		"add chain inet sekimori more",
		"delete chain inet sekimori forward",
		"flush chain inet sekimori forward",
		"delete chain inet sekimori forward; add chain inet sekimori forward",
		"delete chain inet sekimori forward; add chain inet sekimori forward { type filter hook forward priority 0 ; policy drop ; }",
		"delete chain inet sekimori forward; add chain inet sekimori forward { type filter hook input priority 2147483647 ; policy drop ; }",
	} {
		must(t, h.Cut(t.Context(), pinned()))
		must(t, h.Standing(t.Context(), pinned()))
		nft(t, pc, script)
		err := h.Standing(t.Context(), pinned())
		if err == nil {
			t.Errorf("%s: not seen", script)
		}
		if again := New(Options{NetNS: pc.Path()}).Standing(t.Context(), pinned()); again == nil {
			t.Errorf("%s: not seen by a later process", script)
		}
	}
	must(t, h.Cut(t.Context(), pinned()))
	must(t, New(Options{NetNS: pc.Path()}).Standing(t.Context(), pinned()))
	if err := h.Standing(t.Context(), Allow{}); err == nil {
		t.Error("rules with servers stand for rules without")
	}
	must(t, h.Cut(t.Context(), Allow{}))
	must(t, h.Standing(t.Context(), Allow{}))
	nft(t, pc, "add table inet other; add chain inet other output { type filter hook output priority 0; policy accept; }")
	must(t, h.Standing(t.Context(), Allow{})) // others may do what they like
	must(t, h.Open(t.Context()))
	out, err := pc.Run(t.Context(), "nft", "list", "tables")
	if err != nil || out != "table inet other\n" {
		t.Errorf("after Open there is %q, %v", out, err)
	}
}

func needNFT(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil {
		lacks(t, "nft", "nftables")
	}
}

func TestOtherTablesCannotOpen(t *testing.T) {
	t.Parallel()
	needNFT(t)
	l := newLAN(t)
	h := l.host()
	others := func() {
		t.Helper()
		for _, priority := range []string{"-400", "-150", "0", "300", "2147483647"} {
			table := "inet other_" + strings.ReplaceAll(priority, "-", "m")
			nft(t, l.pc, "add table "+table)
			for _, hook := range []string{"prerouting", "input", "forward", "output", "postrouting"} {
				nft(t, l.pc, "add chain "+table+" "+hook+" { type filter hook "+hook+" priority "+priority+"; policy accept; }; add rule "+table+" "+hook+" accept")
			}
		}
		// What goes to the server is sent elsewhere.
		nft(t, l.pc, "add table inet detour; add chain inet detour output { type nat hook output priority -100; }; "+
			"add rule inet detour output ip daddr "+management4+" tcp dport 8443 dnat ip to "+attacker4+":445")
	}
	nft(t, l.pc, "add table inet early; add chain inet early output { type filter hook output priority -150; policy accept; }")
	must(t, h.Cut(t.Context(), pinned()))
	others()
	must(t, h.Standing(t.Context(), pinned()))
	l.expect(false, l.ways()...)
	l.expect(false, way{"the server's address turned to the attacker", l.pc, "tcp", net.JoinHostPort(management4, "8443")})
	l.expect(true, l.stayOpen()[1:]...)
}

func TestWatchTellsOfChanges(t *testing.T) {
	t.Parallel()
	needNFT(t)
	pc := netns.New(t)
	h := New(Options{NetNS: pc.Path()})
	must(t, h.Cut(t.Context(), pinned()))
	ctx, cancel := context.WithCancel(t.Context())
	told, ended := make(chan struct{}, 100), make(chan error, 1)
	go func() { ended <- h.Watch(ctx, func() { told <- struct{}{} }) }()
	await := func(what string) {
		t.Helper()
		select {
		case <-told:
		case err := <-ended:
			t.Fatalf("%s: it has ended: %v", what, err)
		case <-time.After(patience):
			t.Fatalf("%s: not told", what)
		}
	}
	// Until it listens it hears nothing.
	for listening := false; !listening; {
		nft(t, pc, "add chain inet sekimori more")
		select {
		case <-told:
			listening = true
		case <-time.After(10 * gather):
		}
		nft(t, pc, "delete chain inet sekimori more")
	}
	await("a chain was deleted")
	nft(t, pc, "add table inet other; add chain inet other more; delete table inet other")
	nft(t, pc, "add rule inet sekimori output accept")
	await("a rule was added")
	nft(t, pc, "delete table inet sekimori")
	await("the table was deleted")
	must(t, h.Cut(t.Context(), pinned()))
	await("the table was put in")
	nft(t, pc, "flush ruleset")
	await("everything was flushed")
	time.Sleep(5 * gather)
	if n := len(told); n != 0 {
		t.Errorf("%d more calls: other tables concern nobody, and one change is told once", n)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestManyServers(t *testing.T) {
	t.Parallel()
	pc := netns.New(t)
	h := New(Options{NetNS: pc.Path()})
	var allow Allow
	addr := netip.MustParseAddr("2001:db8::1")
	for range 1024 { // the most that a document may have
		allow.Servers = append(allow.Servers, netip.AddrPortFrom(addr, managementPort))
		addr = addr.Next()
	}
	must(t, h.Cut(t.Context(), allow))
	must(t, h.Standing(t.Context(), allow))
	must(t, h.Cut(t.Context(), pinned()))
	must(t, h.Standing(t.Context(), pinned()))
}

func TestServersAreBroughtIntoOneForm(t *testing.T) {
	t.Parallel()
	parse := netip.MustParseAddrPort
	got := servers(Allow{[]Endpoint{parse("[::ffff:192.0.2.1]:8443"), parse("127.0.0.1:8443"), parse("[2001:db8::1]:8443"),
		parse("192.0.2.1:8443"), parse("0.0.0.0:8443"), parse("192.0.2.1:0"), parse("[fe80::1%eth0]:8443"), parse("224.0.0.1:8443"), {}}})
	want := "[192.0.2.1:8443 [2001:db8::1]:8443 [fe80::1]:8443]"
	if s := fmt.Sprint(got); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}

func TestPrivileged(t *testing.T) {
	t.Parallel()
	netns.New(t) // needs root too
	if err := New(Options{}).Privileged(); err != nil {
		t.Errorf("root: %v", err)
	}
	err := netns.New(t).Do(func() error { // on a thread that ends afterwards
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&hdr, &none[0]); err != nil {
			return err
		}
		return New(Options{}).Privileged()
	})
	if err == nil || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
		t.Errorf("without capabilities: %v", err)
	}
}

func TestPlanIsWhatIsPutIn(t *testing.T) {
	t.Parallel()
	needNFT(t)
	pc := netns.New(t)
	h := New(Options{NetNS: pc.Path()})
	plan := h.Plan(pinned())
	must(t, h.Cut(t.Context(), pinned()))
	listed, err := pc.Run(t.Context(), "nft", "--stateless", "--numeric", "list", "ruleset")
	must(t, err)
	if got, want := strings.Count(listed, "accept"), strings.Count(strings.Join(plan, "\n"), " accept"); got != want {
		t.Errorf("%d rules stand, %d are planned:\n%s\n%s", got, want, listed, strings.Join(plan, "\n"))
	}
	for _, line := range []string{
		"  oif lo accept",
		"  ip daddr 198.51.100.8 tcp dport 8443 accept",
		"  ip6 saddr 2001:db8:2::8 tcp sport 8443 tcp flags & (syn|ack) != syn accept",
		"chain inet forward: drop everything",
	} {
		if !strings.Contains("\n"+strings.Join(plan, "\n")+"\n", "\n"+line+"\n") {
			t.Errorf("the plan lacks %q:\n%s", line, strings.Join(plan, "\n"))
		}
	}
}

func BenchmarkCut(b *testing.B) {
	pc := netns.New(b)
	h := New(Options{NetNS: pc.Path()}).(*linux)
	b.Run("first", func(b *testing.B) { // until every packet is blocked
		for b.Loop() {
			must(b, h.putIn(chains(pinned())))
			b.StopTimer()
			must(b, h.Open(b.Context()))
			time.Sleep(50 * time.Millisecond) // the kernel is still busy with taking them away
			b.StartTimer()
		}
	})
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			must(b, h.Cut(b.Context(), pinned()))
		}
	})
	b.Run("standing", func(b *testing.B) {
		for b.Loop() {
			must(b, h.Standing(b.Context(), pinned()))
		}
	})
}
