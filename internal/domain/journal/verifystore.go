package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// VerifyStore checks the journal where it is stored: everything that Verify checks, and
// that each stored tree node is the one recomputed from the leaves. A log whose nodes
// alone were changed would still give the right roots to whoever recomputes them, but
// wrong proofs.
func VerifyStore(ctx context.Context, r Reader, origin string, verifiers note.Verifiers, kept []Checkpoint) (Report, error) {
	a, err := newAuditor(origin, verifiers, kept)
	if err != nil {
		return Report{}, err
	}
	v := storeAudit{auditor: a, r: r}
	walk := walker{
		r:     r,
		onRow: func(e *Entry) error { return v.row(ctx, e) },
		onCP: func(cp *Checkpoint) error {
			v.checkpoint(cp.Note, cp, 0)
			return nil
		},
	}
	if err := walk.run(ctx); err != nil {
		return Report{}, fmt.Errorf("verify journal: %w", err)
	}
	if err := v.compareNodes(ctx); err != nil {
		return Report{}, fmt.Errorf("verify journal: %w", err)
	}
	return a.finish(0), nil
}

// storeAudit feeds an auditor from stored rows and holds recomputed nodes back until
// there are enough to compare at once.
type storeAudit struct {
	*auditor
	r     Reader
	h     hasher
	want  []tlog.Hash // recomputed, from stored index first on
	first int64
	from  int64 // entry whose leaf is want[0]
}

func (v *storeAudit) row(ctx context.Context, e *Entry) error {
	before := v.tree.size
	leaf := v.h.entry(e)
	erased := e.isErased()
	id := func() string { return e.ID }
	v.entry(e.Seq, id, leaf, leaf, erased || e.opens(&v.h), erased, 0)
	if v.tree.size == before {
		return nil
	}
	v.want = append(v.want, v.nodes...)
	if v.tree.size-v.from < entryPage {
		return nil
	}
	return v.compareNodes(ctx)
}

// compareNodes holds the recomputed nodes against the stored ones.
func (v *storeAudit) compareNodes(ctx context.Context) error {
	if len(v.want) == 0 {
		return nil
	}
	idx := make([]int64, len(v.want))
	for i := range idx {
		idx[i] = v.first + int64(i)
	}
	got, err := v.r.Nodes(ctx, idx)
	switch {
	case errors.Is(err, ErrNoNode) || err == nil && len(got) != len(idx):
		v.fault(Bad{Seq: v.from, Reason: NodeChanged, RangeFrom: v.from, RangeTo: v.tree.size - 1})
	case err != nil:
		return fmt.Errorf("read tree nodes: %w", err)
	default:
		for i := range got {
			if got[i] != v.want[i] {
				v.nodeFault(idx[i])
				break
			}
		}
	}
	v.first += int64(len(v.want))
	v.from = v.tree.size
	v.want = slices.Delete(v.want, 0, len(v.want))
	return nil
}

// nodeFault names the entries below the stored node.
func (v *storeAudit) nodeFault(index int64) {
	level, n := tlog.SplitStoredHashIndex(index)
	from := n << level
	v.fault(Bad{Seq: from, Reason: NodeChanged, RangeFrom: from, RangeTo: from + 1<<level - 1})
}
