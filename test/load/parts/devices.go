package parts

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/inbound/agentgw"
	"sekimori/internal/kit/wire"
	"sekimori/internal/outbound/bus"
)

// Devices is the parts that enrolled PCs speak to: store, sealer, rules and the agents'
// door behind TLS, as the server puts them together.
type Devices struct {
	*Server
	Service *device.Service
	Gateway *agentgw.Gateway

	ring *ring
	ln   *lines
	http *http.Server
}

// OpenDevices serves on a loopback port; cert may be nil for plain HTTP.
func OpenDevices(ctx context.Context, o Options, cert *tls.Certificate) (_ *Devices, err error) {
	s, err := Open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	d := &Devices{Server: s, ring: &ring{}}
	if err := d.ring.turn(); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d.ln = &lines{Listener: ln, open: map[*line]struct{}{}}
	at := netip.MustParseAddrPort(d.ln.Addr().String())
	d.Service = device.NewService(device.Parts{Store: s.db, People: s.people, Now: now, Keys: d.ring, Secrets: plain{}, Company: "架空商事株式会社",
		Random: rand.Reader, Cases: noCases{}, Servers: func() []wire.Server {
			return []wire.Server{{URL: "https://" + at.String(), Addrs: []netip.Addr{at.Addr()}, Port: at.Port()}}
		}})
	d.Gateway = agentgw.New(agentgw.Parts{Devices: d.Service, Live: deep{s.hub}, Server: "load", Now: now, Log: o.Log})
	d.http = &http.Server{Handler: d.Gateway, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10}
	work, stop := context.WithCancel(ctx)
	before := s.stop
	s.stop = func() { stop(); before() }
	s.wg.Go(func() { d.Gateway.Run(work) })
	s.wg.Go(func() {
		if cert == nil {
			d.http.Serve(d.ln)
			return
		}
		d.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*cert}}
		d.http.ServeTLS(d.ln, "", "")
	})
	return d, nil
}

// Addr is where the agents' door is.
func (d *Devices) Addr() string { return d.ln.Addr().String() }

// Close ends the door, then the rest.
func (d *Devices) Close() error { return errors.Join(d.http.Close(), d.Server.Close()) }

// Token makes an enrolment token for anybody.
func (d *Devices) Token(ctx context.Context) (string, error) {
	o, err := d.people.Org(ctx)
	if err != nil {
		return "", err
	}
	t, _, err := d.Service.CreateToken(ctx, access.System(), device.NewToken{Person: o.Sorted()[0].ID})
	return t, err
}

// Raise gives every device a newer version without a signature; nobody hears of it yet.
// The database must be a SQLite file.
func (d *Devices) Raise(ctx context.Context) (err error) {
	beside, err := sql.Open("sqlite", "file:"+(&url.URL{Path: d.dsn}).EscapedPath()+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() { err = errors.Join(err, beside.Close()) }()
	if _, err := beside.ExecContext(ctx, "UPDATE dev_device SET desired = desired + 1"); err != nil {
		return fmt.Errorf("raise versions: %w", err)
	}
	return nil
}

// Wake tells the streams that anything may have changed, as the store does after a commit.
func (d *Devices) Wake() { d.hub.Publish(nil) }

// Cut ends every connection, as a server does that is killed, and goes on taking new ones.
func (d *Devices) Cut() { d.ln.cut() }

// Turn changes the signing key and renews every device's desired state.
func (d *Devices) Turn(ctx context.Context) (int, error) {
	if err := d.ring.turn(); err != nil {
		return 0, err
	}
	return d.Service.Renew(ctx)
}

// lines is a listener that knows which connections are open.
type lines struct {
	net.Listener

	mu   sync.Mutex
	open map[*line]struct{} // guarded by mu
}

// line is one of them.
type line struct {
	net.Conn
	of *lines
}

// Accept waits for the next one.
func (l *lines) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	one := &line{c, l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[one] = struct{}{}
	return one, nil
}

// Close ends it.
func (c *line) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// cut ends all of them; their owners hear of it by reading.
func (l *lines) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.Conn.Close()
	}
	clear(l.open)
}

// ring is a signing key that can be changed.
type ring struct {
	mu       sync.Mutex
	signers  []note.Signer // guarded by mu
	verifier []string      // guarded by mu
}

func (r *ring) turn() error {
	secret, verifier, err := note.GenerateKey(rand.Reader, "load.example")
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	s, err := note.NewSigner(secret)
	if err != nil {
		return fmt.Errorf("make signer: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signers, r.verifier = []note.Signer{s}, []string{verifier}
	return nil
}

// Signers gives the key in force.
func (r *ring) Signers() []note.Signer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.signers
}

// Verifiers gives its public half.
func (r *ring) Verifiers() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.verifier
}

// Changes tells of none.
func (r *ring) Changes() []string { return nil }

// deep is the hub as the server gives it to the door.
type deep struct{ hub *bus.Hub }

// Subscribe listens until ctx ends.
func (d deep) Subscribe(ctx context.Context) <-chan []string { return d.hub.SubscribeDeep(ctx, 1024) }

// plain keeps release secrets as they are: none is used here.
type plain struct{}

// Seal gives the secret back.
func (plain) Seal(_ string, secret []byte) ([]byte, error) { return secret, nil }

// Open gives the secret back.
func (plain) Open(_ string, sealed []byte) ([]byte, error) { return sealed, nil }

// noCases takes no reports.
type noCases struct{}

var errNoCases = errors.New("no cases here")

// ReportInfection refuses.
func (noCases) ReportInfection(context.Context, access.Actor, wire.Infection, device.Device) (string, string, error) {
	return "", "", errNoCases
}

// AddEvidence refuses.
func (noCases) AddEvidence(context.Context, access.Actor, string, device.File) ([32]byte, int64, error) {
	return [32]byte{}, 0, errNoCases
}

// Sees sees nothing.
func (noCases) Sees(context.Context, access.Actor, string) (bool, error) { return false, nil }
