package device_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
)

// house is the real service over a real SQLite store, at a time moved by hand.
type house struct {
	t      *testing.T
	db     *store.DB
	people *directory.Service
	pcs    *device.Service
	keys   *ring
	cases  *cases
	store  *twice

	mu      sync.Mutex
	now     time.Time
	servers []wire.Server
}

func newHouse(t *testing.T, change func(*directory.Org)) *house {
	t.Helper()
	o := directorytest.Company()
	if change != nil {
		change(o)
	}
	db := storetest.SQLite(t)
	storetest.Seed(t, db, o)
	h := &house{t: t, db: db, keys: newRing(t), cases: &cases{made: map[string]string{}, kept: map[string]bool{}}, now: directorytest.Noon(),
		servers: []wire.Server{{URL: "https://sekimori.example:8420", Port: 8420, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}}}
	h.people = directory.NewService(db, h.clock)
	h.store = &twice{DB: db}
	h.pcs = device.NewService(device.Parts{Store: h.store, People: h.people, Now: h.clock, Keys: h.keys, Secrets: vault{}, Servers: h.addresses,
		Company: "青葉商事", Cases: h.cases, Random: rand.Reader})
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) addresses() []wire.Server {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.servers)
}

func (h *house) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) as(person string) access.Actor {
	h.t.Helper()
	o, err := h.people.Org(h.t.Context())
	h.must(err)
	return directorytest.As(o, person, h.clock())
}

// token makes an enrolment token for a person.
func (h *house) token(person string) string {
	h.t.Helper()
	secret, _, err := h.pcs.CreateToken(h.t.Context(), h.as("per_it"), device.NewToken{Person: person})
	h.must(err)
	return secret
}

// pc is an enrolled PC, as far as the server can tell.
type pc struct {
	h      *house
	id     string
	key    ed25519.PrivateKey
	secret []byte
	seq    int64
}

func (h *house) enrol(person string) *pc {
	h.t.Helper()
	key, in := enrolment(h.t, h.token(person))
	out, err := h.pcs.Enrol(h.t.Context(), in, "192.0.2.50")
	h.must(err)
	return &pc{h: h, id: out.Device, key: key, secret: out.Secret}
}

// enrolment is what a PC with a fresh key sends.
func enrolment(t testing.TB, token string) (ed25519.PrivateKey, wire.Enrol) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key, wire.Enrol{Token: token, PublicKey: pub, Proof: ed25519.Sign(key, wire.EnrolText(token, pub)), Host: "PC-0011", System: "linux/amd64", Agent: "1.0"}
}

// tell sends facts by name.
func (p *pc) tell(values map[string]any) error {
	p.seq++
	return p.send(p.seq, values)
}

func (p *pc) send(seq int64, values map[string]any) error {
	f := wire.Facts{Seq: seq, At: wire.MicrosOf(p.h.clock()), Facts: map[string]wire.Fact{}}
	for n, v := range values {
		x, err := wire.FactOf(v, f.At)
		p.h.must(err)
		f.Facts[n] = x
	}
	return p.h.pcs.TakeFacts(p.h.t.Context(), p.id, f)
}

// says tells of the isolation.
func (p *pc) says(i wire.IsolationFact) {
	p.h.t.Helper()
	p.h.must(p.tell(map[string]any{wire.FactIsolation: i}))
}

// document opens the newest desired state as the PC would.
func (p *pc) document() wire.Document {
	p.h.t.Helper()
	signed, version, err := p.h.pcs.Document(p.h.t.Context(), p.id, 0)
	p.h.must(err)
	d, err := wire.OpenDocument(signed, p.h.keys.verifiers(p.h.t), p.id, version)
	p.h.must(err)
	if d.Version != version {
		p.h.t.Errorf("document %d is said to be %d", d.Version, version)
	}
	return d
}

func (p *pc) view(by string) device.View {
	p.h.t.Helper()
	v, err := p.h.pcs.Get(p.h.t.Context(), p.h.as(by), p.id)
	p.h.must(err)
	return v
}

func (p *pc) isolate(a device.Ask) device.Order {
	p.h.t.Helper()
	o, err := p.h.pcs.Isolate(p.h.t.Context(), p.h.as("per_it"), p.id, a)
	p.h.must(err)
	return o
}

// kinds counts the events about a subject by kind.
func (h *house) kinds(subject string) map[string]int {
	h.t.Helper()
	es, err := h.db.History(h.t.Context(), subject)
	h.must(err)
	out := map[string]int{}
	for _, e := range es {
		out[e.Kind]++
	}
	return out
}

// expect checks how often each of some kinds was recorded about a PC.
func (p *pc) expect(what string, want map[string]int) {
	p.h.t.Helper()
	got := p.h.kinds(p.id)
	for k, n := range want {
		if got["device."+k] != n {
			p.h.t.Errorf("%s: %d × %s, want %d (all: %v)", what, got["device."+k], k, n, got)
		}
	}
}

// twice runs each change once in vain and once for good, as a store may: a change must
// not remember what it did the first time.
type twice struct {
	*store.DB
	fail error // what the next events meet
}

var errUndo = errors.New("undo")

