package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/testkit/pg"
)

// on runs f with an empty database of each kind; open opens it, as often as wanted.
func on(t *testing.T, f func(t *testing.T, open func() *DB)) {
	for name, place := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "x.db") },
		"postgres": func(t *testing.T) string { return pg.URL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := place(t)
			f(t, func() *DB {
				db, err := Open(t.Context(), dsn, Options{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { db.Close() })
				return db
			})
		})
	}
}

// together runs changes in one batch, in this order, and gives their errors.
func together(t *testing.T, db *DB, changes ...func(*txn) error) []error {
	t.Helper()
	calls := make([]func() error, len(changes))
	for n, f := range changes {
		calls[n] = func() error { return db.update(t.Context(), f) }
	}
	return atOnce(t, db, calls...)
}

// atOnce makes calls that each put one change into the line; they run in one batch.
func atOnce(t *testing.T, db *DB, calls ...func() error) []error {
	t.Helper()
	busy, free := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		first := true
		err := db.update(t.Context(), func(*txn) error {
			if first { // a store may run this again
				first = false
				close(busy)
			}
			<-free
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-busy
	errs := make([]error, len(calls))
	for n, f := range calls {
		wg.Go(func() { errs[n] = f() })
		for len(db.jobs) <= n {
			time.Sleep(time.Millisecond)
		}
	}
	close(free)
	wg.Wait()
	return errs
}

var base = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)

var errRefused = errors.New("refused")

// report adds a case with its number, a track with one notice, and an event.
func report(t *txn, id, key string) error {
	n, err := t.NextNumber(t.ctx, 2026)
	if err != nil {
		return err
	}
	i := &incident.Incident{ID: "inc_" + id, Label: incident.Label(2026, n), Year: 2026, Number: n, Kind: "lost", Urgency: "urgent", Summary: id,
		Reporter: "per_a", Department: "dep_a", Channel: "web", Reported: base, Status: incident.Received, Key: key}
	if err := t.InsertIncident(t.ctx, i); err != nil {
		return err
	}
	ev, err := journal.NewEvent(base, "incident.reported", i.ID, "per_a", nil)
	if err != nil {
		return err
	}
	return t.InsertFired(t.ctx, fired("trk_"+id, i.ID, ev))
}

func fired(track, of string, events ...journal.Event) notice.Fired {
	return notice.Fired{
		Track:  notice.Track{ID: track, Incident: of, Receiver: "security", State: notice.Open, Pass: 1, Level: 1, Started: base},
		Told:   []notice.Told{{Track: track, Person: "per_x", Level: 1, Pass: 1, At: base}, {Track: track, Person: "per_x", Level: 2, Pass: 1, At: base}},
		Events: events,
		Attempts: []notice.Attempt{{ID: "ntc_" + track, Key: track + "/1", Track: track, Incident: of, Person: "per_x", Channel: "mail",
			Planned: base, NextTry: base, State: notice.Planned}},
	}
}

// numbers gives "id=number" of every case, by number.
func numbers(t *testing.T, db *DB) string {
	t.Helper()
	p, err := db.Find(t.Context(), incident.Query{All: true, Limit: 300})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(p.Rows, func(a, b incident.Row) int { return a.Number - b.Number })
	var out []string
	for _, r := range p.Rows {
		out = append(out, fmt.Sprintf("%s=%d", r.Summary, r.Number))
	}
	return strings.Join(out, " ")
}

// complete checks that each case has its track, notice, told and event, and no more.
func complete(t *testing.T, db *DB, ids ...string) {
	t.Helper()
	for _, id := range ids {
		ts, told, as, err := db.TracksOf(t.Context(), "inc_"+id)
		if err != nil || len(ts) != 1 || len(told) != 1 || told[0].Level != 2 || len(as) != 1 {
			t.Errorf("case %s has tracks %v, told %v, notices %v, %v", id, ts, told, as, err)
		}
	}
	if n, _, err := db.Record().Unsealed(t.Context()); err != nil || n != len(ids) {
		t.Errorf("%d events for %d cases, %v", n, len(ids), err)
	}
}

func TestBatchSeesWhatItKeeps(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, open func() *DB) {
		db := open()
		var old *incident.Incident
		var told []notice.Told
		var pending []notice.Attempt
		errs := together(t, db,
			func(tx *txn) error { return report(tx, "a", "key") },
			func(tx *txn) error { return report(tx, "b", "") },
			func(tx *txn) (err error) { // a later change of the batch asks for what the first one added
				old, _, err = tx.IncidentByKey(tx.ctx, "per_a", "key")
				return err
			},
			func(tx *txn) error {
				i, err := tx.LockIncident(tx.ctx, "inc_b")
				if err != nil {
					return err
				}
				i.Assignee = "per_b"
				return tx.SaveIncident(tx.ctx, i)
			},
			func(tx *txn) error { return report(tx, "c", "") },
			func(tx *txn) (err error) {
				var tr notice.Track
				if tr, told, err = tx.LockTrack(tx.ctx, "trk_c"); err != nil {
					return err
				}
				if pending, err = tx.Pending(tx.ctx, "trk_c"); err != nil {
					return err
				}
				tr.State = notice.Acked
				again := fired("trk_c", "inc_c") // the same notice once more, and the same person told
				again.Track = tr
				return tx.SaveFired(tx.ctx, again)
			},
			func(tx *txn) error { return tx.SaveFired(tx.ctx, fired("trk_a", "inc_a")) },
			func(tx *txn) error { return tx.SaveFired(tx.ctx, fired("trk_a", "inc_a")) },
		)
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if old == nil || old.ID != "inc_a" || len(told) != 1 || told[0].Level != 2 || len(pending) != 1 {
			t.Errorf("the batch saw %v, told %v, pending %v", old, told, pending)
		}
		if got := numbers(t, db); got != "a=1 b=2 c=3" {
			t.Errorf("cases %s", got)
		}
		complete(t, db, "a", "b", "c")
		if i, err := db.Incident(t.Context(), "inc_b"); err != nil || i.Assignee != "per_b" {
			t.Errorf("the change of an added case is lost: %v, %v", i, err)
		}
		if tr, _, err := db.Track(t.Context(), "trk_c"); err != nil || tr.State != notice.Acked {
			t.Errorf("the change of an added track is lost: %v, %v", tr, err)
		}
	})
}

