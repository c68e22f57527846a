package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"sekimori/internal/testkit/nspawn"
)

// packaged is a machine on which the server is a Debian package.
type packaged struct {
	*host
	older, newer string // the packages, on this machine
}

// TestPackageOnAHost is one machine's life with the package: the parts need the ones
// before them.
func TestPackageOnAHost(t *testing.T) {
	p := &packaged{host: &host{Machine: nspawn.Boot(t, nspawn.Options{}), t: t, secrets: map[string]string{}}}
	dir := t.TempDir()
	tool(t, "go", "build", "-trimpath", "-o", filepath.Join(dir, "sekimori"), "./cmd/sekimori")
	p.older, p.newer = debianPackage(t, dir, "0.1.0"), debianPackage(t, dir, "0.2.0")
	for _, part := range []struct {
		name string
		run  func(*packaged)
	}{
		{"installed as the manual says", (*packaged).install},
		{"the nightly backup can be put back", (*packaged).backup},
		{"upgraded, it keeps its data", (*packaged).upgrade},
		{"removed and purged, the data stays", (*packaged).purge},
	} {
		if !t.Run(part.name, func(t *testing.T) {
			on := *p.host
			on.t = t
			part.run(&packaged{&on, p.older, p.newer})
		}) {
			return
		}
	}
}

// tool runs a program at the root of the repository.
func tool(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// debianPackage packs the program as a version and gives the package's name.
func debianPackage(t *testing.T, dir, version string) string {
	t.Helper()
	tool(t, "go", "run", "./internal/tool/deb", "-program", filepath.Join(dir, "sekimori"), "-out", dir, "-version", version)
	return filepath.Join(dir, "sekimori_"+version+"_amd64.deb")
}

func (p *packaged) install() {
	p.CopyIn(p.older, "/srv/sekimori/sekimori_0.1.0_amd64.deb", 0o644)
	blocks := commands(p.t, "Install from a Debian package")
	if len(blocks) != 2 {
		p.t.Fatalf("the manual installs the package in %d steps; this test knows two", len(blocks))
	}
	p.shell(blocks[0])
	const config = stateDir + "/sekimori.toml"
	p.Write(config, p.filledIn(p.run("cat", config)), 0o600)
	p.run("chown", "sekimori:sekimori", config)
	p.Write("/etc/sekimori/mail-password", mailSecret+"\n", 0o600)
	p.shell(blocks[1])
	p.ready()
	for _, unit := range []string{"sekimori.service", "sekimori-backup.service", "sekimori-backup.timer"} {
		p.run("systemd-analyze", "verify", "--recursive-errors=no", "/usr/lib/systemd/system/"+unit)
	}
	if got := p.show("ActiveState", "User", "NoNewPrivileges", "ProtectSystem"); got["ActiveState"] != "active" || got["User"] != "sekimori" || got["NoNewPrivileges"] != "yes" || got["ProtectSystem"] != "strict" {
		p.t.Errorf("the unit is %v", got)
	}
	if got := p.run("systemctl", "is-active", "sekimori-backup.timer"); got != "active" {
		p.t.Errorf("the timer of the backup is %s", got)
	}
	if got := p.run("stat", "--format=%a %U", stateDir, "/var/backups/sekimori"); got != "700 sekimori\n700 sekimori" {
		p.t.Errorf("the folders are %q", got)
	}
	if left := p.run("find", "/var/lib/dpkg/info", "-name", "sekimori.*inst", "-o", "-name", "sekimori.*rm"); left != "" {
		p.t.Errorf("the package runs scripts as root: %s", left)
	}
	p.token()
}

const kept = "A parcel was found open"

func (p *packaged) backup() {
	p.secrets["label"] = p.report(kept)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		p.t.Fatal(err)
	}
	p.Write("/root/backup.key", key.String()+"\n", 0o600)
	p.Write("/etc/sekimori/backup.conf", "BACKUP_OPTIONS=--with-keys --recipient "+key.Recipient().String()+"\n", 0o644)
	p.run("systemctl", "start", "sekimori-backup.service") // returns when it has ended well
	file := p.run("find", "/var/backups/sekimori", "-name", "*.backup")
	if file == "" || strings.Contains(file, "\n") {
		p.t.Fatalf("the backups are %q", file)
	}
	if got := p.run("stat", "--format=%a %U", file); got != "600 sekimori" {
		p.t.Errorf("the backup is %q", got)
	}
	p.run("sekimori", "restore", "--from", file, "--identity", "/root/backup.key", "--data", "/root/drill")
	if got := p.show("ActiveState", "NRestarts"); got["ActiveState"] != "active" || got["NRestarts"] != "0" {
		p.t.Errorf("after the backup the server is %v", got)
	}
}

func (p *packaged) upgrade() {
	conf := p.run("cat", "/etc/sekimori/backup.conf")
	p.CopyIn(p.newer, "/srv/sekimori/sekimori_0.2.0_amd64.deb", 0o644)
	before := p.show("MainPID")["MainPID"]
	p.run("dpkg", "-i", "/srv/sekimori/sekimori_0.2.0_amd64.deb")
	if got := p.show("MainPID")["MainPID"]; got != before {
		p.t.Errorf("the upgrade alone ended the server: %s, then %s", before, got)
	}
	p.run("systemctl", "daemon-reload")
	p.run("systemctl", "restart", "sekimori")
	p.ready()
	if got := p.run("dpkg-query", "--show", "--showformat=${Version} ${db:Status-Status}", "sekimori"); got != "0.2.0 installed" {
		p.t.Errorf("dpkg says %q", got)
	}
	p.stillThere(p.secrets["label"], kept)
	if got := p.run("cat", "/etc/sekimori/backup.conf"); got != conf {
		p.t.Errorf("the upgrade changed what the operator wrote: %q", got)
	}
}

func (p *packaged) purge() {
	p.run("systemctl", "disable", "--now", "sekimori", "sekimori-backup.timer")
	p.run("dpkg", "--remove", "sekimori")
	p.run("dpkg", "--purge", "sekimori")
	for _, gone := range []string{"/usr/bin/sekimori", "/usr/lib/systemd/system/sekimori.service", "/etc/sekimori/backup.conf"} {
		if _, err := p.Run(p.t.Context(), "test", "-e", gone); err == nil {
			p.t.Errorf("%s is left", gone)
		}
	}
	for _, stays := range []string{stateDir + "/keys/journal.key", stateDir + "/sekimori.db"} {
		p.run("test", "-s", stays)
	}
}
