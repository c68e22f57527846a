package read

import (
	"encoding/binary"
	"io"
	"unicode/utf16"
)

// compound is a compound file ([MS-CFB]): a file system in a file, in which Office kept everything until 2007 and
// keeps encrypted documents and mails still. Every chain is bounded by the table that it runs through.
type compound struct {
	at       io.ReaderAt
	size     int64
	sector   int64
	fat      []uint32
	mini     []uint32 // the table of the small sectors
	miniAt   []uint32 // the sectors in which the small ones lie
	cutoff   int64
	entries  []cfbEntry
	children map[int][]int
}

type cfbEntry struct {
	name               string
	kind               byte // 1 folder, 2 stream, 5 root
	left, right, child uint32
	start              uint32
	size               int64
}

const (
	cfbMaxSector = 0xfffffffa // numbers from here on mean something else
	cfbMini      = 64
)

func openCompound(in input) (*compound, error) {
	head := make([]byte, 512)
	if _, err := in.at.ReadAt(head, 0); err != nil {
		return nil, damaged("header: %v", err)
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(head[at:]) }
	shift := binary.LittleEndian.Uint16(head[30:])
	if shift != 9 && shift != 12 {
		return nil, damaged("sectors of 2^%d bytes", shift)
	}
	c := &compound{at: in.at, size: in.size, sector: 1 << shift, cutoff: int64(u32(56))}
	if c.cutoff != 4096 {
		return nil, damaged("cutoff %d", c.cutoff)
	}
	if err := c.loadFAT(head); err != nil {
		return nil, err
	}
	dir, err := c.chain(u32(48))
	if err != nil {
		return nil, err
	}
	if err := c.loadEntries(dir); err != nil {
		return nil, err
	}
	root := c.entries[0]
	if root.start < cfbMaxSector {
		if c.miniAt, err = c.chain(root.start); err != nil {
			return nil, err
		}
	}
	if first := u32(60); first < cfbMaxSector {
		table, err := c.chain(first)
		if err != nil {
			return nil, err
		}
		if c.mini, err = c.numbers(table); err != nil {
			return nil, err
		}
	}
	c.children = map[int][]int{}
	c.tree(0, root.child, make([]bool, len(c.entries)))
	return c, nil
}

// loadFAT reads the table of the sectors, whose own sectors are listed in the header and in a chain behind it.
func (c *compound) loadFAT(head []byte) error {
	var where []uint32
	add := func(list []byte) {
		for i := 0; i+4 <= len(list); i += 4 {
			if n := binary.LittleEndian.Uint32(list[i:]); n < cfbMaxSector {
				where = append(where, n)
			}
		}
	}
	add(head[76:512])
	buf := make([]byte, c.sector)
	most := c.size/c.sector + 1
	for next, seen := binary.LittleEndian.Uint32(head[68:]), int64(0); next < cfbMaxSector; seen++ {
		if seen > most {
			return damaged("the list of tables runs in a circle")
		}
		if err := c.read(next, buf); err != nil {
			return err
		}
		add(buf[:len(buf)-4])
		next = binary.LittleEndian.Uint32(buf[len(buf)-4:])
	}
	if int64(len(where)) > most {
		return damaged("more tables than sectors")
	}
	var err error
	c.fat, err = c.numbers(where)
	return err
}

// read reads one sector. The last one of a file may be short.
func (c *compound) read(n uint32, buf []byte) error {
	got, err := c.at.ReadAt(buf, (int64(n)+1)*c.sector)
	if err != nil && err != io.EOF {
		return err
	}
	if got == 0 {
		return damaged("sector %d lies behind the end", n)
	}
	clear(buf[got:])
	return nil
}

// numbers reads sectors as a list of numbers.
func (c *compound) numbers(sectors []uint32) ([]uint32, error) {
	buf := make([]byte, c.sector)
	var out []uint32
	for _, n := range sectors {
		if err := c.read(n, buf); err != nil {
			return nil, err
		}
		for i := 0; i < len(buf); i += 4 {
			out = append(out, binary.LittleEndian.Uint32(buf[i:]))
		}
	}
	return out, nil
}

func (c *compound) chain(start uint32) ([]uint32, error) { return chainOf(c.fat, start) }

func chainOf(table []uint32, start uint32) ([]uint32, error) {
	var out []uint32
	for n := start; n < cfbMaxSector; n = table[n] {
		if int64(n) >= int64(len(table)) {
			return nil, damaged("sector %d is in no table", n)
		}
		if len(out) > len(table) {
			return nil, damaged("a chain runs in a circle")
		}
		out = append(out, n)
	}
	return out, nil
}

func (c *compound) loadEntries(dir []uint32) error {
	buf := make([]byte, c.sector)
	for _, n := range dir {
		if err := c.read(n, buf); err != nil {
			return err
		}
		for i := int64(0); i+128 <= c.sector; i += 128 {
			c.entries = append(c.entries, parseEntry(buf[i:i+128], c.sector == 512))
		}
	}
	if len(c.entries) == 0 || c.entries[0].kind != 5 {
		return damaged("no root")
	}
	return nil
}

