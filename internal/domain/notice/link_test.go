package notice_test

import (
	"strings"
	"testing"

	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

func FuzzLinkToken(f *testing.F) {
	links := notice.NewLinks([]byte("0123456789abcdef0123456789abcdef"))
	other := notice.NewLinks([]byte("another key of another server..."))
	right := links.Token("ntc_06h0byrkhxqxf22ccheaj1krg8")
	f.Add(right)
	f.Add(other.Token("ntc_06h0byrkhxqxf22ccheaj1krg8"))
	f.Add(strings.ToUpper(right))
	f.Add(".")
	f.Fuzz(func(t *testing.T, token string) {
		attempt, err := links.Read(token)
		if err != nil {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("%q: %v, want a fault", token, err)
			}
			return
		}
		// The key proves every byte: what is read was made by us.
		if mac := strings.TrimPrefix(links.Token(attempt), attempt+"."); !strings.HasPrefix(token, attempt+".") || len(token) != len(attempt)+1+len(mac) {
			t.Errorf("%q was read as %q", token, attempt)
		}
	})
}
