package journal

import (
	"crypto/sha256"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// edge is the right edge of the tree: the roots of its complete subtrees, largest first.
// It is all that is needed to add leaves and to know the root, and it grows with the
// logarithm of the size.
type edge struct {
	size  int64
	peaks []tlog.Hash
}

// push adds a leaf hash. The nodes to store for it, in tlog's stored order starting at
// StoredHashIndex(0, size before), are appended to nodes.
func (t *edge) push(h tlog.Hash, nodes []tlog.Hash) []tlog.Hash {
	nodes = append(nodes, h)
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.peaks) - 1
		h = tlog.NodeHash(t.peaks[last], h)
		t.peaks = t.peaks[:last]
		nodes = append(nodes, h)
	}
	t.peaks = append(t.peaks, h)
	t.size++
	return nodes
}

// root is the RFC 6962 root; of the empty tree, the hash of nothing.
func (t *edge) root() tlog.Hash {
	if len(t.peaks) == 0 {
		return sha256.Sum256(nil)
	}
	h := t.peaks[len(t.peaks)-1]
	for i := len(t.peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.peaks[i], h)
	}
	return h
}

// peakIndexes gives the stored indexes of the edge of a tree of that size.
func peakIndexes(size int64) []int64 {
	var idx []int64
	var lo int64
	for rest := uint64(size); rest != 0; {
		level := bits.Len64(rest) - 1
		idx = append(idx, tlog.StoredHashIndex(level, lo>>level))
		lo += 1 << level
		rest &^= 1 << level
	}
	return idx
}
