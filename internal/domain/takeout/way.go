package takeout

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/prose"
)

// The presses of a carrier, as Body.Last and the record name them.
const (
	pressMake   = "made"
	pressLeave  = "left"
	pressArrive = "arrived"
	pressDelay  = "delayed"
	pressBack   = "back"
	pressCancel = "cancelled"
)

// maxLegs is how many stretches one way may have.
const maxLegs = 200

// Press is one press of the carrier on a page that showed the pass at a step. A page
// that was pressed twice, or opened before something else happened, is known by it.
type Press struct {
	Pass string // label or id
	Step int    // Body.Step that was shown; 0 when the caller does not know
}

// Departure is what the carrier enters before leaving.
type Departure struct {
	Press
	To       Place
	Goal     string // in words, of a destination; "" takes that of the application
	Expected time.Time
	Rules    bool // the rules of the way were read
}

// Make makes the one pass of an approved application. Doing so again gives that pass.
func (s *Service) Make(ctx context.Context, by access.Actor, req string) (*Pass, error) {
	if err := by.May(access.Submit); err != nil {
		return nil, err
	}
	var out *Pass
	err := s.p.Store.UpdateTakeOuts(ctx, func(tx Tx) error {
		r, err := tx.UseApproval(ctx, req)
		if err != nil {
			return err
		}
		switch {
		case r.Kind != KindTakeOut || r.By != by.Person:
			return fault.Missing("request")
		case r.UsedBy != "":
			out, err = tx.LockPass(ctx, r.UsedBy)
			return err
		}
		out, err = s.make(ctx, tx, r)
		return err
	})
	return out, err
}

