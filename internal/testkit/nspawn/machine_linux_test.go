package nspawn_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/debian"
	"sekimori/internal/testkit/nspawn"
)

func run(t *testing.T, m *nspawn.Machine, args ...string) string {
	t.Helper()
	out, err := m.Run(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func TestMachine(t *testing.T) {
	t.Parallel()
	m := nspawn.Boot(t, nspawn.Options{})

	if got := run(t, m, "cat", "/proc/1/comm"); got != "systemd" {
		t.Errorf("process 1 is %q", got)
	}
	if got := run(t, m, "runuser", "-u", debian.User, "--", "id", "-un"); got != debian.User {
		t.Errorf("the ordinary account is %q", got)
	}
	if got := run(t, m, "su", "--login", debian.User, "--command", "loginctl show-session self --property=Name --value"); got != debian.User {
		t.Errorf("the session of the ordinary account is %q's", got)
	}
	if got := run(t, m, "ip", "-brief", "link"); strings.Count(got, "\n") != 0 || !strings.HasPrefix(got, "lo") {
		t.Errorf("a machine alone has other network links:\n%s", got)
	}
	run(t, m, "nft", "add", "table", "inet", "tried")
	if got := run(t, m, "nft", "list", "tables"); got != "table inet tried" {
		t.Errorf("nft lists %q", got)
	}
	_, err := m.Run(t.Context(), "ls", "/nowhere")
	if err == nil || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("the complaint of a failed program is not told: %v", err)
	}

	// A service that is enabled and a file that was written outlive a power cut; the
	// rules of the network do not.
	m.Write("/etc/systemd/system/tried.service", "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n", 0o644)
	run(t, m, "systemctl", "enable", "--now", "tried")
	m.Reboot()
	if got := run(t, m, "systemctl", "is-active", "tried"); got != "active" {
		t.Errorf("the service is %s after a power cut", got)
	}
	if got := run(t, m, "nft", "list", "tables"); got != "" {
		t.Errorf("after a power cut nft lists %q", got)
	}
}

func TestMachinesAreApart(t *testing.T) {
	t.Parallel()
	a, b := nspawn.Boot(t, nspawn.Options{}), nspawn.Boot(t, nspawn.Options{})
	const unit = "[Service]\nExecStart=/bin/sleep infinity\n"
	for _, m := range []*nspawn.Machine{a, b} {
		m.Write("/run/systemd/system/tried.service", unit, 0o644)
		run(t, m, "systemctl", "start", "tried")
	}
	run(t, a, "systemctl", "kill", "--signal=KILL", "tried")
	run(t, a, "systemctl", "stop", "tried")
	if got := run(t, b, "systemctl", "is-active", "tried"); got != "active" {
		t.Errorf("the other machine's service of the same name is %s", got)
	}
	a.Write("/usr/local/share/tried", "x", 0o600)
	if _, err := b.Run(t.Context(), "test", "-e", "/usr/local/share/tried"); err == nil {
		t.Error("a file written in one machine is in the other")
	}
	root, err := debian.Rootfs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root + "/usr/local/share/tried"); err == nil {
		t.Error("a file written in a machine is in what all are made of")
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if _, err := a.Run(context.Background(), "true"); err == nil {
		t.Error("a closed machine still runs programs")
	}
}

func TestMachineSharesWhatItIsGiven(t *testing.T) {
	t.Parallel()
	shared := filepath.Join(t.TempDir(), "shared")
	if err := os.WriteFile(shared, []byte("from outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	a := nspawn.Boot(t, nspawn.Options{})
	b := nspawn.Boot(t, nspawn.Options{NetNS: a.NetNS(), Binds: []string{shared + ":/srv/shared"}})
	run(t, a, "nft", "add", "table", "inet", "common")
	if got := run(t, b, "nft", "list", "tables"); got != "table inet common" {
		t.Errorf("in the same network nft lists %q", got)
	}
	if got := run(t, b, "cat", "/srv/shared"); got != "from outside" {
		t.Errorf("the file of this machine reads %q inside", got)
	}
	if _, err := b.Run(t.Context(), "touch", "/srv/shared"); err == nil {
		t.Error("a file of this machine can be changed inside")
	}
	b.CopyIn(shared, "/opt/new/copy", 0o640)
	if got := run(t, b, "stat", "--format=%a %U %s", "/opt/new/copy"); got != "640 root 12" {
		t.Errorf("the copy is %q", got)
	}
}
