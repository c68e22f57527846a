package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"
)

// plain drops what a terminal would obey: control characters other than line breaks.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s)
}

// say prints a line for the person.
func (s *shell) say(text string) { fmt.Fprintln(s.out, plain(text)) }

// printJSON prints a value for a script.
func (s *shell) printJSON(v any) error {
	enc := json.NewEncoder(s.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// columns prints rows aligned by how wide their characters are shown.
func (s *shell) columns(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], shown(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-shown(cell)+2))
			}
		}
		s.say(strings.TrimRight(b.String(), " "))
	}
}

// shown is how many places of a terminal a text takes.
func shown(s string) int {
	n := 0
	for _, r := range s {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// store writes a stream to a file, whole or not at all, or to standard output.
func (s *shell) store(file string, r io.Reader) (err error) {
	if file == "" || file == "-" {
		if _, err := io.Copy(s.out, r); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".sekimori-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err = os.Rename(f.Name(), file); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// terminal reports whether a person is looking at w.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// progress shows how much was read, on a terminal only.
type progress struct {
	io.Reader
	s    *shell
	n    int64
	last time.Time
	on   bool
}

func (s *shell) progress(r io.Reader) *progress {
	return &progress{Reader: r, s: s, on: terminal(s.err), last: time.Now()}
}

// Read passes bytes on and tells of them about twice a second.
func (p *progress) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.n += int64(n)
	if p.on && time.Since(p.last) > 500*time.Millisecond {
		p.last = time.Now()
		fmt.Fprintf(p.s.err, "\r%s ", p.s.p.Bytes(p.n))
	}
	if p.on && err != nil {
		fmt.Fprint(p.s.err, "\r            \r")
	}
	return n, err
}
