package agent

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"sekimori/internal/kit/httpsig"
	"sekimori/internal/kit/wire"
)

const (
	callTime  = 30 * time.Second // one request with its answer
	quietTime = 90 * time.Second // a stream without a heartbeat for so long is dead
	firstTime = 20 * time.Second // until its first word, which the server says at once
	dialTime  = 5 * time.Second  // one address
	dialStep  = 300 * time.Millisecond
)

// Route is where the server is: the addresses of its name, in the form of URLs, and the
// addresses that they are pinned to.
type Route struct {
	URLs   []string                    // tried in this order
	Pinned map[string][]netip.AddrPort // by host:port of a URL
	Closed bool                        // only pinned addresses may be tried: the PC is isolated
}

// RouteOf is the way that a desired state's servers give, or the one of enrolment.
func RouteOf(server string, servers []wire.Server) Route {
	r := Route{Pinned: map[string][]netip.AddrPort{}}
	for _, s := range servers {
		base, err := CheckServer(s.URL)
		if err != nil {
			continue
		}
		if !slices.Contains(r.URLs, base) {
			r.URLs = append(r.URLs, base)
		}
		for _, a := range s.Addrs {
			r.Pinned[hostPort(base)] = append(r.Pinned[hostPort(base)], netip.AddrPortFrom(a.Unmap(), s.Port))
		}
	}
	if len(r.URLs) == 0 && server != "" {
		r.URLs = []string{strings.TrimRight(server, "/")}
	}
	return r
}

// hostPort is what net/http dials for a URL.
func hostPort(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "http" {
		return net.JoinHostPort(u.Hostname(), "80")
	}
	return net.JoinHostPort(u.Hostname(), "443")
}

// ErrServerURL says that a URL is none of a server: it must be https, or http within
// this PC.
var ErrServerURL = errors.New("agent: not an address of a server")

// CheckServer gives the plain form of a server's URL.
func CheckServer(given string) (string, error) {
	u, err := url.Parse(given)
	foreign := func(r rune) bool { return r > unicode.MaxASCII } // net/http would dial another name than the pinned one
	if err != nil || u.Hostname() == "" || strings.ContainsFunc(u.Host, foreign) || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return "", fmt.Errorf("%w: %q", ErrServerURL, given)
	}
	addr, err := netip.ParseAddr(u.Hostname())
	local := u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return "", fmt.Errorf("%w: %q", ErrServerURL, given)
	}
	return strings.TrimRight(given, "/"), nil
}

// Refused is the server's answer when it did not do what it was asked.
type Refused struct {
	Status int
	Code   string        // message id, such as "fault.device_refused"
	Wait   time.Duration // before asking again; 0: not said
}

// Error names the status and the reason.
func (r *Refused) Error() string {
	return fmt.Sprintf("server: %d %s", r.Status, r.Code)
}

// ClientOptions are what a Client is made of.
type ClientOptions struct {
	Identity *Identity
	Clock    Clock        // default: the machine's
	Route    func() Route // asked before each request; default: Identity.Server alone
	// Transport carries the requests; default: one of this client's own. Who plays many
	// PCs shares one between them.
	Transport http.RoundTripper
}

// Client speaks to the server as one device: signed requests over HTTP/1.1.
type Client struct {
	id    *Identity
	route func() Route
	clock *serverClock
	own   *http.Transport // nil when the transport is somebody else's
	http  *http.Client
	at    atomic.Uint32 // which URL answered last
}

// NewClient makes a client. It opens no connection.
func NewClient(o ClientOptions) (*Client, error) {
	if o.Clock.Now == nil {
		o.Clock = MachineClock()
	}
	c := &Client{id: o.Identity, route: o.Route, clock: &serverClock{pc: o.Clock}}
	if c.route == nil {
		c.route = func() Route { return RouteOf(o.Identity.Server, nil) }
	}
	rt := o.Transport
	if rt == nil {
		t, err := newTransport(o.Identity.CA, c.clock.certificates)
		if err != nil {
			return nil, err
		}
		t.DialContext = c.dial
		t.Proxy = func(r *http.Request) (*url.URL, error) {
			if c.route().Closed {
				return nil, nil
			}
			return http.ProxyFromEnvironment(r)
		}
		rt, c.own = t, t
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http = &http.Client{Transport: rt, CheckRedirect: stay}
	return c, nil
}

// newTransport makes a small transport: an idle PC holds one connection, its stream.
func newTransport(ca string, now func() time.Time) (*http.Transport, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Time: now, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	if ca != "" {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, errors.New("agent: the CA file holds no certificate")
		}
	}
	t := &http.Transport{
		TLSClientConfig: cfg, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: callTime,
		IdleConnTimeout: 30 * time.Second, MaxIdleConnsPerHost: 1, MaxResponseHeaderBytes: 16 << 10,
		ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10, DisableCompression: true,
	}
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	return t, nil
}

