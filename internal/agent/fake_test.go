package agent

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/httpsig"
	"sekimori/internal/kit/wire"
)

// pc is a host.Host of the tests: a firewall that is a variable.
type pc struct {
	mu         sync.Mutex
	privileged error
	cutErr     error
	wifiErr    error         // of switching on
	stuck      chan struct{} // not nil: switching on ends with its time; closed when it was begun
	slow       chan struct{} // not nil: gathering evidence waits until it is closed
	up         bool
	allow      []netip.AddrPort
	calls      []string
	boot       string
	changed    func()
	glance     func(ctx context.Context) // called inside Glance
}

func newPC() *pc { return &pc{boot: "boot-1"} }

func (p *pc) did(what string) { p.calls = append(p.calls, what) }

func (p *pc) Privileged() error { return p.privileged }

func (p *pc) Cut(_ context.Context, a host.Allow) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did("cut")
	if p.cutErr != nil {
		return p.cutErr
	}
	p.up, p.allow = true, a.Servers
	return nil
}

func (p *pc) Standing(_ context.Context, a host.Allow) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.up || !slices.Equal(p.allow, a.Servers) {
		return errors.New("the table is gone")
	}
	return nil
}

func (p *pc) Watch(ctx context.Context, changed func()) error {
	p.mu.Lock()
	p.changed = changed
	p.mu.Unlock()
	<-ctx.Done()
	return ctx.Err()
}

// undo is somebody who takes the rules away.
func (p *pc) undo() {
	p.mu.Lock()
	p.up = false
	changed := p.changed
	p.mu.Unlock()
	if changed != nil {
		changed()
	}
}

func (p *pc) Open(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did("open")
	p.up = false
	return nil
}

func (p *pc) Plan(a host.Allow) []string {
	return []string{fmt.Sprintf("close everything but %v", a.Servers)}
}

func (p *pc) SwitchWifi(ctx context.Context, on bool, _ []host.Endpoint, _ bool) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did(fmt.Sprintf("wifi %v", on))
	if begun := p.stuck; on && begun != nil {
		p.stuck = nil
		close(begun)
		p.mu.Unlock()
		<-ctx.Done()
		p.mu.Lock()
		p.did("wifi given up")
		return "", ctx.Err()
	}
	if on && p.wifiErr != nil {
		return "", p.wifiErr
	}
	return "off", nil
}

func (p *pc) HoldPower(context.Context, string) (func() error, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did("hold")
	return func() error { p.mu.Lock(); defer p.mu.Unlock(); p.did("let go"); return nil }, nil
}

func (p *pc) Glance(ctx context.Context, item func(string, func(io.Writer) error) error) error {
	p.mu.Lock()
	p.did("glance")
	g := p.glance
	p.mu.Unlock()
	if g != nil {
		g(ctx)
	}
	return item("sockets.txt", func(w io.Writer) error { _, err := io.WriteString(w, "a connection\n"); return err })
}

func (p *pc) Collect(_ context.Context, item func(string, func(io.Writer) error) error) error {
	p.mu.Lock()
	slow := p.slow
	p.mu.Unlock()
	if slow != nil {
		<-slow
	}
	return item("../processes.txt", func(w io.Writer) error {
		_, err := w.Write(make([]byte, maxItem+5))
		return err
	})
}

func (p *pc) Install(context.Context, string, string) error { return nil }
func (p *pc) Uninstall(context.Context) error               { return nil }
func (p *pc) Name() string                                  { return "PC-0042" }

func (p *pc) Boot() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.boot, nil
}

func (p *pc) isUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up
}

// has gives the calls so far.
func (p *pc) log() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// machine is a Clock that a test sets.
type machine struct {
	mu      sync.Mutex
	wall    time.Time
	running time.Duration
}

func (m *machine) clock() Clock {
	return Clock{
		Now:     func() time.Time { m.mu.Lock(); defer m.mu.Unlock(); return m.wall },
		Running: func() time.Duration { m.mu.Lock(); defer m.mu.Unlock(); return m.running },
	}
}

func (m *machine) pass(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wall, m.running = m.wall.Add(d), m.running+d
}

