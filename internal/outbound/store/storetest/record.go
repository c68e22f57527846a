package storetest

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
)

// Origin is the name of the test journals.
const Origin = "test.sekimori.example"

// Key is a journal's key pair.
type Key struct {
	Signer    note.Signer
	Verifiers note.Verifiers
}

// NewKey makes a key for Origin.
func NewKey(t testing.TB) Key {
	t.Helper()
	skey, vkey, err := journal.GenerateKey(rand.Reader, Origin)
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	verifier, err := note.NewVerifier(vkey)
	must(t, err)
	return Key{signer, note.VerifierList(verifier)}
}

// Seal seals everything that waits.
func (k Key) Seal(t testing.TB, db *store.DB, now time.Time) {
	t.Helper()
	s := journal.NewSealer(db, k.Signer, Origin, func() time.Time { return now })
	for {
		n, err := s.SealOnce(t.Context(), 7)
		must(t, err)
		if n < 7 {
			return
		}
	}
}

// Intact fails the test unless the store's whole journal verifies, and gives the report.
func (k Key) Intact(t testing.TB, db *store.DB) journal.Report {
	t.Helper()
	r, err := journal.VerifyStore(t.Context(), db.Record(), Origin, k.Verifiers, nil)
	must(t, err)
	if !r.Intact {
		t.Fatalf("journal is not intact: %+v", r.FirstBad)
	}
	return r
}

func record(t testing.TB, db *store.DB, es ...journal.Event) {
	t.Helper()
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		for _, e := range es {
			if err := tx.Record(t.Context(), e); err != nil {
				return err
			}
		}
		return nil
	}))
}

func testJournal(t *testing.T, db *store.DB) {
	key, r := NewKey(t), db.Record()
	if _, ok, err := r.LastCheckpoint(t.Context()); ok || err != nil {
		t.Errorf("a checkpoint in an empty journal: %v", err)
	}
	if last, err := db.LastEventAt(t.Context()); !last.IsZero() || err != nil {
		t.Errorf("last event %v, %v", last, err)
	}
	var es []journal.Event
	for n := range 30 {
		es = append(es, event(t, at(n+1), fmt.Sprintf("kind_%d.x", n%3), fmt.Sprintf("inc_%d", n%2), map[string]string{"text": kanji}))
	}
	record(t, db, es...)
	n, oldest, err := r.Unsealed(t.Context())
	if n != 30 || !oldest.Equal(at(1)) || err != nil {
		t.Errorf("unsealed: %d since %v, %v", n, oldest, err)
	}
	key.Seal(t, db, at(40))
	if n, _, _ := r.Unsealed(t.Context()); n != 0 {
		t.Errorf("%d are still unsealed", n)
	}
	rep := key.Intact(t, db)
	same(t, "entries", int64(30), rep.Entries)
	cp, ok, err := r.LastCheckpoint(t.Context())
	if !ok || err != nil || cp.Size != 30 || cp.Origin != Origin || cp.Root != rep.Root {
		t.Errorf("checkpoint %+v, %v, %v", cp, ok, err)
	}
	if last, err := db.LastEventAt(t.Context()); !last.Equal(at(30)) || err != nil {
		t.Errorf("last event %v, %v", last, err)
	}
	first, err := r.Entry(t.Context(), 0)
	must(t, err)
	opened, err := first.Open()
	must(t, err)
	same(t, "the oldest comes first", es[0], opened)
	if _, err := r.Entry(t.Context(), 30); !fault.Is(err, fault.NotFound) {
		t.Errorf("missing entry: %v", err)
	}
	latest, err := r.Latest(t.Context(), audit.Query{Before: 20, Kind: "kind_1", Subject: "inc_1", Limit: 2})
	must(t, err)
	for i, e := range latest {
		if e.Seq >= 20 || e.Kind != "kind_1.x" || e.Subject != "inc_1" || i > 0 && e.Seq >= latest[i-1].Seq {
			t.Errorf("latest: %+v", e)
		}
	}
	same(t, "latest", 2, len(latest))
	wild, err := r.Latest(t.Context(), audit.Query{Kind: "kind%", Limit: 9})
	must(t, err)
	same(t, "a prefix is no pattern", 0, len(wild))
	h, err := db.History(t.Context(), "inc_0")
	must(t, err)
	same(t, "history", 15, len(h))
	same(t, "history, oldest first", es[0], h[0])
	testOrder(t, db)
}

