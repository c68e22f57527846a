package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckProof(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/journal.proof")
	if err != nil {
		t.Fatal(err)
	}
	good := string(raw)
	with := func(old, fresh string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the proof does not hold %q", old)
		}
		return strings.Replace(good, old, fresh, 1)
	}
	for _, tc := range []struct {
		name, proof string
		more        []string
		code        int
		want        string
	}{
		{"holds", good, nil, 0, "Entry 5, of Mon, 23 Nov 2026"},
		{"says among how many", good, nil, 0, "among the first 14 entries"},
		{"holds against the kept one", good, []string{"--checkpoint", "testdata/journal.checkpoint"}, 0, "the checkpoint that was kept (14 entries"},
		{"as JSON", good, []string{"--json"}, 0, `"holds": true`},
		{"content", with("見積書", "請求書"), nil, 1, "its content was changed"},
		{"content, as JSON", with("見積書", "請求書"), []string{"--json"}, 1, `"reason": "content_changed"`},
		{"kind", with("incident.reported", "incident.Reported"), nil, 1, "not in the record that was signed"},
		{"number", with(`"seq":5`, `"seq":6`), nil, 1, "not in the record that was signed"},
		{"path", with(`"path":["`, `"path":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","`), nil, 1, "not in the record that was signed"},
		{"size", with(`\n14\n`, `\n15\n`), nil, 1, "not by this key"},
		{"not a proof", "{}", nil, 1, "not a proof as"},
		{"empty", "", nil, 1, "not a proof as"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "entry.proof")
			if err := os.WriteFile(file, []byte(tc.proof), 0o600); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"--key", "testdata/journal.pub"}, tc.more...)
			code, out, errs := play(t, nil, append([]string{"journal", "check-proof", file}, args...)...)
			if code != tc.code || !strings.Contains(out, tc.want) || errs != "" || strings.Contains(out, "⟦") {
				t.Errorf("exit %d, want %d\nout: %s\nerr: %s", code, tc.code, out, errs)
			}
			if code, again, _ := playIn(t, tc.proof, nil, append([]string{"journal", "check-proof", "-"}, args...)...); code != tc.code || again != out {
				t.Errorf("standard input: exit %d\n%s", code, again)
			}
		})
	}
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"testdata/journal.proof"}, 2, "give --key"},
		{[]string{"--key", "testdata/journal.pub"}, 2, "give FILE"},
		{[]string{"testdata/journal.proof", "--key", "a+b+c"}, 1, "could not be checked"},
		{[]string{"testdata/none", "--key", "testdata/journal.pub"}, 1, "open proof"},
		{[]string{"testdata/journal.proof", "--key", "testdata/journal.pub", "--checkpoint", "testdata/journal.proof"}, 1, "could not be checked"},
	} {
		if code, out, errs := play(t, nil, append([]string{"journal", "check-proof"}, tc.args...)...); code != tc.code || out != "" || !strings.Contains(errs, tc.want) {
			t.Errorf("%q: exit %d, want %d\nout: %s\nerr: %s", tc.args, code, tc.code, out, errs)
		}
	}
}
