package journal

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// canonical marshals v on one line with sorted keys, so that equal values give equal bytes.
// The result is also what json.Marshal makes of itself as a RawMessage (HTML escapes
// included), so that embedding it in another document does not break the commitment.
func canonical(v any) (json.RawMessage, error) {
	first, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if settled(first) {
		return first, nil
	}
	dec := json.NewDecoder(bytes.NewReader(first))
	dec.UseNumber() // a number keeps its digits
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

// maxDepth bounds how deep settled looks.
const maxDepth = 20

// settled reports whether raw is JSON that canonical gives back byte for byte. It knows
// what events are mostly made of and says false to the rest: escapes, fractions, white
// space. Most events are recorded without being decoded and encoded once more for it.
func settled(raw []byte) bool {
	if !utf8.Valid(raw) || bytes.Contains(raw, []byte("\u2028")) || bytes.Contains(raw, []byte("\u2029")) {
		return false
	}
	rest, ok := settledValue(raw, maxDepth)
	return ok && len(rest) == 0
}

// settledValue takes one value off b.
func settledValue(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) == 0 || depth == 0 {
		return nil, false
	}
	switch b[0] {
	case '"':
		_, rest, ok = settledText(b)
		return rest, ok
	case '{':
		return settledObject(b[1:], depth)
	case '[':
		return settledList(b[1:], depth)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if rest, ok = bytes.CutPrefix(b, []byte(word)); ok {
			return rest, true
		}
	}
	return settledInteger(b)
}

func settledObject(b []byte, depth int) (rest []byte, ok bool) {
	if rest, ok = bytes.CutPrefix(b, []byte("}")); ok {
		return rest, true
	}
	var last []byte
	for first := true; ; first = false {
		key, after, ok := settledText(b)
		if !ok || len(after) == 0 || after[0] != ':' || !first && bytes.Compare(last, key) >= 0 {
			return nil, false
		}
		if b, ok = settledValue(after[1:], depth-1); !ok || len(b) == 0 {
			return nil, false
		}
		end := b[0]
		b, last = b[1:], key
		if end != ',' {
			return b, end == '}'
		}
	}
}

func settledList(b []byte, depth int) (rest []byte, ok bool) {
	if rest, ok = bytes.CutPrefix(b, []byte("]")); ok {
		return rest, true
	}
	for {
		if b, ok = settledValue(b, depth-1); !ok || len(b) == 0 {
			return nil, false
		}
		end := b[0]
		b = b[1:]
		if end != ',' {
			return b, end == ']'
		}
	}
}

// settledText takes a string without escapes, and without what would be escaped.
func settledText(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return b[1:i], b[i+1:], true
		case c < ' ', c == '\\', c == '<', c == '>', c == '&', c == 0x7f:
			return nil, nil, false
		}
	}
	return nil, nil, false
}

// settledInteger takes a whole number as JSON writes it.
func settledInteger(b []byte) (rest []byte, ok bool) {
	digits := bytes.TrimPrefix(b, []byte("-"))
	n := 0
	for n < len(digits) && '0' <= digits[n] && digits[n] <= '9' {
		n++
	}
	if n == 0 || n > 1 && digits[0] == '0' {
		return nil, false
	}
	rest = digits[n:]
	return rest, len(rest) == 0 || rest[0] != '.' && rest[0] != 'e' && rest[0] != 'E'
}
