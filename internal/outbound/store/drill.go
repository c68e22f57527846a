package store

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/incident"
)

// Drills lists the newest drills, newest first.
func (db *DB) Drills(ctx context.Context, limit int) ([]*incident.Incident, error) {
	return all(ctx, db.read, scanIncident, fmt.Sprintf("SELECT %s FROM inc_incident WHERE drill ORDER BY id DESC LIMIT %d", incidentColumns, limit))
}

// Since is when the record began; zero when it is empty.
func (db *DB) Since(ctx context.Context) (time.Time, error) {
	us, err := one(ctx, db.read, scanInt64, "SELECT coalesce(min(at), 0) FROM (SELECT at FROM jrn_event ORDER BY id LIMIT 1) x")
	return at(us), err
}
