package mailin

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// Limits of a mail's head.
const (
	maxHead   = 256 << 10 // bytes
	maxFields = 1000
	maxField  = 16 << 10 // bytes of one field that are looked at
)

// head is the fields of a mail or of one of its parts, in their order. What is no field is
// passed over: a mail is read as far as it can be.
type head []field

type field struct {
	name  string // in lower case
	value []byte // unfolded, as it came
}

// cutHead splits a mail, or a part, into its head and its body.
func cutHead(b []byte) (head, []byte) {
	var h head
	for n := 0; len(b) > 0; {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			return h, rest
		}
		if n += len(line); n > maxHead || len(h) >= maxFields {
			b = rest
			continue
		}
		if line[0] == ' ' || line[0] == '\t' { // goes on
			if last := len(h) - 1; last >= 0 && len(h[last].value) < maxField {
				h[last].value = append(h[last].value, line...)
			}
			b = rest
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if ok && len(name) > 0 && len(name) < 100 {
			h = append(h, field{strings.ToLower(string(bytes.TrimSpace(name))), bytes.Clone(bytes.TrimSpace(value))})
		}
		b = rest
	}
	return h, nil
}

// all gives the values of a field as they came, topmost first.
func (h head) all(name string) []string {
	var out []string
	for _, f := range h {
		if f.name == name {
			out = append(out, string(f.value))
		}
	}
	return out
}

// get gives a field's topmost value as it came; "" when there is none.
func (h head) get(name string) string {
	for _, f := range h {
		if f.name == name {
			return string(f.value)
		}
	}
	return ""
}

// text gives a field's value as people read it.
func (h head) text(name string) string { return decodeWords(h.get(name)) }

// decodeWords undoes encoded words (RFC 2047). Those that follow each other are joined
// before they are decoded, because many programs cut in the middle of a letter.
func decodeWords(s string) string {
	var out strings.Builder
	var open []byte // bytes of the words so far
	var charset string
	flush := func() {
		out.WriteString(decodeText(open, charset))
		open = nil
	}
	for len(s) > 0 {
		at := strings.Index(s, "=?")
		word, label, rest, ok := encodedWord(s, at)
		if !ok {
			flush()
			n := len(s)
			if at >= 0 { // no word after all
				n = at + 2
			}
			out.WriteString(decodeText([]byte(s[:n]), ""))
			s = s[n:]
			continue
		}
		before := s[:at]
		joins := len(open) > 0 && strings.TrimSpace(before) == ""
		if !joins || !strings.EqualFold(label, charset) {
			flush()
		}
		if !joins {
			out.WriteString(decodeText([]byte(before), ""))
		}
		open, charset, s = append(open, word...), label, rest
	}
	flush()
	return out.String()
}

// encodedWord reads the word that begins at s[at:].
func encodedWord(s string, at int) (word []byte, charset, rest string, ok bool) {
	if at < 0 {
		return nil, "", "", false
	}
	charset, s, ok = strings.Cut(s[at+2:], "?")
	if !ok || charset == "" || len(charset) > 60 || len(s) < 2 || s[1] != '?' {
		return nil, "", "", false
	}
	how := s[0]
	text, rest, ok := strings.Cut(s[2:], "?=")
	if !ok {
		return nil, "", "", false
	}
	charset, _, _ = strings.Cut(charset, "*") // a language may follow (RFC 2231)
	switch how {
	case 'b', 'B':
		return fromBase64([]byte(text)), charset, rest, true
	case 'q', 'Q':
		return fromQuoted([]byte(strings.ReplaceAll(text, "_", " "))), charset, rest, true
	}
	return nil, "", "", false
}

// parameters reads a field such as Content-Type: the value in lower case, and the
// parameters that follow. It forgives what programs get wrong, raw bytes and encoded words
// among it (RFC 2045, 2231).
func parameters(s string) (value string, params map[string]string) {
	pieces := splitQuoted(s)
	value = strings.ToLower(strings.TrimSpace(pieces[0]))
	params = map[string]string{}
	long := map[string][]byte{} // name*0, name*1 …, in order
	charsets := map[string]string{}
	for _, p := range pieces[1:] {
		name, v, ok := strings.Cut(p, "=")
		name, v = strings.ToLower(strings.TrimSpace(name)), unquote(strings.TrimSpace(v))
		if !ok || name == "" {
			continue
		}
		base, ext, extended := strings.Cut(name, "*")
		if !extended {
			if _, twice := params[name]; !twice {
				params[name] = decodeWords(v)
			}
			continue
		}
		raw := []byte(v)
		if ext == "" || strings.HasSuffix(ext, "*") {
			if charsets[base] == "" && (ext == "" || ext == "0*") {
				if parts := strings.SplitN(v, "'", 3); len(parts) == 3 {
					charsets[base], raw = parts[0], []byte(parts[2])
				}
			}
			raw = fromPercent(raw)
		}
		long[base] = append(long[base], raw...)
	}
	for name, b := range long {
		params[name] = decodeText(b, charsets[name])
	}
	return value, params
}

// splitQuoted splits at semicolons outside of quotes.
func splitQuoted(s string) []string {
	var out []string
	quoted, from := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ';' && !quoted && len(out) < 100:
			out, from = append(out, s[from:i]), i+1
		}
	}
	return append(out, s[min(from, len(s)):])
}

func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' {
		return s
	}
	var b strings.Builder
	for i := 1; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// fromBase64 decodes what can be decoded.
func fromBase64(b []byte) []byte {
	clean := make([]byte, 0, len(b))
	for _, c := range b {
		if c == '=' {
			break
		}
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
			clean = append(clean, c)
		}
	}
	if len(clean)%4 == 1 { // no byte ends so
		clean = clean[:len(clean)-1]
	}
	n, _ := base64.RawStdEncoding.Decode(clean, clean)
	return clean[:n]
}

// fromQuoted undoes quoted-printable, and leaves what is none.
func fromQuoted(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '=' {
			out = append(out, b[i])
			continue
		}
		if end := bytes.IndexByte(b[i:min(i+80, len(b))], '\n'); end > 0 && len(bytes.TrimSpace(b[i+1:i+end])) == 0 {
			i += end // a soft line break
			continue
		}
		if c, ok := hex2(b[i+1:]); ok {
			out = append(out, c)
			i += 2
			continue
		}
		out = append(out, '=')
	}
	return out
}

func fromPercent(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '%' {
			if c, ok := hex2(b[i+1:]); ok {
				out = append(out, c)
				i += 2
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}

func hex2(b []byte) (byte, bool) {
	if len(b) < 2 {
		return 0, false
	}
	hi, lo := strings.IndexByte(digits16, b[0]|0x20), strings.IndexByte(digits16, b[1]|0x20)
	if hi < 0 || lo < 0 {
		return 0, false
	}
	return byte(hi<<4 | lo), true
}

const digits16 = "0123456789abcdef"
