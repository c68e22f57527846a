package notice

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/id"
)

// TopicLost is the topic of the letter that tells somebody of a contact that failed.
const TopicLost = "contact.failed"

// lostTx is the part of a transaction that is about contacts that take nothing any more.
type lostTx interface {
	journal.Recorder
	Letters
	// ContactFailed notes that a contact takes nothing any more, and gives its id; "" when
	// that is no news. A person's own mail address belongs to the directory and stays, but is
	// not known to arrive any more.
	ContactFailed(ctx context.Context, person, channel, address, why string, at time.Time) (contact string, err error)
}

// lost is a contact that takes nothing any more, as a provider said or a mail that came back.
type lost struct {
	by      string // who says so
	person  string
	channel string // of a directory.Channel
	address string // mail: the address; else the id of the contact
	message string // notice or letter that did not arrive; "" when it is not known
	why     string // in the provider's words
}

// mark notes it with its event: the person is told so on their pages and, unless it is the
// address that letters go to, by a letter; notices go to their other contacts.
func (l lost) mark(ctx context.Context, tx lostTx, now time.Time) error {
	contact, err := tx.ContactFailed(ctx, l.person, l.channel, l.address, l.why, now)
	if err != nil {
		return fmt.Errorf("mark contact of %s: %w", l.message, err)
	}
	if contact == "" {
		return nil
	}
	ev, err := journal.NewEvent(now, "directory.contact_failed", l.person, l.by, map[string]any{"contact": contact, "channel": l.channel, "notice": l.message, "answer": l.why})
	if err != nil {
		return err
	}
	if err := tx.Record(ctx, ev); err != nil || contact == l.person {
		return err
	}
	letter := Letter{ID: id.New("ltr", now), Key: fmt.Sprintf("%s/%s/%d", TopicLost, contact, now.UnixMicro()), Topic: TopicLost, About: contact, Person: l.person,
		Args: map[string]string{"answer": l.why}, Path: "/account/contacts/" + contact, Planned: now, NextTry: now, State: Planned}
	if err := tx.PlanLetter(ctx, letter); err != nil {
		return fmt.Errorf("plan letter of contact %s: %w", contact, err)
	}
	return nil
}
