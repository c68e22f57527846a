package read

import (
	"path"
	"strconv"
	"strings"
)

// readODF reads OpenDocument (ISO/IEC 26300): texts, spreadsheets, presentations and what is embedded in them.
func readODF(p zipPackage) error {
	encrypted := false
	err := p.with("META-INF/manifest.xml", func(x *xmlScanner) error {
		return eachStart(x, func(name string) error {
			encrypted = encrypted || name == "encryption-data"
			return nil
		})
	})
	if err != nil {
		return err
	}
	if encrypted {
		return because(Encrypted)
	}
	for _, f := range p.list {
		name := f.Name
		if p.files[name] != f || strings.HasSuffix(name, "/") {
			continue
		}
		dir, base := path.Split(name)
		switch {
		case base == "content.xml":
			err = p.with(name, func(x *xmlScanner) error { return readODFText(p.box, path.Clean(dir), x) })
		case base == "styles.xml": // headers and footers
			err = p.with(name, func(x *xmlScanner) error { return readODFText(p.box, "header", x) })
		case name == "meta.xml":
			err = p.with(name, func(x *xmlScanner) error { return readAllText(p.box, "meta", x) })
		case strings.HasPrefix(dir, "Pictures/"), strings.HasPrefix(dir, "META-INF/"), strings.HasPrefix(dir, "Thumbnails/"), strings.HasPrefix(dir, "Configurations2/"),
			base == "mimetype", path.Ext(base) == ".xml", path.Ext(base) == ".rdf", path.Ext(base) == "" && strings.HasPrefix(base, "layout"):
		case strings.Contains(dir, "Object") || dir == "" && strings.HasPrefix(base, "Object"):
			err = readZipMember(p.box, base, f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// odfText reads one content.xml.
type odfText struct {
	box   box
	place string
	x     *xmlScanner
	text  *writer

	tables  int // open tables
	rows    *table
	line    int
	cells   []string
	cell    []byte
	value   string // of a cell that shows nothing
	repeat  int    // cells like this one
	blank   int    // empty cells not yet put into the row
	inPara  int
	rowLike int // rows like this one
}

func readODFText(b box, place string, x *xmlScanner) error {
	if place == "." {
		place = ""
	}
	t := odfText{box: b, place: place, x: x, text: b.text(place)}
	err := t.read()
	return firstError(err, t.text.end())
}

func (t *odfText) read() error {
	for {
		kind, err := t.x.next()
		if err != nil {
			return endOf(err)
		}
		switch kind {
		case xmlStart:
			t.start(string(t.x.name))
		case xmlEnd:
			err = t.close(string(t.x.name))
		case xmlText:
			if t.inPara > 0 {
				t.put(t.x.token)
			}
		}
		if err == nil {
			err = t.text.err
		}
		if err != nil {
			return err
		}
	}
}

func (t *odfText) start(name string) {
	switch name {
	case "p", "h":
		t.inPara++
	case "tab":
		t.put([]byte{'\t'})
	case "line-break":
		t.newline()
	case "s":
		t.put([]byte(strings.Repeat(" ", min(max(t.x.number("c"), 1), 100))))
	case "table":
		if t.tables++; t.tables == 1 {
			t.text.flush()
			title := t.x.attr("name")
			if t.place != "" {
				title = t.place + " " + title
			}
			t.rows, t.line = t.box.table(title), 0
		}
	case "table-row":
		if t.tables == 1 {
			t.cells, t.blank = t.cells[:0], 0
			t.line++
			t.rowLike = max(t.x.number("number-rows-repeated"), 1)
		}
	case "table-cell", "covered-table-cell":
		if t.tables == 1 {
			t.cell = t.cell[:0]
			t.value = firstString(t.x.attr("date-value"), t.x.attr("string-value"), t.x.attr("value"))
			t.repeat = t.x.number("number-columns-repeated")
		}
	}
}

func firstString(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

func (t *odfText) close(name string) error {
	switch name {
	case "p", "h":
		t.inPara = max(0, t.inPara-1)
		t.newline()
	case "table-cell", "covered-table-cell":
		if t.tables == 1 {
			t.endCell()
		}
	case "table-row":
		if t.tables == 1 {
			err := t.rows.row(t.cells, t.line, "A"+strconv.Itoa(t.line))
			t.line += min(t.rowLike, 1<<20) - 1
			return err
		}
	case "table":
		t.tables = max(0, t.tables-1)
	}
	return nil
}

// endCell puts a cell into the row as often as it says; the many empty ones at a row's end are never made.
func (t *odfText) endCell() {
	shown := strings.TrimSpace(string(t.cell))
	if shown == "" {
		shown = t.value
	}
	t.cell = t.cell[:0]
	times := min(max(t.repeat, 1), maxCells)
	if shown == "" {
		t.blank = min(t.blank+times, maxCells)
		return
	}
	for range t.blank {
		t.cells = append(t.cells, "")
	}
	t.blank = 0
	for range times {
		if len(t.cells) < maxCells {
			t.cells = append(t.cells, shown)
		}
	}
}

func (t *odfText) put(s []byte) {
	if t.tables == 0 {
		t.text.add(s)
	} else if len(t.cell) < maxToken {
		t.cell = append(t.cell, s...)
	}
}

func (t *odfText) newline() {
	if t.tables == 0 {
		t.text.newline()
	} else {
		t.put([]byte{' '})
	}
}
