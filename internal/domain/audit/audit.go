// Package audit lets those who may read the record read, prove and export it, and
// says in words how the system itself is.
package audit

import (
	"context"
	"fmt"
	"io"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

// Store reads the record.
type Store interface {
	journal.Reader
	// Latest lists entries newest first, those with seq below before (0: from the end).
	Latest(ctx context.Context, q Query) ([]journal.Entry, error)
	Entry(ctx context.Context, seq int64) (journal.Entry, error)
	LastCheckpoint(ctx context.Context) (journal.Checkpoint, bool, error)
	Unsealed(ctx context.Context) (n int, oldest time.Time, err error)
	// Withheld lists the cases whose reporter asked that the person be left out.
	Withheld(ctx context.Context, person string) (map[string]bool, error)
}

// Query chooses entries of the record.
type Query struct {
	Before  int64  // entries with a smaller number; 0 from the end
	Kind    string // prefix of the kind
	Subject string
	Limit   int // 1–200; default 100
}

// Verdict is the last look of the server at its own record.
type Verdict struct {
	Report journal.Report
	At     time.Time
}

// Service is reading and proving the record.
type Service struct {
	store   Store
	notices notice.Store
	origin  string
	keys    *journal.Keys
	now     func() time.Time
	machine func(context.Context) (Machine, error) // nil: nothing is known of it
}

// NewService makes the service; publicKeys is the text that is handed out.
func NewService(store Store, notices notice.Store, origin, publicKeys string, now func() time.Time) (*Service, error) {
	keys, err := journal.ParseKeys(publicKeys)
	if err != nil {
		return nil, fmt.Errorf("read journal key: %w", err)
	}
	return &Service{store: store, notices: notices, origin: origin, keys: keys, now: now}, nil
}

// PublicKey is the public key, with every change of it; it is no secret.
func (s *Service) PublicKey() string { return s.keys.String() }

// Origin names this server's record.
func (s *Service) Origin() string { return s.origin }

// Entries lists entries, newest first.
func (s *Service) Entries(ctx context.Context, by access.Actor, q Query) ([]journal.Entry, error) {
	if err := by.May(access.ReadJournal); err != nil {
		return nil, err
	}
	if q.Limit < 1 || q.Limit > 200 {
		q.Limit = 100
	}
	hidden, err := s.store.Withheld(ctx, by.Person)
	if err != nil {
		return nil, fmt.Errorf("list withheld cases: %w", err)
	}
	es, err := s.store.Latest(ctx, q)
	return withhold(es, hidden), err
}

// withhold takes the content from entries about cases that leave the reader out: the
// entry stays, and verifies, as an erased one does.
func withhold(es []journal.Entry, hidden map[string]bool) []journal.Entry {
	for i, e := range es {
		if hidden[e.Subject] && e.ErasedAt.IsZero() {
			es[i].Row = e.Row.Erased(e.At)
		}
	}
	return es
}

// withheld is the record as somebody who is left out of some cases may read it.
type withheld struct {
	journal.Reader
	hidden map[string]bool
}

// Entries gives the entries, without the content of hidden cases.
func (w withheld) Entries(ctx context.Context, from int64, limit int) ([]journal.Entry, error) {
	es, err := w.Reader.Entries(ctx, from, limit)
	return withhold(es, w.hidden), err
}

// Checkpoint gives the newest signed checkpoint.
func (s *Service) Checkpoint(ctx context.Context, by access.Actor) (journal.Checkpoint, error) {
	if err := by.May(access.ReadJournal); err != nil {
		return journal.Checkpoint{}, err
	}
	cp, ok, err := s.store.LastCheckpoint(ctx)
	if err != nil {
		return journal.Checkpoint{}, fmt.Errorf("load checkpoint: %w", err)
	}
	if !ok {
		return journal.Checkpoint{}, fault.Missing("checkpoint")
	}
	return cp, nil
}

// Export writes the whole record in the form that `journal verify` reads.
func (s *Service) Export(ctx context.Context, by access.Actor, w io.Writer) error {
	if err := by.May(access.ReadJournal); err != nil {
		return err
	}
	hidden, err := s.store.Withheld(ctx, by.Person)
	if err != nil {
		return fmt.Errorf("list withheld cases: %w", err)
	}
	return journal.Export(ctx, w, s.origin, withheld{s.store, hidden})
}

// Prove gives the proof that an entry lies under the first checkpoint that covers it.
func (s *Service) Prove(ctx context.Context, by access.Actor, seq int64) (journal.Proof, error) {
	if err := by.May(access.ReadJournal); err != nil {
		return journal.Proof{}, err
	}
	hidden, err := s.store.Withheld(ctx, by.Person)
	if err != nil {
		return journal.Proof{}, fmt.Errorf("list withheld cases: %w", err)
	}
	return journal.Prove(ctx, withheld{s.store, hidden}, seq, 0)
}

// Verify recomputes the whole record from its leaves and checks every checkpoint.
func (s *Service) Verify(ctx context.Context, by access.Actor) (Verdict, error) {
	if err := by.May(access.ReadJournal); err != nil {
		return Verdict{}, err
	}
	r, err := journal.VerifyStore(ctx, s.store, s.origin, s.keys, nil)
	if err != nil {
		return Verdict{}, fmt.Errorf("verify journal: %w", err)
	}
	return Verdict{Report: r, At: s.now()}, nil
}

// Machine is what only the machine that the server runs on can tell.
type Machine struct {
	Began    time.Time     // the first entry of the record
	Backup   time.Time     // the newest backup; zero when none was made
	Free     int64         // bytes left on the disk of the data folder; -1 when not known
	Behind   time.Duration // how far its clock lies behind the record
	CertEnds time.Time     // when the certificate runs out; zero when a proxy holds it
	Unmailed int           // auditors who did not get the checkpoint that is due
}

// Watch lets Health ask what the machine tells.
func (s *Service) Watch(machine func(context.Context) (Machine, error)) { s.machine = machine }

// When the machine needs somebody to look after it.
const (
	backupAge = 72 * time.Hour      // since the newest backup
	leastFree = 1 << 30             // bytes
	certAge   = 14 * 24 * time.Hour // until the certificate runs out
)

// Health is what the page about the system itself shows.
type Health struct {
	Machine      *Machine // nil when it is not watched, as in the demo
	Notices      notice.Stats
	Unsealed     int
	OldestUnseal time.Time
	Checkpoint   journal.Checkpoint
	HasCheck     bool
	At           time.Time
}

// Trouble names what is wrong, as message ids; empty when all is well.
func (h Health) Trouble() []string {
	var out []string
	add := func(bad bool, id string) {
		if bad {
			out = append(out, id)
		}
	}
	add(h.Notices.Overdue+h.Notices.LateTimers > 0, "health.overdue")
	add(h.Notices.Waiting(h.At) > time.Minute, "health.unsent")
	add(h.Notices.Unreachable > 0, "health.unreachable")
	add(h.Notices.RefusedRecent+h.Notices.LettersRefused > 0, "health.refused")
	add(h.Unsealed > 0 && h.At.Sub(h.OldestUnseal) > time.Minute, "health.unsealed")
	if m := h.Machine; m != nil {
		add(m.Unmailed > 0, "health.unmailed")
		add(!m.Began.IsZero() && h.At.Sub(m.Began) > backupAge && h.At.Sub(m.Backup) > backupAge, "health.backup")
		add(m.Free >= 0 && m.Free < leastFree, "health.room")
		add(m.Behind > time.Second, "health.clock")
		add(!m.CertEnds.IsZero() && m.CertEnds.Sub(h.At) < certAge, "health.certificate")
	}
	return out
}

// Health looks at the system itself.
func (s *Service) Health(ctx context.Context, by access.Actor) (Health, error) {
	if err := by.May(access.ReadHealth); err != nil {
		return Health{}, err
	}
	h := Health{At: s.now()}
	var err error
	if h.Notices, err = s.notices.Stats(ctx, h.At); err != nil {
		return h, fmt.Errorf("read notice figures: %w", err)
	}
	if h.Unsealed, h.OldestUnseal, err = s.store.Unsealed(ctx); err != nil {
		return h, fmt.Errorf("count unsealed events: %w", err)
	}
	if h.Checkpoint, h.HasCheck, err = s.store.LastCheckpoint(ctx); err != nil {
		return h, fmt.Errorf("load checkpoint: %w", err)
	}
	if s.machine == nil {
		return h, nil
	}
	m, err := s.machine(ctx)
	if err != nil {
		return h, fmt.Errorf("look at the machine: %w", err)
	}
	h.Machine = &m
	return h, nil
}
