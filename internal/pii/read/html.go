package read

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// readHTML reads the characters of a page that people see, and the addresses that links hold. Rows of tables go to the
// sink as tables. charset is what a mail declares; empty where the page itself must tell.
func readHTML(b box, place string, r io.Reader, charset string) error {
	br := bufio.NewReaderSize(r, headSize)
	head, err := br.Peek(headSize)
	if err != nil && err != io.EOF && len(head) == 0 {
		return err
	}
	z := html.NewTokenizer(decodeHTML(br, head, charset))
	z.SetMaxBuf(maxToken)
	p := page{box: b, place: place, z: z, text: b.text(place)}
	if err := p.read(); err != nil {
		_ = p.text.end()
		return err
	}
	return p.text.end()
}

// decodeHTML puts UTF-8 for the page's encoding: by its mark, by what was declared, or as its bytes suggest.
func decodeHTML(r io.Reader, head []byte, charset string) io.Reader {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return transform.NewReader(r, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder())
	case bytes.Contains(head, []byte("\x1b$")):
		return transform.NewReader(r, japanese.ISO2022JP.NewDecoder())
	}
	if charset == "" {
		charset = declaredCharset(head)
	}
	if e := charsetOf(charset); e != nil {
		return transform.NewReader(r, e.NewDecoder())
	}
	return r // what is not UTF-8 in spite of all is handed on as it is
}

func declaredCharset(head []byte) string {
	lower := bytes.ToLower(head)
	i := bytes.Index(lower, []byte("charset="))
	if i < 0 {
		return ""
	}
	name := strings.TrimLeft(string(lower[i+8:min(len(lower), i+48)]), " \"'")
	if end := strings.IndexAny(name, " \"'>;/"); end >= 0 {
		name = name[:end]
	}
	return name
}

type page struct {
	box    box
	place  string
	z      *html.Tokenizer
	text   *writer
	tables int
	rows   *table
	line   int
	cells  []string
	cell   []byte
	inCell bool
	hidden int // open scripts and styles
}

func (p *page) read() error {
	for {
		kind := p.z.Next()
		var err error
		switch kind {
		case html.ErrorToken:
			if err := p.z.Err(); !errors.Is(err, io.EOF) {
				if errors.Is(err, html.ErrBufferExceeded) {
					return because(TooLarge)
				}
				return err
			}
			return p.endRow()
		case html.TextToken:
			if p.hidden == 0 {
				p.put(p.z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			err = p.start(kind == html.SelfClosingTagToken)
		case html.EndTagToken:
			name, _ := p.z.TagName()
			err = p.close(string(name))
		}
		if err == nil {
			err = p.text.err
		}
		if err != nil {
			return err
		}
	}
}

func (p *page) start(selfClosing bool) error {
	raw, more := p.z.TagName()
	name := string(raw)
	switch name {
	case "script", "style":
		if !selfClosing {
			p.hidden++
		}
	case "table":
		p.tables++
		if p.tables == 1 {
			p.text.flush()
			p.rows, p.line = p.box.table(p.place), 0
		}
	case "tr":
		if p.tables == 1 {
			return p.endRow()
		}
		p.newline()
	case "td", "th":
		if p.tables == 1 {
			p.endCell()
			p.inCell = true
		} else {
			p.put([]byte{'\t'})
		}
	case "br", "p", "div", "li", "h1", "h2", "h3", "h4", "dt", "dd", "pre", "option":
		p.newline()
	}
	for more {
		var key, value []byte
		key, value, more = p.z.TagAttr()
		switch string(key) {
		case "href":
			if bytes.HasPrefix(value, []byte("mailto:")) || bytes.HasPrefix(value, []byte("tel:")) {
				p.put([]byte(" " + string(value) + " "))
			}
		case "value", "title", "alt":
			if len(value) > 0 {
				p.put([]byte(" " + string(value) + " "))
			}
		}
	}
	return nil
}

func (p *page) close(name string) error {
	switch name {
	case "script", "style":
		p.hidden = max(0, p.hidden-1)
	case "td", "th":
		if p.tables == 1 {
			p.endCell()
		}
	case "tr":
		if p.tables == 1 {
			return p.endRow()
		}
	case "table":
		if p.tables == 1 {
			if err := p.endRow(); err != nil {
				return err
			}
		}
		p.tables = max(0, p.tables-1)
	case "p", "div", "li", "h1", "h2", "h3", "h4":
		p.newline()
	}
	return nil
}

func (p *page) endCell() {
	if p.inCell && len(p.cells) < maxCells {
		p.cells = append(p.cells, strings.Join(strings.Fields(string(p.cell)), " "))
	}
	p.cell, p.inCell = p.cell[:0], false
}

func (p *page) endRow() error {
	p.endCell()
	if len(p.cells) == 0 {
		return nil
	}
	p.line++
	err := p.rows.row(p.cells, p.line, "")
	p.cells = p.cells[:0]
	return err
}

func (p *page) put(s []byte) {
	switch {
	case p.tables == 0:
		p.text.add(s)
	case p.inCell && len(p.cell) < maxToken:
		p.cell = append(p.cell, s...)
	}
}

func (p *page) newline() {
	if p.tables == 0 {
		p.text.newline()
	} else {
		p.put([]byte{' '})
	}
}
