package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// dialect holds every exception between the two databases. The SQL text itself is
// one: the common subset with $n parameters.
type dialect struct {
	name      string
	driver    string
	forUpdate string // appended to a select that holds its rows until the commit
	skipHeld  string // the same, passing over rows that somebody else holds
	begin     string
	writer    string // sets up the connection that writes
	inside    bool   // runs in this process: nothing to wait for but the disk
}

// byIndex keeps PostgreSQL from planning to read whole tables: the writer looks for rows
// by their keys alone, but its statements are planned once, while tables are still small,
// and would go on reading them whole as they grow.
const byIndex = "SET enable_seqscan = off; SET enable_mergejoin = off; SET enable_hashjoin = off"

var (
	sqliteDialect   = dialect{name: "sqlite", driver: "sqlite", begin: "BEGIN IMMEDIATE", inside: true}
	postgresDialect = dialect{name: "postgres", driver: "pgx", begin: "BEGIN", writer: byIndex, forUpdate: " FOR UPDATE", skipHeld: " FOR UPDATE SKIP LOCKED"}
)

// dialectOf chooses by the URL: postgres://… or a file path.
func dialectOf(dsn string) dialect {
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return postgresDialect
	}
	return sqliteDialect
}

// open gives a pool for writing (one connection is taken from it) or reading.
func (d dialect) open(dsn string, readOnly bool) (*sql.DB, error) {
	if d.name == "sqlite" {
		// The log may grow to 4000 pages, 16 MB: a page that many commits touch then goes
		// to the file itself less often.
		q := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "foreign_keys(1)", "trusted_schema(0)", "wal_autocheckpoint(4000)"}}
		if readOnly {
			q.Add("_pragma", "query_only(1)")
		}
		dsn = "file:" + (&url.URL{Path: dsn}).EscapedPath() + "?" + q.Encode()
	}
	db, err := sql.Open(d.driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if d.name == "sqlite" && !readOnly {
		db.SetMaxOpenConns(1)
	} else {
		db.SetMaxOpenConns(8)
		db.SetMaxIdleConns(8)
	}
	return db, nil
}

// lockMigrations lets one server at a time bring the tables up to date.
func (d dialect) lockMigrations(ctx context.Context, db *sql.DB) (unlock func() error, err error) {
	if d.name == "sqlite" {
		return func() error { return nil }, nil
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to database: %w", err)
	}
	const key = 0x73656b69 // any number that all servers share
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", key); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for other servers' migration: %w", err), conn.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", key)
		return errors.Join(err, conn.Close())
	}, nil
}

// full reports that the disk has no room left.
func full(err error) bool {
	var s *sqlite.Error
	if errors.As(err, &s) {
		return s.Code()&0xff == sqlite3.SQLITE_FULL
	}
	var p *pgconn.PgError
	return errors.As(err, &p) && p.Code == "53100"
}

// again reports an error that says nothing about the work itself: a deadlock, a
// connection that the server closed. The work may be run again as it was. So may one
// that another server overtook (23505): it then sees what that server wrote, such as
// the first report with the same key.
func again(err error) bool {
	var p *pgconn.PgError
	if errors.As(err, &p) {
		switch p.Code {
		case "40001", "40P01", "57P01", "57P02", "57P03", "25P02", "23505":
			return true
		}
		return false
	}
	var s *sqlite.Error
	if errors.As(err, &s) {
		return s.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	return errors.Is(err, sql.ErrConnDone) || strings.Contains(err.Error(), "bad connection") ||
		strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "broken pipe") ||
		strings.Contains(err.Error(), "unexpected EOF") || strings.Contains(err.Error(), "connection reset")
}

// away reports that the database does not answer at present: it is being restarted,
// cannot be reached, or lets nobody in. Whether a commit in hand was kept is not known.
func away(err error) bool {
	var refused *pgconn.ConnectError
	var line net.Error
	if errors.As(err, &refused) || errors.As(err, &line) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) {
		return true
	}
	var p *pgconn.PgError
	if errors.As(err, &p) {
		switch p.Code {
		case "57P01", "57P02", "57P03", "53300": // shut down, crashed, starting, too many connections
			return true
		}
		return strings.HasPrefix(p.Code, "08")
	}
	return again(err)
}

// ping asks whether the database answers.
func ping(ctx context.Context, db *sql.DB) error {
	var one int
	return db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}
