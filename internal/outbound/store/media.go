package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sekimori/internal/domain/asset"
	"sekimori/internal/kit/wire"
)

// AllowedMedia gives what a PC's guard lets work, by number: media whose loan for this PC
// the borrower has received and that has not ended; and the newest registration that it is
// to carry out. A medium that no PC has read cannot be told from others and is not among
// them.
func (t *txn) AllowedMedia(_ context.Context, device string, now time.Time) ([]wire.Medium, *wire.Registration, error) {
	media, err := all(t.ctx, t, func(r scanner) (m wire.Medium, err error) {
		return m, r.Scan(&m.Asset, &m.Loan, &m.Vendor, &m.Product, &m.Serial, &m.Token, (*int64)(&m.From), (*int64)(&m.Until), &m.ReadOnly)
	}, `SELECT a.number, l.label, a.vendor, a.product, a.serial, a.token, l.from_at, l.until_at, l.read_only FROM lon_loan l JOIN ast_asset a ON a.id = l.asset
		WHERE l.device = $1 AND l.device <> '' AND l.state = 'out' AND l.until_at > $2 AND a.state = 'lent' AND a.loan = l.id AND a.vendor <> ''
		ORDER BY a.number`, device, micros(now))
	if err != nil {
		return nil, nil, fmt.Errorf("load loans: %w", err)
	}
	reg, err := one(t.ctx, t, func(r scanner) (*wire.Registration, error) {
		var x wire.Registration
		return &x, r.Scan(&x.ID, &x.Asset, &x.Token, (*int64)(&x.Until))
	}, `SELECT r.id, a.number, r.text, r.until_at FROM med_registration r JOIN ast_asset a ON a.id = r.asset
		WHERE r.device = $1 AND r.done_at = 0 AND r.until_at > $2 ORDER BY r.at DESC, r.id DESC LIMIT 1`, device, micros(now))
	if errors.Is(err, sql.ErrNoRows) {
		return media, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("load registration: %w", err)
	}
	return media, reg, nil
}

// GuardMode gives the mode of a department's PCs: its own, else that of the nearest one
// above, else the company's.
func (t *txn) GuardMode(_ context.Context, department string) (wire.GuardMode, error) {
	p, err := one(t.ctx, t, scanPolicyOfGuard, newestPolicy)
	if errors.Is(err, sql.ErrNoRows) {
		p, err = asset.DefaultPolicy(), nil
	}
	if err != nil || len(p.Departments) == 0 {
		return p.Mode, err
	}
	var line []string
	for d := department; d != "" && len(line) < 50; {
		line = append(line, d)
		above, err := all(t.ctx, t, scanText, "SELECT coalesce(parent, '') FROM dir_department WHERE id = $1", d)
		if err != nil {
			return "", fmt.Errorf("load department: %w", err)
		}
		if len(above) == 0 {
			break
		}
		d = above[0]
	}
	return p.ModeFor(line), nil
}

const newestPolicy = "SELECT version, mode, departments, set_by, at FROM med_policy ORDER BY version DESC LIMIT 1"

func scanPolicyOfGuard(r scanner) (p asset.Policy, err error) {
	var departments string
	var when int64
	if err = r.Scan(&p.Version, (*string)(&p.Mode), &departments, &p.By, &when); err != nil {
		return p, err
	}
	p.At = at(when)
	return p, json.Unmarshal([]byte(departments), &p.Departments)
}

// NewestGuardPolicy reads the policy in force; false while nobody has set one.
func (db *DB) NewestGuardPolicy(ctx context.Context) (asset.Policy, bool, error) {
	p, err := one(ctx, db.read, scanPolicyOfGuard, newestPolicy)
	return maybe(p, err)
}

// SaveGuardPolicy adds a version, unless there is one of that number.
func (t *txn) SaveGuardPolicy(_ context.Context, p asset.Policy) (bool, error) {
	departments, err := json.Marshal(p.Departments)
	if err != nil {
		return false, fmt.Errorf("marshal departments: %w", err)
	}
	n, err := t.count("INSERT INTO med_policy (version, mode, departments, set_by, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (version) DO NOTHING",
		p.Version, string(p.Mode), string(departments), p.By, micros(p.At))
	return n == 1, err
}

const registrationColumns = "id, asset, device, token, text, asked_by, at, until_at, done_at"

// InsertRegistration adds a registration and gives up open ones of its device or thing.
func (t *txn) InsertRegistration(_ context.Context, r asset.Registration) error {
	if err := t.exec("UPDATE med_registration SET done_at = $1 WHERE done_at = 0 AND (device = $2 OR asset = $3)", micros(r.At), r.Device, r.Asset); err != nil {
		return err
	}
	return t.exec("INSERT INTO med_registration ("+registrationColumns+") VALUES ("+marks(1, 9)+")",
		r.ID, r.Asset, r.Device, r.Token, r.Text, r.By, micros(r.At), micros(r.Until), micros(r.Done))
}

