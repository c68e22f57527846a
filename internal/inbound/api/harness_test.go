package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/outbound/store"
)

const origin = "sekimori/test"

// world is the door over a real SQLite store with a company of four made-up people.
type world struct {
	http.Handler
	t       testing.TB
	log     *bytes.Buffer // guarded by the handler's own lock
	replies *replies
	verify  note.Verifiers
	sealer  *journal.Sealer
	tokens  map[string]string // by person
	pcs     *device.Service
	access  *access.Service
	cases   *incident.Service
	db      *store.DB
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx := t.Context()
	now := func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
	zone := time.FixedZone("JST", 9*60*60)
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "test.db"), store.Options{})
	must(t, err)
	t.Cleanup(func() { db.Close() })
	cat, err := i18n.Load()
	must(t, err)
	signerKey, verifierKey, err := journal.GenerateKey(rand.Reader, origin)
	must(t, err)
	signer, err := note.NewSigner(signerKey)
	must(t, err)
	verifier, err := note.NewVerifier(verifierKey)
	must(t, err)

	people := directory.NewService(db, now)
	notices := notice.NewService(db, people, now, nil)
	cases, err := incident.NewService(ctx, incident.Parts{Store: db, Blobs: &blobs{kept: map[string][]byte{}}, People: people, Notices: notices,
		Tracks: db, Now: now, Zone: zone, Limits: incident.Limits{File: 1000, Case: 1500}})
	must(t, err)
	acc, err := access.NewService(ctx, db, access.NewHasher(access.Cost{Memory: 64, Time: 1}, 1), now, access.Rules{})
	must(t, err)
	record, err := audit.NewService(db.Record(), db, origin, verifierKey, now)
	must(t, err)
	w := &world{t: t, log: &bytes.Buffer{}, replies: &replies{kept: map[string]Reply{}}, verify: note.VerifierList(verifier),
		sealer: journal.NewSealer(db, signer, origin, now), tokens: map[string]string{}}
	w.access, w.cases, w.db = acc, cases, db
	w.pcs = deviceService(people, cases, db, signer, verifierKey, now)
	files := &blobs{kept: map[string][]byte{}}
	assets, requests, stocks := lending(t, db, files, people, signer, now, zone, cat.PrinterIn(i18n.JA, zone), func(ctx context.Context, tx device.Tx, id string) error { return w.pcs.Reissue(ctx, tx, id) })
	w.Handler, err = New(Parts{Contacts: contactService(db, people, now), Devices: w.pcs, Assets: assets, Requests: requests, Stocks: stocks, TakeOuts: takingOut(t, db, people, now, zone), Access: acc, People: people, Notices: notices, Incidents: cases, Audit: record,
		Catalogue: cat, Zone: zone, Now: now, Log: slog.New(slog.NewTextHandler(w.log, nil)), Replies: w.replies, MaxBody: 10_000})
	must(t, err)

	must(t, db.UpdateDirectory(ctx, func(tx directory.Tx) error {
		return found(ctx, tx, now())
	}))
	for _, p := range []string{"per_hanako", "per_boss", "per_manager", "per_auditor"} {
		w.tokens[p], _, err = acc.CreateToken(ctx, access.System(), access.NewToken{Person: p, Name: "test", Scopes: access.Permissions(), Days: 1})
		must(t, err)
	}
	w.tokens["reporter"], _, err = acc.CreateToken(ctx, access.System(), access.NewToken{Person: "per_hanako", Name: "button", Scopes: []access.Permission{access.Report}, Days: 1})
	must(t, err)
	return w
}

// found enters the people.
func found(ctx context.Context, tx directory.Tx, now time.Time) error {
	if err := tx.SaveDepartment(ctx, directory.Department{ID: "dpt_sales", Code: "S1", Name: "営業部"}); err != nil {
		return err
	}
	for _, p := range []directory.Person{
		{ID: "per_boss", Number: "0002", Family: "本田", Given: "誠", FamilyKana: "ホンダ", GivenKana: "マコト"},
		{ID: "per_manager", Number: "0003", Family: "守谷", Given: "恵", FamilyKana: "モリヤ", GivenKana: "メグミ"},
		{ID: "per_auditor", Number: "0004", Family: "監物", Given: "聡", FamilyKana: "ケンモツ", GivenKana: "サトシ"},
		{ID: "per_hanako", Number: "0001", Family: "青木", Given: "花子", FamilyKana: "アオキ", GivenKana: "ハナコ", Supervisor: "per_boss"},
	} {
		p.Department, p.Lang, p.Verified, p.Email = "dpt_sales", "ja", now, strings.TrimPrefix(p.ID, "per_")+"@company.example"
		if err := tx.SavePerson(ctx, p); err != nil {
			return err
		}
	}
	if err := tx.SaveDepartment(ctx, directory.Department{ID: "dpt_sales", Code: "S1", Name: "営業部", Head: "per_boss"}); err != nil {
		return err
	}
	return tx.ReplaceDuties(ctx, []directory.Assignment{
		{Duty: access.ProtectionManager, Person: "per_manager", From: now.Add(-time.Hour)},
		{Duty: access.Auditor, Person: "per_auditor", From: now.Add(-time.Hour)},
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is a reply read back.
type answer struct {
	*httptest.ResponseRecorder
	t testing.TB
}

// send makes a request as a person; headers are name, value pairs.
func (w *world) send(person, method, path, body string, headers ...string) answer {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if person != "" {
		r.Header.Set("Authorization", "Bearer "+w.tokens[person])
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return answer{rec, w.t}
}

// want stops the test unless the status is the given one.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.Code != status {
		a.t.Fatalf("status %d, want %d: %s", a.Code, status, a.Body)
	}
	return a
}

// json gives the body as a tree.
func (a answer) json() map[string]any {
	a.t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.Body.Bytes(), &v); err != nil {
		a.t.Fatalf("body is no JSON object: %v: %s", err, a.Body)
	}
	return v
}

// text gives one field at the top of the body.
func (a answer) text(field string) string {
	a.t.Helper()
	s, _ := a.json()[field].(string)
	return s
}

// replies keeps replies in memory.
type replies struct {
	mu   sync.Mutex
	kept map[string]Reply
}

func (r *replies) Begin(_ context.Context, actor, key, hash string, _ time.Time) (*Reply, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, ok := r.kept[actor+" "+key]
	if !ok {
		r.kept[actor+" "+key] = Reply{Status: -1, Hash: hash}
		return nil, true, nil
	}
	if old.Status == -1 {
		return nil, false, nil
	}
	return &old, false, nil
}

func (r *replies) Finish(_ context.Context, actor, key string, v Reply) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v.Status == 0 {
		delete(r.kept, actor+" "+key)
		return nil
	}
	r.kept[actor+" "+key] = v
	return nil
}

// blobs keeps files in memory.
type blobs struct {
	mu   sync.Mutex
	kept map[string][]byte
}

func (b *blobs) Put(_ context.Context, key string, r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept[key] = raw
	return nil
}

func (b *blobs) Open(_ context.Context, key string) (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	raw, ok := b.kept[key]
	if !ok {
		return nil, fault.Missing("file")
	}
	return io.NopCloser(bytes.NewReader(raw)), nil
}

func (b *blobs) Delete(_ context.Context, key string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.kept, key)
	return nil
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}
