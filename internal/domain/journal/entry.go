package journal

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// leafHead names the leaf's form, so that a later form can never be read as this one.
const leafHead = "sekimori journal entry v1\n"

// Entry is a row with its place in the tree.
type Entry struct {
	Seq int64 // from 0, without gaps
	Row
}

// Leaf is the record that the tree commits to: the head line, then sequence number, id,
// Unix microseconds, kind, subject and base64 commitment, each on its own line.
// A field with a character that NewEvent refuses (only a tampered table has one) is
// quoted, so that no two entries share a leaf.
func (e Entry) Leaf() []byte {
	return appendLeaf(nil, e.Seq, e.At.UnixMicro(), e.ID, e.Kind, e.Subject, &e.Commitment)
}

// LeafHash is the RFC 6962 hash of the leaf.
func (e Entry) LeafHash() tlog.Hash { return tlog.RecordHash(e.Leaf()) }

func appendLeaf[T ~string | ~[]byte](b []byte, seq, at int64, id, kind, subject T, commitment *[32]byte) []byte {
	b = append(b, leafHead...)
	b = append(strconv.AppendInt(b, seq, 10), '\n')
	b = appendField(b, id)
	b = append(strconv.AppendInt(b, at, 10), '\n')
	b = appendField(b, kind)
	b = appendField(b, subject)
	b = base64.StdEncoding.AppendEncode(b, commitment[:])
	return append(b, '\n')
}

func appendField[T ~string | ~[]byte](b []byte, s T) []byte {
	if plain(s) {
		b = append(b, s...)
	} else {
		b = strconv.AppendQuote(b, string(s))
	}
	return append(b, '\n')
}

// hasher computes leaf hashes and commitments in one reused buffer: verification of a
// large journal is bound by these two. Its zero value is ready.
type hasher struct{ buf []byte }

// leaf is tlog.RecordHash of the leaf of a line just parsed, whose fields are known to be
// plain and whose commitment is already there in its one base64 form.
func (h *hasher) leaf(p *parsed) tlog.Hash {
	b := append(h.buf[:0], 0)
	if p.unplain {
		b = appendLeaf(b, p.seq, p.at, p.id, p.kind, p.subject, &p.commitment)
	} else {
		b = append(b, leafHead...)
		b = append(strconv.AppendInt(b, p.seq, 10), '\n')
		b = append(append(b, p.id...), '\n')
		b = append(strconv.AppendInt(b, p.at, 10), '\n')
		b = append(append(b, p.kind...), '\n')
		b = append(append(b, p.subject...), '\n')
		b = append(append(b, p.commitment64...), '\n')
	}
	h.buf = b
	return sha256.Sum256(b)
}

func (h *hasher) entry(e *Entry) tlog.Hash {
	h.buf = append(h.buf[:0], 0)
	h.buf = appendLeaf(h.buf, e.Seq, e.At.UnixMicro(), e.ID, e.Kind, e.Subject, &e.Commitment)
	return sha256.Sum256(h.buf)
}

// commitment is HMAC-SHA256 (RFC 2104) with the 32-byte salt as key, written out because
// crypto/hmac allocates several objects for each new key. A test holds the two equal.
func (h *hasher) commitment(salt, content []byte) [32]byte {
	var outer [sha256.BlockSize + sha256.Size]byte
	var inner [sha256.BlockSize]byte
	copy(inner[:], salt)
	for i := range inner {
		outer[i] = inner[i] ^ 0x5c
		inner[i] ^= 0x36
	}
	h.buf = append(append(h.buf[:0], inner[:]...), content...)
	sum := sha256.Sum256(h.buf)
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
}
