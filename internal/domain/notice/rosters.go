package notice

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/jpcal"
)

// rosterTx is the part of a transaction that is about rosters.
type rosterTx interface {
	Letters
	// LockRosters reads every roster, by name, and keeps others from changing any until the
	// transaction ends.
	LockRosters(ctx context.Context) ([]Roster, error)
	SaveRoster(ctx context.Context, r Roster) error
	DropRoster(ctx context.Context, roster string) error
}

// Ahead is how far ahead gaps are looked for.
const Ahead = 30 * 24 * time.Hour

// RosterView is a roster with what it means for the next 30 days.
type RosterView struct {
	Roster
	Shifts []Shift
	Silent []string // members without a contact that is known to arrive
	Ended  []string // members who have left
	Used   bool     // the policy in force names it
}

// Gaps are the shifts in which nobody would be told.
func (v RosterView) Gaps() []Shift {
	return slices.DeleteFunc(slices.Clone(v.Shifts), func(s Shift) bool { return s.Gap == NoGap })
}

// Rosters lists the rosters with their next 30 days.
func (s *Service) Rosters(ctx context.Context, by access.Actor) ([]RosterView, error) {
	if err := by.May(access.ReadDirectory); err != nil {
		return nil, err
	}
	o, err := s.people.Org(ctx)
	if err != nil {
		return nil, err
	}
	return s.views(ctx, o)
}

// Roster gives one.
func (s *Service) Roster(ctx context.Context, by access.Actor, roster string) (RosterView, error) {
	all, err := s.Rosters(ctx, by)
	if err != nil {
		return RosterView{}, err
	}
	n := slices.IndexFunc(all, func(v RosterView) bool { return v.ID == roster })
	if n < 0 {
		return RosterView{}, fault.Missing("roster")
	}
	return all[n], nil
}

func (s *Service) views(ctx context.Context, o *directory.Org) ([]RosterView, error) {
	all, err := s.store.Rosters(ctx)
	if err != nil {
		return nil, fmt.Errorf("load rosters: %w", err)
	}
	p, err := s.store.LatestPolicy(ctx)
	if err != nil {
		return nil, fmt.Errorf("load policy: %w", err)
	}
	used, now, zone := p.rosters(), s.now(), s.zone()
	out := make([]RosterView, len(all))
	for i, r := range all {
		out[i] = RosterView{Roster: r, Shifts: r.Shifts(o, now, now, now.Add(Ahead), zone), Silent: r.Silent(o, now), Ended: r.Ended(o, now),
			Used: slices.Contains(used, r.ID)}
	}
	return out, nil
}

// zone is the company's.
func (s *Service) zone() *time.Location { return Lookout{Calendar: s.calendar}.zone() }

// SetRoster saves a new roster (one without an id) or the rotation of one that exists; its
// exceptions stay. It gives the roster as saved.
func (s *Service) SetRoster(ctx context.Context, by access.Actor, r Roster) (Roster, error) {
	r.Name = oneLine(r.Name)
	return s.changeRosters(ctx, by, "notice.roster_set", func(all []Roster, o *directory.Org, c *fault.Check) (Roster, error) {
		r.By, r.At = by.Person, s.now()
		n := slices.IndexFunc(all, func(x Roster) bool { return x.ID == r.ID })
		switch {
		case r.ID == "":
			c.That(len(all) < MaxRosters, "name", "fault.too_many_items", fault.Args{"max": fmt.Sprint(MaxRosters)})
			r.ID, r.Changes = id.New("rst", r.At), nil
		case n < 0:
			return Roster{}, fault.Missing("roster")
		default:
			r.Changes = all[n].Changes
		}
		taken := slices.ContainsFunc(all, func(x Roster) bool { return x.ID != r.ID && x.Name == r.Name })
		c.That(!taken, "name", "rosters.name_taken", nil)
		r.check(c, o, r.At)
		return r, nil
	})
}

