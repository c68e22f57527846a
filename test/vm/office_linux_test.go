package vm

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/kit/httpsig"
	"sekimori/internal/kit/wire"
	"sekimori/internal/testkit/netns"
)

// office is a server that says of media what the test wants, at the second that it wants,
// and keeps what it is told. The real one lends by the day, and to people.
type office struct {
	t      *testing.T
	url    string
	ca     string // file of the authority's certificate
	signer note.Signer
	key    string

	mu      sync.Mutex
	device  ed25519.PublicKey
	doc     wire.Document
	signed  string
	events  []wire.MediaEvent
	keys    map[string]bool // of the events that were taken
	fact    wire.MediaFact
	streams map[chan string]bool
}

// officeName is what the certificate of httptest is for.
const officeName = "example.com"

func newOffice(t *testing.T, space *netns.Space, at netip.AddrPort) *office {
	t.Helper()
	o := &office{t: t, url: fmt.Sprintf("https://%s:%d", officeName, at.Port()), ca: filepath.Join(t.TempDir(), "ca.pem"),
		keys: map[string]bool{}, streams: map[chan string]bool{}}
	o.signer, o.key = newSigner(t)
	o.doc.Servers = []wire.Server{{URL: o.url, Addrs: []netip.Addr{at.Addr()}, Port: at.Port()}}
	s := httptest.NewUnstartedServer(o)
	s.Listener.Close()
	s.Listener = space.Listen("tcp", at.String())
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // cables are pulled here
	s.StartTLS()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(o.ca, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

// newSigner makes a key of this name, the same for every company.
func newSigner(t *testing.T) (note.Signer, string) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "sekimori.example")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return s, public
}

// media orders what the guard must do from now on, and returns the version.
func (o *office) media(m wire.Media) int64 {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.doc.Media = &m
	o.sign()
	for c := range o.streams {
		select {
		case c <- wire.Nudge(o.doc.Version):
		default: // it has not read the ones before
		}
	}
	return o.doc.Version
}

// sign makes the next version.
func (o *office) sign() {
	o.doc.Version++
	o.doc.Issued = wire.MicrosOf(time.Now())
	o.doc.Until = wire.MicrosOf(time.Now().Add(30 * 24 * time.Hour))
	signed, err := o.doc.Sign(o.signer)
	if err != nil {
		o.t.Error(err)
	}
	o.signed = signed
}

// told are the events since a moment, which said counts.
func (o *office) told(since int) []wire.MediaEvent {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.events[since:])
}

// said counts the events so far.
func (o *office) said() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.events)
}

// guard is what the PC says of its guard.
func (o *office) guard() wire.MediaFact {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.fact
}

func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	switch r.URL.Path {
	case wire.PathProbe:
		w.WriteHeader(http.StatusNoContent)
		return
	case wire.PathEnrol:
		o.enrol(w, r)
		return
	case wire.PathKeys:
		o.say(w, wire.KeyChanges{})
		return
	}
	o.mu.Lock()
	device := o.device
	o.mu.Unlock()
	sig, err := httpsig.Parse(r, time.Now())
	body, bad := io.ReadAll(r.Body)
	if err != nil || bad != nil || sig.Verify(device) != nil || sig.VerifyBody(body) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		o.say(w, map[string]string{"code": "fault.device_clock"}) // no other reason is possible here
		return
	}
	if r.URL.Path == wire.PathStream {
		o.stream(w, r)
		return
	}
	o.answer(w, r, body)
}

func (o *office) say(w io.Writer, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		o.t.Error(err)
	}
	w.Write(raw) // whoever has gone away asks again
}

func (o *office) enrol(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var e wire.Enrol
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		o.t.Errorf("enrolment: %v", err)
	}
	o.device, o.doc.Device = e.PublicKey, wire.DeviceID(e.PublicKey)
	o.sign()
	w.WriteHeader(http.StatusCreated)
	o.say(w, wire.Enrolled{Device: o.doc.Device, Person: "Aoki Hanako", Keys: []string{o.key}, Secret: make([]byte, 32), Document: o.signed})
}

func (o *office) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	read := func(v any) {
		if err := json.Unmarshal(body, v); err != nil {
			o.t.Errorf("%s: %v: %s", r.URL.Path, err, body)
		}
	}
	switch r.URL.Path {
	case wire.PathDocument:
		w.Header().Set(wire.HeaderVersion, strconv.FormatInt(o.doc.Version, 10))
		if r.URL.Query().Get("have") == strconv.FormatInt(o.doc.Version, 10) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, o.signed)
	case wire.PathFacts:
		var f wire.Facts
		read(&f)
		if v := f.Facts[wire.FactMedia].Value; v != nil {
			if err := json.Unmarshal(v, &o.fact); err != nil {
				o.t.Errorf("%s: %v", v, err)
			}
		}
		w.WriteHeader(http.StatusNoContent)
	case wire.PathMedia:
		var all wire.MediaEvents
		read(&all)
		for _, e := range all.Events {
			if !o.keys[e.Key] {
				o.keys[e.Key], o.events = true, append(o.events, e)
			}
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		o.t.Errorf("the PC asks for %s", r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
	}
}

func (o *office) stream(w http.ResponseWriter, r *http.Request) {
	c := make(chan string, 8)
	o.mu.Lock()
	o.streams[c] = true
	version := o.doc.Version
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.streams, c)
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	io.WriteString(w, wire.Beat)
	if have, err := strconv.ParseInt(r.URL.Query().Get("have"), 10, 64); err != nil || have < version {
		io.WriteString(w, wire.Nudge(version))
	}
	http.NewResponseController(w).Flush()
	beat := time.NewTicker(20 * time.Second)
	defer beat.Stop()
	for {
		text := wire.Beat
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
		case text = <-c:
		}
		io.WriteString(w, text)
		http.NewResponseController(w).Flush()
	}
}
