package pii

import (
	"bytes"
	"unicode/utf8"
)

// wide tells UTF-16 by its mark or by its zeros: text of Japan in UTF-16 has many bytes 0x00 and 0x30 on one side.
// Empty means that it is something else. mark is the length of the byte order mark.
func wide(head []byte) (enc Encoding, mark int) {
	switch {
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		return UTF16LE, 2
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return UTF16BE, 2
	}
	head = head[:min(len(head), 4096)]
	if bytes.IndexByte(head, 0) < 0 {
		return "", 0
	}
	var high [2]int
	for i, b := range head {
		if b == 0 || b == 0x30 {
			high[i&1]++
		}
	}
	half := len(head) / 2
	switch {
	case half < 4:
	case high[1]*10 > half*4 && high[0]*10 < half*2:
		return UTF16LE, 0
	case high[0]*10 > half*4 && high[1]*10 < half*2:
		return UTF16BE, 0
	}
	return "", 0
}

// guess tells the encoding of a stretch that may begin and end in the middle of a character. prior is what the text
// around it is in, which decides where the stretch alone does not.
func guess(raw []byte, prior Encoding) Encoding {
	if ascii(raw) {
		if at := bytes.IndexByte(raw, 0x1B); at >= 0 && at+2 < len(raw) && raw[at+1] == '$' && (raw[at+2] == 'B' || raw[at+2] == '@') {
			return ISO2022JP
		}
		return ASCII
	}
	if utf8.Valid(raw) {
		return UTF8
	}
	first := 0
	for raw[first] < 0x80 {
		first++
	}
	good, bad := utf8Runs(raw[first:])
	if good > 0 && bad == 0 || good > 8*bad {
		return UTF8
	}
	sjis, euc := sjisScore(raw[first:]), eucScore(raw[first:])
	best := max(sjis, euc)
	switch {
	case best <= 0 && prior != "" && prior != ASCII:
		return prior
	case best <= 0, 2*good > 3*bad && prior == UTF8:
		return UTF8
	case sjis == euc && (prior == EUCJP || prior == ShiftJIS):
		return prior
	case sjis >= euc:
		return ShiftJIS
	}
	return EUCJP
}

// utf8Runs counts the characters of several bytes that are right and the bytes that are none, not minding a character
// that is cut at either end.
func utf8Runs(raw []byte) (good, bad int) {
	lead := 0
	for lead < len(raw) && lead < 3 && raw[lead]&0xC0 == 0x80 {
		lead++
	}
	raw = raw[lead:]
	for i := 0; i < len(raw); {
		if raw[i] < 0x80 {
			i++
			continue
		}
		r, w := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && w == 1 {
			if !utf8.FullRune(raw[i:]) {
				break
			}
			bad++
		} else {
			good++
		}
		i += w
	}
	return good, bad + lead/2
}

// sjisScore counts how much speaks for Shift_JIS: kana and common kanji for it, bytes that cannot be against it.
func sjisScore(raw []byte) int {
	score := 0
	for i := 0; i < len(raw); i++ {
		b := raw[i]
		switch {
		case b < 0x80:
		case b >= 0xA1 && b <= 0xDF:
			if i+1 < len(raw) && raw[i+1] >= 0xA1 && raw[i+1] <= 0xDF {
				score++ // half-width katakana come in words
			} else {
				score--
			}
		case b >= 0x81 && b <= 0x9F || b >= 0xE0 && b <= 0xFC:
			if i+1 == len(raw) {
				return score
			}
			i++
			t := raw[i]
			switch {
			case t < 0x40 || t == 0x7F || t > 0xFC:
				score -= 8
				i--
			case b == 0x82 && t >= 0x4F || b == 0x83 && t <= 0x96:
				score += 4
			case b == 0x81, b >= 0x88 && b <= 0x97:
				score += 3
			case b >= 0xF0:
				score -= 2
			default:
				score++
			}
		default:
			score -= 8
		}
	}
	return score
}

// eucScore does the same for EUC-JP.
func eucScore(raw []byte) int {
	score := 0
	for i := 0; i < len(raw); i++ {
		b := raw[i]
		if b < 0x80 {
			continue
		}
		if i+1 == len(raw) {
			return score
		}
		t := raw[i+1]
		switch {
		case b == 0x8E && t >= 0xA1 && t <= 0xDF:
			score++
			i++
		case b == 0x8F && i+2 < len(raw) && t >= 0xA1 && raw[i+2] >= 0xA1:
			i += 2
		case b < 0xA1 || b == 0xFF || t < 0xA1 || t == 0xFF:
			score -= 8
		default:
			switch {
			case b == 0xA4 && t <= 0xF3, b == 0xA5 && t <= 0xF6, b == 0xA3 && t >= 0xB0:
				score += 4
			case b == 0xA1, b >= 0xB0 && b <= 0xCF:
				score += 3
			case b >= 0xA9 && b <= 0xAF, b >= 0xF5:
				score -= 4
			default:
				score++
			}
			i++
		}
	}
	return score
}

// setFor tells, by some looks into a strip, which needles are right for it: those of one encoding where all looks agree,
// which is quicker, or else all of them.
func (t *triggers) setFor(b []byte) int {
	const looks, wide = 4, 64
	mixed := len(t.sets) - 1
	if len(b) < strip/2 { // too little to tell
		return mixed
	}
	set := -1
	for k := range looks {
		at := len(b) / looks * k
		part := b[at : at+wide]
		if ascii(part) {
			continue
		}
		one := mixed
		switch guess(part, "") {
		case UTF8:
			one = 0
		case ShiftJIS:
			one = 1
		case EUCJP:
			one = 2
		}
		if set >= 0 && set != one {
			return mixed
		}
		set = one
	}
	if set < 0 {
		return mixed
	}
	return set
}
