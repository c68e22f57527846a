package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const waitingRequest = `{"label":"REQ-2026-0007","kind":"loan","title":"USB-0001 fair","state":"waiting","by":{"name":"青木 花子"},
	"digest":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","may_decide":true,"form":{"asset":"USB-0001"},
	"asked":"2026-01-05T00:00:00Z","deadline":"2026-01-15T00:00:00Z",
	"steps":[{"role":"supervisor","state":"open","asked":[{"person":{"name":"本田 誠"}}]}]}`

func TestRequestVerbs(t *testing.T) {
	t.Parallel()
	f, env := serve(t, reply{200, `{"items":[` + waitingRequest + `],"next":""}`})
	code, out, errs := play(t, env, "request", "list", "--box", "for_me", "--state", "waiting")
	if code != 0 || errs != "" || !strings.Contains(out, "REQ-2026-0007") || f.asked[0] != "GET /api/v1/requests?box=for_me&limit=50&state=waiting " {
		t.Errorf("list: %d %s %s %q", code, out, errs, f.asked)
	}
	_, env = serve(t, reply{200, waitingRequest})
	code, out, _ = play(t, env, "request", "show", "REQ-2026-0007")
	if code != 0 || strings.Contains(out, "⟦") || !strings.Contains(out, "--digest 0123456789ab") || !strings.Contains(out, "本田 誠") {
		t.Errorf("show: %d %s", code, out)
	}
	// The beginning of the digest that was read goes as the whole one; another goes as it is.
	f, env = serve(t, reply{200, waitingRequest}, reply{200, waitingRequest})
	if code, _, errs := play(t, env, "request", "approve", "REQ-2026-0007", "--digest", "0123456789ab"); code != 0 || errs != "" || !strings.Contains(f.asked[1], `"digest":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"`) {
		t.Errorf("approve: %d %s %q", code, errs, f.asked)
	}
	f, env = serve(t, reply{200, waitingRequest}, reply{200, waitingRequest})
	if play(t, env, "request", "approve", "REQ-2026-0007", "--digest", "ffff56789abc"); !strings.Contains(f.asked[1], `"digest":"ffff56789abc"`) {
		t.Errorf("approve what was never shown: %q", f.asked)
	}
	f, env = serve(t, reply{201, waitingRequest})
	code, out, errs = play(t, env, "request", "submit", "--asset", "USB-0001", "--purpose", "fair", "--contents", "slides", "--from", "2026-01-05T00:00:00Z", "--until", "2026-01-06T00:00:00Z", "--key", "k1")
	if code != 0 || errs != "" || !strings.HasPrefix(out, "REQ-2026-0007\n") || f.keys[0] != "k1" || !strings.Contains(f.asked[0], `"asset":"USB-0001"`) {
		t.Errorf("submit: %d %s %s %q", code, out, errs, f.asked)
	}
	for line, want := range map[string]string{"request approve R": "--digest", "request refuse R --digest 0123456789": "--note", "request submit": "give --", "loan hand-over R": "--asset", "loan recall L": "--reason",
		"asset register N": "--device", "stock-take open T": "--due", "stock-take seen S": "give NUMBER", "stock-take finish S": "--hash", "stock-take verify D": "--key", "loan list --limit 0": "--limit"} {
		if code, _, errs := play(t, env, strings.Fields(line)...); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%s: %d %s", line, code, errs)
		}
	}
}

func TestLoanVerbs(t *testing.T) {
	t.Parallel()
	const loan = `{"label":"LOAN-2026-0003","asset":"USB-0001","state":"out","overdue":true,"person":{"name":"青木 花子"},"until":"2026-01-05T00:00:00Z"}`
	f, env := serve(t, reply{200, `{"items":[` + loan + `],"next":""}`})
	if code, out, _ := play(t, env, "loan", "list", "--overdue"); code != 0 || !strings.Contains(out, "Overdue") || f.asked[0] != "GET /api/v1/loans?limit=50&overdue=true " {
		t.Errorf("list: %d %s %q", code, out, f.asked)
	}
	for line, want := range map[string]string{
		"loan hand-over REQ-1 --asset USB-0001":               `POST /api/v1/loans {"asset":"USB-0001","request":"REQ-1"}`,
		"loan receive LOAN-1":                                 "POST /api/v1/loans/LOAN-1/receive ",
		"loan take-back LOAN-1":                               "POST /api/v1/loans/LOAN-1/take-back ",
		"loan chase LOAN-1":                                   "POST /api/v1/loans/LOAN-1/chase ",
		"loan recall LOAN-1 --reason x":                       `POST /api/v1/loans/LOAN-1/recall {"reason":"x"}`,
		"loan confirm LOAN-1 --content empty --erased erased": `POST /api/v1/loans/LOAN-1/confirm {"content":"empty","erased":"erased"}`,
	} {
		f, env := serve(t, reply{200, loan})
		if code, out, errs := play(t, env, strings.Fields(line)...); code != 0 || errs != "" || !strings.Contains(out, "LOAN-2026-0003") || f.asked[0] != want || f.keys[0] == "" {
			t.Errorf("%s: %d %s %s %q", line, code, out, errs, f.asked)
		}
	}
}

// TestStockResult writes a result into a folder of the person's own, whatever a server
// calls it, and refuses to judge what is not there.
func TestStockResult(t *testing.T) {
	t.Parallel()
	_, env := serve(t, reply{200, `{"label":"../../STK-2026-0001","csv":"YQ==","data":"e30=","note":"n"}`})
	dir := filepath.Join(t.TempDir(), "in", "out")
	if code, _, errs := play(t, env, "stock-take", "result", "STK-2026-0001", "-o", dir); code != 0 {
		t.Fatalf("result: %d %s", code, errs)
	}
	for name, want := range map[string]string{"STK-2026-0001.csv": "a", "STK-2026-0001.json": "{}", "STK-2026-0001.note": "n"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != want {
			t.Errorf("%s: %q %v", name, b, err)
		}
	}
	key := "sekimori/test+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW" // of the library's documentation
	if code, out, _ := play(t, env, "stock-take", "verify", dir, "--key", key); code != 1 {
		t.Errorf("verify: %d %s", code, out)
	}
	if err := os.Remove(filepath.Join(dir, "STK-2026-0001.note")); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := play(t, env, "stock-take", "verify", dir, "--key", key); code != 1 || !strings.Contains(errs, ".note") {
		t.Errorf("verify without a note: %d %s", code, errs)
	}
}
