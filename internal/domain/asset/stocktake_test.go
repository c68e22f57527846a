package asset_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/kit/paper"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
	"sekimori/internal/testkit/letters"
	"sekimori/internal/testkit/poppler"
)

const origin = "https://sekimori.example.jp"

// shelf is the real service of counts over a real SQLite store, with a ledger of its own
// and a clock that is moved by hand.
type shelf struct {
	*store.DB
	t       *testing.T
	o       *directory.Org
	stocks  *asset.StockService
	trusted note.Verifiers
	words   i18n.Printer

	mu      sync.Mutex
	now     time.Time
	ledger  []asset.StockItem
	proofs  map[string]asset.StockProof
	letters []notice.Letter
	called  []string // topics called off
	broken  string   // a count that cannot be read
	events  []journal.Event
}

func newShelf(t *testing.T, ledger ...asset.StockItem) *shelf {
	t.Helper()
	s := &shelf{DB: storetest.SQLite(t), t: t, o: directorytest.Company(), now: directorytest.Noon(), ledger: ledger, proofs: map[string]asset.StockProof{}}
	storetest.Seed(t, s.DB, s.o)
	secret, public, err := note.GenerateKey(rand.Reader, "stock.sekimori.example.jp")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	s.trusted = note.VerifierList(verifier)
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	zone := time.FixedZone("JST", 9*60*60)
	s.words = texts.PrinterIn(i18n.JA, zone)
	s.stocks = asset.NewStockService(asset.StockParts{Store: s, People: directory.NewService(s.DB, s.clock), Now: s.clock, Zone: zone,
		Calendar: jpcal.New(zone, jpcal.Options{}), Company: "株式会社青葉商会", Words: s.words, Signer: signer, Origins: []string{origin, "https://old.example.jp/"}})
	return s
}

func (s *shelf) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(time.Millisecond)
	return s.now
}

func (s *shelf) as(person string) access.Actor { return directorytest.As(s.o, person, s.clock()) }

