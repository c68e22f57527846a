package pii

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
)

// triggers decide, on raw bytes of any encoding, which places are worth reading as characters.
type triggers struct {
	sets        [4]*needles // for text in UTF-8, Shift_JIS, EUC-JP, and for what is mixed or not known
	classes     *[256]byte
	prefectures map[string]bool    // names in every encoding
	latin       [labelled][][]byte // words of ASCII letters, one of which must be near a weak number
	labels      [labelled][][]byte // words in every other encoding
	towns       map[Encoding][][]byte
	eras        [][]byte // in every encoding
	fast        bool     // the processor's shuffles are used
}

// needles are the marks and words of one encoding, or of all, and what finds them.
type needles struct {
	filter filter
	wide   *wideFilter
	tables [8][16]byte   // the same, and the classes, as the processor's shuffles want them
	from   [256][]needle // by the first byte of their fingerprint
}

// add puts a needle in. Its fingerprint is three bytes, fewer where it is shorter.
func (s *needles) add(bucket int, n needle) {
	print, any := n.print()
	s.filter.add(bucket, print, any)
	s.from[print[0]] = append(s.from[print[0]], n)
}

// needle is a mark or word in one encoding.
type needle struct {
	bytes   []byte
	at      int // of the fingerprint in bytes
	enc     Encoding
	rule    rule
	notPast [][]byte // what may not stand right before
	notNext [][]byte // what may not stand right behind
}

// print gives the fingerprint, and where every byte will do.
func (n needle) print() (print [3]byte, any [3]bool) {
	for k := range 3 {
		if any[k] = n.at+k >= len(n.bytes); !any[k] {
			print[k] = n.bytes[n.at+k]
		}
	}
	return print, any
}

// rule is what must be true around a needle.
type rule uint8

const (
	always         rule = iota
	afterKanji          // a kanji stands before it
	afterName           // a kanji or a space stands before it
	isMail              // it is the sign in an address of mail
	isPrefecture        // it ends a prefecture's name
	manyFullDigits      // it begins a number in full-width digits
	beforeDigit         // a digit follows
)

func newTriggers() (*triggers, error) {
	t := &triggers{classes: classes(), prefectures: map[string]bool{},
		towns: map[Encoding][][]byte{}, fast: hasShuffles()}
	for i := range t.sets {
		t.sets[i] = &needles{}
		t.sets[i].add(7, needle{bytes: []byte("@"), rule: isMail})
		t.sets[i].add(6, needle{bytes: []byte("\x1B$")}) // ISO-2022-JP begins to write kanji in ASCII bytes
	}
	for i, e := range []struct {
		enc  Encoding
		code *encoding.Encoder
	}{{UTF8, encoding.Nop.NewEncoder()}, {ShiftJIS, japanese.ShiftJIS.NewEncoder()}, {EUCJP, japanese.EUCJP.NewEncoder()}} {
		if err := t.fill(i, e.enc, e.code); err != nil {
			return nil, fmt.Errorf("triggers in %s: %w", e.enc, err)
		}
	}
	for _, s := range t.sets {
		s.wide, s.tables = s.filter.widen(), s.filter.tables()
	}
	t.latin[twelveDigits] = [][]byte{[]byte("umber"), []byte("icen"), []byte("ojin"), []byte("enkyo"), []byte("y_num"), []byte("_no")}
	t.latin[cardDigits] = [][]byte{[]byte("ard"), []byte("CARD"), []byte("isa"), []byte("VISA"), []byte("JCB"),
		[]byte("mex"), []byte("AMEX"), []byte("number")}
	t.latin[birthDigits] = [][]byte{[]byte("irth"), []byte("dob"), []byte("DOB"), []byte("orn")}
	t.latin[accountDigits] = [][]byte{[]byte("ccount"), []byte("cct"), []byte("ouza")}
	t.latin[insurerDigits] = [][]byte{[]byte("nsur"), []byte("okensh")}
	t.latin[passportDigits] = [][]byte{[]byte("assport"), []byte("ASSPORT"), []byte("yoken")}
	t.latin[pensionDigits] = [][]byte{[]byte("ension"), []byte("enkin")}
	t.latin[yuchoDigits] = [][]byte{[]byte("ucho"), []byte("ost bank")}
	t.latin[phoneDigits] = [][]byte{[]byte("el"), []byte("TEL"), []byte("hone"), []byte("obile"), []byte("FAX"), []byte("ax")}
	return t, nil
}

