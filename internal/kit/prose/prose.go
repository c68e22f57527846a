// Package prose brings what people and PCs write into a form that no page, letter,
// terminal or signed document could take amiss.
package prose

import (
	"strings"
	"unicode"
)

// Visible drops what only steers the display, among it the marks that turn the direction
// of writing, so that what looks the same is the same.
func Visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// Line brings a text into one visible line.
func Line(s string) string {
	return strings.Join(strings.FieldsFunc(Visible(s), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// Clip shortens a text to at most limit characters, the last of which is then "…".
func Clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}

// Paragraph is a text of at most limit characters whose line breaks stay.
func Paragraph(s string, limit int) string {
	var out []string
	for l := range strings.Lines(s) {
		out = append(out, Clip(Line(l), limit))
	}
	r := []rune(strings.TrimFunc(strings.Join(out, "\n"), unicode.IsSpace))
	return string(r[:min(len(r), limit)])
}
