package journal

import (
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Reasons why a journal is not intact, as machine words; each edge has its own sentences.
const (
	ContentChanged = "content_changed" // salt and content do not open the commitment
	LeafChanged    = "leaf_changed"    // number, id, time, kind, subject or commitment do not give the recorded leaf hash
	NodeChanged    = "node_changed"    // live store only: a stored hash is not the one recomputed from the leaves
	Missing        = "missing"         // entries are gone from the middle, or from under a checkpoint
	Reordered      = "reordered"       // an entry or checkpoint stands in another place
	Inserted       = "inserted"        // a line too many
	TailCut        = "tail_cut"        // shorter than a kept checkpoint
	BadSignature   = "bad_signature"   // a checkpoint that no known key signed
	RootMismatch   = "root_mismatch"   // the entries up to a checkpoint are not those that it covers
	Garbage        = "garbage"         // not a line of an export
	UnsealedTail   = "unsealed_tail"   // entries after the last checkpoint: nothing vouches for them
)

// Report is the outcome of a verification.
type Report struct {
	Entries          int64     `json:"entries"` // entry lines or rows seen
	Erased           int64     `json:"erased"`  // of these, with erased content
	Size             int64     `json:"size"`    // entries covered by the last checkpoint that holds
	Root             tlog.Hash `json:"root"`    // its root; zero when there is none
	Checkpoints      int       `json:"checkpoints"`
	LastCheckpointAt time.Time `json:"last_checkpoint_at,omitzero"`
	Intact           bool      `json:"intact"`
	FirstBad         *Bad      `json:"first_bad,omitempty"` // nil when intact
}

// Bad is the first thing found that is not as it was sealed.
type Bad struct {
	Seq    int64  `json:"seq"`            // the entry, or the first of the range
	ID     string `json:"id,omitempty"`   // its event id, where there is one to read
	Reason string `json:"reason"`         // one of the words above
	Line   int    `json:"line,omitempty"` // line of the export, from 1; 0 for the live store
	// RangeFrom to RangeTo, both included, are the entries that can be meant. They are
	// one and the same unless only a checkpoint told that something is wrong.
	RangeFrom int64 `json:"range_from"`
	RangeTo   int64 `json:"range_to"`
}
