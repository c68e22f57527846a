// Package store keeps everything in SQL: SQLite by default, PostgreSQL by one
// setting. It holds no rule of the business; it implements what the domain asks for.
//
// One SQL text serves both databases, and one conformance suite (storetest) runs on
// both. Tables are written only by the file of their noun.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

//go:embed migrations
var migrations embed.FS

var errBad = driver.ErrBadConn

// DB is the store. Make it with Open, end it with Close.
type DB struct {
	d      dialect
	write  *sql.DB
	read   *pool
	notify func(subjects []string)
	before func()              // each commit; may be nil
	off    []directory.Channel // that the server does not have

	asked  shared[versions]
	tokens tokenCache

	jobs    chan *job
	stop    chan struct{}
	stopped chan struct{}
	once    sync.Once

	mu       sync.Mutex
	org      *directory.Org        // last loaded; guarded by mu
	policies map[int]notice.Policy // versions never change; guarded by mu
}

// Options of a store.
type Options struct {
	// Notify is called after each commit with the subjects whose events it wrote. It
	// must return at once.
	Notify func(subjects []string)
	Log    *slog.Logger
	// Off are the channels that the server does not have; every directory says so.
	Off []directory.Channel
	// BeforeCommit, if set, runs before each commit of the writer. It is for
	// benchmarks, which add the wait of a slow disk; servers leave it nil.
	BeforeCommit func()
}

// Open opens or makes the database and brings its tables up to date. dsn is a file
// path (SQLite) or a postgres:// URL.
func Open(ctx context.Context, dsn string, o Options) (*DB, error) {
	d := dialectOf(dsn)
	if d.name == "sqlite" {
		if err := os.MkdirAll(filepath.Dir(dsn), 0o700); err != nil {
			return nil, fmt.Errorf("make database folder: %w", err)
		}
		f, err := os.OpenFile(dsn, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("make database file: %w", err)
		}
		f.Close()
	}
	write, err := d.open(dsn, false)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, write, d); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	reads := write
	if d.name == "sqlite" {
		if reads, err = d.open(dsn, true); err != nil {
			return nil, errors.Join(err, write.Close())
		}
	}
	db := &DB{d: d, write: write, read: newPool(reads, d), notify: o.Notify, before: o.BeforeCommit, off: o.Off, jobs: make(chan *job, maxBatch),
		stop: make(chan struct{}), stopped: make(chan struct{}), policies: map[int]notice.Policy{}}
	go db.run()
	return db, nil
}

