// Package pg gives tests empty PostgreSQL databases on a real server.
//
// The server is the one named by SEKIMORI_TEST_POSTGRES (the test command starts
// one for all packages) or else one throw-away cluster for each test process. A
// package that calls URL must end its server in TestMain:
//
//	func TestMain(m *testing.M) { pg.Main(m) }
package pg

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sekimori/internal/kit/id"
	"sekimori/internal/testkit/pgcluster"
)

// Env names the variable with the URL of a server that tests may make databases
// on. The URL must be that of a superuser, or of a role that has CREATEDB.
const Env = pgcluster.Env

// shared is the cluster of this test process. It is the package's one piece of
// state: the tests of a package cannot hand a server to one another otherwise.
var shared struct {
	sync.Mutex
	cluster *pgcluster.Cluster
}

// Main runs the tests, ends the server that they started and exits.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run runs the tests, ends the server that they started, and gives the exit status.
func Run(m interface{ Run() int }) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		if err := shared.cluster.Close(); err != nil {
			os.Stderr.WriteString("pg: " + err.Error() + "\n")
			code = max(code, 1)
		}
	}
	return code
}

// URL makes a fresh, empty UTF-8 database and returns its URL. The database is
// dropped when the test ends, open connections or not.
//
// Without a PostgreSQL server the test is skipped under -short and fails
// otherwise, naming the package to install.
func URL(t testing.TB) string {
	t.Helper()
	server := serverURL(t)
	name := "t_" + id.Secret(10)
	if err := admin(server, "create database "+name+" template template0 encoding 'UTF8'"); err != nil {
		t.Fatalf("make a test database: %v", err)
	}
	t.Cleanup(func() {
		if err := admin(server, "drop database if exists "+name+" with (force)"); err != nil {
			t.Errorf("drop the test database: %v", err)
		}
	})
	return withDatabase(t, server, name)
}

func serverURL(t testing.TB) string {
	t.Helper()
	if u := os.Getenv(Env); u != "" {
		return u
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil {
		shared.cluster = start(t, pgcluster.Options{})
	}
	return shared.cluster.URL()
}

func start(t testing.TB, opt pgcluster.Options) *pgcluster.Cluster {
	t.Helper()
	c, err := pgcluster.New(context.Background(), opt)
	switch {
	case errors.Is(err, pgcluster.ErrMissing) && testing.Short():
		t.Skipf("skipped under -short: %v", err)
	case err != nil:
		t.Fatalf("start PostgreSQL: %v", err)
	}
	return c
}

// admin runs one statement on the maintenance database. It has its own context:
// the test's is cancelled by the time the database is dropped.
func admin(server, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

func withDatabase(t testing.TB, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is no URL: %v", Env, err)
	}
	u.Path = "/" + name
	return u.String()
}