func (s *Service) make(ctx context.Context, tx Tx, r *request.Request) (*Pass, error) {
	now := s.now()
	var f Form
	if err := read(r.Form, &f); err != nil {
		return nil, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	year := now.In(s.p.Zone).Year()
	n, err := tx.NextPassNumber(ctx, year)
	if err != nil {
		return nil, fmt.Errorf("take number: %w", err)
	}
	p := &Pass{ID: id.New("tko", now), Label: fmt.Sprintf("TKO-%04d-%04d", year, n), Request: r.ID, Person: r.By, Department: o.People[r.By].Department,
		State: Ready, Made: now, Until: f.Until, Body: Body{Form: f, Step: 1, Last: pressMake, DueAt: f.Until}}
	for _, step := range r.Steps {
		for _, x := range step.Stamps {
			if x.Verdict == request.Approve {
				p.Approvers = append(p.Approvers, x.Person)
			}
		}
	}
	if err := request.Use(ctx, tx, r, p.ID, r.By, now); err != nil {
		return nil, err
	}
	p.rest()
	if err := tx.InsertPass(ctx, p); err != nil {
		return nil, fmt.Errorf("insert pass: %w", err)
	}
	return p, record(ctx, tx, now, "takeout.made", p.ID, r.By, deed{Label: p.Label, Request: r.Label, Until: stamp(p.Until)})
}

// pressed runs one press of the carrier. A press that was made already changes nothing; one
// of a page that is older than the pass is told how it stands. do says whether the state
// allows it.
func (s *Service) pressed(ctx context.Context, by access.Actor, in Press, name string, do func(tx Tx, p *Pass, now time.Time) (deed, error)) (*Pass, error) {
	need := access.Submit
	if by.Via == access.ByLink { // a link only answers the question where the carrier is
		need = access.Answer
	}
	if err := by.May(need); err != nil {
		return nil, err
	}
	if by.Via != access.ByLink {
		if _, _, err := s.seen(ctx, by, in.Pass); err != nil {
			return nil, err
		}
	}
	return s.change(ctx, by, in.Pass, func(tx Tx, p *Pass, now time.Time) (string, deed, error) {
		switch {
		case p.Person != by.Person:
			return "", deed{}, fault.New(fault.Denied, "fault.takeout_not_yours", nil)
		case p.Last == name && (in.Step == p.Step-1 || in.Step == 0 && ends(name)):
			return "", deed{}, nil
		case in.Step != 0 && in.Step != p.Step:
			return "", deed{}, wrong(p)
		}
		d, err := do(tx, p, now)
		if err != nil {
			return "", deed{}, err
		}
		p.Step, p.Last = p.Step+1, name
		return "takeout." + name, d, nil
	})
}

// ends reports whether a press, made again by who does not know the step, can only mean
// the same. Leaving and being late can happen again.
func ends(name string) bool { return name == pressArrive || name == pressBack || name == pressCancel }

// Leave begins a leg: from the office, or on from where the carrier is. Leaving is the
// carrier's word that they have read the rules of the way.
func (s *Service) Leave(ctx context.Context, by access.Actor, d Departure) (*Pass, error) {
	return s.pressed(ctx, by, d.Press, pressLeave, func(tx Tx, p *Pass, now time.Time) (deed, error) {
		if p.State != Ready && p.State != There && p.State != Home {
			return deed{}, wrong(p)
		}
		goal := prose.Line(d.Goal)
		if d.To == ToThere && goal == "" {
			goal = p.Form.To
		}
		if d.To != ToThere {
			goal = ""
		}
		expected := d.Expected.UTC().Truncate(time.Second)
		var c fault.Check
		c.That(d.Rules, "rules", "fault.takeout_rules", nil)
		c.That(d.To == ToThere || d.To == ToHome || d.To == ToOffice, "place", "fault.unknown_choice", nil)
		c.That(p.State != Ready || d.To != ToOffice, "place", "fault.takeout_in_office", nil)
		c.That(len([]rune(goal)) <= maxLine, "goal", "fault.too_long", fault.Args{"max": fmt.Sprint(maxLine)})
		c.That(!expected.IsZero(), "expected", "fault.required", nil)
		c.That(expected.IsZero() || expected.After(now), "expected", "fault.in_past", nil)
		c.That(expected.Before(now.Add(7*24*time.Hour)), "expected", "fault.takeout_too_far", nil)
		if err := c.Err(); err != nil {
			return deed{}, err
		}
		switch {
		case p.State == Ready && now.Before(p.Form.From):
			return deed{}, fault.Clash("fault.takeout_early", fault.Args{"label": p.Label})
		case p.State == Ready && !now.Before(p.Until):
			return deed{}, wrong(&Pass{Label: p.Label, State: Lapsed})
		case len(p.Legs) >= maxLegs:
			return deed{}, fault.Clash("fault.too_many_items", fault.Args{"max": fmt.Sprint(maxLegs)})
		}
		if p.State == Ready {
			if err := s.stillThere(ctx, by, p); err != nil {
				return deed{}, err
			}
		}
		if err := tx.CallOff(ctx, p.ID, topicMorning); err != nil {
			return deed{}, fmt.Errorf("call off letters about %s: %w", p.Label, err)
		}
		p.State, p.LateLevel, p.LateAt = Moving, 0, expected.Add(Grace)
		p.Legs = append(p.Legs, Leg{To: d.To, Goal: goal, Left: now, Expected: expected})
		return deed{Leg: len(p.Legs), To: d.To, Expected: stamp(expected)}, nil
	})
}

// stillThere refuses to leave with a thing that the ledger has lost since.
func (s *Service) stillThere(ctx context.Context, by access.Actor, p *Pass) error {
	for _, i := range p.Form.Items {
		if i.Kind != OfLedger {
			continue
		}
		t, ok, err := s.p.Things(ctx, by, i.Number)
		if err != nil {
			return fmt.Errorf("find %s in the ledger: %w", i.Number, err)
		}
		if ok && t.Gone {
			return fault.Clash("fault.takeout_gone", fault.Args{"number": i.Number})
		}
	}
	return nil
}

// Arrive ends the open leg: at the destination, at home or in the office.
func (s *Service) Arrive(ctx context.Context, by access.Actor, in Press) (*Pass, error) {
	return s.pressed(ctx, by, in, pressArrive, func(tx Tx, p *Pass, now time.Time) (deed, error) {
		if p.State != Moving {
			return deed{}, wrong(p)
		}
		return s.arrive(ctx, tx, p, now, p.Leg().To)
	})
}

// Back says that the carrier is in the office again, from wherever they were.
func (s *Service) Back(ctx context.Context, by access.Actor, in Press) (*Pass, error) {
	return s.pressed(ctx, by, in, pressBack, func(tx Tx, p *Pass, now time.Time) (deed, error) {
		if !p.State.Out() || p.State == Office {
			return deed{}, wrong(p)
		}
		return s.arrive(ctx, tx, p, now, ToOffice)
	})
}

// arrive ends the open leg, if there is one, at a place.
func (s *Service) arrive(ctx context.Context, tx Tx, p *Pass, now time.Time, at Place) (deed, error) {
	if err := s.quiet(ctx, tx, p); err != nil {
		return deed{}, err
	}
	if l := p.Leg(); l != nil {
		l.Arrived = now
	}
	p.LateLevel, p.LateAt = 0, time.Time{}
	switch at {
	case ToHome:
		p.State, p.LateAt = Home, s.p.Calendar.NextWorkday(now, workHour)
	case ToOffice:
		p.State = Office
		if err := s.wantConfirmed(ctx, tx, p, now); err != nil {
			return deed{}, err
		}
	default:
		p.State = There
	}
	return deed{Leg: len(p.Legs), To: at}, nil
}

// Delay says that the carrier will be a little late: half an hour more from now, or from
// when they were expected.
func (s *Service) Delay(ctx context.Context, by access.Actor, in Press) (*Pass, error) {
	return s.pressed(ctx, by, in, pressDelay, func(tx Tx, p *Pass, now time.Time) (deed, error) {
		l := p.Leg()
		if l == nil {
			return deed{}, wrong(p)
		}
		if err := s.quiet(ctx, tx, p); err != nil {
			return deed{}, err
		}
		from := l.Expected
		if from.Before(now) {
			from = now
		}
		l.Expected, l.Delays = from.Add(climbEvery), l.Delays+1
		p.LateLevel, p.LateAt = 0, l.Expected.Add(Grace)
		return deed{Leg: len(p.Legs), Expected: stamp(l.Expected)}, nil
	})
}

// Cancel gives a pass back before anybody left with it. The approval stays used.
func (s *Service) Cancel(ctx context.Context, by access.Actor, in Press, reason string) (*Pass, error) {
	return s.pressed(ctx, by, in, pressCancel, func(_ Tx, p *Pass, now time.Time) (deed, error) {
		if p.State != Ready {
			return deed{}, wrong(p)
		}
		p.State, p.Over, p.Why = Cancelled, now, prose.Clip(prose.Line(reason), maxText)
		return deed{Reason: p.Why}, nil
	})
}

// Asked gives the carrier as the actor of the link in the question where they are. The
// link says where, and nothing else; it is dead while the question is not open.
func (s *Service) Asked(ctx context.Context, pass string) (access.Actor, *Pass, error) {
	p, err := s.p.Store.Pass(ctx, pass)
	if err != nil {
		return access.Actor{}, nil, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return access.Actor{}, nil, err
	}
	now := s.now()
	who, ok := o.People[p.Person]
	if !ok || !who.Active(now) || p.State != Moving || p.LateLevel == 0 {
		return access.Actor{}, p, fault.New(fault.NotFound, "fault.link_expired", nil)
	}
	return access.Actor{Person: who.ID, Name: who.Name(), Department: who.Department, Duties: o.DutiesOf(who.ID, now), Via: access.ByLink}, p, nil
}
