package request

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// FireDue runs every timer that has run out, oldest first, each in its own commit, and
// reports how many ran. One request's failure does not hold up the others, and of two
// servers the second finds the timer set anew.
func (s *Service) FireDue(ctx context.Context) (int, error) {
	due, err := s.store.DueRequests(ctx, s.now(), 200)
	if err != nil {
		return 0, fmt.Errorf("list due requests: %w", err)
	}
	var errs []error
	for _, r := range due {
		if _, err := s.change(ctx, r, func(_ context.Context, _ Tx, t *turn) error { return t.fire() }); err != nil {
			errs = append(errs, fmt.Errorf("fire timer of request %s: %w", r, err))
		}
	}
	return len(due), errors.Join(errs...)
}

// NextDue is when the next timer of a request runs out; ok is false when none is set.
func (s *Service) NextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	return s.store.NextRequestDue(ctx)
}

// fire runs the timer of a request, once: firing early or twice does nothing. However
// long the server was away, one thing happens and the next waits its time.
func (t *turn) fire() error {
	r, now := t.r, t.look.now
	if r.NextFire.IsZero() || now.Before(r.NextFire) {
		return nil
	}
	p, ok := t.look.org.People[r.By]
	gone := !ok || !p.Active(now)
	switch r.State {
	case Waiting, Returned:
		if gone || !now.Before(r.Deadline) {
			t.expire()
		} else if r.State == Waiting {
			return t.press()
		} else {
			r.NextFire, t.moved = r.Deadline, true
		}
	case Approved:
		if r.UsedBy == "" && !r.Expires.IsZero() && !now.Before(r.Expires) {
			t.expire()
			return nil
		}
		r.NextFire, t.moved = time.Time{}, true
	default:
		r.NextFire, t.moved = time.Time{}, true
	}
	return nil
}

// expire ends what nobody decided, mended or used in time. It is never a yes.
func (t *turn) expire() {
	t.note("expired", "system", map[string]any{"was": t.r.State})
	t.end(Expired, "")
	t.toApplicant(topicExpired, "")
}

// press asks the open step again, or also those above.
func (t *turn) press() error {
	n := slices.IndexFunc(t.r.Steps, func(s Step) bool { return s.State == StepOpen })
	if n < 0 {
		return fmt.Errorf("request %s waits, and no step is open", t.r.ID)
	}
	s := &t.r.Steps[n]
	fresh := t.renew(n)
	if t.pass(s) {
		t.advance("system")
		return nil
	}
	t.ask(n, fresh, topicDecide)
	switch {
	case !t.anybody(s):
		if len(s.Asked) == 0 || !t.climb(n) {
			t.stuck(n)
		}
	case !t.look.now.Before(t.climbAt(s)) && t.climb(n):
	case len(fresh) == 0:
		t.remind(n)
	}
	t.rest(s)
	return nil
}

// renew asks whoever holds the step by now and was not asked: posts change hands, and
// people go on leave. It gives those who are new.
func (t *turn) renew(n int) []Asked {
	s := &t.r.Steps[n]
	if s.filled() {
		if len(t.look.holders(s.Role)) > 0 {
			if s.Why == WhyNobody {
				s.Why = "" // the post was given to somebody
			}
		} else {
			_, s.Why = t.look.fill()
		}
	} else if len(t.look.holders(s.Role)) == 0 && len(s.Stamps) == 0 {
		_, s.Why = t.look.fill() // the last holder has left
	}
	var fresh []Asked
	for _, a := range t.look.present(t.look.seats(s)) {
		if slices.ContainsFunc(s.Asked, func(o Asked) bool { return o.Person == a.Person && o.For == a.For }) || s.stamped(a) {
			continue
		}
		s.Asked = append(s.Asked, a)
		if t.approvedEarlier(a.Person) {
			s.Stamps = append(s.Stamps, Stamp{Person: a.Person, For: a.For, Verdict: Approve, Digest: Digest(t.r), At: t.look.now, Carried: true})
			continue
		}
		fresh = append(fresh, a)
	}
	if len(fresh) > 0 {
		t.note("step_asked", "system", map[string]any{"step": n + 1, "why": s.Why, "asked": people(fresh)})
	}
	return fresh
}

// remind asks those once more who may decide and have not.
func (t *turn) remind(n int) {
	s := &t.r.Steps[n]
	t.r.Reminded++
	var silent []Asked
	for _, a := range s.Asked {
		if mine, ok := t.look.authority(s, t.r.Climbed, a.Person); ok && mine.For == a.For {
			silent = append(silent, a)
		}
	}
	t.note("reminded", "system", map[string]any{"step": n + 1, "asked": people(silent)})
	t.ask(n, silent, topicRemind)
}
