package crowd

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"sekimori/internal/kit/wire"
)

// Device is one played PC.
type Device struct {
	ID string

	crowd *Crowd
	n     int
	key   ed25519.PrivateKey

	telling sync.Mutex // one report of facts at a time: their numbers must grow on the wire too
	seq     int64      // guarded by telling

	mu        sync.Mutex
	version   int64              // of the desired state in force; guarded by mu
	isolation wire.IsolationFact // guarded by mu
}

// keyOf derives a PC's key from the seed, so that another run is the same PCs.
func keyOf(seed int64, n int) ed25519.PrivateKey {
	sum := sha256.Sum256(fmt.Appendf(nil, "sekimori crowd v1\n%d\n%d\n", seed, n))
	return ed25519.NewKeyFromSeed(sum[:])
}

// known asks whether the server knows the device, and since when it has which state.
func (d *Device) known(ctx context.Context, l *line) (bool, error) {
	body, err := l.ask(ctx, d.request(http.MethodGet, wire.PathDocument, "have=0", nil))
	var r *Refused
	if errors.As(err, &r) && r.Status == http.StatusUnauthorized && r.Code == "fault.device_signature" {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, d.inForce(string(body))
}

// enrol shows the server a token and the device's key.
func (d *Device) enrol(ctx context.Context, l *line, token string) error {
	pub := d.key.Public().(ed25519.PublicKey)
	body, err := json.Marshal(wire.Enrol{Token: token, PublicKey: pub, Proof: ed25519.Sign(d.key, wire.EnrolText(token, pub)),
		Host: fmt.Sprintf("crowd-%05d", d.n), System: "crowd/none", Agent: "crowd"})
	if err != nil {
		return fmt.Errorf("marshal enrolment: %w", err)
	}
	answer, err := l.ask(ctx, d.request(http.MethodPost, wire.PathEnrol, "", body))
	if err != nil {
		return err
	}
	var e wire.Enrolled
	if err := json.Unmarshal(answer, &e); err != nil || e.Device != d.ID {
		return fmt.Errorf("enrol: the answer is for %q: %w", e.Device, errors.Join(wire.ErrForm, err))
	}
	if err := d.crowd.trust(e.Keys); err != nil {
		return err
	}
	return d.inForce(e.Document)
}

// inForce takes a desired state over. A crowd that has enrolled nobody in this run was
// never told the server's keys, and takes the state's form for enough.
func (d *Device) inForce(signed string) error {
	if signed == "" {
		return nil
	}
	have, _ := d.standing()
	var doc wire.Document
	if trusted := d.crowd.trusted.Load(); trusted != nil {
		var err error
		if doc, err = wire.OpenDocument(signed, *trusted, d.ID, have); err != nil {
			return err
		}
	} else {
		body, _, _ := strings.Cut(signed, "\n")
		if err := json.Unmarshal([]byte(body), &doc); err != nil || doc.Device != d.ID {
			return fmt.Errorf("desired state of %q: %w", doc.Device, errors.Join(wire.ErrForm, err))
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.version = doc.Version
	d.isolation = wire.IsolationFact{State: wire.IsolationOff, Order: doc.Isolation.Order, Local: doc.Isolation.Local}
	if doc.Isolation.On {
		d.isolation.State, d.isolation.Since = wire.IsolationApplied, doc.Isolation.Since
		d.isolation.Applied = wire.MicrosOf(time.Now())
	}
	return nil
}

// obey fetches the newest desired state, takes it over and says so: applied, then
// proven.
func (d *Device) obey(ctx context.Context) error {
	began := time.Now()
	l, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	have, was := d.standing()
	body, err := l.ask(ctx, d.request(http.MethodGet, wire.PathDocument, "have="+strconv.FormatInt(have, 10), nil))
	if err != nil {
		return err
	}
	d.crowd.stats.documents.Add(time.Since(began))
	if len(body) == 0 {
		return nil // another nudge has brought it
	}
	if err := d.inForce(string(body)); err != nil {
		return err
	}
	d.crowd.tell(d, Obeyed)
	_, now := d.standing()
	if now.State == was.State && now.Order == was.Order {
		return d.report(ctx, l, map[string]any{wire.FactAgent: d.agent()})
	}
	if err := d.report(ctx, l, map[string]any{wire.FactAgent: d.agent(), wire.FactIsolation: now}); err != nil {
		return err
	}
	d.crowd.tell(d, Applied)
	if now.State != wire.IsolationApplied {
		return nil
	}
	now.State, now.Proven = wire.IsolationProven, wire.MicrosOf(time.Now())
	if err := d.report(ctx, l, map[string]any{wire.FactIsolation: now}); err != nil {
		return err
	}
	d.mu.Lock()
	if d.isolation.Order == now.Order {
		d.isolation = now
	}
	d.mu.Unlock()
	d.crowd.tell(d, Proven)
	return nil
}

// standing gives the version in force and what has come of it.
func (d *Device) standing() (version int64, isolation wire.IsolationFact) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.version, d.isolation
}

func (d *Device) agent() wire.AgentFact {
	version, _ := d.standing()
	return wire.AgentFact{Version: "crowd", System: "crowd/none", Host: fmt.Sprintf("crowd-%05d", d.n), Privileged: true,
		Boot: "00000000-0000-4000-8000-000000000000", Document: version}
}

// report sends facts.
func (d *Device) report(ctx context.Context, l *line, values map[string]any) error {
	began := time.Now()
	now := wire.MicrosOf(began)
	f := wire.Facts{At: now, Facts: map[string]wire.Fact{}}
	for name, v := range values {
		fact, err := wire.FactOf(v, now)
		if err != nil {
			return err
		}
		f.Facts[name] = fact
	}
	d.telling.Lock()
	defer d.telling.Unlock()
	d.seq = max(d.seq+1, int64(now))
	f.Seq = d.seq
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("marshal facts: %w", err)
	}
	if _, err := l.ask(ctx, d.request(http.MethodPost, wire.PathFacts, "", body)); err != nil {
		return err
	}
	d.crowd.stats.facts.Add(time.Since(began))
	return nil
}

// listen holds the stream until it ends. opened is called when it stands.
func (d *Device) listen(ctx context.Context, opened func()) error {
	conn, err := d.crowd.dial(ctx, d.n)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	have, _ := d.standing()
	conn.SetWriteDeadline(time.Now().Add(callTime))
	if _, err := conn.Write(d.request(http.MethodGet, wire.PathStream, "have="+strconv.FormatInt(have, 10), nil)); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	r := &patient{conn: conn}
	rest, err := r.head()
	if err != nil {
		return err
	}
	opened()
	// Sizes of chunks, where something in between cuts the stream into them, are lines
	// that the reader passes over: the server writes whole events.
	return wire.ReadStream(io.MultiReader(bytes.NewReader(rest), r), func() { d.crowd.stats.beats.Add(1) }, func(v int64) { d.nudged(ctx, v) })
}

// nudged hears that a version exists.
func (d *Device) nudged(ctx context.Context, v int64) {
	have, _ := d.standing()
	d.crowd.stats.nudges.Add(1)
	d.crowd.tell(d, Nudged)
	if v <= have || d.crowd.still {
		return
	}
	const first, last = 500 * time.Millisecond, 30 * time.Second
	for wait := first; ; wait = min(2*wait, last) {
		err := d.obey(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		d.crowd.failed(ctx, err)
		var r *Refused
		if errors.As(err, &r) && r.Wait > wait {
			wait = r.Wait
		}
		if !rest(ctx, rand.N(wait)) {
			return
		}
	}
}