// LockRegistration reads a registration and holds it until the transaction ends.
func (t *txn) LockRegistration(_ context.Context, registration string) (asset.Registration, bool, error) {
	r, err := one(t.ctx, t, func(s scanner) (r asset.Registration, err error) {
		var when, until, done int64
		err = s.Scan(&r.ID, &r.Asset, &r.Device, &r.Token, &r.Text, &r.By, &when, &until, &done)
		r.At, r.Until, r.Done = at(when), at(until), at(done)
		return r, err
	}, "SELECT "+registrationColumns+" FROM med_registration WHERE id = $1"+t.w.d.forUpdate, registration)
	return maybe(r, err)
}

// SaveRegistration writes that a registration was done.
func (t *txn) SaveRegistration(_ context.Context, r asset.Registration) error {
	return t.exec("UPDATE med_registration SET done_at = $1 WHERE id = $2", micros(r.Done), r.ID)
}

// KnownAttempts gives those of a device's keys that are kept already.
func (t *txn) KnownAttempts(_ context.Context, device string, keys []string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	args := append([]any{device}, padded(keys)...)
	return all(t.ctx, t, scanText, "SELECT key FROM med_attempt WHERE device = $1 AND key IN ("+marks(2, len(args)-1)+")", args...)
}

const attemptFields = "id, device, key, at, heard_at, what, why, class, vendor, product, serial, name, asset, loan, username, files, bytes, event"

func scanMediaAttempt(r scanner) (a asset.Attempt, err error) {
	var when, heard int64
	err = r.Scan(&a.ID, &a.Device, &a.Key, &when, &heard, &a.What, &a.Why, &a.Class, &a.Vendor, &a.Product, &a.Serial, &a.Name, &a.Asset, &a.Loan,
		&a.User, &a.Files, &a.Bytes, &a.Event)
	a.At, a.Heard = at(when), at(heard)
	return a, err
}

// InsertAttempt adds what a device told, with the files that were written.
func (t *txn) InsertAttempt(_ context.Context, a asset.Attempt, files []asset.Written) error {
	if err := t.exec("INSERT INTO med_attempt ("+attemptFields+") VALUES ("+marks(1, 18)+")", a.ID, a.Device, a.Key, micros(a.At), micros(a.Heard), a.What, a.Why,
		a.Class, a.Vendor, a.Product, a.Serial, a.Name, a.Asset, a.Loan, a.User, a.Files, a.Bytes, a.Event); err != nil {
		return err
	}
	for _, f := range files {
		if err := t.exec("INSERT INTO med_written (loan, name, size, at, attempt) VALUES ($1, $2, $3, $4, $5)", f.Loan, f.Name, f.Size, micros(f.At), a.ID); err != nil {
			return err
		}
	}
	return nil
}

// CountAttempts counts what a device has told since a time; of any sort when what is "".
func (t *txn) CountAttempts(_ context.Context, device, what string, since time.Time) (int, error) {
	if what == "" {
		return one(t.ctx, t, scanInt, "SELECT count(*) FROM med_attempt WHERE device = $1 AND heard_at >= $2", device, micros(since))
	}
	return one(t.ctx, t, scanInt, "SELECT count(*) FROM med_attempt WHERE device = $1 AND heard_at >= $2 AND what = $3", device, micros(since), what)
}

// CountWritten counts the files that are named on a loan.
func (t *txn) CountWritten(_ context.Context, loan string) (int, error) {
	return one(t.ctx, t, scanInt, "SELECT count(*) FROM med_written WHERE loan = $1", loan)
}

// LoanOn finds a loan by its label, if it was for that device.
func (t *txn) LoanOn(_ context.Context, label, device string) (*asset.Loan, bool, error) {
	l, err := one(t.ctx, t, scanOneLoan, "SELECT "+loanColumns+" FROM lon_loan WHERE label = $1 AND device = $2 AND device <> ''", label, device)
	return maybe(l, err)
}

// LastDraft gives when a device's last draft case was asked for.
func (t *txn) LastDraft(_ context.Context, device string) (time.Time, error) {
	when, err := one(t.ctx, t, scanInt64, "SELECT coalesce(max(at), 0) FROM med_draft WHERE device = $1", device)
	return at(when), err
}

// AskDraft asks for a device's draft case.
func (t *txn) AskDraft(_ context.Context, device string, when time.Time) error {
	return t.exec("INSERT INTO med_draft (device, at, done) VALUES ($1, $2, false) ON CONFLICT (device) DO UPDATE SET at = excluded.at, done = excluded.done", device, micros(when))
}

