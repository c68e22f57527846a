package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	formatProof = "sekimori-journal-proof/1"
	maxProof    = 63 // hashes; a tree of 2⁶³ entries needs no more
)

// ErrNotSealed says that no checkpoint covers the entry (or none has the size asked for) yet.
var ErrNotSealed = errors.New("journal: not covered by a checkpoint")

// ErrProof says that a proof does not lead from its entry to its checkpoint.
var ErrProof = errors.New("journal: proof does not hold")

// Proof shows that one entry is in the journal that a checkpoint covers, without any
// other entry. As JSON it is a file of its own that CheckProof reads offline.
type Proof struct {
	Format     string          `json:"format"`
	Entry      json.RawMessage `json:"entry"` // as a line of the export
	Path       []tlog.Hash     `json:"path"`  // RFC 6962 audit path, leaf to root
	Checkpoint string          `json:"checkpoint"`
}

// Prove makes the proof of entry seq against the checkpoint of that size, or, with size 0,
// against the first one that covers it. It hands out no proof that would not hold.
func Prove(ctx context.Context, r Reader, seq, size int64) (Proof, error) {
	after := seq
	if size > 0 {
		after = max(seq, size-1)
	}
	if seq < 0 {
		return Proof{}, fmt.Errorf("prove journal entry %d: %w", seq, ErrNotSealed)
	}
	cps, err := r.Checkpoints(ctx, after, 1)
	if err != nil {
		return Proof{}, fmt.Errorf("prove journal entry: read checkpoints: %w", err)
	}
	if len(cps) == 0 || size > 0 && cps[0].Size != size {
		return Proof{}, fmt.Errorf("prove journal entry %d: %w", seq, ErrNotSealed)
	}
	cp := cps[0]
	entries, err := r.Entries(ctx, seq, 1)
	if err != nil {
		return Proof{}, fmt.Errorf("prove journal entry: read entry: %w", err)
	}
	if len(entries) != 1 || entries[0].Seq != seq {
		return Proof{}, fmt.Errorf("prove journal entry %d: %w: the entry is missing", seq, ErrProof)
	}
	path, err := tlog.ProveRecord(cp.Size, seq, tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) {
		return r.Nodes(ctx, idx)
	}))
	if err != nil {
		return Proof{}, fmt.Errorf("prove journal entry %d: %w", seq, err)
	}
	leaf := entries[0].LeafHash()
	if tlog.CheckRecord(path, cp.Size, cp.Root, seq, leaf) != nil {
		return Proof{}, fmt.Errorf("prove journal entry %d: %w", seq, ErrProof)
	}
	return Proof{
		Format: formatProof, Entry: appendEntryLine(nil, &entries[0], leaf),
		Path: path, Checkpoint: string(cp.Note),
	}, nil
}

// CheckProof checks a proof read from outside and gives back what it proves. The entry's
// content, unless erased, is checked too.
func CheckProof(data []byte, verifiers note.Verifiers) (Entry, Checkpoint, error) {
	if len(data) > maxLine {
		return Entry{}, Checkpoint{}, fmt.Errorf("check journal proof: %d bytes, at most %d", len(data), maxLine)
	}
	var f Proof
	if err := json.Unmarshal(data, &f); err != nil {
		return Entry{}, Checkpoint{}, fmt.Errorf("check journal proof: %w", err)
	}
	if f.Format != formatProof || len(f.Path) > maxProof {
		return Entry{}, Checkpoint{}, fmt.Errorf("check journal proof: format %q, %d hashes", f.Format, len(f.Path))
	}
	cp, err := ParseCheckpoint([]byte(f.Checkpoint), verifiers)
	if err != nil {
		return Entry{}, Checkpoint{}, err
	}
	var line bytes.Buffer
	if err := json.Compact(&line, f.Entry); err != nil { // the file may be indented for people
		return Entry{}, Checkpoint{}, fmt.Errorf("check journal proof: entry: %w", err)
	}
	var p parsed
	if err := parseEntryLine(line.Bytes(), &p); err != nil {
		return Entry{}, Checkpoint{}, fmt.Errorf("check journal proof: entry: %w", err)
	}
	var h hasher
	if h.leaf(&p) != p.leafHash || tlog.CheckRecord(f.Path, cp.Size, cp.Root, p.seq, p.leafHash) != nil {
		return Entry{}, Checkpoint{}, fmt.Errorf("%w: entry %d", ErrProof, p.seq)
	}
	e := p.entry()
	if p.form == formRaw || p.form == formContent && !e.opens(&h) {
		return Entry{}, Checkpoint{}, fmt.Errorf("%w: %s", ErrContent, e.ID)
	}
	return e, cp, nil
}
