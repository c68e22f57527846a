package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
)

// loading is the name in meta that says that the database is not whole yet.
const loading = "restore_unfinished"

// ErrNotEmpty says that a database already holds something.
var ErrNotEmpty = errors.New("the database is not empty")

// ErrNewer says that a copy, or a database, is of a newer version of the tables than this
// program knows.
var ErrNewer = errors.New("the tables are of a newer version of the program")

// Loading fills an empty database from a copy. Until Finish no server opens it.
type Loading struct {
	d  dialect
	db *sql.DB
}

// Version gives the version of the tables of a database, and the one that this program
// works with. Nothing is changed.
func Version(ctx context.Context, dsn string) (has, wants int64, err error) {
	d := dialectOf(dsn)
	if _, err := os.Stat(dsn); d.inside && err != nil {
		return 0, 0, fmt.Errorf("look at the database: %w", err)
	}
	db, err := d.open(dsn, true)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	p, err := migrator(db, d)
	if err != nil {
		return 0, 0, err
	}
	err = db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&has)
	if err != nil {
		return 0, 0, fmt.Errorf("read the tables' version: %w", readable(err))
	}
	return has, newest(p), nil
}

func newest(p *goose.Provider) (version int64) {
	for _, s := range p.ListSources() {
		version = max(version, s.Version)
	}
	return version
}

// Load makes the tables in an empty database as they were at a version.
func Load(ctx context.Context, dsn string, version int64) (_ *Loading, err error) {
	d := dialectOf(dsn)
	if d.inside {
		if err := os.MkdirAll(filepath.Dir(dsn), 0o700); err != nil {
			return nil, fmt.Errorf("make database folder: %w", err)
		}
		f, err := os.OpenFile(dsn, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return nil, ErrNotEmpty
		}
		if err != nil {
			return nil, fmt.Errorf("make database file: %w", err)
		}
		f.Close()
	}
	l := &Loading{d: d}
	if l.db, err = d.open(dsn, false); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.db.Close())
		}
	}()
	have, err := tablesOf(ctx, l.db, d.name)
	if err != nil {
		return nil, err
	}
	if len(have) > 0 {
		return nil, ErrNotEmpty
	}
	if err := l.makeTables(ctx, version); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Loading) makeTables(ctx context.Context, version int64) error {
	p, err := migrator(l.db, l.d)
	if err != nil {
		return err
	}
	if newest(p) < version {
		return ErrNewer
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		return fmt.Errorf("make the tables: %w", readable(err))
	}
	// What migrations put in comes with the copy.
	tables, err := tablesOf(ctx, l.db, l.d.name)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if _, err := l.db.ExecContext(ctx, "DELETE FROM "+t.Name); err != nil {
			return fmt.Errorf("empty %s: %w", t.Name, err)
		}
	}
	_, err = l.db.ExecContext(ctx, "INSERT INTO meta (name, value) VALUES ($1, 'yes')", loading)
	if err != nil {
		return fmt.Errorf("mark the database: %w", err)
	}
	return nil
}

// Tables describes the tables that were made.
func (l *Loading) Tables(ctx context.Context) ([]Table, error) { return tablesOf(ctx, l.db, l.d.name) }

// Parse reads a row as JSON wrote it: one value for each column.
func (t Table) Parse(raw []json.RawMessage) ([]any, error) {
	if len(raw) != len(t.Columns) {
		return nil, fmt.Errorf("a row has %d values for %d columns", len(raw), len(t.Columns))
	}
	row := make([]any, len(raw))
	for i, c := range t.Columns {
		if string(raw[i]) == "null" {
			continue
		}
		v, err := c.parse(raw[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		row[i] = v
	}
	return row, nil
}

func (c Column) parse(raw []byte) (any, error) {
	switch c.Kind {
	case TextColumn:
		return parsed[string](raw)
	case IntColumn:
		return parsed[int64](raw)
	case BoolColumn:
		return parsed[bool](raw)
	case BytesColumn:
		return parsed[[]byte](raw)
	}
	return nil, fmt.Errorf("unknown kind %q", c.Kind)
}

func parsed[T any](raw []byte) (any, error) {
	var v T
	err := json.Unmarshal(raw, &v)
	return v, err
}

// maxPlaces bounds the values of one statement; SQLite takes 32766, PostgreSQL 65535.
const maxPlaces = 30000

// Add writes rows, with the values that Rows gave, in one commit.
func (l *Loading) Add(ctx context.Context, t Table, rows [][]any) (err error) {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("load %s: %w", t.Name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("load %s: %w", t.Name, readable(err)), tx.Rollback())
		}
	}()
	width := len(t.Columns)
	for len(rows) > 0 {
		n := min(len(rows), max(1, min(500, maxPlaces/width)))
		var places strings.Builder
		args := make([]any, 0, n*width)
		for i, row := range rows[:n] {
			if len(row) != width {
				return fmt.Errorf("a row has %d values for %d columns", len(row), width)
			}
			if i > 0 {
				places.WriteString(", ")
			}
			places.WriteString("(" + marks(i*width+1, width) + ")")
			args = append(args, row...)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO "+t.Name+" ("+t.list()+") VALUES "+places.String(), args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return tx.Commit()
}

// Count counts the rows of a table, without the mark of a restore.
func (l *Loading) Count(ctx context.Context, t Table) (n int64, err error) {
	text := "SELECT count(*) FROM " + t.Name
	if t.Name == "meta" {
		text += " WHERE name <> '" + loading + "'"
	}
	if err := l.db.QueryRowContext(ctx, text).Scan(&n); err != nil {
		return 0, fmt.Errorf("count %s: %w", t.Name, err)
	}
	return n, nil
}

// Close ends the loading. The database stays marked until DB.Loaded.
func (l *Loading) Close() error { return l.db.Close() }

// Unfinished reports whether the database was being loaded and never was whole.
func (db *DB) Unfinished(ctx context.Context) (bool, error) {
	v, err := db.Meta(ctx, loading)
	return v != "", err
}

// Loaded takes the mark away: the database is whole.
func (db *DB) Loaded(ctx context.Context) error {
	return db.update(ctx, func(t *txn) error { return t.exec("DELETE FROM meta WHERE name = $1", loading) })
}

func migrator(db *sql.DB, d dialect) (*goose.Provider, error) {
	dir, err := fs.Sub(migrations, "migrations/"+d.name)
	if err != nil {
		return nil, fmt.Errorf("find migrations: %w", err)
	}
	gd := goose.DialectSQLite3
	if d.name == "postgres" {
		gd = goose.DialectPostgres
	}
	p, err := goose.NewProvider(gd, db, dir)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}