// dial tries the pinned addresses of a host, then, unless the PC is isolated, its name.
// The next one starts when one fails or says nothing for a moment; the first wins.
func (c *Client) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	r := c.route()
	var places []string
	for _, a := range r.Pinned[addr] {
		places = append(places, a.String())
	}
	if !r.Closed && !slices.Contains(places, addr) {
		places = append(places, addr)
	}
	return race(ctx, places)
}

func race(ctx context.Context, places []string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	if len(places) == 0 {
		return nil, errors.New("agent: no pinned address of the server is known")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan result) // every attempt is waited for below
	open, next := 0, 0
	start := func() {
		place := places[next]
		next++
		open++
		go func() {
			d := net.Dialer{Timeout: dialTime}
			conn, err := d.DialContext(ctx, "tcp", place)
			results <- result{conn, err}
		}()
	}
	start()
	step := time.NewTimer(dialStep)
	defer step.Stop()
	var won net.Conn
	var errs []error
	for open > 0 {
		var more <-chan time.Time
		if won == nil && next < len(places) {
			more = step.C
		}
		select {
		case r := <-results:
			open--
			switch {
			case r.err != nil:
				errs = append(errs, r.err)
				if won == nil && next < len(places) && ctx.Err() == nil {
					start()
				}
			case won == nil:
				won = r.conn
				cancel()
			default:
				r.conn.Close()
			}
		case <-more:
			start()
			step.Reset(dialStep)
		}
	}
	if won != nil {
		return won, nil
	}
	return nil, errors.Join(errs...)
}

// Close ends the idle connections of the client's own transport.
func (c *Client) Close() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
}

// Now is the server's time as far as this PC knows it.
func (c *Client) Now() time.Time { return c.clock.now() }

