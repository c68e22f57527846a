package read

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strconv"
	"unicode/utf16"
)

// The records of a workbook of 1997 to 2003 ([MS-XLS]) that hold characters or say how to read them.
const (
	xlsFormula  = 0x0006
	xlsDate1904 = 0x0022
	xlsFilePass = 0x002f
	xlsContinue = 0x003c
	xlsSheet    = 0x0085
	xlsMulRK    = 0x00bd
	xlsXF       = 0x00e0
	xlsSST      = 0x00fc
	xlsLabelSST = 0x00fd
	xlsNumber   = 0x0203
	xlsLabel    = 0x0204
	xlsString   = 0x0207
	xlsRK       = 0x027e
	xlsFormat   = 0x041e
	xlsTxO      = 0x01b6
	xlsBOF      = 0x0809
)

// xls reads the one stream of records. Rows come in order, cells within them too.
type xls struct {
	box   box
	r     *bufio.Reader
	title []string // of the sheets, in the order in which they come
	sheet int

	strings []string
	chars   int
	formats map[int]string
	dates   []bool // by style
	from04  bool

	rows   *table
	row    int // the row that is being gathered, from 0; -1 before the first
	cells  []string
	beside *writer // notes and text boxes
	answer int     // column of a formula whose result is a string that comes next; -1 for none
}

func readXLS(b box, c *compound) error {
	in, err := c.stream(c.find(0, "Workbook"))
	if err != nil {
		return err
	}
	x := &xls{box: b, r: bufio.NewReaderSize(io.NewSectionReader(in.at, 0, in.size), 64<<10),
		formats: map[int]string{}, row: -1, answer: -1, beside: b.text("notes")}
	err = x.read()
	if flushed := x.flush(); err == nil {
		err = flushed
	}
	return firstError(err, x.beside.end())
}

