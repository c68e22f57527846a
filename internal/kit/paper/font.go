// Package paper makes PDF files with Japanese text: pages with headings, running text and
// tables, and sheets of labels with QR codes.
//
// It knows paper and type and nothing of what is printed. Lengths are millimetres from the
// upper left corner, sizes of type are points.
package paper

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the font
	"fmt"
	"io"
	"slices"

	"github.com/signintech/gopdf"
)

// The font is kept compressed: 3.0 MB in the program in place of 4.7. Its licence, which
// stands beside it, is part of THIRD_PARTY_NOTICES.
//
//go:embed font/BIZUDGothic-Regular.ttf.gz
var packed []byte

// Geta stands for a character that the font does not have, as printers set it.
const Geta = '〓'

// Font is BIZ UDGothic, ready for use. Load it once; it is never changed and serves any
// number of documents at a time.
type Font struct{ ttf []byte }

// LoadFont unpacks the font that is built into the program.
func LoadFont() (*Font, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack font: %w", err)
	}
	ttf, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("unpack font: %w", err)
	}
	return &Font{ttf: ttf}, nil
}

// point is a point in millimetres.
const point = 25.4 / 72

// em is the size at which widths are measured.
const em = 1000

// pen writes text onto a PDF file and remembers what it could not write.
type pen struct {
	pdf     *gopdf.GoPdf
	widths  map[rune]float64 // of each character met, in ems; below 0: the font has none
	missing []rune
}

const family = "BIZ UDGothic"

// start begins a PDF file of A4 pages.
func start(f *Font, o Options) (*pen, error) {
	p := &pen{pdf: &gopdf.GoPdf{}, widths: map[rune]float64{}}
	p.pdf.Start(gopdf.Config{PageSize: *gopdf.PageSizeA4})
	p.pdf.SetInfo(gopdf.PdfInfo{Title: o.Title, Author: o.Author, Creator: "Sekimori", Producer: "Sekimori", CreationDate: o.Created})
	if err := p.pdf.AddTTFFontData(family, f.ttf); err != nil {
		return nil, fmt.Errorf("load font into PDF: %w", err)
	}
	if err := p.pdf.SetFont(family, "", em); err != nil {
		return nil, fmt.Errorf("choose font: %w", err)
	}
	p.pdf.AddPage()
	return p, nil
}

// wide gives the width of a character in ems; ok is false when the font has none.
func (p *pen) wide(r rune) (width float64, ok bool, err error) {
	if w, known := p.widths[r]; known {
		return w, w >= 0, nil
	}
	has, err := p.pdf.IsCurrFontContainGlyph(r)
	if err != nil {
		return 0, false, fmt.Errorf("look for %q in the font: %w", r, err)
	}
	width = -1
	if has {
		if err := p.pdf.SetFontSize(em); err != nil {
			return 0, false, fmt.Errorf("choose size: %w", err)
		}
		if width, err = p.pdf.MeasureTextWidth(string(r)); err != nil {
			return 0, false, fmt.Errorf("measure %q: %w", r, err)
		}
		width /= em
	}
	p.widths[r] = width
	return width, has, nil
}

// can brings text to what the font can write; the rest becomes Geta and is remembered.
func (p *pen) can(text string) (string, error) {
	out := make([]rune, 0, len(text))
	for _, r := range plain(text) {
		_, ok, err := p.wide(r)
		if err != nil {
			return "", err
		}
		if !ok && r != '\n' {
			if !slices.Contains(p.missing, r) {
				p.missing = append(p.missing, r)
			}
			r = Geta
		}
		out = append(out, r)
	}
	return string(out), nil
}

// long gives the length of a text that can was asked about, in millimetres.
func (p *pen) long(text string, size float64) float64 {
	sum := 0.0
	for _, r := range text {
		w, ok, err := p.wide(r)
		if err != nil || !ok { // can has replaced these
			continue
		}
		sum += w
	}
	return sum * size * point
}

// lines breaks a text that can was asked about.
func (p *pen) lines(text string, size, width float64) []string {
	return wrap(text, width, func(r rune) float64 { return p.long(string(r), size) })
}

// put writes one line; y is the upper edge of its type.
func (p *pen) put(x, y, size float64, text string) error {
	if text == "" {
		return nil
	}
	if err := p.pdf.SetFontSize(size); err != nil {
		return fmt.Errorf("choose size: %w", err)
	}
	p.pdf.SetXY(x/point, y/point+ascent*size)
	if err := p.pdf.Text(text); err != nil {
		return fmt.Errorf("write %q: %w", text, err)
	}
	return nil
}

// ascent is where the base line lies below the upper edge of the type, in ems.
const ascent = 0.88
