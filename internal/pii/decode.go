package pii

import (
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
)

// line is a stretch of text with every character in one form: full-width letters and digits are ASCII, half-width
// katakana are full, all kinds of hyphens and spaces are one, what has no width is gone. It is used again and again.
type line struct {
	r  []rune
	at []int32 // where in the raw bytes each rune began; one more at the end
}

// charsets are the double-byte tables as one array each, so that a character is one look-up and keeps its place.
type charsets struct {
	sjis []uint16 // 60 leads × 189 trails
	jis  []uint16 // JIS X 0208 with NEC's and IBM's additions, 94 × 94
	jis2 []uint16 // JIS X 0212, 94 × 94
}

const sjisTrails = 0xFC - 0x40 + 1

func newCharsets() *charsets {
	t := &charsets{sjis: make([]uint16, 60*sjisTrails), jis: make([]uint16, 94*94), jis2: make([]uint16, 94*94)}
	sjis, euc := japanese.ShiftJIS.NewDecoder(), japanese.EUCJP.NewDecoder()
	for l := range 60 {
		lead := byte(0x81 + l)
		if l >= 31 {
			lead = byte(0xE0 + l - 31)
		}
		for trail := range sjisTrails {
			t.sjis[l*sjisTrails+trail] = decodeOne(sjis, []byte{lead, byte(0x40 + trail)})
		}
	}
	for row := range 94 {
		for cell := range 94 {
			pair := []byte{byte(0xA1 + row), byte(0xA1 + cell)}
			t.jis[row*94+cell] = decodeOne(euc, pair)
			t.jis2[row*94+cell] = decodeOne(euc, []byte{0x8F, pair[0], pair[1]})
		}
	}
	return t
}

// decodeOne gives the one character of src, 0 if it is none.
func decodeOne(d *encoding.Decoder, src []byte) uint16 {
	var out [16]byte
	n, _, err := d.Transform(out[:], src, true)
	r, w := utf8.DecodeRune(out[:n])
	if err != nil || r == utf8.RuneError || w != n || r > 0xFFFF {
		return 0
	}
	return uint16(r)
}

// normalise reads raw in the given encoding. Bytes that are no character become U+FFFD.
func (t *charsets) normalise(raw []byte, enc Encoding, l *line) {
	l.r, l.at = l.r[:0], l.at[:0]
	var kanji bool // of ISO-2022-JP
	long := false
	for i := 0; i < len(raw); {
		b := raw[i]
		var r rune
		w := 1
		switch {
		case enc == ISO2022JP && b == 0x1B && i+2 < len(raw):
			kanji = raw[i+1] == '$'
			i += 3
			continue
		case kanji && b > 0x20 && b < 0x7F && i+1 < len(raw):
			r, w = pair94(t.jis, b|0x80, raw[i+1]|0x80)
		case b < 0x80:
			if b == '\n' {
				kanji = false
			}
			r = rune(b)
			if b == '\\' {
				r, w = escaped(raw[i:])
			}
		case enc == ShiftJIS:
			r, w = t.sjisRune(raw[i:])
		case enc == EUCJP:
			r, w = t.eucRune(raw[i:])
		default:
			r, w = utf8.DecodeRune(raw[i:])
		}
		if r < 0x80 || r >= 0x3041 && r < 0xA000 && r != 'ー' {
			l.r, l.at = append(l.r, r), append(l.at, int32(i))
		} else {
			long = l.push(r, i) || long
		}
		i += w
	}
	l.at = append(l.at, int32(len(raw)))
	if long {
		l.hyphens()
	}
}

// escaped reads a character that JSON wrote as \u and four hexadecimal digits.
func escaped(raw []byte) (rune, int) {
	if len(raw) < 6 || raw[1] != 'u' {
		return '\\', 1
	}
	var r rune
	for _, c := range raw[2:6] {
		switch {
		case isDigit(rune(c)):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return '\\', 1
		}
		r = r<<4 | rune(c)
	}
	return r, 6
}