// call asks one thing, of the first server that answers. The caller closes the body.
func (c *Client) call(ctx context.Context, method, path string, body []byte, media string) (*http.Response, error) {
	if c.id.Key == nil {
		return nil, errors.New("agent: the device's key cannot be read")
	}
	urls := c.route().URLs
	if len(urls) == 0 {
		return nil, ErrNotEnrolled
	}
	var errs []error
	first := int(c.at.Load())
	for i := range urls {
		at := (first + i) % len(urls)
		res, err := c.callAt(ctx, urls[at], method, path, body, media)
		var r *Refused
		if err == nil || errors.As(err, &r) && r.Status < 500 {
			c.at.Store(uint32(at))
			return res, err
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// callAt asks one server; when it finds the PC's clock wrong, once more by its own.
func (c *Client) callAt(ctx context.Context, base, method, path string, body []byte, media string) (*http.Response, error) {
	for again := false; ; again = true {
		req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("make request: %w", err)
		}
		if media != "" {
			req.Header.Set("Content-Type", media)
		}
		if strings.HasPrefix(path, wire.PathDocument) { // thousands of media are ten times smaller so
			req.Header.Set("Accept-Encoding", "gzip")
		}
		httpsig.Sign(req, body, c.id.Device, c.id.Key, c.clock.now())
		res, err := c.http.Do(req)
		if err != nil {
			var cert x509.CertificateInvalidError
			if errors.As(err, &cert) && cert.Reason == x509.Expired {
				c.clock.doubt()
			}
			return nil, err
		}
		if at, err := http.ParseTime(res.Header.Get("Date")); err == nil {
			c.clock.heard(at)
		}
		if res.StatusCode < 300 || res.StatusCode == http.StatusNotModified {
			return res, nil
		}
		refused := refusal(res)
		if !again && refused.Status == http.StatusUnauthorized && refused.Code == "fault.device_clock" {
			continue
		}
		return nil, refused
	}
}

func refusal(res *http.Response) *Refused {
	defer res.Body.Close()
	out := &Refused{Status: res.StatusCode}
	var p struct{ Code string }
	if raw, err := io.ReadAll(io.LimitReader(res.Body, 16<<10)); err == nil && json.Unmarshal(raw, &p) == nil {
		out.Code = p.Code
	}
	if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && n > 0 {
		out.Wait = min(time.Duration(n)*time.Second, 10*time.Minute)
	}
	return out
}

// ask is call for a short answer of at most limit bytes.
func (c *Client) ask(ctx context.Context, method, path string, body []byte, media string, limit int64) (int, []byte, error) {
	res, raw, err := c.answer(ctx, method, path, body, media, limit)
	if err != nil {
		return 0, nil, err
	}
	return res.StatusCode, raw, nil
}

// answer is ask for who reads the answer's head too; its body is closed.
func (c *Client) answer(ctx context.Context, method, path string, body []byte, media string, limit int64) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	res, err := c.call(ctx, method, path, body, media)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	from := io.Reader(res.Body)
	if res.Header.Get("Content-Encoding") == "gzip" {
		if from, err = gzip.NewReader(res.Body); err != nil {
			return nil, nil, fmt.Errorf("read answer: %w", err)
		}
	}
	raw, err := io.ReadAll(io.LimitReader(from, limit+1)) // of what comes out: it may be made to swell
	if err != nil {
		return nil, nil, fmt.Errorf("read answer: %w", err)
	}
	if int64(len(raw)) > limit {
		return nil, nil, fmt.Errorf("read answer: more than %d bytes", limit)
	}
	return res, raw, nil
}

// Document gives the signed desired state when the server has one newer than have, else
// "", and the newest version that the server knows; 0 when it does not say.
func (c *Client) Document(ctx context.Context, have int64) (signed string, newest int64, err error) {
	res, raw, err := c.answer(ctx, http.MethodGet, wire.PathDocument+"?have="+strconv.FormatInt(have, 10), nil, "", wire.MaxDocument)
	if err != nil {
		return "", 0, err
	}
	if n, err := strconv.ParseInt(res.Header.Get(wire.HeaderVersion), 10, 64); err == nil && n > 0 {
		newest = n
	}
	if res.StatusCode != http.StatusOK {
		return "", newest, nil
	}
	return string(raw), newest, nil
}

// Keys gives the changes of the server's signing key, oldest first.
func (c *Client) Keys(ctx context.Context) ([]string, error) {
	_, raw, err := c.ask(ctx, http.MethodGet, wire.PathKeys, nil, "", wire.MaxDocument)
	if err != nil {
		return nil, err
	}
	var out struct{ Changes []string }
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("read key changes: %w", err)
	}
	return out.Changes, nil
}

// Facts reports what changed.
func (c *Client) Facts(ctx context.Context, f wire.Facts) error {
	raw, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("marshal facts: %w", err)
	}
	_, _, err = c.ask(ctx, http.MethodPost, wire.PathFacts, raw, "application/json", 1<<10)
	return err
}

// Report files an infection.
func (c *Client) Report(ctx context.Context, in wire.Infection) (wire.Reported, error) {
	var out wire.Reported
	raw, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("marshal report: %w", err)
	}
	_, raw, err = c.ask(ctx, http.MethodPost, wire.PathReports, raw, "application/json", 16<<10)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return out, fmt.Errorf("read answer: %w", err)
	}
	return out, nil
}

// Evidence attaches one item to the case of a report, or of an order.
func (c *Client) Evidence(ctx context.Context, report, name, media string, body []byte) error {
	q := url.Values{"report": {report}, "name": {name}}
	_, _, err := c.ask(ctx, http.MethodPost, wire.PathEvidence+"?"+q.Encode(), body, media, 16<<10)
	return err
}

// Stream listens until the stream ends or says nothing for 90 seconds, for the first word
// 20 seconds. beat is called
// for each heartbeat, nudge for each version of the desired state that exists.
func (c *Client) Stream(ctx context.Context, have int64, beat func(), nudge func(version int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(firstTime, func() { cancel(errQuiet) })
	defer quiet.Stop()
	res, err := c.call(ctx, http.MethodGet, wire.PathStream+"?have="+strconv.FormatInt(have, 10), nil, "")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	err = wire.ReadStream(res.Body,
		func() { quiet.Reset(quietTime); beat() },
		func(v int64) { quiet.Reset(quietTime); nudge(v) })
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

var errQuiet = errors.New("agent: the stream has said nothing for too long")
