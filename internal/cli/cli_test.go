package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		line string
		code int
		want string // part of standard error, or of standard output when the code is 0
	}{
		{"", 2, "Usage:"},
		{"--help", 0, "Commands:"},
		{"help journal verify", 0, "sekimori journal verify FILE"},
		{"help nothing", 2, `no command "nothing"`},
		{"version", 0, "sekimori 0."},
		{"version now", 2, `"now" is one argument too many`},
		{"journl", 2, "Did you mean journal?"},
		{"zzzzzzzz", 2, `no command "zzzzzzzz"`},
		{"journal zzzzzzz", 2, `no command "zzzzzzz"`},
		{"journal", 2, "verify"},
		{"version --loud", 2, "no flag --loud"},
		{"version -x", 2, "no flag -x"},
		{"serve --config", 2, "give --config a value"},
		{"token create --days many", 2, `--days does not take "many"`},
		{"token create", 2, "give --person"},
		{"init", 2, "give --admin-name"},
		{"demo --lang fr", 2, `--lang does not take "fr"`},
		{"journal verify", 2, "give FILE"},
		{"journal verify x", 2, "give --key"},
		{"journal verify x --key y", 1, "no public key: y"},
		{"journal prove first", 2, "no entry number"},
		{"incident report x", 2, "give --kind"},
		{"incident report x --kind lost --occurred soon", 2, `"soon" of --occurred`},
		{"incident list --limit 0", 2, "--limit"},
		{"incident list", 2, "address of the server"},
		{"incident list --server nonsense", 2, "no address of a server"},
		{"incident list --server http://sekimori.example", 2, "not encrypted"},
		{"incident list --server https://sekimori.example", 2, "Please give a token"},
		{"incident list --server https://sekimori.example --token skm_abc", 2, "not accepted as an argument"},
		{"incident list --server https://sekimori.example --token-file /nowhere/token", 1, "read token file"},
		{"people import /nowhere/people.csv --server https://sekimori.example", 1, "read file"},
		{"config check", 1, "config key data"},
	} {
		t.Run(tc.line, func(t *testing.T) {
			t.Parallel()
			code, out, errs := play(t, nil, strings.Fields(tc.line)...)
			text := errs
			if tc.code == 0 {
				text = out
			}
			if code != tc.code || !strings.Contains(text, tc.want) {
				t.Errorf("exit %d, want %d\nout: %s\nerr: %s", code, tc.code, out, errs)
			}
			if tc.code != 0 && out != "" {
				t.Errorf("what went wrong is on standard output: %s", out)
			}
		})
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]string{
		"":                                  "Usage:",
		"LANG=ja_JP.UTF-8":                  "使い方:",
		"LANG=C.UTF-8":                      "Usage:",
		"LANG=ja_JP.UTF-8 LC_ALL=C":         "Usage:",
		"LANG=en_US.UTF-8 SEKIMORI_LANG=ja": "使い方:",
	} {
		if _, out, _ := play(t, strings.Fields(env), "--help"); !strings.Contains(out, want) {
			t.Errorf("%q: %s", env, out)
		}
	}
}

func TestJournalVerify(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile("testdata/journal.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	key, err := os.ReadFile("testdata/journal.pub")
	if err != nil {
		t.Fatal(err)
	}
	without := func(n int) string { return strings.Join(lines[:n], "") + strings.Join(lines[n+1:], "") }
	changed := strings.Replace(string(whole), "\\u898b\\u7a4d", "x", 1)
	if changed == string(whole) {
		changed = strings.Replace(string(whole), "見積書", "請求書", 1)
	}
	for _, tc := range []struct {
		name, file string
		more       []string
		code       int
		want       string
	}{
		{"intact", string(whole), nil, 0, "The record is intact."},
		{"intact with a checkpoint", string(whole), []string{"--checkpoint", "testdata/journal.checkpoint"}, 0, "Covered by a signature"},
		{"as JSON", string(whole), []string{"--json"}, 0, `"intact": true`},
		{"removed", without(3), nil, 1, "Entries are missing."},
		{"changed", changed, nil, 1, "Its content was changed."},
		{"changed, as JSON", changed, []string{"--json"}, 1, `"reason": "content_changed"`},
		{"cut", lines[0], []string{"--checkpoint", "testdata/journal.checkpoint"}, 1, "the tail was cut off"},
		{"nonsense", "nonsense\n", nil, 1, "not a line of an exported record"},
		{"empty", "", nil, 1, "not a line of an exported record"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "journal.ndjson")
			if err := os.WriteFile(file, []byte(tc.file), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, errs := play(t, nil, append([]string{"journal", "verify", file, "--key", "testdata/journal.pub"}, tc.more...)...)
			if code != tc.code || !strings.Contains(out, tc.want) || errs != "" || strings.Contains(out, "⟦") {
				t.Errorf("file: exit %d, want %d\nout: %s\nerr: %s", code, tc.code, out, errs)
			}
			code, again, _ := playIn(t, tc.file, nil, append([]string{"journal", "verify", "-", "--key", strings.TrimSpace(string(key))}, tc.more...)...)
			if code != tc.code || again != out {
				t.Errorf("standard input: exit %d\n%s", code, again)
			}
		})
	}
	if code, _, errs := play(t, nil, "journal", "verify", "testdata/journal.ndjson", "--key", "a+b+c"); code != 1 || !strings.Contains(errs, "could not be checked") {
		t.Errorf("a bad key: %d %s", code, errs)
	}
}

