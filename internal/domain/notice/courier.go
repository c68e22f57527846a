package notice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
)

// LetterSender hands one letter to a provider. It gives the provider's answer. A
// *Rejection means that trying again is useless.
type LetterSender interface {
	SendLetter(ctx context.Context, l Letter) (answer string, err error)
}

// LetterTx is one transaction over letters.
type LetterTx interface {
	lostTx
	LockLetter(ctx context.Context, letter string) (Letter, error)
	// SaveLetter writes what became of a letter. One that was called off while it was
	// being sent, and is to be tried again, is cancelled instead.
	SaveLetter(ctx context.Context, l Letter) error
	// EraseLetters forgets letters planned before a time with which nothing more is done,
	// at most limit of them, and gives how many.
	EraseLetters(ctx context.Context, before time.Time, limit int) (int, error)
}

// LetterStore keeps the letters.
type LetterStore interface {
	UpdateLetters(ctx context.Context, f func(LetterTx) error) error
	// ClaimLetters takes letters that are due and marks them Sending until lease; another
	// process's lapsed claims are taken too, those first that have waited longest.
	ClaimLetters(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Letter, error)
	// NextLetter is when the next letter is to be tried; ok is false when there is none.
	NextLetter(ctx context.Context) (at time.Time, ok bool, err error)
}

// Courier sends letters as the Dispatcher sends notices, in any number of processes: until
// the provider takes each, or nobody could use what it says any more.
type Courier struct {
	store   LetterStore
	sender  LetterSender
	now     func() time.Time
	workers int
}

// NewCourier makes a courier that has at most workers letters in flight.
func NewCourier(store LetterStore, sender LetterSender, now func() time.Time, workers int) *Courier {
	return &Courier{store: store, sender: sender, now: now, workers: max(workers, 1)}
}

// SendDue claims what is due and sends it, and reports how many were tried. It returns
// when all of them are settled.
func (c *Courier) SendDue(ctx context.Context) (int, error) {
	batch, err := c.store.ClaimLetters(ctx, c.now(), Lease, 4*c.workers)
	if err != nil {
		return 0, fmt.Errorf("claim letters: %w", err)
	}
	return len(batch), together(c.workers, batch, func(l Letter) error { return c.send(ctx, l) })
}

// NextDue is when the next letter is to be tried; ok is false when there is none.
func (c *Courier) NextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	return c.store.NextLetter(ctx)
}

// eraseBatch is how many letters one commit forgets at most.
const eraseBatch = 500

// Erase forgets the letters planned before a time that have arrived, were refused or
// called off, and gives how many. That they were sent stays in the journal.
func (c *Courier) Erase(ctx context.Context, by access.Actor, before time.Time) (erased int, err error) {
	if err := by.May(access.EraseContent); err != nil {
		return 0, err
	}
	for n := eraseBatch; n == eraseBatch && ctx.Err() == nil; erased += n {
		err := c.store.UpdateLetters(ctx, func(tx LetterTx) (err error) {
			if n, err = tx.EraseLetters(ctx, before, eraseBatch); err != nil || n == 0 {
				return err
			}
			ev, err := journal.NewEvent(c.now(), "letter.erased", "", by.Person, map[string]any{"why": "retention", "letters": n})
			if err != nil {
				return err
			}
			return tx.Record(ctx, ev)
		})
		if err != nil {
			return erased, fmt.Errorf("erase letters: %w", err)
		}
	}
	return erased, ctx.Err()
}

// send hands over one claimed letter and writes what became of it.
func (c *Courier) send(ctx context.Context, l Letter) error {
	if lapsing(l.NextTry, c.now()) {
		return nil
	}
	o := handOver(ctx, c.now, l.Tries, l.Answer, func(ctx context.Context) (string, error) { return c.sender.SendLetter(ctx, l) })
	err := c.settle(ctx, l.ID, o)
	if o.err != nil {
		return errors.Join(fmt.Errorf("send letter %s: %w", l.ID, o.err), err)
	}
	return err
}

// settle writes the outcome with its event. It outlives a cancelled ctx, so that a letter
// handed over just before a stop is not sent twice.
func (c *Courier) settle(ctx context.Context, letter string, o outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return c.store.UpdateLetters(ctx, func(tx LetterTx) error {
		l, err := tx.LockLetter(ctx, letter)
		if err != nil {
			return fmt.Errorf("lock letter %s: %w", letter, err)
		}
		if l.State != Sending && l.State != Planned {
			return nil // another process settled it
		}
		l.State, l.Answer = o.state, o.answer
		givenUp := o.state == Planned && c.now().Sub(l.Planned) > LinkLife
		switch {
		case givenUp:
			l.State = Refused
		case o.state == Sent:
			l.SentAt = o.at
		case o.state == Planned:
			l.NextTry = o.at
		}
		if err := tx.SaveLetter(ctx, l); err != nil {
			return fmt.Errorf("save letter %s: %w", letter, err)
		}
		if l.State == Planned { // unless it was called off meanwhile
			if l, err = tx.LockLetter(ctx, letter); err != nil {
				return fmt.Errorf("read letter %s back: %w", letter, err)
			}
		}
		if l.State == Planned && l.Tries > 1 { // the first failure is recorded, the hundredth is in the row
			return nil
		}
		kind := "letter." + eventOf(l.State)
		if givenUp {
			kind = "letter.given_up"
		}
		ev, err := journal.NewEvent(c.now(), kind, l.About, "system",
			map[string]any{"letter": l.ID, "topic": l.Topic, "person": l.Person, "tries": l.Tries, "answer": l.Answer})
		if err != nil {
			return err
		}
		if err := tx.Record(ctx, ev); err != nil || !o.gone || o.mailbox == "" || l.Person == "" {
			return err
		}
		return lost{by: "system", person: l.Person, channel: string(directory.Mail), address: o.mailbox, message: l.ID, why: o.answer}.mark(ctx, tx, c.now())
	})
}
