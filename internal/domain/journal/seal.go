package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	sealBatch    = 1000            // rows in one sealing transaction
	lastSealTime = 5 * time.Second // for the last seal of a server that is going down

	// sealRest passes between two rounds. Under load events gather meanwhile, and
	// share one signature and one checkpoint; a lone event does not wait for it.
	sealRest = 20 * time.Millisecond
)

// ErrTreeChanged says that the stored tree is not the one this sealer wrote. It then
// signs nothing, because a signature would cover what somebody changed.
var ErrTreeChanged = errors.New("journal: stored tree changed since the last checkpoint")

// Head is the state of the numbered part of the journal.
type Head struct {
	Size int64 // entries numbered so far
}

// SealTx is the transaction in which one batch is sealed.
type SealTx interface {
	// Head reads the size and locks it, so that one sealer at a time numbers rows.
	Head(ctx context.Context) (Head, error)
	// Unsealed gives up to limit rows without a number, ordered by time, then id. Salt and
	// content may be missing: the tree holds the commitment to them.
	Unsealed(ctx context.Context, limit int) ([]Row, error)
	// Nodes gives the stored hashes at tlog's stored hash indexes, in the order asked.
	Nodes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)
	// Append numbers the entries, stores nodes from index firstNode on, and the
	// checkpoint, and moves the head to cp.Size.
	Append(ctx context.Context, entries []Entry, firstNode int64, nodes []tlog.Hash, cp *Checkpoint) error
}

// SealStore runs one sealing transaction: all of it is stored, or nothing.
type SealStore interface {
	Seal(ctx context.Context, do func(SealTx) error) error
}

// Sealer is the one owner that numbers rows and signs checkpoints. Several servers may
// each run one over the same store: the locked head keeps them apart.
type Sealer struct {
	store  SealStore
	signer note.Signer
	origin string
	now    func() time.Time

	mu   sync.Mutex
	tree edge // as of the last batch that this sealer committed
}

// NewSealer makes a sealer for the log named origin; the signer has the same name.
func NewSealer(store SealStore, signer note.Signer, origin string, now func() time.Time) *Sealer {
	return &Sealer{store: store, signer: signer, origin: origin, now: now}
}

// SealOnce seals up to limit rows in one transaction and tells how many there were.
func (s *Sealer) SealOnce(ctx context.Context, limit int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tree edge
	sealed := 0
	err := s.store.Seal(ctx, func(tx SealTx) error {
		sealed, tree = 0, edge{} // a store may run this again after a lost race
		head, err := tx.Head(ctx)
		if err != nil {
			return fmt.Errorf("read head: %w", err)
		}
		rows, err := tx.Unsealed(ctx, limit)
		if err != nil {
			return fmt.Errorf("read unsealed events: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		if tree, err = s.load(ctx, tx, head.Size); err != nil {
			return err
		}
		if err := s.seal(ctx, tx, &tree, rows); err != nil {
			return err
		}
		sealed = len(rows)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("seal journal: %w", err)
	}
	if sealed > 0 {
		s.tree = tree
	}
	return sealed, nil
}

// load reads the right edge of the stored tree and holds it against the remembered one.
func (s *Sealer) load(ctx context.Context, tx SealTx, size int64) (edge, error) {
	idx := peakIndexes(size)
	tree := edge{size: size}
	if len(idx) > 0 {
		peaks, err := tx.Nodes(ctx, idx)
		if err != nil {
			return edge{}, fmt.Errorf("read tree nodes: %w", err)
		}
		if len(peaks) != len(idx) {
			return edge{}, fmt.Errorf("read tree nodes: asked for %d, got %d", len(idx), len(peaks))
		}
		tree.peaks = slices.Clone(peaks)
	}
	if size < s.tree.size || size == s.tree.size && !slices.Equal(tree.peaks, s.tree.peaks) {
		return edge{}, fmt.Errorf("%w: size %d, was %d", ErrTreeChanged, size, s.tree.size)
	}
	return tree, nil
}

// seal extends tree by the rows and stores what came of it.
func (s *Sealer) seal(ctx context.Context, tx SealTx, tree *edge, rows []Row) error {
	first := tlog.StoredHashCount(tree.size)
	entries := make([]Entry, len(rows))
	nodes := make([]tlog.Hash, 0, 2*len(rows)+1)
	var h hasher
	for i, r := range rows {
		entries[i] = Entry{Seq: tree.size, Row: r}
		nodes = tree.push(h.entry(&entries[i]), nodes)
	}
	cp, err := SignCheckpoint(s.signer, s.origin, tree.size, tree.root(), s.now())
	if err != nil {
		return err
	}
	if err := tx.Append(ctx, entries, first, nodes, &cp); err != nil {
		return fmt.Errorf("store %d entries: %w", len(entries), err)
	}
	return nil
}

// Run seals when woken and at least every so often, until ctx ends; then it seals once
// more, so that a clean stop leaves nothing unsealed. report is told of each failure;
// the rows stay and the next round tries them again.
func (s *Sealer) Run(ctx context.Context, wake <-chan struct{}, every time.Duration, report func(error)) {
	tick := time.NewTicker(max(every, time.Millisecond)) // it panics at zero
	defer tick.Stop()
	for ctx.Err() == nil {
		s.drain(ctx, report)
		rest(ctx, sealRest)
		select {
		case <-ctx.Done():
		case _, ok := <-wake:
			if !ok {
				wake = nil // closed: the ticker alone goes on
			}
		case <-tick.C:
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSealTime)
	defer cancel()
	s.drain(last, report)
}

// rest passes time, or less when ctx ends.
func rest(ctx context.Context, d time.Duration) {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-ctx.Done():
	case <-over.C:
	}
}

// drain seals batch after batch until no row is left.
func (s *Sealer) drain(ctx context.Context, report func(error)) {
	for ctx.Err() == nil {
		n, err := s.SealOnce(ctx, sealBatch)
		if err != nil {
			if report != nil && !errors.Is(err, context.Canceled) {
				report(err)
			}
			return
		}
		if n < sealBatch {
			return
		}
	}
}
