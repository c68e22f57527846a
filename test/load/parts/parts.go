// Package parts puts the program's own parts together as the server does, but lets a
// benchmark leave one out or slow the disk down. It serves the API; it sends no mail.
package parts

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/api"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/outbound/bus"
	"sekimori/internal/outbound/store"
)

// Options choose what is left out.
type Options struct {
	DSN    string
	Delay  time.Duration // added before each commit
	NoSeal bool          // events are recorded, but nobody numbers and signs them
	Log    *slog.Logger
}

// Server is the parts, put together.
type Server struct {
	API    http.Handler
	dsn    string
	hub    *bus.Hub
	people *directory.Service
	stop   context.CancelFunc
	wg     sync.WaitGroup
	db     *store.DB
}

// Open opens the store and starts the sealer unless it is left out.
func Open(ctx context.Context, o Options) (_ *Server, err error) {
	hub := &bus.Hub{}
	so := store.Options{Notify: hub.Publish, Log: o.Log}
	if o.Delay > 0 {
		so.BeforeCommit = func() { time.Sleep(o.Delay) }
	}
	db, err := store.Open(ctx, o.DSN, so)
	if err != nil {
		return nil, err
	}
	s := &Server{dsn: o.DSN, hub: hub, people: directory.NewService(db, now), db: db}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	secret, verifier, err := journal.GenerateKey(rand.Reader, "load.example/journal")
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, fmt.Errorf("make signer: %w", err)
	}
	if s.API, err = door(ctx, db, signer.Name(), verifier, o.Log); err != nil {
		return nil, err
	}
	work, stop := context.WithCancel(ctx)
	s.stop = stop
	if !o.NoSeal {
		s.wg.Go(func() {
			journal.NewSealer(db, signer, signer.Name(), now).Run(work, wake(work, hub), 5*time.Second, func(err error) { o.Log.Error("seal", "error", err) })
		})
	}
	return s, nil
}

// Close ends the background work, then the store.
func (s *Server) Close() error {
	s.stop()
	s.wg.Wait()
	return s.db.Close()
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// wake turns the hub's news into the sealer's alarm.
func wake(ctx context.Context, hub *bus.Hub) <-chan struct{} {
	out := make(chan struct{}, 1)
	news := hub.Subscribe(ctx)
	go func() { // ends with ctx, which closes news
		for range news {
			select {
			case out <- struct{}{}:
			default:
			}
		}
	}()
	return out
}

// door makes the services and the API over them.
func door(ctx context.Context, db *store.DB, origin, verifier string, log *slog.Logger) (http.Handler, error) {
	zone := time.FixedZone("JST", 9*60*60)
	catalogue, err := i18n.Load()
	if err != nil {
		return nil, fmt.Errorf("load catalogue: %w", err)
	}
	who, err := access.NewService(ctx, db, access.NewHasher(access.Cost{Memory: 8 << 10, Time: 1}, 1), now, access.Rules{})
	if err != nil {
		return nil, err
	}
	cal := jpcal.New(zone, jpcal.Options{})
	people := directory.NewService(db, now)
	notices := notice.NewService(db, people, now, cal)
	incidents, err := incident.NewService(ctx, incident.Parts{Store: db, People: people, Notices: notices, Tracks: db, Now: now, Zone: zone})
	if err != nil {
		return nil, err
	}
	book, err := audit.NewService(db.Record(), db, origin, verifier, now)
	if err != nil {
		return nil, err
	}
	return api.New(api.Parts{Access: who, People: people, Notices: notices, Incidents: incidents, Audit: book,
		Catalogue: catalogue, Zone: zone, Now: now, Log: log, Replies: noReplies{}, Look: db.Look})
}

// noReplies keeps no answer: reports carry their key themselves.
type noReplies struct{}

// Begin lets every request through.
func (noReplies) Begin(context.Context, string, string, string, time.Time) (*api.Reply, bool, error) {
	return nil, true, nil
}

// Finish forgets the answer.
func (noReplies) Finish(context.Context, string, string, api.Reply) error { return nil }
