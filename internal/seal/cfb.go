package seal

import (
	"bytes"
	"io"
	"os"
	"unicode/utf16"
)

// A compound file ([MS-CFB], version 3) around an encrypted document, with the storages
// that [MS-OFFCRYPTO] 2.3.4 and 1.3.2 want in it. Its shape is always the same but for the
// length of the package, so that the package can be written while it is encrypted.

var cfbSignature = []byte{0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1}

const (
	cfbSector     = 512
	cfbMiniSector = 64
	cfbCutoff     = 4096 // smaller streams lie in the mini stream
	cfbEntry      = 128
	cfbInHeader   = 109 // sectors of the FAT that the header names
	cfbPerSector  = cfbSector / 4

	cfbDIFAT = 0xfffffffc // what a sector holds
	cfbFAT   = 0xfffffffd
	cfbEnd   = 0xfffffffe // of a chain
	cfbFree  = 0xffffffff // also: no such entry

	cfbStorage, cfbStream, cfbRoot = 1, 2, 5
	cfbRed, cfbBlack               = 0, 1
)

// cfbNode is an entry of the directory. Entries of a storage form a tree, ordered by the
// length of their name and then by its capitals (2.6.4).
type cfbNode struct {
	name               string
	kind, colour       byte
	left, right, child uint32
	data               []byte
}

// The places of two entries in the directory.
const (
	infoEntry    = 9
	packageEntry = 10
)

// officeNodes are the entries of every encrypted document.
func officeNodes() []cfbNode {
	const none = cfbFree
	version := []byte{1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0} // reader, updater, writer: 1.0
	u32 := func(vs ...uint32) []byte {
		var b []byte
		for _, v := range vs {
			b = le.AppendUint32(b, v)
		}
		return b
	}
	reference := bytes.Join([][]byte{u32(1, 0), lpp4("EncryptedPackage"), lpp4("StrongEncryptionDataSpace")}, nil)
	transform := bytes.Join([][]byte{u32(1), lpp4("{FF9A3F03-56EF-4613-BDD5-5A41C1D07246}")}, nil)
	return []cfbNode{
		{"Root Entry", cfbRoot, cfbBlack, none, none, infoEntry, nil},
		{"\x06DataSpaces", cfbStorage, cfbBlack, none, none, 3, nil},
		{"Version", cfbStream, cfbBlack, none, none, none, append(lpp4("Microsoft.Container.DataSpaces"), version...)},
		{"DataSpaceMap", cfbStream, cfbBlack, 2, 4, none, bytes.Join([][]byte{u32(8, 1, uint32(len(reference)+4)), reference}, nil)},
		{"DataSpaceInfo", cfbStorage, cfbBlack, none, 6, 5, nil},
		{"StrongEncryptionDataSpace", cfbStream, cfbBlack, none, none, none, append(u32(8, 1), lpp4("StrongEncryptionTransform")...)},
		{"TransformInfo", cfbStorage, cfbRed, none, none, 7, nil},
		{"StrongEncryptionTransform", cfbStorage, cfbBlack, none, none, 8, nil},
		{"\x06Primary", cfbStream, cfbBlack, none, none, none, bytes.Join([][]byte{u32(uint32(len(transform) + 4)), transform, lpp4("Microsoft.Container.EncryptionTransform"), version, u32(0, 0, 0, 4)}, nil)},
		{"EncryptionInfo", cfbStream, cfbBlack, 1, packageEntry, none, nil},
		{"EncryptedPackage", cfbStream, cfbBlack, none, none, none, nil},
	}
}