func parseEntry(b []byte, small bool) cfbEntry {
	n := min(int(binary.LittleEndian.Uint16(b[64:])), 64) / 2
	units := make([]uint16, 0, 32)
	for i := 0; i < n-1; i++ {
		units = append(units, binary.LittleEndian.Uint16(b[2*i:]))
	}
	size := int64(binary.LittleEndian.Uint64(b[120:]) & (1<<62 - 1))
	if small {
		size &= 0xffffffff // the upper half is undefined in version 3
	}
	return cfbEntry{
		name: string(utf16.Decode(units)), kind: b[66],
		left: binary.LittleEndian.Uint32(b[68:]), right: binary.LittleEndian.Uint32(b[72:]), child: binary.LittleEndian.Uint32(b[76:]),
		start: binary.LittleEndian.Uint32(b[116:]), size: size,
	}
}

// tree puts an entry and its neighbours under their folder. An entry is seen once, however the links run.
func (c *compound) tree(folder int, first uint32, seen []bool) {
	type step struct {
		folder int
		entry  uint32
	}
	for todo := []step{{folder, first}}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if int64(s.entry) >= int64(len(c.entries)) || seen[s.entry] {
			continue
		}
		seen[s.entry] = true
		e, i := c.entries[s.entry], int(s.entry)
		c.children[s.folder] = append(c.children[s.folder], i)
		todo = append(todo, step{s.folder, e.left}, step{s.folder, e.right})
		if e.kind == 1 {
			todo = append(todo, step{i, e.child})
		}
	}
}

// find looks for an entry in a folder; -1 when it is not there.
func (c *compound) find(folder int, name string) int {
	for _, i := range c.children[folder] {
		if c.entries[i].name == name {
			return i
		}
	}
	return -1
}

// stream opens a stream for reading at any place.
func (c *compound) stream(i int) (input, error) {
	if i < 0 || c.entries[i].kind != 2 {
		return input{}, damaged("a stream is missing")
	}
	e := c.entries[i]
	if e.size > c.size {
		return input{}, damaged("a stream larger than the file")
	}
	s := &cfbStream{c: c, size: e.size, unit: c.sector}
	var err error
	if e.size < c.cutoff {
		s.unit, s.small = cfbMini, true
		s.chain, err = chainOf(c.mini, e.start)
	} else {
		s.chain, err = c.chain(e.start)
	}
	if err != nil {
		return input{}, err
	}
	return input{at: s, size: e.size}, nil
}

// whole reads a small stream; more than limit bytes are left out.
func (c *compound) whole(i int, limit int64) ([]byte, error) {
	in, err := c.stream(i)
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(in.size, limit))
	n, err := in.at.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return b[:n], nil
}

type cfbStream struct {
	c     *compound
	chain []uint32
	unit  int64
	small bool
	size  int64
}

// ReadAt implements [io.ReaderAt].
func (s *cfbStream) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= s.size {
			return n, io.EOF
		}
		i := at / s.unit
		if i >= int64(len(s.chain)) {
			return n, damaged("a stream breaks off")
		}
		where, err := s.where(s.chain[i])
		if err != nil {
			return n, err
		}
		in := at % s.unit
		want := min(int64(len(p)-n), s.unit-in, s.size-at)
		got, err := s.c.at.ReadAt(p[n:n+int(want)], where+in)
		n += got
		if int64(got) < want {
			return n, damaged("a stream breaks off: %v", err)
		}
	}
	return n, nil
}

// where gives the place of a sector in the file.
func (s *cfbStream) where(n uint32) (int64, error) {
	if !s.small {
		return (int64(n) + 1) * s.c.sector, nil
	}
	at := int64(n) * cfbMini
	i := at / s.c.sector
	if i >= int64(len(s.c.miniAt)) {
		return 0, damaged("a small sector is in no sector")
	}
	return (int64(s.c.miniAt[i])+1)*s.c.sector + at%s.c.sector, nil
}

// readCFB sees which program's file it is.
func readCFB(b box, in input) error {
	c, err := openCompound(in)
	if err != nil {
		return err
	}
	switch {
	case c.find(0, "EncryptedPackage") >= 0, c.find(0, "EncryptionInfo") >= 0:
		return because(Encrypted)
	case c.find(0, "Workbook") >= 0:
		b.is(XLS)
		return readXLS(b, c)
	case c.find(0, "Book") >= 0:
		return because(OldFormat) // Excel 5 and 95
	case c.find(0, "WordDocument") >= 0:
		b.is(DOC)
		return readDOC(b, c)
	case c.find(0, "PowerPoint Document") >= 0:
		b.is(PPT)
		return readPPT(b, c)
	case c.find(0, "__properties_version1.0") >= 0:
		b.is(MSG)
		return readMSG(b, c, 0)
	}
	return because(Unsupported)
}
