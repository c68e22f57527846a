package host

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sekimori/internal/testkit/nspawn"
)

const (
	installedExe   = "/usr/local/bin/sekimori-agent"
	installedState = "/var/lib/sekimori-agent"
)

// playAgent is the test program when it is called sekimori-agent, inside a machine: as
// much of the agent as the units want. It is isolated while there is a file that says so.
func playAgent(verb, state string) error {
	h, ctx := New(Options{}), context.Background()
	switch verb {
	case "install":
		return h.Install(ctx, installedExe, state)
	case "uninstall":
		return h.Uninstall(ctx)
	case "boot":
		if _, err := os.Stat(filepath.Join(state, "isolated")); err == nil {
			return h.Cut(ctx, pinned())
		}
		return nil
	case "run":
		if err := os.WriteFile("/run/sekimori-agent/control", nil, 0o666); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(state, "ran"), nil, 0o600); err != nil {
			return err
		}
		if err := h.Privileged(); err != nil {
			return err
		}
		select {}
	}
	return fmt.Errorf("no verb %q", verb)
}

func TestInstalledAgentCutsBeforeTheNetworkIsThere(t *testing.T) {
	t.Parallel()
	m := nspawn.Boot(t, nspawn.Options{})
	run := func(args ...string) string {
		t.Helper()
		out, err := m.Run(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	expect := func(want string, args ...string) {
		t.Helper()
		out, _ := m.Run(t.Context(), args...) // systemctl says the same by its status
		if got := strings.TrimSpace(out); got != want {
			t.Errorf("%s: %q, not %q", strings.Join(args, " "), got, want)
		}
	}
	self, err := os.Executable()
	must(t, err)
	m.CopyIn(self, installedExe, 0o755)
	run("systemctl", "enable", "nftables") // which empties the firewall at every boot
	run(installedExe, "install", "--state", installedState)
	run(installedExe, "install", "--state", installedState) // such as for a new version
	expect("active", "systemctl", "is-active", serviceUnit)
	expect("enabled", "systemctl", "is-enabled", bootUnit)
	expect("0", "sh", "-c", "systemd-analyze verify /etc/systemd/system/sekimori-agent*.service 2>&1 | wc -l")

	// What ends is started again.
	pid := func() string { return run("systemctl", "show", "--property=MainPID", "--value", serviceUnit) }
	first := pid()
	run("systemctl", "kill", "--signal=KILL", serviceUnit)
	for at := time.Now(); pid() == "0" || pid() == first; time.Sleep(50 * time.Millisecond) {
		if time.Since(at) > 4*patience {
			t.Fatal("the killed agent is not started again")
		}
	}

	m.Reboot()
	expect("active", "systemctl", "is-active", serviceUnit)
	if tables := run("nft", "list", "tables"); strings.Contains(tables, "sekimori") {
		t.Errorf("nobody isolated it, but there is %s", tables)
	}
	m.Write(installedState+"/isolated", "", 0o600)
	m.Reboot()
	expect("table inet filter\ntable inet sekimori\ntable bridge sekimori", "nft", "list", "tables") // the first is Debian's
	expect("success", "systemctl", "show", "--property=Result", "--value", bootUnit)
	when := func(unit string) int {
		t.Helper()
		at, err := strconv.Atoi(run("systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "--value", unit))
		if err != nil || at == 0 {
			t.Fatalf("%s was started at %d, %v", unit, at, err)
		}
		return at
	}
	cut := when(bootUnit)
	if cut < when("nftables.service") {
		t.Error("it cuts before the firewall is emptied")
	}
	for _, later := range []string{"network-pre.target", "sysinit.target", serviceUnit} {
		if cut > when(later) {
			t.Errorf("%s was there before the cut", later)
		}
	}

	run(installedExe, "uninstall", "--state", installedState)
	run(installedExe, "uninstall", "--state", installedState)
	expect("inactive", "systemctl", "is-active", serviceUnit)
	expect("", "sh", "-c", "find / -xdev -name 'sekimori*' -not -path '/proc/*' -not -path '"+installedExe+"' -not -path '/var/*'")
}

func TestPackagedUnitsAreThoseThatAreInstalled(t *testing.T) {
	t.Parallel()
	for _, name := range []string{serviceUnit, bootUnit, desktopEntry, mediaRules} {
		want, err := unit(name, installedExe, installedState)
		must(t, err)
		got, err := os.ReadFile(filepath.Join("../../../packaging/agent", name))
		must(t, err)
		if string(got) != want {
			t.Errorf("packaging/agent/%s is not what the agent installs; it must be:\n%s", name, want)
		}
	}
}

func TestUnitsTakeOnlyPathsTheyCanHave(t *testing.T) {
	t.Parallel()
	text, err := unit(serviceUnit, "/opt/100% safe/agent", "/srv/state")
	must(t, err)
	if want := `ExecStart="/opt/100%% safe/agent" run --state /srv/state`; !strings.Contains(text, want+"\n") {
		t.Errorf("the unit lacks %s:\n%s", want, text)
	}
	for _, bad := range []string{"agent", "", "/a\nExecStart=/b", `/a"b`, "/a$b", `/a\b`} {
		if _, err := unit(serviceUnit, bad, "/srv/state"); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
