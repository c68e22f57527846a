package read

import (
	"math"
	"path"
	"strconv"
	"strings"
	"time"
)

// maxStrings bounds the characters that a workbook's cells share: they must be at hand for every sheet.
const maxStrings = 128 << 20

// readWorkbook reads the sheets of a workbook (ECMA-376 part 1, 18), hidden ones too, each as a table.
func readWorkbook(p zipPackage) error {
	book := workbook{pkg: p, targets: map[string]string{}, names: map[string]string{}}
	for _, load := range []struct {
		name string
		read func(*xmlScanner) error
	}{
		{"xl/_rels/workbook.xml.rels", book.readTargets},
		{"xl/workbook.xml", book.readNames},
		{"xl/styles.xml", book.readStyles},
		{"xl/sharedStrings.xml", book.readStrings},
	} {
		if err := p.with(load.name, load.read); err != nil {
			return err
		}
	}
	for _, name := range append(p.match("xl/worksheets/*.xml"), p.match("xl/chartsheets/*.xml")...) {
		title := book.names[name]
		if title == "" {
			title = officePlace(name)
		}
		if err := p.with(name, func(x *xmlScanner) error { return book.readSheet(title, x) }); err != nil {
			return err
		}
	}
	return nil
}

type workbook struct {
	pkg     zipPackage
	targets map[string]string // member by the id of a relationship
	names   map[string]string // a sheet's title by its member
	from04  bool              // days are counted from 1904
	formats map[int]string    // the workbook's own number formats
	dates   []bool            // by style: numbers are days

	chars []byte // all shared strings, one behind the other
	ends  []int  // where each of them ends
}

func (w *workbook) readTargets(x *xmlScanner) error {
	return eachStart(x, func(name string) error {
		if name == "Relationship" {
			target := x.attr("Target")
			if !strings.HasPrefix(target, "/") {
				target = "/xl/" + target
			}
			w.targets[x.attr("Id")] = strings.TrimPrefix(path.Clean(target), "/")
		}
		return nil
	})
}

func (w *workbook) readNames(x *xmlScanner) error {
	return eachStart(x, func(name string) error {
		switch name {
		case "sheet":
			w.names[w.targets[x.attr("id")]] = x.attr("name")
		case "workbookPr":
			w.from04 = x.attr("date1904") == "1" || x.attr("date1904") == "true"
		}
		return nil
	})
}

func (w *workbook) readStyles(x *xmlScanner) error {
	w.formats = map[int]string{}
	inCells := false
	for {
		kind, err := x.next()
		if err != nil {
			return endOf(err)
		}
		name := string(x.name)
		switch {
		case kind == xmlEnd && name == "cellXfs":
			return nil
		case kind != xmlStart:
		case name == "numFmt":
			if len(w.formats) < 10_000 {
				w.formats[x.number("numFmtId")] = x.attr("formatCode")
			}
		case name == "cellXfs":
			inCells = true
		case name == "xf" && inCells && len(w.dates) < 100_000:
			id := x.number("numFmtId")
			w.dates = append(w.dates, isDateFormat(id, w.formats[id]))
		}
	}
}

