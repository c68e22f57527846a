package app

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/request"
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
	if diff := cmp.Diff(map[string]int{"waiting": 2, "returned": 1, "refused": 1, "approved": 4, "to be handed over": 1}, asked); diff != "" {
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
