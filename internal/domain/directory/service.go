package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Tx is one transaction over the directory. Every change raises the version.
type Tx interface {
	journal.Recorder
	Org(ctx context.Context) (*Org, error)
	SavePerson(ctx context.Context, p Person) error
	SaveDepartment(ctx context.Context, d Department) error
	ReplaceDuties(ctx context.Context, as []Assignment) error
	SaveDeputy(ctx context.Context, d Deputy) error
	DeleteDeputy(ctx context.Context, id string) error
	SaveAbsence(ctx context.Context, a Absence) error
	DeleteAbsence(ctx context.Context, id string) error
}

// Store reads and changes the directory.
type Store interface {
	UpdateDirectory(ctx context.Context, f func(Tx) error) error
	DirectoryVersion(ctx context.Context) (int64, error)
	LoadOrg(ctx context.Context) (*Org, error)
}

// Service is the directory's verbs. It keeps the last Org and asks the store only
// for the version number while nothing changed.
type Service struct {
	store Store
	now   func() time.Time

	mu   sync.Mutex
	last *Org // guarded by mu
}

// NewService makes the directory service.
func NewService(store Store, now func() time.Time) *Service {
	return &Service{store: store, now: now}
}

// Org gives the directory as it is now.
func (s *Service) Org(ctx context.Context) (*Org, error) {
	v, err := s.store.DirectoryVersion(ctx)
	if err != nil {
		return nil, fmt.Errorf("read directory version: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil && s.last.Version == v {
		return s.last, nil
	}
	o, err := s.store.LoadOrg(ctx)
	if err != nil {
		return nil, fmt.Errorf("load directory: %w", err)
	}
	s.last = o
	return o, nil
}

// View gives the directory to who may read it.
func (s *Service) View(ctx context.Context, by access.Actor) (*Org, error) {
	if err := by.May(access.ReadDirectory); err != nil {
		return nil, err
	}
	return s.Org(ctx)
}

// SetAbsence enters that a person is away: oneself, or anyone for who edits the
// directory (people forget before a holiday).
func (s *Service) SetAbsence(ctx context.Context, by access.Actor, a Absence) (Absence, error) {
	if err := s.mayEdit(by, a.Person); err != nil {
		return Absence{}, err
	}
	a.Note = strings.TrimSpace(a.Note)
	var c fault.Check
	c.That(!a.From.IsZero(), "from", "fault.required", nil)
	c.That(!a.Until.IsZero(), "until", "fault.required", nil)
	c.That(a.From.IsZero() || a.Until.IsZero() || a.Until.After(a.From), "until", "fault.ends_before_start", nil)
	c.That(a.Until.IsZero() || a.Until.After(s.now()), "until", "fault.in_past", nil)
	c.That(utf8.RuneCountInString(a.Note) <= 200, "note", "fault.too_long", fault.Args{"max": "200"})
	if err := c.Err(); err != nil {
		return Absence{}, err
	}
	a.ID, a.By = id.New("abs", s.now()), by.Person
	return a, s.change(ctx, by, "directory.absence_set", a.Person, a, func(tx Tx, o *Org) error {
		if _, ok := o.People[a.Person]; !ok {
			return fault.Missing("person")
		}
		return tx.SaveAbsence(ctx, a)
	})
}

// EndAbsence takes an absence back.
func (s *Service) EndAbsence(ctx context.Context, by access.Actor, absence string) error {
	o, err := s.Org(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(o.Absences, func(a Absence) bool { return a.ID == absence })
	if i < 0 {
		return fault.Missing("absence")
	}
	if err := s.mayEdit(by, o.Absences[i].Person); err != nil {
		return err
	}
	return s.change(ctx, by, "directory.absence_ended", o.Absences[i].Person, o.Absences[i], func(tx Tx, _ *Org) error {
		return tx.DeleteAbsence(ctx, absence)
	})
}

// SetDeputy names who stands in for a person.
func (s *Service) SetDeputy(ctx context.Context, by access.Actor, d Deputy) (Deputy, error) {
	if err := s.mayEdit(by, d.Person); err != nil {
		return Deputy{}, err
	}
	if d.From.IsZero() {
		d.From = s.now()
	}
	var c fault.Check
	c.That(d.Deputy != "", "deputy", "fault.required", nil)
	c.That(d.Deputy == "" || d.Deputy != d.Person, "deputy", "fault.own_deputy", nil)
	c.That(d.Until.IsZero() || d.Until.After(d.From), "until", "fault.ends_before_start", nil)
	if err := c.Err(); err != nil {
		return Deputy{}, err
	}
	d.ID = id.New("dep", s.now())
	return d, s.change(ctx, by, "directory.deputy_set", d.Person, d, func(tx Tx, o *Org) error {
		var c fault.Check
		p, ok := o.People[d.Deputy]
		c.That(ok && p.Active(s.now()), "deputy", "fault.unknown_person", nil)
		if slices.Contains(o.Holders(access.Auditor, s.now()), d.Deputy) && len(o.DutiesOf(d.Person, s.now())) > 0 {
			c.Add("deputy", "fault.auditor_readonly", nil)
		}
		if err := c.Err(); err != nil {
			return err
		}
		return tx.SaveDeputy(ctx, d)
	})
}

// EndDeputy takes a deputy back.
func (s *Service) EndDeputy(ctx context.Context, by access.Actor, deputy string) error {
	o, err := s.Org(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(o.Deputies, func(d Deputy) bool { return d.ID == deputy })
	if i < 0 {
		return fault.Missing("deputy")
	}
	if err := s.mayEdit(by, o.Deputies[i].Person); err != nil {
		return err
	}
	return s.change(ctx, by, "directory.deputy_ended", o.Deputies[i].Person, o.Deputies[i], func(tx Tx, _ *Org) error {
		return tx.DeleteDeputy(ctx, deputy)
	})
}

// SetDuties says who holds a duty from now on. The record keeps who held it before.
func (s *Service) SetDuties(ctx context.Context, by access.Actor, duty access.Duty, people []string) error {
	if err := by.May(access.EditDirectory); err != nil {
		return err
	}
	if !duty.Valid() {
		var c fault.Check
		c.Add("duty", "fault.unknown_choice", nil)
		return c.Err()
	}
	now := s.now()
	return s.change(ctx, by, "directory.duty_set", string(duty), map[string]any{"duty": duty, "people": people}, func(tx Tx, o *Org) error {
		as := slices.Clone(o.Duties)
		for i, a := range as {
			if a.Duty == duty && during(now, a.From, a.Until) && !slices.Contains(people, a.Person) {
				as[i].Until = now
			}
		}
		held := o.Holders(duty, now)
		for _, p := range people {
			// Only who is named now is asked about: somebody who left while holding
			// another duty must not stand in the way of this one.
			if !o.works(p, now) {
				var c fault.Check
				c.Add("people", "fault.unknown_person", nil)
				return c.Err()
			}
			if !slices.Contains(held, p) {
				as = append(as, Assignment{Duty: duty, Person: p, From: now})
				held = append(held, p)
			}
		}
		next := &Org{People: o.People, Departments: o.Departments, Duties: as}
		if err := next.checkDuties(now); err != nil {
			return err
		}
		return tx.ReplaceDuties(ctx, as)
	})
}

// checkDuties holds the separations that the record's worth depends on.
func (o *Org) checkDuties(at time.Time) error {
	var c fault.Check
	c.That(len(o.Holders(access.ProtectionManager, at)) > 0, "people", "fault.duty_needs_holder", nil)
	auditors := o.Holders(access.Auditor, at)
	for _, d := range []access.Duty{access.ProtectionManager, access.ITAdmin, access.Approver} {
		for _, h := range o.Holders(d, at) {
			if slices.Contains(auditors, h) {
				c.Add("people", "fault.auditor_separate", fault.Args{"name": o.NameOf(h)})
			}
		}
	}
	return c.Err()
}

func (s *Service) mayEdit(by access.Actor, person string) error {
	if person != "" && person == by.Person {
		return by.May(access.ManageOwn)
	}
	return by.May(access.EditDirectory)
}

// change runs one change with its event in one commit.
func (s *Service) change(ctx context.Context, by access.Actor, kind, subject string, data any, f func(Tx, *Org) error) error {
	ev, err := journal.NewEvent(s.now(), kind, subject, by.Person, data)
	if err != nil {
		return err
	}
	return s.store.UpdateDirectory(ctx, func(tx Tx) error {
		o, err := tx.Org(ctx)
		if err != nil {
			return fmt.Errorf("load directory: %w", err)
		}
		if err := f(tx, o); err != nil {
			return err
		}
		return tx.Record(ctx, ev)
	})
}

// Found makes the first department and person of an empty directory.
func (s *Service) Found(ctx context.Context, by access.Actor, d Department, p Person) error {
	if err := by.May(access.EditDirectory); err != nil {
		return err
	}
	return s.change(ctx, by, "directory.founded", p.ID, nil, func(tx Tx, o *Org) error {
		if len(o.People) > 0 {
			return fault.Clash("fault.not_empty", nil)
		}
		if err := tx.SaveDepartment(ctx, d); err != nil {
			return fmt.Errorf("save department: %w", err)
		}
		return tx.SavePerson(ctx, p)
	})
}
