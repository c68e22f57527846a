package app

import (
	"context"
	"time"

	"sekimori/internal/inbound/api"
	"sekimori/internal/outbound/store"
)

// replies keeps the answers to requests that carried an idempotency key.
type replies struct{ kept store.Replies }

// Begin claims a key, or gives the answer that was kept for it.
func (r replies) Begin(ctx context.Context, actor, key, hash string, at time.Time) (*api.Reply, bool, error) {
	kept, fresh, err := r.kept.Begin(ctx, actor, key, hash, at)
	return (*api.Reply)(kept), fresh, err
}

// Finish keeps an answer.
func (r replies) Finish(ctx context.Context, actor, key string, a api.Reply) error {
	return r.kept.Finish(ctx, actor, key, store.Reply(a))
}
