package host

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sekimori/internal/testkit/nspawn"
)

// patience is how long something that must happen may take.
const patience = time.Minute

const (
	mailSecret = "mail-secret-51ce"
	stateDir   = "/var/lib/sekimori"
	address    = "http://127.0.0.1:8420"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == probeName {
		os.Exit(probe(os.Args[1]))
	}
	os.Exit(m.Run())
}

// host is the machine with the server on it.
type host struct {
	*nspawn.Machine
	t       *testing.T
	secrets map[string]string // by what they are; none may be in the log
}

// TestServiceOnAHost is one machine's life: the parts need the ones before them.
func TestServiceOnAHost(t *testing.T) {
	h := &host{Machine: nspawn.Boot(t, nspawn.Options{}), t: t, secrets: map[string]string{"mail password": mailSecret}}
	for _, part := range []struct {
		name string
		run  func(*host)
	}{
		{"installed as the manual says", (*host).install},
		{"keeps the server in bounds", (*host).bounds},
		{"killed, it comes back with what was reported", (*host).killed},
		{"power cut, it comes back by itself", (*host).powerCut},
		{"stops cleanly", (*host).stops},
		{"the log is there and holds no secrets", (*host).log},
		{"what the unit forbids is impossible", (*host).forbidden},
	} {
		if !t.Run(part.name, func(t *testing.T) {
			on := *h
			on.t = t
			part.run(&on)
		}) {
			return
		}
	}
}

// run runs a program inside; it must succeed.
func (h *host) run(args ...string) string {
	h.t.Helper()
	out, err := h.Run(h.t.Context(), args...)
	if err != nil {
		h.t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(out)
}

// shell runs commands of the manual, from the folder where the program was built.
func (h *host) shell(block string) string {
	h.t.Helper()
	return h.run("bash", "-euc", "cd /srv/sekimori\n"+block)
}

// show returns properties of the unit by their names.
func (h *host) show(names ...string) map[string]string {
	h.t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(h.run("systemctl", "show", "sekimori", "--property="+strings.Join(names, ","))) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		out[k] = v
	}
	return out
}

// ready waits until the server answers.
func (h *host) ready() {
	h.t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if _, err = h.Run(h.t.Context(), "curl", "-fsS", address+"/readyz"); err == nil {
			return
		}
	}
	h.t.Fatalf("the server is not ready: %v", err)
}

var firstPassword = regexp.MustCompile(`(?m)^password +(\S+)`)

func (h *host) install() {
	program := filepath.Join(h.t.TempDir(), "sekimori")
	build := exec.CommandContext(h.t.Context(), "go", "build", "-trimpath", "-o", program, "./cmd/sekimori")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		h.t.Fatalf("build: %v\n%s", err, out)
	}
	h.CopyIn(program, "/srv/sekimori/sekimori", 0o755)
	h.CopyIn("../../packaging/systemd/sekimori.service", "/srv/sekimori/packaging/systemd/sekimori.service", 0o644)

	blocks := commands(h.t, "Install")
	if len(blocks) != 2 {
		h.t.Fatalf("the manual installs in %d steps; this test knows two", len(blocks))
	}
	said := h.shell(without(h.t, blocks[0], "CGO_ENABLED=0 go build "))
	m := firstPassword.FindStringSubmatch(said)
	if m == nil {
		h.t.Fatalf("init did not print a password:\n%s", said)
	}
	h.secrets["first password"] = m[1]

	// "Fill in [mail] and base_url … Put the mail password, alone, into …"
	const config = stateDir + "/sekimori.toml"
	h.Write(config, h.filledIn(h.run("cat", config)), 0o600)
	h.run("chown", "sekimori:sekimori", config)
	h.Write("/etc/sekimori/mail-password", mailSecret+"\n", 0o600)
	h.shell(without(h.t, blocks[1], "curl "))
	h.ready() // the same question, asked until the server listens

	h.run("systemd-analyze", "verify", "--recursive-errors=no", "/etc/systemd/system/sekimori.service")
	if got := h.show("ActiveState", "UnitFileState", "User"); got["ActiveState"] != "active" || got["UnitFileState"] != "enabled" || got["User"] != "sekimori" {
		h.t.Errorf("the unit is %v", got)
	}
	for _, key := range []string{"journal.key", "link.key", "evidence.key"} {
		h.secrets[key] = h.run("tail", "-n1", stateDir+"/keys/"+key)
	}
}

