package host

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sekimori/internal/testkit/debian"
	"sekimori/internal/testkit/manager"
	"sekimori/internal/testkit/netns"
	"sekimori/internal/testkit/nspawn"
)

const agentState = "/var/lib/sekimori-agent"

// pc is the machine with the agent on it, and the server beside it.
type pc struct {
	*nspawn.Machine
	t      *testing.T
	lan    *netns.Switch
	server *manager.Server
	device string // its id, once it is enrolled
}

// TestAgentOnAHost is one PC's life: the parts need the ones before them.
func TestAgentOnAHost(t *testing.T) {
	p := &pc{Machine: nspawn.Boot(t, nspawn.Options{}), t: t, lan: netns.NewSwitch(t)}
	space := netns.New(t)
	at := netip.MustParseAddrPort("192.0.2.1:8443")
	p.lan.Plug(space, "eth0", netip.PrefixFrom(at.Addr(), 24))
	p.server = manager.Start(t, space, at)
	p.plug()
	for _, part := range []struct {
		name string
		run  func(*pc)
	}{
		{"enrolled and installed", (*pc).installed},
		{"it stays without a ticket", (*pc).keepsItself},
		{"anybody at the PC may press", (*pc).pressed},
		{"killed, it comes back, and the rules stand", (*pc).killed},
		{"its table is put back", (*pc).putBack},
		{"with garbage for a memory, it stays cut and can be released", (*pc).garbage},
		{"with a ticket, nothing is left", (*pc).uninstalled},
	} {
		t.Log(part.name)
		part.run(p)
	}
}

// plug gives the machine its network; a boot makes a new one.
func (p *pc) plug() {
	p.lan.Plug(netns.Of(p.t, p.NetNS()), "eth0", netip.MustParsePrefix("192.0.2.10/24"))
}

// run runs a program inside; it must succeed.
func (p *pc) run(args ...string) string {
	p.t.Helper()
	out, err := p.Run(p.t.Context(), args...)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(out)
}

func (p *pc) await(what string, so func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("this never came: %s\n%s", what, p.run("journalctl", "--no-pager", "--lines=30", "--unit=sekimori-agent"))
		}
	}
}

func (p *pc) proven() manager.Device {
	p.t.Helper()
	return p.server.Await("isolated and proven", p.device, patience, func(d manager.Device) bool {
		return d.Online && d.Isolation.Wanted && d.Isolation.State == "proven"
	})
}

// cut reports whether both tables are there.
func (p *pc) cut() bool {
	p.t.Helper()
	return strings.Contains(p.run("nft", "list", "tables"), "table inet sekimori")
}

func (p *pc) installed() {
	p.CopyIn(manager.Build(p.t, "sekimori/cmd/sekimori-agent"), "/usr/local/bin/sekimori-agent", 0o755)
	p.CopyIn(p.server.CA, "/root/ca.pem", 0o644)
	p.run("sekimori-agent", "enroll", "--server", p.server.URL, "--ca", "/root/ca.pem", "--token", p.server.Token())
	p.run("sekimori-agent", "install")
	for _, unit := range []string{"sekimori-agent.service", "sekimori-agent-boot.service"} {
		if got := p.run("systemctl", "is-enabled", unit); got != "enabled" {
			p.t.Errorf("%s is %s", unit, got)
		}
		p.run("systemd-analyze", "verify", "--recursive-errors=no", "/etc/systemd/system/"+unit)
	}
	if got := p.run("systemctl", "show", "--value", "--property=Before", "sekimori-agent-boot"); !strings.Contains(got, "network-pre.target") {
		p.t.Errorf("what cuts at boot comes only before %s", got)
	}
	all := p.server.Devices()
	if len(all) != 1 {
		p.t.Fatalf("the server knows %d devices", len(all))
	}
	p.device = all[0].ID
	p.server.Await("online", p.device, patience, func(d manager.Device) bool { return d.Online })
	if p.cut() {
		p.t.Error("a PC that nobody isolated is cut off")
	}
}

// refusesToGo checks that no such command takes the agent away.
func (p *pc) refusesToGo(args ...string) {
	p.t.Helper()
	out, err := p.Run(p.t.Context(), append([]string{"sekimori-agent", "uninstall"}, args...)...)
	if err == nil {
		p.t.Errorf("the agent has let itself be taken away:\n%s", out)
	}
	if got := p.run("systemctl", "is-active", "sekimori-agent"); got != "active" {
		p.t.Errorf("the agent is %s", got)
	}
}

