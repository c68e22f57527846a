package agentgw

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/httpsig"
	"sekimori/internal/kit/wire"
)

// domain is a Devices of the tests that knows keys and versions.
type domain struct {
	mu       sync.Mutex
	keys     map[string]ed25519.PublicKey
	versions map[string]int64
	online   map[string]bool
	facts    map[string][]wire.Facts
	calls    int
	refused  map[string]bool
	broken   int // times that presence cannot be written
}

func (d *domain) Enrol(_ context.Context, e wire.Enrol, _ string) (wire.Enrolled, error) {
	if e.Token != "good" {
		return wire.Enrolled{}, fault.New(fault.Denied, "fault.token", nil)
	}
	return wire.Enrolled{Device: wire.DeviceID(e.PublicKey)}, nil
}

func (d *domain) Key(_ context.Context, id string) (ed25519.PublicKey, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if d.refused[id] {
		return nil, fault.New(fault.Denied, "fault.device_refused", nil)
	}
	k, ok := d.keys[id]
	if !ok {
		return nil, fault.Missing("device")
	}
	return k, nil
}

func (d *domain) KeyChanges() []string { return []string{"change"} }

func (d *domain) Document(_ context.Context, id string, have int64) (string, int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.versions[id]
	if have >= v {
		return "", v, nil
	}
	return "document of " + id, v, nil
}

func (d *domain) Version(_ context.Context, ids []string) (map[string]int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]int64{}
	for _, id := range ids {
		out[id] = d.versions[id]
	}
	return out, nil
}

func (d *domain) TakeFacts(_ context.Context, id string, f wire.Facts) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.facts[id] = append(d.facts[id], f)
	return nil
}

func (d *domain) Report(_ context.Context, _ string, in wire.Infection) (wire.Reported, error) {
	return wire.Reported{Label: "INC-2026-0001", ID: in.Key}, nil
}

func (d *domain) AddEvidence(_ context.Context, _, report, _, _ string, _ io.Reader) error {
	if report != "mine" {
		return fault.Missing("report")
	}
	return nil
}

func (d *domain) Presence(_ context.Context, _ string, on, off []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken > 0 {
		d.broken--
		return errors.New("the database is away")
	}
	for _, id := range on {
		d.online[id] = true
	}
	for _, id := range off {
		delete(d.online, id)
	}
	return nil
}

func (d *domain) ClearPresence(context.Context, string) error { return nil }

func (d *domain) is(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.online[id]
}

// ears is a Live of the tests.
type ears chan []string

func (e ears) Subscribe(context.Context) <-chan []string { return e }

type house struct {
	*domain
	ears ears
	gw   *Gateway
	srv  *httptest.Server
	now  func() time.Time
}

func newHouse(t *testing.T, h2 bool) *house {
	t.Helper()
	h := &house{domain: &domain{keys: map[string]ed25519.PublicKey{}, versions: map[string]int64{}, online: map[string]bool{},
		facts: map[string][]wire.Facts{}, refused: map[string]bool{}}, ears: make(ears), now: time.Now}
	h.gw = New(Parts{Devices: h.domain, Live: h.ears, Server: "one", Now: h.now, Log: slog.New(slog.DiscardHandler), Beat: 60 * time.Millisecond})
	h.srv = httptest.NewUnstartedServer(h.gw)
	h.srv.EnableHTTP2 = h2
	h.srv.StartTLS()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.gw.Run(ctx) }()
	t.Cleanup(func() { cancel(); close(h.ears); <-done; h.srv.Close() })
	return h
}

// pc is one device of the tests.
type pc struct {
	id  string
	key ed25519.PrivateKey
}

func (h *house) pc(seed byte) pc {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	p := pc{wire.DeviceID(key.Public().(ed25519.PublicKey)), key}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys[p.id], h.versions[p.id] = key.Public().(ed25519.PublicKey), 1
	return p
}

func (h *house) do(t *testing.T, p pc, method, path, body string, change ...func(*http.Request)) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	httpsig.Sign(r, []byte(body), p.id, p.key, h.now())
	for _, f := range change {
		f(r)
	}
	res, err := h.srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func code(t *testing.T, res *http.Response) string {
	t.Helper()
	var p problem
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil || p.Status != res.StatusCode {
		t.Errorf("answer is no problem: %v %+v", err, p)
	}
	return p.Code
}

