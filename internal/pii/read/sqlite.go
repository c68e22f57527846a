package read

import (
	"encoding/binary"
	"io"
	"math"
	"strconv"
	"strings"
)

// A SQLite file is read by its pages (https://www.sqlite.org/fileformat2.html) and not by SQLite: nothing that a
// stranger has written into its schema is ever run, and a damaged page costs that page alone.

// sqliteFile is an open database.
type sqliteFile struct {
	box   box
	at    io.ReaderAt
	page  int64
	space int64 // of a page, without what is reserved at its end
	pages int64
	enc   uint32   // 1 UTF-8, 2 and 3 UTF-16
	seen  []uint64 // pages of trees, a bit each: none belongs to two
	bad   bool     // some page was damaged
	large bool     // some value was cut
}

const (
	maxSQLiteDepth = 40       // of a tree; SQLite's own never get there
	maxSQLiteValue = 16 << 20 // of one row
)

func readSQLite(b box, in input) error {
	head := make([]byte, 100)
	if _, err := in.at.ReadAt(head, 0); err != nil {
		return damaged("header: %v", err)
	}
	db := &sqliteFile{box: b, at: in.at, page: int64(binary.BigEndian.Uint16(head[16:])), enc: binary.BigEndian.Uint32(head[56:])}
	if db.page == 1 {
		db.page = 65536
	}
	if db.page < 512 || db.page&(db.page-1) != 0 || int64(head[20]) > db.page-480 {
		return damaged("pages of %d bytes", db.page)
	}
	db.space, db.pages = db.page-int64(head[20]), (in.size+db.page-1)/db.page
	db.seen = make([]uint64, db.pages/64+1)
	type tableOf struct {
		name, sql string
		root      int64
	}
	var tables []tableOf
	err := db.walk(1, func(_ int64, v []any) error {
		if len(v) >= 5 && v[0] == "table" {
			root, _ := v[3].(int64)
			name, _ := v[1].(string)
			sql, _ := v[4].(string)
			if root > 0 {
				tables = append(tables, tableOf{name, sql, root})
			}
		}
		if len(tables) > b.job.limits.Parts {
			return &stopError{because(TooManyParts)}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := db.table(t.name, t.sql, t.root); err != nil {
			return err
		}
	}
	if db.bad {
		return damaged("some pages could not be read")
	}
	if db.large {
		b.unread("rows", SQLite, TooLarge)
	}
	return nil
}

// table hands the rows of one table on, with its columns' names as the header.
func (db *sqliteFile) table(name, sql string, root int64) error {
	columns, alias := columnsOf(sql)
	rows := db.box.table(name)
	if len(columns) > 0 {
		rows.header(columns)
	}
	n := 0
	return db.walk(root, func(rowid int64, v []any) error {
		n++
		cells := make([]string, min(len(v), 2000))
		for i := range cells {
			cells[i] = db.show(v[i])
			if i == alias && v[i] == nil {
				cells[i] = strconv.FormatInt(rowid, 10)
			}
		}
		return rows.row(cells, n, "")
	})
}

func (db *sqliteFile) show(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []byte:
		if isText(v) { // text that was put in as bytes
			return string(v)
		}
	}
	return ""
}

// walk visits the rows of a tree, page by page. Each page is visited once, however they point at each other.
func (db *sqliteFile) walk(root int64, do func(rowid int64, values []any) error) error {
	var visit func(n int64, depth int) error
	visit = func(n int64, depth int) error {
		if n < 1 || n > db.pages || depth > maxSQLiteDepth || db.seen[n/64]&(1<<(n%64)) != 0 {
			db.bad = true
			return nil
		}
		db.seen[n/64] |= 1 << (n % 64)
		page := make([]byte, db.page)
		got, err := db.at.ReadAt(page, (n-1)*db.page)
		if err != nil && err != io.EOF {
			return err
		}
		if int64(got) < db.page {
			db.bad = true
			return nil
		}
		if err := db.box.job.spend(db.page); err != nil {
			return err
		}
		return db.cells(n, page, func(child int64) error { return visit(child, depth+1) }, do)
	}
	return visit(root, 0)
}

// cells reads one page of a tree: of a table, or of an index for tables without row numbers.
func (db *sqliteFile) cells(n int64, page []byte, down func(int64) error, do func(int64, []any) error) error {
	h := 0
	if n == 1 {
		h = 100
	}
	kind, count := page[h], int(binary.BigEndian.Uint16(page[h+3:]))
	inner := kind == 2 || kind == 5
	first := h + 8
	if inner {
		first = h + 12
	}
	if kind != 2 && kind != 5 && kind != 10 && kind != 13 || first+2*count > len(page) {
		db.bad = true
		return nil
	}
	for i := range count {
		at := int(binary.BigEndian.Uint16(page[first+2*i:]))
		if at < first+2*count || at+4 > len(page) {
			db.bad = true
			continue
		}
		cell := page[at:]
		if inner {
			if err := down(int64(binary.BigEndian.Uint32(cell))); err != nil {
				return err
			}
			cell = cell[4:]
		}
		if kind == 5 {
			continue // only a key
		}
		if err := db.cell(cell, kind == 13, do); err != nil {
			return err
		}
	}
	if inner {
		return down(int64(binary.BigEndian.Uint32(page[h+8:])))
	}
	return nil
}

// cell reads one row.
func (db *sqliteFile) cell(cell []byte, table bool, do func(int64, []any) error) error {
	size, n := varint(cell)
	cell = cell[n:]
	rowid := int64(0)
	if table {
		rowid, n = varint(cell)
		cell = cell[n:]
	}
	payload, ok, err := db.payload(cell, size, table)
	if err != nil {
		return err
	}
	if !ok {
		db.bad = true
		return nil
	}
	return do(rowid, db.record(payload))
}

// payload puts a row together that goes on in overflow pages (section 1.6). What is beyond the bound is left out.
func (db *sqliteFile) payload(cell []byte, size int64, table bool) ([]byte, bool, error) {
	most := (db.space-12)*64/255 - 23
	if table {
		most = db.space - 35
	}
	if size < 0 || size > db.pages*db.page {
		return nil, false, nil
	}
	if size <= most {
		if size > int64(len(cell)) {
			return nil, false, nil
		}
		return cell[:size], true, nil
	}
	least := (db.space-12)*32/255 - 23
	here := least + (size-least)%(db.space-4)
	if here > most {
		here = least
	}
	if here < 0 || here+4 > int64(len(cell)) {
		return nil, false, nil
	}
	if size > maxSQLiteValue {
		db.large = true
		size = maxSQLiteValue
	}
	out := append(make([]byte, 0, size), cell[:here]...)
	next := int64(binary.BigEndian.Uint32(cell[here:]))
	page := make([]byte, db.space)
	for int64(len(out)) < size {
		if next < 1 || next > db.pages {
			return nil, false, nil
		}
		if got, err := db.at.ReadAt(page, (next-1)*db.page); int64(got) < db.space {
			if err != nil && err != io.EOF {
				return nil, false, err
			}
			return nil, false, nil
		}
		if err := db.box.job.spend(db.page); err != nil {
			return nil, false, err
		}
		next = int64(binary.BigEndian.Uint32(page))
		out = append(out, page[4:4+min(size-int64(len(out)), db.space-4)]...)
	}
	return out, true, nil
}

// record takes a row apart (section 2.1).
func (db *sqliteFile) record(b []byte) []any {
	size, n := varint(b)
	if size < int64(n) || size > int64(len(b)) {
		db.bad = db.bad || len(b) > 0
		return nil
	}
	head, body := b[n:size], b[size:]
	var out []any
	for len(head) > 0 {
		kind, n := varint(head)
		head = head[n:]
		v, used := db.value(kind, body)
		out, body = append(out, v), body[used:]
	}
	return out
}

func (db *sqliteFile) value(kind int64, b []byte) (v any, used int) {
	sizes := [...]int{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}
	switch {
	case kind < 0:
		return nil, 0
	case kind >= 12:
		n := int(min((kind-12)/2, int64(len(b))))
		if kind%2 == 1 {
			return db.characters(b[:n]), n
		}
		return b[:n], n
	case kind == 8:
		return int64(0), 0
	case kind == 9:
		return int64(1), 0
	case kind == 0 || kind > 9 || sizes[kind] > len(b):
		return nil, 0
	}
	n := sizes[kind]
	x := uint64(0)
	if b[0]&0x80 != 0 {
		x = math.MaxUint64
	}
	for _, c := range b[:n] {
		x = x<<8 | uint64(c)
	}
	if kind == 7 {
		return math.Float64frombits(x), n
	}
	return int64(x), n
}

func (db *sqliteFile) characters(b []byte) string {
	switch db.enc {
	case 2:
		return fromUTF16(b)
	case 3:
		turned := make([]byte, len(b)&^1)
		for i := 0; i+1 < len(b); i += 2 {
			turned[i], turned[i+1] = b[i+1], b[i]
		}
		return fromUTF16(turned)
	}
	return string(b)
}

// varint reads SQLite's numbers of one to nine bytes; behind the end it gives 0.
func varint(b []byte) (int64, int) {
	x := uint64(0)
	for i := 0; i < len(b) && i < 9; i++ {
		if i == 8 {
			return int64(x<<8 | uint64(b[i])), 9
		}
		x = x<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return int64(x), i + 1
		}
	}
	return 0, len(b)
}

