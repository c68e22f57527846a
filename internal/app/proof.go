package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"sekimori/internal/domain/journal"
)

// proofLimit is more than a proof can be, in bytes: whatever is longer is refused as cut off.
const proofLimit = 32 << 20

// Reasons why the proof of one entry is refused, as machine words.
const (
	ProofGarbage         = "garbage"          // not a proof that `journal prove` wrote
	ProofBadSignature    = "bad_signature"    // its checkpoint is not signed by the key
	ProofNotContained    = "not_contained"    // the entry does not lead to the checkpoint
	ProofContentChanged  = "content_changed"  // the entry is contained, with other content
	ProofOtherCheckpoint = "other_checkpoint" // it holds, but against a checkpoint that was not kept
)

// ProofReport is what the check of one proof found.
type ProofReport struct {
	Holds      bool             `json:"holds"`
	Reason     string           `json:"reason,omitempty"`     // one of the words above; "" when it holds
	Key        string           `json:"key"`                  // name and hash of the public key
	Entry      *ProvenEntry     `json:"entry,omitempty"`      // nil unless the entry is contained in Checkpoint
	Checkpoint *ProofCheckpoint `json:"checkpoint,omitempty"` // that the proof is against; nil like Entry
	Kept       *ProofCheckpoint `json:"kept,omitempty"`       // that was kept elsewhere; nil when none was given
}

// ProvenEntry is the entry that a proof is about.
type ProvenEntry struct {
	Seq      int64           `json:"seq"`
	ID       string          `json:"id"`
	At       time.Time       `json:"at"`
	Kind     string          `json:"kind"`
	Subject  string          `json:"subject"`
	Content  json.RawMessage `json:"content,omitempty"`
	ErasedAt time.Time       `json:"erased_at,omitzero"`
}

// ProofCheckpoint is what a checkpoint says: the first Size entries have that root.
type ProofCheckpoint struct {
	Origin string    `json:"origin"`
	Size   int64     `json:"size"`
	Root   tlog.Hash `json:"root"`
	At     time.Time `json:"at,omitzero"`
}

// CheckProof checks offline that one entry is in the record: the proof, the public key
// and, if given, the checkpoint that was kept elsewhere. The error concerns the key, the
// kept checkpoint or reading; what is wrong with the proof is in the report.
func CheckProof(proof io.Reader, key string, kept []byte) (ProofReport, error) {
	verifiers, err := journalKeys(key)
	if err != nil {
		return ProofReport{}, err
	}
	v := verifiers.Newest()
	r := ProofReport{Key: fmt.Sprintf("%s+%08x", v.Name(), v.KeyHash())}
	if kept != nil {
		cp, err := journal.ParseCheckpoint(kept, verifiers)
		if err != nil {
			return ProofReport{}, fmt.Errorf("read kept checkpoint: %w", err)
		}
		r.Kept = proofCheckpoint(cp)
	}
	data, err := io.ReadAll(io.LimitReader(proof, proofLimit))
	if err != nil {
		return ProofReport{}, fmt.Errorf("read proof: %w", err)
	}
	e, cp, err := journal.CheckProof(data, verifiers)
	switch {
	case errors.Is(err, journal.ErrSignature):
		r.Reason = ProofBadSignature
	case errors.Is(err, journal.ErrContent):
		r.Reason = ProofContentChanged
	case errors.Is(err, journal.ErrProof):
		r.Reason = ProofNotContained
	case err != nil:
		r.Reason = ProofGarbage
	default:
		r.Entry = &ProvenEntry{Seq: e.Seq, ID: e.ID, At: e.At, Kind: e.Kind, Subject: e.Subject, Content: e.Content, ErasedAt: e.ErasedAt}
		r.Checkpoint = proofCheckpoint(cp)
		if r.Holds = r.Kept == nil || r.Kept.Size == cp.Size && r.Kept.Root == cp.Root; !r.Holds {
			r.Reason = ProofOtherCheckpoint
		}
	}
	return r, nil
}

func proofCheckpoint(cp journal.Checkpoint) *ProofCheckpoint {
	return &ProofCheckpoint{Origin: cp.Origin, Size: cp.Size, Root: cp.Root, At: cp.At}
}
