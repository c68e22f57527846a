package paper

import (
	_ "embed" // the sheets
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"sekimori/internal/kit/qr"
)

//go:embed sheets.json
var sheets []byte

// Sheet is a sheet of labels as it is sold, on A4. Lengths are millimetres.
type Sheet struct {
	ID       string   `json:"id"` // "a4-24"
	Columns  int      `json:"columns"`
	Rows     int      `json:"rows"`
	Width    float64  `json:"width"` // of a label
	Height   float64  `json:"height"`
	Left     float64  `json:"left"` // from the edge of the paper to the first label
	Top      float64  `json:"top"`
	StepX    float64  `json:"step_x"` // from the edge of a label to that of the next
	StepY    float64  `json:"step_y"`
	Round    bool     `json:"round"`    // the corners are cut round
	SoldAs   []string `json:"sold_as"`  // some products of that size
	Verified bool     `json:"verified"` // against the maker's own drawing
	Source   string   `json:"source"`
}

// Labels is how many labels a sheet has.
func (s Sheet) Labels() int { return s.Columns * s.Rows }

// Sheets lists the sheets that are known, largest labels first. They are data
// (sheets.json), with the day on which they were looked up and where.
func Sheets() ([]Sheet, error) {
	var file struct {
		Checked string  `json:"checked"`
		Note    string  `json:"note"`
		Sheets  []Sheet `json:"sheets"`
	}
	if err := json.Unmarshal(sheets, &file); err != nil {
		return nil, fmt.Errorf("read label sheets: %w", err)
	}
	return file.Sheets, nil
}

// SheetOf gives the sheet of an id.
func SheetOf(id string) (Sheet, bool, error) {
	all, err := Sheets()
	i := slices.IndexFunc(all, func(s Sheet) bool { return s.ID == id })
	if err != nil || i < 0 {
		return Sheet{}, false, err
	}
	return all[i], true, nil
}

// Label is what stands on one label.
type Label struct {
	Code   string // what its QR code says
	Number string // large
	Kind   string
	Owner  string // the company
	Found  string // what to do for whoever finds the thing
}

// Print is how labels are printed.
type Print struct {
	Options
	Start          int     // labels of the first sheet that are gone already
	ShiftX, ShiftY float64 // what the printer is off by, millimetres; at most MaxShift
	Outline        bool    // draw the edges too, for a test on plain paper
}

// Bounds of one print.
const (
	MaxLabels = 2000
	MaxShift  = 10.0
)

// ErrPrint says that a print is out of bounds.
var ErrPrint = errors.New("labels: no such start, shift or number of labels")

// Labels writes labels onto sheets, row by row, and lists the characters that the font
// does not have. A label whose text is too long for it is set smaller.
func Labels(w io.Writer, f *Font, s Sheet, labels []Label, how Print) (missing []rune, err error) {
	if how.Start < 0 || how.Start >= s.Labels() || len(labels) == 0 || len(labels) > MaxLabels ||
		max(how.ShiftX, how.ShiftY, -how.ShiftX, -how.ShiftY) > MaxShift {
		return nil, ErrPrint
	}
	p, err := start(f, how.Options)
	if err != nil {
		return nil, err
	}
	for i, l := range labels {
		at := how.Start + i
		if at%s.Labels() == 0 && i > 0 {
			p.pdf.AddPage()
		}
		at %= s.Labels()
		x := s.Left + float64(at%s.Columns)*s.StepX + how.ShiftX
		y := s.Top + float64(at/s.Columns)*s.StepY + how.ShiftY
		if how.Outline {
			p.pdf.SetLineWidth(0.3)
			p.pdf.SetStrokeColor(150, 155, 160)
			p.pdf.RectFromUpperLeftWithStyle(x/point, y/point, s.Width/point, s.Height/point, "D")
		}
		if err := p.label(x, y, s, l); err != nil {
			return nil, fmt.Errorf("label %s: %w", l.Number, err)
		}
	}
	if _, err := p.pdf.WriteTo(w); err != nil {
		return nil, fmt.Errorf("write PDF: %w", err)
	}
	return p.missing, nil
}

// label draws one label: the code at the left, the words beside it.
func (p *pen) label(x, y float64, s Sheet, l Label) error {
	const edge = 1.5 // kept free, because no printer hits exactly
	side := min(s.Height-2*edge, s.Width*0.42, 28)
	if err := p.code(x+edge, y+(s.Height-side)/2, side, l.Code); err != nil {
		return err
	}
	left, width := x+edge+side+1, s.Width-side-2*edge-1
	scale := min(s.Height/21.2, 1.5)
	type part struct {
		text  string
		size  float64
		lines int // at most; more of them make the type smaller
	}
	parts := []part{{l.Owner, 5 * scale, 1}, {l.Number, 11 * scale, 1}, {l.Kind, 6 * scale, 1}, {l.Found, 4.5 * scale, 3}}
	var set [][]string
	height := 0.0
	for i := range parts {
		text, err := p.can(parts[i].text)
		if err != nil {
			return err
		}
		lines := p.lines(text, parts[i].size, width)
		for ; len(lines) > parts[i].lines && parts[i].size > 2; lines = p.lines(text, parts[i].size, width) {
			parts[i].size *= 0.94
		}
		set = append(set, lines)
		height += float64(len(lines)) * parts[i].size * 1.25 * point
	}
	down := y + max((s.Height-height)/2, edge)
	for i, lines := range set {
		for _, line := range lines {
			if err := p.put(left, down, parts[i].size, line); err != nil {
				return err
			}
			down += parts[i].size * 1.25 * point
		}
	}
	return nil
}

// code draws a QR code with its quiet zone into a square.
func (p *pen) code(x, y, side float64, text string) error {
	c, err := qr.Encode(text)
	if err != nil {
		return err
	}
	module := side / float64(c.Size)
	p.pdf.SetFillColor(0, 0, 0)
	c.Runs(func(mx, my, n int) {
		// Rows overlap by a hair, so that no viewer shows light between them.
		p.pdf.RectFromUpperLeftWithStyle((x+float64(mx)*module)/point, (y+float64(my)*module)/point,
			float64(n)*module/point, module*1.03/point, "F")
	})
	return nil
}
