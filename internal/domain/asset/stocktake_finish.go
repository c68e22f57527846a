package asset

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/paper"
	"sekimori/internal/kit/sheet"
)

// stockFormat is the first line of the signed note and names what StockReport means.
const stockFormat = "sekimori stock-take v1"

// StockReport is what the paper of a finished count says, with the names as they were
// then. It is signed as its JSON bytes.
type StockReport struct {
	Format      string        `json:"format"`
	Company     string        `json:"company"`
	Label       string        `json:"label"`
	Title       string        `json:"title"`
	Departments []string      `json:"departments"` // none: the whole company
	Kinds       []Kind        `json:"kinds"`       // none: every kind
	OpenedBy    string        `json:"opened_by"`
	OpenedAt    time.Time     `json:"opened_at"`
	Due         string        `json:"due"`
	FinishedBy  string        `json:"finished_by"`
	FinishedAt  time.Time     `json:"finished_at"`
	Totals      StockTotals   `json:"totals"`
	Counters    []StockPerson `json:"counters"`
	Missing     []StockLine   `json:"missing"`
	Twice       []StockLine   `json:"twice"`
	Met         []StockLine   `json:"met"`
	Outside     []StockLine   `json:"outside"`
	Unknown     []StockLine   `json:"unknown"`
}

// StockPerson is one who counted, with the number of things they saw.
type StockPerson struct {
	Name   string `json:"name"`
	Things int    `json:"things"`
}

// StockLine is one thing that needs a word.
type StockLine struct {
	Number     string   `json:"number"`
	Kind       Kind     `json:"kind,omitempty"`
	Department string   `json:"department,omitempty"`
	Keeper     string   `json:"keeper,omitempty"`
	Place      string   `json:"place,omitempty"`
	Why        string   `json:"why,omitempty"`  // a StockWhy value
	Seen       []string `json:"seen,omitempty"` // time, person and place of each sighting
	Done       string   `json:"done,omitempty"` // of StockDone
	Note       string   `json:"note,omitempty"`
	NotedBy    string   `json:"noted_by,omitempty"`
}

func mayFinish(by access.Actor, t *StockTake) error {
	err := by.May(access.ManageAssets)
	if err != nil && by.Person == t.OpenedBy {
		return by.May(access.CountAssets)
	}
	return err
}

// stockFinished is the journal's content of a finished count.
type stockFinished struct {
	Label  string      `json:"label"`
	Totals StockTotals `json:"totals"`
	CSV    string      `json:"csv_sha256"`
	Data   string      `json:"data_sha256"`
	Note   string      `json:"note"`
}

