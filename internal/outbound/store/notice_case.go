package store

import (
	"context"
	"time"

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

// Decided reports whether a case has left its first status, has somebody to whom it was
// given, or has been worked on since a time: a step, a note, or words of somebody else than
// its finder.
func (t *txn) Decided(_ context.Context, id string, since time.Time) (bool, error) {
	n, err := one(t.ctx, t, scanInt, `SELECT count(*) FROM inc_incident i WHERE i.id = $1 AND (i.status <> $2 OR i.assignee <> ''
		OR EXISTS (SELECT 1 FROM inc_entry e WHERE e.incident = i.id AND e.at >= $3
			AND (e.type IN ('step_done', 'step_undone', 'note') OR e.entered_by NOT IN ('', 'outside', i.reporter, i.on_behalf))))`,
		id, string(incident.Received), micros(since))
	return n > 0, err
}
