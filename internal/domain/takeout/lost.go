package takeout

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
)

// Lose files the loss of everything that is carried: the case with its list, the state of
// the pass, and the things of the ledger, all in one commit. The carrier presses it, or
// whoever may confirm for them: the phone may be in the bag. Pressed again it gives the
// same case; it cannot be undone, and what is found is told on the case.
func (s *Service) Lose(ctx context.Context, by access.Actor, pass string) (*Pass, error) {
	if err := by.May(access.Report); err != nil {
		return nil, err
	}
	p, _, err := s.seen(ctx, by, pass)
	if err != nil {
		return nil, err
	}
	if p.Person != by.Person {
		if err := by.May(access.Submit); err != nil {
			return nil, err
		}
	}
	if p.State == Lost {
		return p, nil
	}
	if !p.State.Out() {
		return nil, wrong(p)
	}
	l := Loss{Pass: p, Judged: s.Judge(p.Form, s.now()), Key: "takeout-" + p.ID}
	if p.Person != by.Person {
		l.OnBehalf = p.Person
	}
	var out *Pass
	err = s.p.Report(ctx, by, l, func(tx Tx, incident, label string) (err error) {
		out, err = s.lose(ctx, tx, by, p.ID, incident, label)
		return err
	})
	return out, err
}

// lose is the part of the commit that is the pass's.
func (s *Service) lose(ctx context.Context, tx Tx, by access.Actor, pass, incident, label string) (*Pass, error) {
	p, err := tx.LockPass(ctx, pass)
	if err != nil {
		return nil, err
	}
	switch {
	case p.State == Lost: // pressed twice at once
		if p.Incident != incident { // by two people: one case is enough
			return nil, fault.Clash("fault.takeout_state.lost", fault.Args{"label": p.Label})
		}
		return p, nil
	case !p.State.Out():
		return nil, wrong(p)
	}
	now := s.now()
	if err := s.quiet(ctx, tx, p); err != nil {
		return nil, err
	}
	for _, i := range p.Carried() {
		if i.Kind != OfLedger {
			continue
		}
		if err := s.p.Lose(ctx, tx, by, i.Asset, incident); err != nil {
			return nil, fmt.Errorf("mark %s as lost: %w", i.Number, err)
		}
	}
	p.State, p.Over, p.Incident, p.Case = Lost, now, incident, label
	return p, s.save(ctx, tx, p, now, "takeout.lost", by.Person, deed{Case: label})
}

// quiet calls off every letter about a pass that is not out yet.
func (s *Service) quiet(ctx context.Context, tx Tx, p *Pass) error {
	if err := tx.CallOff(ctx, p.ID, ""); err != nil {
		return fmt.Errorf("call off letters about %s: %w", p.Label, err)
	}
	return nil
}

// closeIfDone ends a pass of which every item is accounted for.
func (p *Pass) closeIfDone(now time.Time) bool {
	if len(p.Carried()) > 0 {
		return false
	}
	if l := p.Leg(); l != nil {
		l.Arrived = now
	}
	p.State, p.Over = Closed, now
	return true
}
