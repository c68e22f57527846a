package read

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// xmlScanner reads XML of Office documents token by token in bounded memory, some ten times as fast as encoding/xml.
// It knows no entities but the five of XML itself, so that none can blow up; names lose their prefix.
type xmlScanner struct {
	r     *bufio.Reader
	token []byte // the open token's bytes, good until the next call
	name  []byte
	attrs []byte
	end   bool // the last start tag was an empty element: its end comes next
}

// xmlKind is what a token is.
type xmlKind uint8

const (
	xmlStart xmlKind = iota + 1 // s.name, s.attr
	xmlEnd                      // s.name
	xmlText                     // s.token, characters as they are meant
)

// maxToken bounds one tag, and the piece of a text that is handed out at once.
const maxToken = 1 << 20

func newXML(r io.Reader) *xmlScanner {
	b := bufio.NewReaderSize(r, 64<<10)
	mark, _ := b.Peek(2)
	if bytes.Equal(mark, []byte("\xff\xfe")) || bytes.Equal(mark, []byte("\xfe\xff")) {
		utf16 := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()
		b = bufio.NewReaderSize(transform.NewReader(b, utf16), 64<<10)
	}
	return &xmlScanner{r: b}
}

// next gives the next token; io.EOF at the end.
func (s *xmlScanner) next() (xmlKind, error) {
	if s.end {
		s.end = false
		return xmlEnd, nil
	}
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != '<' {
			if err := s.r.UnreadByte(); err != nil {
				return 0, err
			}
			return xmlText, s.text()
		}
		next, err := s.r.Peek(1)
		if err != nil {
			return 0, noEOF(err)
		}
		switch next[0] {
		case '?':
			err = s.skipPast("?>")
		case '!':
			var data bool
			if data, err = s.bang(); data && err == nil {
				return xmlText, nil
			}
		default:
			return s.tag()
		}
		if err != nil {
			return 0, err
		}
	}
}

// noEOF says that the end came too early.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// text reads characters up to the next tag, or as many as are handed out at once.
func (s *xmlScanner) text() error {
	s.token = s.token[:0]
	for {
		piece, err := s.r.ReadSlice('<')
		s.token = append(s.token, piece...)
		switch {
		case err == nil:
			s.token = unescape(s.token[:len(s.token)-1])
			return s.r.UnreadByte()
		case err == io.EOF:
			s.token = unescape(s.token)
			return nil
		case err != bufio.ErrBufferFull:
			return err
		case len(s.token) >= maxToken:
			s.token = unescape(s.token)
			return nil
		}
	}
}

// tag reads a start or an end tag; "<" is already taken.
func (s *xmlScanner) tag() (xmlKind, error) {
	s.token = s.token[:0]
	quote := byte(0)
	for {
		piece, err := s.r.ReadSlice('>')
		if err != nil && err != bufio.ErrBufferFull {
			return 0, noEOF(err)
		}
		for _, c := range piece {
			switch {
			case quote != 0 && c == quote:
				quote = 0
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			}
		}
		s.token = append(s.token, piece...)
		if len(s.token) > maxToken {
			return 0, damaged("a tag of more than %d bytes", maxToken)
		}
		if err == nil && quote == 0 {
			break
		}
	}
	body := s.token[:len(s.token)-1]
	if len(body) > 0 && body[0] == '/' {
		s.name, s.attrs = local(bytes.TrimSpace(body[1:])), nil
		return xmlEnd, nil
	}
	if len(body) > 0 && body[len(body)-1] == '/' {
		s.end, body = true, body[:len(body)-1]
	}
	i := bytes.IndexAny(body, " \t\r\n")
	if i < 0 {
		i = len(body)
	}
	s.name, s.attrs = local(body[:i]), body[i:]
	if len(s.name) == 0 {
		return 0, damaged("a tag without a name")
	}
	return xmlStart, nil
}

