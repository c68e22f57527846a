package directory

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// The functions here bring one cell to the form in which it is stored. The second
// result is a message id when the cell cannot be that; the value is then as typed.

// plainText keeps the characters, because names are written with variants that a
// normalisation would replace. Only the space around and between is brought in order.
func plainText(s string) (string, string) {
	return strings.Join(strings.Fields(strings.Map(visible, s)), " "), ""
}

// visible drops characters that only steer the display: two names that look the same
// should be the same.
func visible(r rune) rune {
	if unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}

// codeText is for numbers and codes: half-width, without spaces, every dash a hyphen.
func codeText(s string) (string, string) {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return -1
		case r >= '\u2010' && r <= '\u2015', r == '\u2212':
			return '-'
		}
		return visible(r)
	}, norm.NFKC.String(s)), ""
}

// kanaText is full-width katakana, whatever kana was typed.
func kanaText(s string) (string, string) {
	typed, _ := plainText(s)
	out := strings.Map(func(r rune) rune {
		if r >= 'ぁ' && r <= 'ゖ' || r == 'ゝ' || r == 'ゞ' {
			return r + ('ア' - 'あ')
		}
		return r
	}, norm.NFKC.String(typed))
	for _, r := range out {
		if r != ' ' && (r < 'ァ' || r > 'ヾ') { // this range holds the middle dot and the long vowel
			return typed, "fault.bad_kana"
		}
	}
	return out, ""
}

// mailText is a mail address in lower case. Domains of the old mobile carriers allow
// dots where the standard does not, so the part before @ is judged loosely.
func mailText(s string) (string, string) {
	v, _ := codeText(s)
	v = strings.ToLower(v)
	if v == "" {
		return "", ""
	}
	local, domain, ok := strings.Cut(v, "@")
	good := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(".!#$%&'*+/=?^_`{|}~-", r)
	}
	if !ok || local == "" || len(local) > 64 || len(v) > 254 || strings.ContainsFunc(local, func(r rune) bool { return !good(r) }) {
		return v, "fault.bad_email"
	}
	labels := strings.Split(domain, ".")
	if len(labels) < 2 || slices.ContainsFunc(labels, func(l string) bool { return !label(l) }) || len(labels[len(labels)-1]) < 2 {
		return v, "fault.bad_email"
	}
	return v, ""
}

// label reports whether l can stand between the dots of a domain.
func label(l string) bool {
	return l != "" && len(l) <= 63 && l[0] != '-' && l[len(l)-1] != '-' && !strings.ContainsFunc(l, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
}

// phoneText is a phone number with the hyphens that were typed; brackets become
// hyphens. Within Japan it has 10 or 11 digits from 0 on, or 14 for machines (020);
// abroad 8 to 15 after +.
func phoneText(s string) (string, string) {
	typed, _ := codeText(s)
	v := strings.NewReplacer("ー", "-", "(", "-", ")", "-").Replace(typed)
	for strings.Contains(v, "--") {
		v = strings.ReplaceAll(v, "--", "-")
	}
	v = strings.Trim(v, "-")
	if v == "" && typed == "" {
		return "", ""
	}
	rest, abroad := strings.CutPrefix(v, "+")
	digits := strings.ReplaceAll(rest, "-", "")
	n := len(digits)
	switch {
	case strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' }):
		return typed, "fault.bad_phone"
	case abroad && n >= 8 && n <= 15 && digits[0] != '0':
		return v, ""
	case !abroad && n > 0 && digits[0] == '0' && (n == 10 || n == 11 || n == 14 && strings.HasPrefix(digits, "020")):
		return v, ""
	}
	return typed, "fault.bad_phone"
}

// langText is "ja" or "en"; empty stays empty and changes nothing.
func langText(s string) (string, string) {
	v, _ := codeText(s)
	switch strings.ToLower(v) {
	case "":
		return "", ""
	case "ja", "jp", "日本語", "japanese":
		return "ja", ""
	case "en", "英語", "english":
		return "en", ""
	}
	return v, "fault.csv_unknown_lang"
}

// dateText is a day as 2026-11-22, from the ways in which a spreadsheet writes it.
func dateText(s string) (string, string) {
	v, _ := codeText(s)
	if v == "" {
		return "", ""
	}
	for _, form := range []string{"2006-1-2", "2006/1/2", "2006.1.2", "2006年1月2日"} {
		if t, err := time.Parse(form, v); err == nil && t.Year() >= 1900 && t.Year() < 2200 {
			return t.Format(time.DateOnly), ""
		}
	}
	return v, "fault.bad_date"
}