// columnsOf takes the names of the columns from CREATE TABLE; alias is the one that stands for the row number, -1 for
// none. Where the statement is too strange, names are wrong or missing, and nothing else.
func columnsOf(sql string) (names []string, alias int) {
	alias = -1
	open := strings.IndexByte(sql, '(')
	if open < 0 {
		return nil, alias
	}
	for _, part := range splitColumns(sql[open+1:]) {
		name, rest := firstWord(part)
		switch strings.ToUpper(name) {
		case "":
			continue
		case "CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN":
			return names, alias
		}
		if up := strings.ToUpper(rest); strings.HasPrefix(up, "INTEGER") && strings.Contains(up, "PRIMARY KEY") {
			alias = len(names)
		}
		names = append(names, name)
	}
	return names, alias
}

// splitColumns splits at the commas that are in no bracket and no quotation, up to the closing bracket.
func splitColumns(s string) []string {
	var parts []string
	depth, start := 0, 0
	quote := rune(0)
	for i, c := range s {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '[':
			quote = ']'
		case c == '(':
			depth++
		case c == ')' && depth == 0:
			return append(parts, s[start:i])
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			parts, start = append(parts, s[start:i]), i+1
		}
	}
	return append(parts, s[start:])
}

// firstWord takes a name, quoted or not, from the beginning.
func firstWord(s string) (word, rest string) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", ""
	}
	if i := strings.IndexByte("\"`['", s[0]); i >= 0 {
		if end := strings.IndexByte(s[1:], "\"`]'"[i]); end >= 0 {
			return s[1 : 1+end], strings.TrimSpace(s[end+2:])
		}
	}
	end := strings.IndexAny(s, " \t\r\n(")
	if end < 0 {
		return s, ""
	}
	return s[:end], strings.TrimSpace(s[end:])
}
