package directory

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strconv"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/sheet"
)

// Plan is what an import would do. A person or department that the file does not name
// stays as it is; so does a field whose column the file does not have. An empty cell
// empties the field, except for the language.
type Plan struct {
	Kind      FileKind
	Encoding  sheet.Encoding
	Version   int64  // of the directory that the plan was made against
	Hash      string // SHA-256, hexadecimal, of what the file says
	Lines     int    // without the header
	Adds      []Entry
	Changes   []Entry // those who stay
	Leaves    []Entry // people who get a date of leaving, with whatever else changes
	Unchanged int
	Problems  []Problem // in the order of the lines; with any, nothing can be applied
}

// Entry is one line that would change something.
type Entry struct {
	Line   int
	Key    string // employee number or department code
	Name   string // as it would be
	Fields []FieldChange
}

// FieldChange is one field as text, before and after. Column is the wire name; the
// message "directory.column."+Column is its title.
type FieldChange struct {
	Column, Old, New string
}

// Problem is one thing to mend in the file. Column is a wire name as in FieldChange,
// empty when it concerns the whole line; ID and Args are a message.
type Problem struct {
	Line   int
	Column string
	ID     string
	Args   fault.Args
}

// PreviewImport says what a file of people or departments would change, and everything
// that is wrong with it. Nothing is stored.
func (s *Service) PreviewImport(ctx context.Context, by access.Actor, file io.Reader) (Plan, error) {
	if err := by.May(access.EditDirectory); err != nil {
		return Plan{}, err
	}
	c, err := readFile(file)
	if err != nil {
		return Plan{}, err
	}
	o, err := s.Org(ctx)
	if err != nil {
		return Plan{}, err
	}
	return newDraft(o, c, s.now()).plan, nil
}

// ApplyImport does what a preview showed, all of it or nothing. version and hash are
// those of the plan that was seen; when the file or the directory is another by now,
// the answer is fault.import_stale and the plan as it would be now.
func (s *Service) ApplyImport(ctx context.Context, by access.Actor, file io.Reader, version int64, hash string) (Plan, error) {
	if err := by.May(access.EditDirectory); err != nil {
		return Plan{}, err
	}
	var check fault.Check
	check.That(hash != "", "hash", "fault.import_preview_first", nil)
	if err := check.Err(); err != nil {
		return Plan{}, err
	}
	c, err := readFile(file)
	if err != nil {
		return Plan{}, err
	}
	var plan Plan
	err = s.store.UpdateDirectory(ctx, func(tx Tx) error {
		o, err := tx.Org(ctx)
		if err != nil {
			return fmt.Errorf("load directory: %w", err)
		}
		now := s.now()
		d := newDraft(o, c, now)
		plan = d.plan
		switch {
		case plan.Hash != hash || plan.Version != version:
			return fault.Clash("fault.import_stale", nil)
		case len(plan.Problems) > 0:
			return fault.New(fault.Invalid, "fault.import_problems", fault.Args{"n": strconv.Itoa(len(plan.Problems))})
		case len(d.people) == 0 && len(d.departments) == 0:
			return nil // nothing happened, so there is nothing to record
		}
		return d.save(ctx, tx, by, now)
	})
	return plan, err
}

// imported is what the journal keeps of an import: how much, and of which content.
// The people themselves are not repeated there.
type imported struct {
	Kind      FileKind `json:"kind"`
	Version   int64    `json:"version"` // before the import
	Hash      string   `json:"sha256"`
	Adds      int      `json:"adds"`
	Changes   int      `json:"changes"`
	Leaves    int      `json:"leaves"`
	Unchanged int      `json:"unchanged"`
}

func (d *draft) save(ctx context.Context, tx Tx, by access.Actor, now time.Time) error {
	for _, p := range d.people {
		if err := tx.SavePerson(ctx, p); err != nil {
			return fmt.Errorf("save person: %w", err)
		}
	}
	for _, dep := range d.departments {
		if err := tx.SaveDepartment(ctx, dep); err != nil {
			return fmt.Errorf("save department: %w", err)
		}
	}
	ev, err := journal.NewEvent(now, "directory.imported", string(d.plan.Kind), by.Person, imported{
		Kind: d.plan.Kind, Version: d.plan.Version, Hash: d.plan.Hash, Adds: len(d.plan.Adds),
		Changes: len(d.plan.Changes), Leaves: len(d.plan.Leaves), Unchanged: d.plan.Unchanged,
	})
	if err != nil {
		return err
	}
	return tx.Record(ctx, ev)
}

// leadersFirst orders the values so that each comes after the one that it points to,
// as far as that one is saved too: a store may refuse to point at what is not there.
func leadersFirst[T any](order []string, byID map[string]T, above func(T) string) []T {
	var out []T
	todo := maps.Clone(byID)
	for _, id := range order {
		var chain []T
		for {
			v, ok := todo[id]
			if !ok {
				break
			}
			delete(todo, id)
			chain = append(chain, v)
			id = above(v)
		}
		for i := len(chain) - 1; i >= 0; i-- {
			out = append(out, chain[i])
		}
	}
	return out
}
