// Package sheet reads and writes CSV as Japanese offices make it: saved by Excel in
// Shift_JIS or UTF-8 or UTF-16, with whatever line ends the machine had.
//
// It knows rows and cells and nothing of what they mean.
package sheet

import (
	"strings"

	"sekimori/internal/kit/fault"
)

// Encoding names how the characters of a file are written as bytes.
type Encoding string

// The encodings that Read recognises. Write makes UTF8BOM, which Excel opens by a
// double click, and CP932, which older Japanese programs want.
const (
	UTF8    Encoding = "UTF-8"
	UTF8BOM Encoding = "UTF-8 (BOM)"
	UTF16   Encoding = "UTF-16"
	CP932   Encoding = "Shift_JIS" // with the NEC and IBM extensions, as Windows writes it
)

// Limits bound what a file may cost to read. A zero field takes the default.
type Limits struct {
	Bytes   int64 // of the file as it was sent; default 8 MiB
	Rows    int   // without the header; default 50,000
	Columns int   // default 100
	Cell    int   // characters in one cell; default 2,000
}

func (l Limits) orDefault() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 8 << 20
	}
	if l.Rows <= 0 {
		l.Rows = 50_000
	}
	if l.Columns <= 0 {
		l.Columns = 100
	}
	if l.Cell <= 0 {
		l.Cell = 2_000
	}
	return l
}

// Table is one file. Rows may be shorter or longer than the header: what that means
// is for the reader to say, line by line.
type Table struct {
	Header   []string // NFKC, single spaces; empty names at the end are dropped
	Rows     []Row
	Encoding Encoding
}

// Row is one record that has at least one cell with something in it.
type Row struct {
	Line  int // where it begins in the file; the first line is 1
	Cells []string
}

// Cell is the i-th cell, "" where the row is shorter.
func (r Row) Cell(i int) string {
	if i < 0 || i >= len(r.Cells) {
		return ""
	}
	return r.Cells[i]
}

// guard is put before a cell that a spreadsheet would run as a formula.
const guard = '\''

// runs reports whether a spreadsheet may take a cell that begins with r as a formula.
// Japanese input methods type the full-width forms, and they count as well.
func runs(r rune) bool { return strings.ContainsRune("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20", r) }

// guarded puts the guard before a cell that needs it. A cell that looks guarded
// already gets one more, so that unguarded always gives back what was written.
func guarded(cell string) string {
	for _, r := range cell {
		if r == guard {
			continue
		}
		if runs(r) {
			return string(guard) + cell
		}
		break
	}
	return cell
}

// unguarded takes one guard away again.
func unguarded(cell string) string {
	if rest, ok := strings.CutPrefix(cell, string(guard)); ok && guarded(rest) != rest {
		return rest
	}
	return cell
}

// bad says that the file is no table that we can read, and in the field "file" why.
func bad(id string, args fault.Args) error {
	return &fault.Error{Kind: fault.Invalid, ID: "fault.bad_csv", Args: args,
		Fields: []fault.Field{{Name: "file", ID: id, Args: args}}}
}
