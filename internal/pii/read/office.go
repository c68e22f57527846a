package read

import (
	"errors"
	"io"
	"path"
	"strings"
)

// readOffice reads what Office has written since 2007 (ECMA-376): every part that holds characters, the hidden ones too.
func readOffice(p zipPackage) error {
	if p.files["xl/workbook.xml"] != nil {
		if err := readWorkbook(p); err != nil {
			return err
		}
	}
	for _, f := range p.list {
		name := f.Name
		if p.files[name] != f || strings.HasSuffix(name, "/") {
			continue
		}
		var err error
		switch what := officePart(name); what {
		case "":
			continue
		case "words":
			err = p.with(name, func(x *xmlScanner) error { return readWords(p.box, officePlace(name), x) })
		case "all":
			err = p.with(name, func(x *xmlScanner) error { return readAllText(p.box, officePlace(name), x) })
		case "links":
			err = p.with(name, func(x *xmlScanner) error { return readLinks(p.box, "links", x) })
		case "cache":
			err = p.with(name, func(x *xmlScanner) error { return readPivot(p.box, "pivot", x) })
		case "file":
			err = readZipMember(p.box, path.Base(name), f)
		case "binary":
			p.unread(path.Base(name), Binary, Unsupported)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// officePart says how a part of a package is read: "words" in paragraphs and tables, "all" by every character in it,
// "links" by the addresses it names, "cache" by the values of a pivot table, "file" as a file of its own; "binary" it
// cannot be read, "" it holds nothing or was read already.
func officePart(name string) string {
	dir, base := path.Split(strings.ToLower(name))
	ext := path.Ext(base)
	switch {
	case strings.HasSuffix(dir, "/_rels/") && ext == ".rels":
		return "links"
	case strings.HasSuffix(dir, "/embeddings/"):
		return "file"
	case dir == "xl/" && ext == ".bin" && base != "vbaproject.bin" && base != "vbadata.bin",
		dir == "xl/worksheets/" && ext == ".bin":
		return "binary" // xlsb
	case ext != ".xml":
		return ""
	case dir == "docprops/", strings.HasPrefix(dir, "customxml/") && strings.HasPrefix(base, "item") && !strings.HasPrefix(base, "itemprops"):
		return "all"
	case dir == "word/":
		switch base {
		case "styles.xml", "settings.xml", "fonttable.xml", "websettings.xml", "numbering.xml", "styleswitheffects.xml":
			return ""
		case "people.xml":
			return "all"
		}
		return "words"
	case dir == "ppt/slides/", dir == "ppt/notesslides/", dir == "ppt/slidemasters/", dir == "ppt/slidelayouts/",
		dir == "ppt/comments/", strings.HasSuffix(dir, "/diagrams/"), dir == "word/glossary/", dir == "xl/drawings/":
		return "words"
	case dir == "xl/" && strings.HasPrefix(base, "comments"), dir == "xl/threadedcomments/", dir == "xl/persons/",
		dir == "xl/externallinks/", strings.HasSuffix(dir, "/charts/"), strings.HasPrefix(dir, "visio/pages/"), dir == "ppt/" && base == "commentauthors.xml":
		return "all"
	case dir == "xl/pivotcache/":
		return "cache"
	}
	return ""
}

// officePlace is how people are told of a part: without the folders and the ending.
func officePlace(name string) string {
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if base == "document" {
		return "" // the text itself
	}
	return base
}

// readWords reads paragraphs and tables of WordprocessingML and DrawingML: both call them p, t, tbl, tr and tc.
func readWords(b box, place string, x *xmlScanner) error {
	w := words{box: b, place: place, x: x, text: b.text(place)}
	if err := w.read(); err != nil {
		_ = w.text.end() // what was read before the damage
		return err
	}
	return w.text.end()
}

type words struct {
	box   box
	place string
	x     *xmlScanner
	text  *writer

	inText int // open t elements
	tables int // open tables; those inside a cell are read as its text
	rows   *table
	line   int
	cells  []string
	cell   []byte
}

// maxCells bounds one row: Excel's own limit is 16,384.
const maxCells = 16_384

func (w *words) read() error {
	for {
		kind, err := w.x.next()
		if err != nil {
			return endOf(err)
		}
		switch kind {
		case xmlStart:
			err = w.start(string(w.x.name))
		case xmlEnd:
			err = w.close(string(w.x.name))
		case xmlText:
			if w.inText > 0 {
				w.put(w.x.token)
			}
		}
		if err == nil {
			err = w.text.err
		}
		if err != nil {
			return err
		}
	}
}

func (w *words) start(name string) error {
	switch name {
	case "t", "delText", "instrText", "text":
		w.inText++
	case "tab", "ptab":
		w.put([]byte{'\t'})
	case "br", "cr":
		w.newline()
	case "noBreakHyphen":
		w.put([]byte{'-'})
	case "tabs", "Fallback", "rt", "rPh":
		// Settings; the same drawing once more for old programs; readings over characters, which would tear names apart.
		return w.x.skip()
	case "tbl":
		if w.tables++; w.tables == 1 {
			w.text.flush()
			w.rows, w.line = w.box.table(w.place), 0
		}
	case "tr":
		if w.tables == 1 {
			w.cells = w.cells[:0]
			w.line++
		}
	case "tc":
		if w.tables == 1 {
			w.cell = w.cell[:0]
		}
	}
	return nil
}

func (w *words) close(name string) error {
	switch name {
	case "t", "delText", "instrText", "text":
		w.inText = max(0, w.inText-1)
	case "p":
		w.newline()
	case "tc":
		if w.tables == 1 && len(w.cells) < maxCells {
			w.cells = append(w.cells, strings.TrimSpace(string(w.cell)))
			w.cell = w.cell[:0]
		}
	case "tr":
		if w.tables == 1 {
			return w.rows.row(w.cells, w.line, "")
		}
	case "tbl":
		w.tables = max(0, w.tables-1)
	}
	return nil
}

func (w *words) put(s []byte) {
	if w.tables == 0 {
		w.text.add(s)
	} else if len(w.cell) < maxToken {
		w.cell = append(w.cell, s...)
	}
}

func (w *words) newline() {
	if w.tables == 0 {
		w.text.newline()
	} else {
		w.put([]byte{' '})
	}
}

// endOf makes the end of the bytes no error.
func endOf(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// readAllText reads the characters of every element, each a line.
func readAllText(b box, place string, x *xmlScanner) error {
	text := b.text(place)
	for {
		kind, err := x.next()
		if err != nil {
			return firstError(text.end(), endOf(err))
		}
		switch kind {
		case xmlText:
			text.add(x.token)
		case xmlEnd:
			text.newline()
		}
		if text.err != nil {
			return text.err
		}
	}
}

// readLinks reads the addresses that a document points to outside of itself, such as mailto.
func readLinks(b box, place string, x *xmlScanner) error {
	text := b.text(place)
	for {
		kind, err := x.next()
		if err != nil {
			return firstError(text.end(), endOf(err))
		}
		if kind == xmlStart && x.attr("TargetMode") == "External" {
			text.line(x.attr("Target"))
		}
	}
}

// readPivot reads the copy of the data that a pivot table keeps, even after its sheet is gone.
func readPivot(b box, place string, x *xmlScanner) error {
	text := b.text(place)
	for {
		kind, err := x.next()
		if err != nil {
			return firstError(text.end(), endOf(err))
		}
		if kind == xmlStart {
			switch string(x.name) {
			case "s", "n", "d":
				text.line(x.attr("v"))
			case "cacheField":
				text.line(x.attr("name"))
			}
		}
		if text.err != nil {
			return text.err
		}
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
