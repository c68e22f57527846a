package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/outbox"
	"sekimori/internal/inbound/web/signin"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/outbound/store"
)

const password = "correct horse battery"

// world is the whole web over a real SQLite store with a company of five made-up people.
type world struct {
	http.Handler
	t       testing.TB
	parts   Parts
	db      *store.DB
	log     *bytes.Buffer
	live    *fakeLive
	cookies map[string]string // session cookies by person
	pcs     *device.Service
}

func newWorld(t testing.TB, change ...func(*Parts)) *world {
	t.Helper()
	ctx := t.Context()
	now := func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
	zone := time.FixedZone("JST", 9*60*60)
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "test.db"), store.Options{})
	must(t, err)
	t.Cleanup(func() { db.Close() })
	cat, err := i18n.Load()
	must(t, err)
	_, verifierKey, err := journal.GenerateKey(rand.Reader, "sekimori/test")
	must(t, err)
	people := directory.NewService(db, now)
	notices := notice.NewService(db, people, now, nil)
	cases, err := incident.NewService(ctx, incident.Parts{Store: db, Blobs: &blobs{kept: map[string][]byte{}}, People: people, Notices: notices,
		Tracks: db, Now: now, Zone: zone, Limits: incident.Limits{File: 3000, Case: 9000}})
	must(t, err)
	acc, err := access.NewService(ctx, db, access.NewHasher(access.Cost{Memory: 64, Time: 1}, 1), now, access.Rules{})
	must(t, err)
	record, err := audit.NewService(db.Record(), db, "sekimori/test", verifierKey, now)
	must(t, err)
	w := &world{t: t, db: db, log: &bytes.Buffer{}, live: &fakeLive{out: make(chan []string, 8)}, cookies: map[string]string{}}
	w.parts = Parts{Access: acc, People: people, Notices: notices, Tracks: db, Links: notice.NewLinks(bytes.Repeat([]byte{7}, 32)), Incidents: cases, Audit: record,
		Catalogue: cat, Zone: zone, Now: now, Log: slog.New(slog.NewTextHandler(w.log, nil)), Live: w.live, Outbox: noMail{}, Version: "test", BaseURL: "http://example.com",
		Demo: &DemoInfo{SignIns: []signin.Ready{{Role: "duty.it_admin", Name: "井上 拓", Login: "inoue", Password: password}}}}
	w.parts.Contacts, w.parts.Offers = contactService(db, people, now), func(directory.Channel) bool { return true }
	w.pcs = deviceService(t, db, people, cases, now)
	w.parts.Devices = w.pcs
	for _, c := range change {
		c(&w.parts)
	}
	w.Handler, err = New(w.parts)
	must(t, err)
	must(t, db.UpdateDirectory(ctx, func(tx directory.Tx) error { return found(ctx, tx, now()) }))
	for _, p := range []string{"hanako", "boss", "manager", "auditor", "admin"} {
		must(t, acc.SetLogin(ctx, access.System(), "per_"+p, p, password))
		secret, _, err := acc.Begin(ctx, "per_"+p, access.Origin{Address: "192.0.2.1", Agent: "test"})
		must(t, err)
		w.cookies[p] = secret
	}
	return w
}

