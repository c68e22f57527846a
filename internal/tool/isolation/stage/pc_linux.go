package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"sekimori/internal/kit/wire"
	"sekimori/internal/testkit/netns"
)

// PC is a machine with the agent.
type PC struct {
	*netns.Space
	Device string // its name at the server, once it is enrolled
	State  string // the agent's folder
	Lang   string // of its person; default en_US.UTF-8

	c       *Company
	log     string
	running *process
}

// NewPC makes a PC without an agent, on the company's switch.
func (c *Company) NewPC(name, addr4, addr6 string) *PC {
	c.t.Helper()
	p := &PC{Space: netns.New(c.t), Lang: "en_US.UTF-8", c: c, State: filepath.Join(c.dir, name), log: filepath.Join(c.dir, name+".log")}
	c.Office.Plug(p.Space, "eth0", Prefixes(addr4, addr6)...)
	Echo(c.t, p.Space)
	c.t.Cleanup(p.Kill)
	return p
}

// Enrolled is NewPC with an agent that the server knows and that runs.
func (c *Company) Enrolled(name, addr4, addr6 string) *PC {
	c.t.Helper()
	p := c.NewPC(name, addr4, addr6)
	p.Enrol()
	p.Start()
	p.AwaitConnected()
	return p
}

// Enrol binds the PC to the administrator.
func (p *PC) Enrol() {
	p.c.t.Helper()
	p.Must("enroll", "--server", URL, "--ca", p.c.certs.CA, "--token", p.c.Server.EnrolToken())
	raw, err := os.ReadFile(filepath.Join(p.State, "agent.json"))
	var id struct{ Device string }
	if err == nil {
		err = json.Unmarshal(raw, &id)
	}
	if err != nil {
		p.c.t.Fatalf("read the PC's identity: %v", err)
	}
	p.Device = id.Device
}

// Start starts the agent. A PC's agent may be killed and started again.
func (p *PC) Start() {
	p.c.t.Helper()
	cmd := furnished(p.c.resolv, p.c.programs.Agent, "run", "--state", p.State)
	cmd.Env = p.env()
	var err error
	if p.running, err = launch(p.Space, cmd, p.log); err != nil {
		p.c.t.Fatal(err)
	}
}

func (p *PC) env() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.c.dir, "LANG=" + p.Lang, "USER=hanako", "SEKIMORI_LOG_LEVEL=debug"}
}

// Kill ends the agent as kill -9 does.
func (p *PC) Kill() {
	p.running.end()
	p.running = nil
}

// Log is the end of what the agent has said.
func (p *PC) Log() string { return tail(p.log) }

// Command runs one of the agent's verbs as a person at the PC does.
func (p *PC) Command(verb string, args ...string) (stdout, stderr string, code int) {
	p.c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*Patience)
	defer cancel()
	cmd := furnished(p.c.resolv, p.c.programs.Agent, append([]string{verb, "--state", p.State}, args...)...)
	cmd.Env = p.env()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := p.Space.Start(cmd); err != nil {
		p.c.t.Fatalf("sekimori-agent %s: %v", verb, err)
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.c.t.Fatalf("sekimori-agent %s: %v", verb, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// Must is Command for what must succeed; it gives what was printed.
func (p *PC) Must(verb string, args ...string) string {
	p.c.t.Helper()
	out, errs, code := p.Command(verb, args...)
	if code != 0 {
		p.c.t.Fatalf("sekimori-agent %s: exit %d\n%s%s\nthe agent's log:\n%s", verb, code, out, errs, p.Log())
	}
	return out
}

// Press is "infected" without waiting for the report; what it has said comes in the end.
// It returns when the PC is isolated.
func (p *PC) Press(args ...string) <-chan string {
	p.c.t.Helper()
	presses := p.Status().Isolation.Local
	said := make(chan string, 1)
	go func() {
		out, errs, _ := p.Command("infected", args...)
		said <- out + errs
	}()
	p.Await("pressed and isolated", func(s Status) bool {
		return s.Isolation.Local > presses && s.Isolation.State != wire.IsolationOff
	})
	return said
}

// Status is how things stand on the PC.
type Status struct {
	Running   bool               `json:"running"`
	Document  int64              `json:"document"`
	Connected bool               `json:"connected"`
	Isolated  bool               `json:"isolated"`
	Isolation wire.IsolationFact `json:"isolation"`
	Waiting   int                `json:"waiting"`
	Label     string             `json:"label"`
	Problems  []string           `json:"problems"`
	Trouble   string             `json:"trouble"`
}

// Status asks the agent how things stand.
func (p *PC) Status() Status {
	p.c.t.Helper()
	out, errs, _ := p.Command("status", "--json")
	var s Status
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		p.c.t.Fatalf("sekimori-agent status: %v\n%s%s", err, out, errs)
	}
	return s
}

// Await waits until the PC says of itself what it should, and gives that.
func (p *PC) Await(what string, so func(Status) bool) Status {
	p.c.t.Helper()
	for end := time.Now().Add(Patience); ; time.Sleep(50 * time.Millisecond) {
		s := p.Status()
		if so(s) {
			return s
		}
		if time.Now().After(end) {
			p.c.t.Fatalf("%s: the PC still says %+v\n%s", what, s, p.Log())
		}
	}
}

// AwaitConnected waits until the agent holds its stream.
func (p *PC) AwaitConnected() {
	p.c.t.Helper()
	p.Await("connected", func(s Status) bool { return s.Running && s.Connected })
}

// Challenge has the PC show what is to be read to the administrator.
func (p *PC) Challenge() string {
	p.c.t.Helper()
	out := p.Must("release")
	found := regexp.MustCompile(`(?m)^\s+(\d{4}-\d{4})\s*$`).FindStringSubmatch(out)
	if found == nil {
		p.c.t.Fatalf("no challenge is shown:\n%s", out)
	}
	return strings.ReplaceAll(found[1], "-", "")
}