func TestBatchUndoesOneAlone(t *testing.T) {
	t.Parallel()
	const inMemory, panics = "before anything is written", "by a panic"
	for name, bad := range map[string]func(*txn) error{
		inMemory: func(tx *txn) error {
			return errors.Join(report(tx, "x", "key"), errRefused)
		},
		"after a question": func(tx *txn) error {
			err := report(tx, "x", "key")
			_, lock := tx.LockIncident(tx.ctx, "inc_x")
			return errors.Join(err, lock, errRefused)
		},
		"after a change": func(tx *txn) error {
			return errors.Join(tx.exec("UPDATE inc_incident SET summary = 'wrong'"), report(tx, "x", "key"), errRefused)
		},
		"with a change alone": func(tx *txn) error {
			return errors.Join(tx.exec("UPDATE inc_incident SET summary = 'wrong'"), errRefused)
		},
		"by the database": func(tx *txn) error {
			return errors.Join(report(tx, "x", "key"), report(tx, "a", ""))
		},
		panics: func(tx *txn) error {
			report(tx, "x", "key")
			panic("a caller's mistake")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on(t, func(t *testing.T, open func() *DB) {
				db := open()
				runs := 0
				errs := together(t, db,
					func(tx *txn) error { return report(tx, "a", "") },
					func(tx *txn) error { runs++; return bad(tx) },
					func(tx *txn) error {
						return tx.exec("INSERT INTO meta (name, value) VALUES ('n', '1')")
					},
					func(tx *txn) error { return report(tx, "b", "key") }, // the key of the refused one is free
					func(tx *txn) error { return tx.exec("UPDATE meta SET value = '2' WHERE name = 'n'") },
					func(tx *txn) error { return report(tx, "c", "") },
				)
				for n, err := range errs {
					if (n == 1) == (err == nil) {
						t.Errorf("change %d: %v", n, err)
					}
				}
				if (name == inMemory || name == panics) && runs != 1 {
					t.Errorf("the batch was run %d times for what was still in memory", runs)
				}
				if got := numbers(t, db); got != "a=1 b=2 c=3" {
					t.Errorf("cases %s", got)
				}
				complete(t, db, "a", "b", "c")
				if v, err := db.Meta(t.Context(), "n"); err != nil || v != "2" {
					t.Errorf("meta is %q, %v", v, err)
				}
				if err := db.update(t.Context(), func(tx *txn) error { return report(tx, "d", "") }); err != nil {
					t.Fatal(err)
				}
				if got := numbers(t, db); got != "a=1 b=2 c=3 d=4" {
					t.Errorf("afterwards %s", got)
				}
			})
		})
	}
}

// Two servers count on one counter: no number is missing and none is given twice.
func TestTwoServersNumberWithoutGaps(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, open func() *DB) {
		dbs := []*DB{open(), open()}
		const callers, each = 12, 8
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for n := range each {
					refuse := (c+n)%5 == 0
					err := dbs[c%2].update(t.Context(), func(tx *txn) error {
						err := report(tx, fmt.Sprintf("%02d_%02d", c, n), "")
						if refuse {
							return errors.Join(err, errRefused)
						}
						return err
					})
					if errors.Is(err, errRefused) != refuse || !refuse && err != nil {
						t.Errorf("caller %d: %v", c, err)
					}
				}
			})
		}
		wg.Wait()
		for n, r := range strings.Fields(numbers(t, dbs[0])) {
			if !strings.HasSuffix(r, fmt.Sprintf("=%d", n+1)) {
				t.Errorf("case %d in order is %s", n+1, r)
			}
		}
	})
}