const receipt = `{"label":"INC-2026-0042","kind":"missent","status":"received","summary":"x","reported":"2026-01-05T01:00:00Z",
"tracks":[{"receiver":"supervisor","state":"open","told":[{"person":{"name":"本田 誠"}}]}]}`

// fake is a server that answers with each of the given replies in turn, the last one
// for ever, and notes what it was asked.
type fake struct {
	mu      sync.Mutex
	replies []reply
	asked   []string
	keys    []string
}

type reply struct {
	status int
	body   string
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(400)
		return
	}
	f.asked = append(f.asked, r.Method+" "+r.URL.RequestURI()+" "+string(body))
	f.keys = append(f.keys, r.Header.Get("Idempotency-Key"))
	re := f.replies[0]
	if len(f.replies) > 1 {
		f.replies = f.replies[1:]
	}
	if re.status == 0 { // hangs up without an answer
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(re.status)
	io.WriteString(w, re.body)
}

func serve(t *testing.T, replies ...reply) (*fake, []string) {
	t.Helper()
	f := &fake{replies: replies}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	return f, []string{"SEKIMORI_URL=" + srv.URL, "SEKIMORI_TOKEN=skm_made-up-token-for-a-test"}
}

func TestReport(t *testing.T) {
	t.Parallel()
	f, env := serve(t, reply{0, ""}, reply{502, "<html>bad gateway</html>"}, reply{201, receipt})
	code, out, errs := play(t, env, "incident", "report", "--kind", "missent", "見積書を別の会社へ送りました", "--on-behalf", "0012", "--occurred", "2026-01-05T09:30:00+09:00")
	if code != 0 || errs != "" || !strings.HasPrefix(out, "INC-2026-0042\n") || !strings.Contains(out, "本田 誠") {
		t.Fatalf("exit %d\nout: %s\nerr: %s", code, out, errs)
	}
	if len(f.keys) != 3 || f.keys[0] == "" || f.keys[0] != f.keys[1] || f.keys[1] != f.keys[2] {
		t.Errorf("keys %q: want the same one three times", f.keys)
	}
	for _, part := range []string{`"kind":"missent"`, `"summary":"見積書を別の会社へ送りました"`, `"on_behalf":"0012"`, `"occurred":"2026-01-05T09:30:00+09:00"`, `"discovered":"unknown"`} {
		if !strings.Contains(f.asked[2], part) {
			t.Errorf("sent %s; want %s in it", f.asked[2], part)
		}
	}
}

func TestReportThatDoesNotArrive(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	env := []string{"SEKIMORI_URL=" + srv.URL, "SEKIMORI_TOKEN=skm_x", "LANG=ja_JP.UTF-8"}
	code, out, errs := play(t, env, "incident", "report", "--kind", "lost", "x", "--key", "k1")
	if code != 1 || out != "" || !strings.Contains(errs, "電話") || !strings.Contains(errs, "--key k1") || !strings.Contains(errs, "つながりません") {
		t.Errorf("exit %d\nout: %s\nerr: %s", code, out, errs)
	}
	f, env := serve(t, reply{503, `{"status":503,"detail":"no room","code":"fault.disk_full"}`})
	code, _, errs = play(t, env, "incident", "report", "--kind", "lost", "x")
	if code != 1 || len(f.asked) != reportTries || !strings.Contains(errs, "phone") || !strings.Contains(errs, "no room") {
		t.Errorf("full: exit %d after %d tries: %s", code, len(f.asked), errs)
	}
}

func TestRefusedReport(t *testing.T) {
	t.Parallel()
	f, env := serve(t, reply{422, `{"status":422,"detail":"Please check.","code":"fault.invalid","errors":[{"location":"body.kind","code":"fault.unknown_choice","message":"Pick one."}]}`})
	code, out, errs := play(t, env, "incident", "report", "--kind", "fire", "x")
	if code != 1 || out != "" || errs != "sekimori: Please check.\n  kind: Pick one.\n" || len(f.asked) != 1 {
		t.Errorf("exit %d, %d tries\nout: %s\nerr: %s", code, len(f.asked), out, errs)
	}
}

