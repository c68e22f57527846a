package i18n

import (
	"strconv"
	"strings"
)

// Limits on what Match reads of a header that a stranger sent.
const (
	maxHeader = 1024
	maxRanges = 32
)

// Match chooses a language from an Accept-Language header (RFC 9110, 12.5.4). Japanese
// unless English is wanted more: an empty, broken or undecided header gives Japanese.
func Match(acceptLanguage string) Lang {
	if len(acceptLanguage) > maxHeader {
		acceptLanguage = acceptLanguage[:maxHeader]
	}
	best := map[string]float64{}
	for range maxRanges {
		var part string
		part, acceptLanguage, _ = strings.Cut(acceptLanguage, ",")
		tag, q := parseRange(part)
		best[tag] = max(best[tag], q)
		if acceptLanguage == "" {
			break
		}
	}
	ja, named := best["ja"]
	if !named {
		ja = best["*"]
	}
	if en := best["en"]; en > ja {
		return EN
	}
	return JA
}

// parseRange reads "en-US;q=0.8" as its primary tag and weight. A weight that cannot
// be read counts as 0, so that nonsense decides nothing.
func parseRange(s string) (primary string, q float64) {
	tag, params, weighted := strings.Cut(s, ";")
	primary, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
	if !weighted {
		return primary, 1
	}
	name, value, _ := strings.Cut(params, "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return primary, 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !(q >= 0 && q <= 1) { // also refuses NaN
		return primary, 0
	}
	return primary, q
}
