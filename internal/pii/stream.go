package pii

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/bits"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	window  = 256 << 10 // bytes of a text in memory at a time
	behind  = 4 << 10   // bytes kept of what was read before
	ahead   = 4 << 10   // bytes that a long line is seen beyond where it is cut
	longish = 2 << 10   // a line beyond this is read in pieces, around what is found in it
	earlier = 256       // a line before at most this long helps to understand the next
)

// stream is one text while it is read.
type stream struct {
	s     *Session
	ctx   context.Context
	r     io.Reader
	part  string
	buf   []byte // window bytes and some more that may be read but mean nothing
	base  int64  // bytes of the text before buf
	n     int    // bytes in buf
	pos   int    // where the unread begins
	done  int    // findings begin from here on
	ended bool
	line  int      // number of the line in which buf[lineAt] is
	from  int      // buf[from] is where line was counted up to
	enc   Encoding // of what was read last
	run   run
	// sampled says that the window in view was asked for its encoding as a whole.
	sampled bool
}

// Text reads one text of the file to its end.
func (s *Session) Text(ctx context.Context, part string, r io.Reader, hint Hint) error {
	if s.buffer == nil {
		s.buffer, s.masks = make([]byte, window+beyond), &masks{}
	}
	t := &stream{s: s, ctx: ctx, r: &counting{r, &s.bytes}, part: part, buf: s.buffer, line: 1}
	if err := t.fill(); err != nil {
		return err
	}
	if enc, mark := wide(t.buf[:t.n]); enc != "" || hint.Encoding == UTF16LE || hint.Encoding == UTF16BE {
		if enc == "" {
			enc = hint.Encoding
		}
		if err := t.narrow(enc, mark); err != nil {
			return err
		}
	} else if bytes.HasPrefix(t.buf[:t.n], []byte("\xEF\xBB\xBF")) {
		t.pos = 3
		t.s.saw(UTF8)
	}
	if !hint.Prose {
		if head, ok := t.header(); ok {
			return t.table(head)
		}
		if head, ok := t.infer(); ok {
			return t.table(head)
		}
	}
	for {
		t.look()
		if t.ended && t.pos == t.n {
			return nil
		}
		if err := t.fill(); err != nil {
			return err
		}
	}
}

// counting counts the bytes that were read.
type counting struct {
	r io.Reader
	n *int64
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	*c.n += int64(n)
	return n, err
}

// narrow goes on with the text in UTF-8.
func (t *stream) narrow(enc Encoding, mark int) error {
	end := unicode.LittleEndian
	if enc == UTF16BE {
		end = unicode.BigEndian
	}
	t.s.saw(enc)
	head := bytes.Clone(t.buf[mark:t.n])
	t.r = transform.NewReader(io.MultiReader(bytes.NewReader(head), t.r), unicode.UTF16(end, unicode.IgnoreBOM).NewDecoder())
	t.n, t.pos, t.ended = 0, 0, false
	return t.fill()
}

// fill moves what is still needed to the front and reads until the window is full, so that what is seen at once does not
// depend on how the text arrives.
func (t *stream) fill() error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if keep := max(0, t.pos-behind); keep > 0 {
		t.count(keep)
		copy(t.buf, t.buf[keep:t.n])
		t.n -= keep
		t.pos -= keep
		t.from -= keep
		t.base += int64(keep)
		t.done = max(0, t.done-keep)
	}
	t.sampled, t.run.lineTo = false, 0
	for !t.ended && t.n < window {
		n, err := t.r.Read(t.buf[t.n:window])
		t.n += n
		switch {
		case errors.Is(err, io.EOF):
			t.ended = true
		case err != nil:
			return err
		}
	}
	clear(t.buf[t.n : t.n+beyond])
	return nil
}

// count goes on counting lines up to buf[to].
func (t *stream) count(to int) {
	if to > t.from {
		t.line += bytes.Count(t.buf[t.from:to], []byte{'\n'})
		t.from = to
	}
}

// look goes through what is unread, as far as lines are whole or the view beyond is long enough.
func (t *stream) look() {
	end := t.n
	if !t.ended {
		if nl := bytes.LastIndexByte(t.buf[max(t.pos, t.n-4*ahead):t.n], '\n'); nl >= 0 {
			end = max(t.pos, t.n-4*ahead) + nl + 1
		} else {
			end = t.n - ahead
		}
	}
	for t.pos < end {
		stop := min(end, t.pos+strip)
		t.strip(t.pos, stop)
		t.pos = stop
	}
}