func TestListAndShow(t *testing.T) {
	t.Parallel()
	f, env := serve(t, reply{200, `{"items":[` + receipt + `],"next":"inc_1"}`}, reply{200, `{"items":[{"label":"INC-2026-0041","kind":"lost","status":"closed","summary":"\u001b[31m鍵","open_tracks":["supervisor"]}],"next":""}`})
	code, out, errs := play(t, env, "incident", "list", "--kind", "lost,missent", "--limit", "10")
	if code != 0 || errs != "" || strings.Count(out, "\n") != 2 || strings.Contains(out, "\x1b") || !strings.Contains(out, "unanswered") {
		t.Errorf("exit %d\nout: %s\nerr: %s", code, out, errs)
	}
	if want := "GET /api/v1/incidents?after=inc_1&kind=lost%2Cmissent&limit=9 "; len(f.asked) != 2 || f.asked[1] != want {
		t.Errorf("asked %q, want %q", f.asked, want)
	}
	_, env = serve(t, reply{200, receipt})
	if code, out, _ := play(t, env, "incident", "show", "INC-2026-0042"); code != 0 || !strings.Contains(out, "本田 誠") || strings.Contains(out, "⟦") {
		t.Errorf("show: %d %s", code, out)
	}
	if code, out, _ := play(t, env, "incident", "show", "INC-2026-0042", "--json"); code != 0 || !strings.Contains(out, `"label": "INC-2026-0042"`) {
		t.Errorf("show --json: %d %s", code, out)
	}
	_, env = serve(t, reply{200, "<html>"})
	if code, _, errs := play(t, env, "incident", "list"); code != 1 || !strings.Contains(errs, "not Sekimori's") {
		t.Errorf("another server: %d %s", code, errs)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	_, env := serve(t, reply{200, "one\ntwo\n"})
	file := filepath.Join(t.TempDir(), "journal.ndjson")
	if code, out, errs := play(t, env, "journal", "export", "-o", file); code != 0 || out != "" || errs != "" {
		t.Fatalf("exit %d: %s %s", code, out, errs)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "one\ntwo\n" {
		t.Errorf("%q, %v", got, err)
	}
	// A server that breaks off must leave the file of before.
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "one\n")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer broken.Close()
	env[0] = "SEKIMORI_URL=" + broken.URL
	if code, _, errs := play(t, env, "journal", "export", "-o", file); code != 1 || errs == "" {
		t.Errorf("broken off: exit %d: %s", code, errs)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "one\ntwo\n" {
		t.Errorf("after a broken export: %q, %v", got, err)
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	_, env = serve(t, reply{200, `{"note":"sekimori/test\n5\n"}`})
	if code, out, _ := play(t, env, "journal", "checkpoint"); code != 0 || out != "sekimori/test\n5\n" {
		t.Errorf("checkpoint: %d %q", code, out)
	}
	_, env = serve(t, reply{404, `{"status":404,"detail":"Not there."}`})
	if code, out, errs := play(t, env, "journal", "prove", "7"); code != 1 || out != "" || errs != "sekimori: Not there.\n" {
		t.Errorf("prove: %d %q %q", code, out, errs)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	fine := `{"version":4,"hash":"ab","adds":[{"key":"0050","name":"新田 学"}],"changes":[{"key":"0001","name":"青木 花子","fields":[{"column":"title","old":"","new":"主任"}]}],"unchanged":3}`
	f, env := serve(t, reply{200, fine})
	csv := "社員番号,姓\n"
	code, out, errs := playIn(t, csv, env, "people", "import", "-")
	if code != 0 || errs != "" || len(f.asked) != 1 || !strings.Contains(out, "+ 0050 新田 学") || !strings.Contains(out, "— → 主任") || !strings.Contains(out, "--apply") {
		t.Errorf("preview: exit %d\nout: %s\nerr: %s", code, out, errs)
	}
	code, out, _ = playIn(t, csv, env, "people", "import", "-", "--apply")
	if want := "POST /api/v1/people/import?version=4&hash=ab " + csv; code != 0 || len(f.asked) != 3 || f.asked[2] != want || !strings.Contains(out, "Imported.") {
		t.Errorf("apply: exit %d, asked %q\n%s", code, f.asked, out)
	}
	f, env = serve(t, reply{200, `{"problems":[{"line":3,"column":"email","message":"bad address"}]}`})
	code, out, _ = playIn(t, csv, env, "people", "import", "-", "--apply")
	if code != 1 || len(f.asked) != 1 || !strings.Contains(out, "! line 3") || !strings.Contains(out, "1 thing must be mended") {
		t.Errorf("problems: exit %d, asked %q\n%s", code, f.asked, out)
	}
}
