package journal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrOrigin says that a kept checkpoint is of another log than the journal says it is.
var ErrOrigin = errors.New("journal: kept checkpoint of another log")

// auditor judges a journal that passes by once, in order. It holds the right edge of the
// tree and the first fault, whatever the journal's length. Verify and VerifyStore feed it.
type auditor struct {
	rep       Report
	origin    string
	verifiers note.Verifiers
	kept      []Checkpoint // by size; those not reached yet

	tree   edge
	nodes  []tlog.Hash // made by the last push, reused
	next   int64       // number that the next entry must have
	sealed int64       // largest size of a checkpoint in the journal
	gap    *gap
}

// gap is an open question: after a jump in the numbers, only the rest of the journal
// tells whether entries are missing, stand elsewhere, or one was put in between.
type gap struct {
	bad   *Bad
	got   int64 // the number that came instead; -1 when a checkpoint came
	gotID string
	late  bool // the number that was due came later
	twice bool // got came again
}

func newAuditor(origin string, verifiers note.Verifiers, kept []Checkpoint) (*auditor, error) {
	for _, k := range kept {
		if k.Origin != origin {
			return nil, fmt.Errorf("%w: %q, the journal says %q", ErrOrigin, k.Origin, origin)
		}
	}
	a := &auditor{origin: origin, verifiers: verifiers, kept: slices.Clone(kept)}
	slices.SortStableFunc(a.kept, func(x, y Checkpoint) int { return cmp.Compare(x.Size, y.Size) })
	a.checkKept(0)
	return a, nil
}

// fault records the first fault; later ones follow from it or do not matter any more.
func (a *auditor) fault(b Bad) *Bad {
	if a.rep.FirstBad != nil {
		return nil
	}
	a.rep.FirstBad = &b
	return &b
}

// at is a fault in one entry.
func (a *auditor) at(seq int64, id, reason string, line int) *Bad {
	return a.fault(Bad{Seq: seq, ID: id, Reason: reason, Line: line, RangeFrom: seq, RangeTo: seq})
}

// between is a fault somewhere in the entries since the last checkpoint that held.
func (a *auditor) between(to int64, reason string, line int) *Bad {
	from := a.rep.Size
	return a.fault(Bad{Seq: from, Reason: reason, Line: line, RangeFrom: from, RangeTo: max(to, from)})
}

// sound reports whether the tree can still be followed.
func (a *auditor) sound() bool { return a.rep.FirstBad == nil }

// garbage takes a line that cannot be read; seq and id are what was readable of it.
func (a *auditor) garbage(seq int64, id string, line int) {
	if seq < 0 {
		seq = a.next
	}
	a.at(seq, id, Garbage, line)
}

// entry takes the next entry. leaf is recomputed from its fields, recorded is what the
// export says of it, opens tells whether content that is there fits its commitment.
// id is called only when a fault names it.
func (a *auditor) entry(seq int64, id func() string, leaf, recorded tlog.Hash, opens, erased bool, line int) {
	a.rep.Entries++
	if erased {
		a.rep.Erased++
	}
	if seq != a.next {
		a.outOfPlace(seq, id(), line)
	} else {
		a.next++
	}
	if !a.sound() {
		return
	}
	switch {
	case leaf != recorded:
		a.at(seq, id(), LeafChanged, line)
	case !opens:
		a.at(seq, id(), ContentChanged, line)
	}
	if !a.sound() {
		return
	}
	a.nodes = a.tree.push(leaf, a.nodes[:0])
	a.checkKept(line)
}

// outOfPlace takes an entry with another number than the one that is due.
func (a *auditor) outOfPlace(seq int64, id string, line int) {
	if g := a.gap; g != nil {
		if seq == g.bad.Seq && !g.late {
			g.late = true
			g.bad.ID = id
		} else if seq == g.got {
			g.twice = true
		}
	}
	if seq > a.next {
		a.openGap(seq, id, seq, line)
		a.next = seq + 1
	} else if a.gap == nil {
		a.at(seq, id, Inserted, line)
	}
}

// openGap notes that entries a.next to until-1 did not come.
func (a *auditor) openGap(got int64, id string, until int64, line int) {
	b := a.fault(Bad{Seq: a.next, Reason: Missing, Line: line, RangeFrom: a.next, RangeTo: until - 1})
	if b != nil {
		a.gap = &gap{bad: b, got: got, gotID: id}
	}
}

// checkpoint takes a checkpoint that stands after the entries seen so far. stored is what
// the live store says of it beside the signed text; nil in an export.
func (a *auditor) checkpoint(signed []byte, stored *Checkpoint, line int) {
	a.rep.Checkpoints++
	cp, err := ParseCheckpoint(signed, a.verifiers)
	switch {
	case err != nil, stored != nil && (stored.Size != cp.Size || stored.Root != cp.Root || stored.Origin != cp.Origin):
		a.between(a.next-1, BadSignature, line)
		return
	case cp.Origin != a.origin:
		a.garbage(-1, "", line)
		return
	case a.sealed > 0 && cp.Size <= a.sealed, cp.Size == 0:
		a.at(cp.Size, "", Inserted, line)
		return
	}
	a.sealed = cp.Size
	switch {
	case cp.Size > a.next:
		a.openGap(-1, "", cp.Size, line)
		a.next = cp.Size
	case cp.Size < a.next:
		a.at(cp.Size, "", Reordered, line)
	case !a.sound():
	case a.tree.root() != cp.Root:
		a.between(cp.Size-1, RootMismatch, line)
	default:
		a.rep.Size, a.rep.Root, a.rep.LastCheckpointAt = cp.Size, cp.Root, cp.At
	}
}

// checkKept holds the tree against each kept checkpoint of the size just reached.
func (a *auditor) checkKept(line int) {
	for len(a.kept) > 0 && a.kept[0].Size == a.tree.size {
		if a.sound() && a.kept[0].Root != a.tree.root() {
			a.between(a.tree.size-1, RootMismatch, line)
		}
		a.kept = a.kept[1:]
	}
}

// finish settles what only the end tells. line is the last line.
func (a *auditor) finish(line int) Report {
	if g := a.gap; g != nil {
		switch {
		case g.late && (g.twice || g.got >= a.sealed):
			*g.bad = Bad{Seq: g.got, ID: g.gotID, Reason: Inserted, Line: g.bad.Line, RangeFrom: g.got, RangeTo: g.got}
		case g.late:
			g.bad.Reason = Reordered
		}
	}
	if n := len(a.kept); n > 0 && a.kept[n-1].Size > a.next {
		a.fault(Bad{Seq: a.next, Reason: TailCut, Line: line, RangeFrom: a.next, RangeTo: a.kept[n-1].Size - 1})
	}
	if a.next > a.sealed {
		a.fault(Bad{Seq: a.sealed, Reason: UnsealedTail, Line: line, RangeFrom: a.sealed, RangeTo: a.next - 1})
	}
	a.rep.Intact = a.rep.FirstBad == nil
	return a.rep
}