// lpp4 is a text with its length in front, filled up to four bytes (UNICODE-LP-P4).
func lpp4(s string) []byte {
	units := utf16.Encode([]rune(s))
	b := le.AppendUint32(nil, uint32(2*len(units)))
	for _, u := range units {
		b = le.AppendUint16(b, u)
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// container is where everything lies. The sectors are, in this order: FAT, DIFAT,
// directory, mini FAT, mini stream, package.
type container struct {
	nodes                              []cfbNode
	pkg                                int64 // bytes
	small                              bytes.Buffer
	fat, difat, dir, mini, stream, end uint32 // sectors, each with those before it
}

func up(n, unit int64) uint32 { return uint32((n + unit - 1) / unit) }

// newContainer lays out a file for a package and an EncryptionInfo of these lengths.
func newContainer(pkg, info int64) *container {
	c := &container{nodes: officeNodes(), pkg: pkg}
	c.nodes[infoEntry].data = make([]byte, info)
	if pkg < cfbCutoff {
		c.nodes[packageEntry].data = make([]byte, pkg)
	}
	var mini int64
	for _, n := range c.nodes {
		mini += int64(up(int64(len(n.data)), cfbMiniSector)) * cfbMiniSector
	}
	dir := up(int64(len(c.nodes))*cfbEntry, cfbSector)
	miniFAT, miniStream, pkgSectors := up(mini/cfbMiniSector*4, cfbSector), up(mini, cfbSector), up(pkg, cfbSector)
	if pkg < cfbCutoff {
		pkgSectors = 0
	}
	fat, difat := uint32(1), uint32(0)
	for { // the FAT names its own sectors too
		total := fat + difat + dir + miniFAT + miniStream + pkgSectors
		wantFAT := up(int64(total), cfbPerSector)
		wantDIFAT := up(max(int64(wantFAT)-cfbInHeader, 0), cfbPerSector-1)
		if wantFAT <= fat && wantDIFAT <= difat {
			break
		}
		fat, difat = wantFAT, wantDIFAT
	}
	c.fat = fat
	c.difat = c.fat + difat
	c.dir = c.difat + dir
	c.mini = c.dir + miniFAT
	c.stream = c.mini + miniStream
	c.end = c.stream + pkgSectors
	return c
}

func sectorAt(n uint32) int64 { return cfbSector * (int64(n) + 1) } // the header is in front

// packageTo is where the package goes, from its beginning to its end.
func (c *container) packageTo(out *os.File) io.Writer {
	if c.pkg < cfbCutoff {
		return &c.small
	}
	return io.NewOffsetWriter(out, sectorAt(c.stream))
}

// finish writes all but the package.
func (c *container) finish(out *os.File, info []byte) error {
	c.nodes[infoEntry].data = info
	if c.pkg < cfbCutoff {
		c.nodes[packageEntry].data = c.small.Bytes()
	}
	var b bytes.Buffer
	b.Write(c.header())
	c.writeFAT(&b)
	c.writeDIFAT(&b)
	c.writeRest(&b)
	if _, err := out.WriteAt(b.Bytes(), 0); err != nil {
		return err
	}
	return out.Truncate(sectorAt(c.end)) // the last sector of the package is whole
}

func (c *container) header() []byte {
	b := append([]byte{}, cfbSignature...)
	b = append(b, make([]byte, 16)...)
	for _, v := range []uint16{0x3e, 3, 0xfffe, 9, 6} { // minor, major, byte order, shifts
		b = le.AppendUint16(b, v)
	}
	b = append(b, make([]byte, 6)...)
	first := uint32(cfbEnd)
	if c.difat > c.fat {
		first = c.fat
	}
	for _, v := range []uint32{0, c.fat, c.difat, 0, cfbCutoff, c.dir, c.mini - c.dir, first, c.difat - c.fat} {
		b = le.AppendUint32(b, v)
	}
	for i := range uint32(cfbInHeader) {
		b = le.AppendUint32(b, orFree(i, c.fat))
	}
	return b
}

// orFree is a sector of the FAT, by its number, while there are so many.
func orFree(i, n uint32) uint32 {
	if i < n {
		return i
	}
	return cfbFree
}

func (c *container) writeFAT(b *bytes.Buffer) {
	var word [4]byte
	for i := range c.fat * cfbPerSector {
		v := i + 1 // the next of its chain
		switch {
		case i < c.fat:
			v = cfbFAT
		case i < c.difat:
			v = cfbDIFAT
		case i+1 == c.dir, i+1 == c.mini, i+1 == c.stream, i+1 == c.end:
			v = cfbEnd
		case i >= c.end:
			v = cfbFree
		}
		le.PutUint32(word[:], v)
		b.Write(word[:])
	}
}

func (c *container) writeDIFAT(b *bytes.Buffer) {
	for s := range c.difat - c.fat {
		var sector []byte
		for i := range uint32(cfbPerSector - 1) {
			sector = le.AppendUint32(sector, orFree(cfbInHeader+s*(cfbPerSector-1)+i, c.fat))
		}
		next := uint32(cfbEnd)
		if c.fat+s+1 < c.difat {
			next = c.fat + s + 1
		}
		b.Write(le.AppendUint32(sector, next))
	}
}

// writeRest writes the directory, the mini FAT and the mini stream.
func (c *container) writeRest(b *bytes.Buffer) {
	var dir, miniFAT, mini []byte
	for i, n := range c.nodes {
		start, size := uint32(0), int64(len(n.data))
		switch {
		case n.kind == cfbRoot:
			start = c.mini // its size follows below
		case i == packageEntry && c.pkg >= cfbCutoff:
			start, size = c.stream, c.pkg
		case n.kind == cfbStream:
			start = uint32(len(mini) / cfbMiniSector)
			mini = append(mini, n.data...)
			mini = filled(mini, cfbMiniSector, 0)
			for k := start + 1; k < uint32(len(mini)/cfbMiniSector); k++ {
				miniFAT = le.AppendUint32(miniFAT, k)
			}
			miniFAT = le.AppendUint32(miniFAT, cfbEnd)
		}
		dir = append(dir, n.entry(start, size)...)
	}
	const rootSize = 120 // where an entry has its size
	le.PutUint64(dir[rootSize:], uint64(len(mini)))
	for len(dir)%cfbSector != 0 {
		dir = append(dir, emptyEntry()...)
	}
	b.Write(dir)
	b.Write(filled(miniFAT, cfbSector, 0xff))
	b.Write(filled(mini, cfbSector, 0))
}

func filled(b []byte, unit int, with byte) []byte {
	for len(b)%unit != 0 {
		b = append(b, with)
	}
	return b
}

func (n cfbNode) entry(start uint32, size int64) []byte {
	var b []byte
	units := utf16.Encode([]rune(n.name))
	for _, u := range units {
		b = le.AppendUint16(b, u)
	}
	b = append(b, make([]byte, 64-len(b))...)
	b = le.AppendUint16(b, uint16(2*len(units)+2))
	b = append(b, n.kind, n.colour)
	for _, v := range []uint32{n.left, n.right, n.child} {
		b = le.AppendUint32(b, v)
	}
	b = append(b, make([]byte, 16+4+8+8)...) // class, state, times
	b = le.AppendUint32(b, start)
	return le.AppendUint64(b, uint64(size))
}

func emptyEntry() []byte {
	b := make([]byte, cfbEntry)
	for i := 68; i < 80; i++ { // no neighbours
		b[i] = 0xff
	}
	return b
}
