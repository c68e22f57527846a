package request

import (
	"context"
	"fmt"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
)

// eraseBatch is how many requests one call erases at most.
const eraseBatch = 200

// EraseExpired erases what was asked for, why, by whom and of whom, of requests that ended
// longer ago than Parts.Retention, and gives how many; there may be more when it is a full
// batch. Number, kind, state and times stay, and the journal still verifies.
func (s *Service) EraseExpired(ctx context.Context, by access.Actor) (erased int, err error) {
	if err := by.May(access.EraseContent); err != nil {
		return 0, err
	}
	if s.retention <= 0 {
		return 0, nil
	}
	now := s.now()
	list, err := s.store.ExpiredRequests(ctx, now.Add(-s.retention), eraseBatch)
	if err != nil {
		return 0, fmt.Errorf("list expired requests: %w", err)
	}
	for n, r := range list {
		ev, err := journal.NewEvent(now, "request.erased", r, by.Person, map[string]string{"why": "retention"})
		if err != nil {
			return n, err
		}
		err = s.store.UpdateRequests(ctx, func(tx Tx) error {
			if err := tx.EraseRequest(ctx, r, now); err != nil {
				return fmt.Errorf("erase %s: %w", r, err)
			}
			return tx.Record(ctx, ev)
		})
		if err != nil {
			return n, err
		}
	}
	return len(list), nil
}
