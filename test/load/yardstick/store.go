package yardstick

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // driver "sqlite"
)

func openStore(ctx context.Context, dsn string) (store, error) {
	if strings.HasPrefix(dsn, "postgres://") {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
		if _, err := conn.Exec(ctx, "CREATE TABLE bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, summary text NOT NULL, body bytea NOT NULL)"); err != nil {
			return nil, errors.Join(fmt.Errorf("make table: %w", err), conn.Close(ctx))
		}
		return postgres{conn}, nil
	}
	q := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: dsn}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "CREATE TABLE bare (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, summary TEXT NOT NULL, body BLOB NOT NULL)"); err != nil {
		return nil, errors.Join(fmt.Errorf("make table: %w", err), db.Close())
	}
	insert, err := db.PrepareContext(ctx, "INSERT INTO bare (kind, summary, body) VALUES ($1, $2, $3)")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare: %w", err), db.Close())
	}
	return sqlite{db, insert}, nil
}

// sqlite inserts row by row with a prepared statement, in one transaction.
type sqlite struct {
	db     *sql.DB
	insert *sql.Stmt
}

func (s sqlite) commit(_ context.Context, rows []*row) error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	insert := tx.Stmt(s.insert)
	for _, r := range rows {
		if _, err := insert.Exec(r.kind, r.summary, r.body); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

func (s sqlite) close() error { return errors.Join(s.insert.Close(), s.db.Close()) }

// postgres inserts all rows with one statement, which is its own transaction.
type postgres struct{ conn *pgx.Conn }

func (p postgres) commit(ctx context.Context, rows []*row) error {
	kinds, summaries, bodies := make([]string, len(rows)), make([]string, len(rows)), make([][]byte, len(rows))
	for i, r := range rows {
		kinds[i], summaries[i], bodies[i] = r.kind, r.summary, r.body
	}
	_, err := p.conn.Exec(ctx, "INSERT INTO bare (kind, summary, body) SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[])", kinds, summaries, bodies)
	return err
}

func (p postgres) close() error { return p.conn.Close(context.Background()) }
