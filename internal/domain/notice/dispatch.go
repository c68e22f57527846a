package notice

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sekimori/internal/domain/journal"
)

// Sender hands one notice to a provider: an SMTP submission, the demo's outbox, a chat room.
// It gives the provider's answer. A *Rejection means that trying again is useless.
type Sender interface {
	Send(ctx context.Context, a Attempt, t Track) (answer string, err error)
}

// Rejection is a provider's final no.
type Rejection struct {
	Answer  string
	Gone    bool   // the contact itself takes nothing any more, whatever it is sent
	Mailbox string // the mail address that is gone, when it is one
	Doubted bool   // services say so by mistake too: final only when it is said for some minutes
}

// Error describes the rejection for a log.
func (r *Rejection) Error() string { return "refused for good: " + r.Answer }

// Lease is how long a claimed attempt belongs to its process; after that another
// may send it again, with the same Message-ID (the documented at-least-once).
const Lease = 2 * time.Minute

// backoff is the wait before try n+1. It never gives up: a mail server may be down
// for a day.
func backoff(tries int) time.Duration {
	steps := []time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}
	return steps[min(max(tries, 1), len(steps))-1]
}

// doubts is the try from which on a doubted no is believed when it is said twice running:
// after some four minutes, as the backoff goes.
const doubts = 7

// maxWait bounds how long a provider may put us off with a time of its own.
const maxWait = time.Hour

// Busy is a provider's no for now that names the time after which it wants to be asked again.
type Busy struct {
	Answer string
	Wait   time.Duration
}

// Error describes the answer for a log.
func (b *Busy) Error() string { return b.Answer }

// Dispatcher sends what is planned. Any number may run, in any number of processes.
type Dispatcher struct {
	store   Store
	sender  Sender
	now     func() time.Time
	workers int
}

// NewDispatcher makes a dispatcher that has at most workers messages in flight.
func NewDispatcher(store Store, sender Sender, now func() time.Time, workers int) *Dispatcher {
	return &Dispatcher{store: store, sender: sender, now: now, workers: max(workers, 1)}
}

// SendDue claims what is due and sends it, and reports how many were tried. It
// returns when all of them are settled.
func (d *Dispatcher) SendDue(ctx context.Context) (int, error) {
	mails, err := d.SendMails(ctx)
	others, err2 := d.SendOthers(ctx)
	return mails + others, errors.Join(err, err2)
}

// SendMails is SendDue for mails alone.
func (d *Dispatcher) SendMails(ctx context.Context) (int, error) { return d.sendDue(ctx, true) }

// SendOthers is SendDue for all channels but mail: a chat service that hangs keeps no mail
// waiting.
func (d *Dispatcher) SendOthers(ctx context.Context) (int, error) { return d.sendDue(ctx, false) }

func (d *Dispatcher) sendDue(ctx context.Context, mails bool) (int, error) {
	batch, err := d.store.Claim(ctx, d.now(), Lease, 4*d.workers, mails)
	if err != nil {
		return 0, fmt.Errorf("claim notices: %w", err)
	}
	return len(batch), together(d.workers, bundled(batch), func(as []Attempt) error {
		if len(as) > 1 {
			return d.sendBundle(ctx, as)
		}
		return d.send(ctx, as[0])
	})
}

