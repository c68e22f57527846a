package takeout

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/prose"
)

// Said is what somebody confirms of one item.
type Said struct {
	Item    int // place in Form.Items
	Outcome Outcome
	Note    string // how it was destroyed, or who has received it
}

// mayConfirm is nil for who may see the pass, acts here and is not its carrier.
func (s *Service) mayConfirm(o *directory.Org, by access.Actor, p *Pass) error {
	if err := by.May(access.Submit); err != nil {
		return err
	}
	if p.Person == by.Person {
		return fault.New(fault.Denied, "fault.takeout_self", nil)
	}
	if !s.sees(o, by, p) {
		return fault.Missing("takeout")
	}
	return nil
}

// Confirm accounts for items as another person than the carrier. When the last one is
// accounted for the pass is closed. What was said of an item stays; the same once more
// changes nothing.
func (s *Service) Confirm(ctx context.Context, by access.Actor, pass string, said []Said) (*Pass, error) {
	seen, o, err := s.seen(ctx, by, pass)
	if err != nil {
		return nil, err
	}
	if err := s.mayConfirm(o, by, seen); err != nil {
		return nil, err
	}
	var out *Pass
	err = s.p.Store.UpdateTakeOuts(ctx, func(tx Tx) error {
		p, err := tx.LockPass(ctx, seen.ID)
		if err != nil {
			return err
		}
		out = p
		fresh, err := p.fresh(said)
		if err != nil {
			return err
		}
		if len(fresh) == 0 {
			return nil
		}
		if p.State != There && p.State != Home && p.State != Office {
			return wrong(p)
		}
		now := s.now()
		for _, x := range fresh {
			p.Accounts = append(p.Accounts, Account{Item: x.Item, Outcome: x.Outcome, Note: x.Note, By: by.Person, At: now})
			if err := record(ctx, tx, now, "takeout.confirmed", p.ID, by.Person, deed{Label: p.Label, Item: x.Item + 1, Outcome: x.Outcome}); err != nil {
				return err
			}
		}
		if !p.closeIfDone(now) {
			p.rest()
			if err := tx.SavePass(ctx, p); err != nil {
				return fmt.Errorf("save pass %s: %w", p.Label, err)
			}
			return nil
		}
		if err := s.quiet(ctx, tx, p); err != nil {
			return err
		}
		return s.save(ctx, tx, p, now, "takeout.closed", by.Person, deed{})
	})
	return out, err
}

// fresh checks what is said, and drops what was said before.
func (p *Pass) fresh(said []Said) ([]Said, error) {
	var c fault.Check
	c.That(len(said) > 0, "items", "fault.required", nil)
	var out []Said
	for _, x := range said {
		field := fmt.Sprintf("items.%d", x.Item)
		c.That(utf8.RuneCountInString(x.Note) <= maxText, field, "fault.too_long", fault.Args{"max": fmt.Sprint(maxText)})
		x.Note = prose.Line(x.Note)
		c.That(slices.Contains(Outcomes(), x.Outcome), field, "fault.unknown_choice", nil)
		c.That(x.Outcome != Destroyed || x.Note != "", field, "fault.takeout_how", nil)
		c.That(x.Outcome != Given || x.Note != "", field, "fault.takeout_whom", nil)
		c.That(x.Outcome != Returned || p.State == Office || p.State == Closed, field, "fault.takeout_not_back", nil)
		if x.Item < 0 || x.Item >= len(p.Form.Items) || slices.ContainsFunc(out, func(o Said) bool { return o.Item == x.Item }) {
			c.Add(field, "fault.unknown_choice", nil)
			continue
		}
		if a, done := p.AccountOf(x.Item); done {
			c.That(a.Outcome == x.Outcome && a.Note == x.Note, field, "fault.takeout_said", nil)
			continue
		}
		out = append(out, x)
	}
	return out, c.Err()
}

// wantConfirmed asks the carrier's superior to confirm what came back.
func (s *Service) wantConfirmed(ctx context.Context, tx Tx, p *Pass, now time.Time) error {
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return err
	}
	for _, to := range s.present(o, s.confirmers(o, p, now), p, now) {
		if err := s.write(ctx, tx, p, now, letter{topic: "takeout.confirm", to: to, once: fmt.Sprint(len(p.Legs))}); err != nil {
			return err
		}
	}
	return nil
}

// confirmers are whom a return is told: the carrier's superior, else the protection managers.
func (s *Service) confirmers(o *directory.Org, p *Pass, now time.Time) []string {
	if boss := o.Supervisor(p.Person); boss != "" {
		return []string{boss}
	}
	return managers(o, p, now)
}

func managers(o *directory.Org, p *Pass, now time.Time) []string {
	return slices.DeleteFunc(o.Holders(access.ProtectionManager, now), func(m string) bool { return m == p.Person })
}
