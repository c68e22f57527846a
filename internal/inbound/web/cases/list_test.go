package cases

import (
	"net/url"
	"testing"
	"time"

	"sekimori/internal/kit/fault"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	v := url.Values{"q": {"鍵"}, "kind": {""}, "after": {"inc_1"}, "enc": {"sjis"}}
	tests := []struct{ path, key, value, want string }{
		{"/cases", "after", "inc_9", "/cases?after=inc_9&enc=sjis&q=%E9%8D%B5"},
		{"/cases.csv", "enc", "utf8", "/cases.csv?enc=utf8&q=%E9%8D%B5"},
		{"/cases", "enc", "", "/cases?q=%E9%8D%B5"},
	}
	for _, tt := range tests {
		if got := address(tt.path, v, tt.key, tt.value); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
	if got := address("/cases", url.Values{"after": {"x"}}, "after", ""); got != "/cases" {
		t.Errorf("got %s", got)
	}
}

func TestDay(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("JST", 9*60*60)
	var c fault.Check
	if got := day(&c, "2026/11/22", "from", zone); !got.Equal(time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC)) || c.Err() != nil {
		t.Errorf("got %v, %v", got, c.Err())
	}
	if got := day(&c, "", "from", zone); !got.IsZero() || c.Err() != nil {
		t.Errorf("nothing typed: %v, %v", got, c.Err())
	}
	if day(&c, "yesterday", "from", zone); c.Err() == nil {
		t.Error("a date that is none is taken")
	}
}