// server is the management server of the tests.
type server struct {
	t      *testing.T
	url    string
	addr   netip.AddrPort
	signer note.Signer
	key    string

	mu       sync.Mutex
	down     bool
	homeless bool // no case for evidence
	restored bool // from a backup: it knows less than the PC
	asked    int  // times that evidence was sent
	refused  bool // the PC's key
	muted    bool // streams are opened and nothing comes through
	clock    time.Duration
	device   ed25519.PublicKey
	id       string
	secret   []byte
	doc      wire.Document
	signed   string
	changes  []string
	facts    map[string]wire.Fact
	seq      int64
	reports  []wire.Infection
	evidence map[string][]byte
	clash    string // the words of a report that is refused
	known    []byte // a key that was enrolled before
	streams  map[chan string]bool
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, facts: map[string]wire.Fact{}, evidence: map[string][]byte{}, streams: map[chan string]bool{}, secret: make([]byte, 32)}
	s.signer, s.key = signer(t)
	h := httptest.NewServer(s)
	t.Cleanup(func() { h.CloseClientConnections(); h.Close() })
	s.url = h.URL
	u, err := url.Parse(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.addr = netip.MustParseAddrPort(u.Host)
	return s
}

func signer(t *testing.T) (note.Signer, string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "sekimori.example")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return s, vkey
}

func (s *server) now() time.Time { return time.Now().Add(s.clock) }

// order signs the next document.
func (s *server) order(i wire.Isolation) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doc.Isolation = i
	s.doc.Version++
	s.doc.Issued = wire.MicrosOf(s.now())
	s.doc.Until = s.doc.Issued + wire.Micros(30*24*time.Hour/time.Microsecond)
	s.sign()
	for c := range s.streams {
		select {
		case c <- wire.Nudge(s.doc.Version):
		default:
		}
	}
}

func (s *server) sign() {
	signed, err := s.doc.Sign(s.signer)
	if err != nil {
		s.t.Fatal(err)
	}
	s.signed = signed
}

func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	down, refused, now := s.down, s.refused, s.now()
	s.mu.Unlock()
	if down {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	switch r.URL.Path {
	case wire.PathProbe:
		w.WriteHeader(http.StatusNoContent)
		return
	case wire.PathEnrol:
		s.enrol(w, r)
		return
	case wire.PathKeys:
		s.mu.Lock()
		defer s.mu.Unlock()
		json.NewEncoder(w).Encode(map[string][]string{"changes": s.changes})
		return
	}
	sig, err := httpsig.Parse(r, now)
	body, rerr := io.ReadAll(r.Body)
	code := "fault.device_signature"
	if errors.Is(err, httpsig.ErrTime) {
		code = "fault.device_clock"
	}
	if err != nil || rerr != nil || sig.Verify(s.device) != nil || sig.VerifyBody(body) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		json.NewEncoder(w).Encode(map[string]string{"code": code})
		return
	}
	if refused {
		w.WriteHeader(http.StatusForbidden)
		json.NewEncoder(w).Encode(map[string]string{"code": "fault.device_refused"})
		return
	}
	s.answer(w, r, body)
}

