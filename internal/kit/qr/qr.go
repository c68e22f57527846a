// Package qr makes QR codes (ISO/IEC 18004, model 2) and reads them from photographs.
package qr

import (
	"fmt"

	qrcode "github.com/skip2/go-qrcode"
)

// MaxText bounds what a code may say, in bytes: a small code that a phone reads from a
// label says little.
const MaxText = 300

// Code is a square of modules with the quiet zone of four light ones around it.
type Code struct {
	Size  int // modules on a side, the quiet zone included
	cells [][]bool
}

// Encode makes the smallest code for a text that survives the loss of some 15 % of its
// area (level M).
func Encode(text string) (Code, error) {
	if text == "" || len(text) > MaxText {
		return Code{}, fmt.Errorf("make QR code: %d bytes, 1 to %d fit", len(text), MaxText)
	}
	c, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return Code{}, fmt.Errorf("make QR code: %w", err)
	}
	cells := c.Bitmap()
	return Code{Size: len(cells), cells: cells}, nil
}

// Dark reports whether the module is dark; x and y are counted from the upper left.
func (c Code) Dark(x, y int) bool { return c.cells[y][x] }

// Runs calls f with each longest row of dark modules: its first module and its length.
func (c Code) Runs(f func(x, y, length int)) {
	for y, row := range c.cells {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				f(from, y, x-from)
			}
		}
	}
}
