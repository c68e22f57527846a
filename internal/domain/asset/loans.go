package asset

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
)

// LoanQuery chooses loans. Zero fields choose everything.
type LoanQuery struct {
	Person  string
	Device  string
	Asset   string // number or id
	State   LoanState
	Open    bool // not yet confirmed, lost or recalled
	Overdue bool // past the end and not back
	After   string
	Limit   int // 1–200; default 50

	// Filled by the service, never from outside.
	Scope Scope
	Now   time.Time
}

// LoanRow is a loan with what a list shows of it.
type LoanRow struct {
	Loan
	Number     string // of the thing
	Kind       Kind
	Model      string
	Keeper     string // of the thing
	PersonName string
	Late       bool // past the end and not back
}

// LoanPage is one page of loans, newest first.
type LoanPage struct {
	Rows []LoanRow
	Next string
}

// Loans lists the loans that the actor may see: their own, those of things that they keep
// and of departments that they head, or all.
func (s *Service) Loans(ctx context.Context, by access.Actor, q LoanQuery) (LoanPage, error) {
	o, sc, err := s.sight(ctx, by)
	if err != nil {
		return LoanPage{}, err
	}
	var c fault.Check
	c.That(q.State == "" || slices.Contains(LoanStates(), q.State), "state", "fault.unknown_choice", nil)
	if err := c.Err(); err != nil {
		return LoanPage{}, err
	}
	if q.Asset != "" && !isID("ast", q.Asset) {
		a, _, err := s.seen(ctx, by, q.Asset)
		if fault.Is(err, fault.NotFound) {
			return LoanPage{}, nil
		}
		if err != nil {
			return LoanPage{}, err
		}
		q.Asset = a.ID
	}
	if q.Limit < 1 || q.Limit > 200 {
		q.Limit = 50
	}
	limit := q.Limit
	q.Limit++
	q.Scope, q.Now = sc, s.now()
	rows, err := s.p.Store.FindLoans(ctx, q)
	if err != nil {
		return LoanPage{}, fmt.Errorf("find loans: %w", err)
	}
	var p LoanPage
	if len(rows) > limit {
		rows = rows[:limit]
		p.Next = rows[limit-1].ID
	}
	nameLoans(o, rows)
	for i := range rows {
		rows[i].Late = rows[i].Overdue(q.Now)
	}
	p.Rows = rows
	return p, nil
}

func nameLoans(o *directory.Org, rows []LoanRow) {
	for i := range rows {
		rows[i].PersonName = o.NameOf(rows[i].Person)
	}
}

// Mine lists what the actor has, and what they brought back that is not confirmed yet.
func (s *Service) Mine(ctx context.Context, by access.Actor) ([]LoanRow, error) {
	p, err := s.Loans(ctx, by, LoanQuery{Person: by.Person, Open: true, Limit: 200})
	return p.Rows, err
}

// Overdue lists what should be back, of what the actor may see.
func (s *Service) Overdue(ctx context.Context, by access.Actor) ([]LoanRow, error) {
	p, err := s.Loans(ctx, by, LoanQuery{Overdue: true, Limit: 200})
	return p.Rows, err
}

// LoanView is a loan as one actor may see it.
type LoanView struct {
	LoanRow
	Path   []string // department of the thing
	PC     string   // name of the PC; "" for none
	Files  []Written
	May    Rights
	Recall bool // may call it back
	Chase  bool // may ask for it once more today
}

// Loan gives one loan by label or id.
func (s *Service) Loan(ctx context.Context, by access.Actor, loan string) (LoanView, error) {
	l, a, o, err := s.seenLoan(ctx, by, loan)
	if err != nil {
		return LoanView{}, err
	}
	now := s.now()
	v := LoanView{LoanRow: LoanRow{Loan: *l, Number: a.Number, Kind: a.Kind, Model: a.Model, Keeper: a.Keeper, PersonName: o.NameOf(l.Person), Late: l.Overdue(now)},
		Path: o.Path(a.Department)}
	if l.Device != "" {
		if _, v.PC, _, err = s.p.Devices.Owner(ctx, l.Device); err != nil && !fault.Is(err, fault.NotFound) {
			return LoanView{}, fmt.Errorf("find PC %s: %w", l.Device, err)
		}
	}
	if v.Files, err = s.p.Store.WrittenOn(ctx, l.ID, viewFiles); err != nil {
		return LoanView{}, fmt.Errorf("load files of %s: %w", l.Label, err)
	}
	v.May = s.rights(by, o, a, []LoanRow{v.LoanRow})
	handles := mayHandle(by, a) == nil
	v.Recall = handles && (l.State == Handed || l.State == Out)
	v.Chase = handles && v.Late && (l.Chased.IsZero() || s.p.Calendar.DateOf(l.Chased) != s.p.Calendar.DateOf(now))
	return v, nil
}

// viewFiles is how many files a loan's page names.
const viewFiles = 1000

// FilesOf lists the files that were written onto a thing during a loan, newest first.
func (s *Service) FilesOf(ctx context.Context, by access.Actor, loan string) ([]Written, error) {
	l, _, _, err := s.seenLoan(ctx, by, loan)
	if err != nil {
		return nil, err
	}
	fs, err := s.p.Store.WrittenOn(ctx, l.ID, viewFiles)
	if err != nil {
		return nil, fmt.Errorf("load files of %s: %w", l.Label, err)
	}
	return fs, nil
}
