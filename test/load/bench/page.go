package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/html"
)

// pageRequests is how often the page is asked for.
const pageRequests = 2000

// pages measures the page on which one reports: its weight with everything a first view
// loads, the server's time, and the time to use on a slow link in a real browser.
func pages(ctx context.Context, b *bench) (err error) {
	c, err := b.newCompany(ctx, "")
	if err != nil {
		return err
	}
	mail, err := newSink(false, false)
	if err != nil {
		return err
	}
	defer mail.close()
	p, err := b.serve(ctx, c, mail.addr, "page")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	v, err := signIn(ctx, "http://"+p.addr)
	if err != nil {
		return err
	}
	if err := b.weight(ctx, v); err != nil {
		return err
	}
	var p50, p99 []float64
	for range b.rounds {
		times, err := v.times(ctx)
		if err != nil {
			return err
		}
		p50, p99 = append(p50, quantile(times, 0.5)*1000), append(p99, quantile(times, 0.99)*1000)
	}
	b.out.line(fmt.Sprintf("/report: %d requests over one connection, seen by the client", pageRequests), "p50 "+spread(p50)+" ms, p99 "+spread(p99)+" ms", "", "",
		"p99 ≤ 5 ms", yes(median(p99) <= 5))
	return b.slowLink(ctx, v)
}

// visitor is a signed-in client that counts every byte it reads from the wire.
type visitor struct {
	base   string
	client *http.Client
	read   atomic.Int64
}

type countedConn struct {
	net.Conn
	n *atomic.Int64
}

// Read counts.
func (c countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func signIn(ctx context.Context, base string) (*visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	v := &visitor{base: base}
	var d net.Dialer
	v.client = &http.Client{Jar: jar, Transport: &http.Transport{DisableCompression: true, MaxConnsPerHost: 1, // gzip is asked for by hand, so that it stays on the wire
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := d.DialContext(ctx, network, addr)
			return countedConn{c, &v.read}, err
		}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/login", strings.NewReader(url.Values{"login": {login}, "password": {password}}.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := v.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || strings.HasSuffix(resp.Request.URL.Path, "/login") {
		return nil, fmt.Errorf("sign in: %s at %s", resp.Status, resp.Request.URL.Path)
	}
	return v, nil
}

// get fetches an address with gzip allowed and gives the body as it came and its encoding.
func (v *visitor) get(ctx context.Context, path string) ([]byte, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+path, nil)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("Accept-Language", "ja")
	resp, err := v.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}
	return body, resp.Header.Get("Content-Encoding"), err
}

// weight counts all bytes of the page and of what it links to, headers included.
func (b *bench) weight(ctx context.Context, v *visitor) error {
	start := v.read.Load()
	body, encoding, err := v.get(ctx, "/report")
	if err != nil {
		return err
	}
	plain, err := inflate(body, encoding)
	if err != nil {
		return err
	}
	page := v.read.Load() - start
	links, err := linked(plain)
	if err != nil {
		return err
	}
	for _, l := range links {
		if _, _, err := v.get(ctx, l); err != nil {
			return err
		}
	}
	total := float64(v.read.Load()-start) / 1000
	b.out.line(fmt.Sprintf("/report over the wire, first view: page %s KB and %d linked files, headers included", figure(float64(page)/1000), len(links)),
		figure(total)+" KB", "", "", "≤ 60 KB", yes(total <= 60))
	return nil
}

// linked finds what a browser loads with a page: style sheets, scripts, icons, pictures.
func linked(page []byte) ([]string, error) {
	root, err := html.Parse(strings.NewReader(string(page)))
	if err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	var out []string
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		a := map[string]string{}
		for _, x := range n.Attr {
			a[x.Key] = x.Val
		}
		at := ""
		switch n.Data {
		case "script", "img":
			at = a["src"]
		case "link":
			if a["rel"] != "alternate" && a["rel"] != "canonical" {
				at = a["href"]
			}
		case "use":
			at = a["href"]
		}
		at, _, _ = strings.Cut(at, "#")
		if strings.HasPrefix(at, "/") && !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	return out, nil
}

// times asks for the page again and again over one connection.
func (v *visitor) times(ctx context.Context) ([]float64, error) {
	out := make([]float64, 0, pageRequests)
	for range pageRequests {
		t := time.Now()
		if _, _, err := v.get(ctx, "/report"); err != nil {
			return nil, err
		}
		out = append(out, time.Since(t).Seconds())
	}
	return out, nil
}