// strip looks at buf[from:to], at most one strip.
func (t *stream) strip(from, to int) {
	n := (to - from + 63) / 64
	m := t.s.masks
	set := t.s.d.triggers.sets[t.s.d.triggers.setFor(t.buf[from:to])]
	t.s.d.triggers.fill64(set, m, t.buf[from:from+n*64+beyond], n+1) // one more, into which a chain of digits may go on
	chain, before := m.chain(0), uint64(0)
	for k := range n {
		next := m.chain(k + 1)
		var starts uint64
		if chain != 0 {
			long := sevens(chain, next)
			starts = long &^ (long<<1 | before>>63)
			before = long
		} else {
			before = 0
		}
		chain = next
		for all := starts | m.trigger[k]; all != 0; all &= all - 1 {
			i := from + k*64 + bits.TrailingZeros64(all)
			if i < t.done || i >= to {
				continue
			}
			if all&-all&starts != 0 {
				t.digits(i)
			} else if t.s.d.triggers.fits(set, t.buf[:t.n], i) {
				t.read(i)
			}
		}
	}
}

// digits looks at the chain of digits that begins at buf[i], some groups at a time.
func (t *stream) digits(i int) {
	for {
		next := t.run.read(t.buf[:t.n], i)
		if i >= t.done && t.s.d.worth(&t.run, t.buf[:t.n]) {
			t.read(i)
		}
		if next == 0 {
			return
		}
		i = next
	}
}

// read reads the line around buf[i] as characters, or a piece of it where it is long.
func (t *stream) read(i int) {
	b := t.buf[:t.n]
	low := max(0, i-longish)
	start := bytes.LastIndexByte(b[low:i], '\n') + 1 + low
	whole := start > low || low == 0 && t.base == 0
	high := min(t.n, i+longish)
	end, cut := high, true
	if nl := bytes.IndexByte(b[i:high], '\n'); nl >= 0 {
		end, cut = i+nl, false
	} else if high == t.n && t.ended {
		cut = false
	}
	from, to := max(start, t.done), end
	if !whole && low == start { // in the middle of a long line
		start = t.boundary(max(low, i-3*earlier))
		from = max(start, t.done)
	}
	if cut {
		to = min(end, i+longish/2)
		end = min(end, to+longish/4)
	}
	first := start
	if whole && start > 0 { // the line before helps
		if prev := bytes.LastIndexByte(b[max(0, start-1-earlier):start-1], '\n'); prev >= 0 {
			first = max(0, start-1-earlier) + prev + 1
		} else if start-1 <= earlier && t.base == 0 {
			first = 0
		}
	}
	t.done = to
	raw := b[first:end]
	t.enc = t.prior(raw)
	hits := t.s.probe.look(raw, from-first, to-first, t.enc, "")
	t.tell(hits, first, start, whole)
}

// boundary moves i forward to where a character begins for certain, if there is such a place nearby.
func (t *stream) boundary(i int) int {
	for k := i; k < i+64 && k < t.n; k++ {
		if t.buf[k] < 0x40 {
			return k
		}
	}
	for k := i; k < i+4 && k < t.n; k++ {
		if t.buf[k]&0xC0 != 0x80 {
			return k
		}
	}
	return i
}

// prior gives the encoding of raw, with the help of what the text was in before.
func (t *stream) prior(raw []byte) Encoding {
	e := guess(raw, t.enc)
	if (e == ShiftJIS || e == EUCJP) && !t.sampled { // what only a few characters say is asked of many
		t.sampled = true
		t.enc = t.sample()
		e = guess(raw, t.enc)
	}
	t.s.saw(e)
	if e == ASCII && t.enc != "" {
		return t.enc
	}
	return e
}

// sample tells the encoding of the first part of the text in view that is not ASCII.
func (t *stream) sample() Encoding {
	b := t.buf[:t.n]
	for len(b) >= 64 && ascii(b[:64]) {
		b = b[64:]
	}
	return guess(b[:min(len(b), 4096)], "")
}

// tell reports what was found in a line. first is where its raw bytes begin, start where the line does.
func (t *stream) tell(hits []hit, first, start int, whole bool) {
	if len(hits) == 0 {
		return
	}
	p := &t.s.probe
	shift := 0
	for shift < len(p.r) && int(p.at[shift]) < start-first {
		shift++
	}
	for _, h := range hits {
		at := first + int(p.at[h.from])
		t.count(at)
		place := Place{Part: t.part, Line: t.line}
		if whole {
			place.Column = h.from - shift + 1
		}
		if sum, ok := t.s.report(h, place); ok {
			t.s.stray(h, sum)
		}
	}
}
