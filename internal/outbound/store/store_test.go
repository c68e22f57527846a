package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
	"sekimori/internal/testkit/pg"
)

func TestMain(m *testing.M) { pg.Main(m) }

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.SQLite)
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) *store.DB { return storetest.Open(t, pg.URL(t), store.Options{}) })
}

// engines runs f with an empty database of each kind.
func engines(t *testing.T, f func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		f(t, filepath.Join(t.TempDir(), "あ b?#%.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		f(t, pg.URL(t))
	})
}

// column is one column as both databases describe it.
type column struct {
	Name    string
	NotNull bool
}

// columns lists the columns of each table but goose's own.
func columns(t *testing.T, driver, dsn, query string) map[string][]column {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string][]column{}
	for rows.Next() {
		var table string
		var c column
		if err := rows.Scan(&table, &c.Name, &c.NotNull); err != nil {
			t.Fatal(err)
		}
		out[table] = append(out[table], c)
	}
	if rows.Err() != nil || len(out) == 0 {
		t.Fatal("no tables: ", rows.Err())
	}
	return out
}

func TestMigrationsGiveTheSameTables(t *testing.T) {
	t.Parallel()
	file, url := filepath.Join(t.TempDir(), "x.db"), pg.URL(t)
	for _, dsn := range []string{file, url} {
		for range 2 { // the second time there is nothing to do
			db, err := store.Open(t.Context(), dsn, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Each database finds text in its own way: SQLite by a table that knows rows by number,
	// PostgreSQL by an index.
	lite := columns(t, "sqlite", file, `SELECT m.name, c.name, c."notnull" OR c.pk > 0 FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE 'ast_gram%'
		AND NOT (m.name = 'ast_asset' AND c.name = 'row') ORDER BY m.name, c.name`)
	post := columns(t, "pgx", url, `SELECT table_name, column_name, is_nullable = 'NO' FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%' ORDER BY table_name, column_name COLLATE "C"`)
	if d := cmp.Diff(lite, post); d != "" {
		t.Errorf("tables differ (-SQLite +PostgreSQL):\n%s", d)
	}
	indexes := func(driver, dsn, query string) []string {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var all string
		if err := db.QueryRow(query).Scan(&all); err != nil {
			t.Fatal(err)
		}
		return strings.Fields(all)
	}
	a := indexes("sqlite", file, `SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name)`)
	b := indexes("pgx", url, `SELECT string_agg(i.relname, ' ' ORDER BY i.relname COLLATE "C") FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
		JOIN pg_namespace n ON n.oid = i.relnamespace LEFT JOIN pg_constraint c ON c.conindid = i.oid WHERE n.nspname = 'public' AND c.oid IS NULL
		AND i.relname <> 'ast_asset_gram'`)
	if d := cmp.Diff(a, b); d != "" {
		t.Errorf("indexes differ (-SQLite +PostgreSQL):\n%s", d)
	}
}

// Several servers may start at once on one new database.
func TestServersStartTogether(t *testing.T) {
	t.Parallel()
	url := pg.URL(t)
	var wg sync.WaitGroup
	together := make(chan struct{})
	for range 8 {
		wg.Go(func() {
			<-together
			db, err := store.Open(t.Context(), url, store.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	close(together)
	wg.Wait()
}

// listener notes what it is told, and what could be read at that moment.
type listener struct {
	mu   sync.Mutex
	told []string
	look func(subject string)
}

func (l *listener) notify(subjects []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range subjects {
		l.look(s)
	}
	l.told = append(l.told, subjects...)
}

func TestNotifyComesAfterTheCommit(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, dsn string) {
		l := &listener{}
		db := storetest.Open(t, dsn, store.Options{Notify: l.notify})
		other := storetest.Open(t, dsn, store.Options{})
		l.look = func(s string) {
			if h, err := other.History(context.Background(), s); err != nil || len(h) != 1 {
				t.Errorf("told of %s when %d events could be read, %v", s, len(h), err)
			}
		}
		no := errors.New("no")
		var wg sync.WaitGroup
		for n := range 30 {
			wg.Go(func() {
				err := db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
					ev, err := journal.NewEvent(now(), "incident.x", fmt.Sprintf("inc_%d", n), "system", nil)
					if err != nil {
						return err
					}
					if err := tx.Record(t.Context(), ev); err != nil {
						return err
					}
					if n%3 == 0 {
						return no
					}
					return nil
				})
				if (n%3 == 0) != errors.Is(err, no) {
					t.Errorf("caller %d: %v", n, err)
				}
			})
		}
		wg.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.told) != 20 {
			t.Errorf("told of %d subjects, want 20: %v", len(l.told), l.told)
		}
	})
}

func now() time.Time { return time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC) }

// Two servers seal one journal at the same time: each entry gets one number.
func TestTwoServersSealOneJournal(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, dsn string) {
		key := storetest.NewKey(t)
		dbs := []*store.DB{storetest.Open(t, dsn, store.Options{}), storetest.Open(t, dsn, store.Options{})}
		const each = 60
		var writers, sealers sync.WaitGroup
		written := make(chan struct{})
		for s, db := range dbs {
			writers.Go(func() {
				for n := range each {
					err := db.UpdateIncidents(t.Context(), func(tx incident.Tx) error {
						ev, err := journal.NewEvent(now(), "incident.x", fmt.Sprintf("inc_%d_%d", s, n), "system", n)
						if err != nil {
							return err
						}
						return tx.Record(t.Context(), ev)
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
			sealers.Go(func() {
				sealer := journal.NewSealer(db, key.Signer, storetest.Origin, now)
				for done := false; ; {
					n, err := sealer.SealOnce(t.Context(), 5)
					if err != nil {
						t.Error(err)
						return
					}
					if n == 0 && done {
						return
					}
					select {
					case <-written:
						done = true
					default:
					}
				}
			})
		}
		writers.Wait()
		close(written)
		sealers.Wait()
		if r := key.Intact(t, dbs[0]); r.Entries != 2*each || r.Size != 2*each {
			t.Errorf("sealed %d of %d entries", r.Size, 2*each)
		}
	})
}

// Two servers take what is due from one database: no attempt goes to both.
func TestTwoServersNeverClaimTheSame(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, dsn string) {
		dbs := []*store.DB{storetest.Open(t, dsn, store.Options{}), storetest.Open(t, dsn, store.Options{})}
		const count = 90
		f := notice.Fired{Track: notice.Track{ID: "trk_a", State: notice.Open}}
		for n := range count {
			id := fmt.Sprintf("ntc_%03d", n)
			f.Attempts = append(f.Attempts, notice.Attempt{ID: id, Key: id, Track: "trk_a", Channel: "mail", Planned: now(), NextTry: now(), State: notice.Planned})
		}
		if err := dbs[0].UpdateNotices(t.Context(), func(tx notice.Tx) error { return tx.InsertFired(t.Context(), f) }); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		seen := map[string]int{}
		var wg sync.WaitGroup
		for n := range 6 {
			wg.Go(func() {
				for {
					as, err := dbs[n%2].Claim(t.Context(), now(), time.Minute, 4, true)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, a := range as {
						seen[a.ID]++
					}
					all := len(seen)
					mu.Unlock()
					if len(as) == 0 && all == count {
						return
					}
				}
			})
		}
		wg.Wait()
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was claimed %d times", id, n)
			}
		}
	})
}

