package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// gatherTime is the yardstick's longest wait for others to share a commit.
const gatherTime = "5ms"

// reports measures durable reports per CPU-second: ours against a bare handler that
// inserts one row by group commit, on both databases; ours once with a mail server that
// says nothing, so that storing alone is counted, and once until every mail is handed over.
func reports(ctx context.Context, b *bench) error {
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		var stored, mailed, bare, mails []float64
		var wallOurs, wallBare []float64
		for range b.rounds {
			s, err := b.ours(ctx, engine, true)
			if err != nil {
				return fmt.Errorf("%s, storing: %w", engine, err)
			}
			y, err := b.bare(ctx, engine, connections, "-gather", gatherTime)
			if err != nil {
				return fmt.Errorf("%s, yardstick: %w", engine, err)
			}
			m, err := b.ours(ctx, engine, false)
			if err != nil {
				return fmt.Errorf("%s, with mail: %w", engine, err)
			}
			stored, bare, mailed = append(stored, s.n/s.cpu), append(bare, y.n/y.cpu), append(mailed, m.n/m.cpu)
			mails = append(mails, m.mails/m.n)
			wallOurs, wallBare = append(wallOurs, s.n/s.wall), append(wallBare, y.n/y.wall)
		}
		b.out.ratio("durable reports, "+engine+", storing alone, per CPU-s", "", stored, bare, 0.5, "more")
		b.out.ratio("durable reports, "+engine+fmt.Sprintf(", with %.1f mails each handed over, per CPU-s", median(mails)), "", mailed, bare, 0.5, "more")
		b.out.line("the same, storing alone, per second of the clock", spread(wallOurs), spread(wallBare), "", "", "")
	}
	return nil
}

// outcome is a measurement of our server.
type outcome struct {
	measured
	mails float64
}

// ours measures the real server on a fresh database.
func (b *bench) ours(ctx context.Context, engine string, silent bool) (o outcome, err error) {
	dsn, dbCPU, err := b.database(ctx, engine)
	if err != nil {
		return o, err
	}
	c, err := b.newCompany(ctx, dsn)
	if err != nil {
		return o, err
	}
	mail, err := newSink(silent, false)
	if err != nil {
		return o, err
	}
	defer mail.close()
	p, err := b.serve(ctx, c, mail.addr, engine)
	if err != nil {
		return o, err
	}
	defer func() {
		if silent { // its mails wait for an answer that must come before it can end
			close(mail.hold)
		}
		err = errors.Join(err, p.stop())
	}()
	cpu := func() (float64, error) { return sum(p.cpu, dbCPU) }
	var rest func() error
	if !silent {
		rest = func() error { return mail.quiet(cpu, 5*time.Minute) }
	}
	before := func() int64 { return mail.took.Load() }
	counted := int64(0)
	if rest != nil {
		inner, calls := rest, 0
		rest = func() error {
			err := inner()
			if calls++; calls == 1 { // after the warm-up
				counted = before()
			}
			return err
		}
	}
	o.measured, err = b.measure(ctx, p.addr, c.tokens, connections, cpu, rest)
	o.mails = float64(mail.took.Load() - counted)
	return o, err
}

// serve starts the real server for a company.
func (b *bench) serve(ctx context.Context, c company, mail, name string) (*process, error) {
	env, err := c.env(mail)
	if err != nil {
		return nil, err
	}
	var args []string
	if b.profile != "" {
		b.n++
		args = []string{"-cpuprofile", filepath.Join(b.profile, fmt.Sprintf("serve-%s-%d.pprof", name, b.n))}
	}
	return spawn(ctx, env, "serve", args...)
}

// bare measures the yardstick on a fresh database.
func (b *bench) bare(ctx context.Context, engine string, clients int, args ...string) (m measured, err error) {
	dsn, dbCPU, err := b.database(ctx, engine)
	if err != nil {
		return m, err
	}
	if dsn == "" {
		b.n++
		dsn = filepath.Join(b.dir, fmt.Sprintf("bare-%d.db", b.n))
	}
	p, err := spawn(ctx, nil, "yardstick", append([]string{"-dsn", dsn}, args...)...)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	return b.measure(ctx, p.addr, []string{"none"}, clients, func() (float64, error) { return sum(p.cpu, dbCPU) }, nil)
}

// database gives the URL of a fresh database and the CPU time of its server; "" and
// none for SQLite, which runs inside the process.
func (b *bench) database(ctx context.Context, engine string) (string, func() (float64, error), error) {
	if engine == "SQLite" {
		return "", func() (float64, error) { return 0, nil }, nil
	}
	url, err := b.postgres(ctx)
	if err != nil {
		return "", nil, err
	}
	pid, err := clusterPID(ctx, url)
	if err != nil {
		return "", nil, err
	}
	return url, func() (float64, error) { return cpuOfTree(pid) }, nil
}

func sum(a, b func() (float64, error)) (float64, error) {
	x, err1 := a()
	y, err2 := b()
	return x + y, errors.Join(err1, err2)
}