// found enters the people.
func found(ctx context.Context, tx directory.Tx, now time.Time) error {
	for _, d := range []directory.Department{{ID: "dpt_sales", Code: "S1", Name: "営業部", Head: "per_boss"}, {ID: "dpt_it", Code: "T1", Name: "情報システム部", Head: "per_admin"}} {
		if err := tx.SaveDepartment(ctx, directory.Department{ID: d.ID, Code: d.Code, Name: d.Name}); err != nil {
			return err
		}
	}
	for _, p := range []directory.Person{
		{ID: "per_boss", Number: "0002", Family: "本田", Given: "誠", FamilyKana: "ホンダ", GivenKana: "マコト", Phone: "03-0000-0012"},
		{ID: "per_manager", Number: "0003", Family: "守谷", Given: "恵", FamilyKana: "モリヤ", GivenKana: "メグミ", Phone: "03-0000-0013"},
		{ID: "per_auditor", Number: "0004", Family: "監物", Given: "聡", FamilyKana: "ケンモツ", GivenKana: "サトシ"},
		{ID: "per_admin", Number: "0005", Family: "井上", Given: "拓", FamilyKana: "イノウエ", GivenKana: "タク", Phone: "03-0000-0015", Department: "dpt_it"},
		{ID: "per_hanako", Number: "0001", Family: "青木", Given: "花子", FamilyKana: "アオキ", GivenKana: "ハナコ", Supervisor: "per_boss", Phone: "03-0000-0011"},
	} {
		if p.Department == "" {
			p.Department = "dpt_sales"
		}
		p.Lang, p.Verified, p.Email = "ja", now, strings.TrimPrefix(p.ID, "per_")+"@company.example"
		if err := tx.SavePerson(ctx, p); err != nil {
			return err
		}
	}
	for _, d := range []directory.Department{{ID: "dpt_sales", Code: "S1", Name: "営業部", Head: "per_boss"}, {ID: "dpt_it", Code: "T1", Name: "情報システム部", Head: "per_admin"}} {
		if err := tx.SaveDepartment(ctx, d); err != nil {
			return err
		}
	}
	return tx.ReplaceDuties(ctx, []directory.Assignment{
		{Duty: access.ProtectionManager, Person: "per_manager", From: now.Add(-time.Hour)},
		{Duty: access.ITAdmin, Person: "per_admin", From: now.Add(-time.Hour)},
		{Duty: access.Auditor, Person: "per_auditor", From: now.Add(-time.Hour)},
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ask makes a request as a person ("" for nobody) in a language; form nil means GET.
func (w *world) ask(person, lang, path string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if person != "" {
		r.AddCookie(&http.Cookie{Name: "sekimori", Value: w.cookies[person]})
	}
	r.AddCookie(&http.Cookie{Name: "lang", Value: lang})
	for _, c := range change {
		c(r)
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

// get is ask in Japanese that must answer 200.
func (w *world) get(person, path string) string {
	w.t.Helper()
	rec := w.ask(person, "ja", path, nil)
	if rec.Code != http.StatusOK {
		w.t.Fatalf("GET %s: status %d\n%s\n%s", path, rec.Code, rec.Body, w.log)
	}
	return rec.Body.String()
}

// post is ask in Japanese that must answer 303; it gives the address.
func (w *world) post(person, path string, form url.Values) string {
	w.t.Helper()
	rec := w.ask(person, "ja", path, form)
	if rec.Code != http.StatusSeeOther {
		w.t.Fatalf("POST %s: status %d\n%s\n%s", path, rec.Code, rec.Body, w.log)
	}
	return rec.Header().Get("Location")
}

// report sends a report of a kind by hanako and gives the label.
func (w *world) report(kind, key string) string {
	w.t.Helper()
	at := w.post("hanako", "/report/"+kind, url.Values{"summary": {"添付を開いたら黒い画面が出た"}, "key": {key}})
	label, ok := strings.CutPrefix(at, "/receipt/")
	if !ok {
		w.t.Fatalf("report led to %s", at)
	}
	return label
}

// link is the address in the first notice of a case to a person.
func (w *world) link(label, person string) string {
	w.t.Helper()
	c, err := w.parts.Incidents.Case(w.t.Context(), access.System(), label)
	must(w.t, err)
	for _, a := range c.Attempts {
		if a.Person == person {
			return "/a/" + w.parts.Links.Token(a.ID)
		}
	}
	w.t.Fatalf("%s was not told of %s", person, label)
	return ""
}

// fakeLive hands out what the test sends.
type fakeLive struct{ out chan []string }

func (f *fakeLive) Subscribe(context.Context) <-chan []string { return f.out }

// noMail is an outbox without mails.
type noMail struct{ outbox.Reader }

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
