package journal

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrNoNode says that a hash which the tree must have is not stored.
var ErrNoNode = errors.New("journal: tree node not stored")

const (
	entryPage      = 512 // entries asked for at a time
	checkpointPage = 256 // checkpoints asked for at a time
)

// Reader reads the numbered journal as it is stored.
type Reader interface {
	// Entries gives up to limit entries with Seq >= from, by Seq.
	Entries(ctx context.Context, from int64, limit int) ([]Entry, error)
	// Checkpoints gives up to limit checkpoints with Size > after, by Size.
	Checkpoints(ctx context.Context, after int64, limit int) ([]Checkpoint, error)
	// Nodes gives the stored hashes at tlog's stored hash indexes, in the order asked;
	// an error that wraps ErrNoNode when one is not there.
	Nodes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)
}

// walker goes through the stored journal in the order of the export: each checkpoint
// after the last entry that it covers. It trusts nothing that it reads: what is missing
// or misplaced comes out missing or misplaced.
type walker struct {
	r     Reader
	page  []Entry // read ahead
	next  int64   // first sequence number not read yet
	onRow func(*Entry) error
	onCP  func(*Checkpoint) error
}

func (w *walker) run(ctx context.Context) error {
	after := int64(0)
	for {
		cps, err := w.r.Checkpoints(ctx, after, checkpointPage)
		if err != nil {
			return fmt.Errorf("read checkpoints: %w", err)
		}
		for i := range cps {
			if cps[i].Size <= after {
				return fmt.Errorf("read checkpoints: size %d asked for after %d", cps[i].Size, after)
			}
			after = cps[i].Size
			if err := w.entriesBelow(ctx, after); err != nil {
				return err
			}
			if err := w.onCP(&cps[i]); err != nil {
				return err
			}
		}
		if len(cps) > 0 {
			continue
		}
		if err := w.fill(ctx); err != nil || len(w.page) == 0 {
			return err
		}
		// An entry beyond every checkpoint: either sealed after the question above, and
		// then its checkpoint is there now, or there is none for it.
		if cps, err = w.r.Checkpoints(ctx, after, 1); err != nil {
			return fmt.Errorf("read checkpoints: %w", err)
		}
		if len(cps) == 0 {
			return w.rest(ctx)
		}
	}
}

// entriesBelow hands out the entries with a sequence number below size.
func (w *walker) entriesBelow(ctx context.Context, size int64) error {
	for {
		if len(w.page) == 0 {
			if w.next >= size {
				return nil
			}
			if err := w.fill(ctx); err != nil || len(w.page) == 0 {
				return err
			}
		}
		if w.page[0].Seq >= size {
			return nil
		}
		if err := w.take(); err != nil {
			return err
		}
	}
}

// rest hands out everything that is left.
func (w *walker) rest(ctx context.Context) error {
	for {
		if err := w.fill(ctx); err != nil || len(w.page) == 0 {
			return err
		}
		if err := w.take(); err != nil {
			return err
		}
	}
}

func (w *walker) take() error {
	e := &w.page[0]
	w.page = w.page[1:]
	return w.onRow(e)
}

// fill reads the next page when none is held.
func (w *walker) fill(ctx context.Context) error {
	if len(w.page) > 0 {
		return nil
	}
	page, err := w.r.Entries(ctx, w.next, entryPage)
	if err != nil {
		return fmt.Errorf("read entries: %w", err)
	}
	for i := range page {
		if page[i].Seq < w.next {
			return fmt.Errorf("read entries: number %d asked for from %d", page[i].Seq, w.next)
		}
		w.next = page[i].Seq + 1
	}
	w.page = page
	return nil
}
