package seal

import (
	"math/bits"

	"golang.org/x/sys/cpu"
)

// The counter mode of ZIP files counts from the lowest byte up, which no mode of the
// standard library does; a block at a time it takes five times as long as the processor
// needs. So eight blocks at a time are done here.

// counterBlocks encrypts groups of eight blocks in place.
//
//go:noescape
func counterBlocks(keys *[60]uint32, counter uint64, text *byte, groups int)

// subWord is the substitution of four bytes, by the processor: without tables, that would
// tell something of the key by the time that they take.
func subWord(w uint32) uint32

// counterGroup is the size of what counterBlocks does at once, in bytes.
const counterGroup = 128

// counterMode holds the round keys (FIPS 197, section 5.2).
type counterMode struct {
	keys [60]uint32
	able bool
}

func newCounterMode(key []byte) *counterMode {
	c := &counterMode{able: cpu.X86.HasAES && cpu.X86.HasSSE2}
	if !c.able {
		return c
	}
	const words = 8 // of the key
	for i := range words {
		c.keys[i] = le.Uint32(key[4*i:])
	}
	round := uint32(1)
	for i := words; i < len(c.keys); i++ {
		t := c.keys[i-1]
		switch i % words {
		case 0:
			t = subWord(bits.RotateLeft32(t, -8)) ^ round
			round <<= 1
		case words / 2:
			t = subWord(t)
		}
		c.keys[i] = c.keys[i-words] ^ t
	}
	return c
}

// crypt does as many whole groups as it can, and tells how many bytes those were. The first
// byte of text must be the first of the block with that counter.
func (c *counterMode) crypt(text []byte, counter uint64) int {
	groups := len(text) / counterGroup
	if !c.able || groups == 0 {
		return 0
	}
	counterBlocks(&c.keys, counter, &text[0], groups)
	return groups * counterGroup
}
