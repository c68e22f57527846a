package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// connections is how many keep-alive connections the load comes over.
const connections = 64

// message writes one report as bytes on the wire; the same for both sides.
func message(addr, token string, n int) []byte {
	body := fmt.Sprintf(`{"kind":"missent","summary":"見積書を別の会社へ送ってしまいました(%d)","occurred":"unknown","discovered":"unknown"}`, n)
	return []byte("POST /api/v1/incidents HTTP/1.1\r\nHost: " + addr + "\r\nAuthorization: Bearer " + token +
		"\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

// load counts what closed-loop clients got done.
type load struct {
	done atomic.Int64
	wg   sync.WaitGroup
	stop context.CancelFunc
	mu   sync.Mutex
	err  error // the first
}

// begin starts clients, each of which sends its next report when the last is answered.
func begin(ctx context.Context, addr string, tokens []string, clients int) *load {
	ctx, stop := context.WithCancel(ctx)
	l := &load{stop: stop}
	for c := range clients {
		l.wg.Go(func() {
			if err := l.client(ctx, addr, tokens[c%len(tokens)], c); err != nil {
				l.mu.Lock()
				l.err = errors.Join(l.err, err)
				l.mu.Unlock()
				stop()
			}
		})
	}
	return l
}

func (l *load) client(ctx context.Context, addr, token string, c int) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 16<<10)
	for n := c; ctx.Err() == nil; n += 1000 {
		if _, err := conn.Write(message(addr, token, n)); err != nil {
			return err
		}
		if _, err := answer(r); err != nil {
			return err
		}
		l.done.Add(1)
	}
	return nil
}

// end lets the reports in hand finish and gives the first error.
func (l *load) end() error {
	l.stop()
	l.wg.Wait()
	return l.err
}

// answer reads one response, which must say "created", and gives its body.
func answer(r *bufio.Reader) ([]byte, error) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusCreated {
		err = fmt.Errorf("answered %s: %s", resp.Status, bytes.TrimSpace(body))
	}
	return body, err
}

// measured is what one measurement found.
type measured struct {
	n    float64 // reports answered
	cpu  float64 // CPU-seconds of every server-side process
	wall float64 // seconds
}

// measure runs closed-loop clients for a while after a warm-up. After it, rest may let
// the server finish what it still owes, whose cost then counts too.
func (b *bench) measure(ctx context.Context, addr string, tokens []string, clients int, cpu func() (float64, error), rest func() error) (m measured, err error) {
	if rest != nil { // every report must be paid for: warm up, come to rest, then count
		l := begin(ctx, addr, tokens, clients)
		time.Sleep(time.Second)
		if err := errors.Join(l.end(), rest()); err != nil {
			return m, err
		}
	}
	l := begin(ctx, addr, tokens, clients)
	if rest == nil {
		time.Sleep(time.Second)
	}
	before, err1 := cpu()
	n, t := l.done.Load(), time.Now()
	if rest != nil {
		n = 0
	}
	time.Sleep(b.seconds)
	m.n, m.wall = float64(l.done.Load()-n), time.Since(t).Seconds()
	after, err2 := cpu()
	err = l.end()
	if rest != nil && err == nil {
		m.n = float64(l.done.Load())
		err = rest()
		after, err2 = cpu()
	}
	m.cpu = after - before
	return m, errors.Join(err, err1, err2)
}
