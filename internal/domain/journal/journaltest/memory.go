// Package journaltest keeps a journal in memory, for tests of the packages that write
// to one or seal one.
package journaltest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"sekimori/internal/domain/journal"
)

// Store is a journal store with the promises of a real one: a sealing transaction is
// kept whole or not at all, and one runs at a time. Its zero value is ready. The
// exported fields are for tests that look at, or tamper with, what is stored; they are
// not to be touched while another goroutine uses the store.
type Store struct {
	Waiting []journal.Row   // recorded, without a number yet
	Sealed  []journal.Entry // by Seq
	Tree    []tlog.Hash     // by stored hash index
	Signed  []journal.Checkpoint
	FailAt  string // "head", "unsealed", "nodes", "append" or "commit": that step fails

	mu sync.Mutex
}

var (
	_ journal.Recorder  = (*Store)(nil)
	_ journal.SealStore = (*Store)(nil)
	_ journal.Reader    = (*Store)(nil)
)

// ErrFail is what a step named by FailAt returns.
var ErrFail = errors.New("journaltest: made to fail")

func (s *Store) fail(step string) error {
	if s.FailAt == step {
		return fmt.Errorf("%s: %w", step, ErrFail)
	}
	return nil
}

// Record stores the event as a row without a number.
func (s *Store) Record(_ context.Context, e journal.Event) error {
	row, err := e.Row()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Waiting = append(s.Waiting, row)
	return nil
}

// Seal runs one sealing transaction.
func (s *Store) Seal(ctx context.Context, do func(journal.SealTx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	tx := &tx{Store: s}
	if err := do(tx); err != nil {
		return err
	}
	if err := s.fail("commit"); err != nil {
		return err
	}
	if tx.cp == nil {
		return nil
	}
	done := map[string]bool{}
	for _, e := range tx.entries {
		done[e.ID] = true
	}
	s.Waiting = slices.DeleteFunc(s.Waiting, func(r journal.Row) bool { return done[r.ID] })
	s.Sealed = append(s.Sealed, tx.entries...)
	s.Tree = append(s.Tree, tx.nodes...)
	s.Signed = append(s.Signed, *tx.cp)
	return nil
}

// tx is the open transaction; what it appends becomes visible at the end of Seal.
type tx struct {
	*Store
	entries []journal.Entry
	nodes   []tlog.Hash
	cp      *journal.Checkpoint
}

func (t *tx) Head(context.Context) (journal.Head, error) {
	return journal.Head{Size: int64(len(t.Sealed))}, t.fail("head")
}

func (t *tx) Unsealed(_ context.Context, limit int) ([]journal.Row, error) {
	rows := slices.Clone(t.Waiting)
	slices.SortFunc(rows, func(a, b journal.Row) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	return rows[:min(limit, len(rows))], t.fail("unsealed")
}

func (t *tx) Nodes(_ context.Context, indexes []int64) ([]tlog.Hash, error) {
	if err := t.fail("nodes"); err != nil {
		return nil, err
	}
	return t.nodesAt(indexes)
}

func (t *tx) Append(_ context.Context, entries []journal.Entry, firstNode int64, nodes []tlog.Hash, cp *journal.Checkpoint) error {
	if err := t.fail("append"); err != nil {
		return err
	}
	if firstNode != int64(len(t.Tree)) {
		return fmt.Errorf("journaltest: first node %d, %d are stored", firstNode, len(t.Tree))
	}
	t.entries, t.nodes, t.cp = entries, nodes, cp
	return nil
}

// Entries implements journal.Reader.
func (s *Store) Entries(_ context.Context, from int64, limit int) ([]journal.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := slices.BinarySearchFunc(s.Sealed, from, func(e journal.Entry, n int64) int { return cmp.Compare(e.Seq, n) })
	return slices.Clone(s.Sealed[i:min(i+limit, len(s.Sealed))]), nil
}

// Checkpoints implements journal.Reader.
func (s *Store) Checkpoints(_ context.Context, after int64, limit int) ([]journal.Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := slices.BinarySearchFunc(s.Signed, after+1, func(c journal.Checkpoint, n int64) int { return cmp.Compare(c.Size, n) })
	return slices.Clone(s.Signed[i:min(i+limit, len(s.Signed))]), nil
}

// Nodes implements journal.Reader.
func (s *Store) Nodes(_ context.Context, indexes []int64) ([]tlog.Hash, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodesAt(indexes)
}

func (s *Store) nodesAt(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		if n < 0 || n >= int64(len(s.Tree)) {
			return nil, fmt.Errorf("%w: %d", journal.ErrNoNode, n)
		}
		out[i] = s.Tree[n]
	}
	return out, nil
}

// Erase erases the content of the sealed entry seq.
func (s *Store) Erase(seq int64, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Sealed[seq].Row = s.Sealed[seq].Erased(at)
}

// Events opens every row, numbered or not, in the order recorded within each.
func (s *Store) Events() ([]journal.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []journal.Event
	for _, e := range s.Sealed {
		ev, err := e.Open()
		if err != nil {
			return nil, err
		}
		out = append(out, ev)
	}
	for _, r := range s.Waiting {
		ev, err := r.Open()
		if err != nil {
			return nil, err
		}
		out = append(out, ev)
	}
	return out, nil
}

// Clone copies the store, so that a test can tamper with the copy.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Store{Waiting: slices.Clone(s.Waiting), Sealed: slices.Clone(s.Sealed), Tree: slices.Clone(s.Tree), Signed: slices.Clone(s.Signed)}
	for i := range c.Sealed {
		c.Sealed[i].Salt, c.Sealed[i].Content = bytes.Clone(c.Sealed[i].Salt), bytes.Clone(c.Sealed[i].Content)
	}
	return c
}
