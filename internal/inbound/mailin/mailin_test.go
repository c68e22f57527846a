package mailin_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/mailin"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
)

var update = flag.Bool("update", false, "write what came of the corpus")

// shelf keeps evidence in memory.
type shelf struct {
	mu   sync.Mutex
	kept map[string][]byte
}

func (s *shelf) Put(_ context.Context, key string, r io.Reader) error {
	b, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[key] = b
	return err
}

func (s *shelf) Open(_ context.Context, key string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return io.NopCloser(bytes.NewReader(s.kept[key])), nil
}

func (s *shelf) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, key)
	return nil
}

// house is a running intake over the real services and a real store.
type house struct {
	t       testing.TB
	db      *store.DB
	shelf   *shelf
	cases   *incident.Service
	notices *notice.Service
	addr    string
	stop    func()
	read    atomic.Int64 // bytes that the server has read from its connections

	mu    sync.Mutex
	now   time.Time
	log   bytes.Buffer
	count map[mailin.Outcome]int
}

func (h *house) counted(o mailin.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count[o]++
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(p)
}

func start(t testing.TB, change func(*mailin.Options)) *house {
	t.Helper()
	db := storetest.SQLite(t)
	storetest.Seed(t, db, directorytest.Company())
	h := &house{t: t, db: db, shelf: &shelf{kept: map[string][]byte{}}, now: directorytest.Noon(), count: map[mailin.Outcome]int{}}
	people := directory.NewService(db, h.clock)
	h.notices = notice.NewService(db, people, h.clock, nil)
	var err error
	h.cases, err = incident.NewService(t.Context(), incident.Parts{Store: db, Blobs: h.shelf, People: people, Notices: h.notices, Tracks: db,
		Now: h.clock, Zone: time.FixedZone("JST", 9*60*60), Codes: incident.NewCodes([]byte("test key"))})
	h.must(err)
	cat, err := i18n.Load()
	h.must(err)
	o := mailin.Options{Addresses: []string{"report@aoba.example"}, Host: "sekimori.aoba.example", Own: []string{"sekimori@aoba.example"},
		IDHost: "sekimori.aoba.example", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Hosts: []string{"mx.aoba.example"},
		MaxBytes: 25 << 20, Kind: incident.Complaint, Limits: mailin.Limits{Connections: 100, SenderPerHour: 1000, PerMinute: 1000}}
	if change != nil {
		change(&o)
	}
	s := mailin.New(mailin.Parts{Cases: h.cases, Notices: h.notices, People: people, Catalogue: cat, Now: h.clock, Log: slog.New(slog.NewTextHandler(h, nil)), Count: h.counted}, o)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	h.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, meter{ln, &h.read}) }()
	var once sync.Once
	h.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(h.stop)
	return h
}

// meter counts what is read from the connections of a listener.
type meter struct {
	net.Listener
	n *atomic.Int64
}

func (m meter) Accept() (net.Conn, error) {
	c, err := m.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return metered{c, m.n}, nil
}

type metered struct {
	net.Conn
	n *atomic.Int64
}

func (m metered) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	m.n.Add(int64(n))
	return n, err
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// client is a mail server that hands over, line by line.
type client struct {
	t    testing.TB
	conn net.Conn
	text *textproto.Reader
}

func (h *house) dial() *client {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	h.must(err)
	c := &client{h.t, conn, textproto.NewReader(bufio.NewReader(conn))}
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	h.t.Cleanup(func() { conn.Close() })
	return c
}

func (c *client) answer() (code int, text string) {
	c.t.Helper()
	code, text, err := c.text.ReadResponse(0)
	if err != nil {
		c.t.Fatalf("answer: %v", err)
	}
	return code, text
}

// say writes a line and wants an answer that begins with a code.
func (c *client) say(code int, line string) string {
	c.t.Helper()
	fmt.Fprintf(c.conn, "%s\r\n", line)
	got, text := c.answer()
	if got != code {
		c.t.Fatalf("%q was answered with %d %s, want %d", line, got, text, code)
	}
	return text
}

func (c *client) greet() *client {
	c.t.Helper()
	if code, text := c.answer(); code != 220 {
		c.t.Fatalf("greeting: %d %s", code, text)
	}
	c.say(250, "EHLO mx.outside.example")
	return c
}

