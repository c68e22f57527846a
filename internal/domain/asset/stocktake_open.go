package asset

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/jpcal"
)

// NewStock is what opens a count.
type NewStock struct {
	Title       string
	Departments []string
	Kinds       []Kind
	Due         jpcal.Date
}

// maxStockTitle bounds a title; maxStockDays says how far ahead the last day may lie.
const (
	maxStockTitle = 80
	maxStockDays  = 366
)

// stockOpened is the journal's content of a new count.
type stockOpened struct {
	Label       string   `json:"label"`
	Title       string   `json:"title"`
	Departments []string `json:"departments,omitempty"`
	Kinds       []Kind   `json:"kinds,omitempty"`
	Due         string   `json:"due"`
	Expected    int      `json:"expected"`
}

// OpenStock opens a count and freezes what is to be seen: what the ledger has now of the
// departments and kinds, except what is lost or disposed of.
func (s *StockService) OpenStock(ctx context.Context, by access.Actor, n NewStock) (*StockTake, error) {
	if err := by.May(access.ManageAssets); err != nil {
		return nil, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now()
	today := s.p.Calendar.DateOf(now)
	var c fault.Check
	c.That(utf8.RuneCountInString(n.Title) <= maxStockTitle, "title", "fault.too_long", fault.Args{"max": strconv.Itoa(maxStockTitle)})
	n.Title = line(n.Title, maxStockTitle)
	c.That(n.Title != "", "title", "fault.required", nil)
	for _, d := range n.Departments {
		_, ok := o.Departments[d]
		c.That(ok, "departments", "fault.stock_department", nil)
	}
	for _, k := range n.Kinds {
		c.That(k.Valid(), "kinds", "fault.unknown_choice", nil)
	}
	c.That(n.Due.Valid(), "due", "fault.required", nil)
	c.That(!n.Due.Valid() || !n.Due.Before(today), "due", "fault.in_past", nil)
	c.That(!n.Due.Valid() || n.Due.Sub(today) <= maxStockDays, "due", "fault.stock_due", nil)
	if err := c.Err(); err != nil {
		return nil, err
	}
	t := &StockTake{ID: id.New("stk", now), Title: n.Title, Departments: sorted(n.Departments), Kinds: sorted(n.Kinds),
		OpenedBy: by.Person, OpenedAt: now, Due: n.Due}
	t.NextFire = s.nextReminder(*t, now)
	err = s.p.Store.UpdateStock(ctx, func(tx StockTx) error {
		ledger, err := tx.StockLedger(ctx, now)
		if err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		items := slices.DeleteFunc(ledger, func(i StockItem) bool { return !t.covers(o, i) })
		if len(items) == 0 {
			return fault.Clash("fault.stock_empty", nil)
		}
		year := now.In(s.p.Zone).Year()
		last, err := tx.NextStockNumber(ctx, year)
		if err != nil {
			return fmt.Errorf("take a number: %w", err)
		}
		t.Label, t.Expected = fmt.Sprintf("STK-%d-%04d", year, last), len(items)
		for i := range items {
			items[i].Stock = t.ID
		}
		if err := tx.InsertStock(ctx, t, items); err != nil {
			return fmt.Errorf("insert %s: %w", t.Label, err)
		}
		return stockRecord(ctx, tx, now, "stock.opened", t.ID, by.Person, stockOpened{Label: t.Label, Title: t.Title,
			Departments: t.Departments, Kinds: t.Kinds, Due: t.Due.String(), Expected: t.Expected})
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// covers reports whether a thing belongs on the list.
func (t StockTake) covers(o *directory.Org, i StockItem) bool {
	if len(t.Kinds) > 0 && !slices.Contains(t.Kinds, i.Kind) {
		return false
	}
	return len(t.Departments) == 0 || slices.ContainsFunc(t.Departments, func(d string) bool { return below(o, i.Department, d) })
}

func sorted[T cmp.Ordered](in []T) []T {
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Compact(out)
}

// Stocks lists the counts that the actor has to do with, newest first.
func (s *StockService) Stocks(ctx context.Context, by access.Actor) ([]StockTake, error) {
	if err := mayLook(by); err != nil {
		return nil, err
	}
	all, err := s.p.Store.Stocks(ctx)
	if err != nil {
		return nil, err
	}
	out := all[:0]
	for _, t := range all {
		_, ok, err := s.scope(ctx, by, &t)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, t)
		}
	}
	return out, nil
}

// mayLook is nil for who may read or change the ledger, and for who may count.
func mayLook(by access.Actor) error {
	if by.May(access.ReadAssets) == nil || by.May(access.ManageAssets) == nil {
		return nil
	}
	return by.May(access.CountAssets)
}

// StockView is a count as one actor may see it.
type StockView struct {
	StockTake
	Totals    StockTotals // of what the actor may see
	Unknown   []StockSighting
	Outside   []StockSighting
	Hash      string // goes with FinishStock; "" for who may not
	MayCount  bool
	MayFinish bool
	MayNote   bool
	Whole     bool // the actor sees every line
	rows      []StockRow
}

// Stock gives a count by id or label. One that the actor has nothing to do with looks as
// if it did not exist.
func (s *StockService) Stock(ctx context.Context, by access.Actor, stock string) (StockView, error) {
	t, sc, err := s.open(ctx, by, stock)
	if err != nil {
		return StockView{}, err
	}
	c, err := s.count(ctx, s.p.Store, sc.o, t)
	if err != nil {
		return StockView{}, err
	}
	v := StockView{StockTake: *t, MayCount: t.Open() && sc.counts, MayFinish: t.Open() && mayFinish(by, t) == nil, Whole: sc.all, rows: c.Rows,
		MayNote: t.Open() && (sc.manage || sc.counts), Totals: c.Totals, Unknown: c.Unknown, Outside: c.Outside}
	if v.MayFinish {
		v.Hash = c.Hash
	}
	if !sc.all {
		v.rows = slices.DeleteFunc(c.Rows, func(r StockRow) bool { return !sc.sees(r.StockItem) })
		own := func(gs []StockSighting) []StockSighting {
			return slices.DeleteFunc(gs, func(g StockSighting) bool { return g.By != by.Person })
		}
		v.Unknown, v.Outside = own(c.Unknown), own(c.Outside)
		v.Totals = StockTotals{Unknown: numbers(v.Unknown), Outside: numbers(v.Outside)}
		for _, r := range v.rows {
			v.Totals.add(r)
		}
	}
	return v, nil
}

// StockQuery chooses lines of a view.
type StockQuery struct {
	Result     StockResult
	Kind       Kind
	Department string // with those below
	Keeper     string
	Text       string // part of the number, model or place
	After      string // the number of the last line of the page before
	Limit      int    // 1–500; default 100
}

// maxStockLines bounds one page of lines.
const maxStockLines = 500

// Rows gives the lines of a view that a query chooses, by number; next is the cursor of
// the page that follows, "" after the last.
func (v StockView) Rows(o *directory.Org, q StockQuery) (rows []StockRow, next string) {
	if q.Limit < 1 || q.Limit > maxStockLines {
		q.Limit = 100
	}
	text := fold(q.Text)
	for _, r := range v.rows {
		switch {
		case r.Number <= q.After, q.Result != "" && r.Result != q.Result, q.Kind != "" && r.Kind != q.Kind,
			q.Keeper != "" && r.Keeper != q.Keeper, q.Department != "" && !below(o, r.Department, q.Department),
			!strings.Contains(fold(r.Number+"\n"+r.Model+"\n"+r.Place), text):
			continue
		}
		if len(rows) == q.Limit {
			return rows, rows[len(rows)-1].Number
		}
		rows = append(rows, r)
	}
	return rows, ""
}

// open reads a count that the actor may see.
func (s *StockService) open(ctx context.Context, by access.Actor, stock string) (*StockTake, stockScope, error) {
	if err := mayLook(by); err != nil {
		return nil, stockScope{}, err
	}
	t, err := s.p.Store.Stock(ctx, stock)
	if err != nil {
		return nil, stockScope{}, err
	}
	sc, ok, err := s.scope(ctx, by, t)
	if err == nil && !ok {
		err = fault.Missing("stock")
	}
	return t, sc, err
}

// stockReader is what a count is read through: the store, or the transaction in hand.
type stockReader interface {
	StockItems(ctx context.Context, stock string) ([]StockItem, error)
	StockSightings(ctx context.Context, stock string) ([]StockSighting, error)
	StockProofs(ctx context.Context, from, until time.Time) (map[string]StockProof, error)
}

// count reads a whole count and says what came of it.
func (s *StockService) count(ctx context.Context, from stockReader, o *directory.Org, t *StockTake) (stockCount, error) {
	items, err := from.StockItems(ctx, t.ID)
	if err != nil {
		return stockCount{}, fmt.Errorf("read the list of %s: %w", t.Label, err)
	}
	sightings, err := from.StockSightings(ctx, t.ID)
	if err != nil {
		return stockCount{}, fmt.Errorf("read what was seen for %s: %w", t.Label, err)
	}
	until := t.FinishedAt
	if t.Open() {
		until = s.now()
	}
	proofs, err := from.StockProofs(ctx, t.OpenedAt, until)
	if err != nil {
		return stockCount{}, fmt.Errorf("read what PCs have met: %w", err)
	}
	return countStock(o, t, items, sightings, proofs), nil
}
