package notice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Purpose is why a notice is sent; it decides how soon it may go out (rule 13).
type Purpose string

// The purposes.
const (
	Tell   Purpose = ""       // the first word of a track to a person: at once, alone
	Repeat Purpose = "again"  // a repeat of an urgent track: alone, when it is the contact's turn
	Gather Purpose = "gather" // a repeat that may share a mail with others to the same contact
	Ask    Purpose = "ask"    // whether the answerer is still on it (rule 8): at once, alone
)

// Repeats reports whether it is no first word, so that the contact's turn is waited for.
func (p Purpose) Repeats() bool { return p == Repeat || p == Gather }

const (
	// Turn is the least time between two repeats to one contact, over all tracks.
	Turn = time.Minute
	// gathering is the time in which repeats to one contact become one mail.
	gathering = 5 * time.Minute
	// maxGathered bounds the cases that one mail names.
	maxGathered = 50
)

// space marks which of the notices just planned are repeats, and lets those that may be
// gathered meet at the next full five minutes.
func (f *Fired) space(w Lookout, planned []Attempt) {
	for i := range planned {
		a := &planned[i]
		switch {
		case !has(w.Told, a.Person):
		case f.Track.Urgency == Urgent:
			a.Purpose = Repeat
		default:
			a.Purpose = Gather
			a.NextTry = w.atWork(f.Track, a.NextTry.Add(gathering-1).Truncate(gathering))
		}
	}
}

// TakeTurn chooses from the repeats that wait for one contact what is sent in its turn:
// one notice, or one mail of several gathered ones, which share their Bundle. What was
// tried least comes first, then what has waited longest, so that nothing that fails keeps
// the others back. Notices that went out together stay together; those to another person
// who reads at the same address are in a mail of their own.
func TakeTurn(due []Attempt) []Attempt {
	if len(due) == 0 {
		return nil
	}
	due = slices.Clone(due)
	slices.SortStableFunc(due, func(a, b Attempt) int {
		return cmp.Or(cmp.Compare(a.Tries, b.Tries), a.Planned.Compare(b.Planned), cmp.Compare(a.ID, b.ID))
	})
	first := due[0]
	if first.Purpose != Gather || first.Channel != "mail" {
		return due[:1]
	}
	var out []Attempt
	for _, a := range due {
		if a.Purpose == Gather && a.Person == first.Person && a.Bundle == first.Bundle && len(out) < maxGathered {
			if a.Bundle == "" {
				a.Bundle = first.ID
			}
			out = append(out, a)
		}
	}
	return out
}

// bundled puts claimed attempts that share a message beside each other.
func bundled(claimed []Attempt) [][]Attempt {
	var out [][]Attempt
	at := map[string]int{}
	for _, a := range claimed {
		if n, ok := at[a.Bundle]; ok && a.Bundle != "" {
			out[n] = append(out[n], a)
			continue
		}
		at[a.Bundle] = len(out)
		out = append(out, []Attempt{a})
	}
	return out
}

// Gatherer is a Sender that can put several repeats to one contact into one message, whose
// name is their Bundle. The tracks are those of the attempts, one by one.
type Gatherer interface {
	SendGathered(ctx context.Context, as []Attempt, ts []Track) (answer string, err error)
}

// sendBundle hands over several claimed repeats as one message and writes what became of
// each. What was answered meanwhile is left out.
func (d *Dispatcher) sendBundle(ctx context.Context, claimed []Attempt) error {
	if lapsing(claimed[0].NextTry, d.now()) {
		return nil
	}
	var as []Attempt
	var ts []Track
	for _, a := range claimed {
		t, _, err := d.store.Track(ctx, a.Track)
		if err != nil {
			return fmt.Errorf("load track %s: %w", a.Track, err)
		}
		if t.wants(a) {
			as, ts = append(as, a), append(ts, t)
		} else if err := d.settle(ctx, a.ID, outcome{state: Cancelled}); err != nil {
			return err
		}
	}
	g, ok := d.sender.(Gatherer)
	if len(as) < 2 || !ok {
		var errs []error
		for _, a := range as {
			errs = append(errs, d.send(ctx, a))
		}
		return errors.Join(errs...)
	}
	o := handOver(ctx, d.now, as[0].Tries, as[0].Answer, func(ctx context.Context) (string, error) { return g.SendGathered(ctx, as, ts) })
	var errs []error
	if o.err != nil {
		errs = append(errs, fmt.Errorf("send notices %s: %w", as[0].Bundle, o.err))
	}
	for _, a := range as {
		errs = append(errs, d.settle(ctx, a.ID, o))
	}
	return errors.Join(errs...)
}
