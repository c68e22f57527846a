package audit_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	_ "modernc.org/sqlite"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
)

const origin = "audit.sekimori.example"

// desk is the service over a real SQLite store with a sealed record of n events.
type desk struct {
	*audit.Service
	t      *testing.T
	db     *store.DB
	file   string
	sealer *journal.Sealer
	now    time.Time
}

func newDesk(t *testing.T, n int) *desk {
	t.Helper()
	d := &desk{t: t, file: filepath.Join(t.TempDir(), "x.db"), now: directorytest.Noon()}
	d.db = storetest.Open(t, d.file, store.Options{})
	skey, vkey, err := journal.GenerateKey(rand.Reader, origin)
	d.must(err)
	signer, err := note.NewSigner(skey)
	d.must(err)
	clock := func() time.Time { return d.now }
	d.sealer = journal.NewSealer(d.db, signer, origin, clock)
	d.Service, err = audit.NewService(d.db.Record(), d.db, origin, vkey, clock)
	d.must(err)
	d.record(n)
	d.seal()
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) record(n int) {
	d.t.Helper()
	for i := range n {
		d.must(d.db.UpdateIncidents(d.t.Context(), func(tx incident.Tx) error {
			e, err := journal.NewEvent(d.now.Add(time.Duration(i)*time.Second), fmt.Sprintf("kind.k%d", i%2), fmt.Sprint("inc_", i), "per_emp", i)
			if err != nil {
				return err
			}
			return tx.Record(d.t.Context(), e)
		}))
	}
}

func (d *desk) seal() {
	d.t.Helper()
	_, err := d.sealer.SealOnce(d.t.Context(), 1000)
	d.must(err)
}

func auditor() access.Actor {
	return access.Actor{Person: "per_aud", Duties: []access.Duty{access.Auditor}, Via: access.BySession}
}

func TestOnlyReadersOfTheRecord(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 1)
	for name, verb := range map[string]func(access.Actor) error{
		"entries":    func(a access.Actor) error { _, err := d.Entries(t.Context(), a, audit.Query{}); return err },
		"checkpoint": func(a access.Actor) error { _, err := d.Checkpoint(t.Context(), a); return err },
		"export":     func(a access.Actor) error { return d.Export(t.Context(), a, &bytes.Buffer{}) },
		"verify":     func(a access.Actor) error { _, err := d.Verify(t.Context(), a); return err },
		"health":     func(a access.Actor) error { _, err := d.Health(t.Context(), a); return err },
	} {
		if err := verb(auditor()); err != nil {
			t.Errorf("%s by the auditor: %v", name, err)
		}
		if err := verb(access.Actor{Person: "per_emp", Via: access.BySession}); !fault.Is(err, fault.Denied) {
			t.Errorf("%s by an employee: %v", name, err)
		}
		if err := verb(access.Actor{}); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s by nobody: %v", name, err)
		}
	}
}

func TestRecordIsReadAndProved(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 20)
	es, err := d.Entries(t.Context(), auditor(), audit.Query{Kind: "kind.k1", Before: 10, Limit: 3})
	d.must(err)
	var got []int64
	for _, e := range es {
		got = append(got, e.Seq)
	}
	if diff := cmp.Diff([]int64{9, 7, 5}, got); diff != "" {
		t.Error(diff)
	}
	es, err = d.Entries(t.Context(), auditor(), audit.Query{Limit: 100000})
	d.must(err)
	if len(es) != 20 || es[0].Seq != 19 {
		t.Errorf("%d entries", len(es))
	}
	cp, err := d.Checkpoint(t.Context(), auditor())
	d.must(err)
	v, err := d.Verify(t.Context(), auditor())
	d.must(err)
	if !v.Report.Intact || v.Report.Size != 20 || cp.Size != 20 || v.Report.Root != cp.Root || !v.At.Equal(d.now) {
		t.Errorf("verdict %+v, checkpoint %+v", v, cp)
	}
	var out bytes.Buffer
	d.must(d.Export(t.Context(), auditor(), &out))
	key, err := note.NewVerifier(d.PublicKey())
	d.must(err)
	r, err := journal.Verify(&out, note.VerifierList(key), nil)
	d.must(err)
	if !r.Intact || r.Size != 20 || d.Origin() != origin {
		t.Errorf("the export: %+v", r)
	}
}

