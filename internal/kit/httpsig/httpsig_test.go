package httpsig

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var (
	testKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	testNow = time.Unix(1_795_000_000, 0)
)

func signed(t testing.TB, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/agent/v1/facts?a=1", strings.NewReader(body))
	Sign(r, []byte(body), "dev_1", testKey, testNow)
	return r
}

func check(r *http.Request, body string, now time.Time) error {
	s, err := Parse(r, now)
	if err != nil {
		return err
	}
	return errors.Join(s.Verify(testKey.Public().(ed25519.PublicKey)), s.VerifyBody([]byte(body)))
}

func TestSignedRequestIsTaken(t *testing.T) {
	t.Parallel()
	if err := check(signed(t, "{}"), "{}", testNow.Add(time.Minute)); err != nil {
		t.Error(err)
	}
	if s, err := Parse(signed(t, ""), testNow); err != nil || s.KeyID != "dev_1" {
		t.Errorf("key id %q, %v", s.KeyID, err)
	}
}

func TestChangedRequestIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*http.Request)
		body   string
		at     time.Time
		want   error
	}{
		"method":    {func(r *http.Request) { r.Method = "PUT" }, "{}", testNow, ErrWrong},
		"path":      {func(r *http.Request) { r.URL.Path = "/agent/v1/reports" }, "{}", testNow, ErrWrong},
		"query":     {func(r *http.Request) { r.URL.RawQuery = "a=2" }, "{}", testNow, ErrWrong},
		"body":      {func(*http.Request) {}, "{} ", testNow, ErrWrong},
		"digest":    {func(r *http.Request) { r.Header.Set("Content-Digest", "sha-256=:AAAA:") }, "{}", testNow, ErrWrong},
		"late":      {func(*http.Request) {}, "{}", testNow.Add(Skew + time.Second), ErrTime},
		"early":     {func(*http.Request) {}, "{}", testNow.Add(-Skew - time.Second), ErrTime},
		"no input":  {func(r *http.Request) { r.Header.Del("Signature-Input") }, "{}", testNow, ErrUnsigned},
		"no sig":    {func(r *http.Request) { r.Header.Del("Signature") }, "{}", testNow, ErrUnsigned},
		"two":       {func(r *http.Request) { r.Header.Add("Signature-Input", "x=()") }, "{}", testNow, ErrUnsigned},
		"less":      {func(r *http.Request) { swap(r, `"@path" `, "") }, "{}", testNow, ErrUnsigned},
		"algorithm": {func(r *http.Request) { swap(r, "ed25519", "hmac-sha256") }, "{}", testNow, ErrUnsigned},
		"key id":    {func(r *http.Request) { swap(r, "dev_1", "dev_2") }, "{}", testNow, ErrWrong},
		"created":   {func(r *http.Request) { swap(r, "created=1795000000", "created=1795000001") }, "{}", testNow, ErrWrong},
	} {
		r := signed(t, "{}")
		c.change(r)
		if err := check(r, c.body, c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func swap(r *http.Request, old, fresh string) {
	r.Header.Set("Signature-Input", strings.Replace(r.Header.Get("Signature-Input"), old, fresh, 1))
}

func FuzzParse(f *testing.F) {
	r := signed(f, "")
	f.Add(r.Header.Get("Signature-Input"), r.Header.Get("Signature"), r.Header.Get("Content-Digest"))
	f.Fuzz(func(t *testing.T, input, sig, digest string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Signature-Input", input)
		r.Header.Set("Signature", sig)
		r.Header.Set("Content-Digest", digest)
		if s, err := Parse(r, testNow); err == nil && s.Verify(testKey.Public().(ed25519.PublicKey)) == nil {
			t.Error("a signature over another request was taken")
		}
	})
}
