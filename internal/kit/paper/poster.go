package paper

import (
	"fmt"
	"io"
)

// Poster says where and how to report: on a wall, and in a wallet.
type Poster struct {
	Title   string
	Lines   []string // what to do, a few short ones
	Code    string   // what the QR code says: an address
	Address string   // the same for the eye
	Caption string   // under the code
	Calls   []Call
	Owner   string // the company
}

// Call is a telephone number and whose it is.
type Call struct{ Role, Number string }

// WritePoster writes one A4 page, and lists the characters that the font does not have.
func WritePoster(w io.Writer, f *Font, o Poster, info Options) (missing []rune, err error) {
	p, err := start(f, info)
	if err != nil {
		return nil, err
	}
	s := setter{p: p}
	s.band(0, 0, pageWidth, 44)
	s.center(15, 34, 1, o.Title, true)
	y := 58.0
	for _, l := range o.Lines {
		y = s.center(y, 19, 2, l, false) + 4
	}
	const side = 88.0
	y = max(y+4, 104)
	s.code((pageWidth-side)/2, y, side, o.Code)
	y = s.center(y+side+5, 13, 1, o.Caption, false)
	y = s.center(y+1, 12, 1, o.Address, false) + 6
	for _, c := range o.Calls {
		y = s.center(y, 13, 1, c.Role, false)
		y = s.center(y, 30, 1, c.Number, false) + 2
	}
	s.center(pageHeight-margin, 10, 1, o.Owner, false)
	if s.err == nil {
		_, s.err = p.pdf.WriteTo(w)
	}
	if s.err != nil {
		return nil, fmt.Errorf("poster: %w", s.err)
	}
	return p.missing, nil
}

// WriteCards fills a sheet of labels or cards with the same in small.
func WriteCards(w io.Writer, f *Font, o Poster, sheet Sheet, info Options) (missing []rune, err error) {
	p, err := start(f, info)
	if err != nil {
		return nil, err
	}
	s := setter{p: p}
	for n := range sheet.Labels() {
		s.card(sheet.Left+float64(n%sheet.Columns)*sheet.StepX, sheet.Top+float64(n/sheet.Columns)*sheet.StepY, sheet, o)
	}
	if s.err == nil {
		_, s.err = p.pdf.WriteTo(w)
	}
	if s.err != nil {
		return nil, fmt.Errorf("cards: %w", s.err)
	}
	return p.missing, nil
}

// setter draws until the first error, and then nothing more.
type setter struct {
	p   *pen
	err error
}

// card draws one card: the words at the left, the code at the right.
func (s *setter) card(x, y float64, sheet Sheet, o Poster) {
	const edge = 4.0
	s.p.pdf.SetLineWidth(0.2)
	s.p.pdf.SetStrokeColor(190, 194, 198)
	s.p.pdf.RectFromUpperLeftWithStyle(x/point, y/point, sheet.Width/point, sheet.Height/point, "D")
	side := min(sheet.Height-2*edge-14, 30)
	left, width := x+edge, sheet.Width-3*edge-side
	s.code(x+sheet.Width-edge-side, y+edge, side, o.Code)
	down := s.lines(left, y+edge, 11, width, 1, o.Title) + 1
	for _, l := range o.Lines {
		down = s.lines(left, down, 6.5, width, 1, l) + 0.8
	}
	down = max(down+0.6, y+edge+side-12)
	for _, c := range o.Calls {
		down = s.lines(left, down, 6, width, 1, c.Role)
		down = s.lines(left, down, 10, width, 1, c.Number) + 0.5
	}
	foot := y + sheet.Height - edge - 5.5
	s.lines(left, foot, 6, sheet.Width-2*edge, 1, o.Address)
	s.lines(left, foot+3, 5.5, sheet.Width-2*edge, 1, o.Owner)
}

// center writes lines in the middle of the page and gives where the next one begins.
func (s *setter) center(y, size float64, most int, text string, white bool) float64 {
	lines, size := s.fit(text, size, column, most)
	for _, l := range lines {
		if white {
			s.p.pdf.SetTextColor(255, 255, 255)
		}
		s.put((pageWidth-s.p.long(l, size))/2, y, size, l)
		s.p.pdf.SetTextColor(0, 0, 0)
		y += size * 1.35 * point
	}
	return y
}

// lines writes lines from the left and gives where the next one begins.
func (s *setter) lines(x, y, size, width float64, most int, text string) float64 {
	lines, size := s.fit(text, size, width, most)
	for _, l := range lines {
		s.put(x, y, size, l)
		y += size * 1.3 * point
	}
	return y
}

// fit breaks a text into at most so many lines, and makes the type smaller until it can.
func (s *setter) fit(text string, size, width float64, most int) ([]string, float64) {
	if s.err != nil || text == "" {
		return nil, size
	}
	text, s.err = s.p.can(text)
	lines := s.p.lines(text, size, width)
	for ; len(lines) > most && size > 3; lines = s.p.lines(text, size, width) {
		size *= 0.95
	}
	return lines, size
}

func (s *setter) put(x, y, size float64, text string) {
	if s.err == nil {
		s.err = s.p.put(x, y, size, text)
	}
}

func (s *setter) code(x, y, side float64, text string) {
	if s.err == nil {
		s.err = s.p.code(x, y, side, text)
	}
}

// band is a strip of colour behind a heading.
func (s *setter) band(x, y, width, height float64) {
	s.p.pdf.SetFillColor(24, 60, 96)
	s.p.pdf.RectFromUpperLeftWithStyle(x/point, y/point, width/point, height/point, "F")
	s.p.pdf.SetFillColor(0, 0, 0)
}
