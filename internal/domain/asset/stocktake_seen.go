package asset

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/prose"
)

// Bounds of what is seen.
const (
	MaxStockCodes = 200  // in one call
	maxStray      = 1000 // numbers that are not on the list, by one person in one count
	maxSightings  = 50   // of one number, not taken back
)

// StockSeen is what came of one code.
type StockSeen struct {
	Code     string // as it was sent
	Number   string // "" when it is no code of ours
	Result   StockResult
	Why      string // for StockOutside and StockUnknown: a StockWhy value
	Sighting string // to take it back with (Unsee); "" when nothing was kept
	Item     *StockItem
	Before   []StockSighting // what was seen of it before, when the actor may know
}

// Wrong reports whether the code is no code of ours at all: nothing was kept.
func (g StockSeen) Wrong() bool { return g.Number == "" }

// seenEvent is the journal's content of what one call has counted.
type seenEvent struct {
	How   string     `json:"how"`
	Place string     `json:"place,omitempty"`
	Seen  []seenLine `json:"seen"`
}

type seenLine struct {
	Number string      `json:"number"`
	Asset  string      `json:"asset,omitempty"`
	Result StockResult `json:"result"`
	Why    string      `json:"why,omitempty"`
}

// Seen counts one thing; see SeenAll.
func (s *StockService) Seen(ctx context.Context, by access.Actor, stock, code, how, place string) (StockSeen, error) {
	out, err := s.SeenAll(ctx, by, stock, []string{code}, how, place)
	if err != nil {
		return StockSeen{}, err
	}
	if out[0].Wrong() {
		var c fault.Check
		c.Add("code", "fault.stock_code", nil)
		return StockSeen{}, c.Err()
	}
	return out[0], nil
}

// SeenAll counts the things of some codes, our numbers or what labels say, in one commit
// with one event. how is StockByCamera, StockByPhoto or StockByHand; place is where they
// lie, as people there call it. The same thing again by the same person at the same place
// changes nothing. A code that is not ours is given back as such and not kept; a number
// that the ledger does not know is kept.
func (s *StockService) SeenAll(ctx context.Context, by access.Actor, stock string, codes []string, how, place string) ([]StockSeen, error) {
	t, sc, err := s.open(ctx, by, stock)
	if err != nil {
		return nil, err
	}
	if err := sc.mayCount(); err != nil {
		return nil, err
	}
	var c fault.Check
	c.That(len(codes) > 0, "code", "fault.required", nil)
	c.That(len(codes) <= MaxStockCodes, "code", "fault.stock_codes", fault.Args{"max": strconv.Itoa(MaxStockCodes)})
	c.That(slices.Contains([]string{StockByCamera, StockByPhoto, StockByHand}, how), "how", "fault.unknown_choice", nil)
	c.That(utf8.RuneCountInString(place) <= maxPlace, "place", "fault.too_long", fault.Args{"max": strconv.Itoa(maxPlace)})
	if err := c.Err(); err != nil {
		return nil, err
	}
	place = line(place, maxPlace)
	now := s.now()
	var out []StockSeen
	err = s.p.Store.UpdateStock(ctx, func(tx StockTx) error {
		out = out[:0]
		t, err := stillOpen(ctx, tx, t.ID)
		if err != nil {
			return err
		}
		ev := seenEvent{How: how, Place: place}
		for _, code := range codes {
			n, ok := ParseStockCode(code, s.p.Origins)
			if !ok {
				out = append(out, StockSeen{Code: code})
				continue
			}
			g, fresh, err := s.see(ctx, tx, sc, StockSighting{ID: id.New("sgt", now), Stock: t.ID, Number: n, How: how, Place: place, By: by.Person, At: now})
			if err != nil {
				return err
			}
			g.Code = code
			out = append(out, g)
			if fresh {
				line := seenLine{Number: n, Result: g.Result, Why: g.Why}
				if g.Item != nil {
					line.Asset = g.Item.Asset
				}
				ev.Seen = append(ev.Seen, line)
			}
		}
		if len(ev.Seen) == 0 {
			return nil
		}
		return stockRecord(ctx, tx, now, "stock.seen", t.ID, by.Person, ev)
	})
	return out, err
}

func (sc stockScope) mayCount() error {
	if sc.counts {
		return nil
	}
	return cmp.Or(sc.by.May(access.CountAssets), error(fault.Deny(string(access.ManageAssets))))
}

// stillOpen holds a count and says that it is over when it is.
func stillOpen(ctx context.Context, tx StockTx, stock string) (*StockTake, error) {
	t, err := tx.LockStock(ctx, stock)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", stock, err)
	}
	if !t.Open() {
		return nil, fault.Clash("fault.stock_finished", fault.Args{"stock": t.Label})
	}
	return t, nil
}