// lines reads a stream's lines until one is wanted.
func until(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("stream ended before %q: %v", want, err)
		}
		if strings.TrimSpace(line) == want {
			return
		}
	}
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func TestStreamTellsOfVersions(t *testing.T) {
	t.Parallel()
	for name, h2 := range map[string]bool{"taken over": false, "over HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, h2)
			p, other := h.pc(1), h.pc(2)
			h.versions[p.id] = 5
			res := h.do(t, p, "GET", wire.PathStream+"?have=3", "")
			if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" || h2 != (res.ProtoMajor == 2) {
				t.Fatalf("%s %v", res.Proto, res.Status)
			}
			r := bufio.NewReader(res.Body)
			until(t, r, "data:5") // what it missed
			until(t, r, ":")      // a heartbeat
			eventually(t, "seen online", func() bool { return h.is(p.id) })
			h.mu.Lock()
			h.versions[p.id], h.versions[other.id] = 6, 9
			h.mu.Unlock()
			h.ears <- []string{"inc_1", other.id, p.id}
			until(t, r, "data:6")
			h.mu.Lock()
			h.versions[p.id] = 7
			h.mu.Unlock()
			h.ears <- nil // anything may have changed
			until(t, r, "data:7")
			res.Body.Close()
			eventually(t, "seen gone", func() bool { return !h.is(p.id) })
			if n := h.gw.Online(); n != 0 {
				t.Errorf("%d streams left", n)
			}
		})
	}
}

// TestHeartbeatsOneEachRound: however many streams there are, a round of heartbeats has each
// of them once, and comes in no wave.
func TestHeartbeatsOneEachRound(t *testing.T) {
	for _, n := range []int{1, 31, 100} {
		var ss streams
		for i := range n {
			ss.add(&stream{device: strconv.Itoa(i), conn: &flushed{}})
		}
		beats := map[*stream]int{}
		for turn := range turns {
			due := ss.due(turn)
			if most := n/turns + 1; len(due) > most {
				t.Errorf("%d streams: %d heartbeats at once, want at most %d", n, len(due), most)
			}
			for _, s := range due {
				beats[s]++
			}
		}
		if len(beats) != n {
			t.Errorf("%d streams: %d had a heartbeat", n, len(beats))
		}
		for s, times := range beats {
			if times != 1 {
				t.Errorf("%d streams: %s had %d heartbeats in a round", n, s.device, times)
			}
		}
	}
}

// TestRestoredServerSaysSo: a PC that knows more than its server must learn of it.
func TestRestoredServerSaysSo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	p := h.pc(1)
	h.versions[p.id] = 5
	r := bufio.NewReader(h.do(t, p, "GET", wire.PathStream+"?have=9", "").Body)
	until(t, r, "data:5")
	h.mu.Lock()
	h.versions[p.id] = 10
	h.mu.Unlock()
	h.ears <- []string{p.id}
	until(t, r, "data:10")
}

func TestNewerStreamReplacesTheOlder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	p := h.pc(1)
	first := h.do(t, p, "GET", wire.PathStream+"?have=1", "")
	until(t, bufio.NewReader(first.Body), ":")
	second := h.do(t, p, "GET", wire.PathStream+"?have=1", "")
	r := bufio.NewReader(second.Body)
	until(t, r, ":")
	if _, err := io.ReadAll(first.Body); err == nil && h.gw.Online() != 1 {
		t.Errorf("%d streams", h.gw.Online())
	}
	h.mu.Lock()
	h.versions[p.id] = 2
	h.mu.Unlock()
	h.ears <- []string{p.id}
	until(t, r, "data:2")
	eventually(t, "online", func() bool { return h.is(p.id) })
}

