package pii

// The text is first looked at 64 bytes at a time, each byte giving one bit. Whatever has no bit set is passed over, which
// is nearly everything; the rest is looked at byte by byte, and only what still can be something is read as characters.

const (
	strip  = 16 << 10   // bytes whose masks are made at once
	blocks = strip / 64 // blocks of a strip
	beyond = 130        // bytes that must be readable behind a strip: its last block's rest, one more, and its fingerprints'
)

// masks are one bit for each byte of a strip.
type masks struct {
	digit   [blocks + 1]uint64 // 0 to 9
	joint   [blocks + 1]uint64 // what may stand between the digits of a number: - space ( ) . /
	trigger [blocks + 1]uint64 // where a fingerprint of a mark or word may begin
}

// chain gives the bits of block k that are digits, or one or two joints between digits. At the borders of a block a joint
// counts where the side that is seen allows it.
func (m *masks) chain(k int) uint64 {
	d, j := m.digit[k], m.joint[k]
	if d|j == 0 {
		return 0
	}
	left := d<<1 | j<<1&(d<<2)
	right := d>>1 | j>>1&(d>>2)
	return d | j&(left|3)&(right|3<<62)
}

// sevens gives the places in a block from which at least seven bits of the chain are set in a row.
func sevens(chain, next uint64) uint64 {
	for _, by := range [...]uint{1, 2, 3} {
		chain, next = chain&(chain>>by|next<<(64-by)), next&(next>>by)
	}
	return chain
}

// filter is the table of the fingerprints: three bytes in a row each, in eight buckets. A byte's buckets are those that
// hold both its low and its high half; the place is one where all three bytes share a bucket. It is made for the byte
// shuffles of the processor, and the same table serves without them.
type filter struct {
	low  [3][16]byte
	high [3][16]byte
}

// add puts a fingerprint into a bucket. A zero in any means that every byte will do there.
func (f *filter) add(bucket int, print [3]byte, any [3]bool) {
	bit := byte(1) << bucket
	for i := range 3 {
		for half := range 16 {
			if any[i] || int(print[i]&15) == half {
				f.low[i][half] |= bit
			}
			if any[i] || int(print[i]>>4) == half {
				f.high[i][half] |= bit
			}
		}
	}
}

// best gives the bucket out of the first few in which the needle lets the fewest other bytes through.
func (f *filter) best(buckets int, n needle) int {
	best, least := 0, 0
	for k := range buckets {
		with := *f
		print, any := n.print()
		with.add(k, print, any)
		if cost := with.passes(k) - f.passes(k); k == 0 || cost < least {
			best, least = k, cost
		}
	}
	return best
}

// passes counts the triples of bytes that share a bucket.
func (f *filter) passes(bucket int) int {
	n := 1
	for i := range 3 {
		low, high := 0, 0
		for half := range 16 {
			low += int(f.low[i][half] >> bucket & 1)
			high += int(f.high[i][half] >> bucket & 1)
		}
		n *= low * high
	}
	return n
}

// wideFilter is the filter by whole bytes, for the processors without shuffles.
type wideFilter [3][256]byte

func (f *filter) widen() *wideFilter {
	var w wideFilter
	for i := range 3 {
		for b := range 256 {
			w[i][b] = f.low[i][b&15] & f.high[i][b>>4]
		}
	}
	return &w
}

// tables gives the filter by halves, low and high by turns, and behind it the classes.
func (f *filter) tables() (t [8][16]byte) {
	for i := range 3 {
		t[2*i], t[2*i+1] = f.low[i], f.high[i]
	}
	for b, class := range *classes() {
		t[6][b&15] |= class
		if class != 0 {
			t[7][b>>4] |= class
		}
	}
	return t
}

// The classes of a byte. No two of one class need more than their halves to be told apart: all digits have one high
// half, and all joints another.
const (
	classDigit = 1 << iota
	classJoint
)

func classes() *[256]byte {
	var c [256]byte
	for b := '0'; b <= '9'; b++ {
		c[b] = classDigit
	}
	for _, b := range "- ()./" {
		c[b] = classJoint
	}
	return &c
}

// fillPlain makes the masks of n blocks without the help of the processor. b holds two bytes more than the blocks.
func (t *triggers) fillPlain(set *needles, m *masks, b []byte, n int) {
	first, second, third := &set.wide[0], &set.wide[1], &set.wide[2]
	for k := range n {
		block := b[k*64 : k*64+66 : k*64+66]
		var digit, joint, trigger uint64
		for i := range 64 {
			c := uint64(t.classes[block[i]])
			digit |= (c & classDigit) << i
			joint |= (c >> 1) << i
			if f := first[block[i]]; f != 0 && f&second[block[i+1]]&third[block[i+2]] != 0 {
				trigger |= 1 << i
			}
		}
		m.digit[k], m.joint[k], m.trigger[k] = digit, joint, trigger
	}
}