// see keeps one sighting, unless the same is kept already. The count is held.
func (s *StockService) see(ctx context.Context, tx StockTx, sc stockScope, g StockSighting) (out StockSeen, fresh bool, err error) {
	out = StockSeen{Number: g.Number, Sighting: g.ID}
	item, listed, err := tx.StockItemOf(ctx, g.Stock, g.Number)
	if err != nil {
		return out, false, fmt.Errorf("look for %s on the list: %w", g.Number, err)
	}
	switch {
	case listed && sc.mine(item):
		g.Listed, g.Asset, out.Item = true, item.Asset, &item
	case listed:
		g.Asset, g.Why = item.Asset, StockWhyNotYours
	default:
		asset, state, known, err := tx.AssetNumbered(ctx, g.Number)
		if err != nil {
			return out, false, fmt.Errorf("look for %s in the ledger: %w", g.Number, err)
		}
		g.Asset = asset
		switch {
		case !known:
			g.Why = StockWhyUnknown
		case state == Lost:
			g.Why = StockWhyLost
		case state == Disposed:
			g.Why = StockWhyDisposed
		default:
			g.Why = StockWhyElsewhere
		}
	}
	before, err := tx.SightingsOf(ctx, g.Stock, g.Number)
	if err != nil {
		return out, false, fmt.Errorf("read what was seen of %s: %w", g.Number, err)
	}
	out.Why = g.Why
	for _, b := range before {
		if b.By == g.By && fold(b.Place) == fold(g.Place) {
			out.Sighting, out.Result = b.ID, StockAgain
			return out, false, nil
		}
	}
	switch {
	case len(before) >= maxSightings:
		return out, false, fault.New(fault.TooMany, "fault.stock_sightings", fault.Args{"max": strconv.Itoa(maxSightings)})
	case g.Listed:
		out.Before = slices.DeleteFunc(slices.Clone(before), func(b StockSighting) bool { return !b.Listed })
		out.Result = stockResult(sc.o, append(slices.Clone(out.Before), g), StockProof{})
	default:
		n, err := tx.CountStray(ctx, g.Stock, g.By)
		if err != nil {
			return out, false, fmt.Errorf("count what is not on the list: %w", err)
		}
		if n >= maxStray {
			return out, false, fault.New(fault.TooMany, "fault.stock_stray", fault.Args{"max": strconv.Itoa(maxStray)})
		}
		out.Result = StockOutside
		if g.Why == StockWhyUnknown {
			out.Result = StockUnknown
		}
	}
	if err := tx.InsertSighting(ctx, g); err != nil {
		return out, false, fmt.Errorf("keep that %s was seen: %w", g.Number, err)
	}
	return out, true, nil
}

// Unsee takes a sighting back: one's own, or anybody's for who manages the ledger.
func (s *StockService) Unsee(ctx context.Context, by access.Actor, sighting string) error {
	manage := by.May(access.ManageAssets) == nil
	if err := by.May(access.CountAssets); err != nil && !manage {
		return err
	}
	now := s.now()
	return s.p.Store.UpdateStock(ctx, func(tx StockTx) error {
		g, err := tx.LockSighting(ctx, sighting)
		if err == nil && g.By != by.Person && !manage {
			err = fault.Missing("sighting")
		}
		if err != nil {
			return err
		}
		if _, err := stillOpen(ctx, tx, g.Stock); err != nil {
			return err
		}
		if !g.Undone.IsZero() {
			return nil
		}
		if err := tx.UndoSighting(ctx, g.ID, now); err != nil {
			return fmt.Errorf("take %s back: %w", g.ID, err)
		}
		return stockRecord(ctx, tx, now, "stock.unseen", g.Stock, by.Person, struct {
			Number string    `json:"number"`
			By     string    `json:"by"`
			At     time.Time `json:"at"`
		}{g.Number, g.By, g.At})
	})
}

// NoteStock writes what was done about things that were not seen. A later note takes the
// place of an earlier one; the record keeps both.
func (s *StockService) NoteStock(ctx context.Context, by access.Actor, stock string, numbers []string, done, text string) error {
	t, sc, err := s.open(ctx, by, stock)
	if err != nil {
		return err
	}
	if err := sc.mayCount(); err != nil {
		return err
	}
	var c fault.Check
	c.That(len(numbers) > 0, "number", "fault.required", nil)
	c.That(len(numbers) <= MaxStockCodes, "number", "fault.stock_codes", fault.Args{"max": strconv.Itoa(MaxStockCodes)})
	c.That(slices.Contains(StockDone(), done), "done", "fault.unknown_choice", nil)
	c.That(utf8.RuneCountInString(text) <= maxReason, "text", "fault.too_long", fault.Args{"max": strconv.Itoa(maxReason)})
	text = prose.Paragraph(text, maxReason)
	c.That(done != "other" || text != "", "text", "fault.required", nil)
	if err := c.Err(); err != nil {
		return err
	}
	now := s.now()
	n := StockNote{Done: done, Text: text, By: by.Person, At: now}
	return s.p.Store.UpdateStock(ctx, func(tx StockTx) error {
		if _, err := stillOpen(ctx, tx, t.ID); err != nil {
			return err
		}
		plain := make([]string, len(numbers))
		for i, given := range numbers {
			plain[i] = code(given)
			item, ok, err := tx.StockItemOf(ctx, t.ID, plain[i])
			if err != nil {
				return fmt.Errorf("look for %s on the list: %w", plain[i], err)
			}
			if !ok || !sc.mine(item) {
				return fault.Missing("asset")
			}
			if err := tx.SaveStockNote(ctx, t.ID, item.Number, n); err != nil {
				return fmt.Errorf("write the note of %s: %w", item.Number, err)
			}
		}
		return stockRecord(ctx, tx, now, "stock.noted", t.ID, by.Person, struct {
			Numbers []string `json:"numbers"`
			Done    string   `json:"done"`
			Text    string   `json:"text,omitempty"`
		}{plain, done, text})
	})
}