// next reads one record and the pieces that continue it.
func (x *xls) next() (kind int, pieces [][]byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(x.r, head[:]); err != nil {
		return 0, nil, err
	}
	kind = int(binary.LittleEndian.Uint16(head[:]))
	size := int(binary.LittleEndian.Uint16(head[2:]))
	if err := x.box.job.spend(int64(size) + 4); err != nil {
		return 0, nil, err
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(x.r, data); err != nil {
		return 0, nil, noEOF(err)
	}
	pieces = [][]byte{data}
	if kind != xlsSST && kind != xlsTxO {
		return kind, pieces, nil
	}
	for total := size; ; {
		more, err := x.r.Peek(4)
		if err != nil || binary.LittleEndian.Uint16(more) != xlsContinue {
			return kind, pieces, nil
		}
		size := int(binary.LittleEndian.Uint16(more[2:]))
		if total += size; total > maxStrings {
			return 0, nil, because(TooLarge)
		}
		data := make([]byte, size)
		_, _ = x.r.Discard(4)
		if _, err := io.ReadFull(x.r, data); err != nil {
			return 0, nil, noEOF(err)
		}
		pieces = append(pieces, data)
	}
}

func (x *xls) read() error {
	depth := 0
	for {
		kind, pieces, err := x.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		d := pieces[0]
		switch kind {
		case xlsBOF:
			if len(d) < 4 || binary.LittleEndian.Uint16(d) != 0x0600 {
				return because(OldFormat)
			}
			if depth++; binary.LittleEndian.Uint16(d[2:]) == 0x0010 { // a sheet
				err = x.beginSheet()
			}
		case xlsFilePass:
			return because(Encrypted)
		case xlsSheet:
			if len(d) > 7 {
				name, _ := shortString(d[6:])
				x.title = append(x.title, name)
			}
		case xlsDate1904:
			x.from04 = len(d) > 0 && d[0] == 1
		case xlsFormat:
			if len(d) > 5 {
				code, _ := longString(d[2:])
				x.formats[int(binary.LittleEndian.Uint16(d))] = code
			}
		case xlsXF:
			if len(d) >= 4 {
				id := int(binary.LittleEndian.Uint16(d[2:]))
				x.dates = append(x.dates, isDateFormat(id, x.formats[id]))
			}
		case xlsSST:
			x.loadStrings(pieces)
		case xlsTxO:
			x.note(pieces)
		default:
			err = x.cellRecord(kind, d)
		}
		if err != nil {
			return err
		}
	}
}

func (x *xls) beginSheet() error {
	err := x.flush()
	name := "sheet " + strconv.Itoa(x.sheet+1)
	if x.sheet < len(x.title) {
		name = x.title[x.sheet]
	}
	x.sheet++
	x.rows, x.row, x.cells = x.box.table(name), -1, x.cells[:0]
	return err
}

// flush hands the gathered row on.
func (x *xls) flush() error {
	if x.rows == nil || x.row < 0 {
		return nil
	}
	err := x.rows.row(x.cells, x.row+1, "A"+strconv.Itoa(x.row+1))
	x.cells, x.row = x.cells[:0], -1
	return err
}

// cellRecord takes the records of cells: row, column and style come first in each.
func (x *xls) cellRecord(kind int, d []byte) error {
	if kind == xlsString && x.answer >= 0 {
		if s, ok := longString(d); ok {
			x.set(x.answer, s)
		}
		x.answer = -1
		return nil
	}
	if len(d) < 6 || x.rows == nil {
		return nil
	}
	row, column, style := int(binary.LittleEndian.Uint16(d)), int(binary.LittleEndian.Uint16(d[2:])), int(binary.LittleEndian.Uint16(d[4:]))
	switch kind {
	case xlsLabelSST, xlsNumber, xlsLabel, xlsRK, xlsFormula, xlsMulRK:
	default:
		return nil
	}
	if row != x.row {
		if err := x.flush(); err != nil {
			return err
		}
		x.row = row
	}
	switch {
	case kind == xlsLabelSST && len(d) >= 10:
		if i := binary.LittleEndian.Uint32(d[6:]); int64(i) < int64(len(x.strings)) {
			x.set(column, x.strings[i])
		}
	case kind == xlsLabel:
		if s, ok := longString(d[6:]); ok {
			x.set(column, s)
		}
	case kind == xlsNumber && len(d) >= 14:
		x.number(column, style, math.Float64frombits(binary.LittleEndian.Uint64(d[6:])))
	case kind == xlsRK && len(d) >= 10:
		x.number(column, style, rkNumber(binary.LittleEndian.Uint32(d[6:])))
	case kind == xlsMulRK:
		for at := 4; at+6 <= len(d)-2; at += 6 {
			x.number(column, int(binary.LittleEndian.Uint16(d[at:])), rkNumber(binary.LittleEndian.Uint32(d[at+2:])))
			column++
		}
	case kind == xlsFormula && len(d) >= 14:
		if d[12] == 0xff && d[13] == 0xff { // not a number
			if d[6] == 0 {
				x.answer = column
			}
			return nil
		}
		x.number(column, style, math.Float64frombits(binary.LittleEndian.Uint64(d[6:])))
	}
	return nil
}

func (x *xls) number(column, style int, f float64) {
	date := style < len(x.dates) && x.dates[style]
	x.set(column, showNumber(strconv.FormatFloat(f, 'g', -1, 64), date, x.from04))
}

func (x *xls) set(column int, s string) {
	if column > 255 { // the format has no more
		return
	}
	for len(x.cells) <= column {
		x.cells = append(x.cells, "")
	}
	x.cells[column] = s
}

// rkNumber is a number in four bytes (2.5.217).
func rkNumber(rk uint32) float64 {
	f := math.Float64frombits(uint64(rk&^3) << 32)
	if rk&2 != 0 {
		f = float64(int32(rk) >> 2)
	}
	if rk&1 != 0 {
		f /= 100
	}
	return f
}

// note takes a text box or a cell's note: its characters are the first continuing piece.
func (x *xls) note(pieces [][]byte) {
	if len(pieces) < 2 || len(pieces[1]) < 2 {
		return
	}
	text := pieces[1][1:]
	if pieces[1][0]&1 != 0 {
		x.beside.line(fromUTF16(text))
	} else {
		x.beside.line(fromLatin(text))
	}
}

// loadStrings reads the strings that cells share. A string that a continuing piece interrupts says there anew how wide
// its characters are (2.5.296).
func (x *xls) loadStrings(pieces [][]byte) {
	p := pieceReader{pieces: pieces}
	p.skip(8)
	for !p.done() {
		n, flags := p.uint16(), p.byte()
		runs, extra := 0, 0
		if flags&8 != 0 {
			runs = p.uint16()
		}
		if flags&4 != 0 {
			extra = p.uint16() | p.uint16()<<16
		}
		s := p.chars(n, flags&1 != 0)
		p.skip(4*runs + extra)
		if x.chars += len(s) + 16; x.chars > maxStrings {
			return
		}
		x.strings = append(x.strings, s)
	}
}

// pieceReader reads over the borders of pieces; behind the end it gives zeros.
type pieceReader struct {
	pieces [][]byte
}

func (p *pieceReader) done() bool {
	for len(p.pieces) > 0 && len(p.pieces[0]) == 0 {
		p.pieces = p.pieces[1:]
	}
	return len(p.pieces) == 0
}

func (p *pieceReader) byte() int {
	if p.done() {
		return 0
	}
	c := p.pieces[0][0]
	p.pieces[0] = p.pieces[0][1:]
	return int(c)
}

func (p *pieceReader) uint16() int { return p.byte() | p.byte()<<8 }

func (p *pieceReader) skip(n int) {
	for n > 0 && !p.done() {
		k := min(n, len(p.pieces[0]))
		p.pieces[0] = p.pieces[0][k:]
		n -= k
	}
}

func (p *pieceReader) chars(n int, wide bool) string {
	var units []uint16
	for n > 0 && len(p.pieces) > 0 {
		piece := p.pieces[0]
		for n > 0 && len(piece) > 0 {
			if !wide {
				units = append(units, uint16(piece[0]))
				piece = piece[1:]
			} else if len(piece) >= 2 {
				units = append(units, binary.LittleEndian.Uint16(piece))
				piece = piece[2:]
			} else {
				piece = nil
			}
			n--
		}
		p.pieces[0] = piece
		if n > 0 && len(p.pieces) > 0 {
			if p.pieces = p.pieces[1:]; len(p.pieces) > 0 && len(p.pieces[0]) > 0 {
				wide = p.byte()&1 != 0
			}
		}
	}
	return string(utf16.Decode(units))
}

// shortString reads a string whose length is one byte, longString one of two; then comes how wide the characters are.
func shortString(d []byte) (string, bool) {
	if len(d) < 2 {
		return "", false
	}
	return sized(int(d[0]), d[1:])
}

func longString(d []byte) (string, bool) {
	if len(d) < 3 {
		return "", false
	}
	return sized(int(binary.LittleEndian.Uint16(d)), d[2:])
}

func sized(n int, d []byte) (string, bool) {
	flags, d := d[0], d[1:]
	if flags&1 != 0 {
		return fromUTF16(d[:min(2*n, len(d))]), true
	}
	return fromLatin(d[:min(n, len(d))]), true
}

func fromUTF16(b []byte) string {
	units := make([]uint16, 0, len(b)/2)
	for i := 0; i+1 < len(b); i += 2 {
		units = append(units, binary.LittleEndian.Uint16(b[i:]))
	}
	return string(utf16.Decode(units))
}

// fromLatin reads the lower halves of UTF-16 units.
func fromLatin(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}
