package pii

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// headerRows is how many rows are looked through for a header.
const headerRows = 6

// column is one column of a table.
type column struct {
	kind  Kind   // what its header says: a kind, part of a person's data, other, or nothing
	title string // of the header, at most titleLength characters
	guess bool   // there is no header: the cells themselves say what they are
}

const titleLength = 40

// columns names the columns by their headers, and tells whether it is a header of people's data at all.
func (f *facts) columns(cells []string) ([]column, bool) {
	out, known, others := make([]column, len(cells)), 0, 0
	for i, c := range cells {
		c = strings.TrimSpace(c)
		if c == "" {
			continue
		}
		if utf8.RuneCountInString(c) > titleLength || !isTitle(c) {
			return nil, false
		}
		out[i] = column{kind: f.headers[plainHeader(c)], title: c}
		switch out[i].kind {
		case "":
		case otherColumn:
			others++
		default:
			known++
		}
	}
	return out, known >= 2 || known == 1 && others > 0
}

// isTitle tells whether a cell can be a header, and is not the first row of values.
func isTitle(c string) bool {
	digits := 0
	for _, r := range c {
		switch {
		case isDigit(r) || r >= '０' && r <= '９':
			digits++
		case r == '@' || r == '{':
			return false
		}
	}
	return digits < 4
}

// plainHeader gives a header in the form of the list: ASCII, small, without spaces, marks and what is in brackets behind.
func plainHeader(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if r >= 0xFF01 && r <= 0xFF5E {
			r -= 0xFEE0
		}
		if r >= 0xFF66 && r <= 0xFF9D {
			r = kanaAt(int(r - 0xFF66))
		} else if (r == 0xFF9E || r == 0xFF9F) && len(out) > 0 {
			if v := voiced(out[len(out)-1], r == 0xFF9F); v != 0 {
				out[len(out)-1] = v
				continue
			}
		}
		if r == '(' || r == '[' || r == '<' {
			if len(out) > 0 {
				break
			}
			continue
		}
		if has(" \t\r\n\u3000_-./'\"*:#[]()<>【】「」・※\uFEFF", r) {
			continue
		}
		out = append(out, lower(r))
	}
	return string(out)
}

// Table begins a table of the file.
func (s *Session) Table(part string) Rows { return &rows{s: s, part: part} }

// rows is a table whose cells come one by one, in UTF-8.
type rows struct {
	s       *Session
	part    string
	columns []column
	seen    int
	raw     [][]byte
}

// Header names the columns.
func (t *rows) Header(cells []string) {
	t.columns, _ = t.s.d.facts.columns(cells)
	t.seen = headerRows
}

// Row takes the next row.
func (t *rows) Row(cells []string, at Place) {
	if t.seen < headerRows && t.columns == nil {
		t.seen++
		if cols, ok := t.s.d.facts.columns(cells); ok {
			t.columns = cols
			return
		}
	}
	at.Part = t.part
	t.raw = t.raw[:0]
	for _, c := range cells {
		t.raw = append(t.raw, []byte(c))
	}
	t.s.row(t.columns, t.raw, UTF8, at)
}

// row takes the cells of one row. Whoever it tells something of counts as one, however many cells tell it.
func (s *Session) row(cols []column, cells [][]byte, enc Encoding, at Place) {
	base := at.Cell
	var person uint64
	for i, raw := range cells {
		if len(raw) == 0 {
			continue
		}
		var c column
		if i < len(cols) {
			c = cols[i]
		}
		if c.kind == postalColumn || c.kind == prefectureColumn || c.kind == "" && !s.suspect(raw) {
			continue
		}
		at.Cell = cellName(base, i, c.title)
		for _, h := range s.probe.look(raw, 0, len(raw), enc, c.kind) {
			if len(cols) > 0 {
				at.Column = i + 1
			}
			if c.guess {
				h.confidence = min(h.confidence, Likely)
			}
			sum, ok := s.report(h, at)
			if !ok || h.confidence < Likely || !identifies(h.kind) && h.kind != BirthDate {
				continue
			}
			if len(cols) == 0 {
				s.stray(h, sum)
				continue
			}
			person = person*0x9E3779B97F4A7C15 + sum
			if identifies(h.kind) {
				s.cells.add(sum)
			}
		}
	}
	if person != 0 {
		s.rows.add(person)
	}
}

// suspect tells whether a cell that no header explains is worth reading.
func (s *Session) suspect(raw []byte) bool {
	digits := 0
	for _, b := range raw {
		if isDigit(rune(b)) {
			digits++
		} else if b == '@' || b >= 0x80 || b == 0x1B {
			return true
		}
	}
	return digits >= 7
}

// cellName names the cell: counted on from the first column's name, such as A12, or the column's title.
func cellName(base string, i int, title string) string {
	n := 0
	k := 0
	for k < len(base) && isUpper(rune(base[k])) {
		n = n*26 + int(base[k]-'A') + 1
		k++
	}
	if k == 0 || n > 1<<20 {
		if title == "" && i > 0 {
			return strconv.Itoa(i + 1)
		}
		return title
	}
	n += i
	var name []byte
	for ; n > 0; n = (n - 1) / 26 {
		name = append([]byte{byte('A' + (n-1)%26)}, name...)
	}
	return string(name) + base[k:]
}

