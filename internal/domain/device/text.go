package device

import (
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/prose"
	"sekimori/internal/kit/wire"
)

// Limits of texts, in characters.
const (
	MaxReason = 500
	maxName   = 120
	maxLine   = 300
	maxNote   = 2000
)

// line brings a text that somebody else wrote into one line of at most limit characters.
func line(s string, limit int) string { return prose.Clip(prose.Line(s), limit) }

// lines does the same for a list, of which at most limit are kept.
func lines(in []string, limit int) []string {
	var out []string
	for _, s := range in[:min(len(in), limit)] {
		if s = line(s, maxLine); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// because checks a reason and gives it as it is kept.
func because(c *fault.Check, reason string, required bool) string {
	c.That(utf8.RuneCountInString(reason) <= MaxReason, "reason", "fault.too_long", fault.Args{"max": "500"})
	reason = line(reason, MaxReason)
	c.That(!required || reason != "", "reason", "fault.required", nil)
	return reason
}

// claimed reads a time of a PC's clock; what no clock of our days shows is none.
func claimed(m wire.Micros) time.Time {
	t := m.Time()
	if t.Year() < 2000 || t.Year() > 2199 {
		return time.Time{}
	}
	return t
}

// sane is the same as the wire writes it.
func sane(m wire.Micros) wire.Micros { return wire.MicrosOf(claimed(m)) }

// spelled reports whether s has 1 to limit characters, all of them among these.
func spelled(s string, limit int, among string) bool {
	return s != "" && len(s) <= limit && strings.Trim(s, among) == ""
}