// together runs f for each, at most workers at once, and returns when all have ended.
func together[T any](workers int, batch []T, f func(T) error) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
		slot = make(chan struct{}, workers)
	)
	for _, x := range batch {
		slot <- struct{}{}
		wg.Go(func() {
			defer func() { <-slot }()
			if err := f(x); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// lapsing reports that a claim has nearly run out. What waited behind a slow provider for
// so long is left to the next claim: by then another process may have it.
func lapsing(claim, now time.Time) bool { return claim.Sub(now) < Lease/2 }

// outcome is what became of handing one message to a provider.
type outcome struct {
	state   SendState // Sent, Refused, Planned: to be tried again; or Cancelled before it was handed over
	answer  string
	gone    bool      // refused, as everything else that goes there will be
	mailbox string    // the mail address that is gone, when it is one
	at      time.Time // when it was sent, or is to be tried again
	err     error     // why it is to be tried again
}

// set writes the outcome into an attempt.
func (o outcome) set(a *Attempt) {
	a.State = o.state
	switch o.state {
	case Cancelled:
		a.Late = false
		return // what a provider said before stays
	case Sent:
		a.SentAt = o.at
	case Planned:
		a.NextTry = o.at
	}
	a.Answer = o.answer
}

// handOver gives one message to a provider within half the lease. last is what the try before
// came to.
func handOver(ctx context.Context, now func() time.Time, tries int, last string, send func(context.Context) (string, error)) outcome {
	ctx, cancel := context.WithTimeout(ctx, Lease/2)
	defer cancel()
	answer, err := send(ctx)
	var no *Rejection
	var busy *Busy
	wait := backoff(tries)
	switch {
	case err == nil:
		return outcome{state: Sent, answer: clip(answer, 200), at: now()}
	case errors.As(err, &no) && (!no.Doubted || tries >= doubts && last == clip(err.Error(), 200)):
		return outcome{state: Refused, answer: clip(no.Answer, 200), gone: no.Gone, mailbox: no.Mailbox}
	case errors.As(err, &busy):
		wait = max(wait, min(busy.Wait, maxWait))
	}
	return outcome{state: Planned, answer: clip(err.Error(), 200), at: now().Add(wait), err: err}
}

// send hands over one claimed attempt and writes what became of it.
func (d *Dispatcher) send(ctx context.Context, a Attempt) error {
	if lapsing(a.NextTry, d.now()) {
		return nil
	}
	t, _, err := d.store.Track(ctx, a.Track)
	if err != nil {
		return fmt.Errorf("load track %s: %w", a.Track, err)
	}
	if !t.wants(a) { // answered between claim and now
		return d.settle(ctx, a.ID, outcome{state: Cancelled})
	}
	o := handOver(ctx, d.now, a.Tries, a.Answer, func(ctx context.Context) (string, error) { return d.sender.Send(ctx, a, t) })
	err = d.settle(ctx, a.ID, o)
	if o.err != nil {
		return errors.Join(fmt.Errorf("send notice %s: %w", a.ID, o.err), err)
	}
	return err
}

// settle writes an attempt's outcome with its event, and what it says of the contact. It
// outlives a cancelled ctx, so that a message handed over just before a stop is not sent twice.
func (d *Dispatcher) settle(ctx context.Context, attempt string, o outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return d.store.UpdateNotices(ctx, func(tx Tx) error {
		a, err := tx.LockAttempt(ctx, attempt)
		if err != nil {
			return fmt.Errorf("lock attempt %s: %w", attempt, err)
		}
		before := a.State
		if before != Sending && before != Planned {
			return nil // another process settled it
		}
		o.set(&a)
		if err := tx.SaveAttempt(ctx, a); err != nil {
			return fmt.Errorf("save attempt %s: %w", attempt, err)
		}
		if a.State == Planned && a.Tries > 1 { // the first failure is recorded, the hundredth is in the row
			return nil
		}
		ev, err := journal.NewEvent(d.now(), "notice."+eventOf(a.State), a.Incident, "system",
			map[string]any{"notice": a.ID, "track": a.Track, "person": a.Person, "channel": a.Channel, "level": a.Level, "pass": a.Pass,
				"attempt": a.Number, "tries": a.Tries, "answer": a.Answer, "late": a.Late})
		if err != nil {
			return err
		}
		if err := tx.Record(ctx, ev); err != nil || !o.gone {
			return err
		}
		return lost{by: "system", person: a.Person, channel: a.Channel, address: a.Address, message: a.ID, why: o.answer}.mark(ctx, tx, d.now())
	})
}

func eventOf(s SendState) string {
	switch s {
	case Sent:
		return "sent"
	case Refused:
		return "refused"
	case Cancelled:
		return "cancelled"
	}
	return "delayed"
}
