package asset

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
)

// Carryable finds a thing that the actor may ask to take out: one that they see, or that
// their department or one above it could lend them. Another looks as if it did not exist.
func (s *Service) Carryable(ctx context.Context, by access.Actor, number string) (*Asset, bool, error) {
	o, sc, err := s.sight(ctx, by)
	if err != nil {
		return nil, false, err
	}
	a, err := s.p.Store.Asset(ctx, code(number))
	if fault.Is(err, fault.NotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	lends := Scope{Departments: upwards(o, o.People[by.Person].Department)}
	if !sc.sees(a) && !lends.sees(a) {
		return nil, false, nil
	}
	return a, true, nil
}

// LoseCarried marks a thing as lost in the commit of the report that tells of it. Whoever
// calls it has decided that the actor may say so. What is gone already is left as it is.
func (s *Service) LoseCarried(ctx context.Context, tx Tx, by access.Actor, asset, incident string) error {
	seen, err := s.p.Store.Asset(ctx, asset)
	if err != nil {
		return err
	}
	var l *Loan
	if seen.Loan != "" {
		if l, err = tx.LockLoan(ctx, seen.Loan); err != nil {
			return fmt.Errorf("lock loan %s: %w", seen.Loan, err)
		}
	}
	a, err := tx.LockAsset(ctx, asset)
	switch {
	case err != nil:
		return fmt.Errorf("lock %s: %w", asset, err)
	case a.State == Lost || a.State == Disposed:
		return nil
	case a.Loan != seen.Loan: // lent or taken back at this moment
		return fault.Clash("fault.conflict", nil)
	}
	return s.lose(ctx, tx, by, a, l, incident)
}

// lose marks a thing that is held as lost, and ends its loan, when there is one.
func (s *Service) lose(ctx context.Context, tx Tx, by access.Actor, a *Asset, l *Loan, incident string) error {
	now := s.now()
	data := lost{From: a.State, Incident: incident}
	a.State, a.Since, a.Changed, a.Version = Lost, now, now, a.Version+1
	a.Loan, a.Borrower, a.Due = "", "", time.Time{}
	if l != nil {
		data.Loan = l.Label
		l.State, l.Over, l.NextFire = Broken, now, time.Time{}
		if err := s.settle(ctx, tx, l); err != nil {
			return err
		}
	}
	if err := tx.SaveAsset(ctx, a); err != nil {
		return fmt.Errorf("save %s: %w", a.ID, err)
	}
	return record(ctx, tx, now, "asset.lost", a.ID, by.Person, data)
}
