package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sekimori/internal/app"
	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/id"
	"sekimori/internal/outbound/store"
)

// company is a made-up one of 40 people, in a database of its own.
type company struct {
	dir    string // data folder
	dsn    string // SQLite file or postgres:// URL
	tokens []string
}

// login opens the account of one employee.
const (
	login    = "p1005"
	password = "load-test-passphrase"
)

// newCompany makes a data folder with keys and a directory. dsn is a postgres:// URL,
// or empty for SQLite.
func (b *bench) newCompany(ctx context.Context, dsn string) (c company, err error) {
	b.n++
	c = company{dir: filepath.Join(b.dir, fmt.Sprintf("data-%d", b.n)), dsn: dsn}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return c, err
	}
	o := app.InitOptions{Dir: c.dir, Company: "架空商事株式会社", AdminName: "見本 花子", AdminEmail: "p0001@load.example"}
	if err := app.Init(ctx, o, io.Discard); err != nil {
		return c, fmt.Errorf("init: %w", err)
	}
	if dsn == "" {
		c.dsn = filepath.Join(c.dir, "sekimori.db")
	} else if err := os.WriteFile(c.urlFile(), []byte(dsn), 0o600); err != nil {
		return c, err
	}
	db, err := store.Open(ctx, c.dsn, store.Options{Log: logger()})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	people := directory.NewService(db, now)
	if dsn != "" {
		if err := found(ctx, people); err != nil {
			return c, err
		}
	}
	if err := importPeople(ctx, people); err != nil {
		return c, err
	}
	who, err := access.NewService(ctx, db, access.NewHasher(access.Cost{Memory: 8 << 10, Time: 1}, 1), now, access.Rules{})
	if err != nil {
		return c, err
	}
	c.tokens, err = accounts(ctx, who, people)
	return c, err
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// found does for PostgreSQL what Init has done for SQLite.
func found(ctx context.Context, people *directory.Service) error {
	dep := directory.Department{ID: id.New("dpt", now()), Code: "000", Name: "本社"}
	p := directory.Person{ID: id.New("per", now()), Number: "0001", Family: "見本", Given: "花子", Email: "p0001@load.example",
		Department: dep.ID, Lang: "ja", Verified: now()}
	if err := people.Found(ctx, access.System(), dep, p); err != nil {
		return fmt.Errorf("found company: %w", err)
	}
	return people.SetDuties(ctx, access.System(), access.ProtectionManager, []string{p.ID})
}

// importPeople brings in four departments of ten, the first of each leading it.
func importPeople(ctx context.Context, people *directory.Service) error {
	deps := "部門コード,部門名,上位部門コード\n"
	staff := "社員番号,姓,名,メールアドレス,電話番号,部門コード,上長社員番号,言語\n"
	heads := "部門コード,部門名,上位部門コード,部門長社員番号\n"
	for d := range 4 {
		code := fmt.Sprint(100 * (d + 1))
		head := fmt.Sprint(1000 + 10*d)
		deps += code + ",第" + fmt.Sprint(d+1) + "部,000\n"
		heads += code + ",第" + fmt.Sprint(d+1) + "部,000," + head + "\n"
		for n := range 10 {
			number := fmt.Sprint(1000 + 10*d + n)
			boss := head
			if n == 0 {
				boss = ""
			}
			staff += number + ",見本," + string([]rune("一二三四五六七八九十")[n]) + "郎,p" + number + "@load.example,03-0000-0000," + code + "," + boss + ",ja\n"
		}
	}
	for _, file := range []string{deps, staff, heads} {
		plan, err := people.PreviewImport(ctx, access.System(), strings.NewReader(file))
		if err != nil {
			return fmt.Errorf("preview import: %w", err)
		}
		if len(plan.Problems) > 0 {
			return fmt.Errorf("import: %+v", plan.Problems[0])
		}
		if _, err := people.ApplyImport(ctx, access.System(), bytes.NewReader([]byte(file)), plan.Version, plan.Hash); err != nil {
			return fmt.Errorf("import: %w", err)
		}
	}
	return nil
}

// accounts gives every employee a token that may report and read, and one a password.
func accounts(ctx context.Context, who *access.Service, people *directory.Service) ([]string, error) {
	org, err := people.Org(ctx)
	if err != nil {
		return nil, err
	}
	var tokens []string
	for _, p := range org.Sorted() {
		if p.Number == "0001" || org.Supervisor(p.ID) == "" {
			continue
		}
		secret, _, err := who.CreateToken(ctx, access.System(), access.NewToken{Person: p.ID, Name: "load", Scopes: []access.Permission{access.Report, access.ReadCases}, Days: 1})
		if err != nil {
			return nil, fmt.Errorf("make token: %w", err)
		}
		tokens = append(tokens, secret)
		if "p"+p.Number == login {
			if err := who.SetLogin(ctx, access.System(), p.ID, login, password); err != nil {
				return nil, fmt.Errorf("set login: %w", err)
			}
		}
	}
	return tokens, nil
}

func (c company) urlFile() string { return filepath.Join(c.dir, "database-url") }

// env is the settings of a server for the company, mailing to a loopback sink.
func (c company) env(mail string) ([]string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	listen := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(mail)
	if err != nil {
		return nil, err
	}
	env := []string{"SEKIMORI_DATA=" + c.dir, "SEKIMORI_LISTEN=" + listen, "SEKIMORI_COMPANY=架空商事株式会社", "SEKIMORI_MAIL_HOST=" + host,
		"SEKIMORI_MAIL_PORT=" + port, "SEKIMORI_MAIL_MODE=none", "SEKIMORI_MAIL_FROM=sekimori@load.example"}
	if strings.HasPrefix(c.dsn, "postgres://") {
		env = append(env, "SEKIMORI_DATABASE_FILE="+c.urlFile())
	}
	return env, nil
}
