package read

import (
	"encoding/binary"
	"io"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// readDOC reads the text of a Word document of 1997 to 2003 ([MS-DOC] 2.4.1): the piece table says where it lies.
// Footnotes, headers, comments and text boxes follow the text itself in the same pieces.
func readDOC(b box, c *compound) error {
	doc, err := c.stream(c.find(0, "WordDocument"))
	if err != nil {
		return err
	}
	fib := make([]byte, 426)
	if _, err := doc.at.ReadAt(fib, 0); err != nil {
		return damaged("header: %v", err)
	}
	if v := binary.LittleEndian.Uint16(fib[2:]); v < 0x00c1 {
		return because(OldFormat) // Word 6 and 95
	}
	flags := binary.LittleEndian.Uint16(fib[10:])
	if flags&0x0100 != 0 {
		return because(Encrypted)
	}
	name := "0Table"
	if flags&0x0200 != 0 {
		name = "1Table"
	}
	tables, err := c.stream(c.find(0, name))
	if err != nil {
		return err
	}
	at, size := int64(binary.LittleEndian.Uint32(fib[418:])), int64(binary.LittleEndian.Uint32(fib[422:]))
	if size <= 0 || at+size > tables.size {
		return damaged("no piece table")
	}
	clx := make([]byte, size)
	if _, err := tables.at.ReadAt(clx, at); err != nil && err != io.EOF {
		return err
	}
	pieces, err := pieceTable(clx)
	if err != nil {
		return err
	}
	text := b.text("")
	for _, p := range pieces {
		if err := p.read(b, doc, text); err != nil {
			_ = text.end()
			return err
		}
	}
	if err := text.end(); err != nil {
		return err
	}
	return readObjects(b, c)
}

// docPiece is a run of characters that lie together.
type docPiece struct {
	at     int64
	length int64 // bytes
	wide   bool
}

// pieceTable finds the PlcPcd behind the property runs (2.9.38, 2.8.35).
func pieceTable(clx []byte) ([]docPiece, error) {
	for len(clx) >= 3 && clx[0] == 1 {
		n := 3 + int(binary.LittleEndian.Uint16(clx[1:]))
		if n > len(clx) {
			return nil, damaged("the piece table breaks off")
		}
		clx = clx[n:]
	}
	if len(clx) < 5 || clx[0] != 2 {
		return nil, damaged("no piece table")
	}
	size := int64(binary.LittleEndian.Uint32(clx[1:]))
	plc := clx[5:]
	if size > int64(len(plc)) || size < 4 {
		return nil, damaged("the piece table breaks off")
	}
	n := int((size - 4) / 12)
	var pieces []docPiece
	for i := range n {
		from, to := binary.LittleEndian.Uint32(plc[4*i:]), binary.LittleEndian.Uint32(plc[4*i+4:])
		if to < from {
			return nil, damaged("a piece ends before it begins")
		}
		fc := binary.LittleEndian.Uint32(plc[4*(n+1)+8*i+2:])
		p := docPiece{at: int64(fc &^ (3 << 30)), length: int64(to-from) * 2, wide: true}
		if fc&(1<<30) != 0 {
			p = docPiece{at: p.at / 2, length: int64(to - from)}
		}
		pieces = append(pieces, p)
	}
	return pieces, nil
}

func (p docPiece) read(b box, doc input, text *writer) error {
	if p.at > doc.size || p.length > doc.size-p.at {
		return damaged("a piece lies behind the end")
	}
	buf := make([]byte, 64<<10)
	for done := int64(0); done < p.length; {
		part := buf[:min(int64(len(buf)), p.length-done)]
		if _, err := doc.at.ReadAt(part, p.at+done); err != nil && err != io.EOF {
			return err
		}
		if err := b.job.spend(int64(len(part))); err != nil {
			return err
		}
		done += int64(len(part))
		s := ""
		if p.wide {
			s = fromUTF16(part)
		} else {
			s, _ = charmap.Windows1252.NewDecoder().String(string(part))
		}
		text.addString(docMarks().Replace(s))
	}
	return text.err
}

// docMarks turns Word's own marks into what they look like: a cell's end into a tab, a paragraph's into a line's.
func docMarks() *strings.Replacer {
	return strings.NewReplacer("\r", "\n", "\x07", "\t", "\x0b", "\n", "\x0c", "\n", "\x1e", "-", "\x1f", "",
		"\x01", "", "\x02", "", "\x05", "", "\x08", "", "\x13", " ", "\x14", " ", "\x15", " ")
}

// readObjects reads what is embedded as a file of its own.
func readObjects(b box, c *compound) error {
	for i, e := range c.entries {
		if e.kind != 2 || e.name != "Package" && e.name != "CONTENTS" {
			continue
		}
		in, err := c.stream(i)
		if err != nil {
			b.unread(e.name, "", reasonOf(err))
			continue
		}
		if err := b.member(e.name, in); err != nil {
			return err
		}
	}
	return nil
}
