package access

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
)

// lanes are what a try is counted under, each with the failures at which it closes for as
// long as the window lasts. What is right clears own, and is taken back in the others.
type lanes struct {
	own    string
	limits map[string]int
}

// door gives the lanes of who is not signed in. A browser in which the account's owner has
// signed in before has one of its own, so that no stranger can close the door to it. All
// others share the name's, which bounds what is guessed from everywhere, and have one for
// each sender, so that a single one does not fill it.
func (s *Service) door(a Account, from Origin) lanes {
	if device := s.recognise(a, from.Devices); device != "" {
		own := "device:" + device
		return lanes{own, map[string]int{own: s.rules.PerLogin}}
	}
	name := "login:" + a.Login
	own := name + " from " + network(from.Address)
	l := lanes{own, map[string]int{own: s.rules.PerLogin, name: s.rules.PerName}}
	if from.Address != "" {
		l.limits["addr:"+sender(from.Address)] = s.rules.PerAddr
	}
	return l
}

// inside gives the lanes of who is in already: in their session, or at their link. What
// strangers try at the door locks nobody out here.
func (s *Service) inside(by Actor, addr string) lanes {
	own := "inside:" + string(by.Via) + ":" + by.Person + ":" + by.Session
	l := lanes{own, map[string]int{own: s.rules.PerLogin}}
	if addr != "" {
		l.limits["inside from "+sender(addr)] = s.rules.PerAddr
	}
	return l
}

// keys gives the lanes of who shows a passkey. None is ever guessed: what is bounded is the
// work of looking, and wrong passwords from the same address take nothing of it.
func (s *Service) keys(addr string) lanes {
	return lanes{limits: map[string]int{"passkey:" + sender(addr): s.rules.PerAddr}}
}

// sender is what one sender is counted under: an IPv4 address, or the /64 that a household
// or an office gets of IPv6.
func sender(addr string) string { return block(addr, 64) }

// network is what one sender is taken for where many addresses of theirs must not count as
// many people: an IPv4 address, or the /48 that is the most which one customer gets of IPv6.
func network(addr string) string { return block(addr, 48) }

func block(addr string, bits int) string {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return addr
	}
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a, bits).Masked().String()
}

// waits refuses when one of the lanes has reached its limit.
func (s *Service) waits(ctx context.Context, l lanes) error {
	since := s.now().Add(-s.rules.Window)
	for key, limit := range l.limits {
		n, oldest, err := s.store.Misses(ctx, key, since)
		if err != nil {
			return fmt.Errorf("count failures: %w", err)
		}
		if n >= limit {
			return throttled(oldest.Add(s.rules.Window).Sub(s.now()))
		}
	}
	return nil
}

func throttled(wait time.Duration) error {
	return fault.New(fault.TooMany, "fault.throttled", fault.Args{"wait": wait.Truncate(time.Second).String()})
}

// tried is a try that was counted.
type tried struct {
	lanes
	at   time.Time
	full []string // lanes that it has filled
}

// try counts a try before it is judged: tries that come all at once are no more than those
// that come one after another.
func (s *Service) try(ctx context.Context, l lanes) (tried, error) {
	t := tried{lanes: l, at: s.now()}
	if err := s.waits(ctx, l); err != nil {
		return t, err
	}
	return t, s.store.UpdateAccess(ctx, func(tx Tx) error {
		t.full = nil
		for key, limit := range l.limits {
			n, err := tx.Miss(ctx, key, t.at, s.rules.Window)
			if err != nil {
				return fmt.Errorf("count try: %w", err)
			}
			if n > limit { // others were faster
				return throttled(s.rules.Window)
			}
			if n == limit {
				t.full = append(t.full, key)
			}
		}
		return nil
	})
}

// right takes the count back in the commit of what was right.
func (t tried) right(ctx context.Context, tx Tx) error {
	for key := range t.limits {
		var err error
		if key == t.own {
			err = tx.ClearMisses(ctx, key)
		} else {
			err = tx.TakeBackMiss(ctx, key, t.at)
		}
		if err != nil {
			return fmt.Errorf("clear failures: %w", err)
		}
	}
	return nil
}

// wrong lets the count stand, and writes a failure that closes a lane into the journal;
// single ones stay out of it, so that a flood cannot fill the record.
func (s *Service) wrong(ctx context.Context, t tried, addr string) error {
	if len(t.full) == 0 {
		return nil
	}
	return s.store.UpdateAccess(ctx, func(tx Tx) error {
		for _, key := range t.full {
			ev, err := journal.NewEvent(t.at, "account.throttled", "", "outside", map[string]string{"key": key, "address": addr})
			if err != nil {
				return err
			}
			if err := tx.Record(ctx, ev); err != nil {
				return err
			}
		}
		return nil
	})
}
