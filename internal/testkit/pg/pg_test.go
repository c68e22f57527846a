package pg_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"sekimori/internal/testkit/pg"
)

func TestMain(m *testing.M) { pg.Main(m) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func TestEachURLIsItsOwnEmptyDatabase(t *testing.T) {
	t.Parallel()
	for range 2 {
		conn := connect(t, pg.URL(t))
		// The same name twice would clash if both were one database.
		if _, err := conn.Exec(t.Context(), `create table note (body text not null)`); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `insert into note (body) values ('関守')`); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := conn.QueryRow(t.Context(), `select char_length(body) from note`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != 2 {
			t.Errorf("two kanji count as %d characters: the database is not UTF-8", n)
		}
	}
}

func TestClusterKeepsCommittedRowsAcrossRestarts(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a server three times")
	}
	c := pg.StartCluster(t)
	before := c.URL()
	if _, err := connect(t, c.URL()).Exec(t.Context(), `create table kept (n int)`); err != nil {
		t.Fatal(err)
	}
	for i, mode := range []struct {
		name string
		stop func()
	}{
		{"fast", func() { c.Stop(pg.Fast) }},
		{"immediate", func() { c.Stop(pg.Immediate) }},
		{"kill", func() { c.Stop(pg.Kill) }},
	} {
		if _, err := connect(t, c.URL()).Exec(t.Context(), `insert into kept values ($1)`, i); err != nil {
			t.Fatal(err)
		}
		mode.stop()
		if _, err := pgx.Connect(t.Context(), before); err == nil {
			t.Errorf("%s: the stopped server still answers", mode.name)
		}
		c.Start()
		var n int
		if err := connect(t, before).QueryRow(t.Context(), `select count(*) from kept`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != i+1 {
			t.Errorf("%s: %d rows kept, want %d", mode.name, n, i+1)
		}
	}
}
