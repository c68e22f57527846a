package cli

import (
	"bytes"
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
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sekimori/internal/app"
)

const (
	answerLimit = 32 << 20 // bytes of a JSON answer
	callTime    = 30 * time.Second
)

// remote are the flags of a command that speaks to a server.
type remote struct {
	server, tokenFile, token, caFile string
}

// flags adds the server's flags to a command and those below it.
func (r *remote) flags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&r.server, "server", "", "`URL`")
	f.StringVar(&r.tokenFile, "token-file", "", "`FILE`")
	f.StringVar(&r.caFile, "ca-file", "", "`FILE`")
	f.StringVar(&r.token, "token", "", "")
	f.Lookup("token").Hidden = true // known only so that it can be refused with a reason
}

// client speaks to one server as the holder of one token.
type client struct {
	s     *shell
	base  string
	token string
	http  *http.Client
}

// dial reads the settings; nothing is sent yet.
func (s *shell) dial(r *remote) (*client, error) {
	if r.token != "" {
		return nil, s.misuse("cli.token_in_argument")
	}
	base, err := s.address(or(r.server, s.env("SEKIMORI_URL")))
	if err != nil {
		return nil, err
	}
	token, err := s.secret(or(r.tokenFile, s.env("SEKIMORI_TOKEN_FILE")))
	if err != nil {
		return nil, err
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	if ca := or(r.caFile, s.env("SEKIMORI_CA_FILE")); ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("read CA file: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, s.fail("cli.no_certificate", "file", ca)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	t.ResponseHeaderTimeout = callTime
	// A token is not carried to wherever a redirect points.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{s: s, base: base, token: token, http: &http.Client{Transport: t, CheckRedirect: stay}}, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// address checks the server's URL. A token goes over plain HTTP only within the machine.
func (s *shell) address(given string) (string, error) {
	if given == "" {
		return "", s.misuse("cli.no_server")
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" {
		return "", s.misuse("cli.bad_server", "url", given)
	}
	addr, err := netip.ParseAddr(u.Hostname())
	local := u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	if u.Scheme == "http" && !local {
		return "", s.misuse("cli.plain_http", "url", given)
	}
	return strings.TrimRight(given, "/"), nil
}

// secret reads the token: from a file, else from the environment.
func (s *shell) secret(file string) (string, error) {
	token := s.env("SEKIMORI_TOKEN")
	if file != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read token file: %w", err)
		}
		token = string(raw)
	}
	token = strings.TrimSpace(token)
	if token == "" {
		return "", s.misuse("cli.no_token")
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", s.fail("cli.bad_token")
	}
	return token, nil
}

// unreachable says that no answer came: the request may or may not have arrived.
type unreachable struct {
	base string
	err  error
}

func (e *unreachable) Error() string { return e.err.Error() }
func (e *unreachable) Unwrap() error { return e.err }

// send makes one request and gives the answer's body, or the server's problem.
func (c *client) send(ctx context.Context, method, path string, body io.Reader, headers ...string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept-Language", string(c.s.p.Lang()))
	req.Header.Set("User-Agent", "sekimori-cli/"+app.Version)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &unreachable{c.base, err}
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		return nil, c.refused(res)
	}
	return res.Body, nil
}

// call sends JSON (nil: no body) and reads the answer into out (nil: not wanted).
func (c *client) call(ctx context.Context, method, path string, in, out any, headers ...string) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("write request: %w", err)
		}
		body = bytes.NewReader(raw)
		headers = append(headers, "Content-Type", "application/json")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, callTime, errTimeout)
	defer cancel()
	res, err := c.send(ctx, method, path, body, headers...)
	if err != nil {
		if errors.Is(context.Cause(ctx), errTimeout) {
			return &unreachable{c.base, errTimeout}
		}
		return err
	}
	defer res.Close()
	raw, err := io.ReadAll(io.LimitReader(res, answerLimit))
	if err != nil {
		return &unreachable{c.base, err}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return c.s.fail("cli.not_sekimori", "url", c.base)
	}
	return nil
}

var errTimeout = errors.New("no answer in time")

// problem is an error of the server.
type problem struct {
	Status    int
	Detail    string
	Code      string
	RequestID string `json:"request_id"`
	Errors    []struct {
		Location, Code, Message string
	}
}

func (p *problem) Error() string { return p.Code }

// sentence is what the server said, with each field and its mend.
func (p *problem) sentence() string {
	var b strings.Builder
	b.WriteString(p.Detail)
	for _, e := range p.Errors {
		_, name, ok := strings.Cut(e.Location, ".")
		if !ok {
			name = e.Location
		}
		fmt.Fprintf(&b, "\n  %s: %s", name, e.Message)
	}
	return b.String()
}

func (c *client) refused(res *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return &unreachable{c.base, err}
	}
	p := &problem{}
	if json.Unmarshal(raw, p) != nil || p.Detail == "" {
		return &foreign{status: res.StatusCode, text: c.s.p.T("cli.other_answer", "url", c.base, "status", res.Status)}
	}
	p.Status = res.StatusCode
	return p
}

// foreign is an answer that is not the server's own: of a proxy in between, or of
// another program.
type foreign struct {
	status int
	text   string
}

func (f *foreign) Error() string { return f.text }

// passing reports whether an error may be gone at the next try.
func passing(err error) bool {
	var f *foreign
	var p *problem
	var gone *unreachable
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &cert):
		return false
	case errors.As(err, &dns) && dns.IsNotFound:
		return false
	case errors.As(err, &gone):
		return true
	case errors.As(err, &f):
		return f.status >= 502 && f.status <= 504
	case errors.As(err, &p):
		return p.Status >= 502 && p.Status <= 504
	}
	return false
}
