package mailout

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/notice"
)

// Keeper keeps mails that nobody sends. The same Mail.ID is the same mail.
type Keeper interface {
	Keep(ctx context.Context, m Mail, at time.Time) error
}

// Outbox is the sender of a server without a mail server: the mails stay inside, where
// a page shows each as its receiver would see it.
type Outbox struct {
	composer *Composer
	keeper   Keeper
}

// NewOutbox makes the sender.
func NewOutbox(c *Composer, k Keeper) *Outbox { return &Outbox{c, k} }

// Send keeps the notice's mail.
func (o *Outbox) Send(ctx context.Context, a notice.Attempt, t notice.Track) (string, error) {
	m, err := o.composer.Compose(ctx, a, t)
	if err != nil {
		return "", fmt.Errorf("compose: %w", err)
	}
	if err := o.keeper.Keep(ctx, m, o.composer.Now()); err != nil {
		return "", fmt.Errorf("keep in the outbox: %w", err)
	}
	return "kept in the outbox", nil
}
