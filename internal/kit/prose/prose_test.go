package prose_test

import (
	"testing"

	"sekimori/internal/kit/prose"
)

func TestProse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ what, got, want string }{
		{"a mark that turns the writing", prose.Visible("abc\u202etxt.exe"), "abctxt.exe"},
		{"what looks the same", prose.Visible("顧\u200b客"), "顧客"},
		{"no UTF-8", prose.Visible("a\xffb"), "ab"},
		{"one line", prose.Line(" 一\n\t二　三\x00\x1b[2J "), "一 二 三 [2J"},
		{"short enough", prose.Clip("名簿です", 4), "名簿です"},
		{"too long", prose.Clip("名簿ですよ", 4), "名簿で…"},
		{"line breaks stay", prose.Paragraph("\n一 \r\n\n二\u202e\n", 10), "一\n\n二"},
		{"a long paragraph", prose.Paragraph("一\n二三四五", 4), "一\n二三"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, tt.got, tt.want)
		}
	}
}
