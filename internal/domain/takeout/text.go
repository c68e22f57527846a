package takeout

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"sekimori/internal/kit/fault"
)

// Limits of what people write, in characters.
const (
	maxLine = 100
	maxText = 500
	maxName = 260 // of a file
)

// line brings a text into one line without anything that only steers the display.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// sentence is a text of one line that a form must have, of at most limit characters.
func sentence(c *fault.Check, name, s string, limit int) string {
	c.That(utf8.RuneCountInString(s) <= limit, name, "fault.too_long", fault.Args{"max": fmt.Sprint(limit)})
	s = line(s)
	c.That(s != "", name, "fault.required", nil)
	return s
}

// clip shortens a text to n characters.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
