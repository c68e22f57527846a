package vm

import (
	"regexp"
	"strings"
	"testing"

	"sekimori/internal/testkit/manager"
)

// TestIsolatedPC is one PC's life: the parts need the ones before them.
func TestIsolatedPC(t *testing.T) {
	p := newPC(t)
	for _, part := range []struct {
		name string
		run  func(*pc)
	}{
		{"enrolled and installed", (*pc).install},
		{"isolated by the server, and proven", (*pc).isolated},
		{"power cut and server away, it stays", (*pc).powerCut},
		{"rebooted in order, it stays", (*pc).rebooted},
		{"released by the server", (*pc).released},
		{"pressed at the PC, released by a code", (*pc).code},
		{"rebooted after that, it is open", (*pc).open},
	} {
		t.Log(part.name)
		part.run(p)
	}
}

func (p *pc) install() {
	// nftables.service is what many a PC has, and takes all rules away when it stops.
	p.run("systemctl", "enable", "--now", "systemd-networkd", "nftables", "talker")
	p.talks()
	p.run("sekimori-agent", "enroll", "--server", p.server.URL, "--ca", "/root/ca.pem", "--token", p.server.Token())
	p.run("sekimori-agent", "install")
	all := p.server.Devices()
	if len(all) != 1 {
		p.t.Fatalf("the server knows %d devices", len(all))
	}
	p.device = all[0].ID
	p.server.Await("online", p.device, patience, func(d manager.Device) bool { return d.Online })
	p.talks() // the agent leaves a PC alone that is not isolated
}

// isolation waits until the server knows it to be proven.
func (p *pc) isolation() manager.Device {
	p.t.Helper()
	return p.server.Await("isolated and proven", p.device, patience, func(d manager.Device) bool {
		return d.Online && d.Isolation.Wanted && d.Isolation.State == "proven"
	})
}

func (p *pc) isolated() {
	p.server.Isolate(p.device, "Strange files")
	o := p.isolation().Isolation.Order
	if o == nil || o.Kind != "isolate" || o.Requested.IsZero() || o.Applied.Before(o.Requested) || o.Proven.Before(o.Applied) {
		p.t.Errorf("the order is %+v", o)
	}
	p.cable.capture.Settle() // what was under way
	p.cable.mark()
}

// powerCut loses what the PC did not write down, and there is nobody to ask.
func (p *pc) powerCut() {
	p.server.Stop()
	p.CutPower()
	p.PowerOn()
	p.beforeTheNetwork()
	p.await("the agent's word that the isolation stands", func() bool { s := p.status(); return s.Running && s.Isolated && s.Isolation.State == "applied" })
	p.silent("after a power cut and without the server")
	p.server.Resume()
	p.isolation()
	p.silent("after a power cut")
}

func (p *pc) rebooted() {
	p.ShutDown()
	p.PowerOn()
	p.beforeTheNetwork()
	p.isolation()
	p.silent("through a reboot")
}

func (p *pc) released() {
	p.server.Release(p.device, "The files were a test")
	p.server.Await("released", p.device, patience, func(d manager.Device) bool { return !d.Isolation.Wanted && d.Isolation.State == "off" })
	p.talks()
}

var digits = regexp.MustCompile(`(?m)^ +([0-9][0-9 -]+)$`)

func (p *pc) code() {
	if said := p.run("sekimori-agent", "infected", "--note", "A window asks for money"); !strings.Contains(said, "INC-") {
		p.t.Errorf("the press was answered without a case:\n%s", said)
	}
	d := p.isolation()
	if d.Isolation.Order == nil || d.Isolation.Order.Via != "pc" || d.Isolation.Order.Incident == "" {
		p.t.Errorf("the order of a press is %+v", d.Isolation.Order)
	}
	p.cable.capture.Settle()
	p.cable.mark()
	said := p.run("sekimori-agent", "release")
	m := digits.FindStringSubmatch(said)
	if m == nil {
		p.t.Fatalf("the PC shows nothing to read out:\n%s", said)
	}
	challenge := strings.NewReplacer(" ", "", "-", "").Replace(m[1])
	code := p.server.Code(p.device, challenge, "Called by phone")
	p.server.Stop()
	if _, err := p.Run(p.t.Context(), "sekimori-agent", "release", "--code", wrong(code)); err == nil {
		p.t.Error("a wrong code was taken")
	}
	p.silent("until the code was given")
	p.run("sekimori-agent", "release", "--code", code)
	p.talks()
	if _, err := p.Run(p.t.Context(), "sekimori-agent", "release", "--code", code); err == nil {
		p.t.Error("a code was taken twice")
	}
	p.server.Resume()
	p.server.Await("released by a code", p.device, patience, func(d manager.Device) bool {
		return d.Online && !d.Isolation.Wanted && d.Isolation.State == "off"
	})
	p.talks()
}

// wrong changes the last digit.
func wrong(code string) string {
	last := byte('0')
	if code[len(code)-1] == last {
		last = '1'
	}
	return code[:len(code)-1] + string(last)
}

func (p *pc) open() {
	p.CutPower()
	before := p.forbidden.counts()
	p.PowerOn()
	p.await("what the talker sends from the first moment on", func() bool { return p.forbidden.heard(before) })
	if s := p.status(); s.Isolated {
		p.t.Error("a released PC is isolated after a reboot")
	}
}
