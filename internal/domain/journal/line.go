package journal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// The export's lines have exactly one spelling each: fixed field order, no spaces, one
// form of every number, time and base64 text. A reader of JSON reads them; this one
// refuses any other spelling, so that no byte can change without being noticed.

const (
	formatExport = "sekimori-journal/1"
	lineTime     = "2006-01-02T15:04:05.000000Z" // UTC, always six decimals
	cpHead       = `{"checkpoint":`
	seqHead      = `{"seq":`
)

var errLine = errors.New("not in the form of the export")

// form says what a line holds of the entry's content.
type form int

const (
	formContent form = iota + 1 // salt and content as JSON
	formErased                  // erased_at
	formRaw                     // salt and content as base64: they cannot be right, and are shown as found
)

// parsed is an entry line; the slices point into the line.
type parsed struct {
	seq, at           int64 // at in Unix microseconds
	id, kind, subject []byte
	unplain           bool // one of these three has characters that the leaf quotes
	commitment64      []byte
	commitment        [32]byte
	leafHash          tlog.Hash // as recorded
	form              form
	salt              [saltSize]byte
	content           []byte
	erasedAt          time.Time
}

// appendEntryLine writes e, without the line break.
func appendEntryLine(b []byte, e *Entry, leaf tlog.Hash) []byte {
	b = append(b, seqHead...)
	b = strconv.AppendInt(b, e.Seq, 10)
	b = appendJSON(append(b, `,"id":`...), e.ID)
	b = e.At.UTC().AppendFormat(append(b, `,"at":"`...), lineTime)
	b = appendJSON(append(b, `","kind":`...), e.Kind)
	b = appendJSON(append(b, `,"subject":`...), e.Subject)
	b = base64.StdEncoding.AppendEncode(append(b, `,"commitment":"`...), e.Commitment[:])
	b = base64.StdEncoding.AppendEncode(append(b, `","leaf_hash":"`...), leaf[:])
	switch {
	case e.isErased():
		b = e.ErasedAt.UTC().AppendFormat(append(b, `","erased_at":"`...), lineTime)
		return append(b, `"}`...)
	case len(e.Salt) != saltSize || !json.Valid(e.Content) || bytes.IndexByte(e.Content, '\n') >= 0:
		b = base64.StdEncoding.AppendEncode(append(b, `","salt":"`...), e.Salt)
		b = base64.StdEncoding.AppendEncode(append(b, `","content_base64":"`...), e.Content)
		return append(b, `"}`...)
	}
	b = base64.StdEncoding.AppendEncode(append(b, `","salt":"`...), e.Salt)
	b = append(append(b, `","content":`...), e.Content...)
	return append(b, '}')
}

