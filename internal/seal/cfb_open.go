package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
)

var errCFB = errors.New("this is not a whole compound file")

// cfbFile is a compound file that is being opened, of version 3 or 4. Every number in it is
// taken for what a stranger wrote.
type cfbFile struct {
	in        io.ReaderAt
	sectors   int64
	size      int64 // of a sector
	fat, mini []uint32
	entries   map[string]cfbFound
	stream0   []byte // the mini stream
}

type cfbFound struct {
	start uint32
	size  int64
}

// smallMost bounds what is read into memory, in bytes.
const smallMost = 1 << 20

func openCFB(in io.ReaderAt, size int64) (*cfbFile, error) {
	head := make([]byte, cfbSector)
	if _, err := in.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	shift := le.Uint16(head[30:])
	if !bytes.Equal(head[:8], cfbSignature) || shift != 9 && shift != 12 || le.Uint16(head[32:]) != 6 {
		return nil, errCFB
	}
	c := &cfbFile{in: in, size: 1 << shift, entries: map[string]cfbFound{}}
	c.sectors = size/c.size - 1
	if err := c.readFAT(head); err != nil {
		return nil, err
	}
	dir, err := c.read(le.Uint32(head[48:]), -1)
	if err != nil {
		return nil, err
	}
	if err := c.readDir(dir); err != nil {
		return nil, err
	}
	miniFAT, err := c.read(le.Uint32(head[60:]), -1)
	if err != nil {
		return nil, err
	}
	c.mini = words(miniFAT)
	return c, nil
}

func words(b []byte) []uint32 {
	out := make([]uint32, len(b)/4)
	for i := range out {
		out[i] = le.Uint32(b[4*i:])
	}
	return out
}

func (c *cfbFile) sector(n uint32) ([]byte, error) {
	if int64(n) >= c.sectors {
		return nil, errCFB
	}
	b := make([]byte, c.size)
	if _, err := c.in.ReadAt(b, (int64(n)+1)*c.size); err != nil {
		return nil, fmt.Errorf("%w: %w", errCFB, err)
	}
	return b, nil
}

func (c *cfbFile) readFAT(head []byte) error {
	list := words(head[76:])
	next := le.Uint32(head[68:])
	for n := int64(0); next != cfbEnd && next != cfbFree; n++ {
		b, err := c.sector(next)
		if err != nil || n > c.sectors {
			return errCFB
		}
		w := words(b)
		list = append(list, w[:len(w)-1]...)
		next = w[len(w)-1]
	}
	for _, s := range list {
		if s == cfbFree {
			continue
		}
		if int64(len(c.fat)) > c.sectors { // a sector named twice
			return errCFB
		}
		b, err := c.sector(s)
		if err != nil {
			return err
		}
		c.fat = append(c.fat, words(b)...)
	}
	return nil
}

// chain lists the sectors of a stream.
func (c *cfbFile) chain(start uint32) ([]uint32, error) {
	var out []uint32
	for s := start; s != cfbEnd && s != cfbFree; s = c.fat[s] {
		if int64(s) >= int64(len(c.fat)) || int64(s) >= c.sectors || int64(len(out)) >= c.sectors {
			return nil, errCFB
		}
		out = append(out, s)
	}
	return out, nil
}

// read reads a stream into memory; all of its sectors when size is negative.
func (c *cfbFile) read(start uint32, size int64) ([]byte, error) {
	sectors, err := c.chain(start)
	if err != nil {
		return nil, err
	}
	if int64(len(sectors))*c.size > smallMost || size > int64(len(sectors))*c.size {
		return nil, errCFB
	}
	var out []byte
	for _, s := range sectors {
		b, err := c.sector(s)
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
	}
	if size >= 0 {
		out = out[:size]
	}
	return out, nil
}

// readDir keeps the streams by their names. That is enough here: those that we look for have
// names that no other has.
func (c *cfbFile) readDir(dir []byte) error {
	for ; len(dir) >= cfbEntry; dir = dir[cfbEntry:] {
		e := dir[:cfbEntry]
		n := int(le.Uint16(e[64:]))
		if n < 2 || n > 64 {
			continue
		}
		var units []uint16
		for i := 0; i+2 < n; i += 2 {
			units = append(units, le.Uint16(e[i:]))
		}
		found := cfbFound{le.Uint32(e[116:]), int64(le.Uint64(e[120:]))}
		if c.size == cfbSector { // version 3: the upper half may hold anything
			found.size = int64(uint32(found.size))
		}
		if found.size < 0 {
			return errCFB
		}
		switch e[66] {
		case cfbStream:
			c.entries[string(utf16.Decode(units))] = found
		case cfbRoot:
			if found.size > smallMost {
				return errCFB
			}
			if found.size == 0 {
				continue
			}
			var err error
			if c.stream0, err = c.read(found.start, found.size); err != nil {
				return err
			}
		}
	}
	return nil
}

// small reads a stream that must be short.
func (c *cfbFile) small(name string) ([]byte, error) {
	e, ok := c.entries[name]
	switch {
	case !ok || e.size > smallMost:
		return nil, errCFB
	case e.size >= cfbCutoff:
		return c.read(e.start, e.size)
	}
	var out []byte
	for s := e.start; int64(len(out)) < e.size; s = c.mini[s] {
		at := int64(s) * cfbMiniSector
		if int64(s) >= int64(len(c.mini)) || at+cfbMiniSector > int64(len(c.stream0)) {
			return nil, errCFB
		}
		out = append(out, c.stream0[at:at+cfbMiniSector]...)
	}
	return out[:e.size], nil
}

// stream reads a stream of any length, from its beginning to its end.
func (c *cfbFile) stream(name string) (io.Reader, error) {
	e, ok := c.entries[name]
	if !ok {
		return nil, errCFB
	}
	if e.size < cfbCutoff {
		b, err := c.small(name)
		return bytes.NewReader(b), err
	}
	sectors, err := c.chain(e.start)
	if err != nil || e.size > int64(len(sectors))*c.size {
		return nil, errCFB
	}
	return &chainReader{c: c, sectors: sectors, left: e.size}, nil
}

// chainReader reads sectors one after the other, those that follow each other at once.
type chainReader struct {
	c       *cfbFile
	sectors []uint32
	left    int64
	buf     []byte
}

// Read reads on.
func (r *chainReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if len(r.buf) == 0 {
		n := 1
		for n < len(r.sectors) && int64(n)*r.c.size < blockSize && r.sectors[n] == r.sectors[n-1]+1 {
			n++
		}
		r.buf = make([]byte, int64(n)*r.c.size)
		if _, err := r.c.in.ReadAt(r.buf, (int64(r.sectors[0])+1)*r.c.size); err != nil {
			return 0, fmt.Errorf("%w: %w", errCFB, err)
		}
		r.sectors = r.sectors[n:]
		r.buf = r.buf[:min(int64(len(r.buf)), r.left)]
	}
	n := copy(p, r.buf)
	r.buf, r.left = r.buf[n:], r.left-int64(n)
	return n, nil
}
