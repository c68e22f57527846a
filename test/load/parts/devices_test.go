package parts_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sekimori/internal/agent/crowd"
	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/kit/wire"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
	"sekimori/test/load/parts"
)

// steps counts what the crowd does.
type steps struct {
	mu sync.Mutex
	n  map[crowd.Happening]int
}

func (s *steps) heard(_ int, what crowd.Happening, _ time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n[what]++
}

func (s *steps) of(what crowd.Happening) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n[what]
}

// The crowd is what the figures of devices rest on: it must really enrol, listen, obey
// and tell, against the real door and the real store.
func TestCrowdIsPCs(t *testing.T) {
	t.Parallel()
	dsn := filepath.Join(t.TempDir(), "load.db")
	db, err := store.Open(t.Context(), dsn, store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Seed(t, db, directorytest.Company())
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	plain := httptest.NewTLSServer(nil) // for its certificate
	defer plain.Close()
	d, err := parts.OpenDevices(t.Context(), parts.Options{DSN: dsn, Log: slog.New(slog.DiscardHandler)}, &plain.TLS.Certificates[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	const many = 150
	options := crowd.Options{Server: "https://" + d.Addr(), TLS: &tls.Config{InsecureSkipVerify: true}, Seed: 7, Devices: many, Changes: 200}
	first := &steps{n: map[crowd.Happening]int{}}
	options.Heard = first.heard
	pcs, err := crowd.New(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := pcs.Enrol(t.Context(), d.Token); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { pcs.Run(ctx) })
	until(t, "all are online", func() bool { return d.Gateway.Online() == many && first.of(crowd.Opened) == many })

	id := pcs.Device(3).ID
	if _, err := d.Service.Isolate(ctx, access.System(), id, device.Ask{Via: device.ViaConsole}); err != nil {
		t.Fatal(err)
	}
	until(t, "the isolation is proven", func() bool { return first.of(crowd.Proven) == 1 })
	v, err := d.Service.Get(ctx, access.System(), id)
	if err != nil || v.Isolation.Proven().IsZero() || v.Isolation.Fact.State != wire.IsolationProven || v.Applied != v.Desired {
		t.Errorf("isolated PC: %+v, %v", v.Device, err)
	}
	if _, err := d.Service.Release(ctx, access.System(), id, "load"); err != nil {
		t.Fatal(err)
	}
	until(t, "the release is applied", func() bool {
		v, err = d.Service.Get(ctx, access.System(), id)
		return err == nil && v.Isolation.Order.Kind == device.Release && !v.Isolation.Order.Applied.IsZero()
	})
	until(t, "facts change", func() bool { return pcs.Counts().Changes.N > 20 })
	stop()
	wg.Wait()
	until(t, "all are gone", func() bool { return d.Gateway.Online() == 0 })
	if c := pcs.Counts(); c.Errors != 0 || c.Drops != 0 || c.Enrolments.N != many || c.Online != 0 || c.Connects.N != many {
		t.Errorf("counts: %+v", c)
	}

	// The same seed is the same PCs: nobody needs a token again.
	again := &steps{n: map[crowd.Happening]int{}}
	options.Heard, options.Changes = again.heard, 0
	if pcs, err = crowd.New(options); err != nil {
		t.Fatal(err)
	}
	none := func(context.Context) (string, error) { t.Error("a token was asked for"); return "", context.Canceled }
	if err := pcs.Enrol(t.Context(), none); err != nil {
		t.Fatal(err)
	}
	ctx, stop = context.WithCancel(t.Context())
	wg.Go(func() { pcs.Run(ctx) })
	until(t, "all are back", func() bool { return d.Gateway.Online() == many })
	if err := d.Raise(ctx); err != nil {
		t.Fatal(err)
	}
	d.Wake()
	until(t, "all are nudged", func() bool { return again.of(crowd.Nudged) == many })
	stop()
	wg.Wait()
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
