package paper

import (
	"fmt"
	"io"
	"iter"
	"time"
)

// Options of a document.
type Options struct {
	Title   string
	Author  string
	Created time.Time
	// Header stands at the top of every page, small.
	Header string
	// Foot gives the line at the bottom of a page; nil prints "1 / 3".
	Foot func(page, pages int) string
}

// A4, and the room that is left around the text.
const (
	pageWidth  = 210.0
	pageHeight = 297.0
	margin     = 18.0
	column     = pageWidth - 2*margin // the width of the text
	top        = margin + 6
	bottom     = pageHeight - margin - 6
)

// Sizes of type, and how far lines are apart in sizes.
const (
	small    = 7.5
	body     = 9.5
	cellSize = 8
	leading  = 1.5
)

// Doc is a document of A4 pages. After an error every further call does nothing; Write
// gives the first one.
type Doc struct {
	p   *pen
	o   Options
	y   float64 // where the next line begins
	err error
}

// New begins a document with its first page.
func New(f *Font, o Options) (*Doc, error) {
	p, err := start(f, o)
	if err != nil {
		return nil, err
	}
	return &Doc{p: p, o: o, y: top}, nil
}

// room begins a new page when less than height is left, and reports whether it did.
func (d *Doc) room(height float64) bool {
	if d.y+height <= bottom || d.y == top {
		return false
	}
	d.p.pdf.AddPage()
	d.y = top
	return true
}

// Heading writes a heading; level 1 is the largest, 3 the smallest. It stays with what
// follows.
func (d *Doc) Heading(level int, text string) {
	size := map[int]float64{1: 18, 2: 13}[level]
	if size == 0 {
		size = 10.5
	}
	if d.y > top {
		d.y += size * 0.5 * point
	}
	d.room(size*leading*point + 20)
	d.write(text, size, margin, column)
	d.y += size * 0.3 * point
}

// Text writes a paragraph; line breaks in it are kept.
func (d *Doc) Text(text string) {
	d.write(text, body, margin, column)
	d.y += body * 0.5 * point
}

// Small writes a paragraph in small type.
func (d *Doc) Small(text string) {
	d.write(text, small, margin, column)
	d.y += small * 0.5 * point
}

// Pairs writes names with their values beside them.
func (d *Doc) Pairs(pairs [][2]string) {
	const name = 38.0
	for _, p := range pairs {
		left, right := d.fit(p[0], body, name-3), d.fit(p[1], body, column-name)
		d.together(max(len(left), len(right)), body, func(i int) {
			d.line(left, i, body, margin)
			d.line(right, i, body, margin+name)
		})
	}
	d.y += body * 0.5 * point
}

// Space leaves room.
func (d *Doc) Space(millimetres float64) { d.y += millimetres }

// Break begins a new page, unless this one is empty.
func (d *Doc) Break() { d.room(pageHeight) }

// write writes lines, each where there is room for it.
func (d *Doc) write(text string, size, x, width float64) {
	lines := d.fit(text, size, width)
	d.together(len(lines), size, func(i int) { d.line(lines, i, size, x) })
}

// together writes n lines of a size from the top, going on to the next page as needed.
func (d *Doc) together(n int, size float64, line func(i int)) {
	for i := range n {
		d.room(size * leading * point)
		line(i)
		d.y += size * leading * point
	}
}

func (d *Doc) line(lines []string, i int, size, x float64) {
	if i < len(lines) && d.err == nil {
		d.err = d.p.put(x, d.y, size, lines[i])
	}
}

func (d *Doc) fit(text string, size, width float64) []string {
	if d.err != nil {
		return nil
	}
	var can string
	if can, d.err = d.p.can(text); d.err != nil {
		return nil
	}
	return d.p.lines(can, size, width)
}

// Column is one column of a table.
type Column struct {
	Head  string
	Width float64 // its share of the page's width, compared with the other columns'
	Right bool    // numbers stand at the right
}

// Table is a table; its head is repeated on every page.
type Table struct {
	Columns []Column
	Rows    iter.Seq[[]string]
}

// cell is the room around the text of a cell.
const cell = 1.2

