package outbox

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLinked(t *testing.T) {
	t.Parallel()
	const base = "https://sekimori.example"
	tests := []struct {
		name, text, base string
		want             []piece
	}{
		{"no address", "こんにちは", base, []piece{{Text: "こんにちは"}}},
		{"ours", "開く:https://sekimori.example/a/x.y\n以上", base, []piece{{Text: "開く:"}, {"https://sekimori.example/a/x.y", "/a/x.y"}, {Text: "\n以上"}}},
		{"full stop is no part", "See https://sekimori.example/a/x.", base, []piece{{Text: "See "}, {"https://sekimori.example/a/x", "/a/x"}, {Text: "."}}},
		{"somebody else's", "https://elsewhere.example/a", base, []piece{{Text: "https://elsewhere.example/a"}}},
		{"longer host", "https://sekimori.example.evil.example/a", base, []piece{{Text: "https://sekimori.example.evil.example/a"}}},
		{"two slashes lead away", "https://sekimori.example//evil.example", base, []piece{{Text: "https://sekimori.example//evil.example"}}},
		{"twice", "https://sekimori.example/a https://sekimori.example/b", base, []piece{{"https://sekimori.example/a", "/a"}, {Text: " "}, {"https://sekimori.example/b", "/b"}}},
		{"no base", "https://sekimori.example/a", "", []piece{{Text: "https://sekimori.example/a"}}},
		{"empty", "", base, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, linked(tt.text, tt.base)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