// AddChange adds an exception to a roster.
func (s *Service) AddChange(ctx context.Context, by access.Actor, roster string, x Change) (Roster, error) {
	return s.changeRoster(ctx, by, roster, "notice.roster_changed", func(r *Roster, o *directory.Org, c *fault.Check) {
		now := s.now()
		x.ID, x.By = id.New("chg", now), by.Person
		if x.Kind != ReplaceWith {
			x.With = ""
		}
		x.check(c, o, now)
		// What ended long ago explains nothing any more; the journal keeps it.
		r.Changes = slices.DeleteFunc(r.Changes, func(x Change) bool { return now.Sub(x.Until) > maxChange })
		r.Changes = append(r.Changes, x)
		c.That(len(r.Changes) <= MaxRosterChanges, "kind", "fault.too_many_items", fault.Args{"max": fmt.Sprint(MaxRosterChanges)})
	})
}

// DropChange takes an exception away; one that is not there is no error.
func (s *Service) DropChange(ctx context.Context, by access.Actor, roster, change string) (Roster, error) {
	return s.changeRoster(ctx, by, roster, "notice.roster_changed", func(r *Roster, _ *directory.Org, _ *fault.Check) {
		r.Changes = slices.DeleteFunc(r.Changes, func(x Change) bool { return x.ID == change })
	})
}

func (s *Service) changeRoster(ctx context.Context, by access.Actor, roster, kind string, f func(*Roster, *directory.Org, *fault.Check)) (Roster, error) {
	return s.changeRosters(ctx, by, kind, func(all []Roster, o *directory.Org, c *fault.Check) (Roster, error) {
		n := slices.IndexFunc(all, func(x Roster) bool { return x.ID == roster })
		if n < 0 {
			return Roster{}, fault.Missing("roster")
		}
		r := all[n]
		r.Changes = slices.Clone(r.Changes)
		f(&r, o, c)
		r.By, r.At = by.Person, s.now()
		return r, nil
	})
}

// changeRosters saves the roster that f makes, with its event, in one commit.
func (s *Service) changeRosters(ctx context.Context, by access.Actor, kind string, f func([]Roster, *directory.Org, *fault.Check) (Roster, error)) (Roster, error) {
	if err := by.May(access.EditPolicy); err != nil {
		return Roster{}, err
	}
	o, err := s.people.Org(ctx)
	if err != nil {
		return Roster{}, err
	}
	var out Roster
	err = s.store.UpdateNotices(ctx, func(tx Tx) error {
		all, err := tx.LockRosters(ctx)
		if err != nil {
			return fmt.Errorf("lock rosters: %w", err)
		}
		var c fault.Check
		if out, err = f(all, o, &c); err != nil {
			return err
		}
		if err := c.Err(); err != nil {
			return err
		}
		ev, err := journal.NewEvent(out.At, kind, out.ID, by.Person, map[string]any{"name": out.Name, "people": out.People, "days": out.Days,
			"handover": out.Handover, "start": out.Start.String(), "changes": out.Changes})
		if err != nil {
			return err
		}
		if err := tx.SaveRoster(ctx, out); err != nil {
			return fmt.Errorf("save roster: %w", err)
		}
		return tx.Record(ctx, ev)
	})
	return out, err
}

// DropRoster takes a roster away that the policy in force does not name. On open cases of
// an older version its level is empty from then on, and the next one fires at once.
func (s *Service) DropRoster(ctx context.Context, by access.Actor, roster string) error {
	if err := by.May(access.EditPolicy); err != nil {
		return err
	}
	p, err := s.store.LatestPolicy(ctx)
	if err != nil {
		return fmt.Errorf("load policy: %w", err)
	}
	if slices.Contains(p.rosters(), roster) {
		return fault.Clash("rosters.in_use", nil)
	}
	return s.store.UpdateNotices(ctx, func(tx Tx) error {
		all, err := tx.LockRosters(ctx)
		if err != nil {
			return fmt.Errorf("lock rosters: %w", err)
		}
		n := slices.IndexFunc(all, func(x Roster) bool { return x.ID == roster })
		if n < 0 {
			return fault.Missing("roster")
		}
		ev, err := journal.NewEvent(s.now(), "notice.roster_dropped", roster, by.Person, map[string]any{"name": all[n].Name})
		if err != nil {
			return err
		}
		if err := tx.DropRoster(ctx, roster); err != nil {
			return fmt.Errorf("drop roster: %w", err)
		}
		return tx.Record(ctx, ev)
	})
}

