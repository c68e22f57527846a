package corpus

import (
	"fmt"
	"strings"

	"golang.org/x/text/encoding/japanese"

	"sekimori/internal/pii"
)

// plain are what a person would give to ripgrep for each kind. What is between ‹ and › is Japanese, and ‹漢› any kanji.
func plain() []struct {
	kind    pii.Kind
	pattern string
} {
	return []struct {
		kind    pii.Kind
		pattern string
	}{
		{pii.MyNumber, `\b[0-9]{4}[- ]?[0-9]{4}[- ]?[0-9]{4}\b`},
		{pii.DriverLicence, `\b[0-9]{12}\b`},
		{pii.Passport, `\b[A-Z]{2}[0-9]{7}\b`},
		{pii.ResidenceCard, `\b[A-Z]{2}[0-9]{8}[A-Z]{2}\b`},
		{pii.Pension, `\b[0-9]{4}-[0-9]{6}\b`},
		{pii.HealthInsurance, `‹保険者番号›.{0,4}[0-9]{6,8}`},
		{pii.Yucho, `\b1[0-9]{3}0-[0-9]{1,7}1\b`},
		{pii.BankAccount, `‹口座›.{0,12}[0-9]{7}`},
		{pii.PaymentCard, `\b[0-9]{4}[- ]?[0-9]{4}[- ]?[0-9]{4}[- ]?[0-9]{4}\b`},
		{pii.Phone, `\b0[0-9]{1,4}-?[0-9]{1,4}-?[0-9]{4}\b`},
		{pii.Mail, `[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`},
		{pii.Address, `(‹北海道›|‹東京都›|‹大阪府›|‹京都府›|‹漢›{2,3}‹県›)‹漢›`},
		{pii.Name, `(‹氏名›|‹名前›|name)("?[:=,\t ]"?|‹:›)\S+|‹漢›{1,4}( |‹ ›)?‹漢›{0,3}(‹様›|‹さん›|‹殿›|‹氏›)`},
		{pii.BirthDate, `(19|20)[0-9]{2}([-/]|‹年›)[0-9]{1,2}([-/]|‹月›)[0-9]{1,2}|(‹昭和›|‹平成›)[0-9]{1,2}‹年›[0-9]{1,2}‹月›[0-9]{1,2}‹日›`},
	}
}

// PatternsByKind gives the patterns for text whose encoding ripgrep is told.
func PatternsByKind() map[pii.Kind]string {
	out := map[pii.Kind]string{}
	for _, p := range plain() {
		out[p.kind] = strings.NewReplacer(`\b`, `(?-u:\b)`, "‹漢›", `\p{Han}`, "‹", "(?:", "›", ")").Replace(p.pattern)
	}
	return out
}

// Patterns gives all of them as one for bytes in UTF-8, Shift_JIS and EUC-JP alike.
func Patterns() string {
	var all []string
	for _, p := range plain() {
		if !strings.Contains(p.pattern, "‹") {
			all = append(all, p.pattern)
			continue
		}
		for _, e := range []struct {
			kanji  string
			encode func(string) (string, error)
		}{
			{`(?:[\xE4-\xE9][\x80-\xBF][\x80-\xBF])`, func(s string) (string, error) { return s, nil }},
			{`(?:[\x88-\x9F\xE0-\xEA][\x40-\xFC])`, japanese.ShiftJIS.NewEncoder().String},
			{`(?:[\xB0-\xF4][\xA1-\xFE])`, japanese.EUCJP.NewEncoder().String},
		} {
			all = append(all, literal(strings.ReplaceAll(p.pattern, "‹漢›", e.kanji), e.encode))
		}
	}
	return "(?-u)(?:" + strings.Join(all, ")|(?:") + ")"
}

// literal writes the Japanese of a pattern as bytes.
func literal(p string, encode func(string) (string, error)) string {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(p, "‹")
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		word, after, _ := strings.Cut(rest, "›")
		raw, err := encode(word)
		if err != nil {
			raw = word // every word above is in every encoding
		}
		out.WriteString("(?:")
		for i := range len(raw) {
			fmt.Fprintf(&out, `\x%02X`, raw[i])
		}
		out.WriteString(")")
		p = after
	}
}
