package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/outbound/store"
)

// The ledger of a large company: its things, the loans of their past and present, and what
// the record says of these.
const (
	ledgerThings  = 100_000
	ledgerLoans   = 200_000
	ledgerEvents  = 5 // of each loan
	ledgerPeople  = 5_000
	ledgerDepts   = 200
	ledgerAsks    = 200 // of each question
	ledgerGoal    = 30  // ms
	ledgerCommits = 1_000
)

// ledgers measures how long the server takes to list and search a large ledger and its
// loans, on both databases.
func ledgers(ctx context.Context, b *bench) error {
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		if err := b.ledger(ctx, engine); err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
	}
	return nil
}

func (b *bench) ledger(ctx context.Context, engine string) (err error) {
	dsn, dbCPU, err := b.database(ctx, engine)
	if err != nil {
		return err
	}
	if dsn == "" {
		dsn = filepath.Join(b.dir, "ledger.db")
	}
	cpu := func() (float64, error) {
		return sum(func() (float64, error) { return cpuOf(os.Getpid()) }, dbCPU)
	}
	db, err := store.Open(ctx, dsn, store.Options{Log: logger()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	began := time.Now()
	if err := fillLedger(ctx, db); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	if engine != "SQLite" { // what its own housekeeping does in time
		if err := vacuum(ctx, dsn); err != nil {
			return err
		}
	}
	b.out.line(fmt.Sprintf("ledger: filling %d things, %d loans and %d events of loans, %s", ledgerThings, ledgerLoans, ledgerLoans*ledgerEvents, engine), figure(time.Since(began).Seconds())+" s", "", "", "", "")
	zone := time.FixedZone("JST", 9*60*60)
	s := asset.NewService(asset.Parts{Store: db, People: directory.NewService(db, now), Now: now, Zone: zone, Calendar: jpcal.New(zone, jpcal.Options{})})
	var all []float64
	for _, q := range questions() {
		var took []float64
		before, err := cpu()
		if err != nil {
			return err
		}
		for n := range ledgerAsks {
			t := time.Now()
			if err := q.ask(ctx, s, n); err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			took = append(took, float64(time.Since(t).Microseconds())/1000)
		}
		after, err := cpu()
		if err != nil {
			return err
		}
		all = append(all, took...)
		p99 := quantile(took, 0.99)
		b.out.line("ledger, "+engine+": "+q.name, fmt.Sprintf("p50 %s ms, p99 %s ms, CPU %s ms each", figure(quantile(took, 0.5)), figure(p99), figure((after-before)*1000/ledgerAsks)), "", "", fmt.Sprintf("p99 ≤ %d ms", ledgerGoal), yes(p99 <= ledgerGoal))
	}
	b.out.line("ledger, "+engine+": all of these", fmt.Sprintf("p50 %s ms, p99 %s ms", figure(quantile(all, 0.5)), figure(quantile(all, 0.99))), "", "", fmt.Sprintf("p99 ≤ %d ms", ledgerGoal), yes(quantile(all, 0.99) <= ledgerGoal))
	return nil
}

func vacuum(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	_, err = conn.Exec(ctx, "VACUUM (ANALYZE)")
	return errors.Join(err, conn.Close(ctx))
}

// question is one that pages and the API ask; n makes each asking another.
type question struct {
	name string
	ask  func(ctx context.Context, s *asset.Service, n int) error
}

func questions() []question {
	find := func(by func(n int) access.Actor, q func(n int) asset.Query) func(context.Context, *asset.Service, int) error {
		return func(ctx context.Context, s *asset.Service, n int) error {
			_, err := s.Find(ctx, by(n), q(n))
			return err
		}
	}
	loans := func(by func(n int) access.Actor, q func(n int) asset.LoanQuery) func(context.Context, *asset.Service, int) error {
		return func(ctx context.Context, s *asset.Service, n int) error {
			_, err := s.Loans(ctx, by(n), q(n))
			return err
		}
	}
	every := func(int) access.Actor { return access.System() }
	head := func(n int) access.Actor {
		return access.Actor{Person: ledgerPerson(n % ledgerDepts), Via: access.BySession}
	}
	president := func(int) access.Actor { return access.Actor{Person: ledgerPerson(0), Via: access.BySession} }
	employee := func(n int) access.Actor {
		return access.Actor{Person: ledgerPerson(ledgerDepts + n*13%(ledgerPeople-ledgerDepts)), Via: access.BySession}
	}
	return []question{
		{"first page", find(every, func(int) asset.Query { return asset.Query{} })},
		{"a page in the middle", find(every, func(n int) asset.Query { return asset.Query{After: ledgerNumber(n * 331 % ledgerThings)} })},
		{"a number", find(every, func(n int) asset.Query { return asset.Query{Text: ledgerNumber(n * 331 % ledgerThings)} })},
		{"part of a serial", find(every, func(n int) asset.Query { return asset.Query{Text: fmt.Sprintf("%06x", n*331)} })},
		{"a model and a place", find(every, func(n int) asset.Query { return asset.Query{Text: fmt.Sprintf("UX-%d %d階", n%40, n%9)} })},
		{"two characters that many hold", find(every, func(n int) asset.Query { return asset.Query{Text: fmt.Sprintf("%d階", n%9)} })},
		{"two characters that few hold", find(every, func(n int) asset.Query { return asset.Query{Text: fmt.Sprintf("q%c", 'a'+n%26)} })},
		{"a keeper's name", find(every, func(n int) asset.Query { return asset.Query{Text: fmt.Sprintf("試験%d", n)} })},
		{"what there is not", find(every, func(n int) asset.Query { return asset.Query{Text: fmt.Sprintf("zz%d", n)} })},
		{"of a department", find(every, func(n int) asset.Query { return asset.Query{Department: fmt.Sprintf("d_%d", n%ledgerDepts)} })},
		{"of a keeper", find(every, func(n int) asset.Query { return asset.Query{Keeper: ledgerPerson(n)} })},
		{"overdue", find(every, func(int) asset.Query { return asset.Query{State: asset.Overdue} })},
		{"lost lockers, of which there is none", find(every, func(int) asset.Query { return asset.Query{State: asset.Lost, Kind: asset.Locker} })},
		{"a head's things", find(head, func(int) asset.Query { return asset.Query{} })},
		{"a head's search", find(head, func(n int) asset.Query { return asset.Query{Text: fmt.Sprintf("UX-%d", n%40)} })},
		{"the top head's things", find(president, func(int) asset.Query { return asset.Query{} })},
		{"an employee's things", find(employee, func(int) asset.Query { return asset.Query{} })},
		{"how many in each state", func(ctx context.Context, s *asset.Service, _ int) error {
			_, err := s.Count(ctx, access.System())
			return err
		}},
		{"a thing's page", func(ctx context.Context, s *asset.Service, n int) error {
			_, err := s.Get(ctx, access.System(), ledgerNumber(n*331%ledgerThings))
			return err
		}},
		{"newest loans", loans(every, func(int) asset.LoanQuery { return asset.LoanQuery{} })},
		{"loans that are open", loans(every, func(int) asset.LoanQuery { return asset.LoanQuery{Open: true} })},
		{"loans that are overdue", loans(every, func(int) asset.LoanQuery { return asset.LoanQuery{Overdue: true} })},
		{"loans of a thing", loans(every, func(n int) asset.LoanQuery { return asset.LoanQuery{Asset: ledgerNumber(n * 331 % ledgerThings)} })},
		{"an employee's loans", loans(employee, func(int) asset.LoanQuery { return asset.LoanQuery{} })},
		{"a head's loans", loans(head, func(int) asset.LoanQuery { return asset.LoanQuery{} })},
		{"the top head's loans", loans(president, func(int) asset.LoanQuery { return asset.LoanQuery{Open: true} })},
	}
}

func ledgerPerson(n int) string { return fmt.Sprintf("per_%023d", n) }

func ledgerNumber(n int) string { return fmt.Sprintf("USB-%06d", n) }

// fillLedger writes directory, things, loans and events. Every tenth thing is out, one in
// a hundred of these is overdue, and all other loans are done.
func fillLedger(ctx context.Context, db *store.DB) error {
	err := db.UpdateDirectory(ctx, func(tx directory.Tx) error {
		for d := range ledgerDepts {
			dep := directory.Department{ID: fmt.Sprintf("d_%d", d), Code: fmt.Sprint(d), Name: fmt.Sprintf("第%d部", d), Head: ledgerPerson(d)}
			if d > 0 {
				dep.Parent = fmt.Sprintf("d_%d", (d-1)/10)
			}
			if err := tx.SaveDepartment(ctx, dep); err != nil {
				return err
			}
		}
		for p := range ledgerPeople {
			if err := tx.SavePerson(ctx, directory.Person{ID: ledgerPerson(p), Number: fmt.Sprintf("%06d", p), Family: fmt.Sprintf("試験%d", p), Given: "太郎",
				Department: fmt.Sprintf("d_%d", p%ledgerDepts), Lang: "ja"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(1, 2)) // the same company each time
	start := now().AddDate(-3, 0, 0)
	ids := make([]string, ledgerThings)
	for from := 0; from < ledgerThings; from += ledgerCommits {
		if err := db.UpdateAssets(ctx, func(tx asset.Tx) error {
			for n := from; n < from+ledgerCommits; n++ {
				a := ledgerThing(n, start)
				ids[n] = a.ID
				if err := tx.InsertAsset(ctx, a); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return fmt.Errorf("things: %w", err)
		}
	}
	for from := 0; from < ledgerLoans; from += ledgerCommits {
		if err := db.UpdateAssets(ctx, func(tx asset.Tx) error {
			for n := from; n < from+ledgerCommits; n++ {
				if err := insertLoan(ctx, tx, n, ids, start, r); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return fmt.Errorf("loans: %w", err)
		}
	}
	return nil
}

func ledgerThing(n int, start time.Time) *asset.Asset {
	kinds := asset.Kinds()
	a := &asset.Asset{ID: id.New("ast", start), Number: ledgerNumber(n), Kind: kinds[n%len(kinds)], Model: fmt.Sprintf("架空 UX-%d Secure", n%40), Capacity: 32e9,
		Encryption: asset.ByHardware, Identity: asset.Identity{Vendor: "0951", Product: "1666", Serial: fmt.Sprintf("60A44C%08X", uint32(n)*2654435761)},
		Department: fmt.Sprintf("d_%d", n%ledgerDepts), Keeper: ledgerPerson(n % ledgerDepts), Place: fmt.Sprintf("本社%d階 棚%d", n%9, n%77),
		State: asset.InStore, Since: start, Created: start, Changed: start, Version: 1}
	if n%10 == 0 {
		a.State, a.Borrower, a.Due, a.Loan = asset.Lent, ledgerPerson(n%ledgerPeople), now().AddDate(0, 0, 7), "lon_x"
		if n%1000 == 0 {
			a.Due = now().AddDate(0, 0, -7)
		}
	}
	return a
}

func insertLoan(ctx context.Context, tx asset.Tx, n int, ids []string, start time.Time, r *rand.Rand) error {
	at := start.Add(time.Duration(n) * 7 * time.Minute)
	thing := r.IntN(len(ids))
	l := &asset.Loan{ID: id.New("lon", at), Label: fmt.Sprintf("LOAN-2026-%06d", n), Asset: ids[thing], Person: ledgerPerson(r.IntN(ledgerPeople)), Device: fmt.Sprintf("dev_%d", r.IntN(ledgerPeople)),
		From: at, Until: at.AddDate(0, 0, 7), Purpose: "客先での説明", State: asset.Done, HandedBy: ledgerPerson(0), HandedAt: at}
	if open := ledgerLoans - ledgerThings/10; n >= open {
		l.Asset, l.State, l.Until = ids[(n-open)*10], asset.Out, now().AddDate(0, 0, 7)
		if (n-open)%100 == 0 {
			l.State, l.Until = asset.Ended, now().AddDate(0, 0, -7)
		}
	}
	if err := tx.InsertLoan(ctx, l); err != nil {
		return err
	}
	for e := range ledgerEvents {
		ev, err := journal.NewEvent(at.Add(time.Duration(e)*time.Hour), "loan.handed", l.Asset, "system", map[string]string{"loan": l.Label})
		if err != nil {
			return err
		}
		if err := tx.Record(ctx, ev); err != nil {
			return err
		}
	}
	return nil
}
