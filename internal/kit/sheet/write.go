package sheet

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// Lost stands for a character that the encoding cannot write: the geta mark, which
// printers of Japanese set for a type that they do not have.
const Lost = '〓'

// Write writes a table with CRLF line ends. A cell that a spreadsheet would run as a
// formula is guarded by an apostrophe. Characters that enc cannot write become Lost
// and are given back, each once, in the order met; control characters are left out.
func Write(w io.Writer, enc Encoding, header []string, rows iter.Seq[[]string]) (lost []rune, err error) {
	out, err := open(w, enc)
	if err != nil {
		return nil, err
	}
	f := newFitter(enc)
	cw := csv.NewWriter(out)
	cw.UseCRLF = true
	line := func(cells []string) error {
		fitted := make([]string, len(cells))
		for i, c := range cells {
			fitted[i] = guarded(f.fit(c))
		}
		return cw.Write(fitted)
	}
	if err := line(header); err != nil {
		return f.lost, fmt.Errorf("write table: %w", err)
	}
	for cells := range rows {
		if err := line(cells); err != nil {
			return f.lost, fmt.Errorf("write table: %w", err)
		}
	}
	cw.Flush()
	if err := cw.Error(); err != nil {
		return f.lost, fmt.Errorf("write table: %w", err)
	}
	if err := out.Close(); err != nil {
		return f.lost, fmt.Errorf("write table: %w", err)
	}
	return f.lost, nil
}

// open wraps w to take UTF-8 and write enc; closing it leaves w open.
func open(w io.Writer, enc Encoding) (io.WriteCloser, error) {
	switch enc {
	case CP932:
		return transform.NewWriter(w, japanese.ShiftJIS.NewEncoder()), nil
	case UTF8BOM:
		if _, err := io.WriteString(w, "\ufeff"); err != nil {
			return nil, fmt.Errorf("write table: %w", err)
		}
		return transform.NewWriter(w, transform.Nop), nil
	}
	return nil, fmt.Errorf("write table: encoding %q is only read", enc)
}

// InCP932 is the text as it reads after a trip through a CP932 file.
func InCP932(s string) string { return newFitter(CP932).fit(s) }

// fitter brings text to what an encoding can write and remembers what it could not.
type fitter struct {
	enc  *encoding.Encoder // nil: every character can be written
	can  map[rune]bool
	lost []rune
}

func newFitter(enc Encoding) *fitter {
	f := &fitter{can: map[rune]bool{}}
	if enc == CP932 {
		f.enc = japanese.ShiftJIS.NewEncoder()
	}
	return f
}

func (f *fitter) fit(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(s, string(Lost)))
	if f.enc != nil {
		s = composed(s)
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return r
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return -1
		case f.enc == nil || r < 0x7f:
			return r
		}
		r = windows(r)
		if f.writes(r) {
			return r
		}
		if !slices.Contains(f.lost, r) {
			f.lost = append(f.lost, r)
		}
		return Lost
	}, s)
}

func (f *fitter) writes(r rune) bool {
	ok, known := f.can[r]
	if !known {
		_, err := f.enc.String(string(r))
		ok = err == nil
		f.can[r] = ok
	}
	return ok
}

// composed joins a kana with a voicing mark that follows it on its own, as file names
// and texts from a Mac have them. The rest stays: full composition would replace some
// of the characters that names are written with.
func composed(s string) string {
	if !strings.ContainsAny(s, "\u3099\u309a") {
		return s
	}
	var out []rune
	for _, r := range s {
		if n := len(out); n > 0 && (r == '\u3099' || r == '\u309a') {
			if one := []rune(norm.NFC.String(string([]rune{out[n-1], r}))); len(one) == 1 {
				out[n-1] = one[0]
				continue
			}
		}
		out = append(out, r)
	}
	return string(out)
}

// windows maps the characters that JIS and Windows tables place differently at the
// same code to the ones that Windows has, so that 〜 and − survive.
func windows(r rune) rune {
	switch r {
	case '\u301c': // wave dash
		return '\uff5e'
	case '\u2212': // minus sign
		return '\uff0d'
	case '\u2016': // double vertical line
		return '\u2225'
	case '\u2014': // em dash
		return '\u2015'
	case '\u00a2': // cent
		return '\uffe0'
	case '\u00a3': // pound
		return '\uffe1'
	case '\u00ac': // not
		return '\uffe2'
	case '\u00a5': // yen; its one-byte code would read back as a backslash
		return '\uffe5'
	case '\u203e': // overline; likewise a tilde
		return '\uffe3'
	case '\u2010', '\u2011', '\u2013': // hyphens without a place of their own
		return '-'
	case '\u00a0': // no-break space
		return ' '
	}
	return r
}
