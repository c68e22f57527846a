package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"sekimori/internal/domain/directory"
)

var _ directory.ContactStore = (*DB)(nil)

// UpdateContacts runs one change of contacts. Those that change what the directory holds
// raise its version.
func (db *DB) UpdateContacts(ctx context.Context, f func(directory.ContactTx) error) error {
	return db.update(ctx, func(t *txn) error { return f(t) })
}

const contactColumns = "id, person, channel, address, name, secret, created_at, verified_at, failed_at, failed_why"

func scanContact(r scanner) (c directory.Contact, err error) {
	var created, verified, failed int64
	err = r.Scan(&c.ID, &c.Person, (*string)(&c.Channel), &c.Address, &c.Name, &c.Secret, &created, &verified, &failed, &c.FailedWhy)
	c.Created, c.Verified, c.Failed = at(created), at(verified), at(failed)
	if len(c.Secret) == 0 {
		c.Secret = nil
	}
	return c, err
}

// loadContacts reads every contact by person; nil when there is none.
func loadContacts(ctx context.Context, q querier) (map[string][]directory.Contact, error) {
	cs, err := all(ctx, q, scanContact, "SELECT "+contactColumns+" FROM dir_contact ORDER BY created_at, id")
	if err != nil {
		return nil, fmt.Errorf("load contacts: %w", err)
	}
	var out map[string][]directory.Contact
	for _, c := range cs {
		if out == nil {
			out = map[string][]directory.Contact{}
		}
		out[c.Person] = append(out[c.Person], c)
	}
	return out, nil
}

// ContactsOfPerson lists a person's contacts, oldest first, and holds them.
func (t *txn) ContactsOfPerson(_ context.Context, person string) ([]directory.Contact, error) {
	return all(t.ctx, t, scanContact, "SELECT "+contactColumns+" FROM dir_contact WHERE person = $1 ORDER BY created_at, id"+t.w.d.forUpdate, person)
}

// SaveContact inserts or replaces a contact.
func (t *txn) SaveContact(_ context.Context, c directory.Contact) error {
	secret := c.Secret
	if secret == nil {
		secret = []byte{}
	}
	if err := t.exec("INSERT INTO dir_contact ("+contactColumns+") VALUES ("+marks(1, 10)+`)
		ON CONFLICT (id) DO UPDATE SET channel = excluded.channel, address = excluded.address, name = excluded.name, secret = excluded.secret,
			verified_at = excluded.verified_at, failed_at = excluded.failed_at, failed_why = excluded.failed_why`,
		c.ID, c.Person, string(c.Channel), c.Address, c.Name, secret, micros(c.Created), micros(c.Verified), micros(c.Failed), c.FailedWhy); err != nil {
		return err
	}
	return t.newDirectory()
}

// DeleteContact forgets a contact and its proof.
func (t *txn) DeleteContact(ctx context.Context, contact string) error {
	if err := t.DeleteProof(ctx, contact); err != nil {
		return err
	}
	if err := t.exec("DELETE FROM dir_contact WHERE id = $1", contact); err != nil {
		return err
	}
	return t.newDirectory()
}

// ContactWorked notes that what went to a person's contact was read.
func (t *txn) ContactWorked(ctx context.Context, person, channel, destination string, when time.Time) error {
	own, err := t.ownAddress(person, channel, destination)
	if err != nil || own {
		if err == nil {
			err = t.VerifyContact(ctx, person, when)
		}
		return err
	}
	n, err := t.count(`UPDATE dir_contact SET verified_at = $1, failed_at = 0, failed_why = '' WHERE person = $2 AND channel = $3
		AND (id = $4 OR channel = 'mail' AND address = $5) AND verified_at > 0`, micros(when), person, channel, destination, destination)
	if err != nil || n == 0 {
		return err
	}
	return t.newDirectory()
}

// ContactFailed notes that a contact takes nothing any more, and gives its id; "" when that
// is no news. A person's own mail address belongs to the directory and stays, but is not
// known to arrive any more.
func (t *txn) ContactFailed(_ context.Context, person, channel, destination, why string, when time.Time) (string, error) {
	own, err := t.ownAddress(person, channel, destination)
	if err != nil {
		return "", err
	}
	contact, n := person, 0
	if own {
		n, err = t.count("UPDATE dir_person SET verified_at = 0 WHERE id = $1 AND verified_at > 0", person)
	} else if contact, err = one(t.ctx, t, scanText, `SELECT id FROM dir_contact WHERE person = $1 AND channel = $2
		AND (id = $3 OR channel = 'mail' AND address = $4) AND failed_at = 0`+t.w.d.forUpdate, person, channel, destination, destination); err == nil {
		n, err = t.count("UPDATE dir_contact SET failed_at = $1, failed_why = $2 WHERE id = $3", micros(when), why, contact)
	}
	if errors.Is(err, sql.ErrNoRows) || err == nil && n == 0 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return contact, t.newDirectory()
}

// ownAddress reports whether the destination is the person's own mail address.
func (t *txn) ownAddress(person, channel, destination string) (bool, error) {
	if channel != string(directory.Mail) {
		return false, nil
	}
	n, err := one(t.ctx, t, scanInt64, "SELECT count(*) FROM dir_person WHERE id = $1 AND email = $2", person, destination)
	return n > 0, err
}

// newDirectory raises the directory's version: what was read of it is old.
func (t *txn) newDirectory() error {
	t.changed = true
	return t.exec("UPDATE dir_state SET version = version + 1 WHERE one = 1")
}

const proofColumns = "contact, person, code, sent_at, until_at, tries"

// SaveProof inserts or replaces a contact's proof.
func (t *txn) SaveProof(_ context.Context, p directory.Proof) error {
	return t.exec("INSERT INTO dir_proof ("+proofColumns+") VALUES ("+marks(1, 6)+`)
		ON CONFLICT (contact) DO UPDATE SET person = excluded.person, code = excluded.code, sent_at = excluded.sent_at,
			until_at = excluded.until_at, tries = excluded.tries`,
		p.Contact, p.Person, p.Code, micros(p.Sent), micros(p.Until), p.Tries)
}

// LockProof reads a contact's proof and holds it.
func (t *txn) LockProof(_ context.Context, contact string) (directory.Proof, bool, error) {
	p, err := one(t.ctx, t, func(r scanner) (p directory.Proof, err error) {
		var sent, until int64
		err = r.Scan(&p.Contact, &p.Person, &p.Code, &sent, &until, &p.Tries)
		p.Sent, p.Until = at(sent), at(until)
		return p, err
	}, "SELECT "+proofColumns+" FROM dir_proof WHERE contact = $1"+t.w.d.forUpdate, contact)
	return maybe(p, err)
}

// DeleteProof forgets a contact's proof.
func (t *txn) DeleteProof(_ context.Context, contact string) error {
	return t.exec("DELETE FROM dir_proof WHERE contact = $1", contact)
}

// ForgetLeavers deletes the contacts of those who left before a time, and codes that
// nobody can use any more.
func (t *txn) ForgetLeavers(_ context.Context, before time.Time) (int, error) {
	if err := t.exec("DELETE FROM dir_proof WHERE until_at < $1", micros(before)); err != nil {
		return 0, err
	}
	n, err := t.count("DELETE FROM dir_contact WHERE person IN (SELECT id FROM dir_person WHERE left_at > 0 AND left_at < $1)", micros(before))
	if err != nil || n == 0 {
		return 0, err
	}
	return n, t.newDirectory()
}