// testOrder tells of things at one moment, and of one before it: the record keeps the
// order of telling.
func testOrder(t *testing.T, db *store.DB) {
	es := []journal.Event{event(t, at(50), "a", "inc_order", nil), event(t, at(50), "b", "inc_order", nil), event(t, at(49), "c", "inc_order", nil)}
	record(t, db, es...)
	h, err := db.History(t.Context(), "inc_order")
	must(t, err)
	var kinds string
	for i, e := range h {
		kinds += e.Kind
		if i > 0 && !e.At.After(h[i-1].At) {
			t.Errorf("%s is not after %s", e.Kind, h[i-1].Kind)
		}
	}
	same(t, "as told", "abc", kinds)
}

// testErase erases a case of which part is sealed and part is not.
func testErase(t *testing.T, db *store.DB) {
	key := NewKey(t)
	i := sample(1)
	i.ErasedAt = time.Time{}
	insert(t, db, i, plain(2, nil))
	tr := track("trk_a", i.ID, notice.Acked)
	tr.Reporter, tr.LeftOut, tr.AckedBy, tr.AckFor, tr.AckNote, tr.EndedWhy, tr.PassedTo = "per_emp", []string{"per_x"}, "per_pm", "per_y", kanji, kanji, "per_z"
	a, b := attempt("ntc_a", "trk_a", at(1)), attempt("ntc_b", "trk_a", at(1))
	a.Incident, b.Incident, a.Answer = i.ID, i.ID, kanji
	fire(t, db, notice.Fired{Track: tr, Told: []notice.Told{{Track: "trk_a", Person: "per_pm", At: at(1)}}, Attempts: []notice.Attempt{a, b}})
	e := incident.Evidence{ID: "evd_a", Incident: i.ID, Name: kanji, Blob: "inc_0001/evd_a", By: "per_emp", At: at(1)}
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		if err := tx.InsertEvidence(t.Context(), e); err != nil {
			return err
		}
		return tx.InsertEntry(t.Context(), incident.Entry{ID: "ent_a", Incident: i.ID, Type: incident.Fact, Text: kanji, By: "per_emp", At: at(1)})
	}))
	record(t, db, event(t, at(1), "incident.reported", i.ID, map[string]string{"summary": kanji}), event(t, at(1), "incident.reported", "inc_0002", "other"))
	key.Seal(t, db, at(2))
	before := key.Intact(t, db)
	record(t, db, event(t, at(3), "incident.closed", i.ID, map[string]string{"why": kanji}))
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		blobs, err := tx.EraseIncident(t.Context(), i.ID, at(5))
		same(t, "blobs to delete", []string{e.Blob}, blobs)
		return err
	}))
	key.Seal(t, db, at(6))
	after := key.Intact(t, db)
	same(t, "erased entries", int64(2), after.Erased)
	if after.Entries != before.Entries+1 {
		t.Errorf("%d entries, then %d", before.Entries, after.Entries)
	}
	got, err := db.Incident(t.Context(), i.ID)
	must(t, err)
	want := *i
	want.Summary, want.Reporter, want.OnBehalf, want.LeftOut, want.Assignee, want.CloseBy, want.CloseWhy, want.ClosedBy, want.Key = "", "", "", nil, "", "", "", "", ""
	want.ErasedAt = at(5)
	if len(got.LeftOut) == 0 {
		got.LeftOut = nil
	}
	same(t, "what stays of the case", &want, got)
	ents, err := db.Entries(t.Context(), i.ID)
	must(t, err)
	if ents[0].Text != "" || ents[0].By != "" {
		t.Errorf("entry %+v", ents[0])
	}
	evd, err := db.EvidenceByID(t.Context(), "evd_a")
	must(t, err)
	if evd.Name != "" || evd.By != "" || !evd.ErasedAt.Equal(at(5)) {
		t.Errorf("evidence %+v", evd)
	}
	ts, told, as, err := db.TracksOf(t.Context(), i.ID)
	must(t, err)
	if x := ts[0]; x.Reporter+x.AckedBy+x.AckFor+x.AckNote+x.EndedWhy+x.PassedTo != "" || len(x.LeftOut) != 0 || len(told) != 0 {
		t.Errorf("track %+v, told %v", x, told)
	}
	for _, x := range as {
		if x.Person+x.For+x.Address+x.Answer != "" || x.Key != x.ID {
			t.Errorf("attempt %+v", x)
		}
	}
	h, err := db.History(t.Context(), i.ID)
	must(t, err)
	for _, x := range h {
		if x.Data != nil || x.Actor != "" || x.Kind == "" || x.At.IsZero() {
			t.Errorf("history of an erased case: %+v", x)
		}
	}
	must(t, db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
		blobs, err := tx.EraseIncident(t.Context(), i.ID, at(9))
		same(t, "erased twice", 0, len(blobs))
		return err
	}))
	other, err := db.History(t.Context(), "inc_0002")
	must(t, err)
	if len(other) != 1 || other[0].Data == nil {
		t.Errorf("another case lost its record: %+v", other)
	}
}