// A server answers from memory, and yet a token that was taken back through another one
// opens nothing any more.
func TestTokenEndsOnEveryServer(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, open func() *DB) {
		here, there := open(), open()
		k := access.Token{ID: "tok_a", Hash: [32]byte{7}, Person: "per_a", Created: base, Expires: base.AddDate(1, 0, 0)}
		add := func(tx access.Tx) error { return tx.InsertToken(t.Context(), k) }
		end := func(tx access.Tx) error { _, err := tx.DeleteToken(t.Context(), k.Person, k.ID); return err }
		for round := range 3 {
			ctx := there.Look(t.Context())
			for want, change := range []func(access.Tx) error{nil, add, end} {
				if change != nil {
					if err := here.UpdateAccess(t.Context(), change); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 {
					if _, ok, err := there.TokenByHash(there.Look(t.Context()), k.Hash); err != nil || ok != (want == 1) {
						t.Fatalf("round %d, step %d: %v, %v", round, want, ok, err)
					}
				}
			}
			// A request sees its own changes.
			for want, change := range []func(access.Tx) error{nil, add, end} {
				if change != nil {
					if err := there.UpdateAccess(ctx, change); err != nil {
						t.Fatal(err)
					}
				}
				if _, ok, err := there.TokenByHash(ctx, k.Hash); err != nil || ok != (want == 1) {
					t.Fatalf("round %d, step %d in one request: %v, %v", round, want, ok, err)
				}
			}
		}
	})
}

// Whoever comes while a question is being answered waits for the next answer.
func TestSharedAnswerIsNeverOlderThanTheQuestion(t *testing.T) {
	t.Parallel()
	var s shared[int]
	asked := 0
	begun, go1 := make(chan struct{}), make(chan struct{})
	ask := func(context.Context) (int, error) {
		asked++
		if asked == 1 {
			close(begun)
			<-go1
		}
		return asked, nil
	}
	var wg sync.WaitGroup
	first, later := 0, make([]int, 5)
	wg.Go(func() { first, _ = s.get(t.Context(), ask) })
	<-begun
	for n := range later {
		wg.Go(func() { later[n], _ = s.get(t.Context(), ask) })
	}
	gone, leave := context.WithCancel(t.Context())
	for { // until one of them waits to ask
		s.mu.Lock()
		waiting := s.next != nil
		s.mu.Unlock()
		if waiting {
			break
		}
		time.Sleep(time.Millisecond)
	}
	leave()
	if _, err := s.get(gone, ask); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever left got %v", err)
	}
	close(go1)
	wg.Wait()
	if first != 1 || slices.Min(later) < 2 {
		t.Errorf("answers %d, then %v", first, later)
	}
}

// A database of the first version keeps its rows.
func TestMigrationKeepsNotices(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]dialect{"sqlite": sqliteDialect, "postgres": postgresDialect} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := filepath.Join(t.TempDir(), "x.db")
			if name == "postgres" {
				dsn = pg.URL(t)
			}
			before, err := d.open(dsn, false)
			if err != nil {
				t.Fatal(err)
			}
			defer before.Close()
			migrateTo(t, before, d, 1)
			for _, q := range []string{
				"INSERT INTO ntc_track (" + strings.TrimSuffix(strings.TrimSpace(freshTrackColumns), ",\n\tdepartment") + ") VALUES ('trk_a', 'inc_a', 'security', 'urgent', 1, 'per_a', '', 'open', 1, 1, 1, 1, '', 1, 1, 1, false, 0, '', '', '', '', '')",
				"INSERT INTO ntc_told (" + toldColumns + ") VALUES ('trk_a', 'per_x', '', 1, 1, 5)",
				"INSERT INTO ntc_attempt (" + freshAttemptColumns + ") VALUES ('ntc_a', 'trk_a/1', 'trk_a', 'inc_a', 'per_x', '', 'mail', 'x@example.com', 1, 1, 1, 5, 6, 7, 'planned', 0, '会議中', true)",
			} {
				if _, err := before.ExecContext(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			}
			db, err := Open(t.Context(), dsn, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			_, told, as, err := db.TracksOf(t.Context(), "inc_a")
			if err != nil || len(told) != 1 || told[0].Person != "per_x" || len(as) != 1 {
				t.Fatalf("after the migration: %v, %v, %v", told, as, err)
			}
			want := notice.Attempt{ID: "ntc_a", Key: "trk_a/1", Track: "trk_a", Incident: "inc_a", Person: "per_x", Channel: "mail", Address: "x@example.com",
				Pass: 1, Level: 1, Number: 1, Planned: at(5), NextTry: at(6), Tries: 7, State: notice.Planned, Answer: "会議中", Late: true}
			if as[0] != want {
				t.Errorf("the notice became %+v", as[0])
			}
			if due, err := db.Claim(t.Context(), base, time.Minute, 5, true); err != nil || len(due) != 1 {
				t.Errorf("claimed %v, %v", due, err)
			}
		})
	}
}

func migrateTo(t *testing.T, db *sql.DB, d dialect, version int64) {
	t.Helper()
	dir, err := fs.Sub(migrations, "migrations/"+d.name)
	if err != nil {
		t.Fatal(err)
	}
	gd := goose.DialectSQLite3
	if d.name == "postgres" {
		gd = goose.DialectPostgres
	}
	p, err := goose.NewProvider(gd, db, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}
