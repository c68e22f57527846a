package notice

import (
	"context"
	"fmt"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
)

// Mailed is one of those whom a mail of ours went to.
type Mailed struct {
	Attempt string // "" for a letter
	About   string // the case, or what the letter was about
	Person  string
	Address string
}

// InReplyTo names the argument of a letter that answers a mail: that mail's Message-ID,
// without brackets. Such a letter is never answered by a program (RFC 3834).
const InReplyTo = "in_reply_to"

// bounced begins what the provider's last word becomes when a mail comes back after all.
const bounced = "came back: "

// Bounced takes a report that a mail of ours could not be delivered. ours is the part of
// its Message-ID before the @, which only who had that mail in hand can know. What the
// mail went to counts as failing from then on. known is false for a mail that is none of ours.
func (s *Service) Bounced(ctx context.Context, by access.Actor, ours, why string) (known bool, err error) {
	if err := by.May(access.Report); err != nil {
		return false, err
	}
	to, err := s.store.Mailed(ctx, ours)
	if err != nil {
		return false, fmt.Errorf("find mail %s: %w", ours, err)
	}
	why = clip(why, 200)
	for _, m := range to {
		if err := s.store.UpdateNotices(ctx, func(tx Tx) error { return s.bounce(ctx, tx, by, m, why) }); err != nil {
			return false, err
		}
	}
	return len(to) > 0, nil
}

func (s *Service) bounce(ctx context.Context, tx Tx, by access.Actor, m Mailed, why string) error {
	if m.Attempt != "" {
		a, err := tx.LockAttempt(ctx, m.Attempt)
		if err != nil {
			return fmt.Errorf("lock attempt %s: %w", m.Attempt, err)
		}
		if a.State != Sent || strings.HasPrefix(a.Answer, bounced) { // not ours to believe, or told before
			return nil
		}
		a.Answer = clip(bounced+why, 200)
		if err := tx.SaveAttempt(ctx, a); err != nil {
			return fmt.Errorf("save attempt %s: %w", a.ID, err)
		}
		ev, err := journal.NewEvent(s.now(), "notice.bounced", m.About, by.Person,
			map[string]any{"notice": a.ID, "track": a.Track, "person": a.Person, "answer": why})
		if err != nil {
			return err
		}
		if err := tx.Record(ctx, ev); err != nil {
			return err
		}
	}
	return lost{by: by.Person, person: m.Person, channel: string(directory.Mail), address: m.Address, message: m.Attempt, why: why}.mark(ctx, tx, s.now())
}
