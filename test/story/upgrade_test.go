package story

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestUpgrade starts the program on what earlier versions of it have left: a server's whole
// folder, recorded when the newest migration was the one that the file is named after.
func TestUpgrade(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			if testing.Short() && engine != "sqlite" {
				t.Skip("skipped under -short: needs PostgreSQL")
			}
			p := play(t, engine)
			p.Dir = "testdata/upgrade"
			p.Cmds["olddata"] = func(ts *testscript.TestScript, neg bool, args []string) {
				if neg {
					ts.Fatalf("olddata cannot be expected to fail")
				}
				ts.Check(oldData(ts, args[0], engine))
			}
			testscript.Run(t, p)
		})
	}
}

// oldData: olddata VERSION makes srv, and the database, as that version left them.
func oldData(ts *testscript.TestScript, version, engine string) error {
	f, err := os.Open(filepath.Join("testdata", "upgrade", version+"-"+engine+".tar.gz"))
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(ts.MkAbs("."))
	if err != nil {
		return err
	}
	defer root.Close()
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeDir {
			if err := root.MkdirAll(strings.TrimSuffix(h.Name, "/"), 0o700); err != nil {
				return err
			}
			continue
		}
		text, err := io.ReadAll(files)
		if err != nil {
			return err
		}
		if err := root.WriteFile(h.Name, text, 0o600); err != nil {
			return err
		}
	}
	if engine != "postgres" {
		return nil
	}
	return runScript(strings.TrimSpace(ts.ReadFile("database")), ts.ReadFile("dump.sql"))
}

func runScript(url, script string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	_, err = conn.PgConn().Exec(ctx, script).ReadAll()
	return errors.Join(err, conn.Close(ctx))
}
