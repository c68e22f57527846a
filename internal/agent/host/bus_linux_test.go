package host

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"sekimori/internal/testkit/netns"
)

// newBus starts a message bus of the test's own and gives its address.
func newBus(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		lacks(t, "dbus-daemon", "dbus-daemon")
	}
	out := start(t, exec.CommandContext(t.Context(), "dbus-daemon", "--session", "--nofork", "--print-address"))
	address, err := out.ReadString('\n')
	if err != nil {
		t.Fatalf("dbus-daemon printed no address: %v", err)
	}
	return strings.TrimSpace(address)
}

// mock puts one of python-dbusmock's services on the bus and waits until it is there.
func mock(t *testing.T, address, name, template string) *dbus.Conn {
	t.Helper()
	const python = "/usr/bin/python3" // Debian's own, which has the package
	if err := exec.CommandContext(t.Context(), python, "-c", "import dbusmock").Run(); err != nil {
		lacks(t, "dbusmock", "python3-dbusmock")
	}
	cmd := exec.CommandContext(t.Context(), python, "-m", "dbusmock", "--system", "--template", template)
	cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+address)
	start(t, cmd)
	conn := connect(t, address)
	for has, at := false, time.Now(); !has; time.Sleep(10 * time.Millisecond) {
		must(t, conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&has))
		if time.Since(at) > 4*patience {
			t.Fatalf("%s does not come up", name)
		}
	}
	return conn
}

func connect(t *testing.T, address string) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(address)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// start runs a program until the test ends.
func start(t *testing.T, cmd *exec.Cmd) *bufio.Reader {
	t.Helper()
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return bufio.NewReader(out)
}

func lacks(t *testing.T, what, debianPackage string) {
	t.Helper()
	why := fmt.Sprintf("no %s found: install the Debian package %s", what, debianPackage)
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func TestHoldPower(t *testing.T) {
	t.Parallel()
	address := newBus(t)
	logind := mock(t, address, "org.freedesktop.login1", "logind").Object("org.freedesktop.login1", "/org/freedesktop/login1")
	holds := func() (all [][]any) {
		t.Helper()
		must(t, logind.Call("org.freedesktop.login1.Manager.ListInhibitors", 0).Store(&all))
		return all
	}
	const why = "このパソコンは隔離中です。電源を切らないでください。"
	release, err := New(Options{BusAddress: address}).HoldPower(t.Context(), why)
	must(t, err)
	all := holds()
	if len(all) != 1 || fmt.Sprint(all[0][:4]) != "[shutdown:handle-power-key Sekimori "+why+" block]" {
		t.Errorf("logind holds %v", all)
	}
	must(t, release())
	for at := time.Now(); len(holds()) != 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(at) > patience {
			t.Fatal("it is held after the release")
		}
	}
	if _, err := New(Options{BusAddress: newBus(t)}).HoldPower(t.Context(), why); err == nil {
		t.Error("no logind, but it holds")
	}
}

// radioPC is a PC with a wireless card wlan0 and a cable eth0.
func radioPC(t *testing.T) (Options, *netns.Space) {
	t.Helper()
	o := Options{Sysfs: t.TempDir(), Root: t.TempDir(), State: t.TempDir()}
	file(t, "", o.Sysfs, "class/net/wlan0/phy80211/name")
	file(t, "", o.Sysfs, "class/net/eth0/operstate")
	file(t, "", o.Sysfs, "class/net/br0/lower_wlan0/ifindex")
	for i, r := range [][3]string{{"bluetooth", "hci0", "0"}, {"wlan", "phy0", "0"}, {"wlan", "phy1", "1"}} {
		for j, name := range []string{"type", "name", "soft"} {
			file(t, r[j]+"\n", o.Sysfs, fmt.Sprintf("class/rfkill/rfkill%d/%s", i, name))
		}
	}
	file(t, "", o.Root, "dev/rfkill")
	pc := netns.New(t)
	o.NetNS = pc.Path()
	return o, pc
}

