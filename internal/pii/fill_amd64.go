package pii

import "golang.org/x/sys/cpu"

// hasShuffles tells whether the masks can be made by the processor's byte shuffles.
func hasShuffles() bool { return cpu.X86.HasAVX2 }

// fill64 makes the masks of n blocks of 64 bytes. b holds two bytes more.
func (t *triggers) fill64(set *needles, m *masks, b []byte, n int) {
	if n == 0 {
		return
	}
	if !t.fast {
		t.fillPlain(set, m, b, n)
		return
	}
	_ = b[64*n+1] // the last byte that is read
	shuffleBlocks(&b[0], n, &set.tables, &m.digit[0], &m.joint[0], &m.trigger[0])
}
