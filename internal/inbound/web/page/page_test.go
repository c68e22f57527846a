package page

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
)

func request(t *testing.T, form url.Values) *Request {
	t.Helper()
	c, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	k := &Kit{Parts: Parts{Catalogue: c, Zone: time.FixedZone("JST", 9*60*60)}}
	hr := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Encode()))
	hr.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return &Request{Request: hr, Kit: k, P: k.Printer(i18n.EN)}
}

func TestMoment(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		typed, unknown string
		want           string // RFC 3339, "" for unknown
		bad            bool
	}{
		{"2026-11-22T14:05", "", "2026-11-22T05:05:00Z", false},
		{"2026/11/22", "", "2026-11-21T15:00:00Z", false},
		{" 2026-11-22 14:05 ", "", "2026-11-22T05:05:00Z", false},
		{"", "", "", false},
		{"2026-11-22T14:05", "1", "", false}, // not knowing outweighs what stands there
		{"yesterday", "1", "", false},
		{"yesterday", "", "", true},
		{"2026-13-01T00:00", "", "", true},
		{"0001-01-01", "", "", true},
	} {
		r := request(t, url.Values{"occurred": {tc.typed}, "occurred_unknown": {tc.unknown}})
		var c fault.Check
		m := r.Moment(&c, "occurred")
		got := ""
		if m.Known {
			got = m.At.Format(time.RFC3339)
		}
		if got != tc.want || (c.Err() != nil) != tc.bad {
			t.Errorf("%+v: got %q, %v", tc, got, c.Err())
		}
	}
}

func TestSafePath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/cases?x=1": "/cases?x=1", "": "", "cases": "", "//evil.example": "", "https://evil.example/": "", `/\evil.example`: "",
		"/a\r\nSet-Cookie: x": "", "javascript:alert(1)": "", "/" + strings.Repeat("x", 600): "",
	} {
		if got := safePath(in); got != want {
			t.Errorf("safePath(%q) = %q", in, got)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	r := request(t, nil)
	var c fault.Check
	c.Add("until", "fault.required", nil)
	c.Add("other", "fault.required", nil)
	c.Add("from", "fault.bad_date", nil)
	bad, ok := r.Refused(c.Err(), "from", "until")
	if !ok || bad.Status != http.StatusUnprocessableEntity || len(bad.Summary) != 3 ||
		bad.Summary[0].ID != "from" || bad.Summary[1].ID != "until" || bad.Summary[2].ID != "" || bad.Fields["until"] != "Please fill this in." {
		t.Errorf("%+v, %v", bad, ok)
	}
	for err, want := range map[error]bool{fault.Missing("x"): false, fault.Deny("x"): false, http.ErrBodyNotAllowed: false, fault.Clash("fault.conflict", nil): true} {
		if _, ok := r.Refused(err); ok != want {
			t.Errorf("%v: %v", err, ok)
		}
	}
	if err := Join(nil, c.Err(), nil, fault.Missing("x")); !fault.Is(err, fault.NotFound) {
		t.Errorf("Join: %v", err)
	}
	if f := fault.As(Join(c.Err(), nil, c.Err())); f == nil || len(f.Fields) != 6 {
		t.Errorf("Join: %v", f)
	}
	if Join(nil, nil) != nil {
		t.Error("Join of nothing is an error")
	}
}

func TestTel(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"03-0000-0012": "tel:0300000012", "+81 3 0000 0012": "tel:+81300000012", "": "", "内線": ""} {
		if got := Tel(in); got != want {
			t.Errorf("Tel(%q) = %q", in, got)
		}
	}
}

func FuzzTime(f *testing.F) {
	f.Add("2026-11-22T14:05")
	f.Add("2026/11/22")
	f.Fuzz(func(t *testing.T, s string) {
		r := &Request{Request: &http.Request{Form: url.Values{"at": {s}}}, Kit: &Kit{Parts: Parts{Zone: time.UTC}}}
		var c fault.Check
		if at := r.Time(&c, "at"); !at.IsZero() && c.Err() != nil {
			t.Error("a time and a fault")
		}
	})
}
