package endpoint

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"

	"sekimori/internal/kit/wire"
	"sekimori/internal/testkit/netns"
	"sekimori/internal/tool/isolation/stage"
)

// takeAway removes our rules, as somebody with an administrator's rights at the PC can.
func takeAway(t *testing.T, pc *stage.PC) {
	t.Helper()
	err := pc.Do(func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		c.FlushRuleset()
		return c.Flush()
	})
	if err != nil {
		t.Fatalf("take the rules away: %v", err)
	}
}

// TestTheAdministratorOrders: isolated from afar, kept so against all that happens, and
// let back by a signed document.
func TestTheAdministratorOrders(t *testing.T) {
	notShort(t)
	c := stage.New(t, built)
	c.Files.ServeDownloads()
	pc := c.Enrolled("pc", stage.PC4, stage.PC6)
	ways := c.Ways(pc, stage.PC4, stage.PC6)
	open(t, "before", ways)
	shell, load := c.Attacker.TakeShell(pc, 4), c.Files.Download(pc, 6)

	o := c.Server.Isolate(pc.Device, "it speaks to strangers")
	if o.Via != "api" || o.Requested.IsZero() {
		t.Errorf("the order is %+v", o)
	}
	c.Server.Await(pc.Device, "proven", stage.Proven)
	aborted(t, "download", load.Ended)
	ended(t, "shell", shell.Ended)
	closed(t, "isolated", ways)

	// A second network, such as a telephone's, is plugged in later.
	telephone, mast := netns.NewSwitch(t), netns.New(t)
	telephone.Plug(mast, "eth0", netip.MustParsePrefix("203.0.113.1/24"), netip.MustParsePrefix("2001:db8:3::1/64"))
	stage.Echo(t, mast)
	telephone.Plug(pc.Space, "usb0", netip.MustParsePrefix("203.0.113.10/24"), netip.MustParsePrefix("2001:db8:3::10/64"))
	second := []stage.Way{
		{Name: "second way out, IPv4", From: pc.Space, Network: "tcp", Address: "203.0.113.1:445"},
		{Name: "second way out, IPv6", From: pc.Space, Network: "tcp", Address: "[2001:db8:3::1]:445"},
		{Name: "second way in, IPv4", From: mast, Network: "tcp", Address: "203.0.113.10:445"},
		{Name: "second way in, IPv6", From: mast, Network: "udp", Address: "[2001:db8:3::10]:445"},
	}
	closed(t, "second network", second)

	takeAway(t, pc)
	pc.Await("the rules are put back", func(s stage.Status) bool { return s.Isolation.Undone == 1 && s.Isolation.State == wire.IsolationProven })
	closed(t, "put back", append(second, ways...))
	for end := time.Now().Add(stage.Patience); len(c.Server.Events("device.tampered", pc.Device)) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the record does not say that somebody took the rules away\n%s", c.Server.Log())
		}
	}

	pc.Kill()
	closed(t, "without an agent", append(second, ways...))
	pc.Start()
	pc.AwaitConnected()
	if st := pc.Await("proven again", func(s stage.Status) bool { return s.Isolation.State == wire.IsolationProven }); st.Isolation.Undone != 1 || st.Isolation.Order != o.ID {
		t.Errorf("a new agent found rules that stood, and says %+v", st.Isolation)
	}
	pc.Kill()
	takeAway(t, pc)
	pc.Must("boot") // what the system starts before its network
	closed(t, "after a boot", append(second, ways...))
	pc.Start()
	pc.AwaitConnected()

	c.Server.Release(pc.Device, "cleaned")
	c.Server.Await(pc.Device, "released", stage.Released)
	open(t, "released", append(second, ways...))
	if answer, err := shell.TypeFor("echo back", time.Second); err == nil {
		t.Errorf("the old shell came back: %q", answer)
	}
	got := load.Bytes.Load()
	time.Sleep(300 * time.Millisecond)
	if load.Bytes.Load() != got {
		t.Error("the old download came back")
	}
	for _, kind := range []string{"device.isolate_requested", "device.isolated", "device.isolation_proven", "device.release_requested", "device.released"} {
		if n := len(c.Server.Events(kind, pc.Device)); n != 1 {
			t.Errorf("the record holds %d of %s", n, kind)
		}
	}
}
