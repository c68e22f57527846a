package paper

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What may not begin a line and what may not end one (JIS X 4051, the strict rule).
const (
	neverFirst = "、。，．・：；？！゛゜ヽヾゝゞ々ー）〕］｝〉》」』】〙〗〟’”｠»‐゠–〜～" +
		"ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ" +
		"｡､･ﾞﾟｰｧｨｩｪｫｬｭｮｯ｣°′″℃％‰" + ",.:;?!)]}%/"
	neverLast = "（〔［｛〈《「『【〘〖〝‘“｟«￥＄￡＃№" + "([{｢$#"
	// together may not be torn from another of the same.
	together = "…‥―─"
)

// plain drops what has no place on paper: control characters, marks that choose between
// forms of a character, and what has no width. A kana with a voicing mark of its own, as
// file names of a Mac have, becomes one character.
func plain(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", " ", "\u00a0", " ").Replace(strings.ToValidUTF8(text, string(Geta)))
	var out []rune
	for _, r := range text {
		switch {
		case r == '\n':
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Variation_Selector):
			continue
		case (r == '\u3099' || r == '\u309a') && len(out) > 0:
			if one, size := utf8.DecodeRuneInString(norm.NFC.String(string(out[len(out)-1]) + string(r))); size > 0 &&
				norm.NFC.String(string(out[len(out)-1])+string(r)) == string(one) {
				out[len(out)-1] = one
				continue
			}
		}
		out = append(out, r)
	}
	return string(out)
}

// wrap breaks text into lines no wider than width where Japanese may be broken. Joined
// again, the lines of a paragraph are the paragraph. One that offers no place (a long
// address) is broken anywhere; a line holds at least one character.
func wrap(text string, width float64, wide func(rune) float64) []string {
	var out []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		out = append(out, wrapOne([]rune(paragraph), width, wide)...)
	}
	return out
}

func wrapOne(text []rune, width float64, wide func(rune) float64) []string {
	var out []string
	from, place, long := 0, 0, 0.0
	for i := 0; i < len(text); i++ {
		if i > from && mayBreak(text[i-1], text[i]) {
			place = i
		}
		w := wide(text[i])
		// A blank may hang over the edge: nobody sees it.
		if long+w > width && i > from && !unicode.IsSpace(text[i]) {
			end := i
			if place > from {
				end = place
			}
			out = append(out, string(text[from:end]))
			from, place, long = end, end, 0
			i = end - 1
			continue
		}
		long += w
	}
	return append(out, string(text[from:]))
}

// mayBreak reports whether a line may end with a and the next begin with b.
func mayBreak(a, b rune) bool {
	switch {
	case unicode.IsSpace(b), strings.ContainsRune(neverFirst, b), strings.ContainsRune(neverLast, a):
		return false
	case unicode.IsSpace(a):
		return true
	case strings.ContainsRune(together, a) && a == b:
		return false
	case western(a) && western(b):
		return a == '-' && unicode.IsLetter(b)
	}
	return true
}

// western are the characters of words and numbers that are not broken.
func western(r rune) bool {
	return r > ' ' && r < 0x2000 && !slices.Contains([]rune{'/', '&', '='}, r)
}
