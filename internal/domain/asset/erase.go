package asset

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/access"
)

// How much one commit erases at most.
const (
	eraseListed    = 100 // loans or counts listed at once; each is a commit
	eraseAttempts  = 500
	eraseStockRows = 5000
)

// keepObserved is how long it is kept what guards saw that only observe: they stopped
// nothing, and it tells which private things people plug in.
const keepObserved = 365 * 24 * time.Hour

// Erased counts what was erased.
type Erased struct {
	Loans, Attempts, Stocks int
}

// EraseExpired erases what ended longer ago than the retention: who borrowed what for what
// and which files were written, what PCs told of media, and finished counts; what guards
// merely observed after a year at the latest. Numbers, states and times of loans and counts
// stay, as do the things themselves, and the record still verifies. A retention of 0 keeps
// everything. It may stop between two commits and be called again.
func (s *Service) EraseExpired(ctx context.Context, by access.Actor, retention time.Duration) (n Erased, err error) {
	if err := by.May(access.EraseContent); err != nil {
		return n, err
	}
	if retention <= 0 {
		return n, nil
	}
	before := s.now().Add(-retention)
	if n.Loans, err = s.eraseEach(ctx, before, s.p.Store.ExpiredLoans, func(ctx context.Context, loan string) error { return s.eraseLoan(ctx, by, loan) }); err != nil {
		return n, fmt.Errorf("erase loans: %w", err)
	}
	if n.Attempts, err = s.eraseAttempts(ctx, by, before, s.now().Add(-min(retention, keepObserved))); err != nil {
		return n, fmt.Errorf("erase what PCs told: %w", err)
	}
	if n.Stocks, err = s.eraseEach(ctx, before, s.p.Store.ExpiredStocks, func(ctx context.Context, stock string) error { return s.eraseStock(ctx, by, stock) }); err != nil {
		return n, fmt.Errorf("erase counts: %w", err)
	}
	return n, nil
}

// eraseEach erases what a list gives until it gives nothing more.
func (s *Service) eraseEach(ctx context.Context, before time.Time, list func(context.Context, time.Time, int) ([]string, error), erase func(context.Context, string) error) (n int, err error) {
	for {
		ids, err := list(ctx, before, eraseListed)
		if err != nil || len(ids) == 0 {
			return n, err
		}
		for _, id := range ids {
			if err := erase(ctx, id); err != nil {
				return n, fmt.Errorf("%s: %w", id, err)
			}
			n++
		}
	}
}

// expired is the journal's content of an erasure.
type expired struct {
	Why      string `json:"why"`
	Loan     string `json:"loan,omitempty"`
	Attempts int    `json:"attempts,omitempty"`
}

func (s *Service) eraseLoan(ctx context.Context, by access.Actor, loan string) error {
	return s.p.Store.UpdateAssets(ctx, func(tx Tx) error {
		now := s.now()
		l, err := tx.LockLoan(ctx, loan)
		if err != nil {
			return err
		}
		if err := tx.EraseLoan(ctx, l.ID, now); err != nil {
			return err
		}
		return record(ctx, tx, now, "loan.erased", l.Asset, by.Person, expired{Why: "retention", Loan: l.Label})
	})
}

func (s *Service) eraseAttempts(ctx context.Context, by access.Actor, before, observedBefore time.Time) (erased int, err error) {
	for n := eraseAttempts; n == eraseAttempts; erased += n {
		err = s.p.Store.UpdateAssets(ctx, func(tx Tx) (err error) {
			now := s.now()
			if n, err = tx.EraseAttempts(ctx, before, observedBefore, now, eraseAttempts); err != nil || n == 0 {
				return err
			}
			return record(ctx, tx, now, "media.erased", "", by.Person, expired{Why: "retention", Attempts: n})
		})
		if err != nil {
			return erased, err
		}
	}
	return erased, nil
}

func (s *Service) eraseStock(ctx context.Context, by access.Actor, stock string) error {
	for done := false; !done; {
		err := s.p.Store.UpdateAssets(ctx, func(tx Tx) (err error) {
			now := s.now()
			if done, err = tx.EraseStock(ctx, stock, now, eraseStockRows); err != nil || !done {
				return err
			}
			return record(ctx, tx, now, "stock.erased", stock, by.Person, expired{Why: "retention"})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
