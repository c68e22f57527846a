package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/store"
)

// An outbreak is this many reports, evenly within a minute, that nobody answers. Windows
// and repeats are the shortest that show three levels within a few minutes.
const (
	outbreakReports = 200
	outbreakTime    = time.Minute
	outbreakWindow  = 2 * time.Minute
	outbreakRepeat  = time.Minute
	outbreakLevels  = 3
	// outbreakClimbs is how often a report climbs: to two levels of the manager's chain and
	// to one of the supervisor's, whose second level has nobody in the made-up company.
	outbreakClimbs = 3
)

// outbreak measures how late notices are while every report of an outbreak climbs its
// chain at its own time. One round for each database; -rounds and -seconds change nothing.
func outbreak(ctx context.Context, b *bench) error {
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		late, err := b.outbreakOn(ctx, engine)
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
		for _, row := range []struct {
			what string
			late []float64
			want int // how many there must be
		}{
			{"report → first notices at the mail server", late.first, 2 * outbreakReports},
			{"repeat due → fired", late.repeats, 2 * outbreakReports},
			{"level due → fired", late.levels, outbreakClimbs * outbreakReports},
			{"level due → its first words at the mail server", late.climbed, 0},
		} {
			ms := func(q float64) string { return figure(quantile(row.late, q)*1000) + " ms" }
			if len(row.late) == 0 {
				return fmt.Errorf("%s: %s: none", engine, row.what)
			}
			b.out.line(fmt.Sprintf("outbreak, %d reports in a minute, %s: %s (%d)", outbreakReports, engine, row.what, len(row.late)),
				fmt.Sprintf("p50 %s, p99 %s, max %s", ms(0.5), ms(0.99), ms(1)), "", "", "max ≤ 5 s, none missing",
				yes(quantile(row.late, 1) <= 5 && len(row.late) >= row.want))
		}
		b.out.line("the same run: least time between two repeats to one contact", figure(late.gap)+" s", "", "", "≥ 59 s", yes(late.gap >= 59))
	}
	return nil
}

// lateness is how many seconds after its time each thing happened.
type lateness struct {
	first, repeats, levels, climbed []float64
	gap                             float64 // least time between two repeats to one contact
}

func (b *bench) outbreakOn(ctx context.Context, engine string) (late lateness, err error) {
	dsn, _, err := b.database(ctx, engine)
	if err != nil {
		return late, err
	}
	c, err := b.newCompany(ctx, dsn)
	if err != nil {
		return late, err
	}
	if err := hasty(ctx, c.dsn); err != nil {
		return late, err
	}
	mail, err := newSink(false, false)
	if err != nil {
		return late, err
	}
	defer mail.close()
	p, err := b.serve(ctx, c, mail.addr, engine)
	if err != nil {
		return late, err
	}
	if err := burst(p.addr, c.tokens); err != nil {
		return late, errors.Join(err, p.stop())
	}
	select { // until the last report has reached its last level, and a little more
	case <-ctx.Done():
		return late, errors.Join(ctx.Err(), p.stop())
	case <-time.After((outbreakLevels-1)*outbreakWindow + 15*time.Second):
	}
	if err := p.stop(); err != nil {
		return late, err
	}
	return lateOf(ctx, c.dsn)
}

// hasty shortens the chains of urgent reports.
func hasty(ctx context.Context, dsn string) (err error) {
	db, err := store.Open(ctx, dsn, store.Options{Log: logger()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	p := notice.DefaultPolicy()
	p.Version, p.Reason, p.At = 2, "bench", now()
	for _, chain := range p.Chains[notice.Urgent] {
		for i := range chain {
			chain[i].Window, chain[i].Repeat = int(outbreakWindow/time.Minute), int(outbreakRepeat/time.Minute)
		}
	}
	return db.UpdateNotices(ctx, func(tx notice.Tx) error { return tx.SavePolicy(ctx, p) })
}

// burst sends the reports, each at its time.
func burst(addr string, tokens []string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	start := time.Now()
	for n := range outbreakReports {
		time.Sleep(time.Until(start.Add(time.Duration(n) * outbreakTime / outbreakReports)))
		if _, err := conn.Write(message(addr, tokens[n%len(tokens)], n)); err != nil {
			return err
		}
		if _, err := answer(r); err != nil {
			return err
		}
	}
	return nil
}

// lateOf reads what happened from the database.
func lateOf(ctx context.Context, dsn string) (late lateness, err error) {
	db, err := store.Open(ctx, dsn, store.Options{Log: logger()})
	if err != nil {
		return late, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	repeats := map[string][]time.Time{}
	for q := (incident.Query{All: true, Limit: 100}); ; {
		found, err := db.Find(ctx, q)
		if err != nil {
			return late, err
		}
		for _, c := range found.Rows {
			if err := late.add(ctx, db, c.ID, repeats); err != nil {
				return late, err
			}
		}
		if q.After = found.Next; q.After == "" {
			break
		}
	}
	late.gap = time.Hour.Seconds()
	for _, times := range repeats {
		slices.SortFunc(times, time.Time.Compare)
		for i := 1; i < len(times); i++ {
			late.gap = min(late.gap, times[i].Sub(times[i-1]).Seconds())
		}
	}
	return late, nil
}

// firing is what the record says of one firing.
type firing struct {
	Track   string `json:"track"`
	Pass    int    `json:"pass"`
	Level   int    `json:"level"`
	Attempt int    `json:"attempt"`
}

func (l *lateness) add(ctx context.Context, db *store.DB, incident string, repeats map[string][]time.Time) error {
	tracks, _, attempts, err := db.TracksOf(ctx, incident)
	if err != nil {
		return err
	}
	history, err := db.History(ctx, incident)
	if err != nil {
		return err
	}
	for _, t := range tracks {
		due := map[int]time.Time{} // by level of the first pass; an empty level takes no time
		for _, e := range history {
			var f firing
			if e.Kind != "notice.level_fired" {
				continue
			}
			if err := json.Unmarshal(e.Data, &f); err != nil {
				return err
			}
			switch {
			case f.Track != t.ID || f.Pass > 1:
			case f.Attempt == 1:
				due[f.Level] = t.Started.Add(time.Duration(len(due)) * outbreakWindow)
				if f.Level > 1 {
					l.levels = append(l.levels, e.At.Sub(due[f.Level]).Seconds())
				}
			case f.Level == 1 && f.Attempt == 2:
				l.repeats = append(l.repeats, e.At.Sub(t.Started.Add(outbreakRepeat)).Seconds())
			}
		}
		for _, a := range attempts {
			switch {
			case a.Track != t.ID || a.State != notice.Sent:
			case a.Purpose.Repeats():
				repeats[a.Address] = append(repeats[a.Address], a.SentAt)
			case a.Level == 1 && a.Pass == 1:
				l.first = append(l.first, a.SentAt.Sub(t.Started).Seconds())
			case a.Pass == 1:
				l.climbed = append(l.climbed, a.SentAt.Sub(due[a.Level]).Seconds())
			}
		}
	}
	return nil
}
