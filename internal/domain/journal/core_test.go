package journal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

func TestCommitmentIsHMAC(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	var h hasher
	for n := range 300 {
		salt, content := make([]byte, saltSize), make([]byte, n)
		for i := range salt {
			salt[i] = byte(rnd.Uint32())
		}
		for i := range content {
			content[i] = byte(rnd.Uint32())
		}
		mac := hmac.New(sha256.New, salt)
		mac.Write(content)
		if got := h.commitment(salt, content); !bytes.Equal(got[:], mac.Sum(nil)) {
			t.Fatalf("content of %d bytes: not HMAC-SHA256", n)
		}
	}
}

func TestEdgeIsTlog(t *testing.T) {
	t.Parallel()
	var tree edge
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(idx))
		for i, n := range idx {
			out[i] = stored[n]
		}
		return out, nil
	})
	for n := range int64(600) {
		want, err := tlog.TreeHash(n, read)
		if err != nil || tree.root() != want {
			t.Fatalf("root of %d entries: %v, tlog says %v (%v)", n, tree.root(), want, err)
		}
		peaks, _ := read(peakIndexes(n))
		again := edge{size: n, peaks: peaks}
		if again.root() != want {
			t.Fatalf("edge of %d entries read back gives another root", n)
		}
		data := []byte{byte(n), byte(n >> 8)}
		hashes, err := tlog.StoredHashes(n, data, read)
		if err != nil {
			t.Fatal(err)
		}
		first := tlog.StoredHashCount(n)
		if first != int64(len(stored)) {
			t.Fatalf("first node of entry %d: %d, stored %d", n, first, len(stored))
		}
		stored = append(stored, hashes...)
		got := tree.push(tlog.RecordHash(data), nil)
		if len(got) != len(hashes) {
			t.Fatalf("entry %d makes %d nodes, tlog %d", n, len(got), len(hashes))
		}
		for i := range got {
			if got[i] != hashes[i] {
				t.Fatalf("entry %d, node %d differs from tlog", n, i)
			}
		}
	}
}

// A line must give back the entry that it was written from, also when a tampered table
// holds characters that no event can have.
func TestLineRoundTrip(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 2, 28, 23, 59, 59, 123456000, time.UTC)
	good := Row{ID: "evt_1", At: at, Kind: "a.b", Subject: "inc_1", Salt: bytes.Repeat([]byte{7}, 32), Content: []byte(`{"actor":"system"}`)}
	var h hasher
	good.Commitment = h.commitment(good.Salt, good.Content)
	odd := good
	odd.ID, odd.Kind, odd.Subject = "e\"\\\n", "a<b>\u2028", "件名\x00"
	noContent, shortSalt, notJSON := good, good, good
	noContent.Salt, noContent.Content = nil, nil
	shortSalt.Salt = good.Salt[:31]
	notJSON.Content = []byte("{\n")
	tests := []struct {
		name string
		row  Row
		form form
	}{
		{"good", good, formContent},
		{"erased", good.Erased(at), formErased},
		{"odd characters", odd, formContent},
		{"content gone without erasure", noContent, formRaw},
		{"short salt", shortSalt, formRaw},
		{"content not JSON", notJSON, formRaw},
	}
	for _, tt := range tests {
		e := Entry{Seq: 12, Row: tt.row}
		line := appendEntryLine(nil, &e, e.LeafHash())
		if bytes.IndexByte(line, '\n') >= 0 {
			t.Errorf("%s: line break in the line", tt.name)
		}
		var p parsed
		if err := parseEntryLine(line, &p); err != nil {
			t.Errorf("%s: %v in %s", tt.name, err, line)
			continue
		}
		if p.form != tt.form || h.leaf(&p) != e.LeafHash() || p.leafHash != e.LeafHash() || h.entry(&e) != e.LeafHash() {
			t.Errorf("%s: form %d, leaf agrees %v", tt.name, p.form, h.leaf(&p) == e.LeafHash())
		}
		back := p.entry()
		if back.ID != e.ID || back.Subject != e.Subject || !back.At.Equal(e.At) || !back.ErasedAt.Equal(e.ErasedAt) {
			t.Errorf("%s: came back as %+v", tt.name, back)
		}
	}
}

// Two different entries must never share a leaf, whatever a tampered table holds.
func TestLeafKeepsFieldsApart(t *testing.T) {
	t.Parallel()
	at := time.UnixMicro(1)
	a := Entry{Row: Row{ID: "e", At: at, Kind: "a\nb", Subject: "c"}}
	b := Entry{Row: Row{ID: "e", At: at, Kind: "a", Subject: "b\nc"}}
	if bytes.Equal(a.Leaf(), b.Leaf()) {
		t.Error("a line break moved between two fields leaves the leaf as it was")
	}
	want := "sekimori journal entry v1\n0\ne\n1\nk\ns\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	if got := (Entry{Row: Row{ID: "e", At: at, Kind: "k", Subject: "s"}}).Leaf(); string(got) != want {
		t.Errorf("leaf %q, want %q", got, want)
	}
}

func TestLineTimeIsStrict(t *testing.T) {
	t.Parallel()
	for s, ok := range map[string]bool{
		`"2026-02-28T23:59:59.000001Z"`: true,
		`"2024-02-29T00:00:00.000000Z"`: true,
		`"2026-02-29T00:00:00.000000Z"`: false,
		`"2026-13-01T00:00:00.000000Z"`: false,
		`"2026-00-01T00:00:00.000000Z"`: false,
		`"2026-01-01T24:00:00.000000Z"`: false,
		`"2026-01-01T00:60:00.000000Z"`: false,
		`"2026-01-01T00:00:60.000000Z"`: false,
		`"2026-01-01T00:00:00.00000Z"`:  false,
		`"2026-01-01T00:00:00.000000z"`: false,
		`"2026-01-01 00:00:00.000000Z"`: false,
	} {
		c := cursor{rest: []byte(s)}
		at := c.time()
		if (c.end() == nil) != ok {
			t.Errorf("%s: read %v, want %v", s, !ok, ok)
		}
		if ok && `"`+at.Format(lineTime)+`"` != s {
			t.Errorf("%s came back as %v", s, at)
		}
	}
}
