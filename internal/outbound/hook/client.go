package hook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"sekimori/internal/domain/notice"
)

const (
	limit     = 10 * time.Second // of one request, from looking up the name to the last byte
	maxAnswer = 64 << 10         // bytes of an answer that are read
)

// Client posts through a guard. It follows no redirect, uses no proxy, and speaks TLS
// except to networks that were allowed by name.
type Client struct {
	guard Guard
	http  *http.Client
}

// NewClient makes a client. caFile names a PEM file of authorities to trust beside the
// system's; "" for none.
func NewClient(g Guard, caFile string) (*Client, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("read authorities: %w", err)
		}
		if trust.RootCAs, err = x509.SystemCertPool(); err != nil {
			trust.RootCAs = x509.NewCertPool()
		}
		if !trust.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", caFile)
		}
	}
	return &Client{guard: g, http: &http.Client{
		Transport: byScheme{secure: g.transport(false, trust), plain: g.transport(true, trust)}, Timeout: limit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// transport connects through the guard.
func (g Guard) transport(plain bool, trust *tls.Config) *http.Transport {
	d := net.Dialer{Timeout: limit / 2, Control: g.control(plain)}
	return &http.Transport{DialContext: d.DialContext, TLSClientConfig: trust.Clone(), TLSHandshakeTimeout: limit / 2, ForceAttemptHTTP2: true,
		MaxResponseHeaderBytes: 32 << 10, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second}
}

// byScheme keeps what is not encrypted away from the Internet.
type byScheme struct{ secure, plain http.RoundTripper }

// RoundTrip sends a request.
func (t byScheme) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "http" {
		return t.plain.RoundTrip(r)
	}
	return t.secure.RoundTrip(r)
}

// MayReach is an error when the guard refuses the URL at first sight: what is no https
// address, or an address inside. What a name leads to is looked at when it is used.
func (c *Client) MayReach(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("URL: %w", err)
	}
	a, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	switch {
	case u.Scheme == "https" && !literal:
		if name := strings.ToLower(strings.TrimRight(u.Hostname(), ".")); name == "localhost" || strings.HasSuffix(name, ".localhost") || !strings.Contains(name, ".") {
			return fmt.Errorf("%s is a name inside", name)
		}
		return nil
	case u.Scheme == "https" && (Public(a) || c.guard.Listed(a)):
		return nil
	case u.Scheme == "http" && literal && c.guard.Listed(a):
		return nil
	}
	return errors.New("neither https to the Internet nor an allowed network")
}

// Do sends a request and gives the answer's status, and up to 64 KiB of its body.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	res, err := c.http.Do(r)
	if err != nil {
		return nil, scrub(err)
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, maxAnswer), res.Body}
	return res, nil
}

// scrub takes the URL out of an error: it is the secret of the room it leads to.
func scrub(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Post posts a body and judges the answer: nil when it was taken, *notice.Rejection when
// it never will be, else an error.
func (c *Client) Post(ctx context.Context, to string, body []byte, header http.Header) (answer string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(string(body)))
	if err != nil {
		return "", &notice.Rejection{Answer: "not a URL", Gone: true} // err would say the URL
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", "sekimori")
	res, err := c.Do(r)
	return Judge(res, err)
}

// Judge reads what came of a request, and ends it.
func Judge(res *http.Response, err error) (answer string, _ error) {
	var in *insideError
	if errors.As(err, &in) {
		return "", &notice.Rejection{Answer: "leads to an address inside", Gone: true}
	}
	if err != nil {
		return "", fmt.Errorf("post: %w", err)
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	answer = fmt.Sprintf("HTTP %d", res.StatusCode)
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return answer, nil // whatever became of the rest of the body
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return "", &notice.Rejection{Answer: answer + ": redirects are not followed", Gone: true}
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return "", &notice.Rejection{Answer: answer, Gone: true}
	case err != nil:
		return "", fmt.Errorf("%s: %w", answer, err)
	}
	return "", errors.New(answer)
}
