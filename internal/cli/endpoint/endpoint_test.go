package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/agent"
	"sekimori/internal/agent/host"
)

var update = flag.Bool("update", false, "write the golden files anew")

// pc is a host.Host of the tests.
type pc struct {
	host.Host // what no test calls

	mu         sync.Mutex
	privileged error
	up         bool
	installed  string
}

func (p *pc) Privileged() error { return p.privileged }

func (p *pc) Cut(context.Context, host.Allow) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up = true
	return nil
}

func (p *pc) Standing(context.Context, host.Allow) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.up {
		return errors.New("no rules")
	}
	return nil
}

func (p *pc) Watch(context.Context, func()) error { return host.ErrUnsupported }
func (p *pc) Open(context.Context) error          { p.up = false; return nil }
func (p *pc) Plan(host.Allow) []string            { return []string{"close the network"} }
func (p *pc) SwitchWifi(context.Context, bool, []host.Endpoint, bool) (string, error) {
	return "", host.ErrUnsupported
}

func (p *pc) HoldPower(context.Context, string) (func() error, error) {
	return nil, host.ErrUnsupported
}

func (p *pc) Glance(context.Context, func(string, func(io.Writer) error) error) error { return nil }
func (p *pc) Collect(context.Context, func(string, func(io.Writer) error) error) error {
	return nil
}

func (p *pc) Install(_ context.Context, exe, _ string) error { p.installed = exe; return nil }
func (p *pc) Uninstall(context.Context) error                { p.installed = ""; return nil }
func (p *pc) Boot() (string, error)                          { return "boot-1", nil }
func (p *pc) Name() string                                   { return "PC-0042" }

// play runs one command line on a PC.
func play(t *testing.T, p *pc, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return playIn(t.Context(), p, env, args...)
}

func playIn(ctx context.Context, p *pc, env []string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	get := func(name string) string {
		for _, e := range env {
			if v, ok := strings.CutPrefix(e, name+"="); ok {
				return v
			}
		}
		return ""
	}
	program := Program{Name: "sekimori-agent", Host: func(string) host.Host { return p },
		Forbidden: func(host.Allow) []agent.Target { return nil }}
	code = Main(ctx, program, args, get, strings.NewReader("\n"), &out, &errs)
	return code, out.String(), errs.String()
}

// TestHelp compares the help of every verb, in both languages, with what was read and
// found good.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"ja", "en"} {
		var got strings.Builder
		lines := [][]string{{"--help"}}
		for _, v := range verbs() {
			lines = append(lines, []string{v.name, "--help"})
		}
		for _, args := range lines {
			code, out, errs := play(t, &pc{}, []string{"LANG=" + lang}, args...)
			if code != 0 || errs != "" || strings.Contains(out, "⟦") {
				t.Errorf("%v: %d %s%s", args, code, out, errs)
			}
			got.WriteString("$ sekimori-agent " + strings.Join(args, " ") + "\n" + out + "\n")
		}
		file := filepath.Join("testdata", "help."+lang+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(got.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got; go test -update writes it anew):\n%s", lang, diff)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for line, c := range map[string]struct {
		code int
		want string // part of standard error, or of standard output when the code is 0
	}{
		"":                            {2, "Usage:"},
		"help":                        {0, "Commands:"},
		"help infected":               {0, "--note TEXT"},
		"infectd":                     {2, `no command "infectd"`},
		"status now":                  {2, `"now" is one argument too many`},
		"status --loud":               {2, "no flag --loud"},
		"release --code":              {2, "give --code a value"},
		"report":                      {2, "give --kind"},
		"report --kind fire":          {2, `no kind of report "fire". Please choose one of: virus, missent, lost,`},
		"run --dry-run=perhaps":       {2, `--dry-run does not take "perhaps"`},
		"enrol":                       {2, "give --server"},
		"enrol --server https://a.ex": {2, "give --token"},
		"enroll --server http://sekimori.example --token t":                             {2, "no address of a server"},
		"enroll --server https://sekimori.example --token t --ca /nowhere/x --state /t": {1, "read CA file"},
		"uninstall --ticket /nowhere/x":                                                 {1, "read ticket"},
		"version":                                                                       {0, "sekimori-agent 0."},
	} {
		code, out, errs := play(t, &pc{}, nil, strings.Fields(line)...)
		text := errs
		if c.code == 0 {
			text = out
		}
		if code != c.code || !strings.Contains(text, c.want) || c.code != 0 && out != "" {
			t.Errorf("%q: exit %d, want %d\nout: %s\nerr: %s", line, code, c.code, out, errs)
		}
	}
}

