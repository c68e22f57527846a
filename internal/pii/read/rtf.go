package read

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"unicode/utf16"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
)

// rtfReader reads the characters of a Rich Text file (version 1.9.1). Groups that hold settings or pictures are left out.
type rtfReader struct {
	r     *bufio.Reader
	text  *writer
	stack []rtfGroup
	group rtfGroup
	bytes []byte   // characters of a code page, not yet decoded
	units []uint16 // characters of UTF-16, not yet decoded
	page  encoding.Encoding
	left  int // characters to leave out behind \u: they say the same for old programs
}

type rtfGroup struct {
	skip bool
	uc   int // characters behind \u
}

const maxGroups = 1000

func readRTF(b box, r io.Reader) error {
	x := &rtfReader{r: bufio.NewReaderSize(r, 64<<10), text: b.text(""), group: rtfGroup{uc: 1}, page: charmap.Windows1252}
	err := x.read()
	x.settle()
	return firstError(err, x.text.end())
}

func (x *rtfReader) read() error {
	for {
		c, err := x.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch c {
		case '{':
			if len(x.stack) > maxGroups {
				return damaged("more than %d groups within groups", maxGroups)
			}
			x.stack = append(x.stack, x.group)
		case '}':
			if n := len(x.stack); n > 0 {
				x.group, x.stack = x.stack[n-1], x.stack[:n-1]
			}
		case '\\':
			if err := x.control(); err != nil {
				return noEOF(err)
			}
		case '\r', '\n':
		default:
			x.char(c)
		}
		if x.text.err != nil {
			return x.text.err
		}
	}
}

// control reads a control word or symbol; the backslash is already taken.
func (x *rtfReader) control() error {
	c, err := x.r.ReadByte()
	if err != nil {
		return err
	}
	if !letter(c) {
		switch c {
		case '\'':
			var hex [2]byte
			if _, err := io.ReadFull(x.r, hex[:]); err != nil {
				return err
			}
			if n, err := strconv.ParseUint(string(hex[:]), 16, 8); err == nil {
				x.char(byte(n))
			}
		case '*':
			x.group.skip = true
		case '~':
			x.char(' ')
		case '_':
			x.char('-')
		case '{', '}', '\\':
			x.char(c)
		}
		return nil
	}
	word := []byte{c}
	for len(word) < 32 {
		if c, err = x.r.ReadByte(); err != nil {
			return err
		}
		if !letter(c) {
			break
		}
		word = append(word, c)
	}
	number := []byte(nil)
	for c == '-' && len(number) == 0 || c >= '0' && c <= '9' && len(number) < 11 {
		number = append(number, c)
		if c, err = x.r.ReadByte(); err != nil {
			return err
		}
	}
	if c != ' ' {
		_ = x.r.UnreadByte()
	}
	n, _ := strconv.Atoi(string(number))
	return x.word(string(word), n)
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func (x *rtfReader) word(word string, n int) error {
	switch word {
	case "par", "line", "row", "sect", "page":
		x.settle()
		if !x.group.skip {
			x.text.newline()
		}
	case "tab", "cell", "nestcell":
		x.settle()
		if !x.group.skip {
			x.text.addString("\t")
		}
	case "ansicpg":
		if n == 932 {
			x.page = japanese.ShiftJIS
		}
	case "fcharset":
		if n == 128 { // a font for Shift_JIS
			x.page = japanese.ShiftJIS
		}
	case "uc":
		x.group.uc = min(max(n, 0), 10)
	case "u":
		x.decodeBytes()
		if !x.group.skip {
			x.units = append(x.units, uint16(n))
		}
		x.left = x.group.uc
	case "bin":
		_, err := io.CopyN(io.Discard, x.r, int64(max(n, 0)))
		return err
	case "fonttbl", "colortbl", "stylesheet", "pict", "objdata", "themedata", "datastore", "listtable", "latentstyles":
		x.group.skip = true
	}
	return nil
}

func (x *rtfReader) char(c byte) {
	if x.left > 0 {
		x.left--
		return
	}
	if x.group.skip {
		return
	}
	if len(x.units) > 0 {
		x.text.addString(string(utf16.Decode(x.units)))
		x.units = x.units[:0]
	}
	if x.bytes = append(x.bytes, c); len(x.bytes) > 32<<10 && c < 0x80 {
		x.decodeBytes()
	}
}

// settle writes what was gathered.
func (x *rtfReader) settle() {
	x.text.addString(string(utf16.Decode(x.units)))
	x.units = x.units[:0]
	x.decodeBytes()
}

func (x *rtfReader) decodeBytes() {
	if len(x.bytes) == 0 {
		return
	}
	if s, err := x.page.NewDecoder().Bytes(x.bytes); err == nil {
		x.text.add(s)
	}
	x.bytes = x.bytes[:0]
}