func (s *server) enrol(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var e wire.Enrol
	if json.NewDecoder(r.Body).Decode(&e) != nil || e.Token != "good" || !ed25519.Verify(e.PublicKey, wire.EnrolText(e.Token, e.PublicKey), e.Proof) {
		w.WriteHeader(http.StatusForbidden)
		json.NewEncoder(w).Encode(map[string]string{"code": "fault.denied"})
		return
	}
	if string(s.known) == string(e.PublicKey) {
		w.WriteHeader(http.StatusConflict)
		json.NewEncoder(w).Encode(map[string]string{"code": "fault.device_enrolled"})
		return
	}
	s.device, s.id = e.PublicKey, wire.DeviceID(e.PublicKey)
	s.doc = wire.Document{Device: s.id, Version: 1, Issued: wire.MicrosOf(s.now()), Until: wire.MicrosOf(s.now().Add(time.Hour)),
		Servers:  []wire.Server{{URL: s.url, Addrs: []netip.Addr{s.addr.Addr()}, Port: s.addr.Port()}},
		Contacts: []wire.Contact{{Role: "it_admin", Name: "青木 花子", Phone: "03-0000-0001"}}}
	s.sign()
	w.WriteHeader(http.StatusCreated)
	json.NewEncoder(w).Encode(wire.Enrolled{Device: s.id, Person: "青木 花子", Keys: []string{s.key}, Secret: s.secret, Document: s.signed})
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	if r.URL.Path == wire.PathStream {
		s.stream(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case wire.PathDocument:
		w.Header().Set(wire.HeaderVersion, strconv.FormatInt(s.doc.Version, 10))
		if have, _ := strconv.ParseInt(r.URL.Query().Get("have"), 10, 64); have == s.doc.Version || s.restored {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, s.signed)
	case wire.PathFacts:
		var f wire.Facts
		if json.Unmarshal(body, &f) == nil && f.Seq > s.seq {
			s.seq = f.Seq
			for name, v := range f.Facts {
				s.facts[name] = v
			}
		}
		w.WriteHeader(http.StatusNoContent)
	case wire.PathReports:
		var in wire.Infection
		if err := json.Unmarshal(body, &in); err != nil {
			s.t.Error(err)
		}
		if in.Note == s.clash && in.Note != "" {
			w.WriteHeader(http.StatusConflict)
			return
		}
		s.reports = append(s.reports, in)
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(wire.Reported{Label: fmt.Sprintf("INC-2026-%04d", len(s.reports)), ID: "inc_x"})
	case wire.PathEvidence:
		s.asked++
		if s.homeless {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		s.evidence[r.URL.Query().Get("report")+"/"+r.URL.Query().Get("name")] = body
		w.WriteHeader(http.StatusCreated)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	c := make(chan string, 8)
	s.mu.Lock()
	s.streams[c] = true
	muted, version := s.muted, s.doc.Version
	s.mu.Unlock()
	defer s.set(func() { delete(s.streams, c) })
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	if muted {
		http.NewResponseController(w).Flush()
		return
	}
	io.WriteString(w, wire.Beat)
	if have, _ := strconv.ParseInt(r.URL.Query().Get("have"), 10, 64); have < version {
		io.WriteString(w, wire.Nudge(version))
	}
	http.NewResponseController(w).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case text := <-c:
			io.WriteString(w, text)
			http.NewResponseController(w).Flush()
		}
	}
}

func (s *server) isolation() (f wire.IsolationFact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if raw := s.facts[wire.FactIsolation].Value; raw != nil {
		if err := json.Unmarshal(raw, &f); err != nil {
			s.t.Error(err)
		}
	}
	return f
}

// silent is a place that answers nothing, as one does that cannot be reached.
func silent(t *testing.T) func(host.Allow) []Target {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	place := netip.MustParseAddrPort(conn.LocalAddr().String())
	return func(host.Allow) []Target { return []Target{{"udp", place}} }
}

// rig is an enrolled PC with its server.
type rig struct {
	t   *testing.T
	pc  *pc
	srv *server
	dir string
	m   *machine

	silent func(host.Allow) []Target
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, pc: newPC(), srv: newServer(t), dir: t.TempDir(), m: &machine{wall: time.Now(), running: time.Hour}, silent: silent(t)}
	id, err := Enrol(t.Context(), Enrolment{Dir: r.dir, Server: r.srv.url, Token: "good", Host: "PC-0042", Version: Version})
	if err != nil {
		t.Fatal(err)
	}
	if id.Device != r.srv.id {
		t.Fatalf("enrolled as %s", id.Device)
	}
	return r
}

func (r *rig) options() Options {
	return Options{Dir: r.dir, Host: r.pc, Version: Version, Forbidden: r.silent, Clock: Clock{Now: r.m.clock().Now, Running: host.Running}}
}

// open takes up the folder, as a new process would.
func (r *rig) open() *Agent { return r.openWith(r.options()) }

func (r *rig) openWith(o Options) *Agent {
	r.t.Helper()
	a, err := New(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	a.beat = rhythm{poll: time.Minute, blindPoll: 30 * time.Millisecond, least: 5 * time.Millisecond, most: 50 * time.Millisecond}
	a.keep.pace.look, a.keep.pace.failing, a.keep.pace.reprove = 50*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond
	return a
}

// run serves until the returned function is called, which also closes the agent.
func (r *rig) run(a *Agent) (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- errors.Join(a.Run(ctx), a.Close()) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

func (r *rig) close(a *Agent) {
	r.t.Helper()
	if err := a.Close(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) eventually(what string, is func() bool) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	r.t.Fatalf("it never came to this: %s; calls %v; server knows %+v", what, r.pc.log(), r.srv.isolation())
}

func (r *rig) damage(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) has(name string) bool {
	_, err := os.Stat(filepath.Join(r.dir, name))
	return err == nil
}

// joined is a slice as one text.
func joined(s []string) string { return strings.Join(s, ", ") }
