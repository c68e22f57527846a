package takeout

import (
	"fmt"
	"unicode/utf8"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/prose"
)

// Limits of what people write, in characters.
const (
	maxLine = 100
	maxText = 500
	maxName = 260 // of a file
)

// sentence is a text of one line that a form must have, of at most limit characters.
func sentence(c *fault.Check, name, s string, limit int) string {
	c.That(utf8.RuneCountInString(s) <= limit, name, "fault.too_long", fault.Args{"max": fmt.Sprint(limit)})
	s = prose.Line(s)
	c.That(s != "", name, "fault.required", nil)
	return s
}