// DraftDone notes that a draft case was filed.
func (t *txn) DraftDone(_ context.Context, device string, when time.Time) error {
	return t.exec("UPDATE med_draft SET done = true WHERE device = $1 AND at = $2", device, micros(when))
}

// OpenDrafts lists the draft cases that were asked for and not filed, oldest first.
func (db *DB) OpenDrafts(ctx context.Context) ([]asset.Draft, error) {
	return all(ctx, db.read, func(r scanner) (d asset.Draft, err error) {
		var when int64
		err = r.Scan(&d.Device, &when)
		d.At = at(when)
		return d, err
	}, "SELECT device, at FROM med_draft WHERE done = false ORDER BY at LIMIT 100")
}

// RefusedOn lists what a device has refused in a time, oldest first.
func (db *DB) RefusedOn(ctx context.Context, device string, from, to time.Time, limit int) ([]asset.Attempt, error) {
	return all(ctx, db.read, scanMediaAttempt, "SELECT "+attemptFields+" FROM med_attempt WHERE device = $1 AND heard_at >= $2 AND heard_at <= $3 AND what = 'refused' ORDER BY heard_at, id LIMIT $4",
		device, micros(from), micros(to), limit)
}

// FindAttempts lists what devices have told, newest first.
func (db *DB) FindAttempts(ctx context.Context, q asset.AttemptQuery) ([]asset.Attempt, error) {
	w := where{}
	if q.Device != "" {
		w.add("m.device = ?", q.Device)
	}
	if q.Asset != "" {
		w.add("m.asset = ? AND m.asset <> ''", q.Asset)
	}
	if q.What != "" {
		w.add("m.what = ?", q.What)
	}
	if q.After != "" {
		w.add("(m.heard_at, m.id) < (SELECT p.heard_at, p.id FROM med_attempt p WHERE p.id = ?)", q.After)
	}
	text, args := w.text()
	return all(ctx, db.read, scanMediaAttempt, fmt.Sprintf("SELECT %s FROM med_attempt m %s ORDER BY m.heard_at DESC, m.id DESC LIMIT %d", attemptFields, text, q.Limit), args...)
}

// WouldBlock tells the observed media apart by PC, newest first.
func (db *DB) WouldBlock(ctx context.Context, since time.Time, limit int) ([]asset.Would, error) {
	return all(ctx, db.read, func(r scanner) (x asset.Would, err error) {
		var last int64
		err = r.Scan(&x.Device, &x.Class, &x.Vendor, &x.Product, &x.Serial, &x.Name, &x.Why, &x.Times, &last)
		x.Last = at(last)
		return x, err
	}, `SELECT device, class, vendor, product, serial, name, why, count(*), max(heard_at) FROM med_attempt WHERE what = 'observed' AND heard_at >= $1
		GROUP BY device, class, vendor, product, serial, name, why ORDER BY max(heard_at) DESC, device LIMIT $2`, micros(since), limit)
}

// WrittenOn lists the files that are named on a loan, newest first.
func (db *DB) WrittenOn(ctx context.Context, loan string, limit int) ([]asset.Written, error) {
	return all(ctx, db.read, func(r scanner) (f asset.Written, err error) {
		var when int64
		err = r.Scan(&f.Loan, &f.Name, &f.Size, &when)
		f.At = at(when)
		return f, err
	}, "SELECT loan, name, size, at FROM med_written WHERE loan = $1 ORDER BY at DESC, name LIMIT $2", loan, limit)
}

// EraseAttempts forgets what PCs told long ago, and registrations that ended so long ago.
func (t *txn) EraseAttempts(_ context.Context, before, observedBefore, when time.Time, limit int) (int, error) {
	type old struct{ id, event string }
	olds, err := all(t.ctx, t, func(r scanner) (o old, err error) { return o, r.Scan(&o.id, &o.event) },
		`SELECT m.id, m.event FROM med_attempt m WHERE m.heard_at < $1 AND (m.heard_at < $2 OR m.what = 'observed')
		AND NOT EXISTS (SELECT 1 FROM lon_loan l WHERE l.id = m.loan AND l.over_at = 0) ORDER BY m.heard_at, m.id LIMIT $3`,
		micros(observedBefore), micros(before), limit)
	if err != nil {
		return 0, fmt.Errorf("list what PCs told: %w", err)
	}
	for _, o := range olds {
		if err := t.exec("UPDATE jrn_event SET salt = NULL, content = NULL, erased_at = $1 WHERE id = $2 AND content IS NOT NULL", micros(when), o.event); err != nil {
			return 0, err
		}
		if err := t.exec("DELETE FROM med_attempt WHERE id = $1", o.id); err != nil {
			return 0, err
		}
	}
	return len(olds), t.exec("DELETE FROM med_registration WHERE until_at < $1", micros(before))
}