// Table writes a table. A row is kept on one page, unless it is longer than a page.
func (d *Doc) Table(t Table) {
	edges := []float64{margin}
	all := 0.0
	for _, c := range t.Columns {
		all += c.Width
	}
	heads := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		edges = append(edges, edges[i]+column*c.Width/all)
		heads[i] = c.Head
	}
	head := d.cells(t, edges, heads)
	d.room(3 * d.height(head))
	d.row(t, edges, head, true)
	for cells := range t.Rows {
		if d.err != nil {
			return
		}
		lines := d.cells(t, edges, cells)
		for first := true; first || longest(lines) > 0; first = false {
			if d.room(d.height(lines)) {
				d.row(t, edges, head, true)
			}
			lines = d.row(t, edges, lines, false)
		}
	}
	d.y += body * 0.8 * point
}

// cells breaks the text of each cell into lines.
func (d *Doc) cells(t Table, edges []float64, cells []string) [][]string {
	out := make([][]string, len(t.Columns))
	for i := range t.Columns {
		if i < len(cells) {
			out[i] = d.fit(cells[i], cellSize, edges[i+1]-edges[i]-2*cell)
		}
	}
	return out
}

func longest(lines [][]string) (n int) {
	for _, l := range lines {
		n = max(n, len(l))
	}
	return n
}

func (d *Doc) height(lines [][]string) float64 {
	return float64(max(longest(lines), 1))*cellSize*leading*point + 2*cell
}

// row draws a row and gives what did not fit on the page.
func (d *Doc) row(t Table, edges []float64, lines [][]string, head bool) (rest [][]string) {
	fits := max(int((bottom-d.y-2*cell)/(cellSize*leading*point)), 1)
	n := min(max(longest(lines), 1), fits)
	height := float64(n)*cellSize*leading*point + 2*cell
	if d.err != nil {
		return nil
	}
	pdf := d.p.pdf
	if head {
		pdf.SetFillColor(232, 236, 240)
		pdf.RectFromUpperLeftWithStyle(margin/point, d.y/point, column/point, height/point, "F")
		pdf.SetFillColor(0, 0, 0)
	}
	rest = make([][]string, len(lines))
	for i, c := range lines {
		for j, text := range c {
			if j >= n {
				rest[i] = c[j:]
				break
			}
			x := edges[i] + cell
			if t.Columns[i].Right {
				x = edges[i+1] - cell - d.p.long(text, cellSize)
			}
			if err := d.p.put(x, d.y+cell+(float64(j)*leading+0.25)*cellSize*point, cellSize, text); err != nil {
				d.err = err
				return nil
			}
		}
	}
	d.y += height
	pdf.SetLineWidth(0.4)
	pdf.SetStrokeColor(150, 155, 160)
	pdf.Line(margin/point, d.y/point, (margin+column)/point, d.y/point)
	return rest
}

// Missing lists the characters that the font does not have, each once, in the order met:
// Geta stands in their places.
func (d *Doc) Missing() []rune { return d.p.missing }

// Write numbers the pages and writes the file.
func (d *Doc) Write(w io.Writer) error {
	if d.err != nil {
		return d.err
	}
	pages := d.p.pdf.GetNumberOfPages()
	for n := range pages {
		foot := fmt.Sprintf("%d / %d", n+1, pages)
		if d.o.Foot != nil {
			foot = d.o.Foot(n+1, pages)
		}
		if err := d.edge(n+1, foot); err != nil {
			return err
		}
	}
	if _, err := d.p.pdf.WriteTo(w); err != nil {
		return fmt.Errorf("write PDF: %w", err)
	}
	return nil
}

// edge writes what stands above and below the text of a page.
func (d *Doc) edge(page int, foot string) error {
	if err := d.p.pdf.SetPage(page); err != nil {
		return fmt.Errorf("go back to page %d: %w", page, err)
	}
	header, err := d.p.can(d.o.Header)
	if err != nil {
		return err
	}
	if foot, err = d.p.can(foot); err != nil {
		return err
	}
	if err := d.p.put(margin, margin-3, small, header); err != nil {
		return err
	}
	return d.p.put((pageWidth-d.p.long(foot, small))/2, pageHeight-margin, small, foot)
}