// filledIn is the configuration that init wrote with its mail server filled in. Nobody
// listens there: messages wait, which is no matter of the unit.
func (h *host) filledIn(config string) string {
	h.t.Helper()
	before, _, ok := strings.Cut(config, "\n[mail]\n")
	if !ok {
		h.t.Fatalf("init wrote no [mail]:\n%s", config)
	}
	return before + "\n[mail]\nhost = \"127.0.0.1\"\nport = 2525\nuser = \"sekimori\"\nfrom = \"sekimori@company.example\"\n"
}

// token makes a token for the first person, as the manual says.
func (h *host) token() {
	h.t.Helper()
	said := h.run("sudo", "-u", "sekimori", "sekimori", "token", "create", "--config", stateDir+"/sekimori.toml",
		"--person", "0001", "--name", "host", "--scopes", "incident:report,incident:read,journal:read", "--days", "1")
	words := strings.Fields(said)
	h.secrets["token"] = words[len(words)-1]
	h.Write("/root/token", h.secrets["token"]+"\n", 0o600)
}

// client runs a command of the program as a client of the server.
func (h *host) client(args ...string) string {
	h.t.Helper()
	return h.run(append([]string{"env", "SEKIMORI_URL=" + address, "SEKIMORI_TOKEN_FILE=/root/token", "sekimori"}, args...)...)
}

// report sends a report and returns its number.
func (h *host) report(summary string) string {
	h.t.Helper()
	said := h.client("incident", "report", "--kind", "near_miss", "--json", summary)
	var made struct{ Label string }
	if err := json.Unmarshal([]byte(said), &made); err != nil || made.Label == "" {
		h.t.Fatalf("the report was answered %s: %v", said, err)
	}
	return made.Label
}

func (h *host) stillThere(label, summary string) {
	h.t.Helper()
	if shown := h.client("incident", "show", label); !strings.Contains(shown, summary) {
		h.t.Errorf("%s is there without its words:\n%s", label, shown)
	}
}

func (h *host) killed() {
	h.token()
	label := h.report("A letter was found open")
	before := h.show("MainPID")["MainPID"]
	h.run("systemctl", "kill", "--signal=KILL", "sekimori")
	h.ready()
	if got := h.show("MainPID", "NRestarts", "ActiveState"); got["MainPID"] == before || got["NRestarts"] != "1" || got["ActiveState"] != "active" {
		h.t.Errorf("after a kill the unit is %v; the process was %s", got, before)
	}
	h.stillThere(label, "A letter was found open")
}

func (h *host) powerCut() {
	label := h.report("A door was left open")
	h.Reboot()
	h.ready()
	h.stillThere(label, "A door was left open")
	h.client("journal", "export", "-o", "/root/out.ndjson")
	h.run("sekimori", "journal", "verify", "/root/out.ndjson", "--key", stateDir+"/keys/journal.pub")
}

func (h *host) stops() {
	h.run("systemctl", "stop", "sekimori")
	got := h.show("ActiveState", "Result", "ExecMainCode", "ExecMainStatus")
	if got["ActiveState"] != "inactive" || got["Result"] != "success" || got["ExecMainCode"] != "1" || got["ExecMainStatus"] != "0" {
		h.t.Errorf("stopped, the unit is %v; want inactive, success, code 1 (exited), status 0", got)
	}
	if left := h.run("find", "/proc", "-maxdepth", "1", "-user", "sekimori"); left != "" {
		h.t.Errorf("processes of the server are left:\n%s", left)
	}
}

func (h *host) log() {
	h.run("journalctl", "--sync")
	text := h.run("journalctl", "--no-pager", "--unit=sekimori", "--output=cat")
	for _, want := range []string{"Started sekimori.service", "Stopped sekimori.service", "127.0.0.1:8420"} {
		if !strings.Contains(text, want) {
			h.t.Errorf("the log does not say %q:\n%s", want, text)
		}
	}
	everything := h.run("journalctl", "--no-pager", "--output=export", "--all")
	for what, secret := range h.secrets {
		if len(secret) < 8 {
			h.t.Errorf("the %s is %q, too short to look for", what, secret)
		}
		if strings.Contains(everything, secret) {
			h.t.Errorf("the %s is in the log", what)
		}
	}
	for _, personal := range []string{"A letter was found open", "hanako@company.example"} {
		if strings.Contains(text, personal) {
			h.t.Errorf("the log of the server holds what people typed: %q", personal)
		}
	}
}