// Ten reports with one key through two servers are one case, and the numbers after it
// have no gap.
func TestTwoServersOneKey(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, dsn string) {
		dbs := []*store.DB{storetest.Open(t, dsn, store.Options{}), storetest.Open(t, dsn, store.Options{})}
		for round := range 5 {
			var wg sync.WaitGroup
			for n := range 10 {
				wg.Go(func() {
					if err := storetest.ReportOnce(t, dbs[n%2], fmt.Sprint("key", round)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		p, err := dbs[0].Find(t.Context(), incident.Query{All: true, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, r := range p.Rows {
			got = append(got, r.Number)
		}
		if d := cmp.Diff([]int{5, 4, 3, 2, 1}, got); d != "" {
			t.Error(d)
		}
	})
}

// PostgreSQL stops and comes back under a running program: nothing that was answered
// is lost, and the program needs no restart.
func TestPostgresRestarts(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("restarts a server")
	}
	c := pg.StartCluster(t)
	db := storetest.Open(t, c.URL(), store.Options{})
	var mu sync.Mutex
	kept := map[string]bool{}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprintf("%d.%d", g, n)
				if err := db.SetMeta(t.Context(), name, "x"); err == nil {
					mu.Lock()
					kept[name] = true
					mu.Unlock()
				} else {
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(kept)
	}
	more := func(what string) {
		t.Helper()
		for start, deadline := count(), time.Now().Add(30*time.Second); count() < start+50; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("%s: changes do not succeed again", what)
				return
			}
		}
	}
	more("at first")
	c.Stop(pg.Fast)
	c.Start()
	more("after a restart")
	c.Stop(pg.Kill)
	c.Start()
	more("after a kill")
	c.Stop(pg.Immediate)
	c.Start()
	more("after an immediate stop")
	close(stop)
	wg.Wait()
	for name := range kept {
		if v, err := db.Meta(t.Context(), name); err != nil || v != "x" {
			t.Errorf("%s was answered and is lost: %q, %v", name, v, err)
		}
	}
	if !t.Failed() {
		t.Logf("%d changes answered, all there", len(kept))
	}
}

// People are told to try again in a moment; the cause stays in the error for the log.
func TestAStoppedPostgresIsUnavailable(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("stops a server")
	}
	c := pg.StartCluster(t)
	db := storetest.Open(t, c.URL(), store.Options{})
	c.Stop(pg.Fast)
	_, read := db.Meta(t.Context(), "a")
	for what, err := range map[string]error{"a change": db.SetMeta(t.Context(), "a", "b"), "a question": read} {
		if f := fault.As(err); f == nil || f.Kind != fault.Unavailable || f.ID != "fault.unavailable" {
			t.Errorf("a stopped database answered %s with %v", what, err)
		}
	}
	if err := db.Ping(t.Context()); err == nil {
		t.Error("a stopped database answers a ping")
	}
	c.Start()
	if err := db.SetMeta(t.Context(), "a", "b"); err != nil {
		t.Errorf("after it came back: %v", err)
	}
}