// fill adds the needles of one encoding. Each gets buckets of its own, so that the parts of different encodings are not
// taken together.
func (t *triggers) fill(i int, enc Encoding, code *encoding.Encoder) error {
	var failed error
	in := func(s string) []byte {
		b, err := code.Bytes([]byte(s))
		if err != nil && failed == nil {
			failed = fmt.Errorf("%q: %w", s, err)
		}
		return b
	}
	each := func(s string) (out [][]byte) {
		for _, r := range s {
			out = append(out, in(string(r)))
		}
		return out
	}
	own, mixed := t.sets[i], t.sets[len(t.sets)-1]
	add := func(n needle) { // buckets of its own; among the others', one for digits and one for words
		n.enc = enc
		shared := 2*i + 1
		if n.rule == manyFullDigits {
			shared = 2 * i
			own.add(5, n)
		} else {
			own.add(own.filter.best(5, n), n)
		}
		mixed.add(shared, n)
	}
	for _, d := range "０１２３４５６７８９" {
		add(needle{bytes: in(string(d)), rule: manyFullDigits})
	}
	for _, c := range "県都府道" {
		add(needle{bytes: in(string(c)), rule: isPrefecture})
	}
	across := 0 // a fingerprint across two characters is rarer than one character's
	if enc == UTF8 {
		across = 2
	}
	add(needle{bytes: in("〒"), rule: beforeDigit})
	add(needle{bytes: in("様"), rule: afterName, notPast: each("仕同多模皆神奥客有異今逆各何王文"), notNext: each("々式子態相")})
	add(needle{bytes: in("殿"), rule: afterName, notPast: each("宮御神拝本沈"), notNext: each("堂様下")})
	add(needle{bytes: in("氏"), rule: afterKanji, notPast: each("同両諸某各源平摂華"), notNext: each("族神")})
	add(needle{bytes: in("氏名")})
	add(needle{bytes: in("名前"), at: across})
	add(needle{bytes: in("生年"), at: across})
	add(needle{bytes: in("日生"), at: across, notNext: each("活産じ成")})
	add(needle{bytes: in("誕生"), at: across})
	add(needle{bytes: in("険者"), at: across})
	add(needle{bytes: in("住所"), at: across})
	add(needle{bytes: in("リガナ"), at: across})
	add(needle{bytes: in("さん"), at: across, rule: afterKanji, notPast: each("皆客沢奥爺婆娘兄姉父母")})
	t.towns[enc] = each("市区町村郡")
	for _, e := range eras() {
		t.eras = append(t.eras, in(e.kanji))
	}
	ls, err := lines("prefectures.txt")
	if err != nil {
		return err
	}
	for _, l := range ls {
		for _, name := range bytes.Fields([]byte(l)) {
			t.prefectures[string(in(string(name)))] = true
		}
	}
	for kind, all := range [labelled]string{
		twelveDigits: "マイナ 個人 免許", cardDigits: "カード クレジ", birthDigits: "生 誕", accountDigits: "口座 預金 振込 普通 当座", insurerDigits: "保険 健保 国保 記号",
		passportDigits: "旅券 パスポート", pensionDigits: "年金", yuchoDigits: "ゆうちょ 記号 通帳 貯金", phoneDigits: "電話 携帯 連絡先 ファ",
	} {
		for _, w := range bytes.Fields([]byte(all)) {
			t.labels[kind] = append(t.labels[kind], in(string(w)))
		}
	}
	return failed
}

// fits tells whether the fingerprint at b[i] belongs to something worth reading.
func (t *triggers) fits(set *needles, b []byte, i int) bool {
	all := set.from[b[i]]
	for k := range all {
		n := &all[k]
		at := i - n.at
		if at >= 0 && bytes.HasPrefix(b[at:], n.bytes) && t.obeys(n, b, at) {
			return true
		}
	}
	return false
}

func (t *triggers) obeys(n *needle, b []byte, at int) bool {
	for _, x := range n.notPast {
		if bytes.HasSuffix(b[:at], x) {
			return false
		}
	}
	for _, x := range n.notNext {
		if bytes.HasPrefix(b[at+len(n.bytes):], x) {
			return false
		}
	}
	switch n.rule {
	case afterKanji:
		return kanjiBefore(b, at, n.enc)
	case afterName:
		return kanjiBefore(b, at, n.enc) || spaceBefore(b, at, n.enc)
	case isMail:
		return mailAt(b, at)
	case isPrefecture:
		w := 2
		if n.enc == UTF8 {
			w = 3
		}
		end := at + w
		return (end >= 3*w && t.prefectures[string(b[end-3*w:end])] || end >= 4*w && t.prefectures[string(b[end-4*w:end])]) &&
			t.town(b, end, n.enc)
	case beforeDigit:
		i := at + len(n.bytes)
		if i < len(b) && b[i] == ' ' {
			i++
		}
		return i < len(b) && (isDigit(rune(b[i])) || b[i] == 0xEF || b[i] == 0x82 || b[i] == 0xA3)
	case manyFullDigits:
		return fullDigits(b, at, n.enc)
	}
	return true
}

