package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTakeOutVerbs(t *testing.T) {
	t.Parallel()
	const pass = `{"label":"TKO-2026-0003","state":"moving","late":true,"where":"hall","person":{"name":"青木 花子"},"until":"2026-01-05T00:00:00Z",
		"items":[{"kind":"paper","name":"list","count":2},{"kind":"thing","number":"USB-0001","count":1,"outcome":"returned"}],
		"loss":{"verdict":"would","people":5,"grounds":[{"verdict":"would","citation":"法","verified":false}]}}`
	f, env := serve(t, reply{200, `{"items":[` + pass + `],"next":""}`})
	if code, out, _ := play(t, env, "take-out", "list", "--late"); code != 0 || !strings.Contains(out, "TKO-2026-0003") || f.asked[0] != "GET /api/v1/take-outs?late=true&limit=50 " {
		t.Errorf("list: %d %s %q", code, out, f.asked)
	}
	_, env = serve(t, reply{200, pass})
	if code, out, _ := play(t, env, "take-out", "show", "TKO-1"); code != 0 || strings.Contains(out, "⟦") || !strings.Contains(out, "USB-0001") || !strings.Contains(out, "unverified") {
		t.Errorf("show: %d %s", code, out)
	}
	for line, want := range map[string]string{
		"take-out make REQ-1": `POST /api/v1/take-outs {"request":"REQ-1"}`,
		"take-out arrive T":   "POST /api/v1/take-outs/T/arrive {}",
		"take-out delay T":    "POST /api/v1/take-outs/T/delay {}",
		"take-out back T":     "POST /api/v1/take-outs/T/back {}",
		"take-out lost T":     "POST /api/v1/take-outs/T/lost ",
		"take-out leave T --expected 2026-01-05T00:00:00Z --to home --rules-read": `POST /api/v1/take-outs/T/leave {"expected":"2026-01-05T00:00:00Z","place":"home","rules":true}`,
		"take-out confirm T --item 2 --outcome given --note x":                    `POST /api/v1/take-outs/T/confirm {"items":[{"item":1,"note":"x","outcome":"given"}]}`,
	} {
		f, env := serve(t, reply{200, pass})
		if code, out, errs := play(t, env, strings.Fields(line)...); code != 0 || errs != "" || !strings.Contains(out, "TKO-2026-0003") || f.asked[0] != want || f.keys[0] == "" {
			t.Errorf("%s: %d %s %s %q", line, code, out, errs, f.asked)
		}
	}
	// Without an item, all that nobody has confirmed.
	f, env = serve(t, reply{200, pass}, reply{200, pass})
	if play(t, env, "take-out", "confirm", "T"); len(f.asked) != 2 || !strings.Contains(f.asked[1], `{"items":[{"item":0,"outcome":"returned"}]}`) {
		t.Errorf("confirm all: %q", f.asked)
	}
	for line, want := range map[string]string{"take-out leave T": "--expected", "take-out leave T --expected 2026-01-05T00:00:00Z": "--rules-read", "take-out ask": "--", "take-out ask a.csv": "--manifest",
		"take-out confirm T --item 0": "--item"} {
		if code, _, errs := play(t, env, strings.Fields(line)...); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%s: %d %s", line, code, errs)
		}
	}
}

// TestManifest counts plain files, below folders too, and refuses what is none.
func TestManifest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a/one.csv": "1,2\n", "a/b/two.csv": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ask := []string{"take-out", "ask", "--purpose", "p", "--to", "t", "--kinds", "name", "--owners", "customers", "--people", "5", "--paper", "list=2", "--from", "2026-01-05T00:00:00Z", "--until", "2026-01-06T00:00:00Z",
		"--encrypted", "AES", "--manifest", filepath.Join(dir, "a")}
	f, env := serve(t, reply{201, `{"id":"tkm_1"}`}, reply{201, waitingRequest})
	code, out, errs := play(t, env, ask...)
	if code != 0 || errs != "" || !strings.HasPrefix(out, "REQ-2026-0007") || len(f.asked) != 2 {
		t.Fatalf("ask: %d %s %s %q", code, out, errs, f.asked)
	}
	for _, want := range []string{`one.csv","size":4`, `two.csv","size":0`, `"encrypted":"AES"`, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"} {
		if !strings.Contains(f.asked[0], want) {
			t.Errorf("%s is missing in %s", want, f.asked[0])
		}
	}
	if !strings.Contains(f.asked[1], `"manifest":"tkm_1"`) || !strings.Contains(f.asked[1], `{"count":2,"kind":"paper","name":"list"}`) {
		t.Errorf("asked %s", f.asked[1])
	}
	if err := os.Symlink("one.csv", filepath.Join(dir, "a", "link.csv")); err != nil {
		t.Fatal(err)
	}
	f, env = serve(t)
	if code, _, errs := play(t, env, ask...); code != 1 || !strings.Contains(errs, "no plain file") || len(f.asked) != 0 {
		t.Errorf("a link: %d %s %q", code, errs, f.asked)
	}
}