func TestStoppedDoorEndsItsStreams(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	gw := New(Parts{Devices: h.domain, Live: make(ears), Server: "two", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	done := make(chan struct{})
	go func() { defer close(done); gw.Run(ctx) }()
	srv := httptest.NewServer(gw)
	defer srv.Close()
	h.srv.URL = srv.URL
	res := h.do(t, h.pc(1), "GET", wire.PathStream+"?have=1", "")
	cancel()
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Logf("stream ended with %v", err)
	}
	<-done
	res = h.do(t, h.pc(1), "GET", wire.PathStream+"?have=1", "")
	if b, _ := io.ReadAll(res.Body); strings.Contains(string(b), "data:") {
		t.Errorf("a stopped door opened a stream: %q", b)
	}
}

func TestOnlyTheKeysOwnerIsHeard(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	p, stranger := h.pc(1), pc{id: "dev_" + strings.Repeat("0", 32), key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))}
	gone := h.pc(3)
	h.refused[gone.id] = true
	thief := pc{p.id, stranger.key} // another's name, own key
	for name, c := range map[string]struct {
		pc     pc
		change func(*http.Request)
		status int
		code   string
	}{
		"unknown":      {stranger, nil, 401, "fault.device_signature"},
		"stolen name":  {thief, nil, 401, "fault.device_signature"},
		"refused":      {gone, nil, 403, "fault.device_refused"},
		"unsigned":     {p, func(r *http.Request) { r.Header.Del("Signature") }, 401, "fault.device_signature"},
		"changed path": {p, func(r *http.Request) { r.URL.RawQuery = "have=1" }, 401, "fault.device_signature"},
		"other body": {p, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), 2
		}, 401, "fault.device_signature"},
		"wrong clock": {p, func(r *http.Request) {
			httpsig.Sign(r, []byte(`{"seq":1}`), p.id, p.key, time.Now().Add(-time.Hour))
		}, 401, "fault.device_clock"},
	} {
		res := h.do(t, c.pc, "POST", wire.PathFacts, `{"seq":1}`, append([]func(*http.Request){}, func(r *http.Request) {
			if c.change != nil {
				c.change(r)
			}
		})...)
		if got := code(t, res); res.StatusCode != c.status || got != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, res.StatusCode, got, c.status, c.code)
		}
		if _, err := http.ParseTime(res.Header.Get("Date")); err != nil {
			t.Errorf("%s: no server time in the answer: %v", name, err)
		}
	}
	if len(h.facts) != 0 {
		t.Errorf("facts taken: %v", h.facts)
	}
}

func TestEachPath(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	p := h.pc(1)
	for _, c := range []struct {
		method, path, body string
		status             int
		has                string
	}{
		{"GET", wire.PathProbe, "", 204, ""},
		{"GET", wire.PathKeys, "", 200, "change"},
		{"GET", wire.PathDocument + "?have=0", "", 200, "document of " + p.id},
		{"GET", wire.PathDocument + "?have=1", "", 304, ""},
		{"GET", wire.PathDocument + "?have=x", "", 422, "fault.device_form"},
		{"GET", wire.PathStream + "?have=-1", "", 422, "fault.device_form"},
		{"POST", wire.PathFacts, `{"seq":1}`, 204, ""},
		{"POST", wire.PathFacts, `nonsense`, 422, "fault.device_form"},
		{"POST", wire.PathFacts, strings.Repeat(" ", wire.MaxFacts+1), 413, "fault.too_large"},
		{"POST", wire.PathReports, `{"key":"k"}`, 201, "INC-2026-0001"},
		{"POST", wire.PathReports, `[`, 422, "fault.device_form"},
		{"POST", wire.PathEvidence + "?report=mine&name=a", "x", 201, ""},
		{"POST", wire.PathEvidence + "?report=other&name=a", "x", 404, ""},
		{"POST", wire.PathEnrol, `{"token":"good","public_key":"AAAA"}`, 201, "dev_"},
		{"POST", wire.PathEnrol, `{"token":"bad"}`, 403, "fault.token"},
		{"POST", wire.PathEnrol, `{`, 422, "fault.device_form"},
		{"PUT", wire.PathFacts, `{}`, 405, ""},
		{"GET", "/agent/v1/shell", "", 404, ""},
	} {
		res := h.do(t, p, c.method, c.path, c.body)
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != c.status || !strings.Contains(string(body), c.has) {
			t.Errorf("%s %s %.20q: %d %.200q %v, want %d %q", c.method, c.path, c.body, res.StatusCode, body, err, c.status, c.has)
		}
	}
}

func TestFloodSlowsOnlyItsSender(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	loud, calm := h.pc(1), h.pc(2)
	var slowed int
	for range int(perDevice.burst) + 30 {
		if res := h.do(t, loud, "GET", wire.PathDocument+"?have=1", ""); res.StatusCode == 429 {
			slowed++
			if res.Header.Get("Retry-After") == "" {
				t.Error("no word of when to come again")
			}
		}
	}
	if slowed == 0 {
		t.Error("a flood was not slowed")
	}
	if res := h.do(t, calm, "GET", wire.PathDocument+"?have=0", ""); res.StatusCode != 200 {
		t.Errorf("a neighbour was slowed: %v", res.Status)
	}
	// who cannot sign cannot use up another's allowance
	thief := pc{calm.id, loud.key}
	for range int(perDevice.burst) + 30 {
		h.do(t, thief, "GET", wire.PathDocument+"?have=0", "")
	}
	if res := h.do(t, calm, "GET", wire.PathDocument+"?have=0", ""); res.StatusCode != 200 {
		t.Errorf("a thief used up another's allowance: %v", res.Status)
	}
}

