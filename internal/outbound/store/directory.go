package store

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
)

var _ directory.Store = (*DB)(nil)

// UpdateDirectory runs one change of the directory and raises its version with it.
func (db *DB) UpdateDirectory(ctx context.Context, f func(directory.Tx) error) error {
	return db.update(ctx, func(t *txn) error {
		// Held first, so that two servers' changes wait for each other; raised last,
		// so that f sees the version that a preview was made against.
		if _, err := one(t.ctx, t, scanInt64, "SELECT version FROM dir_state WHERE one = 1"+t.w.d.forUpdate); err != nil {
			return fmt.Errorf("hold directory: %w", err)
		}
		if err := f(t); err != nil {
			return err
		}
		t.changed = true
		return t.exec("UPDATE dir_state SET version = version + 1 WHERE one = 1")
	})
}

// DirectoryVersion is the number of the last change.
func (db *DB) DirectoryVersion(ctx context.Context) (int64, error) {
	v, err := db.versions(ctx)
	return v.directory, err
}

func scanInt64(r scanner) (int64, error) {
	var n int64
	return n, r.Scan(&n)
}

// LoadOrg gives the directory as it is now, from memory while nothing changed.
func (db *DB) LoadOrg(ctx context.Context) (*directory.Org, error) {
	v, err := db.DirectoryVersion(ctx)
	if err != nil {
		return nil, err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.org != nil && db.org.Version == v {
		return db.org, nil
	}
	o, err := loadOrg(ctx, db.read)
	if err != nil {
		return nil, err
	}
	o.Off = db.off
	db.org = o
	return o, nil
}

// Org gives the directory inside a change.
func (t *txn) Org(context.Context) (*directory.Org, error) { return loadOrg(t.ctx, t) }

// loadOrg reads the version first: a change in between gives a newer content under
// an older number, which the next look reads again.
func loadOrg(ctx context.Context, q querier) (*directory.Org, error) {
	o := &directory.Org{People: map[string]directory.Person{}, Departments: map[string]directory.Department{}}
	var err error
	if o.Version, err = one(ctx, q, scanInt64, "SELECT version FROM dir_state WHERE one = 1"); err != nil {
		return nil, fmt.Errorf("read directory version: %w", err)
	}
	people, err := all(ctx, q, scanPerson, "SELECT "+personColumns+" FROM dir_person")
	if err != nil {
		return nil, fmt.Errorf("load people: %w", err)
	}
	for _, p := range people {
		o.People[p.ID] = p
	}
	departments, err := all(ctx, q, func(r scanner) (d directory.Department, err error) {
		return d, r.Scan(&d.ID, &d.Code, &d.Name, &d.Parent, &d.Head)
	}, "SELECT id, code, name, parent, head FROM dir_department")
	if err != nil {
		return nil, fmt.Errorf("load departments: %w", err)
	}
	for _, d := range departments {
		o.Departments[d.ID] = d
	}
	if o.Duties, err = all(ctx, q, func(r scanner) (a directory.Assignment, err error) {
		var from, until int64
		var duty string
		err = r.Scan(&duty, &a.Person, &from, &until)
		a.Duty, a.From, a.Until = access.Duty(duty), at(from), at(until)
		return a, err
	}, "SELECT duty, person, from_at, until_at FROM dir_duty ORDER BY duty, person, from_at"); err != nil {
		return nil, fmt.Errorf("load duties: %w", err)
	}
	if o.Deputies, err = all(ctx, q, func(r scanner) (d directory.Deputy, err error) {
		var from, until int64
		err = r.Scan(&d.ID, &d.Person, &d.Deputy, &d.Order, &from, &until)
		d.From, d.Until = at(from), at(until)
		return d, err
	}, "SELECT id, person, deputy, sort, from_at, until_at FROM dir_deputy ORDER BY person, sort, id"); err != nil {
		return nil, fmt.Errorf("load deputies: %w", err)
	}
	if o.Absences, err = all(ctx, q, func(r scanner) (a directory.Absence, err error) {
		var from, until int64
		err = r.Scan(&a.ID, &a.Person, &from, &until, &a.Note, &a.By)
		a.From, a.Until = at(from), at(until)
		return a, err
	}, "SELECT id, person, from_at, until_at, note, entered_by FROM dir_absence ORDER BY from_at, id"); err != nil {
		return nil, fmt.Errorf("load absences: %w", err)
	}
	if o.Contacts, err = loadContacts(ctx, q); err != nil {
		return nil, err
	}
	return o, nil
}

const personColumns = "id, number, family, given, family_kana, given_kana, email, phone, department, supervisor, title, lang, verified_at, left_at"

func scanPerson(r scanner) (p directory.Person, err error) {
	var verified, left int64
	err = r.Scan(&p.ID, &p.Number, &p.Family, &p.Given, &p.FamilyKana, &p.GivenKana, &p.Email, &p.Phone,
		&p.Department, &p.Supervisor, &p.Title, &p.Lang, &verified, &left)
	p.Verified, p.Left = at(verified), at(left)
	return p, err
}

// SavePerson inserts or replaces a person.
func (t *txn) SavePerson(_ context.Context, p directory.Person) error {
	return t.exec(`INSERT INTO dir_person (`+personColumns+`) VALUES (`+marks(1, 14)+`)
		ON CONFLICT (id) DO UPDATE SET number = excluded.number, family = excluded.family, given = excluded.given,
		family_kana = excluded.family_kana, given_kana = excluded.given_kana, email = excluded.email, phone = excluded.phone,
		department = excluded.department, supervisor = excluded.supervisor, title = excluded.title, lang = excluded.lang,
		verified_at = excluded.verified_at, left_at = excluded.left_at`,
		p.ID, p.Number, p.Family, p.Given, p.FamilyKana, p.GivenKana, p.Email, p.Phone, p.Department, p.Supervisor, p.Title, p.Lang,
		micros(p.Verified), micros(p.Left))
}

// SaveDepartment inserts or replaces a department.
func (t *txn) SaveDepartment(_ context.Context, d directory.Department) error {
	return t.exec(`INSERT INTO dir_department (id, code, name, parent, head) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET code = excluded.code, name = excluded.name, parent = excluded.parent, head = excluded.head`,
		d.ID, d.Code, d.Name, d.Parent, d.Head)
}

// ReplaceDuties writes all assignments, past ones included.
func (t *txn) ReplaceDuties(_ context.Context, as []directory.Assignment) error {
	if err := t.exec("DELETE FROM dir_duty"); err != nil {
		return err
	}
	for _, a := range as {
		if err := t.exec("INSERT INTO dir_duty (duty, person, from_at, until_at) VALUES ($1, $2, $3, $4)",
			string(a.Duty), a.Person, micros(a.From), micros(a.Until)); err != nil {
			return err
		}
	}
	return nil
}

// SaveDeputy adds a deputy.
func (t *txn) SaveDeputy(_ context.Context, d directory.Deputy) error {
	return t.exec("INSERT INTO dir_deputy (id, person, deputy, sort, from_at, until_at) VALUES ($1, $2, $3, $4, $5, $6)",
		d.ID, d.Person, d.Deputy, d.Order, micros(d.From), micros(d.Until))
}

// DeleteDeputy takes a deputy back; the journal keeps that they were one.
func (t *txn) DeleteDeputy(_ context.Context, deputy string) error {
	return t.exec("DELETE FROM dir_deputy WHERE id = $1", deputy)
}

// SaveAbsence adds an absence.
func (t *txn) SaveAbsence(_ context.Context, a directory.Absence) error {
	return t.exec("INSERT INTO dir_absence (id, person, from_at, until_at, note, entered_by) VALUES ($1, $2, $3, $4, $5, $6)",
		a.ID, a.Person, micros(a.From), micros(a.Until), a.Note, a.By)
}

// DeleteAbsence takes an absence back.
func (t *txn) DeleteAbsence(_ context.Context, absence string) error {
	return t.exec("DELETE FROM dir_absence WHERE id = $1", absence)
}

// VerifyContact notes that a person's mail address was seen to work.
func (t *txn) VerifyContact(_ context.Context, person string, when time.Time) error {
	if err := t.exec("UPDATE dir_person SET verified_at = $1 WHERE id = $2", micros(when), person); err != nil {
		return err
	}
	return t.newDirectory()
}
