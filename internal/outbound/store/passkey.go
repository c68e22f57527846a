package store

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/id"
)

// RenewSession gives a session another secret.
func (t *txn) RenewSession(_ context.Context, person, session string, hash [32]byte, when time.Time) (access.Session, bool, error) {
	n, err := t.count("UPDATE acc_session SET hash = $1, fresh_at = $2, seen_at = $3 WHERE id = $4 AND person = $5",
		hash[:], micros(when), micros(when), session, person)
	if err != nil || n == 0 {
		return access.Session{}, false, err
	}
	s, err := one(t.ctx, t, scanSession, "SELECT "+sessionColumns+" FROM acc_session WHERE id = $1", session)
	return s, err == nil, err
}

const passkeyColumns = "id, person, name, credential, public_key, sign_count, copyable, created_at, seen_at, copied_at"

func scanPasskey(r scanner) (k access.Passkey, err error) {
	var count, created, seen, copied int64
	if err = r.Scan(&k.ID, &k.Person, &k.Name, &k.Key.ID, &k.Key.Public, &count, &k.Key.Copyable, &created, &seen, &copied); err != nil {
		return k, err
	}
	k.Key.Count = uint32(count)
	k.Created, k.Seen, k.Copied = at(created), at(seen), at(copied)
	return k, nil
}

// InsertPasskey adds a passkey.
func (t *txn) InsertPasskey(_ context.Context, k access.Passkey) error {
	return t.exec("INSERT INTO acc_passkey ("+passkeyColumns+") VALUES ("+marks(1, 10)+")", k.ID, k.Person, k.Name, k.Key.ID, k.Key.Public,
		int64(k.Key.Count), k.Key.Copyable, micros(k.Created), micros(k.Seen), micros(k.Copied))
}

// RenamePasskey gives a passkey another name.
func (t *txn) RenamePasskey(_ context.Context, person, key, name string) (bool, error) {
	n, err := t.count("UPDATE acc_passkey SET name = $1 WHERE person = $2 AND id = $3", name, person, key)
	return n > 0, err
}

// DeletePasskey ends a passkey and reports whether it was there.
func (t *txn) DeletePasskey(_ context.Context, person, key string) (bool, error) {
	n, err := t.count("DELETE FROM acc_passkey WHERE person = $1 AND id = $2", person, key)
	return n > 0, err
}

// UsePasskey writes count and times of a passkey.
func (t *txn) UsePasskey(_ context.Context, k access.Passkey) (bool, error) {
	n, err := t.count("UPDATE acc_passkey SET sign_count = $1, seen_at = $2, copied_at = $3 WHERE id = $4",
		int64(k.Key.Count), micros(k.Seen), micros(k.Copied), k.ID)
	return n > 0, err
}

// PasskeysLike gives the person's passkeys and the one of that credential.
func (t *txn) PasskeysLike(_ context.Context, person string, credential []byte) ([]access.Passkey, error) {
	return all(t.ctx, t, scanPasskey, "SELECT "+passkeyColumns+" FROM acc_passkey WHERE person = $1 OR credential = $2", person, credential)
}

// Passkeys lists a person's passkeys, oldest first.
func (db *DB) Passkeys(ctx context.Context, person string) ([]access.Passkey, error) {
	ks, err := all(ctx, db.read, scanPasskey, "SELECT "+passkeyColumns+" FROM acc_passkey WHERE person = $1 ORDER BY id", person)
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	return ks, nil
}

// PasskeyByCredential finds a passkey by what its authenticator calls it.
func (db *DB) PasskeyByCredential(ctx context.Context, credential []byte) (access.Passkey, bool, error) {
	k, err := one(ctx, db.read, scanPasskey, "SELECT "+passkeyColumns+" FROM acc_passkey WHERE credential = $1", credential)
	return maybe(k, err)
}

// Spend keeps a challenge's hash until it ends, and forgets those that have.
func (t *txn) Spend(_ context.Context, hash [32]byte, until, now time.Time) (bool, error) {
	if err := t.exec("DELETE FROM acc_spent WHERE until_at < $1", micros(now)); err != nil {
		return false, err
	}
	n, err := t.count("INSERT INTO acc_spent (hash, until_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING", hash[:], micros(until))
	return n > 0, err
}

// InsertKnown adds a proven browser and forgets those that have run out.
func (t *txn) InsertKnown(_ context.Context, k access.Known) error {
	if err := t.exec("DELETE FROM acc_known WHERE expires_at < $1", micros(k.Created)); err != nil {
		return err
	}
	return t.exec("INSERT INTO acc_known (hash, person, created_at, expires_at) VALUES ($1, $2, $3, $4)", k.Hash[:], k.Person, micros(k.Created), micros(k.Expires))
}

// DeleteKnown forgets every proven browser of a person.
func (t *txn) DeleteKnown(_ context.Context, person string) error {
	return t.exec("DELETE FROM acc_known WHERE person = $1", person)
}

func scanKnown(r scanner) (k access.Known, err error) {
	var hash []byte
	var created, expires int64
	if err = r.Scan(&hash, &k.Person, &created, &expires); err != nil {
		return k, err
	}
	copy(k.Hash[:], hash)
	k.Created, k.Expires = at(created), at(expires)
	return k, nil
}

// KnownByHash finds a proven browser.
func (db *DB) KnownByHash(ctx context.Context, hash [32]byte) (access.Known, bool, error) {
	k, err := one(ctx, db.read, scanKnown, "SELECT hash, person, created_at, expires_at FROM acc_known WHERE hash = $1", hash[:])
	return maybe(k, err)
}

// Post plans a mail about an account.
func (t *txn) Post(ctx context.Context, l access.Letter) error {
	return t.PlanLetter(ctx, notice.Letter{ID: id.New("ltr", l.At), Key: l.ID + ":" + l.Topic, Topic: l.Topic, About: l.ID, Person: l.Person,
		Args: l.Args, Path: l.Path, Planned: l.At, NextTry: l.At, State: notice.Planned})
}
