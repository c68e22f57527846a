package pii

import "math"

// sketchSize is how many different values are counted exactly; beyond, the error is about one in a hundred.
const sketchSize = 8192

// sketch counts different values in bounded memory: it keeps the smallest hashes, and how small they are tells how many
// there were (k minimum values).
type sketch struct {
	seen map[uint64]struct{}
	heap []uint64 // the largest on top
}

// add counts a value by its hash, and tells whether it is known to be there already.
func (s *sketch) add(h uint64) (known bool) {
	if s.seen == nil {
		s.seen = map[uint64]struct{}{}
	}
	if len(s.heap) == sketchSize && h >= s.heap[0] {
		return false
	}
	if _, ok := s.seen[h]; ok {
		return true
	}
	s.seen[h] = struct{}{}
	if len(s.heap) < sketchSize {
		s.heap = append(s.heap, h)
		for i := len(s.heap) - 1; i > 0 && s.heap[(i-1)/2] < s.heap[i]; i = (i - 1) / 2 {
			s.heap[i], s.heap[(i-1)/2] = s.heap[(i-1)/2], s.heap[i]
		}
		return false
	}
	delete(s.seen, s.heap[0])
	s.heap[0] = h
	for i := 0; ; {
		c := 2*i + 1
		if c+1 < len(s.heap) && s.heap[c+1] > s.heap[c] {
			c++
		}
		if c >= len(s.heap) || s.heap[c] <= s.heap[i] {
			return false
		}
		s.heap[i], s.heap[c] = s.heap[c], s.heap[i]
		i = c
	}
}

// has tells whether a value is known to be there.
func (s *sketch) has(h uint64) bool {
	_, ok := s.seen[h]
	return ok
}

// count gives how many different values were added.
func (s *sketch) count() int {
	if len(s.heap) < sketchSize {
		return len(s.heap)
	}
	return int(math.Round(float64(sketchSize-1) / (float64(s.heap[0]) / math.MaxUint64)))
}