// TestInfectedByItself: no service, no enrolment, and the network is cut all the same.
func TestInfectedByItself(t *testing.T) {
	t.Parallel()
	p, dir := &pc{}, filepath.Join(t.TempDir(), "s")
	code, out, errs := play(t, p, []string{"LANG=ja_JP.UTF-8"}, "infected", "--state", dir, "--stay")
	if code != 0 || !p.up || errs != "" {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	for _, want := range []string{"ネットワークから切り離しました", "LANケーブルを抜き", "電源は入れたまま", "電話", "報告を送れませんでした", "Enter"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
	if strings.Contains(out, "dry run") || strings.Contains(out, "\x1b") || strings.Contains(out, "⟦") {
		t.Errorf("said:\n%s", out)
	}
	code, out, _ = play(t, p, nil, "status", "--state", dir)
	if code != 0 || !strings.Contains(out, "Isolated") || !strings.Contains(out, "not running") {
		t.Errorf("status: exit %d\n%s", code, out)
	}
	if code, _, errs := play(t, p, nil, "release", "--state", dir); code != 1 || !strings.Contains(errs, "uninstall") {
		t.Errorf("release: exit %d %s", code, errs)
	}
	// After a restart the rules are gone, and boot puts them back.
	p.up = false
	if code, out, _ := play(t, p, nil, "boot", "--state", dir); code != 0 || !p.up || !strings.Contains(out, "isolated") {
		t.Errorf("boot: exit %d %s", code, out)
	}
	// No server can end this, so its own administrator may.
	if code, _, errs := play(t, p, nil, "uninstall", "--state", dir); code != 0 || p.up {
		t.Errorf("uninstall: exit %d %s", code, errs)
	}
}

func TestInfectedWithoutRights(t *testing.T) {
	t.Parallel()
	p := &pc{privileged: errors.New("not root")}
	code, out, _ := play(t, p, nil, "infected", "--state", t.TempDir())
	if code != 1 || p.up || !strings.Contains(out, "NOT CUT OFF") || !strings.Contains(out, "no right to close the network (not root)") ||
		!strings.Contains(out, "Pull the network cable") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// TestDryRunSaysSo: on every line, by itself and through a service.
func TestDryRunSaysSo(t *testing.T) {
	t.Parallel()
	p, dir := &pc{}, t.TempDir()
	every := func(what, out string) {
		t.Helper()
		for line := range strings.Lines(out) {
			if !strings.HasPrefix(line, "[dry run]") {
				t.Errorf("%s: a line does not say so: %q", what, line)
			}
		}
		if out == "" {
			t.Errorf("%s: nothing is said", what)
		}
	}
	code, out, errs := play(t, p, nil, "infected", "--dry-run", "--state", dir)
	if code != 0 || p.up || !strings.Contains(out, "close the network") {
		t.Errorf("exit %d %s%s", code, out, errs)
	}
	every("infected --dry-run", out)

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() {
		code, _, _ := playIn(ctx, p, nil, "run", "--dry-run", "--state", dir)
		done <- code
	}()
	defer func() {
		cancel()
		if code := <-done; code != 0 {
			t.Errorf("run: exit %d", code)
		}
	}()
	socket := filepath.Join(dir, "control.sock")
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := agent.Dial(t.Context(), socket); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"infected"}, {"status"}} {
		code, out, errs := play(t, p, nil, append(args, "--state", dir)...)
		if code != 0 || p.up || errs != "" {
			t.Errorf("%v: exit %d %s%s", args, code, out, errs)
		}
		every(args[0], out)
	}
	code, out, _ = play(t, p, nil, "status", "--json", "--state", dir)
	var st struct {
		Running bool
		agent.Status
	}
	if err := json.Unmarshal([]byte(out), &st); err != nil || code != 0 || !st.Running || !st.DryRun || !st.Isolated || !st.Isolation.DryRun {
		t.Errorf("exit %d %v\n%s", code, err, out)
	}
	code, out, _ = play(t, p, nil, "facts", "--state", dir)
	if code != 0 || !strings.Contains(out, `isolation: {"state":"dry_run"`) {
		t.Errorf("facts: exit %d\n%s", code, out)
	}
	if code, _, errs := play(t, p, nil, "release", "--state", dir); code != 1 || !strings.Contains(errs, "not enrolled") {
		t.Errorf("release: exit %d %s", code, errs)
	}
	if code, out, errs := play(t, p, nil, "report", "--kind", "lost", "--state", dir); code != 1 || out != "" || !strings.Contains(errs, "not enrolled") {
		t.Errorf("report: exit %d %s%s", code, out, errs)
	}
}

func TestInstallIsOfTheSlimProgram(t *testing.T) {
	t.Parallel()
	p := &pc{}
	code, _, errs := play(t, p, nil, "install", "--state", t.TempDir())
	if code != 1 || p.installed != "" || !strings.Contains(errs, "sekimori-agent") {
		t.Errorf("exit %d %s, installed %q", code, errs, p.installed)
	}
	p.installed = "x"
	if code, _, _ := play(t, p, nil, "uninstall", "--state", t.TempDir()); code != 0 || p.installed != "" {
		t.Errorf("uninstall of a PC that never was enrolled: exit %d, installed %q", code, p.installed)
	}
}