// TestAddressOfManyPCs: behind one proxy or router stand many PCs, and one that floods
// without a right signature uses up the allowance of their address.
func TestAddressOfManyPCs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	calm := h.pc(1)
	if res := h.do(t, calm, "GET", wire.PathDocument+"?have=0", ""); res.StatusCode != 200 {
		t.Fatal(res.Status)
	}
	h.gw.limits.mu.Lock()
	h.gw.limits.buckets["address 127.0.0.1"] = bucket{at: h.now(), of: allowance{burst: 1, every: time.Hour}}
	h.gw.limits.mu.Unlock()
	if res := h.do(t, calm, "GET", wire.PathDocument+"?have=0", ""); res.StatusCode != 200 {
		t.Errorf("a known PC waits for strangers of its address: %v", res.Status)
	}
	if res := h.do(t, h.pc(2), "GET", wire.PathDocument+"?have=0", ""); res.StatusCode != 429 {
		t.Errorf("an unknown one does not: %v", res.Status)
	}
}

// TestPresenceOutlivesABrokenDatabase: who came while it was away is online afterwards.
func TestPresenceOutlivesABrokenDatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	p := h.pc(1)
	h.mu.Lock()
	h.broken = 1
	h.mu.Unlock()
	if res := h.do(t, p, "GET", wire.PathStream+"?have=1", ""); res.StatusCode != 200 {
		t.Fatal(res.Status)
	}
	eventually(t, "online", func() bool { return h.is(p.id) })
}

// TestOneLargeBodyAtATime: a device that begins many and finishes none fills no memory.
func TestOneLargeBodyAtATime(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	loud, calm := h.pc(1), h.pc(2)
	const path = wire.PathEvidence + "?report=mine&name=a"
	read, begin := io.Pipe()
	began, ended := make(chan struct{}), make(chan struct{})
	slow, err := http.NewRequestWithContext(t.Context(), "POST", h.srv.URL+path, read)
	if err != nil {
		t.Fatal(err)
	}
	httpsig.Sign(slow, []byte("xx"), loud.id, loud.key, h.now())
	go func() {
		defer close(ended)
		res, err := h.srv.Client().Do(slow)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		if res.StatusCode != 201 {
			t.Errorf("the first: %v", res.Status)
		}
	}()
	go func() { defer close(began); io.WriteString(begin, "x") }()
	<-began
	eventually(t, "it has begun", func() bool {
		h.gw.large.mu.Lock()
		defer h.gw.large.mu.Unlock()
		return h.gw.large.who[loud.id]
	})
	if res := h.do(t, loud, "POST", path, "xx"); res.StatusCode != 429 {
		t.Errorf("a second one beside it: %v", res.Status)
	}
	if res := h.do(t, calm, "POST", path, "xx"); res.StatusCode != 201 {
		t.Errorf("another device: %v", res.Status)
	}
	io.WriteString(begin, "x")
	begin.Close()
	<-ended
	if res := h.do(t, loud, "POST", path, "xx"); res.StatusCode != 201 {
		t.Errorf("afterwards: %v", res.Status)
	}
}

func TestBucketsFillAndAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiter{now: time.Now}
		a := allowance{burst: 2, every: time.Second}
		got := []bool{l.take("x", a), l.take("x", a), l.take("x", a), l.take("y", a)}
		time.Sleep(time.Second)
		got = append(got, l.take("x", a), l.take("x", a))
		if want := []bool{true, true, false, true, true, false}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		time.Sleep(time.Minute)
		for i := range maxBuckets {
			l.take(string(rune(i+0x10000)), a)
		}
		if len(l.buckets) > maxBuckets {
			t.Errorf("%d buckets", len(l.buckets))
		}
	})
}

// TestPlainHTTP1 reads the raw answer: a stream that was taken over must still be one
// that any HTTP/1.1 reader and proxy understands.
func TestPlainHTTP1(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	p := h.pc(1)
	conn, err := tls.Dial("tcp", h.srv.Listener.Addr().String(), h.srv.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r, err := http.NewRequest("GET", h.srv.URL+wire.PathStream+"?have=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	httpsig.Sign(r, nil, p.id, p.key, time.Now())
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil || !res.Close {
		t.Fatalf("%v, close %v", err, res)
	}
	got := make(chan int64, 1)
	go wire.ReadStream(res.Body, func() {}, func(v int64) { got <- v })
	if v := <-got; v != 1 {
		t.Errorf("version %d", v)
	}
}
