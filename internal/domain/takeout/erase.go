package takeout

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/access"
)

// How much is erased at once.
const (
	eraseListed    = 100 // passes; each is a commit
	eraseManifests = 100 // in one commit
)

// EraseExpired erases of passes that ended longer ago than the retention who carried what,
// where to and whose data it was; and manifests of that age that became nothing. Numbers,
// states and times stay, and the record still verifies. A retention of 0 keeps everything.
// It may stop between two commits and be called again.
func (s *Service) EraseExpired(ctx context.Context, by access.Actor, retention time.Duration) (erased int, err error) {
	if err := by.May(access.EraseContent); err != nil {
		return 0, err
	}
	if retention <= 0 {
		return 0, nil
	}
	before := s.now().Add(-retention)
	for {
		list, err := s.p.Store.ExpiredPasses(ctx, before, eraseListed)
		if err != nil {
			return erased, fmt.Errorf("list expired passes: %w", err)
		}
		if len(list) == 0 {
			break
		}
		for _, pass := range list {
			if err := s.erase(ctx, by, pass); err != nil {
				return erased, fmt.Errorf("erase %s: %w", pass, err)
			}
			erased++
		}
	}
	for n := eraseManifests; n == eraseManifests; {
		err := s.p.Store.UpdateTakeOuts(ctx, func(tx Tx) (err error) {
			now := s.now()
			if n, err = tx.EraseManifests(ctx, before, now, eraseManifests); err != nil || n == 0 {
				return err
			}
			return record(ctx, tx, now, "takeout.manifests_erased", "", by.Person, map[string]any{"why": "retention", "n": n})
		})
		if err != nil {
			return erased, fmt.Errorf("erase manifests: %w", err)
		}
	}
	return erased, nil
}

func (s *Service) erase(ctx context.Context, by access.Actor, pass string) error {
	return s.p.Store.UpdateTakeOuts(ctx, func(tx Tx) error {
		now := s.now()
		p, err := tx.LockPass(ctx, pass)
		if err != nil {
			return err
		}
		if err := tx.ErasePass(ctx, p.ID, now); err != nil {
			return err
		}
		return record(ctx, tx, now, "takeout.erased", p.ID, by.Person, map[string]string{"why": "retention", "label": p.Label})
	})
}
