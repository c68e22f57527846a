package crowd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"sekimori/internal/kit/httpsig"
	"sekimori/internal/kit/wire"
)

// callTime bounds one request with its answer, and the making of a connection.
const callTime = 30 * time.Second

// quietTime is how long a stream without a heartbeat counts as alive.
const quietTime = 90 * time.Second

// line is one connection of one PC, without a client of net/http, whose goroutines and
// buffers would be most of what ten thousand of them cost.
type line struct {
	conn   net.Conn
	answer *bufio.Reader // nil on a stream
}

// dial opens a connection for the n-th PC.
func (c *Crowd) dial(ctx context.Context, n int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	d := net.Dialer{KeepAlive: -1} // the stream's own heartbeat says the same
	if c.spread {
		// Each PC has an address of its own, as in life; the port is chosen when the
		// other end is known, or 28,000 ports would be all there are.
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, byte(1+n/62500), byte(n/250%250), byte(1+n%250))}
		d.Control = func(_, _ string, rc syscall.RawConn) error { return latePort(rc) }
	}
	conn, err := d.DialContext(ctx, "tcp", c.host)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if c.tls == nil {
		return conn, nil
	}
	t := tls.Client(conn, c.tls)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("handshake: %w", err), conn.Close())
	}
	return t, nil
}

// open dials for requests that follow each other.
func (d *Device) open(ctx context.Context) (*line, error) {
	conn, err := d.crowd.dial(ctx, d.n)
	if err != nil {
		return nil, err
	}
	return &line{conn: conn, answer: bufio.NewReaderSize(conn, 4<<10)}, nil
}

func (l *line) close() { l.conn.Close() }

// Refused is an answer that is no success.
type Refused struct {
	Status int
	Code   string // the message id of the problem
	Wait   time.Duration
}

// Error names the status and the reason.
func (r *Refused) Error() string { return fmt.Sprintf("server answered %d %s", r.Status, r.Code) }

// ask sends raw, a whole request, and reads the answer. 304 gives no body.
func (l *line) ask(ctx context.Context, raw []byte) ([]byte, error) {
	l.conn.SetDeadline(time.Now().Add(callTime))
	defer context.AfterFunc(ctx, func() { l.conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := l.conn.Write(raw); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	res, err := http.ReadResponse(l.answer, nil)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode >= 400 {
		return nil, refusal(res, body)
	}
	return body, nil
}

// request writes a whole request of the device, signed.
func (d *Device) request(method, path, query string, body []byte) []byte {
	u := d.crowd.base
	u.Path, u.RawQuery = path, query
	r := &http.Request{Method: method, URL: &u, Header: http.Header{}}
	httpsig.Sign(r, body, d.ID, d.key, time.Now())
	target := path
	if query != "" {
		target += "?" + query
	}
	out := make([]byte, 0, 600+len(body))
	out = append(out, method+" "+target+" HTTP/1.1\r\nHost: "+d.crowd.base.Host+"\r\n"...)
	for name, values := range r.Header {
		out = append(out, name+": "+values[0]+"\r\n"...)
	}
	if method == http.MethodPost {
		out = append(out, "Content-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n"...)
	}
	return append(append(out, "\r\n"...), body...)
}

// patient reads a stream on which something must come now and then.
type patient struct{ conn net.Conn }

// Read waits for quietTime at most.
func (p *patient) Read(b []byte) (int, error) {
	p.conn.SetReadDeadline(time.Now().Add(quietTime))
	return p.conn.Read(b)
}

// head reads the answer's head and gives what came behind it.
func (p *patient) head() (rest []byte, err error) {
	var all []byte
	var b [512]byte
	for len(all) < 8<<10 {
		n, err := p.Read(b[:])
		all = append(all, b[:n]...)
		if head, rest, ok := bytes.Cut(all, []byte("\r\n\r\n")); ok {
			return rest, statusOf(string(head))
		}
		if err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
	}
	return nil, fmt.Errorf("read answer: %w", wire.ErrForm)
}

// statusOf gives an error unless the head says 200.
func statusOf(head string) error {
	var status int
	if _, err := fmt.Sscanf(head, "HTTP/1.1 %d", &status); err != nil {
		return fmt.Errorf("read answer: %w", wire.ErrForm)
	}
	if status != http.StatusOK {
		return &Refused{Status: status}
	}
	return nil
}

// refusal reads the problem that the server answered with.
func refusal(res *http.Response, body []byte) error {
	var p struct {
		Code string `json:"code"`
	}
	r := &Refused{Status: res.StatusCode}
	if json.Unmarshal(body, &p) == nil {
		r.Code = p.Code
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		r.Wait = time.Duration(s) * time.Second
	}
	return r
}
