package wire

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// A desired state that names ten thousand media is two megabytes. Reading it into maps
// and writing it again, only to see that it was canonical, would cost the PC ten times
// that; so the common form is recognised in one pass over the bytes.

// isCanonical reports whether recanon would give raw back as it is. It may say false of a
// rare form that is canonical too (a name with an escape, deep nesting), and never true
// of one that is not.
func isCanonical(text string) bool {
	s := canonScan{text}
	return s.value(0) && s.rest == "" && utf8.ValidString(text)
}

// canonScan walks over canonical JSON.
type canonScan struct{ rest string }

const maxCanonDepth = 32

func (s *canonScan) value(depth int) bool {
	if len(s.rest) == 0 || depth > maxCanonDepth {
		return false
	}
	switch c := s.rest[0]; {
	case c == '"':
		_, _, ok := s.text()
		return ok
	case c == '{':
		return s.object(depth + 1)
	case c == '[':
		return s.list(depth + 1)
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	return s.word("true") || s.word("false") || s.word("null")
}

func (s *canonScan) word(w string) bool {
	if len(s.rest) < len(w) || s.rest[:len(w)] != w {
		return false
	}
	s.rest = s.rest[len(w):]
	return true
}

func (s *canonScan) number() bool {
	digits, negative := 0, s.word("-")
	for digits < len(s.rest) && s.rest[digits] >= '0' && s.rest[digits] <= '9' {
		digits++
	}
	zero := digits > 0 && s.rest[0] == '0'
	s.rest = s.rest[digits:]
	return digits > 0 && (!zero || digits == 1 && !negative)
}

// text passes over a string in the form in which encoding/json writes it.
func (s *canonScan) text() (inner string, escaped, ok bool) {
	if !s.word(`"`) {
		return "", false, false
	}
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			inner, s.rest = s.rest[:i], s.rest[i+1:]
			return inner, escaped, true
		case c == '\\':
			n := escapeLen(s.rest[i:])
			if n == 0 {
				return "", false, false
			}
			escaped = true
			i += n - 1
		case c < 0x20 || c == 0x7f:
			return "", false, false
		case c == 0xe2 && i+2 < len(s.rest) && s.rest[i+1] == 0x80 && (s.rest[i+2] == 0xa8 || s.rest[i+2] == 0xa9):
			return "", false, false // U+2028, U+2029
		}
	}
	return "", false, false
}

// escapeLen gives the length of an escape that encoding/json writes, 0 for any other.
func escapeLen(b string) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		return 2
	}
	if len(b) < 6 || b[1:4] != "u00" || b[4] != '0' && b[4] != '1' {
		return 0
	}
	switch c := b[5]; {
	case b[4] == '0' && (c == '8' || c == '9' || c == 'a' || c == 'c' || c == 'd'):
		return 0 // these have short forms
	case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		return 6
	}
	return 0
}

func (s *canonScan) object(depth int) bool {
	s.rest = s.rest[1:]
	if s.word("}") {
		return true
	}
	last := ""
	for first := true; ; first = false {
		name, escaped, ok := s.text()
		if !ok || escaped || !first && name <= last {
			return false
		}
		last = name
		if !s.word(":") || !s.value(depth) {
			return false
		}
		if s.word("}") {
			return true
		}
		if !s.word(",") {
			return false
		}
	}
}

func (s *canonScan) list(depth int) bool {
	s.rest = s.rest[1:]
	if s.word("]") {
		return true
	}
	for {
		if !s.value(depth) {
			return false
		}
		if s.word("]") {
			return true
		}
		if !s.word(",") {
			return false
		}
	}
}

// takeMedia takes the list of media out of a canonical desired state: it is nearly all of
// a long one, and reading it with reflection takes three times as long. The texts of media
// are parts of body. ok is false when body is not of that form; then nothing was taken.
func takeMedia(body string) (media []Medium, without string, ok bool) {
	s := canonScan{body}
	if !s.into("media") || !s.into("allowed") || !s.word("[") {
		return nil, body, false
	}
	start := len(body) - len(s.rest)
	if s.word("]") {
		return nil, body, false
	}
	for {
		m, ok := s.medium()
		if !ok {
			return nil, body, false
		}
		media = append(media, m)
		if s.word("]") {
			return media, body[:start] + body[len(body)-len(s.rest)-1:], true
		}
		if !s.word(",") {
			return nil, body, false
		}
	}
}

// into goes to the value of a name of the object that comes next.
func (s *canonScan) into(name string) bool {
	if !s.word("{") {
		return false
	}
	for {
		got, _, ok := s.text()
		if !ok || !s.word(":") {
			return false
		}
		if got == name {
			return true
		}
		if !s.value(0) || !s.word(",") {
			return false
		}
	}
}

func (s *canonScan) medium() (m Medium, ok bool) {
	if !s.word("{") || s.word("}") {
		return m, false
	}
	for {
		name, _, ok := s.text()
		if !ok || !s.word(":") {
			return m, false
		}
		switch name {
		case "a":
			m.Asset, ok = s.plainText()
		case "f":
			m.From, ok = s.micros()
		case "l":
			m.Loan, ok = s.plainText()
		case "p":
			m.Product, ok = s.plainText()
		case "r":
			if m.ReadOnly = s.word("true"); !m.ReadOnly {
				ok = s.word("false")
			}
		case "s":
			m.Serial, ok = s.plainText()
		case "t":
			m.Token, ok = s.plainText()
		case "u":
			m.Until, ok = s.micros()
		case "v":
			m.Vendor, ok = s.plainText()
		default:
			ok = s.value(0) // of a newer server
		}
		if !ok {
			return m, false
		}
		if s.word("}") {
			return m, true
		}
		if !s.word(",") {
			return m, false
		}
	}
}

func (s *canonScan) plainText() (string, bool) {
	all := s.rest
	inner, escaped, ok := s.text()
	if ok && escaped {
		return unescape(all[:len(all)-len(s.rest)])
	}
	return inner, ok
}

func unescape(quoted string) (text string, ok bool) {
	err := json.Unmarshal([]byte(quoted), &text)
	return text, err == nil
}

func (s *canonScan) micros() (Micros, bool) {
	all := s.rest
	if !s.number() {
		return 0, false
	}
	n, err := strconv.ParseInt(all[:len(all)-len(s.rest)], 10, 64)
	return Micros(n), err == nil
}