// Whoever changes the tables behind the program's back is found.
func TestTamperedTablesAreFound(t *testing.T) {
	t.Parallel()
	for name, stmt := range map[string]string{
		"changed content":    "UPDATE jrn_event SET content = '{}' WHERE seq = 5",
		"changed kind":       "UPDATE jrn_event SET kind = 'x' WHERE seq = 5",
		"changed time":       "UPDATE jrn_event SET at = at + 1 WHERE seq = 5",
		"removed":            "DELETE FROM jrn_event WHERE seq = 5",
		"tail cut":           "DELETE FROM jrn_event WHERE seq = 19",
		"swapped":            "UPDATE jrn_event SET seq = CASE seq WHEN 5 THEN 106 ELSE 105 END WHERE seq IN (5, 6); UPDATE jrn_event SET seq = seq - 100 WHERE seq > 100",
		"inserted":           "UPDATE jrn_event SET seq = -seq - 1 WHERE seq >= 5; UPDATE jrn_event SET seq = -seq WHERE seq < 0; INSERT INTO jrn_event SELECT 'evt_x', at, kind, subject, commitment, salt, content, erased_at, 5 FROM jrn_event WHERE seq = 4",
		"changed tree":       "UPDATE jrn_node SET hash = (SELECT hash FROM jrn_node WHERE idx = 3) WHERE idx = 4",
		"changed checkpoint": "UPDATE jrn_checkpoint SET note = CAST(replace(CAST(note AS TEXT), '20', '19') AS BLOB)",
	} {
		d := newDesk(t, 20)
		raw, err := sql.Open("sqlite", d.file)
		d.must(err)
		_, err = raw.ExecContext(context.Background(), stmt)
		d.must(err)
		d.must(raw.Close())
		v, err := d.Verify(t.Context(), auditor())
		d.must(err)
		if v.Report.Intact || v.Report.FirstBad == nil {
			t.Errorf("%s: not found", name)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 0)
	if _, err := d.Checkpoint(t.Context(), auditor()); !fault.Is(err, fault.NotFound) {
		t.Errorf("a checkpoint of nothing: %v", err)
	}
	trouble := func(want ...string) {
		t.Helper()
		h, err := d.Health(t.Context(), auditor())
		d.must(err)
		if diff := cmp.Diff(want, h.Trouble()); diff != "" {
			t.Errorf("trouble (-want +got):\n%s", diff)
		}
	}
	trouble()
	open := notice.Track{ID: "trk_a", State: notice.Open, Empty: true, NextFire: d.now}
	unsent := notice.Attempt{ID: "ntc_a", Key: "a", Planned: d.now, NextTry: d.now, State: notice.Planned}
	refused := unsent
	refused.ID, refused.Key, refused.State = "ntc_b", "b", notice.Refused
	d.must(d.db.UpdateNotices(t.Context(), func(tx notice.Tx) error {
		return tx.InsertFired(t.Context(), notice.Fired{Track: open, Attempts: []notice.Attempt{unsent, refused}})
	}))
	d.record(1)
	trouble("health.unreachable", "health.refused")
	d.now = d.now.Add(3 * time.Minute)
	trouble("health.overdue", "health.unsent", "health.unreachable", "health.refused", "health.unsealed")
	d.seal()
	trouble("health.overdue", "health.unsent", "health.unreachable", "health.refused")
	h, err := d.Health(t.Context(), auditor())
	d.must(err)
	if !h.HasCheck || h.Checkpoint.Size != 1 || h.Unsealed != 0 {
		t.Errorf("health %+v", h)
	}
}

// What the machine tells is weighed only where it is watched.
func TestHealthOfTheMachine(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 10, 9, 0, 0, 0, time.UTC)
	well := audit.Machine{Began: now.Add(-100 * 24 * time.Hour), Backup: now.Add(-30 * time.Hour), Free: 5 << 30, CertEnds: now.Add(30 * 24 * time.Hour)}
	for _, tt := range []struct {
		name   string
		change func(*audit.Machine)
		want   []string
	}{
		{"well", func(*audit.Machine) {}, nil},
		{"an old backup", func(m *audit.Machine) { m.Backup = now.Add(-73 * time.Hour) }, []string{"health.backup"}},
		{"no backup", func(m *audit.Machine) { m.Backup = time.Time{} }, []string{"health.backup"}},
		{"new, so no backup yet", func(m *audit.Machine) { m.Backup, m.Began = time.Time{}, now.Add(-time.Hour) }, nil},
		{"nothing recorded yet", func(m *audit.Machine) { m.Backup, m.Began = time.Time{}, time.Time{} }, nil},
		{"little room", func(m *audit.Machine) { m.Free = 100 << 20 }, []string{"health.room"}},
		{"no room", func(m *audit.Machine) { m.Free = 0 }, []string{"health.room"}},
		{"room not known", func(m *audit.Machine) { m.Free = -1 }, nil},
		{"clock", func(m *audit.Machine) { m.Behind = 2 * time.Second }, []string{"health.clock"}},
		{"certificate", func(m *audit.Machine) { m.CertEnds = now.Add(24 * time.Hour) }, []string{"health.certificate"}},
		{"certificate of a proxy", func(m *audit.Machine) { m.CertEnds = time.Time{} }, nil},
		{"auditor", func(m *audit.Machine) { m.Unmailed = 1 }, []string{"health.unmailed"}},
	} {
		m := well
		tt.change(&m)
		if d := cmp.Diff(tt.want, audit.Health{Machine: &m, At: now}.Trouble()); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
	d := newDesk(t, 0)
	d.Watch(func(context.Context) (audit.Machine, error) { return audit.Machine{}, errors.New("cannot tell") })
	if _, err := d.Health(t.Context(), auditor()); err == nil {
		t.Error("a machine that cannot be looked at counts as well")
	}
}
