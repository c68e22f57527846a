package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// slowDisk measures what group commit is for: reports per second of the clock when
// every commit waits 10 ms more, against a handler that commits each row alone. Both
// sides sleep before COMMIT. It also says what the sleep leaves of the yardstick that
// gathers.
func slowDisk(ctx context.Context, b *bench) error {
	const delay = "10ms"
	for _, clients := range []int{connections, 4 * connections} {
		var grouped, each, bare []float64
		for range b.rounds {
			g, err := b.assembled(ctx, "SQLite", clients, "-delay", delay)
			if err != nil {
				return err
			}
			e, err := b.bare(ctx, "SQLite", clients, "-delay", delay)
			if err != nil {
				return err
			}
			y, err := b.bare(ctx, "SQLite", clients, "-delay", delay, "-gather", gatherTime)
			if err != nil {
				return err
			}
			grouped, each, bare = append(grouped, g.n/g.wall), append(each, e.n/e.wall), append(bare, y.n/y.wall)
		}
		what := fmt.Sprintf("durable reports, SQLite, 10 ms more per commit, %d connections, per second of the clock", clients)
		b.out.ratio(what+"; yardstick: one commit each", "", grouped, each, 20, "more")
		b.out.line("the same; yardstick: group commit", spread(grouped), spread(bare), "", "", "")
	}
	return nil
}

// assembled measures the program's parts without mail on a fresh database.
func (b *bench) assembled(ctx context.Context, engine string, clients int, args ...string) (m measured, err error) {
	dsn, dbCPU, err := b.database(ctx, engine)
	if err != nil {
		return m, err
	}
	c, err := b.newCompany(ctx, dsn)
	if err != nil {
		return m, err
	}
	args = append([]string{"-dsn", c.dsn}, args...)
	if b.profile != "" {
		b.n++
		args = append(args, "-cpuprofile", filepath.Join(b.profile, fmt.Sprintf("parts-%s-%d.pprof", engine, b.n)))
	}
	p, err := spawn(ctx, nil, "parts", args...)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	return b.measure(ctx, p.addr, c.tokens, clients, func() (float64, error) { return sum(p.cpu, dbCPU) }, nil)
}

// sealing measures which part of a report's CPU time goes into numbering and signing
// its events: the program's parts with the sealer and without it.
func sealing(ctx context.Context, b *bench) error {
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		var with, without, share []float64
		for range b.rounds {
			w, err := b.assembled(ctx, engine, connections)
			if err != nil {
				return err
			}
			o, err := b.assembled(ctx, engine, connections, "-no-seal")
			if err != nil {
				return err
			}
			a, c := w.cpu/w.n*1e6, o.cpu/o.n*1e6
			with, without, share = append(with, a), append(without, c), append(share, (a-c)/a*100)
		}
		b.out.line("sealing's part of a report's CPU time (no mail), "+engine, figure(median(with))+" µs with", figure(median(without))+" µs without",
			spread(share)+" %", "≤ 10 %", yes(median(share) <= 10))
	}
	return nil
}
