package asset

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/prose"
	"sekimori/internal/kit/wire"
)

// Limits of what people and PCs write, in characters.
const (
	maxNumber = 40
	maxModel  = 100
	maxSerial = 126 // what a USB string descriptor can hold
	maxPlace  = 100
	maxNote   = 1000
	maxReason = 500
	maxFile   = 260
)

// MaxCapacity is more than any medium has: 1 PB. What says so lies.
const MaxCapacity = 1_000_000_000_000_000

// line brings a text into one line of at most limit characters.
func line(s string, limit int) string { return prose.Clip(prose.Line(s), limit) }

// code is for numbers: half-width, without spaces, every dash a hyphen, capital letters,
// as they are printed on labels.
func code(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Cf, r):
			return -1
		case r >= '\u2010' && r <= '\u2015', r == '\u2212':
			return '-'
		}
		return unicode.ToUpper(r)
	}, norm.NFKC.String(strings.ToValidUTF8(s, "\uFFFD")))
}

// number reports whether s can stand on a label, in a QR code, in an address and in a
// wire document.
func number(s string) bool {
	if s == "" || utf8.RuneCountInString(s) > maxNumber || s == "." || s == ".." {
		return false
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '.' {
			return false
		}
	}
	return true
}

// usbID is a USB vendor or product id: 4 hexadecimal digits, lower case; "" for none.
func usbID(s string) (string, bool) {
	s = strings.ToLower(strings.TrimPrefix(strings.ToLower(code(s)), "0x"))
	if s == "" {
		return "", true
	}
	return s, len(s) == 4 && strings.Trim(s, "0123456789abcdef") == ""
}

// serial reports whether a medium's serial can be kept as it came: one that holds
// control characters, or is longer than a descriptor, was made up.
func serial(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxSerial && s == prose.Visible(s) &&
		!strings.ContainsFunc(s, unicode.IsControl)
}

// because checks a reason and gives it as it is kept.
func because(c *fault.Check, reason string) string {
	c.That(utf8.RuneCountInString(reason) <= maxReason, "reason", "fault.too_long", fault.Args{"max": "500"})
	reason = line(reason, maxReason)
	c.That(reason != "", "reason", "fault.required", nil)
	return reason
}

// fold brings a text to the form in which it is searched: width, case and kana make no
// difference.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'ぁ' && r <= 'ゖ' {
			return r + ('ア' - 'あ')
		}
		return unicode.ToLower(r)
	}, norm.NFKC.String(prose.Visible(strings.ToValidUTF8(s, ""))))
}

// SearchText is all of a thing that a search looks into.
func (a Asset) SearchText() string {
	return fold(strings.Join([]string{a.Number, a.Model, a.Identity.Serial, a.Place}, "\n"))
}

// claimed reads a time of a PC: what no clock of our days shows is none.
func claimed(m wire.Micros) time.Time {
	t := m.Time()
	if t.Year() < 2000 || t.Year() > 2199 {
		return time.Time{}
	}
	return t
}