// bang reads a comment, a declaration or CDATA; only CDATA is data.
func (s *xmlScanner) bang() (data bool, err error) {
	head, err := s.r.Peek(8)
	if err != nil && len(head) < 3 {
		return false, noEOF(err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("!--")):
		return false, s.skipPast("-->")
	case bytes.HasPrefix(head, []byte("![CDATA[")):
		if _, err := s.r.Discard(8); err != nil {
			return false, err
		}
		return true, s.cdata()
	}
	// A document type. One with rules of its own inside is in no Office file.
	decl, err := s.r.ReadSlice('>')
	if err != nil || bytes.IndexByte(decl, '[') >= 0 {
		return false, damaged("a document type with rules of its own")
	}
	return false, nil
}

func (s *xmlScanner) cdata() error {
	s.token = s.token[:0]
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			return noEOF(err)
		}
		s.token = append(s.token, c)
		if c == '>' && bytes.HasSuffix(s.token, []byte("]]>")) {
			s.token = s.token[:len(s.token)-3]
			return nil
		}
		if len(s.token) > maxToken {
			return damaged("character data of more than %d bytes", maxToken)
		}
	}
}

func (s *xmlScanner) skipPast(end string) error {
	last := make([]byte, 0, len(end))
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			return noEOF(err)
		}
		if len(last) == len(end) {
			last = append(last[:0], last[1:]...)
		}
		if last = append(last, c); string(last) == end {
			return nil
		}
	}
}

// skip leaves the element whose start tag was just read.
func (s *xmlScanner) skip() error {
	for open := 1; open > 0; {
		kind, err := s.next()
		if err != nil {
			return noEOF(err)
		}
		switch kind {
		case xmlStart:
			open++
		case xmlEnd:
			open--
		}
	}
	return nil
}

// attr gives an attribute of the start tag that was just read, by its name without prefix; empty where it is not.
func (s *xmlScanner) attr(name string) string {
	raw := s.rawAttr(name)
	if bytes.IndexByte(raw, '&') < 0 {
		return string(raw)
	}
	return string(unescape(bytes.Clone(raw)))
}

// number gives an attribute that is a whole number; 0 where it is none.
func (s *xmlScanner) number(name string) int {
	n := 0
	for _, c := range s.rawAttr(name) {
		if c < '0' || c > '9' || n > 1<<40 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// rawAttr gives an attribute as it is written, good until the next call of next.
func (s *xmlScanner) rawAttr(name string) []byte {
	rest := s.attrs
	for {
		rest = bytes.TrimLeft(rest, " \t\r\n")
		eq := bytes.IndexByte(rest, '=')
		if eq < 0 {
			return nil
		}
		key := local(bytes.TrimSpace(rest[:eq]))
		rest = bytes.TrimLeft(rest[eq+1:], " \t\r\n")
		if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
			return nil
		}
		end := bytes.IndexByte(rest[1:], rest[0])
		if end < 0 {
			return nil
		}
		if string(key) == name {
			return rest[1 : 1+end]
		}
		rest = rest[end+2:]
	}
}

// local takes the prefix from a name.
func local(name []byte) []byte {
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		return name[i+1:]
	}
	return name
}

// unescape puts characters for references, in place.
func unescape(b []byte) []byte {
	amp := bytes.IndexByte(b, '&')
	if amp < 0 {
		return b
	}
	out := b[:amp]
	for i := amp; i < len(b); {
		if b[i] != '&' {
			out = append(out, b[i])
			i++
			continue
		}
		end := bytes.IndexByte(b[i:min(len(b), i+12)], ';')
		r, ok := rune(0), false
		if end > 1 {
			r, ok = reference(string(b[i+1 : i+end]))
		}
		if !ok {
			out = append(out, b[i])
			i++
			continue
		}
		out = utf8.AppendRune(out, r) // never longer than the reference was
		i += end + 1
	}
	return out
}

func reference(name string) (rune, bool) {
	switch name {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' || digits[0] == 'X' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune {
		return 0, false
	}
	return rune(n), true
}
