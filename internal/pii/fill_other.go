//go:build !amd64

package pii

// hasShuffles tells whether the masks can be made by the processor's byte shuffles.
func hasShuffles() bool { return false }

// fill64 makes the masks of n blocks of 64 bytes. b holds two bytes more.
func (t *triggers) fill64(set *needles, m *masks, b []byte, n int) { t.fillPlain(set, m, b, n) }
