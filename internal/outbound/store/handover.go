package store

import (
	"context"

	"sekimori/internal/domain/request"
)

// UnusedApprovals lists the approved requests of a kind of which nothing was made yet,
// oldest first, from behind the id after.
func (db *DB) UnusedApprovals(ctx context.Context, kind, after string, limit int) ([]*request.Request, error) {
	return all(ctx, db.read, scanRequest, "SELECT "+requestColumns+` FROM req_request
		WHERE kind = $1 AND state = 'approved' AND used_by = '' AND id > $2 ORDER BY id LIMIT $3`, kind, after, limit)
}
