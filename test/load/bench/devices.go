package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sekimori/internal/agent/crowd"
	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/test/load/parts"
	"sekimori/test/load/yardstick"
)

// The sections on devices play -devices PCs from this process with internal/agent/crowd
// against a server in a child: ours (the program's parts behind TLS), and the yardstick
// of bare net/http streams (yardstick.Streams). The same crowd speaks to both.

// serveDevices is a child's role: our server for devices.
func serveDevices(ctx context.Context, o *orders, po parts.Options, cert, key string) error {
	debug.SetGCPercent(400) // as the server does
	pair, err := certificate(cert, key)
	if err != nil {
		return err
	}
	d, err := parts.OpenDevices(ctx, po, pair)
	if err != nil {
		return err
	}
	o.add("token", func(string) (string, error) { return d.Token(ctx) })
	o.add("raise", func(string) (string, error) { return "", d.Raise(ctx) })
	o.add("wake", func(string) (string, error) { d.Wake(); return "", nil })
	o.add("cut", func(string) (string, error) { d.Cut(); return "", nil })
	o.add("turn", func(string) (string, error) {
		n, err := d.Turn(ctx)
		return strconv.Itoa(n), err
	})
	o.add("isolate", func(id string) (string, error) {
		_, err := d.Service.Isolate(ctx, access.System(), id, device.Ask{Via: device.ViaConsole, Reason: "load"})
		return "", err
	})
	o.add("release", func(id string) (string, error) {
		_, err := d.Service.Release(ctx, access.System(), id, "load")
		return "", err
	})
	fmt.Printf("https://%s\n", d.Addr())
	<-ctx.Done()
	return d.Close()
}

// serveStreams is a child's role: the yardstick.
func serveStreams(ctx context.Context, o *orders, cert, key string) error {
	pair, err := certificate(cert, key)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &yardstick.Streams{}
	version := int64(0)
	o.add("raise", func(string) (string, error) { version++; return "", nil })
	o.add("wake", func(string) (string, error) { s.All(version); return "", nil })
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*pair}}}
	context.AfterFunc(ctx, func() { srv.Close() })
	fmt.Printf("https://%s\n", l.Addr())
	if err := srv.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func certificate(cert, key string) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	return &pair, nil
}

// newCertificate writes a fresh P-256 certificate for loopback.
func (b *bench) newCertificate() (cert, key string, err error) {
	cert, key = filepath.Join(b.dir, "cert.pem"), filepath.Join(b.dir, "key.pem")
	if _, err := os.Stat(cert); err == nil {
		return cert, key, nil
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now().Add(-time.Hour), NotAfter: now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &private.PublicKey, private)
	if err != nil {
		return "", "", err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	return cert, key, errors.Join(
		os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600))
}

// room is a server in a child and the PCs that belong to it.
type room struct {
	*process
	pcs  *crowd.Crowd
	stop context.CancelFunc // of the PCs; nil while they rest
	wg   sync.WaitGroup

	nudged, opened atomic.Int64
	heard          atomic.Pointer[func(int, crowd.Happening, time.Time)]
}

// ourRoom starts our server on a fresh database and enrols n PCs. engine is SQLite or
// PostgreSQL. still PCs hear nudges and fetch nothing.
func (b *bench) ourRoom(ctx context.Context, engine string, n int, still bool) (r *room, dbCPU func() (float64, error), err error) {
	dsn, dbCPU, err := b.database(ctx, engine)
	if err != nil {
		return nil, nil, err
	}
	c, err := b.newCompany(ctx, dsn)
	if err != nil {
		return nil, nil, err
	}
	args := []string{"-dsn", c.dsn}
	if b.profile != "" {
		b.n++
		args = append(args, "-cpuprofile", filepath.Join(b.profile, fmt.Sprintf("devices-%s-%d.pprof", engine, b.n)))
	}
	if r, err = b.room(ctx, "devices", n, still, args...); err != nil {
		return nil, nil, err
	}
	var one sync.Mutex // orders are answered in turn
	token := func(context.Context) (string, error) {
		one.Lock()
		defer one.Unlock()
		return r.order("token")
	}
	if err := r.pcs.Enrol(ctx, token); err != nil {
		return nil, nil, errors.Join(err, r.close())
	}
	return r, dbCPU, nil
}

// room starts a server in a role and makes its PCs.
func (b *bench) room(ctx context.Context, role string, n int, still bool, args ...string) (*room, error) {
	cert, key, err := b.newCertificate()
	if err != nil {
		return nil, err
	}
	p, err := spawn(ctx, nil, role, append(args, "-cert", cert, "-key", key)...)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(cert)
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(raw)
	r := &room{process: p}
	r.pcs, err = crowd.New(crowd.Options{Server: "https://" + p.addr, TLS: &tls.Config{RootCAs: roots}, Seed: 1, Devices: n, Still: still, Heard: r.hear})
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return r, nil
}

// hear counts, and passes on to whoever listens.
func (r *room) hear(n int, what crowd.Happening, at time.Time) {
	if f := r.heard.Load(); f != nil {
		(*f)(n, what, at)
	}
	switch what {
	case crowd.Opened:
		r.opened.Add(1)
	case crowd.Nudged:
		r.nudged.Add(1)
	}
}

// connect lets all PCs come and gives how long it took until the last one's stream stood.
func (r *room) connect(ctx context.Context, n int) (time.Duration, error) {
	ctx, stop := context.WithCancel(ctx)
	r.stop = stop
	began := time.Now()
	r.opened.Store(0)
	r.wg.Go(func() { r.pcs.Run(ctx) })
	err := waitFor(ctx, 2*time.Minute, func() bool { return r.opened.Load() >= int64(n) })
	took := time.Since(began)
	if err != nil {
		return 0, fmt.Errorf("%d of %d came: %w: %+v", r.opened.Load(), n, err, r.pcs.Counts())
	}
	return took, nil
}

// leave ends the PCs' streams.
func (r *room) leave() {
	if r.stop != nil {
		r.stop()
		r.wg.Wait()
		r.stop = nil
	}
}

func (r *room) close() error {
	r.leave()
	return r.process.stop()
}

// resident is the server's memory after its garbage was collected.
func (r *room) resident() (float64, error) {
	text, err := r.order("rest")
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(text, 64)
}

var errTimeUp = errors.New("time is up")

func waitFor(ctx context.Context, limit time.Duration, ok func() bool) error {
	for end := time.Now().Add(limit); !ok(); time.Sleep(time.Millisecond) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(end) {
			return errTimeUp
		}
	}
	return nil
}