// knownRosters is a fault when a policy names a roster that does not exist.
func (s *Service) knownRosters(ctx context.Context, p Policy) error {
	named := p.rosters()
	if len(named) == 0 {
		return nil
	}
	all, err := s.store.Rosters(ctx)
	if err != nil {
		return fmt.Errorf("load rosters: %w", err)
	}
	var c fault.Check
	for u, chains := range p.Chains {
		for r, chain := range chains {
			for i, l := range chain {
				for _, w := range l.Who {
					known := w.Kind != rosterWho || slices.ContainsFunc(all, func(x Roster) bool { return x.ID == w.Roster })
					c.That(known, fmt.Sprintf("%s.%s.%d.who", u, r, i+1), "rosters.gone", nil)
				}
			}
		}
	}
	return c.Err()
}

// Topics of the weekly letter about rosters.
const (
	TopicRostersWhole = "rosters.whole" // nothing is missing in the next 30 days
	TopicRostersGaps  = "rosters.gaps"
)

// weeklyHour is from when on a Monday the weekly letter goes out, in the company's zone.
const weeklyHour = 8

// maxWeeklyLines bounds what a letter lists; the page has the rest.
const maxWeeklyLines = 12

// WriteRosters plans the weekly letter about the rosters: to the protection managers and to
// every member, once in each week from Monday morning on, whichever server is first. It
// gives how many letters it planned.
func (s *Service) WriteRosters(ctx context.Context) (planned int, err error) {
	now := s.now()
	today := jpcal.DateOf(now, s.zone())
	monday := today.Add(-((int(today.Weekday()) + 6) % 7))
	if now.Before(monday.In(s.zone(), weeklyHour)) {
		return 0, nil
	}
	o, err := s.people.Org(ctx)
	if err != nil {
		return 0, err
	}
	views, err := s.views(ctx, o)
	if err != nil || len(views) == 0 {
		return 0, err
	}
	managers := o.Holders(access.ProtectionManager, now)
	to := slices.Clone(managers)
	for _, v := range views {
		for _, p := range v.members(now) {
			if o.People[p].Active(now) && o.People[p].ID != "" && !slices.Contains(to, p) {
				to = append(to, p)
			}
		}
	}
	err = s.store.UpdateNotices(ctx, func(tx Tx) error {
		for _, p := range to {
			if err := tx.PlanLetter(ctx, s.weekly(views, o, p, slices.Contains(managers, p), monday, now)); err != nil {
				return fmt.Errorf("plan letter: %w", err)
			}
		}
		return nil
	})
	return len(to), err
}

// weekly is one person's letter: the gaps of all rosters for a manager, of their own for a
// member, and the person's turns.
func (s *Service) weekly(views []RosterView, o *directory.Org, person string, manager bool, monday jpcal.Date, now time.Time) Letter {
	var gaps, turns, silent []string
	for _, v := range views {
		if !manager && !slices.Contains(v.members(now), person) {
			continue
		}
		for _, g := range v.Gaps() {
			gaps = append(gaps, s.span(v.Name, g))
		}
		for _, x := range v.Shifts {
			if slices.Contains(x.People, person) {
				turns = append(turns, s.span(v.Name, x))
			}
		}
		for _, p := range slices.Concat(v.Silent, v.Ended) {
			if name := o.NameOf(p); !slices.Contains(silent, name) {
				silent = append(silent, name)
			}
		}
	}
	topic := TopicRostersWhole
	if len(gaps)+len(silent) > 0 {
		topic = TopicRostersGaps
	}
	return Letter{ID: id.New("ltr", now), Key: fmt.Sprintf("rosters/%s/%s", monday, person), Topic: topic, About: "rosters", Person: person,
		Args: map[string]string{"gaps": lines(gaps), "turns": lines(turns), "silent": lines(silent)},
		Path: "/settings/rosters", Planned: now, NextTry: now, State: Planned}
}

// span writes a shift for a letter, the same in every language.
func (s *Service) span(name string, x Shift) string {
	const day = "2006-01-02 15:04"
	return fmt.Sprintf("%s %s – %s", name, x.From.In(s.zone()).Format(day), x.Until.In(s.zone()).Format(day))
}

// lines joins what a letter lists.
func lines(list []string) string {
	if len(list) == 0 {
		return "—"
	}
	if len(list) > maxWeeklyLines {
		list = append(slices.Clone(list[:maxWeeklyLines]), "…")
	}
	return strings.Join(list, " / ")
}

// oneLine folds white space: a name stands in mails and lists.
func oneLine(s string) string { return strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ") }
