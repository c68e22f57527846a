// Package agentgw is the agents' door: it turns their signed requests into calls of the
// domain, and holds the streams that tell each PC "version 42 of you exists".
//
// What a PC says is a claim. Everything is bounded before it is read, per device, so
// that one that floods is slowed and nobody else is.
package agentgw

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/httpsig"
	"sekimori/internal/kit/wire"
)

// Devices is what the door asks of the domain. device is an id whose key has signed.
type Devices interface {
	Enrol(ctx context.Context, e wire.Enrol, address string) (wire.Enrolled, error)
	Key(ctx context.Context, device string) (ed25519.PublicKey, error)
	KeyChanges() []string // signed, oldest first
	Document(ctx context.Context, device string, have int64) (signed string, version int64, err error)
	Version(ctx context.Context, devices []string) (map[string]int64, error)
	TakeFacts(ctx context.Context, device string, f wire.Facts) error
	Report(ctx context.Context, device string, in wire.Infection) (wire.Reported, error)
	AddEvidence(ctx context.Context, device, report, name, media string, r io.Reader) error
	Presence(ctx context.Context, server string, on, off []string) error
	ClearPresence(ctx context.Context, server string) error
}

// Live says which subjects changed; nil means that anything may have.
type Live interface {
	Subscribe(ctx context.Context) <-chan []string
}

// Parts are what a Gateway is made of.
type Parts struct {
	Devices Devices
	Media   Media // nil: the house lends no media, and nobody is asked of them
	Live    Live
	Server  string // names this server among those that share a database
	Now     func() time.Time
	Log     *slog.Logger
	Beat    time.Duration // between heartbeats of a stream; default 30 s
	// Address gives where a request comes from, proxies taken into account; default
	// the connection's other end.
	Address func(*http.Request) string
}

// Gateway is the door. Run serves its streams; its Handler may be called before.
type Gateway struct {
	Parts
	mux     *http.ServeMux
	streams streams
	keyring keys
	limits  limiter
	large   busy
}

// New makes the door.
func New(p Parts) *Gateway {
	if p.Beat == 0 {
		p.Beat = 30 * time.Second
	}
	if p.Address == nil {
		p.Address = func(r *http.Request) string {
			host, _, err := net.SplitHostPort(r.RemoteAddr)
			if err != nil {
				return r.RemoteAddr
			}
			return host
		}
	}
	g := &Gateway{Parts: p, mux: http.NewServeMux()}
	g.limits.now = p.Now
	g.mux.HandleFunc("GET "+wire.PathProbe, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	g.mux.HandleFunc("POST "+wire.PathEnrol, g.enrol)
	g.mux.HandleFunc("GET "+wire.PathKeys, g.keys)
	g.mux.HandleFunc("GET "+wire.PathDocument, g.signed(0, g.document))
	g.mux.HandleFunc("GET "+wire.PathStream, g.signed(0, g.stream))
	g.mux.HandleFunc("POST "+wire.PathFacts, g.signed(wire.MaxFacts, g.facts))
	g.mux.HandleFunc("POST "+wire.PathReports, g.signed(wire.MaxReport, g.report))
	g.mux.HandleFunc("POST "+wire.PathEvidence, g.signed(wire.MaxEvidence, g.evidence))
	if p.Media != nil {
		g.mux.HandleFunc("POST "+wire.PathMedia, g.signed(wire.MaxEvents, g.media))
	}
	return g
}

// ServeHTTP answers one request. The time in its head is the server's, because a PC
// with a wrong clock takes it from there.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", g.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	g.mux.ServeHTTP(w, r)
}

// handler answers a request that device has signed.
type handler func(w http.ResponseWriter, r *http.Request, device string, body []byte) error

// signed lets only requests in that a known device's key has signed, and not too many
// of one device.
func (g *Gateway) signed(limit int64, next handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		device, body, err := g.authenticate(w, r, limit)
		if err == nil {
			err = next(w, r, device, body)
		}
		if err != nil {
			g.refuse(w, r, err)
		}
	}
}

