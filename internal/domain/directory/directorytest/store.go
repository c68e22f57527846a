// Package directorytest is a directory in memory, for tests of the domains that ask
// who is who. It keeps what it is given and forgets what a failed change did, as a
// database would; it does not pretend to be one in any other way.
package directorytest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
)

// Store implements directory.Store. Its zero value is not usable; use New.
type Store struct {
	mu     sync.Mutex
	org    *directory.Org
	events []journal.Event
	loads  int
	fail   error
}

var _ directory.Store = (*Store)(nil)

// New makes a store that holds a copy of o; nil is an empty directory at version 1.
func New(o *directory.Org) *Store {
	if o == nil {
		o = &directory.Org{Version: 1}
	}
	return &Store{org: clone(o)}
}

func clone(o *directory.Org) *directory.Org {
	c := &directory.Org{Version: o.Version, People: map[string]directory.Person{}, Departments: map[string]directory.Department{},
		Duties: slices.Clone(o.Duties), Deputies: slices.Clone(o.Deputies), Absences: slices.Clone(o.Absences)}
	maps.Copy(c.People, o.People)
	maps.Copy(c.Departments, o.Departments)
	return c
}

// Now gives a copy of the directory as it is stored.
func (s *Store) Now() *directory.Org {
	s.mu.Lock()
	defer s.mu.Unlock()
	return clone(s.org)
}

// Events gives the journal events of the committed changes, oldest first.
func (s *Store) Events() []journal.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Loads is how often the whole directory was loaded by LoadOrg.
func (s *Store) Loads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads
}

// FailRecord makes the next transactions fail when they write their event, which is
// the last thing that a verb does. nil ends it.
func (s *Store) FailRecord(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// UpdateDirectory runs f on a copy and keeps it when f succeeds.
func (s *Store) UpdateDirectory(ctx context.Context, f func(directory.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &tx{org: clone(s.org), fail: s.fail}
	if err := f(t); err != nil {
		return err
	}
	if t.changed {
		t.org.Version++
	}
	s.org, s.events = t.org, append(s.events, t.events...)
	return nil
}

// DirectoryVersion is the number of the last change.
func (s *Store) DirectoryVersion(ctx context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.org.Version, ctx.Err()
}

// LoadOrg gives a copy of the whole directory.
func (s *Store) LoadOrg(ctx context.Context) (*directory.Org, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	return clone(s.org), ctx.Err()
}

// tx is one transaction: a copy of the directory that is being changed.
type tx struct {
	org     *directory.Org
	events  []journal.Event
	changed bool
	fail    error
}

// errNoSuch stands for the foreign keys that a database holds.
var errNoSuch = errors.New("directorytest: points at what is not stored")

func (t *tx) Record(_ context.Context, e journal.Event) error {
	if t.fail != nil {
		return t.fail
	}
	t.events = append(t.events, e)
	return nil
}

func (t *tx) Org(context.Context) (*directory.Org, error) { return clone(t.org), nil }

func (t *tx) SavePerson(_ context.Context, p directory.Person) error {
	if !t.hasPerson(p.Supervisor) && p.Supervisor != p.ID || !t.hasDepartment(p.Department) {
		return errNoSuch
	}
	t.org.People[p.ID], t.changed = p, true
	return nil
}

func (t *tx) SaveDepartment(_ context.Context, d directory.Department) error {
	if !t.hasDepartment(d.Parent) || !t.hasPerson(d.Head) {
		return errNoSuch
	}
	t.org.Departments[d.ID], t.changed = d, true
	return nil
}

func (t *tx) ReplaceDuties(_ context.Context, as []directory.Assignment) error {
	for _, a := range as {
		if a.Person == "" || !t.hasPerson(a.Person) {
			return errNoSuch
		}
	}
	t.org.Duties, t.changed = slices.Clone(as), true
	return nil
}

func (t *tx) SaveDeputy(_ context.Context, d directory.Deputy) error {
	t.org.Deputies, t.changed = append(t.org.Deputies, d), true
	return nil
}

func (t *tx) DeleteDeputy(_ context.Context, id string) error {
	t.org.Deputies = slices.DeleteFunc(t.org.Deputies, func(d directory.Deputy) bool { return d.ID == id })
	t.changed = true
	return nil
}

func (t *tx) SaveAbsence(_ context.Context, a directory.Absence) error {
	t.org.Absences, t.changed = append(t.org.Absences, a), true
	return nil
}

func (t *tx) DeleteAbsence(_ context.Context, id string) error {
	t.org.Absences = slices.DeleteFunc(t.org.Absences, func(a directory.Absence) bool { return a.ID == id })
	t.changed = true
	return nil
}

func (t *tx) hasPerson(id string) bool {
	_, ok := t.org.People[id]
	return ok || id == ""
}

func (t *tx) hasDepartment(id string) bool {
	_, ok := t.org.Departments[id]
	return ok || id == ""
}
