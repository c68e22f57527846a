package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// noticeRate is how many reports a second the notices are measured under.
const noticeRate = 50

// notices measures the time from the answer to a report, which comes after its commit,
// to the DATA command of its first mail. Reports come at set times (an open loop),
// whatever the server does.
func notices(ctx context.Context, b *bench) error {
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		var all, answers []float64
		lost := 0
		for range b.rounds {
			waits, took, missing, err := b.noticeRound(ctx, engine)
			if err != nil {
				return fmt.Errorf("%s: %w", engine, err)
			}
			all, answers, lost = append(all, waits...), append(answers, took...), lost+missing
		}
		ms := func(vs []float64, q float64) string { return figure(quantile(vs, q)*1000) + " ms" }
		b.out.line(fmt.Sprintf("report answered → first notice at SMTP DATA, %s, %d/s open loop, %d reports, %d without a mail", engine, noticeRate, len(answers), lost),
			fmt.Sprintf("p50 %s, p99 %s, max %s", ms(all, 0.5), ms(all, 0.99), ms(all, 1)), "", "", "p99 ≤ 100 ms", yes(quantile(all, 0.99) <= 0.1 && lost == 0))
		b.out.line("the same run: scheduled time → report answered", fmt.Sprintf("p50 %s, p99 %s, max %s", ms(answers, 0.5), ms(answers, 0.99), ms(answers, 1)), "", "", "", "")
	}
	return nil
}

// noticeRound gives, in seconds, the waits for the first mail and for the answer, and
// how many reports saw no mail.
func (b *bench) noticeRound(ctx context.Context, engine string) (waits, took []float64, missing int, err error) {
	dsn, _, err := b.database(ctx, engine)
	if err != nil {
		return nil, nil, 0, err
	}
	c, err := b.newCompany(ctx, dsn)
	if err != nil {
		return nil, nil, 0, err
	}
	mail, err := newSink(false, true)
	if err != nil {
		return nil, nil, 0, err
	}
	defer mail.close()
	p, err := b.serve(ctx, c, mail.addr, engine)
	if err != nil {
		return nil, nil, 0, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	answered, took, err := b.openLoop(p.addr, c.tokens)
	if err != nil {
		return nil, nil, 0, err
	}
	if err := mail.quiet(p.cpu, time.Minute); err != nil {
		return nil, nil, 0, err
	}
	mail.mu.Lock()
	defer mail.mu.Unlock()
	for label, at := range answered {
		first, ok := mail.first[label]
		if !ok {
			missing++
			continue
		}
		waits = append(waits, max(first.Sub(at).Seconds(), 0))
	}
	return waits, took, missing, nil
}

// openLoop sends reports at their times and notes when each was answered.
func (b *bench) openLoop(addr string, tokens []string) (map[string]time.Time, []float64, error) {
	const clients = 25 // each has half a second for its report before it delays the next
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex
		answered = map[string]time.Time{}
		took     []float64
		errs     []error
	)
	start := time.Now()
	total := int(b.seconds.Seconds() * noticeRate)
	for c := range clients {
		wg.Go(func() {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
				return
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			for n := c; n < total && err == nil; n += clients {
				due := start.Add(time.Duration(n) * time.Second / noticeRate)
				time.Sleep(time.Until(due))
				var body []byte
				if _, err = conn.Write(message(addr, tokens[n%len(tokens)], n)); err == nil {
					body, err = answer(r)
				}
				at := time.Now()
				var seen struct {
					Label string `json:"label"`
				}
				if err == nil {
					err = json.Unmarshal(body, &seen)
				}
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
				} else {
					answered[seen.Label] = at
					took = append(took, at.Sub(due).Seconds())
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return answered, took, errors.Join(errs...)
}