func kanjiBefore(b []byte, at int, enc Encoding) bool {
	switch {
	case enc == UTF8:
		return at >= 3 && (b[at-3] >= 0xE4 && b[at-3] <= 0xE9 || b[at-3] == 0xE3 && b[at-2] == 0x80 && b[at-1] == 0x85)
	case at < 2:
		return false
	case enc == ShiftJIS:
		c := b[at-2]
		return c >= 0x88 && c <= 0x9F || c >= 0xE0 && c <= 0xFC || c == 0x81 && b[at-1] == 0x58
	}
	c := b[at-2]
	return c >= 0xB0 && c <= 0xF4 || c == 0xA1 && b[at-1] == 0xB9
}

func spaceBefore(b []byte, at int, enc Encoding) bool {
	if at < 1 {
		return false
	}
	switch {
	case b[at-1] == ' ':
		return true
	case enc == UTF8:
		return at >= 3 && string(b[at-3:at]) == "\u3000"
	case enc == ShiftJIS:
		return at >= 2 && b[at-2] == 0x81 && b[at-1] == 0x40
	}
	return at >= 2 && b[at-2] == 0xA1 && b[at-1] == 0xA1
}

// town tells whether a municipality can follow at i.
func (t *triggers) town(b []byte, i int, enc Encoding) bool {
	next := b[i:min(len(b), i+36)]
	for _, w := range t.towns[enc] {
		if bytes.Contains(next, w) {
			return true
		}
	}
	return false
}

// mailAt tells whether the sign at i has a name before it and a host with a dot behind it.
func mailAt(b []byte, i int) bool {
	if i == 0 || !isLocal(rune(b[i-1])) || i+1 >= len(b) || !isDigit(rune(b[i+1])) && !isLetter(rune(b[i+1])) {
		return false
	}
	k := i + 1
	for k < len(b) && k < i+254 && isHost(rune(b[k])) {
		k++
	}
	for b[k-1] == '.' || b[k-1] == '-' {
		k--
	}
	return validHost(b[i+1:k]) && !bytes.Contains(b[max(0, i-80):i], []byte("essage-I"))
}

// fullDigits tells whether at least six digits in full width, signs between them left out, begin at i.
func fullDigits(b []byte, i int, enc Encoding) bool {
	n, signs := 0, 0
	for i < len(b) && signs < 3 {
		w := 2
		switch {
		case b[i] < 0x80:
			if isDigit(rune(b[i])) {
				n++
				signs = 0
			} else {
				signs++
				if b[i] == ',' {
					return false
				}
			}
			w = 1
		case enc == UTF8 && i+2 < len(b) && b[i] == 0xEF && b[i+1] == 0xBC && b[i+2] >= 0x90 && b[i+2] <= 0x99,
			enc == ShiftJIS && i+1 < len(b) && b[i] == 0x82 && b[i+1] >= 0x4F && b[i+1] <= 0x58,
			enc == EUCJP && i+1 < len(b) && b[i] == 0xA3 && b[i+1] >= 0xB0 && b[i+1] <= 0xB9:
			n++
			signs = 0
			if enc == UTF8 {
				w = 3
			}
		default:
			signs++
			if enc == UTF8 {
				w = 3
			}
		}
		if n >= 6 {
			return true
		}
		i += w
	}
	return false
}

// label names a sort of number that is nothing without a word near it.
type label uint8

const (
	twelveDigits label = iota // individual numbers and licences
	cardDigits
	birthDigits
	accountDigits
	insurerDigits
	passportDigits
	pensionDigits
	yuchoDigits
	phoneDigits
	labelled // how many there are
)

// named tells whether a word for the sort of number is in b, in any encoding.
func (t *triggers) named(l label, b []byte) bool {
	return contains(b, t.latin[l]) || !ascii(b) && contains(b, t.labels[l])
}

func contains(b []byte, words [][]byte) bool {
	for _, w := range words {
		if bytes.Contains(b, w) {
			return true
		}
	}
	return false
}

// ascii tells whether b has no byte of any other character.
func ascii(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
