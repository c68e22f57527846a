package sheet

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"sekimori/internal/kit/fault"
)

// decode finds the encoding and gives the text with LF line ends. Bytes that are no
// text in any encoding we know, and control characters, are refused with their line:
// a name stored half-read would be worse than a file sent back.
func decode(raw []byte) (string, Encoding, error) {
	enc := detect(raw)
	text, err := decodeAs(raw, enc)
	if err != nil {
		return "", "", bad("fault.csv_encoding", fault.Args{"line": "1"})
	}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	for i, r := range text {
		id := ""
		switch {
		case r == utf8.RuneError: // bytes that are not valid, or damage from an earlier conversion
			id = "fault.csv_encoding"
		case r < ' ' && r != '\t' && r != '\n', r >= 0x7f && r < 0xa0:
			id = "fault.csv_control"
		default:
			continue
		}
		return "", "", bad(id, fault.Args{"line": strconv.Itoa(1 + strings.Count(text[:i], "\n"))})
	}
	return text, enc, nil
}

// detect trusts a byte order mark, else takes what is valid UTF-8 for UTF-8: text in
// Shift_JIS with even a few Japanese characters practically never is.
func detect(raw []byte) Encoding {
	switch {
	case bytes.HasPrefix(raw, []byte{0xef, 0xbb, 0xbf}):
		return UTF8BOM
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}), bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		return UTF16
	case utf8.Valid(raw):
		return UTF8
	}
	return CP932
}

func decodeAs(raw []byte, enc Encoding) (string, error) {
	var d *encoding.Decoder
	switch enc {
	case UTF8BOM:
		return string(raw[3:]), nil
	case UTF16:
		d = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()
	case CP932:
		d = japanese.ShiftJIS.NewDecoder()
	default:
		return string(raw), nil
	}
	out, err := d.Bytes(raw)
	return string(out), err
}