// appendJSON writes a JSON string; what NewEvent lets through needs no escapes.
func appendJSON(b []byte, s string) []byte {
	if plain(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	q, err := json.Marshal(s)
	if err != nil { // a string always marshals
		q = []byte(`""`)
	}
	return append(b, q...)
}

// parseEntryLine reads one line without its line break. On an error, p still holds the
// number and id if they were read before it.
func parseEntryLine(line []byte, p *parsed) error {
	*p = parsed{seq: -1}
	c := cursor{rest: line}
	c.skip(seqHead)
	p.seq = c.integer()
	c.skip(`,"id":`)
	p.id = c.text()
	c.skip(`,"at":`)
	p.at = c.time().UnixMicro()
	c.skip(`,"kind":`)
	p.kind = c.text()
	c.skip(`,"subject":`)
	p.subject = c.text()
	c.skip(`,"commitment":`)
	if len(c.rest) > 45 {
		p.commitment64 = c.rest[1:45]
	}
	c.hash(&p.commitment)
	c.skip(`,"leaf_hash":`)
	c.hash((*[32]byte)(&p.leafHash))
	if c.bad {
		return errLine
	}
	p.unplain = c.unplain
	if c.try(`,"erased_at":`) {
		p.form = formErased
		p.erasedAt = c.time()
		c.skip("}")
		return c.end()
	}
	if c.skip(`,"salt":`); c.bad {
		return errLine
	}
	if len(c.rest) > 46 && bytes.HasPrefix(c.rest[46:], []byte(`,"content":`)) {
		p.form = formContent
		c.hash(&p.salt)
		c.skip(`,"content":`)
		if c.bad || len(c.rest) < 2 || c.rest[len(c.rest)-1] != '}' {
			return errLine
		}
		p.content = c.rest[:len(c.rest)-1]
		return nil
	}
	p.form = formRaw
	c.base64()
	c.skip(`,"content_base64":`)
	c.base64()
	c.skip("}")
	return c.end()
}

// entry makes the parsed line a value of its own.
func (p *parsed) entry() Entry {
	e := Entry{Seq: p.seq, Row: Row{
		ID: string(p.id), At: time.UnixMicro(p.at).UTC(), Kind: string(p.kind), Subject: string(p.subject),
		Commitment: p.commitment, ErasedAt: p.erasedAt,
	}}
	if p.form == formContent {
		e.Salt, e.Content = bytes.Clone(p.salt[:]), bytes.Clone(p.content)
	}
	return e
}

func appendCheckpointLine(b []byte, signed []byte) []byte {
	return append(appendJSON(append(b, cpHead...), string(signed)), '}')
}

// parseCheckpointLine gives back the signed note.
func parseCheckpointLine(line []byte) ([]byte, error) {
	var v struct {
		Checkpoint string `json:"checkpoint"`
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return nil, errLine
	}
	signed := []byte(v.Checkpoint)
	if !bytes.Equal(appendCheckpointLine(nil, signed), line) {
		return nil, errLine
	}
	return signed, nil
}

func appendHeaderLine(b []byte, origin string) []byte {
	b = append(b, `{"format":"`+formatExport+`","origin":`...)
	return append(appendJSON(b, origin), '}')
}

// parseHeaderLine gives the origin that the export names.
func parseHeaderLine(line []byte) (string, error) {
	var v struct {
		Format, Origin string
	}
	if err := json.Unmarshal(line, &v); err != nil || v.Origin == "" || !bytes.Equal(appendHeaderLine(nil, v.Origin), line) {
		return "", errLine
	}
	return v.Origin, nil
}

// cursor reads a line from left to right; after the first mistake it stays bad.
type cursor struct {
	rest    []byte
	bad     bool
	unplain bool // a text had characters that NewEvent refuses
}

func (c *cursor) fail() { c.bad, c.rest = true, nil }

func (c *cursor) end() error {
	if c.bad || len(c.rest) != 0 {
		return errLine
	}
	return nil
}

// try skips s if it comes next.
func (c *cursor) try(s string) bool {
	if len(c.rest) < len(s) || string(c.rest[:len(s)]) != s {
		return false
	}
	c.rest = c.rest[len(s):]
	return true
}

func (c *cursor) skip(s string) {
	if !c.try(s) {
		c.fail()
	}
}

// integer reads a number of at most 18 digits without sign or leading zeros.
func (c *cursor) integer() int64 {
	var n int64
	i := 0
	for ; i < len(c.rest) && i < 18 && c.rest[i] >= '0' && c.rest[i] <= '9'; i++ {
		n = n*10 + int64(c.rest[i]-'0')
	}
	if i == 0 || i > 1 && c.rest[0] == '0' {
		c.fail()
		return -1
	}
	c.rest = c.rest[i:]
	return n
}

// text reads a JSON string in the one spelling that appendJSON gives it.
func (c *cursor) text() []byte {
	if len(c.rest) == 0 || c.rest[0] != '"' {
		c.fail()
		return nil
	}
	i := 1
	for i < len(c.rest) && plainBytes[c.rest[i]] {
		i++
	}
	if i < len(c.rest) && c.rest[i] == '"' {
		s := c.rest[1:i]
		c.rest = c.rest[i+1:]
		return s
	}
	for i < len(c.rest) && c.rest[i] != '"' {
		if c.rest[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(c.rest) {
		c.fail()
		return nil
	}
	quoted := c.rest[:i+1]
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil || !bytes.Equal(appendJSON(nil, s), quoted) {
		c.fail()
		return nil
	}
	c.rest = c.rest[i+1:]
	c.unplain = true
	return []byte(s)
}

// base64 reads a string of any length and checks that it is base64.
func (c *cursor) base64() {
	s := c.text64()
	if _, err := strict64.AppendDecode(nil, s); err != nil {
		c.fail()
	}
}

func (c *cursor) text64() []byte {
	if len(c.rest) == 0 || c.rest[0] != '"' {
		c.fail()
		return nil
	}
	i := bytes.IndexByte(c.rest[1:], '"')
	if i < 0 {
		c.fail()
		return nil
	}
	s := c.rest[1 : i+1]
	c.rest = c.rest[i+2:]
	return s
}

// hash reads 32 bytes of base64.
func (c *cursor) hash(dst *[32]byte) {
	if len(c.rest) < 46 || c.rest[0] != '"' || c.rest[45] != '"' || !decode32(dst, c.rest[1:45]) {
		c.fail()
		return
	}
	c.rest = c.rest[46:]
}

// time reads the form lineTime and nothing near it.
func (c *cursor) time() time.Time {
	const n = len(lineTime)
	if len(c.rest) < n+2 || c.rest[0] != '"' || c.rest[n+1] != '"' {
		c.fail()
		return time.Time{}
	}
	s := c.rest[1 : n+1]
	for i := range n {
		if f := lineTime[i]; f >= '0' && f <= '9' {
			if s[i] < '0' || s[i] > '9' {
				c.fail()
				return time.Time{}
			}
		} else if s[i] != f {
			c.fail()
			return time.Time{}
		}
	}
	num := func(from, to int) (v int) {
		for _, d := range s[from:to] {
			v = v*10 + int(d-'0')
		}
		return v
	}
	month, day, hour, minute, sec := num(5, 7), num(8, 10), num(11, 13), num(14, 16), num(17, 19)
	t := time.Date(num(0, 4), time.Month(month), day, hour, minute, sec, num(20, 26)*1000, time.UTC)
	if month < 1 || month > 12 || t.Day() != day || hour > 23 || minute > 59 || sec > 59 {
		c.fail()
		return time.Time{}
	}
	c.rest = c.rest[n+2:]
	return t
}