// isDateFormat reports whether a number format shows a day. The built-in ones are those of 18.8.30, with the Japanese
// eras; an own format is one when it names a year or a day.
func isDateFormat(id int, code string) bool {
	if code == "" {
		return id >= 14 && id <= 17 || id == 22 || id >= 27 && id <= 31 || id == 36 || id >= 50 && id <= 58
	}
	if strings.EqualFold(code, "General") {
		return false
	}
	quoted, bracket := false, false
	for i := 0; i < len(code); i++ {
		c := code[i]
		switch {
		case c == '\\' || c == '_' || c == '*':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[':
			bracket = true
		case c == ']':
			bracket = false
		case bracket:
		case c == 'y' || c == 'Y' || c == 'd' || c == 'D' || c == 'g' || c == 'e':
			return true
		}
	}
	return false
}

func (w *workbook) readStrings(x *xmlScanner) error {
	in := 0
	for {
		kind, err := x.next()
		if err != nil {
			return endOf(err)
		}
		switch {
		case kind == xmlText:
			if in > 0 {
				w.chars = append(w.chars, x.token...)
			}
		case kind == xmlStart && string(x.name) == "t":
			in++
		case kind == xmlEnd && string(x.name) == "t":
			in--
		case kind == xmlStart && string(x.name) == "rPh": // readings
			if err := x.skip(); err != nil {
				return err
			}
		case kind == xmlEnd && string(x.name) == "si":
			w.ends = append(w.ends, len(w.chars))
		}
		if len(w.chars)+8*len(w.ends) > maxStrings {
			return because(TooLarge)
		}
	}
}

// shared gives a string of the table that all sheets share.
func (w *workbook) shared(index string) string {
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || i >= len(w.ends) {
		return ""
	}
	begin := 0
	if i > 0 {
		begin = w.ends[i-1]
	}
	return string(w.chars[begin:w.ends[i]])
}

// readSheet hands a sheet on row by row; what lies beside the cells, such as a header for printing, is a text.
func (w *workbook) readSheet(title string, x *xmlScanner) error {
	beside := w.pkg.text(title)
	rows := w.pkg.table(title)
	var cells []string
	var value []byte
	line, column, style := 0, 0, 0
	kindOf := cellNumber
	take, other := false, false
	for {
		kind, err := x.next()
		if err != nil {
			return firstError(beside.end(), endOf(err))
		}
		switch kind {
		case xmlText:
			switch {
			case take && len(value) < maxToken:
				value = append(value, x.token...)
			case other:
				beside.add(x.token)
			}
		case xmlStart:
			switch string(x.name) {
			case "row":
				cells, column = cells[:0], 0
				line++
				if n := x.number("r"); n > 0 {
					line = n
				}
			case "c":
				if at := columnOf(x.rawAttr("r")); at > 0 {
					column = at
				} else {
					column++
				}
				value, style, kindOf = value[:0], x.number("s"), cellKindOf(x.rawAttr("t"))
			case "v", "t":
				take = true
			case "rPh":
				err = x.skip()
			case "oddHeader", "oddFooter", "evenHeader", "evenFooter", "firstHeader", "firstFooter", "formula1", "formula2":
				other = true
			}
		case xmlEnd:
			switch string(x.name) {
			case "v", "t":
				take = false
			case "c":
				if column >= 1 && column <= maxCells && len(value) > 0 {
					for len(cells) < column {
						cells = append(cells, "")
					}
					cells[column-1] = w.show(kindOf, style, value)
				}
			case "row":
				err = rows.row(cells, line, "A"+strconv.Itoa(line))
			case "oddHeader", "oddFooter", "evenHeader", "evenFooter", "firstHeader", "firstFooter", "formula1", "formula2":
				other = false
				beside.newline()
			}
		}
		if err != nil {
			return err
		}
	}
}

// cellKind is how a cell's value is to be read (18.18.11).
type cellKind uint8

const (
	cellNumber cellKind = iota
	cellShared
	cellText
	cellNothing // true, false and errors
)

func cellKindOf(t []byte) cellKind {
	switch string(t) {
	case "s":
		return cellShared
	case "str", "inlineStr", "d":
		return cellText
	case "b", "e":
		return cellNothing
	}
	return cellNumber
}

// show writes a cell as people read it: shared strings resolved, days as dates, large numbers without an exponent.
func (w *workbook) show(kind cellKind, style int, value []byte) string {
	switch kind {
	case cellShared:
		return w.shared(string(value))
	case cellText:
		return string(value)
	case cellNothing:
		return ""
	}
	date := style > 0 && style < len(w.dates) && w.dates[style]
	return showNumber(string(value), date, w.from04)
}

// showNumber writes a number of a spreadsheet.
func showNumber(value string, date, from04 bool) string {
	if !date && !strings.ContainsAny(value, "eE") {
		return value
	}
	f, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return value
	}
	if date && f >= 1 && f < 2958466 { // up to 9999-12-31
		return dayOf(f, from04)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// dayOf writes a serial number of a spreadsheet as a date. Day 60 of the count from 1900 never was: Excel keeps a leap
// day of 1900 for the sake of an older program.
func dayOf(serial float64, from04 bool) string {
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if from04 {
		epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	} else if serial < 60 {
		epoch = epoch.AddDate(0, 0, 1)
	}
	return epoch.AddDate(0, 0, int(math.Floor(serial))).Format("2006-01-02")
}

// columnOf gives the number of a cell's column from its name, such as 28 for "AB12"; 0 where there is none.
func columnOf(ref []byte) int {
	n := 0
	for i := 0; i < len(ref) && i < 4 && ref[i] >= 'A' && ref[i] <= 'Z'; i++ {
		n = n*26 + int(ref[i]-'A') + 1
	}
	return n
}

// eachStart calls do for every start tag.
func eachStart(x *xmlScanner, do func(name string) error) error {
	for {
		kind, err := x.next()
		if err != nil {
			return endOf(err)
		}
		if kind == xmlStart {
			if err := do(string(x.name)); err != nil {
				return err
			}
		}
	}
}