func (t *charsets) sjisRune(raw []byte) (rune, int) {
	b := raw[0]
	if b >= 0xA1 && b <= 0xDF {
		return rune(b) - 0xA1 + 0xFF61, 1
	}
	l := int(b) - 0x81
	if b >= 0xE0 {
		l = int(b) - 0xE0 + 31
	}
	if l < 0 || l >= 60 || b == 0xA0 || len(raw) < 2 || raw[1] < 0x40 || raw[1] > 0xFC {
		return utf8.RuneError, 1
	}
	if r := t.sjis[l*sjisTrails+int(raw[1])-0x40]; r != 0 {
		return rune(r), 2
	}
	if raw[1] < 0x80 {
		return utf8.RuneError, 1 // the second byte stands for itself
	}
	return utf8.RuneError, 2
}

func (t *charsets) eucRune(raw []byte) (rune, int) {
	switch {
	case raw[0] == 0x8E && len(raw) > 1 && raw[1] >= 0xA1 && raw[1] <= 0xDF:
		return rune(raw[1]) - 0xA1 + 0xFF61, 2
	case raw[0] == 0x8F && len(raw) > 2:
		if r, w := pair94(t.jis2, raw[1], raw[2]); w == 2 {
			return r, 3
		}
	case len(raw) > 1:
		return pair94(t.jis, raw[0], raw[1])
	}
	return utf8.RuneError, 1
}

func pair94(table []uint16, a, b byte) (rune, int) {
	if a < 0xA1 || a > 0xFE || b < 0xA1 || b > 0xFE {
		return utf8.RuneError, 1
	}
	if r := table[int(a-0xA1)*94+int(b-0xA1)]; r != 0 {
		return rune(r), 2
	}
	return utf8.RuneError, 2
}

// halfKana are the full forms of U+FF66 to U+FF9D.
const halfKana = "ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン"

// push appends one character in its one form, and tells whether it is one that may be a hyphen.
func (l *line) push(r rune, at int) (long bool) {
	switch {
	case r >= 0xFF01 && r <= 0xFF5E:
		r -= 0xFEE0
	case r == 0x3000, r == 0xA0, r >= 0x2000 && r <= 0x200A:
		r = ' '
	case r >= 0x200B && r <= 0x200D, r == 0xFEFF, r == 0xAD, r == 0x2060:
		return false
	case r >= 0x2010 && r <= 0x2015, r == 0x2212:
		r = '-'
	case r >= 0xFF66 && r <= 0xFF9D:
		r = kanaAt(int(r - 0xFF66))
	case (r == 0xFF9E || r == 0xFF9F || r == 0x3099 || r == 0x309A) && len(l.r) > 0:
		if with := voiced(l.r[len(l.r)-1], r == 0xFF9F || r == 0x309A); with != 0 {
			l.r[len(l.r)-1] = with
			return false
		}
	}
	l.r, l.at = append(l.r, r), append(l.at, int32(at))
	return r == 'ー'
}

func kanaAt(i int) rune {
	r, _ := utf8.DecodeRuneInString(halfKana[3*i:])
	return r
}

// voiced gives the katakana or hiragana with its mark, 0 if it takes none.
func voiced(r rune, half bool) rune {
	if r >= 'ぁ' && r <= 'ん' {
		if v := voiced(r+0x60, half); v != 0 {
			return v - 0x60
		}
		return 0
	}
	switch {
	case r >= 'ハ' && r <= 'ホ' && (r-'ハ')%3 == 0:
		if half {
			return r + 2
		}
		return r + 1
	case half:
		return 0
	case r == 'ウ':
		return 'ヴ'
	case r >= 'カ' && r <= 'ヂ' && (r-'カ')%2 == 0, r == 'ツ', r == 'テ', r == 'ト':
		return r + 1
	}
	return 0
}

// hyphens makes the long mark of kana a hyphen where it stands between digits, as people type it.
func (l *line) hyphens() {
	for i := 1; i+1 < len(l.r); i++ {
		if l.r[i] == 'ー' && isDigit(l.r[i-1]) && isDigit(l.r[i+1]) {
			l.r[i] = '-'
		}
	}
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isLetter(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' }

func isUpper(r rune) bool { return r >= 'A' && r <= 'Z' }

func isKanji(r rune) bool {
	return r >= 0x4E00 && r <= 0x9FFF || r == '々' || r == 'ヶ' || r >= 0x3400 && r <= 0x4DBF || r >= 0xF900 && r <= 0xFAFF
}

func isHiragana(r rune) bool { return r >= 'ぁ' && r <= 'ゖ' }

func isKatakana(r rune) bool { return r >= 'ァ' && r <= 'ヺ' || r == 'ー' || r == 'ヽ' }