func (g *Gateway) authenticate(w http.ResponseWriter, r *http.Request, limit int64) (string, []byte, error) {
	s, err := httpsig.Parse(r, g.Now())
	switch {
	case errors.Is(err, httpsig.ErrTime):
		return "", nil, fault.New(fault.Unauthenticated, "fault.device_clock", nil)
	case err != nil || !wire.ValidDeviceID(s.KeyID):
		return "", nil, fault.New(fault.Unauthenticated, "fault.device_signature", nil)
	}
	// A device whose key is at hand costs one signature check and nothing else; it must not
	// wait because others behind the same address flood.
	if !g.keyring.has(s.KeyID) && !g.limits.take("address "+g.Address(r), perAddress) {
		return "", nil, errTooMany()
	}
	key, err := g.keyring.of(r.Context(), s.KeyID, g.Devices.Key)
	if fault.Is(err, fault.NotFound) {
		return "", nil, fault.New(fault.Unauthenticated, "fault.device_signature", nil)
	}
	if err != nil {
		return "", nil, err
	}
	if err := s.Verify(key); err != nil {
		return "", nil, fault.New(fault.Unauthenticated, "fault.device_signature", nil)
	}
	// Only now may the device's own allowance pay: nobody else can spend it.
	if !g.limits.take("device "+s.KeyID, perDevice) {
		return "", nil, errTooMany()
	}
	if r.ContentLength > limit {
		return "", nil, fault.New(fault.TooLarge, "fault.too_large", fault.Args{"max": strconv.FormatInt(limit, 10)})
	}
	if limit > largeBody {
		// Bodies lie in memory until their digest is known to be right.
		if !g.large.enter(s.KeyID) {
			return "", nil, errTooMany()
		}
		defer g.large.leave(s.KeyID)
	}
	if limit > 0 {
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return "", nil, errBroken
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return "", nil, fault.New(fault.TooLarge, "fault.too_large", fault.Args{"max": strconv.FormatInt(limit, 10)})
		}
		return "", nil, errBroken
	}
	if err := s.VerifyBody(body); err != nil {
		return "", nil, fault.New(fault.Unauthenticated, "fault.device_signature", nil)
	}
	return s.KeyID, body, nil
}

// errBroken says that the other end went away while it was speaking: nobody is left to
// be answered, and nothing is to be logged.
var errBroken = errors.New("agentgw: connection broken")

func errTooMany() error { return fault.New(fault.TooMany, "fault.too_many", nil) }

func (g *Gateway) enrol(w http.ResponseWriter, r *http.Request) {
	if !g.limits.take("enrol "+g.Address(r), perEnrol) {
		g.refuse(w, r, errTooMany())
		return
	}
	var e wire.Enrol
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxReport))
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	if err != nil {
		g.refuse(w, r, errForm())
		return
	}
	out, err := g.Devices.Enrol(r.Context(), e, g.Address(r))
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	g.limits.give("enrol " + g.Address(r)) // only guessing is rationed: a whole company may enrol behind one address
	answer(w, http.StatusCreated, out)
}

func errForm() error { return fault.New(fault.Invalid, "fault.device_form", nil) }

// keys gives the changes of the signing key, oldest first. They are no secret.
func (g *Gateway) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, wire.KeyChanges{Changes: g.Devices.KeyChanges()})
}

func (g *Gateway) document(w http.ResponseWriter, r *http.Request, device string, _ []byte) error {
	have, err := version(r)
	if err != nil {
		return err
	}
	signed, newest, err := g.Devices.Document(r.Context(), device, have)
	if err != nil {
		return err
	}
	w.Header().Set(wire.HeaderVersion, strconv.FormatInt(newest, 10))
	if signed == "" {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Add("Vary", "Accept-Encoding")
	if len(signed) < zipFrom || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		io.WriteString(w, signed)
		return nil
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	io.WriteString(z, signed)
	z.Close() // whoever went away misses it
	return nil
}

// zipFrom is the size of a desired state that is worth compressing: one that names many media.
const zipFrom = 8 << 10

func version(r *http.Request) (int64, error) {
	have, err := strconv.ParseInt(r.URL.Query().Get("have"), 10, 64)
	if err != nil || have < 0 {
		return 0, errForm()
	}
	return have, nil
}

func (g *Gateway) facts(w http.ResponseWriter, r *http.Request, device string, body []byte) error {
	var f wire.Facts
	if json.Unmarshal(body, &f) != nil {
		return errForm()
	}
	if err := g.Devices.TakeFacts(r.Context(), device, f); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (g *Gateway) report(w http.ResponseWriter, r *http.Request, device string, body []byte) error {
	var in wire.Infection
	if json.Unmarshal(body, &in) != nil {
		return errForm()
	}
	out, err := g.Devices.Report(r.Context(), device, in)
	if err != nil {
		return err
	}
	answer(w, http.StatusCreated, out)
	return nil
}

func (g *Gateway) evidence(w http.ResponseWriter, r *http.Request, device string, body []byte) error {
	q := r.URL.Query()
	if err := g.Devices.AddEvidence(r.Context(), device, q.Get("report"), q.Get("name"), r.Header.Get("Content-Type"), bytes.NewReader(body)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusCreated)
	return nil
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // a reader that went away asks again
}

// problem is RFC 9457's form. Code is the message id, from which the agent makes its
// own sentence in the person's language.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
}

// refuse answers with a problem. What is no fault is logged here, once.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errBroken) || errors.Is(err, context.Canceled) {
		return
	}
	p := problem{Type: "about:blank", Status: http.StatusInternalServerError, Code: "fault.internal"}
	if f := fault.As(err); f != nil {
		p.Status, p.Code = f.Kind.Status(), f.ID
	} else {
		g.Log.ErrorContext(r.Context(), "agent request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if p.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "30")
	}
	p.Title = http.StatusText(p.Status)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		g.Log.DebugContext(r.Context(), "answer to an agent", "error", fmt.Errorf("write problem: %w", err))
	}
}