func file(t *testing.T, text string, parts ...string) string {
	t.Helper()
	path := filepath.Join(parts...)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func TestWifiByNetworkManager(t *testing.T) {
	t.Parallel()
	o, _ := radioPC(t)
	o.BusAddress = newBus(t)
	nm := mock(t, o.BusAddress, nmName, "networkmanager").Object(nmName, nmPath)
	expect := func(h Host, on bool, wantDone string, want bool) {
		t.Helper()
		done, err := h.SwitchWifi(t.Context(), on, pinned().Servers, false)
		must(t, err)
		if !strings.Contains(done, wantDone) {
			t.Errorf("it says %q, not %q", done, wantDone)
		}
		v, err := nm.GetProperty(nmName + "." + nmWifi)
		must(t, err)
		if v.Value() != want {
			t.Errorf("after %q Wi-Fi is on: %v", done, v)
		}
	}
	h := New(o)
	expect(h, true, "left as it is", true)
	expect(h, false, "switched Wi-Fi off", false)
	expect(h, false, "off already", false)
	expect(New(o), false, "off already", false) // a later process
	expect(New(o), true, "on again", true)      // still knows
	expect(New(o), true, "left as it is", true)

	must(t, nm.SetProperty(nmName+"."+nmWifi, dbus.MakeVariant(false)))
	expect(New(o), false, "off already", false)
	expect(New(o), true, "left as it is", false) // somebody else switched it off
}

func TestWifiByRfkill(t *testing.T) {
	t.Parallel()
	o, _ := radioPC(t)
	o.BusAddress = "unix:path=" + filepath.Join(t.TempDir(), "nobody")
	h := New(o)
	done, err := h.SwitchWifi(t.Context(), false, nil, false)
	must(t, err)
	if done != "switched off: phy0" { // phy1 was off
		t.Errorf("it says %q", done)
	}
	written, err := os.ReadFile(filepath.Join(o.Root, "dev/rfkill"))
	must(t, err)
	if want := "\x01\x00\x00\x00\x00\x02\x01\x00"; string(written) != want {
		t.Errorf("/dev/rfkill was told %q, not %q", written, want)
	}
	file(t, "1\n", o.Sysfs, "class/rfkill/rfkill1/soft")
	done, err = New(o).SwitchWifi(t.Context(), true, nil, false)
	must(t, err)
	written, err = os.ReadFile(filepath.Join(o.Root, "dev/rfkill"))
	must(t, err)
	if want := "\x01\x00\x00\x00\x00\x02\x00\x00"; string(written[8:]) != want || done != "phy0 was switched on again" {
		t.Errorf("then it was told %q and says %q", written[8:], done)
	}
	done, err = New(o).SwitchWifi(t.Context(), true, nil, false)
	if err != nil || !strings.Contains(done, "left as it is") {
		t.Errorf("then it says %q, %v", done, err)
	}
}

func TestWifiThatLeadsToTheServerStays(t *testing.T) {
	t.Parallel()
	o, pc := radioPC(t)
	o.BusAddress = "unix:path=" + filepath.Join(t.TempDir(), "nobody")
	air, floor := netns.NewSwitch(t), netns.NewSwitch(t)
	office := prefixes("192.0.2.10", "2001:db8:1::10")
	air.Plug(pc, "wlan0", office...)
	floor.Plug(pc, "eth0", prefixes("203.0.113.10", "2001:db8:3::10")...)
	air.Plug(pc, "br0", prefixes("10.1.0.1", "2001:db8:4::1")...) // stands on wlan0, says radioPC
	off := func(force bool, to ...string) string {
		t.Helper()
		var keep []Endpoint
		for _, s := range to {
			keep = append(keep, endpoint(s))
		}
		o := o
		o.State = t.TempDir()
		done, err := New(o).SwitchWifi(t.Context(), false, keep, force)
		must(t, err)
		return done
	}
	const left, switched = "Wi-Fi was left on: the way to ", "switched off: phy0"
	for _, c := range []struct {
		done, want string
	}{
		{off(false, "192.0.2.8"), left + "192.0.2.8 leads over wlan0"},
		{off(false, "2001:db8:1::8"), left + "2001:db8:1::8 leads over wlan0"},
		{off(false, "203.0.113.8", "192.0.2.8"), left + "192.0.2.8 leads over wlan0"},
		{off(false, "10.1.0.8"), left + "10.1.0.8 leads over br0"},
		{off(true, "192.0.2.8"), switched},
		{off(false, "203.0.113.8", "2001:db8:3::8"), switched},
		{off(false, "198.51.100.8"), switched}, // there is no way at all
		{off(false, "127.0.0.1"), switched},
	} {
		if c.done != c.want {
			t.Errorf("it says %q, not %q", c.done, c.want)
		}
	}
	pc.SetLink("wlan0", false)
	if done := off(false, "192.0.2.8"); done != switched {
		t.Errorf("with the radio's link down it says %q", done)
	}
}

func TestNoWifi(t *testing.T) {
	t.Parallel()
	o := Options{Sysfs: t.TempDir(), BusAddress: "unix:path=/nowhere/nobody"}
	must(t, os.MkdirAll(filepath.Join(o.Sysfs, "class/net/eth0"), 0o755))
	done, err := New(o).SwitchWifi(context.Background(), false, nil, true)
	if err != nil || done != "there is no Wi-Fi in this PC" {
		t.Errorf("it says %q, %v", done, err)
	}
	file(t, "", o.Sysfs, "class/net/wlan0/wireless/status")
	if done, err := New(o).SwitchWifi(t.Context(), false, nil, true); err == nil {
		t.Errorf("nothing to switch with, but it says %q", done)
	}
}
