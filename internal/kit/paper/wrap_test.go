package paper

import (
	"strings"
	"testing"
	"unicode"
)

func halves(r rune) float64 {
	if r < 0x2000 {
		return 0.5
	}
	return 1
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		width float64
		want  string // lines, with | between them
	}{
		"short":                     {"棚卸", 5, "棚卸"},
		"empty":                     {"", 5, ""},
		"anywhere":                  {"一二三四五六七", 3, "一二三|四五六|七"},
		"no full stop first":        {"一二三。四", 3, "一二|三。四"},
		"no two of them first":      {"一二三」。四", 3, "一二|三」。|四"},
		"no opening bracket last":   {"一二「三四", 3, "一二|「三四"},
		"no small kana first":       {"サーバーシャッ", 3, "サー|バー|シャッ"},
		"dots together":             {"一二……三", 3, "一二|……三"},
		"words whole":               {"lend the stick", 4, "lend the |stick"},
		"number with its unit":      {"約120円", 2, "約|120|円"},
		"a word that is too long":   {"abcdefgh", 2, "abcd|efgh"},
		"an address after a slash":  {"https://a.example/b", 5, "https://|a.example/|b"},
		"blank hangs over the edge": {"一二三 四", 3, "一二三 |四"},
		"paragraphs":                {"一\n\n二", 3, "一||二"},
		"nothing allowed":           {"。。。。", 2, "。。|。。"},
		"narrower than a character": {"一二", 0.1, "一|二"},
	} {
		if got := strings.Join(wrap(c.text, c.width, halves), "|"); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// FuzzWrap holds that nothing is lost, no line is too wide, and that what may not begin a
// line does so only where the line before had no other place to end.
func FuzzWrap(f *testing.F) {
	f.Add("サーバー(……)を、https://a.example/b?c=d へ。\nUSB-2026-0001　", uint8(9))
	f.Fuzz(func(t *testing.T, text string, width uint8) {
		text = plain(text)
		if len(text) > 1000 {
			return
		}
		wide := float64(width%40) + 1
		lines := wrap(text, wide, halves)
		if got := strings.Join(lines, ""); got != strings.ReplaceAll(text, "\n", "") {
			t.Fatalf("%q became %q", text, got)
		}
		for _, line := range lines {
			sum := 0.0
			for _, r := range strings.TrimRightFunc(line, unicode.IsSpace) {
				sum += halves(r)
			}
			if n := len([]rune(line)); sum > wide && n > 1 {
				t.Fatalf("line %q is %.1f wide, room for %.1f", line, sum, wide)
			}
		}
	})
}