func (p *pc) keepsItself() {
	p.refusesToGo()
	p.Write("/root/ticket", "Permission granted\n", 0o600)
	p.refusesToGo("--ticket", "/root/ticket")
}

func (p *pc) pressed() {
	p.Write("/root/ticket", p.server.Ticket(p.device, "To be given back"), 0o600)
	said := p.run("runuser", "-u", debian.User, "--", "sekimori-agent", "infected", "--note", "A window asks for money")
	if !strings.Contains(said, "INC-") {
		p.t.Errorf("the press was answered without a case:\n%s", said)
	}
	if !p.cut() {
		p.t.Error("after a press there is no table")
	}
	if o := p.proven().Isolation.Order; o == nil || o.Via != "pc" || o.Incident == "" {
		p.t.Errorf("the order of the press is %+v", o)
	}
	p.await("a reason not to shut down", func() bool {
		held := p.run("systemd-inhibit", "--list", "--no-legend")
		return strings.Contains(held, "Sekimori") && strings.Contains(held, "shutdown")
	})
	p.refusesToGo("--ticket", "/root/ticket") // nor does a good one help while it is isolated
}

func (p *pc) killed() {
	before := p.run("systemctl", "show", "--value", "--property=MainPID", "sekimori-agent")
	p.run("systemctl", "kill", "--signal=KILL", "sekimori-agent")
	restarted := func() bool {
		pid := p.run("systemctl", "show", "--value", "--property=MainPID", "sekimori-agent")
		return pid != "0" && pid != before
	}
	for looks := 0; !restarted() || looks == 0; looks++ {
		if !p.cut() {
			p.t.Fatal("while the agent is dead the PC is open")
		}
		if looks > 1000 {
			p.t.Fatal("the agent does not come back")
		}
	}
	p.proven()
}

// undone is how often the agent has put its rules back, as the server was told.
func (p *pc) undone(d manager.Device) (n int) {
	p.t.Helper()
	for _, f := range d.Facts {
		var fact struct {
			Undone int `json:"undone"`
		}
		if f.Name == "isolation" && json.Unmarshal(f.Value, &fact) == nil {
			n = fact.Undone
		}
	}
	return n
}

func (p *pc) putBack() {
	before := p.undone(p.proven())
	p.run("nft", "delete", "table", "inet", "sekimori")
	p.await("the table again", p.cut)
	p.server.Await("told of the table that was gone", p.device, patience, func(d manager.Device) bool { return p.undone(d) > before })
	p.proven()
}

func (p *pc) garbage() {
	for _, name := range []string{"document", "local.json", "isolated"} {
		p.run("test", "-s", agentState+"/"+name)
		p.Write(agentState+"/"+name, "\x00garbage{", 0o600)
	}
	p.Reboot()
	if !p.cut() {
		p.t.Fatal("a PC that has lost its memory is open")
	}
	p.plug()
	p.proven()
	p.server.Release(p.device, "Cleaned")
	p.server.Await("released", p.device, patience, func(d manager.Device) bool { return !d.Isolation.Wanted && d.Isolation.State == "off" })
	if p.cut() {
		p.t.Error("a released PC is cut off")
	}
}

func (p *pc) uninstalled() {
	p.Write("/root/ticket", p.server.Ticket(p.device, "Given back"), 0o600)
	p.run("sekimori-agent", "uninstall", "--ticket", "/root/ticket")
	for _, unit := range []string{"sekimori-agent", "sekimori-agent-boot"} {
		if got := p.run("systemctl", "show", "--value", "--property=LoadState", unit); got != "not-found" {
			p.t.Errorf("%s is %s", unit, got)
		}
	}
	if left := p.run("find", agentState, "-type", "f"); left != "" {
		p.t.Errorf("files are left:\n%s", left)
	}
	if got := p.run("nft", "list", "tables"); got != "" {
		p.t.Errorf("nft lists %q", got)
	}
	p.Reboot()
	if got := p.run("systemctl", "--failed", "--no-legend"); got != "" {
		p.t.Errorf("failed after a reboot: %s", got)
	}
}
