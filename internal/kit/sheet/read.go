package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sekimori/internal/kit/fault"
)

// Read reads a whole file into memory. What is wrong with the file is a fault:
// fault.too_large, or fault.bad_csv whose field "file" names the reason and the line.
// Blank rows are passed over, and a guard that Write put before a cell is taken away.
func Read(r io.Reader, max Limits) (Table, error) {
	max = max.orDefault()
	raw, err := io.ReadAll(io.LimitReader(r, max.Bytes+1))
	if err != nil {
		return Table{}, fmt.Errorf("read table: %w", err)
	}
	if int64(len(raw)) > max.Bytes {
		return Table{}, fault.New(fault.TooLarge, "fault.too_large", fault.Args{"max": strconv.FormatInt(max.Bytes, 10)})
	}
	// Old office systems end a text file with Ctrl-Z.
	text, enc, err := decode(bytes.TrimSuffix(raw, []byte{0x1a}))
	if err != nil {
		return Table{}, err
	}
	rows, err := parse(text, max)
	if err != nil {
		return Table{}, err
	}
	if len(rows) == 0 {
		return Table{}, bad("fault.csv_empty", nil)
	}
	names := header(rows[0].Cells)
	if len(names) == 0 {
		return Table{}, bad("fault.csv_empty", nil)
	}
	return Table{Header: names, Rows: rows[1:], Encoding: enc}, nil
}

// parse splits the text, in which every line ends with LF, into rows that are not blank.
func parse(text string, max Limits) ([]Row, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	if first, _, _ := strings.Cut(text, "\n"); strings.Contains(first, "\t") && !strings.Contains(first, ",") {
		r.Comma = '\t' // what Excel saves as "Unicode text"
	}
	var rows []Row
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, quoteFault(err)
		}
		line, _ := r.FieldPos(0)
		if blank(cells) {
			continue
		}
		if len(rows) > max.Rows { // the header is one of them
			return nil, bad("fault.csv_rows", fault.Args{"max": strconv.Itoa(max.Rows), "line": strconv.Itoa(line)})
		}
		if len(cells) > max.Columns {
			return nil, bad("fault.csv_columns", fault.Args{"max": strconv.Itoa(max.Columns), "line": strconv.Itoa(line)})
		}
		for i := range cells {
			cells[i] = unguarded(cells[i])
			if utf8.RuneCountInString(cells[i]) > max.Cell {
				return nil, bad("fault.csv_cell", fault.Args{"max": strconv.Itoa(max.Cell), "line": strconv.Itoa(line)})
			}
		}
		rows = append(rows, Row{Line: line, Cells: cells})
	}
}

// quoteFault names the line where a quoted cell was opened and is not closed, or where
// a quote stands in the middle of a cell.
func quoteFault(err error) error {
	var pe *csv.ParseError
	if !errors.As(err, &pe) {
		return fmt.Errorf("parse table: %w", err)
	}
	return bad("fault.csv_quote", fault.Args{"line": strconv.Itoa(pe.StartLine)})
}

func blank(cells []string) bool {
	for _, c := range cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}

// header brings the names to one form, so that 社員番号 typed at any width is the same.
func header(cells []string) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = strings.Join(strings.Fields(norm.NFKC.String(c)), " ")
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}