// FinishStock ends a count and signs what came of it. hash is the one of the view that
// the actor has looked at: when anything was counted since, they must look again. Each
// missing thing must have a note.
func (s *StockService) FinishStock(ctx context.Context, by access.Actor, stock, hash string) (*StockTake, error) {
	t, _, err := s.open(ctx, by, stock)
	if err != nil {
		return nil, err
	}
	if err := mayFinish(by, t); err != nil {
		return nil, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	// The result is written outside the commit, which everybody else would wait for; the
	// hash, asked for once more within it, says that nothing has come between.
	looked, err := s.count(ctx, s.p.Store, o, t)
	if err != nil {
		return nil, err
	}
	now := s.now()
	over := *t
	over.FinishedBy, over.FinishedAt, over.NextFire = by.Person, now, time.Time{}
	var seal StockSeal
	var ev stockFinished
	if t.Open() && looked.mayEnd(hash) == nil {
		if seal, ev, err = s.seal(o, &over, looked); err != nil {
			return nil, err
		}
	}
	err = s.p.Store.UpdateStock(ctx, func(tx StockTx) error {
		held, err := stillOpen(ctx, tx, t.ID)
		if err != nil {
			return err
		}
		c, err := s.count(ctx, tx, o, held)
		if err != nil {
			return err
		}
		if err := c.mayEnd(hash); err != nil {
			return err
		}
		if looked.Hash != c.Hash {
			return fault.Clash("fault.stock_changed", nil)
		}
		held.FinishedBy, held.FinishedAt, held.NextFire = over.FinishedBy, over.FinishedAt, over.NextFire
		return errors.Join(tx.SaveStock(ctx, held), tx.InsertStockSeal(ctx, seal), tx.CallOff(ctx, t.ID, StockTopic),
			stockRecord(ctx, tx, now, "stock.finished", t.ID, by.Person, ev))
	})
	if err != nil {
		return nil, err
	}
	return &over, nil
}

// mayEnd is nil when the count is the one that was looked at and every missing thing has
// its note.
func (c stockCount) mayEnd(hash string) error {
	switch left := c.Totals.Missing - c.Totals.Noted; {
	case hash != c.Hash:
		return fault.Clash("fault.stock_changed", nil)
	case left > 0:
		return fault.Clash("fault.stock_notes", fault.Args{"count": fmt.Sprint(left)})
	}
	return nil
}

// seal makes the signed result.
func (s *StockService) seal(o *directory.Org, t *StockTake, c stockCount) (StockSeal, stockFinished, error) {
	var table bytes.Buffer
	w := stockWords{s.p.Words, o}
	if _, err := sheet.Write(&table, sheet.UTF8BOM, w.header(), w.rows(c)); err != nil {
		return StockSeal{}, stockFinished{}, fmt.Errorf("write the table of %s: %w", t.Label, err)
	}
	data, err := json.Marshal(w.report(s.p.Company, t, c))
	if err != nil {
		return StockSeal{}, stockFinished{}, fmt.Errorf("marshal the result of %s: %w", t.Label, err)
	}
	csvSum, dataSum := sha256.Sum256(table.Bytes()), sha256.Sum256(data)
	ev := stockFinished{Label: t.Label, Totals: c.Totals, CSV: hex.EncodeToString(csvSum[:]), Data: hex.EncodeToString(dataSum[:])}
	text := strings.Join([]string{stockFormat, t.Label, t.FinishedAt.Format(time.RFC3339Nano), "csv " + ev.CSV, "data " + ev.Data, ""}, "\n")
	signed, err := note.Sign(&note.Note{Text: text}, s.p.Signer)
	if err != nil {
		return StockSeal{}, stockFinished{}, fmt.Errorf("sign the result of %s: %w", t.Label, err)
	}
	ev.Note = string(signed)
	return StockSeal{Stock: t.ID, CSV: table.Bytes(), Data: data, Note: ev.Note}, ev, nil
}

// What VerifyStock finds.
var (
	ErrStockSignature = errors.New("the note is not signed by a key that is trusted")
	ErrStockContent   = errors.New("the content is not the one that was signed")
)

// VerifyStock checks a result as it was handed on: the note's signature, and that table
// and data are the signed ones, byte for byte. It gives what the data says. The error is
// ErrStockSignature or ErrStockContent.
func VerifyStock(r StockSeal, trusted note.Verifiers) (StockReport, error) {
	n, err := note.Open([]byte(r.Note), trusted)
	if err != nil {
		return StockReport{}, fmt.Errorf("%w: %w", ErrStockSignature, err)
	}
	// The same signature can be written in more than one way, and strangers' can be put
	// beside it; only one file is the signed one.
	whole := n.Text + "\n"
	for _, sig := range n.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return StockReport{}, fmt.Errorf("%w: %w", ErrStockSignature, err)
		}
		whole += "— " + sig.Name + " " + sig.Base64 + "\n"
	}
	if whole != r.Note {
		return StockReport{}, ErrStockSignature
	}
	lines := strings.Split(n.Text, "\n")
	csvSum, dataSum := sha256.Sum256(r.CSV), sha256.Sum256(r.Data)
	var report StockReport
	if len(lines) != 6 || lines[0] != stockFormat || lines[3] != "csv "+hex.EncodeToString(csvSum[:]) ||
		lines[4] != "data "+hex.EncodeToString(dataSum[:]) || lines[5] != "" {
		return StockReport{}, ErrStockContent
	}
	if err := json.Unmarshal(r.Data, &report); err != nil || report.Format != stockFormat || report.Label != lines[1] {
		return StockReport{}, ErrStockContent
	}
	return report, nil
}

// StockSealOf gives the signed result of a finished count to who may read the ledger or
// has finished it.
func (s *StockService) StockSealOf(ctx context.Context, by access.Actor, stock string) (StockSeal, error) {
	t, sc, err := s.open(ctx, by, stock)
	if err != nil {
		return StockSeal{}, err
	}
	if !sc.all && mayFinish(by, t) != nil {
		return StockSeal{}, fault.Deny(string(access.ReadAssets))
	}
	seal, ok, err := s.p.Store.StockSealOf(ctx, t.ID)
	if err == nil && !ok {
		err = fault.Missing("stock_result")
	}
	return seal, err
}

// stockWords writes results in words.
type stockWords struct {
	i18n.Printer
	o *directory.Org
}

func (w stockWords) path(department string) string { return strings.Join(w.o.Path(department), " ") }

// header and rows are the table of every thing of the list, and after it what was seen
// beside the list.
func (w stockWords) header() []string {
	var out []string
	for _, name := range []string{"number", "kind", "model", "department", "keeper", "place", "state", "borrower",
		"result", "counted_by", "counted_at", "counted_place", "how", "met", "done", "note", "noted_by"} {
		out = append(out, w.T("stock.col."+name))
	}
	return out
}

