package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/pii/read"
	"sekimori/internal/pii/walk"
)

// TestMain lets this test program be the process that takes documents apart, as the shipped programs are.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == read.Verb {
		os.Exit(ReadDocuments(os.Stdin, os.Stdout, os.Stderr))
	}
	if err := os.Setenv("XDG_CACHE_HOME", filepath.Join(os.DevNull, "none")); err != nil { // nothing is left in the tester's own
		panic(err)
	}
	os.Exit(m.Run())
}

// scanned runs scan, without making this process the last in line for good.
func scanned(ctx context.Context, lang string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	program := Program{Name: "sekimori-agent", Idle: func() error { return nil }}
	env := func(name string) string { return map[string]string{"LANG": lang}[name] }
	code = Main(ctx, program, append([]string{"scan"}, args...), env, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// customers is a table of two people.
const customers = "氏名,生年月日\r\n山本 花乃,1984-05-06\r\n佐久間 一太,1979-11-23\r\n"

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestScanTable(t *testing.T) {
	dir := folder(t, map[string]string{"few.csv": customers, "many.csv": customers + "架空 次太,1990-01-02\r\n", "none.txt": "nothing\n", "x.png": "\x89PNG\r\n\x1a\n\x00\x00"})
	t.Chdir(dir)
	state := filepath.Join(t.TempDir(), "state")
	code, out, errs := scanned(t.Context(), "en", "--state", state, ".")
	if code != exitFailed || errs != "" {
		t.Errorf("%d %s", code, errs)
	}
	for _, want := range []string{"about       3 people  many.csv", "date of birth 3", "2 files with personal information of about 5 people", "looked at 4 files", "format not read 1"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
	if strings.Index(out, "many.csv") > strings.Index(out, "few.csv") || strings.Contains(out, "x.png") || strings.Contains(out, "⟦") {
		t.Errorf("%s", out)
	}
	code, out, errs = scanned(t.Context(), "ja", "--state", state, "--all", "--findings", "--exclude", "few*", dir)
	if code != exitFailed || errs != "" || !strings.Contains(out, "2行目  氏名  •••乃") || !strings.Contains(out, "読まない形式  x.png") || !strings.Contains(out, "除外  few.csv") {
		t.Errorf("%d %s\n%s", code, errs, out)
	}
	if code, out, errs = scanned(t.Context(), "en", "--state", "", "none.txt"); code != exitOK || errs != "" || !strings.Contains(out, "No personal information") {
		t.Errorf("%d %s\n%s", code, errs, out)
	}
}

func TestScanJSONAndCSV(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"=list.csv": customers, "x.png": "\x89PNG\r\n\x1a\n\x00\x00"})
	table := filepath.Join(t.TempDir(), "found.csv")
	code, out, errs := scanned(t.Context(), "ja", "--state", "", "--json", "--csv", table, dir)
	if code != exitFailed || errs != "" {
		t.Errorf("%d %s", code, errs)
	}
	var got struct {
		Summary walk.Summary
		Files   []walk.File
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Summary.Found != 1 || len(got.Files) != 1 || got.Files[0].People != 2 || len(got.Files[0].Findings) != 4 {
		t.Errorf("%s", out)
	}
	raw, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\r\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "\ufeff人数(約),ファイル,") || !strings.HasPrefix(lines[1], "2,"+dir) || !strings.HasSuffix(lines[2], "読まない形式") {
		t.Errorf("%q", lines)
	}
	for _, v := range []string{"山本", "花乃", "佐久間", "1984-05-06"} {
		if strings.Contains(out, v) || strings.Contains(string(raw), v) {
			t.Errorf("%s is told", v)
		}
	}
	if _, _, errs := scanned(t.Context(), "ja", "--state", "", "--csv", table, "--csv-encoding", "sjis", dir); errs != "" {
		t.Error(errs)
	}
	if raw, err = os.ReadFile(table); err != nil || !bytes.HasPrefix(raw, []byte("\x90l\x90\x94")) {
		t.Errorf("%q, %v", raw[:min(len(raw), 20)], err)
	}
}

func TestScanMisuse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for want, args := range map[string][]string{
		"Say what to look through": nil, "is not there": {filepath.Join(dir, "nowhere")}, "--exclude": {"--exclude", "[", dir}, "--cap": {"--cap", "150%", dir},
		"--limit-size": {"--limit-size", "much", dir}, "--memory": {"--memory", "-1", dir}, "--csv-encoding": {"--csv-encoding", "ebcdic", dir},
	} {
		if code, out, errs := scanned(t.Context(), "en", append([]string{"--state", ""}, args...)...); code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: %d %s%s", args, code, out, errs)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, _, errs := scanned(ctx, "en", "--state", "", dir); code != exitUsage || !strings.Contains(errs, "Stopped before") {
		t.Errorf("%d %s", code, errs)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	s := &shell{}
	for text, want := range map[string]int64{"": 7, "512": 512, "10k": 10 << 10, "256M": 256 << 20, "2GB": 2 << 30, "1T": 1 << 40} {
		if got, err := s.size("--x", text, 7); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}
