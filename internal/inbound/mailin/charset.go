package mailin

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
)

// decodeText turns bytes into text. The label is believed while the bytes fit it; else
// the encoding that fits best is taken. It always gives valid UTF-8.
func decodeText(b []byte, label string) string {
	if len(b) == 0 {
		return ""
	}
	named, western := charsetOf(label)
	if named != nil && !(western && looksOtherwise(b)) {
		s := decode(b, named)
		if !strings.ContainsRune(s, utf8.RuneError) {
			return s
		}
		if g := guess(b); strings.Count(g, "\uFFFD") < strings.Count(s, "\uFFFD") {
			return g
		}
		return s
	}
	return guess(b)
}

// charsetOf gives the encoding of a label; nil when the label says nothing. western: almost
// any bytes fit it.
func charsetOf(label string) (e encoding.Encoding, western bool) {
	label = strings.ToLower(strings.Trim(label, " \"'"))
	switch label {
	case "", "us-ascii", "ascii", "ansi_x3.4-1968", "unknown-8bit", "x-unknown", "default", "7bit", "8bit":
		return nil, false
	case "cp932", "ms932", "x-ms-cp932", "sjis-win", "x-sjis-cp932", "shift_jis-2004", "shift_jisx0213":
		return japanese.ShiftJIS, false
	case "iso-2022-jp-ms", "iso-2022-jp-1", "iso-2022-jp-2", "iso-2022-jp-3", "cp50220", "cp50221", "cp50222", "jis", "iso2022jp":
		return japanese.ISO2022JP, false
	case "eucjp", "eucjp-ms", "cp51932", "euc_jp", "eucjp-win":
		return japanese.EUCJP, false
	case "utf-7", "utf7": // not read: it hides what it says
		return nil, false
	}
	e, err := htmlindex.Get(label)
	if err != nil {
		return nil, false
	}
	return e, strings.HasPrefix(label, "iso-8859") || strings.HasPrefix(label, "windows-125") || strings.HasPrefix(label, "latin")
}

// looksOtherwise reports whether bytes that are said to be western are surely not.
func looksOtherwise(b []byte) bool {
	return escapes(b) || !isASCII(b) && utf8.Valid(b)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// escapes reports whether the bytes switch character sets as ISO-2022-JP does.
func escapes(b []byte) bool {
	return bytes.Contains(b, []byte("\x1b$")) || bytes.Contains(b, []byte("\x1b(I")) || bytes.Contains(b, []byte("\x1b(J"))
}

// guess finds the encoding by the bytes.
func guess(b []byte) string {
	switch {
	case escapes(b) && isASCII(b):
		return decode(b, japanese.ISO2022JP)
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		return decode(b, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM))
	case utf8.Valid(b):
		return strings.TrimPrefix(string(b), "\uFEFF")
	}
	sjis, euc := decode(b, japanese.ShiftJIS), decode(b, japanese.EUCJP)
	if odd(euc) < odd(sjis) {
		return euc
	}
	return sjis
}

// odd counts what a wrong guess brings: letters that are none, and half-width katakana,
// which EUC-JP becomes when it is read as Shift_JIS.
func odd(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r == utf8.RuneError:
			n += 10
		case r >= '｡' && r <= 'ﾟ':
			n++
		}
	}
	return n
}

func decode(b []byte, e encoding.Encoding) string {
	out, err := e.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}