func (w stockWords) rows(c stockCount) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, r := range c.Rows {
			g := w.sightings(r.Seen)
			met, done := "", ""
			if !r.Proof.At.IsZero() {
				met = w.DateTime(r.Proof.At)
			}
			if r.Note.Done != "" {
				done = w.T("stock.done." + r.Note.Done)
			}
			if !yield([]string{r.Number, w.T("asset.kind." + string(r.Kind)), r.Model, w.path(r.Department), w.o.NameOf(r.Keeper), r.Place,
				w.T("asset.state." + string(r.State)), w.o.NameOf(r.Borrower), w.T("stock.result." + string(r.Result)),
				g[0], g[1], g[2], g[3], met, done, r.Note.Text, w.o.NameOf(r.Note.By)}) {
				return
			}
		}
		for _, g := range slices.Concat(c.Outside, c.Unknown) {
			s := w.sightings([]StockSighting{g})
			if !yield([]string{g.Number, "", "", "", "", "", "", "", w.T("stock.why." + g.Why), s[0], s[1], s[2], s[3], "", "", "", ""}) {
				return
			}
		}
	}
}

// sightings gives who, when, where and how, several joined.
func (w stockWords) sightings(gs []StockSighting) (out [4]string) {
	var cells [4][]string
	for _, g := range gs {
		for i, cell := range []string{w.o.NameOf(g.By), w.DateTime(g.At), g.Place, w.T("stock.how." + g.How)} {
			cells[i] = append(cells[i], cell)
		}
	}
	for i := range cells {
		out[i] = strings.Join(cells[i], " / ")
	}
	return out
}

// report is what the paper says.
func (w stockWords) report(company string, t *StockTake, c stockCount) StockReport {
	zone := w.Location()
	r := StockReport{Format: stockFormat, Company: company, Label: t.Label, Title: t.Title, Departments: []string{}, Kinds: slices.Clone(t.Kinds),
		OpenedBy: w.o.NameOf(t.OpenedBy), OpenedAt: t.OpenedAt.In(zone), Due: t.Due.String(),
		FinishedBy: w.o.NameOf(t.FinishedBy), FinishedAt: t.FinishedAt.In(zone), Totals: c.Totals}
	for _, d := range t.Departments {
		r.Departments = append(r.Departments, w.path(d))
	}
	things := map[string]map[string]bool{}
	seen := func(gs []StockSighting) (lines []string) {
		for _, g := range gs {
			if things[g.By] == nil {
				things[g.By] = map[string]bool{}
			}
			things[g.By][g.Number] = true
			lines = append(lines, strings.TrimSpace(w.DateTime(g.At)+" "+w.o.NameOf(g.By)+" "+g.Place))
		}
		return lines
	}
	for _, row := range c.Rows {
		l := StockLine{Number: row.Number, Kind: row.Kind, Department: w.path(row.Department), Keeper: w.o.NameOf(row.Keeper), Place: row.Place,
			Seen: seen(row.Seen), Done: row.Note.Done, Note: row.Note.Text, NotedBy: w.o.NameOf(row.Note.By)}
		switch row.Result {
		case StockMissing:
			r.Missing = append(r.Missing, l)
		case StockTwice:
			r.Twice = append(r.Twice, l)
		case StockMet:
			l.Seen = []string{w.DateTime(row.Proof.At)}
			r.Met = append(r.Met, l)
		}
	}
	for _, g := range c.Outside {
		r.Outside = append(r.Outside, StockLine{Number: g.Number, Why: g.Why, Seen: seen([]StockSighting{g})})
	}
	for _, g := range c.Unknown {
		r.Unknown = append(r.Unknown, StockLine{Number: g.Number, Why: g.Why, Seen: seen([]StockSighting{g})})
	}
	for person, numbers := range things {
		r.Counters = append(r.Counters, StockPerson{Name: w.o.NameOf(person), Things: len(numbers)})
	}
	slices.SortFunc(r.Counters, func(a, b StockPerson) int {
		return cmp.Or(cmp.Compare(b.Things, a.Things), cmp.Compare(a.Name, b.Name))
	})
	return r
}