// send hands a mail over as bytes and gives the last answer.
func (c *client) send(from string, raw []byte) (int, string) {
	c.t.Helper()
	c.say(250, "MAIL FROM:<"+from+">")
	c.say(250, "RCPT TO:<report@aoba.example>")
	c.say(354, "DATA")
	c.conn.Write(bytes.ReplaceAll(raw, []byte("\r\n."), []byte("\r\n..")))
	if !bytes.HasSuffix(raw, []byte("\r\n")) {
		io.WriteString(c.conn, "\r\n")
	}
	io.WriteString(c.conn, ".\r\n")
	return c.answer()
}

func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// mail hands over one mail on a connection of its own.
func (h *house) mail(from, text string) (int, string) {
	h.t.Helper()
	c := h.dial().greet()
	code, answer := c.send(from, crlf(text))
	c.say(221, "QUIT")
	return code, answer
}

// all lists every case, oldest first.
func (h *house) all() []incident.Row {
	h.t.Helper()
	p, err := h.db.Find(h.t.Context(), incident.Query{All: true, Limit: 200})
	h.must(err)
	slices.Reverse(p.Rows)
	return p.Rows
}

// shown writes a case as the tests look at it.
func (h *house) shown(i *incident.Incident) string {
	h.t.Helper()
	c, err := h.cases.Case(h.t.Context(), access.System(), i.ID)
	h.must(err)
	var b strings.Builder
	fmt.Fprintf(&b, "kind %s guessed=%v channel %s urgency %s\n", c.Kind, c.Guessed, c.Channel, c.Urgency)
	if c.Outside != nil {
		fmt.Fprintf(&b, "outside %q %q\n", c.Outside.Name, c.Outside.Contact)
	} else {
		fmt.Fprintf(&b, "reporter %s\n", c.Reporter)
	}
	fmt.Fprintf(&b, "summary %q\n", c.Summary)
	for _, e := range c.Entries {
		text := e.Text
		if r := []rune(text); len(r) > 300 {
			text = fmt.Sprintf("%s … %s (%d letters)", string(r[:20]), string(r[len(r)-40:]), len(r))
		}
		fmt.Fprintf(&b, "%s by %s internal=%v %q\n", e.Type, e.By, e.Internal, text)
	}
	slices.SortFunc(c.Evidence, func(a, b incident.Evidence) int { return strings.Compare(a.Name, b.Name) })
	for _, e := range c.Evidence {
		fmt.Fprintf(&b, "file %q %s %d by %s\n", e.Name, e.Media, e.Size, e.By)
	}
	for _, l := range h.receipts(c.ID) {
		fmt.Fprintf(&b, "receipt %s to %q answers %q\n", l.Topic, l.Person, l.Args[notice.InReplyTo])
	}
	return b.String()
}

// receipts claims the letters that answer mails about a case.
func (h *house) receipts(about string) []notice.Letter {
	h.t.Helper()
	ls, err := h.db.ClaimLetters(h.t.Context(), h.clock(), time.Second, 1000)
	h.must(err)
	return slices.DeleteFunc(ls, func(l notice.Letter) bool { return l.About != about })
}

// TestCorpus hands every mail of the corpus to the running server and holds what came of it
// against what is written beside it.
func TestCorpus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/corpus/*.eml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d mails in the corpus, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".eml"), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			h := start(t, nil)
			from := "ichiro@outside.example"
			if strings.Contains(name, "own-person") {
				from = "bounces@aoba.example"
			}
			code, answer := h.mail(from, string(raw))
			got := fmt.Sprintf("%d %s\n", code, answer)
			for _, r := range h.all() {
				got += h.shown(&r.Incident)
			}
			want := strings.TrimSuffix(name, ".eml") + ".want"
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			b, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(b), got); d != "" {
				t.Errorf("what came of it (-want +got):\n%s", d)
			}
			if code, _ := h.mail(from, string(raw)); code/100 == 2 { // the same mail again
				again := fmt.Sprintf("%d %s\n", code, answer)
				for _, r := range h.all() {
					again += h.shown(&r.Incident)
				}
				if once, _, _ := strings.Cut(got, "receipt"); !strings.HasPrefix(again, once) {
					t.Errorf("after the same mail again (-first +second):\n%s", cmp.Diff(got, again))
				}
			}
		})
	}
}

func reader(conn net.Conn) *textproto.Reader { return textproto.NewReader(bufio.NewReader(conn)) }

// sent is a provider that takes everything.
type sent struct{}

func (sent) Send(context.Context, notice.Attempt, notice.Track) (string, error) { return "ok", nil }
