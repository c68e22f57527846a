package journal_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/journal/journaltest"
)

const origin = "sekimori.example"

// clock is a clock that moves on a millisecond each time it is read.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(time.Millisecond)
	return c.t
}

// log is a journal in memory with its key.
type log struct {
	store     *journaltest.Store
	sealer    *journal.Sealer
	signer    note.Signer
	verifiers note.Verifiers
	clock     *clock
}

func newLog(tb testing.TB) *log {
	tb.Helper()
	skey, vkey, err := journal.GenerateKey(rand.Reader, origin)
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		tb.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		tb.Fatal(err)
	}
	l := &log{
		store: &journaltest.Store{}, signer: signer, verifiers: note.VerifierList(verifier),
		clock: &clock{t: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)},
	}
	l.sealer = journal.NewSealer(l.store, signer, origin, l.clock.now)
	return l
}

// event is the i-th made-up event.
func (l *log) event(tb testing.TB, i int) journal.Event {
	tb.Helper()
	e, err := journal.NewEvent(l.clock.now(), "incident.reported", fmt.Sprintf("inc_%04d", i), "per_0001", map[string]any{
		"kind": "loss", "summary": "社用スマートフォンを電車に置き忘れた <A&B>", "number": i,
		"place": "東京都千代田区", "known": []string{"部署", "時刻"}, "phone": "03-0000-0012",
	})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func (l *log) row(tb testing.TB, i int) journal.Row {
	tb.Helper()
	r, err := l.event(tb, i).Row()
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func (l *log) record(tb testing.TB, from, to int) {
	tb.Helper()
	for i := from; i < to; i++ {
		if err := l.store.Record(context.Background(), l.event(tb, i)); err != nil {
			tb.Fatal(err)
		}
	}
}

func (l *log) sealAll(tb testing.TB, batch int) {
	tb.Helper()
	for {
		n, err := l.sealer.SealOnce(context.Background(), batch)
		if err != nil {
			tb.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func (l *log) export(tb testing.TB, s *journaltest.Store) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := journal.Export(context.Background(), &b, origin, s); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func (l *log) verify(tb testing.TB, export []byte, kept ...journal.Checkpoint) journal.Report {
	tb.Helper()
	rep, err := journal.Verify(bytes.NewReader(export), l.verifiers, kept)
	if err != nil {
		tb.Fatal(err)
	}
	return rep
}

// smallLog has 40 entries in four batches.
func smallLog(tb testing.TB) *log {
	tb.Helper()
	l := newLog(tb)
	l.record(tb, 0, 40)
	l.sealAll(tb, 10)
	return l
}
