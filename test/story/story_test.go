// Package story plays the stories of the people who use Sekimori, each a .txtar file,
// against the real program with a real mail server, on SQLite and on PostgreSQL.
package story

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sekimori/internal/app"
	"sekimori/internal/cli"
	"sekimori/internal/testkit/pg"
	"sekimori/internal/testkit/smtpd"
)

func TestMain(m *testing.M) {
	testscript.Main(pgMain{m}, map[string]func(){"sekimori": program})
}

// pgMain stops the database server after the tests.
type pgMain struct{ m *testing.M }

func (p pgMain) Run() int { return pg.Run(p.m) }

// program is the real program. Its machine's clock can be moved by a file, because a
// story cannot wait for an hour.
func program() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if f := os.Getenv("STORY_CLOCK"); f != "" {
		ctx = app.WithClock(ctx, func() time.Time { return time.Now().Add(offset(f)) })
	}
	code := cli.Main(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func offset(file string) time.Duration {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	d, err := time.ParseDuration(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return d
}

func TestStories(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			files, err := filepath.Glob("testdata/*.txtar")
			if err != nil {
				t.Fatal(err)
			}
			if testing.Short() { // one story on the small database; all of them in the whole run
				if engine != "sqlite" {
					t.Skip("skipped under -short: needs PostgreSQL")
				}
				files = files[:1]
			}
			p := play(t, engine)
			p.Files = files
			testscript.Run(t, p)
		})
	}
}

// play is what every script is played with; [sqlite] and [postgres] tell scripts which
// database they are on, [smalldisk] that a small disk can be made.
func play(t *testing.T, engine string) testscript.Params {
	return testscript.Params{
		Cmds:  commands(),
		Setup: func(e *testscript.Env) error { return setUp(t, engine, e) },
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "sqlite", "postgres":
				return cond == engine, nil
			case "smalldisk":
				return canMount(), nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	}
}

// stageKey finds the stage of a script.
type stageKey struct{}

// setUp prepares a folder, a mail server and, for PostgreSQL, an empty database.
func setUp(t *testing.T, engine string, e *testscript.Env) error {
	mail := smtpd.Start(t, smtpd.Options{STARTTLS: true, User: "sekimori", Password: "mail-secret-7f3a"})
	s := &stage{t: t, dir: e.WorkDir, mail: mail, browsers: map[string]*browser{}}
	e.Values[stageKey{}] = s
	e.Defer(func() { s.server.kill(); s.other.kill() })
	port, err := freePort()
	if err != nil {
		return err
	}
	write := func(name, text string) error {
		return os.WriteFile(filepath.Join(e.WorkDir, name), []byte(text), 0o600)
	}
	if err := write("mail-password", "mail-secret-7f3a\n"); err != nil {
		return err
	}
	if engine == "postgres" {
		if err := write("database", pg.URL(t)+"\n"); err != nil {
			return err
		}
		e.Setenv("SEKIMORI_DATABASE_FILE", filepath.Join(e.WorkDir, "database"))
	}
	for k, v := range map[string]string{
		"ENGINE": engine, "URL": "http://127.0.0.1:" + port, "SEKIMORI_URL": "http://127.0.0.1:" + port,
		"SEKIMORI_LISTEN": "127.0.0.1:" + port, "SEKIMORI_MAIL_HOST": mail.Host, "SEKIMORI_MAIL_PORT": strconv.Itoa(mail.Port),
		"SEKIMORI_MAIL_MODE": "starttls", "SEKIMORI_MAIL_USER": "sekimori", "SEKIMORI_MAIL_CA_FILE": mail.CAFile,
		"SEKIMORI_MAIL_PASSWORD_FILE": filepath.Join(e.WorkDir, "mail-password"), "SEKIMORI_MAIL_FROM": "sekimori@kaku.example",
		"STORY_CLOCK": filepath.Join(e.WorkDir, "clock"), "SEKIMORI_TOKEN_FILE": filepath.Join(e.WorkDir, "token"), "LANG": "ja_JP.UTF-8",
		"SEKIMORI_JOURNAL_CHECKPOINT_MAIL": "off", // one story is about it; the others count their mails
	} {
		e.Setenv(k, v)
	}
	return nil
}