// header looks for the header of a table in the first lines, and gives where its rows begin and its separator.
func (t *stream) header() (head, bool) {
	b := t.buf[:t.n]
	at := t.pos
	for range headerRows {
		end := bytes.IndexByte(b[at:min(len(b), at+longish)], '\n')
		if end < 0 {
			break
		}
		raw := b[at : at+end+1]
		enc := t.prior(raw)
		text := t.plain(raw, enc)
		for _, sep := range []byte{',', '\t', ';'} {
			if bytes.IndexByte(text, sep) < 0 {
				continue
			}
			cells, _, ok := split(text, sep, nil)
			if !ok {
				continue
			}
			names := make([]string, len(cells))
			for i, c := range cells {
				names[i] = string(c)
			}
			if cols, ok := t.s.d.facts.columns(names); ok {
				return head{cols, sep, at + end + 1}, true
			}
		}
		at += end + 1
	}
	return head{}, false
}

// head is a header that was found.
type head struct {
	columns []column
	sep     byte
	next    int // where the rows begin
}

// plain gives raw in UTF-8.
func (t *stream) plain(raw []byte, enc Encoding) []byte {
	if enc == UTF8 || enc == ASCII || enc == "" {
		return raw
	}
	p := &t.s.probe
	p.charsets.normalise(raw, enc, &p.line)
	return []byte(string(p.r))
}

// table reads the rest of the text as rows.
func (t *stream) table(h head) error {
	t.pos = h.next
	var cells [][]byte
	for {
		for t.pos < t.n {
			rest := t.buf[t.pos:t.n]
			if !t.ended && len(rest) > longest*longish {
				rest = rest[:longest*longish]
			}
			var n int
			var whole bool
			cells, n, whole = split(rest, h.sep, cells[:0])
			if !whole && !t.ended && len(rest) < longest*longish {
				break
			}
			if !whole && len(rest) >= longish { // a quotation without end, or no table: the line alone
				cells, n = t.broken(rest, h.sep, cells)
			}
			t.count(t.pos)
			t.rowOf(h, cells, t.buf[t.pos:t.pos+n])
			t.pos += n
		}
		if t.ended && t.pos >= t.n {
			return nil
		}
		if err := t.fill(); err != nil {
			return err
		}
	}
}

// broken takes the first line of a record that does not end, its quotes as any character.
func (t *stream) broken(rest []byte, sep byte, cells [][]byte) ([][]byte, int) {
	end := len(rest)
	if nl := bytes.IndexByte(rest, '\n'); nl >= 0 {
		end = nl + 1
	}
	return append(cells[:0], bytes.Split(bytes.TrimRight(rest[:end], "\r\n"), []byte{sep})...), end
}

// rowOf takes one record. raw is the whole of it.
func (t *stream) rowOf(h head, cells [][]byte, raw []byte) {
	enc := t.prior(raw)
	if enc == ISO2022JP { // its characters may look like separators
		text := t.plain(bytes.TrimRight(raw, "\r\n"), enc)
		cells, _, _ = split(text, h.sep, cells[:0])
		enc = UTF8
	}
	t.s.row(h.columns, cells, enc, Place{Part: t.part, Line: t.line})
}

// split takes the first record of b apart, as RFC 4180 has it. n is its length with its line's end. whole is false if b
// ended before the record did. The cells are parts of b but where quotes were doubled in them.
func split(b []byte, sep byte, cells [][]byte) (_ [][]byte, n int, whole bool) {
	i := 0
	for {
		if i < len(b) && b[i] == '"' {
			cell, next, ok := quoted(b, i+1)
			if !ok {
				return cells, len(b), false
			}
			from := next
			for next < len(b) && b[next] != sep && b[next] != '\n' {
				next++
			}
			if len(bytes.TrimSpace(b[from:next])) > 0 { // not quotes of a cell, as in JSON
				cell = b[i:next]
			}
			cells, i = append(cells, cell), next
		} else {
			from := i
			for i < len(b) && b[i] != sep && b[i] != '\n' {
				i++
			}
			cell := b[from:i]
			if k := len(cell) - 1; k >= 0 && cell[k] == '\r' && (i == len(b) || b[i] == '\n') {
				cell = cell[:k]
			}
			cells = append(cells, cell)
		}
		switch {
		case i >= len(b):
			return cells, len(b), false
		case b[i] == '\n':
			return cells, i + 1, true
		}
		i++
	}
}

// quoted reads a cell in quotes from i on, and gives what follows the closing one.
func quoted(b []byte, i int) (cell []byte, next int, ok bool) {
	from, doubled := i, false
	for {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 {
			return nil, 0, false
		}
		i += k
		if i+1 < len(b) && b[i+1] == '"' {
			doubled = true
			i += 2
			continue
		}
		cell = b[from:i]
		if doubled {
			cell = bytes.ReplaceAll(cell, []byte(`""`), []byte(`"`))
		}
		return cell, i + 1, true
	}
}