// WriteStockPaper prints a signed result as PDF, with the note under it. It does not check
// the note: VerifyStock does. missing are the characters that the font does not have.
func WriteStockPaper(w io.Writer, f *paper.Font, words i18n.Printer, r StockSeal) (missing []rune, err error) {
	var report StockReport
	if err := json.Unmarshal(r.Data, &report); err != nil {
		return nil, fmt.Errorf("read the result: %w", err)
	}
	d, err := paper.New(f, paper.Options{Title: report.Label + " " + report.Title, Author: report.Company, Created: report.FinishedAt,
		Header: report.Company + "  " + words.T("stock.paper.title") + "  " + report.Label})
	if err != nil {
		return nil, err
	}
	p := stockPaper{d, words}
	p.front(report)
	for _, list := range []struct {
		name  string
		lines []StockLine
	}{{"missing", report.Missing}, {"twice", report.Twice}, {"met", report.Met}, {"outside", report.Outside}, {"unknown", report.Unknown}} {
		p.list(list.name, list.lines)
	}
	d.Heading(2, words.T("stock.paper.signed"))
	d.Small(words.T("stock.paper.signed_text"))
	d.Small(r.Note)
	if err := d.Write(w); err != nil {
		return nil, err
	}
	return d.Missing(), nil
}

type stockPaper struct {
	*paper.Doc
	w i18n.Printer
}

func (p stockPaper) front(r StockReport) {
	w := p.w
	all := func(parts []string, none string) string {
		if len(parts) == 0 {
			return w.T(none)
		}
		return strings.Join(parts, "\n")
	}
	kinds := make([]string, len(r.Kinds))
	for i, k := range r.Kinds {
		kinds[i] = w.T("asset.kind." + string(k))
	}
	p.Heading(1, w.T("stock.paper.title")+" "+r.Label)
	p.Pairs([][2]string{
		{w.T("stock.paper.name"), r.Title},
		{w.T("stock.paper.departments"), all(r.Departments, "stock.paper.whole")},
		{w.T("stock.paper.kinds"), all(kinds, "stock.paper.every")},
		{w.T("stock.paper.opened"), w.DateTime(r.OpenedAt) + " " + r.OpenedBy},
		{w.T("stock.paper.due"), r.Due},
		{w.T("stock.paper.finished"), w.DateTime(r.FinishedAt) + " " + r.FinishedBy},
	})
	p.Heading(2, w.T("stock.paper.totals"))
	t := r.Totals
	p.Table(paper.Table{Columns: []paper.Column{{Head: w.T("stock.col.result"), Width: 3}, {Head: w.T("stock.paper.count"), Width: 1, Right: true}},
		Rows: slices.Values([][]string{
			{w.T("stock.result.expected"), w.Count(t.Expected)},
			{w.T("stock.result.found"), w.Count(t.Found)},
			{w.T("stock.result.met"), w.Count(t.Met)},
			{w.T("stock.result.missing"), w.Count(t.Missing)},
			{w.T("stock.result.twice"), w.Count(t.Twice)},
			{w.T("stock.result.outside"), w.Count(t.Outside)},
			{w.T("stock.result.unknown"), w.Count(t.Unknown)},
		})})
	p.Heading(2, w.T("stock.paper.counters"))
	p.Table(paper.Table{Columns: []paper.Column{{Head: w.T("stock.col.counted_by"), Width: 3}, {Head: w.T("stock.paper.count"), Width: 1, Right: true}},
		Rows: func(yield func([]string) bool) {
			for _, c := range r.Counters {
				if !yield([]string{c.Name, w.Count(c.Things)}) {
					return
				}
			}
		}})
}

func (p stockPaper) list(name string, lines []StockLine) {
	w := p.w
	p.Heading(2, w.T("stock.result."+name))
	if len(lines) == 0 {
		p.Text(w.T("stock.paper.none"))
		return
	}
	said := func(l StockLine) string {
		var parts []string
		if l.Why != "" && l.Why != StockWhyUnknown {
			parts = append(parts, w.T("stock.why."+l.Why))
		}
		parts = append(parts, l.Seen...)
		if l.Done != "" {
			parts = append(parts, strings.TrimSpace(w.T("stock.done."+l.Done)+" "+l.Note+" "+l.NotedBy))
		}
		return strings.Join(parts, "\n")
	}
	p.Table(paper.Table{Columns: []paper.Column{{Head: w.T("stock.col.number"), Width: 3}, {Head: w.T("stock.col.kind"), Width: 2},
		{Head: w.T("stock.col.department"), Width: 3}, {Head: w.T("stock.col.keeper"), Width: 2}, {Head: w.T("stock.col.place"), Width: 3},
		{Head: w.T("stock.paper.said"), Width: 5}},
		Rows: func(yield func([]string) bool) {
			for _, l := range lines {
				kind := ""
				if l.Kind != "" {
					kind = w.T("asset.kind." + string(l.Kind))
				}
				if !yield([]string{l.Number, kind, l.Department, l.Keeper, l.Place, said(l)}) {
					return
				}
			}
		}})
}
