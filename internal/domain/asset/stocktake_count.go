package asset

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"sekimori/internal/domain/directory"
)

// StockResult is what came of one thing of a list.
type StockResult string

// The results.
const (
	StockFound   StockResult = "found"
	StockMet     StockResult = "met"     // by a PC only: nobody has seen it
	StockMissing StockResult = "missing" // 不明
	StockTwice   StockResult = "twice"   // seen at two places: one label may be a copy
	// What only a sighting can be.
	StockUnknown StockResult = "unknown"
	StockOutside StockResult = "outside"
	StockAgain   StockResult = "again" // the same person at the same place: nothing new
)

// StockResults lists those that a thing of a list can have, the worst first.
func StockResults() []StockResult {
	return []StockResult{StockMissing, StockTwice, StockMet, StockFound}
}

// StockRow is one thing of a list with all that was seen of it.
type StockRow struct {
	StockItem
	Result StockResult
	Seen   []StockSighting
	Proof  StockProof // zero: no PC has met it
}

// StockTotals are the figures of a count.
type StockTotals struct {
	Expected int `json:"expected"`
	Found    int `json:"found"`
	Met      int `json:"met"`
	Missing  int `json:"missing"`
	Twice    int `json:"twice"`
	Unknown  int `json:"unknown"` // numbers that the ledger does not know
	Outside  int `json:"outside"` // numbers of the ledger that are not on the list
	Noted    int `json:"noted"`   // of the missing, how many have a note
}

func (t *StockTotals) add(r StockRow) {
	t.Expected++
	switch r.Result {
	case StockFound:
		t.Found++
	case StockMet:
		t.Met++
	case StockTwice:
		t.Twice++
	default:
		t.Missing++
		if r.Note.Done != "" {
			t.Noted++
		}
	}
}

// stockCount is a count at one moment.
type stockCount struct {
	Rows    []StockRow // by number
	Unknown []StockSighting
	Outside []StockSighting
	Totals  StockTotals
	Hash    string // names exactly this state
}

// countStock says what the sightings and the PCs' proofs make of a list.
func countStock(o *directory.Org, t *StockTake, items []StockItem, sightings []StockSighting, proofs map[string]StockProof) stockCount {
	var c stockCount
	seen := map[string][]StockSighting{}
	for _, g := range sightings {
		switch {
		case g.Listed:
			seen[g.Number] = append(seen[g.Number], g)
		case g.Why == StockWhyUnknown:
			c.Unknown = append(c.Unknown, g)
		default:
			c.Outside = append(c.Outside, g)
		}
	}
	for _, i := range items {
		r := StockRow{StockItem: i, Seen: seen[i.Number], Proof: proofs[i.Asset]}
		r.Result = stockResult(o, r.Seen, r.Proof)
		c.Totals.add(r)
		c.Rows = append(c.Rows, r)
	}
	slices.SortFunc(c.Rows, func(a, b StockRow) int { return cmp.Compare(a.Number, b.Number) })
	c.Totals.Unknown, c.Totals.Outside = numbers(c.Unknown), numbers(c.Outside)
	c.Hash = c.digest(t)
	return c
}

func stockResult(o *directory.Org, seen []StockSighting, proof StockProof) StockResult {
	switch {
	case len(seen) == 0 && proof.At.IsZero():
		return StockMissing
	case len(seen) == 0:
		return StockMet
	case conflict(o, seen):
		return StockTwice
	}
	return StockFound
}

// conflict reports whether one thing was seen where it cannot be at once: at places of
// different names, or by people of departments that have nothing to do with each other
// and who name no common place. A person who moves it must take the first sighting back.
func conflict(o *directory.Org, seen []StockSighting) bool {
	for i, a := range seen {
		for _, b := range seen[:i] {
			same := fold(a.Place) == fold(b.Place)
			if a.Place != "" && b.Place != "" {
				if !same {
					return true
				}
				continue
			}
			da, db := o.People[a.By].Department, o.People[b.By].Department
			if a.By != b.By && !below(o, da, db) && !below(o, db, da) {
				return true
			}
		}
	}
	return false
}

// numbers counts how many different numbers there are.
func numbers(gs []StockSighting) int {
	seen := map[string]bool{}
	for _, g := range gs {
		seen[g.Number] = true
	}
	return len(seen)
}

// digest names the state of a count: whoever finishes it sends it back, so that nothing
// is signed but what they were shown. That a PC has met once more what was seen already
// is no change, or no count of media in use could ever be finished.
func (c stockCount) digest(t *StockTake) string {
	h := sha256.New()
	line := func(v ...any) { fmt.Fprintln(h, v...) }
	raw, err := json.Marshal(c.Totals)
	if err != nil { // whole numbers always have a JSON form
		return ""
	}
	line(t.ID, string(raw))
	for _, r := range c.Rows {
		n := r.Note
		fmt.Fprintf(h, "%q %s %q %q %q %d\n", r.Number, r.Result, n.Done, n.Text, n.By, n.At.UnixMicro())
		for _, g := range r.Seen {
			line(g.ID)
		}
	}
	for _, g := range slices.Concat(c.Unknown, c.Outside) {
		line(g.ID)
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}