func (s *shelf) wait(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// UpdateStock is the store's, with the ledger of the test.
func (s *shelf) UpdateStock(ctx context.Context, f func(asset.StockTx) error) error {
	return s.DB.UpdateStock(ctx, func(tx asset.StockTx) error { return f(&shelfTx{tx, s}) })
}

func (s *shelf) StockProofs(context.Context, time.Time, time.Time) (map[string]asset.StockProof, error) {
	return s.proofs, nil
}

type shelfTx struct {
	asset.StockTx
	s *shelf
}

func (x *shelfTx) StockLedger(context.Context, time.Time) ([]asset.StockItem, error) {
	return slices.DeleteFunc(slices.Clone(x.s.ledger), func(i asset.StockItem) bool { return i.State == asset.Lost || i.State == asset.Disposed }), nil
}

func (x *shelfTx) AssetNumbered(_ context.Context, number string) (string, asset.State, bool, error) {
	for _, i := range x.s.ledger {
		if i.Number == number {
			return i.Asset, i.State, true, nil
		}
	}
	return "", "", false, nil
}

func (x *shelfTx) LockStock(ctx context.Context, stock string) (*asset.StockTake, error) {
	if stock == x.s.broken {
		return nil, errors.New("a broken row")
	}
	return x.StockTx.LockStock(ctx, stock)
}

func (x *shelfTx) StockProofs(context.Context, time.Time, time.Time) (map[string]asset.StockProof, error) {
	return x.s.proofs, nil
}

func (x *shelfTx) PlanLetter(_ context.Context, l notice.Letter) error {
	x.s.letters = append(x.s.letters, l)
	letters.Complete(x.s.t, l.Topic, l.Args)
	return nil
}

func (x *shelfTx) CallOff(_ context.Context, _, topic string) error {
	x.s.called = append(x.s.called, topic)
	return nil
}

func (x *shelfTx) Record(ctx context.Context, e journal.Event) error {
	x.s.events = append(x.s.events, e)
	return x.StockTx.Record(ctx, e)
}

// thing is one of the ledger, in store.
func thing(n int, department, keeper string) asset.StockItem {
	return asset.StockItem{Asset: fmt.Sprintf("ast_%04d", n), Number: fmt.Sprintf("USB-2026-%04d", n), Kind: asset.USBMemory, Model: "32GB",
		Department: department, Keeper: keeper, Place: "3階 書庫", State: asset.InStore}
}

func in(i asset.StockItem, state asset.State) asset.StockItem {
	i.State = state
	return i
}

// open opens a count of everything, due in ten days.
func (s *shelf) open(n asset.NewStock) *asset.StockTake {
	s.t.Helper()
	if n.Title == "" {
		n.Title = "2026年度 棚卸"
	}
	if n.Due.IsZero() {
		n.Due = jpcal.Date{Year: 2026, Month: 11, Day: 30}
	}
	k, err := s.stocks.OpenStock(s.t.Context(), s.as("per_it"), n)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

func (s *shelf) see(person, stock, code, place string) asset.StockSeen {
	s.t.Helper()
	g, err := s.stocks.Seen(s.t.Context(), s.as(person), stock, code, asset.StockByHand, place)
	if err != nil {
		s.t.Fatalf("%s sees %s: %v", person, code, err)
	}
	return g
}

func (s *shelf) view(person, stock string) asset.StockView {
	s.t.Helper()
	v, err := s.stocks.Stock(s.t.Context(), s.as(person), stock)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func (s *shelf) row(stock, number string) asset.StockRow {
	s.t.Helper()
	rows, _ := s.view("per_it", stock).Rows(s.o, asset.StockQuery{Text: number})
	if len(rows) != 1 {
		s.t.Fatalf("%d rows of %s", len(rows), number)
	}
	return rows[0]
}

func TestStockFreezesTheLedger(t *testing.T) {
	t.Parallel()
	pc := thing(4, "d_gen", "per_it")
	pc.Kind = asset.PC
	s := newShelf(t, thing(1, "d_sales", "per_sales"), in(thing(2, "d_sales1", "per_emp"), asset.Lent), thing(3, "d_gen", "per_gen"), pc,
		in(thing(5, "d_sales", "per_sales"), asset.Disposed), in(thing(6, "d_sales", "per_sales"), asset.Lost), in(thing(7, "d_sales", "per_sales"), asset.InRepair))
	k := s.open(asset.NewStock{Title: " 営業部の\n棚卸 ", Departments: []string{"d_sales", "d_sales"}, Kinds: []asset.Kind{asset.USBMemory}})
	if k.Label != "STK-2026-0001" || k.Expected != 3 || k.Title != "営業部の 棚卸" || len(k.Departments) != 1 {
		t.Errorf("opened %+v", k)
	}
	s.ledger = append(s.ledger, thing(8, "d_sales", "per_sales")) // bought since
	rows, next := s.view("per_it", k.Label).Rows(s.o, asset.StockQuery{})
	var got []string
	for _, r := range rows {
		got = append(got, r.Number)
	}
	if want := []string{"USB-2026-0001", "USB-2026-0002", "USB-2026-0007"}; !slices.Equal(got, want) || next != "" {
		t.Errorf("list %v, want %v", got, want)
	}
	if k2 := s.open(asset.NewStock{}); k2.Label != "STK-2026-0002" || k2.Expected != 6 {
		t.Errorf("second: %+v", k2)
	}
}

func TestStockRefusesToOpen(t *testing.T) {
	t.Parallel()
	s := newShelf(t, thing(1, "d_gen", "per_gen"))
	good := asset.NewStock{Title: "棚卸", Due: jpcal.Date{Year: 2026, Month: 11, Day: 30}}
	for name, c := range map[string]struct {
		person string
		change func(*asset.NewStock)
		field  string
		kind   fault.Kind
	}{
		"an employee":        {"per_emp", nil, "", fault.Denied},
		"the auditor":        {"per_aud", nil, "", fault.Denied},
		"no title":           {"per_it", func(n *asset.NewStock) { n.Title = " \n" }, "title", fault.Invalid},
		"long title":         {"per_it", func(n *asset.NewStock) { n.Title = strings.Repeat("棚", 81) }, "title", fault.Invalid},
		"unknown department": {"per_it", func(n *asset.NewStock) { n.Departments = []string{"d_x"} }, "departments", fault.Invalid},
		"unknown kind":       {"per_it", func(n *asset.NewStock) { n.Kinds = []asset.Kind{"boat"} }, "kinds", fault.Invalid},
		"yesterday":          {"per_it", func(n *asset.NewStock) { n.Due = jpcal.Date{Year: 2026, Month: 11, Day: 19} }, "due", fault.Invalid},
		"in two years":       {"per_it", func(n *asset.NewStock) { n.Due = jpcal.Date{Year: 2028, Month: 11, Day: 19} }, "due", fault.Invalid},
		"no day":             {"per_it", func(n *asset.NewStock) { n.Due = jpcal.Date{} }, "due", fault.Invalid},
		"nothing there":      {"per_it", func(n *asset.NewStock) { n.Departments = []string{"d_sales"} }, "", fault.Conflict},
	} {
		n := good
		if c.change != nil {
			c.change(&n)
		}
		_, err := s.stocks.OpenStock(t.Context(), s.as(c.person), n)
		f := fault.As(err)
		if f == nil || f.Kind != c.kind || c.field != "" && (len(f.Fields) == 0 || f.Fields[0].Name != c.field) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(s.events) != 0 {
		t.Errorf("%d events of refusals", len(s.events))
	}
}

func TestStockResults(t *testing.T) {
	t.Parallel()
	s := newShelf(t, thing(1, "d_gen", "per_gen"), thing(2, "d_gen", "per_gen"), thing(3, "d_gen", "per_gen"), thing(4, "d_gen", "per_gen"),
		thing(5, "d_sales", "per_sales"), in(thing(6, "d_gen", "per_gen"), asset.Disposed), in(thing(7, "d_gen", "per_gen"), asset.Lost))
	k := s.open(asset.NewStock{Departments: []string{"d_gen"}})
	expect := func(what string, g asset.StockSeen, result asset.StockResult, why string) {
		t.Helper()
		if g.Result != result || g.Why != why {
			t.Errorf("%s: %s (%s), want %s (%s)", what, g.Result, g.Why, result, why)
		}
	}
	expect("typed carelessly", s.see("per_gen", k.Label, " ｕｓｂ‐2026–0001 ", "3階 書庫"), asset.StockFound, "")
	expect("again", s.see("per_gen", k.Label, "USB-2026-0001", "３階　書庫"), asset.StockAgain, "")
	expect("by a colleague there", s.see("per_it", k.ID, origin+"/assets/USB-2026-0001", "3階 書庫"), asset.StockFound, "")
	expect("one place", s.see("per_gen", k.Label, "https://old.example.jp/assets/USB-2026-0002", "3階"), asset.StockFound, "")
	twice := s.see("per_it", k.Label, "USB-2026-0002", "1階")
	expect("another place", twice, asset.StockTwice, "")
	if len(twice.Before) != 1 || twice.Before[0].Place != "3階" {
		t.Errorf("seen before: %+v", twice.Before)
	}
	expect("not in the ledger", s.see("per_gen", k.Label, "USB-9999", ""), asset.StockUnknown, asset.StockWhyUnknown)
	expect("another department's", s.see("per_gen", k.Label, "USB-2026-0005", ""), asset.StockOutside, asset.StockWhyElsewhere)
	expect("disposed", s.see("per_gen", k.Label, "USB-2026-0006", ""), asset.StockOutside, asset.StockWhyDisposed)
	expect("lost", s.see("per_gen", k.Label, "USB-2026-0007", ""), asset.StockOutside, asset.StockWhyLost)
	s.proofs["ast_0003"] = asset.StockProof{At: s.clock(), Device: "dev_1"}

	want := asset.StockTotals{Expected: 4, Found: 1, Met: 1, Missing: 1, Twice: 1, Unknown: 1, Outside: 3}
	if got := s.view("per_it", k.Label).Totals; got != want {
		t.Errorf("totals %+v, want %+v", got, want)
	}
	// Whoever moved the thing takes their sighting back.
	if err := s.stocks.Unsee(t.Context(), s.as("per_it"), twice.Sighting); err != nil {
		t.Fatal(err)
	}
	if r := s.row(k.Label, "USB-2026-0002"); r.Result != asset.StockFound || len(r.Seen) != 1 {
		t.Errorf("after taking it back: %+v", r)
	}
}

// Two people without a common place, of departments that have nothing to do with each
// other, cannot both have held it.
func TestStockTwiceByPeopleFarApart(t *testing.T) {
	t.Parallel()
	a, b := thing(1, "d_sales1", "per_emp"), thing(2, "d_sales1", "per_emp")
	a.Borrower = "per_gen"
	s := newShelf(t, a, b)
	k := s.open(asset.NewStock{})
	s.see("per_emp", k.Label, a.Number, "")
	if g := s.see("per_gen", k.Label, a.Number, ""); g.Result != asset.StockTwice {
		t.Errorf("far apart: %s", g.Result)
	}
	s.see("per_emp", k.Label, b.Number, "")
	if g := s.see("per_sales", k.Label, b.Number, ""); g.Result != asset.StockFound {
		t.Errorf("the head of the department above: %s", g.Result)
	}
}

func TestStockCodes(t *testing.T) {
	t.Parallel()
	origins := []string{origin, ""}
	for text, want := range map[string]string{
		"USB-2026-0001":                      "USB-2026-0001",
		"\tusb-2026-0001\r\n":                "USB-2026-0001",
		"備品１２":                               "備品12",
		asset.StockCode(origin, "備品12"):      "備品12",
		asset.StockCode(origin+"/", "USB-1"): "USB-1",
	} {
		if got, ok := asset.ParseStockCode(text, origins); !ok || got != want {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "  ", "..", "USB/1", "USB 2026?x=1", "<script>", strings.Repeat("A", 41), strings.Repeat("A", 100_000),
		"https://evil.example/assets/USB-1", origin + "/assets/", origin + "/assets/USB-1?x=1", origin + "/assets/USB-1#x", origin + "/assets/USB-1/photos",
		origin + "/assets/%2e%2e", origin + "/assets/USB%2F1", origin + "/assets/usb-1", origin + "/people/USB-1", "http://sekimori.example.jp/assets/USB-1",
		"javascript://x/assets/USB-1", "://", "/assets/USB-1", "USB-1\x00", "WIFI:S:x;;"} {
		if got, ok := asset.ParseStockCode(text, origins); ok {
			t.Errorf("%.60q passed as %q", text, got)
		}
	}
}

func FuzzParseStockCode(f *testing.F) {
	f.Add(origin + "/assets/USB-2026-0001")
	f.Add("ＵＳＢ‐１")
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := asset.ParseStockCode(text, []string{origin})
		if !ok {
			return
		}
		for _, again := range []string{n, asset.StockCode(origin, n)} {
			if m, ok := asset.ParseStockCode(again, []string{origin}); !ok || m != n {
				t.Errorf("%q gives %q, and %q gives %q, %v", text, n, again, m, ok)
			}
		}
	})
}

func TestStockWhoMayWhat(t *testing.T) {
	t.Parallel()
	lent := thing(3, "d_gen", "per_gen")
	lent.Borrower, lent.State = "per_emp", asset.Lent
	s := newShelf(t, thing(1, "d_sales", "per_sales"), thing(2, "d_gen", "per_gen"), lent)
	sales, gen := s.open(asset.NewStock{Departments: []string{"d_sales"}}), s.open(asset.NewStock{Departments: []string{"d_gen"}, Kinds: []asset.Kind{asset.USBMemory}})
	ctx := t.Context()

	lists := func(person string) (labels []string) {
		t.Helper()
		ks, err := s.stocks.Stocks(ctx, s.as(person))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range ks {
			labels = append(labels, k.Label)
		}
		return labels
	}
	for person, want := range map[string][]string{"per_it": {gen.Label, sales.Label}, "per_aud": {gen.Label, sales.Label},
		"per_sales": {sales.Label}, "per_dep": {gen.Label}, "per_emp": {gen.Label, sales.Label}} { // per_emp has borrowed lent
		if got := lists(person); !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", person, got, want)
		}
	}
	if _, err := s.stocks.Stock(ctx, s.as("per_sales"), gen.Label); !fault.Is(err, fault.NotFound) {
		t.Errorf("another department's count: %v", err)
	}
	if _, err := s.stocks.Seen(ctx, s.as("per_sales"), gen.Label, "USB-2026-0002", asset.StockByHand, ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("counting there: %v", err)
	}
	if _, err := s.stocks.Seen(ctx, s.as("per_aud"), gen.Label, "USB-2026-0002", asset.StockByHand, ""); !fault.Is(err, fault.Denied) {
		t.Errorf("the auditor counts: %v", err)
	}
	if err := s.stocks.NoteStock(ctx, s.as("per_aud"), gen.Label, []string{"USB-2026-0002"}, "other", "x"); !fault.Is(err, fault.Denied) {
		t.Errorf("the auditor notes: %v", err)
	}
	link, token := s.as("per_it"), s.as("per_it")
	link.Via = access.ByLink
	token.Via, token.Scopes = access.ByToken, []access.Permission{access.ReadDevices}
	asks, counts := s.as("per_dep"), s.as("per_dep")
	asks.Via, asks.Scopes = access.ByToken, []access.Permission{access.Submit}
	counts.Via, counts.Scopes = access.ByToken, []access.Permission{access.CountAssets}
	counted, err := s.stocks.Seen(ctx, counts, gen.Label, "USB-2026-0001", asset.StockByHand, "")
	if err != nil {
		t.Errorf("a token to count: %v", err)
	}
	if err := s.stocks.Unsee(ctx, counts, counted.Sighting); err != nil {
		t.Errorf("and to take back: %v", err)
	}
	for name, by := range map[string]access.Actor{"a link": link, "a token for something else": token, "a token to ask": asks, "nobody": {}} {
		if _, err := s.stocks.Seen(ctx, by, gen.Label, "USB-2026-0002", asset.StockByHand, ""); err == nil {
			t.Errorf("%s counts", name)
		}
	}
	// The borrower counts what they have and nothing else of the list.
	if v := s.view("per_emp", gen.Label); v.Totals.Expected != 1 || !v.MayCount || v.MayFinish || v.Whole || v.Hash != "" {
		t.Errorf("the borrower's view: %+v", v)
	}
	if g := s.see("per_emp", gen.Label, "USB-2026-0003", "自席"); g.Result != asset.StockFound {
		t.Errorf("the borrower's own: %s", g.Result)
	}
	g := s.see("per_emp", gen.Label, "USB-2026-0002", "自席")
	if g.Result != asset.StockOutside || g.Why != asset.StockWhyNotYours || g.Item != nil {
		t.Errorf("another's: %+v", g)
	}
	if err := s.stocks.Unsee(ctx, s.as("per_dep"), g.Sighting); !fault.Is(err, fault.NotFound) {
		t.Errorf("taking another's sighting back: %v", err)
	}
	if err := s.stocks.NoteStock(ctx, s.as("per_emp"), gen.Label, []string{"USB-2026-0002"}, "searching", ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("a note on another's: %v", err)
	}
	if _, err := s.stocks.FinishStock(ctx, s.as("per_dep"), gen.Label, "x"); !fault.Is(err, fault.Denied) {
		t.Errorf("finishing: %v", err)
	}
	if _, err := s.stocks.RemindStock(ctx, s.as("per_dep"), gen.Label); !fault.Is(err, fault.Denied) {
		t.Errorf("reminding: %v", err)
	}
	if v := s.view("per_aud", gen.Label); v.Totals.Expected != 2 || v.MayCount || v.MayNote || v.MayFinish || len(v.Outside) != 1 {
		t.Errorf("the auditor's view: %+v", v)
	}
}

// finish notes what is missing and finishes.
func (s *shelf) finish(k *asset.StockTake) asset.StockSeal {
	s.t.Helper()
	ctx := s.t.Context()
	rows, _ := s.view("per_it", k.Label).Rows(s.o, asset.StockQuery{Result: asset.StockMissing, Limit: 500})
	for _, r := range rows {
		if err := s.stocks.NoteStock(ctx, s.as("per_it"), k.Label, []string{r.Number}, "searching", "ロッカーを確認中"); err != nil {
			s.t.Fatal(err)
		}
	}
	if _, err := s.stocks.FinishStock(ctx, s.as("per_it"), k.Label, s.view("per_it", k.Label).Hash); err != nil {
		s.t.Fatal(err)
	}
	seal, err := s.stocks.StockSealOf(ctx, s.as("per_aud"), k.Label)
	if err != nil {
		s.t.Fatal(err)
	}
	return seal
}

func TestStockFinishes(t *testing.T) {
	t.Parallel()
	s := newShelf(t, thing(1, "d_gen", "per_gen"), thing(2, "d_gen", "per_gen"))
	k := s.open(asset.NewStock{})
	ctx := t.Context()
	s.see("per_gen", k.Label, "USB-2026-0001", "=3階")
	hash := s.view("per_it", k.Label).Hash
	clash := func(what, hash, id string) {
		t.Helper()
		_, err := s.stocks.FinishStock(ctx, s.as("per_it"), k.Label, hash)
		if f := fault.As(err); f == nil || f.ID != id {
			t.Errorf("%s: %v, want %s", what, err, id)
		}
	}
	clash("without a note", hash, "fault.stock_notes")
	g := s.see("per_gen", k.Label, "USB-7", "")
	clash("numbers that were not looked at", hash, "fault.stock_changed")
	clash("no numbers", "", "fault.stock_changed")
	if _, err := s.stocks.StockSealOf(ctx, s.as("per_it"), k.Label); !fault.Is(err, fault.NotFound) {
		t.Errorf("a result before the end: %v", err)
	}
	s.finish(k)
	for what, err := range map[string]error{
		"seen": func() error {
			_, err := s.stocks.Seen(ctx, s.as("per_gen"), k.Label, "USB-2026-0002", asset.StockByHand, "")
			return err
		}(),
		"unseen":   s.stocks.Unsee(ctx, s.as("per_gen"), g.Sighting),
		"noted":    s.stocks.NoteStock(ctx, s.as("per_it"), k.Label, []string{"USB-2026-0002"}, "moved", ""),
		"reminded": func() error { _, err := s.stocks.RemindStock(ctx, s.as("per_it"), k.Label); return err }(),
		"finished": func() error { _, err := s.stocks.FinishStock(ctx, s.as("per_it"), k.Label, hash); return err }(),
	} {
		if f := fault.As(err); f == nil || f.ID != "fault.stock_finished" {
			t.Errorf("%s after the end: %v", what, err)
		}
	}
	if v := s.view("per_it", k.Label); v.MayCount || v.MayFinish || v.MayNote || v.FinishedBy != "per_it" {
		t.Errorf("after the end: %+v", v)
	}
	if !slices.Equal(s.called, []string{asset.StockTopic}) {
		t.Errorf("letters called off: %v", s.called)
	}
	var kinds []string
	for _, e := range s.events {
		kinds = append(kinds, e.Kind)
		if e.Subject != k.ID {
			t.Errorf("%s is about %s", e.Kind, e.Subject)
		}
	}
	if want := []string{"stock.opened", "stock.seen", "stock.seen", "stock.noted", "stock.finished"}; !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}
}

func TestStockResultIsSigned(t *testing.T) {
	t.Parallel()
	s := newShelf(t, thing(1, "d_gen", "per_gen"), thing(2, "d_gen", "per_gen"), thing(3, "d_sales1", "per_emp"), thing(4, "d_gen", "per_gen"))
	k := s.open(asset.NewStock{Title: "𠮷野の棚卸"})
	s.see("per_gen", k.Label, "USB-2026-0001", "=3階")
	s.see("per_emp", k.Label, "USB-2026-0003", "")
	s.see("per_gen", k.Label, "USB-2026-0004", "東")
	s.see("per_dep", k.Label, "USB-2026-0004", "西")
	s.see("per_gen", k.Label, "USB-77", "机の下")
	seal := s.finish(k)

	report, err := asset.VerifyStock(seal, s.trusted)
	if err != nil {
		t.Fatal(err)
	}
	if want := (asset.StockTotals{Expected: 4, Found: 2, Missing: 1, Twice: 1, Unknown: 1, Noted: 1}); report.Totals != want {
		t.Errorf("totals %+v, want %+v", report.Totals, want)
	}
	if len(report.Counters) != 3 || report.Counters[0] != (asset.StockPerson{Name: "森 和子", Things: 3}) {
		t.Errorf("counters %+v", report.Counters)
	}
	if len(report.Missing) != 1 || report.Missing[0].Done != "searching" || report.Missing[0].Note != "ロッカーを確認中" || len(report.Twice) != 1 || len(report.Twice[0].Seen) != 2 {
		t.Errorf("lists %+v, %+v", report.Missing, report.Twice)
	}

	// The table opens in a spreadsheet and runs nothing.
	body, ok := bytes.CutPrefix(seal.CSV, []byte("\ufeff"))
	table, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if !ok || err != nil || len(table) != 6 {
		t.Fatalf("table: BOM %v, %d lines, %v", ok, len(table), err)
	}
	if table[0][0] != "番号" || table[1][8] != "確認済み" || table[1][11] != "'=3階" || table[2][8] != "不明" || table[4][8] != "二か所で確認" || table[5][8] != "台帳にありません" {
		t.Errorf("table %q", table)
	}
	for _, row := range table {
		for _, cell := range row {
			if strings.Contains(cell, "⟦") {
				t.Errorf("a text is missing: %s", cell)
			}
		}
	}

	// Any byte that is changed, anywhere, is found.
	for name, part := range map[string]*[]byte{"table": &seal.CSV, "data": &seal.Data} {
		whole := *part
		for i := range whole {
			*part = bytes.Clone(whole)
			(*part)[i] ^= 1
			if _, err := asset.VerifyStock(seal, s.trusted); !errors.Is(err, asset.ErrStockContent) {
				t.Fatalf("%s, byte %d: %v", name, i, err)
			}
		}
		*part = whole
	}
	signed := seal.Note
	for i := range len(signed) {
		seal.Note = signed[:i] + string(signed[i]^1) + signed[i+1:]
		if _, err := asset.VerifyStock(seal, s.trusted); err == nil {
			t.Fatalf("note, byte %d: passed", i)
		}
	}
	last := signed[strings.LastIndex(strings.TrimSpace(signed), "\n")+1:]
	for name, more := range map[string]string{"again": last, "a stranger's": "— stranger.example AAAAAAAAAAAAAAAAAAAA\n"} {
		seal.Note = signed + more
		if _, err := asset.VerifyStock(seal, s.trusted); !errors.Is(err, asset.ErrStockSignature) {
			t.Errorf("a signature put beside it, %s: %v", name, err)
		}
	}
	seal.Note = signed
	if _, err := asset.VerifyStock(seal, newShelf(t).trusted); !errors.Is(err, asset.ErrStockSignature) {
		t.Errorf("another company's key: %v", err)
	}

	font, err := paper.LoadFont()
	if err != nil {
		t.Fatal(err)
	}
	var pdf bytes.Buffer
	missing, err := asset.WriteStockPaper(&pdf, font, s.words, seal)
	if err != nil || string(missing) != "𠮷" {
		t.Fatalf("missing %q, %v", string(missing), err)
	}
	text := strings.Join(strings.Fields(poppler.Text(t, pdf.Bytes())), "")
	for _, want := range []string{"棚卸結果STK-2026-0001", "〓野の棚卸", "株式会社青葉商会", "全社", "USB-2026-0002", "捜索中ロッカーを確認中", "USB-77", "森和子",
		strings.Join(strings.Fields(signed), "")} {
		if !strings.Contains(text, want) {
			t.Errorf("the paper does not say %q", want)
		}
	}
	if strings.Contains(text, "⟦") {
		t.Error("a text of the paper is missing")
	}
}

// Two people count the same shelf at once: nothing is lost and nothing is counted twice.
func TestStockTwoCountersAtOnce(t *testing.T) {
	t.Parallel()
	const n = 60
	var ledger []asset.StockItem
	for i := range n {
		ledger = append(ledger, thing(i, "d_gen", "per_gen"))
	}
	s := newShelf(t, ledger...)
	k := s.open(asset.NewStock{})
	var wg sync.WaitGroup
	for _, person := range []string{"per_gen", "per_gen", "per_dep"} {
		by := s.as(person)
		wg.Go(func() {
			for _, i := range ledger {
				if _, err := s.stocks.Seen(t.Context(), by, k.Label, i.Number, asset.StockByCamera, "書庫"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := s.view("per_it", k.Label).Totals; got.Found != n || got.Twice != 0 {
		t.Errorf("totals %+v", got)
	}
	gs, err := s.StockSightings(t.Context(), k.ID)
	if err != nil || len(gs) != 2*n {
		t.Errorf("%d sightings (%v), want one of each person and thing: %d", len(gs), err, 2*n)
	}
}

func TestStockOfTenThousand(t *testing.T) {
	t.Parallel()
	const n = 10_000
	var ledger []asset.StockItem
	for i := range n {
		ledger = append(ledger, thing(i, "d_gen", "per_gen"))
	}
	s := newShelf(t, ledger...)
	k := s.open(asset.NewStock{})
	by := s.as("per_gen")
	for part := range slices.Chunk(ledger[:n-3], asset.MaxStockCodes) {
		codes := make([]string, len(part))
		for i := range part {
			codes[i] = asset.StockCode(origin, part[i].Number)
		}
		seen, err := s.stocks.SeenAll(t.Context(), by, k.Label, codes, asset.StockByCamera, "倉庫")
		if err != nil || len(seen) != len(part) {
			t.Fatal(len(seen), err)
		}
	}
	if events := len(s.events); events != 1+n/asset.MaxStockCodes {
		t.Errorf("%d events", events)
	}
	v := s.view("per_it", k.Label)
	if v.Totals.Found != n-3 || v.Totals.Missing != 3 {
		t.Errorf("totals %+v", v.Totals)
	}
	met := 0
	for q := (asset.StockQuery{Limit: 500}); ; {
		rows, next := v.Rows(s.o, q)
		met += len(rows)
		if q.After = next; next == "" {
			break
		}
	}
	if met != n {
		t.Errorf("the pages hold %d lines", met)
	}
	seal := s.finish(k)
	if _, err := asset.VerifyStock(seal, s.trusted); err != nil || bytes.Count(seal.CSV, []byte("\r\n")) != n+1 {
		t.Errorf("%d lines, %v", bytes.Count(seal.CSV, []byte("\r\n")), err)
	}
}

func TestStockBounds(t *testing.T) {
	t.Parallel()
	s := newShelf(t, thing(1, "d_gen", "per_gen"))
	k := s.open(asset.NewStock{})
	ctx, by := t.Context(), s.as("per_gen")
	for name, c := range map[string]struct {
		codes      []string
		how, place string
	}{
		"none":         {nil, asset.StockByHand, ""},
		"too many":     {make([]string, asset.MaxStockCodes+1), asset.StockByHand, ""},
		"unknown way":  {[]string{"USB-1"}, asset.StockByPC, ""},
		"a long place": {[]string{"USB-1"}, asset.StockByHand, strings.Repeat("棚", 101)},
	} {
		if _, err := s.stocks.SeenAll(ctx, by, k.Label, c.codes, c.how, c.place); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.stocks.Seen(ctx, by, k.Label, "https://evil.example/assets/USB-1", asset.StockByCamera, ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("a stranger's code: %v", err)
	}
	// One who sends made-up numbers is stopped.
	var last error
	for i := range 6 {
		codes := make([]string, asset.MaxStockCodes)
		for j := range codes {
			codes[j] = fmt.Sprintf("X-%d-%d", i, j)
		}
		_, last = s.stocks.SeenAll(ctx, by, k.Label, codes, asset.StockByHand, "")
	}
	if !fault.Is(last, fault.TooMany) {
		t.Errorf("made-up numbers without end: %v", last)
	}
	// One who sees the same thing at ever new places, too.
	for i := range 51 {
		_, last = s.stocks.Seen(ctx, by, k.Label, "USB-2026-0001", asset.StockByHand, fmt.Sprint("棚 ", i))
	}
	if n := len(s.row(k.Label, "USB-2026-0001").Seen); !fault.Is(last, fault.TooMany) || n != 50 {
		t.Errorf("one thing at places without end: %d, %v", n, last)
	}
	if got := s.view("per_it", k.Label).Totals.Unknown; got != 1000 {
		t.Errorf("%d unknown numbers", got)
	}
}

func TestStockReminders(t *testing.T) {
	t.Parallel()
	s := newShelf(t, thing(1, "d_gen", "per_gen"), thing(2, "d_gen", "per_gen"), thing(3, "d_sales1", "per_emp"), thing(4, "d_gen", "per_old"), thing(5, "d_gen", "per_dep"))
	k := s.open(asset.NewStock{}) // Friday 20 November; the last day is Monday the 30th
	ctx := t.Context()
	s.see("per_gen", k.Label, "USB-2026-0001", "")
	s.proofs["ast_0003"] = asset.StockProof{At: s.clock(), Device: "dev_1"}
	if err := s.stocks.NoteStock(ctx, s.as("per_dep"), k.Label, []string{"usb-2026-0005"}, "reported", ""); err != nil {
		t.Fatal(err)
	}
	if n, err := s.stocks.RemindStock(ctx, s.as("per_it"), k.Label); n != 1 || err != nil {
		t.Fatalf("%d letters, %v", n, err)
	}
	// per_gen keeps one that is left, and stands for per_old, who has gone.
	if l := s.letters[0]; l.Person != "per_gen" || l.Args["count"] != "2" || l.Topic != asset.StockTopic || l.Path != "/stocktakes/STK-2026-0001" || l.State != notice.Planned {
		t.Errorf("letter %+v", l)
	}
	if subject := s.words.TA("letter."+asset.StockTopic+".subject", s.letters[0].Args); !strings.Contains(subject, "2件") {
		t.Errorf("subject %q", subject)
	}
	if _, err := s.stocks.RemindStock(ctx, s.as("per_it"), k.Label); !fault.Is(err, fault.Conflict) {
		t.Errorf("twice a day: %v", err)
	}
	// Wednesday the 25th is three working days before: the 23rd is a holiday.
	var fired []string
	for range 4 {
		at, ok, err := s.stocks.NextStock(ctx)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if n, err := s.stocks.FireStocks(ctx); n != 0 || err != nil {
			t.Fatalf("fired %d early, %v", n, err)
		}
		s.wait(at.Sub(s.clock()))
		if n, err := s.stocks.FireStocks(ctx); n != 1 || err != nil {
			t.Fatalf("fired %d, %v", n, err)
		}
		fired = append(fired, at.In(s.words.Location()).Format("01-02 15:04"))
	}
	if want := []string{"11-25 09:00", "11-30 09:00", "12-07 09:00", "12-14 09:00"}; !slices.Equal(fired, want) {
		t.Errorf("fired %v, want %v", fired, want)
	}
	keys := map[string]bool{}
	for _, l := range s.letters {
		keys[l.Key] = true
	}
	if len(keys) != 5 || len(s.letters) != 5 {
		t.Errorf("%d letters, %d keys", len(s.letters), len(keys))
	}
	s.finish(k)
	if _, ok, err := s.stocks.NextStock(ctx); ok || err != nil {
		t.Errorf("a finished count still has something to do: %v", err)
	}
}

// One count that cannot be read does not keep the keepers of the others from being told.
func TestStockBrokenCountHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	s := newShelf(t, thing(1, "d_gen", "per_gen"))
	s.broken = s.open(asset.NewStock{}).ID
	s.open(asset.NewStock{})
	at, _, err := s.stocks.NextStock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.wait(at.Sub(s.clock()))
	if n, err := s.stocks.FireStocks(t.Context()); n != 1 || err == nil || len(s.letters) != 1 {
		t.Errorf("fired %d with %d letters, %v", n, len(s.letters), err)
	}
}

// What is printed on a label is what a count reads from it.
func TestStockLabels(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for _, k := range asset.Kinds() {
		labels := asset.StockLabels([]asset.Asset{{Number: "備品-12", Kind: k}}, s.words, "株式会社青葉商会", "03-0000-0000", origin)
		if n, ok := asset.ParseStockCode(labels[0].Code, []string{origin}); !ok || n != "備品-12" || labels[0].Kind == "" || strings.Contains(labels[0].Kind, "⟦") {
			t.Errorf("%s: %+v reads as %q", k, labels[0], n)
		}
	}
	for _, id := range slices.Concat([]string{"stock.result.again", "stock.how.agent"}, texts("stock.done.", asset.StockDone()),
		texts("asset.state.", []string{"in_store", "lent", "overdue", "in_repair"}), texts("stock.why.", []string{asset.StockWhyUnknown,
			asset.StockWhyElsewhere, asset.StockWhyLost, asset.StockWhyDisposed, asset.StockWhyNotYours})) {
		if !s.words.Has(id) {
			t.Errorf("no text %s", id)
		}
	}
}

func texts(prefix string, names []string) (out []string) {
	for _, n := range names {
		out = append(out, prefix+n)
	}
	return out
}
