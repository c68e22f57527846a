package endpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sekimori/internal/testkit/natsd"
	"sekimori/internal/testkit/pg"
	"sekimori/internal/tool/isolation/stage"
)

// TestTwoServers: the PC listens at one server, the order is given at the other; then the
// first one dies. The agent has no rights here and only says what it would do.
func TestTwoServers(t *testing.T) {
	notShort(t)
	dir, err := os.MkdirTemp("", "sekimori-two-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	database := filepath.Join(dir, "database")
	if err := os.WriteFile(database, []byte(pg.URL(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	front := newForwarder(t)
	first, second := freeAddress(t), freeAddress(t)
	a := stage.NewServer(t, nil, built, dir, "", "http://"+first, []string{
		"SEKIMORI_DATABASE_FILE=" + database, "SEKIMORI_NATS_URL=" + natsd.Start(t).URL, "SEKIMORI_AGENT_URL=http://" + front.address,
		"SEKIMORI_LISTEN=" + first, "SEKIMORI_BASE_URL=http://" + first,
	})
	b := a.Twin("http://"+second, "SEKIMORI_LISTEN="+second, "SEKIMORI_BASE_URL=http://"+second)
	a.Start()
	b.Start()
	front.turn(first)

	pc := newPowerless(t)
	pc.command(t, "enroll", "--server", "http://"+front.address, "--token", a.EnrolToken())
	pc.start(t)
	device := pc.await(t, "connected", func(s powerless) bool { return s.Connected }).Device
	b.Await(device, "the second server knows that it is there", func(d stage.Device) bool { return d.Online })

	b.Isolate(device, "ordered at the other server")
	pc.await(t, "the nudge has come across", func(s powerless) bool { return s.Isolated })
	d := a.Await(device, "the first server has its answer", func(d stage.Device) bool { return d.Applied == d.Desired })
	if !d.DryRun || !d.Isolation.Order.Applied.IsZero() {
		t.Errorf("a dry run counts as isolated: %+v", d)
	}

	a.Kill()
	front.turn(second)
	b.Release(device, "ordered when one server was dead")
	pc.await(t, "obeyed through the other", func(s powerless) bool { return !s.Isolated && s.Connected })
	b.Await(device, "the other server has its answer", func(d stage.Device) bool { return d.Online && d.Applied == d.Desired })
	b.Isolate(device, "and once more")
	pc.await(t, "isolated again", func(s powerless) bool { return s.Isolated })
}

// forwarder passes connections on to one server after the other, as a balancer does.
type forwarder struct {
	address string
	to      atomic.Pointer[string]
}

func newForwarder(t *testing.T) *forwarder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &forwarder{address: l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { f.pass(near) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() }) // after the servers and the agent, which hold the connections
	return f
}

func (f *forwarder) turn(to string) { f.to.Store(&to) }

func (f *forwarder) pass(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", *f.to.Load())
	if err != nil {
		return
	}
	defer far.Close()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			io.Copy(way[0], way[1])
			way[0].Close()
			ended <- struct{}{}
		}()
	}
	<-ended
	far.Close()
	near.Close()
	<-ended
}

// freeAddress finds a port below those that the system gives to outgoing connections, so
// that none of them takes it while no server is there.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000)))
		if err == nil {
			l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port between 20000 and 32000")
	return ""
}

// noRights is an agent in a dry run, of an account without any rights.
type noRights struct{ state string }

// powerless is what it says of itself.
type powerless struct {
	Device    string `json:"device"`
	Connected bool   `json:"connected"`
	Isolated  bool   `json:"isolated"`
	DryRun    bool   `json:"dry_run"`
}

const nobody = 65534

func newPowerless(t *testing.T) *noRights {
	t.Helper()
	dir, err := os.MkdirTemp("", "sekimori-pc-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return &noRights{filepath.Join(dir, "state")}
}

func (n *noRights) cmd(args ...string) *exec.Cmd {
	cmd := exec.Command(built.Agent[0], append(args, "--state", n.state)...)
	cmd.Env = []string{"HOME=" + filepath.Dir(n.state), "LANG=en_US.UTF-8"}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

func (n *noRights) command(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := n.cmd(args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("sekimori-agent %s: %v\n%s%s", strings.Join(args, " "), err, out, &errs)
	}
	return out
}

func (n *noRights) start(t *testing.T) {
	t.Helper()
	cmd := n.cmd("run", "--dry-run")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

func (n *noRights) await(t *testing.T, what string, so func(powerless) bool) powerless {
	t.Helper()
	for end := time.Now().Add(stage.Patience); ; time.Sleep(50 * time.Millisecond) {
		var s powerless
		if err := json.Unmarshal(n.command(t, "status", "--json"), &s); err != nil {
			t.Fatal(err)
		}
		if so(s) {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("%s: the PC says %+v", what, s)
		}
	}
}
