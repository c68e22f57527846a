package app

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/request"
	"sekimori/internal/domain/takeout"
)

// TestDemoLends: the made-up company has an application and a loan in every state that a
// visitor may want to see, a count that is half done, and its letters are still there.
func TestDemoLends(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	cfg, err := LoadConfig("", func(k string) string {
		return map[string]string{"SEKIMORI_DATA": dir, "SEKIMORI_LISTEN": "127.0.0.1:8420", "SEKIMORI_COMPANY": "架空商事株式会社(デモ)"}[k]
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := makeKeys(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	h, err := open(ctx, cfg, slog.New(slog.DiscardHandler), access.Cost{Memory: 8 << 10, Time: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.close() })
	if err := h.seed(ctx); err != nil {
		t.Fatal(err)
	}
	asked := map[string]int{}
	page, err := h.requests.List(ctx, access.System(), request.Query{Box: request.Every, Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Rows {
		state := string(r.State)
		if r.State == request.Approved && r.UsedBy == "" {
			state = "to be handed over"
		}
		asked[state]++
	}
	if diff := cmp.Diff(map[string]int{"waiting": 2, "returned": 1, "refused": 1, "approved": 7, "to be handed over": 1}, asked); diff != "" {
		t.Errorf("applications (-want +got):\n%s", diff)
	}
	lent := map[asset.LoanState]int{}
	loans, err := h.assets.Loans(ctx, access.System(), asset.LoanQuery{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range loans.Rows {
		lent[l.State]++
		if late := h.now().Sub(l.Until); l.State == asset.Ended && (late < 47*time.Hour || late > 49*time.Hour) {
			t.Errorf("%s is overdue by %v, want two days", l.Label, late)
		}
	}
	if diff := cmp.Diff(map[asset.LoanState]int{asset.Done: 1, asset.Ended: 1, asset.Back: 1, asset.Out: 1}, lent); diff != "" {
		t.Errorf("loans (-want +got):\n%s", diff)
	}
	for who, want := range map[string]int{"1101": 1, "1402": 1} {
		by, err := h.as(ctx, who)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := h.requests.Waiting(ctx, by); err != nil || n != want {
			t.Errorf("%d applications wait for %s, want %d: %v", n, who, want, err)
		}
	}
	out := map[takeout.State]int{}
	passes, err := h.takeouts.List(ctx, access.System(), takeout.Query{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range passes.Rows {
		out[x.State]++
		if x.IsLate || x.IsOverdue {
			t.Errorf("%s of the demo is late or overdue", x.Label)
		}
	}
	if diff := cmp.Diff(map[takeout.State]int{takeout.Closed: 1, takeout.Office: 1, takeout.Moving: 1}, out); diff != "" {
		t.Errorf("take-outs (-want +got):\n%s", diff)
	}
	stocks, err := h.stocks.Stocks(ctx, access.System())
	if err != nil || len(stocks) != 1 {
		t.Fatalf("counts: %v %v", stocks, err)
	}
	v, err := h.stocks.Stock(ctx, access.System(), stocks[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Open() || v.Totals.Expected != len(demoThings()) || v.Totals.Found < 8 || v.Totals.Missing < 8 || v.Totals.Unknown != 1 {
		t.Errorf("count: %+v", v.Totals)
	}
	if h.retention() < 365*24*time.Hour {
		t.Errorf("what has ended is kept for %v unless the company says otherwise", h.retention())
	}
}

// TestDemoPCsTellOfMedia: the demo's PCs say what their guards would have stopped, as real
// ones do, on the page of media and on their own.
func TestDemoPCsTellOfMedia(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // first, so that it is taken away last
	ctx, stop := context.WithCancel(t.Context())
	ready, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := Demo(ctx, DemoOptions{Dir: dir, Listen: "127.0.0.1:0", Lang: "ja"}, in, slog.New(slog.DiscardHandler))
		ended <- errors.Join(err, in.Close())
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	address := ""
	for lines := bufio.NewScanner(ready); lines.Scan(); {
		if at := strings.Index(lines.Text(), "http://"); at >= 0 {
			address = strings.TrimSpace(lines.Text()[at:])
			break
		}
	}
	go io.Copy(io.Discard, ready)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	open := func(path string) string {
		t.Helper()
		r, err := client.Get(address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	login, err := http.NewRequest(http.MethodPost, address+"/login", strings.NewReader(url.Values{"login": {"p1502"}, "password": {demoPassword}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	login.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	login.Header.Set("Sec-Fetch-Site", "same-origin")
	r, err := client.Do(login)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	wait := func(path string, words ...string) string {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
			body := open(path)
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(body, w) }) {
				return body
			}
			if time.Now().After(end) {
				t.Fatalf("%s never held %q:\n%s", path, words, body)
			}
		}
	}
	body := wait("/media", "PRIVATE-02", "PHONE-31", "p1206")
	pc := body[:strings.Index(body, ">PC-1206<")]
	pc = pc[strings.LastIndex(pc, `href="`)+len(`href="`):]
	pc, _, _ = strings.Cut(pc, `"`)
	wait(pc, "PC-1206", "PRIVATE-02", "実際には止めません")
}
