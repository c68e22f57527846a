package request

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
)

// Approvals is the part of a transaction by which others make something of an approval,
// in the same commit as what it becomes.
type Approvals interface {
	journal.Recorder
	// UseApproval reads a request, by id or label, and holds it until the transaction
	// ends, so that of two who would use it one comes first.
	UseApproval(ctx context.Context, request string) (*Request, error)
	SaveRequest(ctx context.Context, r *Request) error
}

// Use makes of an approved request, held by UseApproval in the same transaction, the thing
// whose id is what: it holds it to the rules, saves it as used and records who did it. An
// approval is good for one thing, once, and until it expires.
func Use(ctx context.Context, tx Approvals, r *Request, what, by string, now time.Time) error {
	switch {
	case r.State != Approved:
		return fault.Clash("request.not_approved", nil)
	case r.UsedBy != "":
		return fault.Clash("request.is_used", nil)
	case !r.Expires.IsZero() && !now.Before(r.Expires):
		return fault.Clash("request.is_expired", nil)
	}
	r.UsedBy, r.UsedAt, r.NextFire = what, now, time.Time{}
	if err := tx.SaveRequest(ctx, r); err != nil {
		return fmt.Errorf("save request %s: %w", r.ID, err)
	}
	ev, err := journal.NewEvent(now, "request.used", r.ID, by, map[string]any{"label": r.Label, "kind": r.Kind, "thing": what})
	if err != nil {
		return err
	}
	return tx.Record(ctx, ev)
}
