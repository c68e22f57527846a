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
	"strconv"
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
	return &Client{guard: g, http: &http.Client{Transport: byScheme{secure: g.transport(false, trust), plain: g.transport(true, trust)}, Timeout: limit}}, nil
}

// transport connects through the guard.
func (g Guard) transport(plain bool, trust *tls.Config) *http.Transport {
	d := net.Dialer{Timeout: limit / 2, Control: g.control(plain)}
	return &http.Transport{DialContext: d.DialContext, TLSClientConfig: trust.Clone(), TLSHandshakeTimeout: limit / 2, ForceAttemptHTTP2: true,
		MaxResponseHeaderBytes: 32 << 10, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second}
}

// byScheme keeps what is not encrypted away from the Internet.
type byScheme struct{ secure, plain http.RoundTripper }

// RoundTrip sends a request. Where a redirect leads is taken out of its answer: none is
// followed, and one that nobody could follow is an answer all the same.
func (t byScheme) RoundTrip(r *http.Request) (*http.Response, error) {
	by := t.secure
	if r.URL.Scheme == "http" {
		by = t.plain
	}
	res, err := by.RoundTrip(r)
	if err == nil {
		res.Header.Del("Location")
	}
	return res, err
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

// Judge reads what came of a request, and ends it. A service that has moved or says that it
// is gone is believed at once; every other no to what was asked (4xx) only when it keeps
// saying so, because services say 403 and 404 by mistake too. What may pass is an error, with
// the time that the service asks for when it names one (Retry-After).
func Judge(res *http.Response, err error) (answer string, _ error) {
	var in *insideError
	if errors.As(err, &in) {
		return "", &notice.Rejection{Answer: "leads to an address inside", Gone: true}
	}
	if err != nil {
		return "", fmt.Errorf("post: %w", err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body) // so that the connection can be used again; the status says all
	answer = fmt.Sprintf("HTTP %d", res.StatusCode)
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return answer, nil
	case code >= 300 && code < 400:
		return "", &notice.Rejection{Answer: answer + ": redirects are not followed", Gone: true}
	case code == http.StatusGone:
		return "", &notice.Rejection{Answer: answer, Gone: true}
	case code >= 400 && code < 500 && !passing(code):
		return "", &notice.Rejection{Answer: answer, Gone: true, Doubted: true}
	}
	if wait := retryAfter(res.Header.Get("Retry-After"), time.Now()); wait > 0 {
		return "", &notice.Busy{Answer: answer, Wait: wait}
	}
	return "", errors.New(answer)
}

// passing reports whether a 4xx is about the moment and not about what was asked.
func passing(code int) bool {
	return code == http.StatusRequestTimeout || code == http.StatusMisdirectedRequest || code == http.StatusLocked ||
		code == http.StatusTooEarly || code == http.StatusTooManyRequests
}

// retryAfter reads how long a service wants to be left alone: seconds, or a date (RFC 9110,
// 10.2.3). What cannot be read is no wait.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return at.Sub(now)
	}
	return 0
}