func migrate(ctx context.Context, db *sql.DB, d dialect) error {
	p, err := migrator(db, d)
	if err != nil {
		return err
	}
	unlock, err := d.lockMigrations(ctx, db)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	if err = errors.Join(err, unlock()); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

// Close ends the writer after the batch in hand, then the connections.
func (db *DB) Close() error {
	var err error
	db.once.Do(func() {
		close(db.stop)
		<-db.stopped
		err = db.write.Close()
		if db.read.DB != db.write {
			err = errors.Join(err, db.read.Close())
		}
	})
	return err
}

// Ping asks whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return ping(ctx, db.read.DB) }

// Engine names the database: "sqlite" or "postgres".
func (db *DB) Engine() string { return db.d.name }

// Meta reads a named value; "" when absent.
func (db *DB) Meta(ctx context.Context, name string) (string, error) {
	v, err := one(ctx, db.read, func(r scanner) (string, error) {
		var v string
		return v, r.Scan(&v)
	}, "SELECT value FROM meta WHERE name = $1", name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return v, err
}

// SetMeta writes a named value.
func (db *DB) SetMeta(ctx context.Context, name, value string) error {
	return db.update(ctx, func(t *txn) error { return t.setMeta(name, value) })
}

func (t *txn) setMeta(name, value string) error {
	return t.exec("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
}

// scanner is a row that can be scanned.
type scanner interface{ Scan(...any) error }

// querier is a pool or a transaction that can be asked.
type querier interface {
	QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error)
}

// all gives every row of a query. Outside a transaction a database that does not
// answer is a fault; inside one the writer must see the bare error, to try again.
func all[T any](ctx context.Context, q querier, scan func(scanner) (T, error), text string, args ...any) ([]T, error) {
	out, err := rowsOf(ctx, q, scan, text, args...)
	if _, inside := q.(*txn); !inside && ctx.Err() == nil {
		err = readable(err)
	}
	return out, err
}

func rowsOf[T any](ctx context.Context, q querier, scan func(scanner) (T, error), text string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, text, storable(args)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// one gives the only row of a query; sql.ErrNoRows when there is none.
func one[T any](ctx context.Context, q querier, scan func(scanner) (T, error), text string, args ...any) (T, error) {
	rows, err := all(ctx, q, scan, text, args...)
	if err != nil {
		var zero T
		return zero, err
	}
	if len(rows) == 0 {
		var zero T
		return zero, sql.ErrNoRows
	}
	return rows[0], nil
}

// found turns "no row" into a fault that names what is missing.
func found[T any](what string, v T, err error) (T, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return v, fault.Missing(what)
	}
	return v, err
}

// QueryContext makes a txn a querier over its prepared statements.
func (t *txn) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	if err := t.settle(); err != nil {
		return nil, err
	}
	t.wrote = t.wrote || !strings.HasPrefix(q, "SELECT")
	return aside{t}.QueryContext(ctx, q, args...)
}

// aside asks without writing first what the writer keeps: for questions that no kept
// row has an answer to.
type aside struct{ t *txn }

// QueryContext makes it a querier.
func (a aside) QueryContext(_ context.Context, q string, args ...any) (*sql.Rows, error) {
	s, err := a.t.w.stmt(a.t.ctx, q)
	if err != nil {
		return nil, a.t.fail(err)
	}
	rows, err := s.QueryContext(a.t.ctx, args...)
	return rows, a.t.fail(err)
}

// exec runs a statement that gives nothing back, or keeps it for later. That it was
// refused may be known only at the end, which is soon enough: a refused statement fails
// the change, whatever its function makes of the error.
func (t *txn) exec(q string, args ...any) error {
	if !t.w.d.inside {
		t.later(q, storable(args))
		return nil
	}
	if err := t.settle(); err != nil {
		return err
	}
	t.wrote = true
	return t.fail(t.w.exec(t.ctx, q, storable(args)...))
}

// count runs a statement and gives the number of rows that it touched.
func (t *txn) count(q string, args ...any) (int, error) {
	if err := t.settle(); err != nil {
		return 0, err
	}
	t.wrote = true
	s, err := t.w.stmt(t.ctx, q)
	if err != nil {
		return 0, t.fail(err)
	}
	r, err := s.ExecContext(t.ctx, storable(args)...)
	if err != nil {
		return 0, t.fail(err)
	}
	n, err := r.RowsAffected()
	return int(n), err
}

// clean reports whether both databases keep the text: PostgreSQL takes neither NUL nor
// broken UTF-8, and ids that come with a request may hold either.
func clean(s string) bool { return !strings.Contains(s, "\x00") && utf8.ValidString(s) }

// storable drops from texts what one of the databases would refuse, so that both keep
// and find the same and no typed character is a server error.
func storable(args []any) []any {
	for i, a := range args {
		if s, ok := a.(string); ok && !clean(s) {
			args[i] = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
		}
	}
	return args
}

// micros is how a time is stored: Unix microseconds, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// at reads a stored time back, in UTC.
func at(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// list and unlist keep a few ids in one column: no id holds a space.
func list(ids []string) string { return strings.Join(ids, " ") }

func unlist(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Fields(s)
}

// marks gives "$from, $from+1, …", n of them.
func marks(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(from + i))
	}
	return b.String()
}

// noTransaction reports that a rollback found the transaction already ended.
func noTransaction(err error) bool {
	return strings.Contains(err.Error(), "no transaction is active")
}
