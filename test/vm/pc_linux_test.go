package vm

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sekimori/internal/testkit/manager"
	"sekimori/internal/testkit/netns"
	"sekimori/internal/testkit/qemu"
)

// patience is how long something that must happen may take: everything is emulated.
const patience = 2 * time.Minute

// The other machines on the one network, in IPv4 and IPv6.
var (
	servers   = [2]string{"192.0.2.1", "2001:db8::1"}
	strangers = [2]string{"192.0.2.66", "2001:db8::66"}
)

const (
	serverPort   = 8443
	strangerPort = "9999"
)

// network is how systemd brings the PC's network card up.
const network = `[Match]
MACAddress=` + qemu.MAC + `
[Network]
Address=192.0.2.10/24
Address=2001:db8::10/64
Gateway=192.0.2.1
IPv6AcceptRA=no
`

// talker is started as early as anything can be.
const talker = `[Unit]
Description=Tries to get something out
DefaultDependencies=no
[Service]
ExecStart=/usr/local/bin/talker 192.0.2.66:9999 [2001:db8::66]:9999
Restart=always
[Install]
WantedBy=sysinit.target
`

// pc is the machine with the agent, and what it is connected to.
type pc struct {
	*qemu.Machine
	t         *testing.T
	server    *manager.Server
	forbidden *forbidden
	cable     *cable
	device    string // its id, once it is enrolled
}

func newPC(t *testing.T) *pc {
	t.Helper()
	qemu.Need(t) // before anything is built
	space := netns.New(t)
	space.Tap("pc", prefix(servers[0], 24), prefix(servers[1], 64), prefix(strangers[0], 24), prefix(strangers[1], 64))
	p := &pc{t: t, forbidden: newForbidden(t, space, strangerPort), cable: &cable{capture: space.Capture("pc")}}
	for _, s := range servers {
		p.cable.servers = append(p.cable.servers, netip.AddrPortFrom(netip.MustParseAddr(s), serverPort))
	}
	p.server = manager.Start(t, space, p.cable.servers[0], p.cable.servers[1].Addr())
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	p.Machine = qemu.Boot(t, qemu.Options{Space: space, Tap: "pc", Files: []qemu.File{
		{From: manager.Build(t, "sekimori/cmd/sekimori-agent"), To: "/usr/local/bin/sekimori-agent", Mode: 0o755},
		{From: p.server.CA, To: "/root/ca.pem", Mode: 0o644},
		{From: manager.Build(t, "sekimori/test/vm/talker"), To: "/usr/local/bin/talker", Mode: 0o755},
		{From: file("talker.service", talker), To: "/etc/systemd/system/talker.service", Mode: 0o644},
		{From: file("pc.network", network), To: "/etc/systemd/network/pc.network", Mode: 0o644},
	}})
	return p
}

func prefix(address string, bits int) netip.Prefix {
	return netip.PrefixFrom(netip.MustParseAddr(address), bits)
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

// status is what the agent says of itself.
type status struct {
	Running   bool `json:"running"`
	Connected bool `json:"connected"`
	Isolated  bool `json:"isolated"`
	Isolation struct {
		State string `json:"state"`
	} `json:"isolation"`
	Label string `json:"label"`
}

func (p *pc) status() (s status) {
	p.t.Helper()
	out, err := p.Run(p.t.Context(), "sekimori-agent", "status", "--json") // its exit status says the same
	if bad := json.Unmarshal([]byte(out), &s); bad != nil {
		p.t.Fatalf("the agent's status is %q: %v", out, err)
	}
	return s
}

func (p *pc) await(what string, so func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("this never came: %s\n%s", what, p.run("sekimori-agent", "status"))
		}
	}
}

// talks waits until the talker reaches the stranger by every way.
func (p *pc) talks() {
	p.t.Helper()
	before := p.forbidden.counts()
	p.await("something for the stranger by TCP and UDP, IPv4 and IPv6", func() bool { return p.forbidden.heard(before) })
}

// silent checks what has gone over the cable since the mark, and that there was
// something to be seen at all.
func (p *pc) silent(during string) {
	p.t.Helper()
	p.cable.capture.Settle()
	toServer, leaks := p.cable.sent()
	for what, n := range leaks {
		p.t.Errorf("%s, the isolated PC has sent %d times: %s", during, n, what)
	}
	if toServer == 0 {
		p.t.Errorf("%s, not even the server was tried: the PC had no network, and this proves nothing", during)
	}
	if got := p.run("systemctl", "is-active", "talker"); got != "active" {
		p.t.Errorf("%s, the talker is %s", during, got)
	}
}

// beforeTheNetwork checks the order in which this boot went.
func (p *pc) beforeTheNetwork() {
	p.t.Helper()
	when := func(unit, property string) int {
		p.t.Helper()
		n, err := strconv.Atoi(p.run("systemctl", "show", "--value", "--property="+property, unit))
		if err != nil || n == 0 {
			p.t.Errorf("%s of %s is %d: %v", property, unit, n, err)
		}
		return n
	}
	cut, pre := when("sekimori-agent-boot.service", "ActiveEnterTimestampMonotonic"), when("network-pre.target", "ActiveEnterTimestampMonotonic")
	networkd, talks := when("systemd-networkd.service", "ExecMainStartTimestampMonotonic"), when("talker.service", "ExecMainStartTimestampMonotonic")
	if cut > pre || pre > networkd {
		p.t.Errorf("the cut is done at %d µs, the network may start at %d, and starts at %d", cut, pre, networkd)
	}
	p.t.Logf("ms since power on: talker %d, cut %d, network %d", talks/1000, cut/1000, networkd/1000)
	if got := p.run("nft", "list", "tables"); !strings.Contains(got, "table inet sekimori") {
		p.t.Errorf("nft lists %q", got)
	}
}
