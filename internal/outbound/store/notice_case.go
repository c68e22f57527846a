package store

import (
	"context"

	"sekimori/internal/domain/incident"
)

// HoldCase reports whether a case still wants work. Its row is held, so that it cannot be
// closed before the transaction ends.
func (t *txn) HoldCase(_ context.Context, id string) (bool, error) {
	status, err := one(t.ctx, t, scanText, "SELECT status FROM inc_incident WHERE id = $1"+t.w.d.forUpdate, id)
	if _, err := found("incident", status, err); err != nil {
		return false, err
	}
	return incident.Status(status).Open(), nil
}
