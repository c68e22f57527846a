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

// After a change of keys, links made with the older key still open; new ones are made with
// the new key alone, and a retired key opens nothing.
func TestLinksAfterAChangeOfKeys(t *testing.T) {
	t.Parallel()
	before := notice.NewLinks([]byte("the older key"))
	after, retired := notice.NewLinks([]byte("the newer key"), "the older key"), notice.NewLinks([]byte("the newer key"))
	old, fresh := before.Token("ntc_a"), after.Token("ntc_a")
	if got, err := after.Read(old); got != "ntc_a" || err != nil {
		t.Errorf("an older link: %q, %v", got, err)
	}
	if _, err := retired.Read(old); err == nil {
		t.Error("a link of a retired key opens")
	}
	if _, err := before.Read(fresh); err == nil || old == fresh {
		t.Error("a new link was made with the older key")
	}
	if _, err := after.ReadLetter(old); err == nil {
		t.Error("a notice's link opens a letter")
	}
}