func (s *twice) UpdateDevices(ctx context.Context, f func(device.Tx) error) error {
	run := func(tx device.Tx) error { return f(mute{tx, s.fail}) }
	err := s.DB.UpdateDevices(ctx, func(tx device.Tx) error {
		if err := run(tx); err != nil {
			return err
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		return err
	}
	return s.DB.UpdateDevices(ctx, run)
}

// Hear is the same.
func (s *twice) Hear(ctx context.Context, id string, f func(device.Tx, device.Hearing) error) error {
	run := func(tx device.Tx, h device.Hearing) error { return f(mute{tx, s.fail}, h) }
	err := s.DB.Hear(ctx, id, func(tx device.Tx, h device.Hearing) error {
		if err := run(tx, h); err != nil {
			return err
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		return err
	}
	return s.DB.Hear(ctx, id, run)
}

// mute is a transaction that may not be able to write its event.
type mute struct {
	device.Tx
	fail error
}

func (m mute) Record(ctx context.Context, e journal.Event) error {
	if m.fail != nil {
		return m.fail
	}
	return m.Tx.Record(ctx, e)
}

// ring is a keyring whose key can be changed.
type ring struct {
	mu      sync.Mutex
	signers []note.Signer
	vkeys   []string
	changes []string
}

func newRing(t testing.TB) *ring {
	r := &ring{}
	r.turn(t)
	return r
}

// turn makes a new key, which ends all before it.
func (r *ring) turn(t testing.TB) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "sekimori.example")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.signers) > 0 {
		change, err := wire.SignKeyChange(vkey, r.signers[0])
		if err != nil {
			t.Fatal(err)
		}
		retired, err := wire.SignRetirement(wire.SigningKeys([]string{change}), s)
		if err != nil {
			t.Fatal(err)
		}
		r.changes = append(r.changes, change, retired)
	}
	r.signers, r.vkeys = []note.Signer{s}, append(r.vkeys, vkey)
}

func (r *ring) Signers() []note.Signer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.signers
}

func (r *ring) Verifiers() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.vkeys[len(r.vkeys)-1:]
}

func (r *ring) Changes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

func (r *ring) verifiers(t testing.TB) note.Verifiers {
	t.Helper()
	var vs []note.Verifier
	for _, k := range r.Verifiers() {
		v, err := note.NewVerifier(k)
		if err != nil {
			t.Fatal(err)
		}
		vs = append(vs, v)
	}
	return note.VerifierList(vs...)
}

// vault shows that what is stored is not the secret, and that names are held apart.
type vault struct{}

func (vault) Seal(name string, secret []byte) ([]byte, error) {
	return append([]byte(name+"|"), mirror(secret)...), nil
}

func (vault) Open(name string, sealed []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(sealed, []byte(name+"|"))
	if !ok {
		return nil, errors.New("sealed under another name")
	}
	return mirror(rest), nil
}

func mirror(b []byte) []byte {
	out := slices.Clone(b)
	for i := range out {
		out[i] ^= 0xff
	}
	return out
}

// cases stores reports by key and remembers who may not see which case.
type cases struct {
	mu    sync.Mutex
	made  map[string]string // key to case
	actor access.Actor      // of the last report
	last  wire.Infection
	files []string
	kept  map[string]bool   // files by Once
	blind map[string]string // case to who does not see it
	fail  error
}

func (c *cases) ReportInfection(_ context.Context, by access.Actor, in wire.Infection, _ device.Device) (id, label string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return "", "", c.fail
	}
	c.actor, c.last = by, in
	if c.made[in.Key] == "" {
		c.made[in.Key] = fmt.Sprintf("inc_%026d", len(c.made)+1)
	}
	return c.made[in.Key], "INC-2026-" + c.made[in.Key][26:], nil
}

func (c *cases) AddEvidence(_ context.Context, _ access.Actor, incident string, f device.File) (sum [32]byte, size int64, err error) {
	b, err := io.ReadAll(f.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		err = c.fail
	}
	if err == nil && !c.kept[f.Once] {
		c.files = append(c.files, incident+" "+f.Name+" "+f.Media)
		c.kept[f.Once] = true
	}
	return sha256.Sum256(b), int64(len(b)), err
}

func (c *cases) Sees(_ context.Context, by access.Actor, incident string) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blind[incident] != by.Person, nil
}

func (c *cases) breakWith(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = err
}

func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func denied(t testing.TB, what string, err error, k fault.Kind, id string) {
	t.Helper()
	if f := fault.As(err); f == nil || f.Kind != k || f.ID != id {
		t.Errorf("%s: %v, want %s", what, err, id)
	}
}

// bad checks that exactly these fields are named, as name:id.
func bad(t testing.TB, what string, err error, want ...string) {
	t.Helper()
	var got []string
	if f := fault.As(err); f != nil {
		for _, x := range f.Fields {
			got = append(got, x.Name+":"+x.ID)
		}
	}
	if !slices.Equal(want, got) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// second makes per_dep an IT administrator beside per_it.
func second(o *directory.Org) {
	o.Duties = append(o.Duties, directory.Assignment{Duty: access.ITAdmin, Person: "per_dep", From: directorytest.Noon().AddDate(-1, 0, 0)})
}

func raw(t testing.TB, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
