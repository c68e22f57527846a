package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/id"
)

var _ access.Store = (*DB)(nil)

// UpdateAccess runs one change of the sign-in data.
func (db *DB) UpdateAccess(ctx context.Context, f func(access.Tx) error) error {
	return db.update(ctx, func(t *txn) error { return f(t) })
}

// SaveAccount inserts or replaces a person's account.
func (t *txn) SaveAccount(_ context.Context, a access.Account) error {
	return t.exec(`INSERT INTO acc_account (person, login, password) VALUES ($1, $2, $3)
		ON CONFLICT (person) DO UPDATE SET login = excluded.login, password = excluded.password`, a.Person, a.Login, a.Password)
}

// InsertSession adds a session and clears those that ended.
func (t *txn) InsertSession(_ context.Context, s access.Session) error {
	if err := t.exec("DELETE FROM acc_session WHERE expires_at < $1", micros(s.Created)); err != nil {
		return err
	}
	return t.exec("INSERT INTO acc_session ("+sessionColumns+") VALUES ("+marks(1, 9)+")",
		s.ID, s.Hash[:], s.Person, s.Address, s.Agent, micros(s.Created), micros(s.Seen), micros(s.Expires), micros(s.Fresh))
}

// DeleteSession ends one session and reports whether it was there.
func (t *txn) DeleteSession(_ context.Context, person, session string) (bool, error) {
	n, err := t.count("DELETE FROM acc_session WHERE person = $1 AND id = $2", person, session)
	return n > 0, err
}

// DeleteSessions ends all sessions of a person but one.
func (t *txn) DeleteSessions(_ context.Context, person, except string) (int, error) {
	return t.count("DELETE FROM acc_session WHERE person = $1 AND id <> $2", person, except)
}

// InsertToken adds a token.
func (t *txn) InsertToken(_ context.Context, k access.Token) error {
	scopes := make([]string, len(k.Scopes))
	for i, s := range k.Scopes {
		scopes[i] = string(s)
	}
	if err := t.exec(`INSERT INTO acc_token (id, hash, person, name, scopes, created_at, expires_at, seen_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0)`, k.ID, k.Hash[:], k.Person, k.Name, list(scopes), micros(k.Created), micros(k.Expires)); err != nil {
		return err
	}
	return t.tokensChanged()
}

// DeleteToken ends a token and reports whether it was there.
func (t *txn) DeleteToken(_ context.Context, person, token string) (bool, error) {
	n, err := t.count("DELETE FROM acc_token WHERE person = $1 AND id = $2", person, token)
	if err != nil || n == 0 {
		return false, err
	}
	return true, t.tokensChanged()
}

// tokensChanged tells every server to read tokens anew.
func (t *txn) tokensChanged() error {
	t.changed = true
	return t.exec("UPDATE acc_state SET tokens = tokens + 1 WHERE one = 1")
}

// Miss counts a failed sign-in and forgets those before the window.
func (t *txn) Miss(_ context.Context, key string, when time.Time, window time.Duration) (int, error) {
	since := micros(when.Add(-window))
	if err := t.exec("DELETE FROM acc_miss WHERE at < $1", since); err != nil {
		return 0, err
	}
	if err := t.exec("INSERT INTO acc_miss (id, key, at) VALUES ($1, $2, $3)", id.New("mis", when), key, micros(when)); err != nil {
		return 0, err
	}
	return one(t.ctx, t, scanInt, "SELECT count(*) FROM acc_miss WHERE key = $1 AND at >= $2", key, since)
}

// ClearMisses forgets a key's failures.
func (t *txn) ClearMisses(_ context.Context, key string) error {
	return t.exec("DELETE FROM acc_miss WHERE key = $1", key)
}

// TakeBackMiss forgets what was counted for a key at a time.
func (t *txn) TakeBackMiss(_ context.Context, key string, when time.Time) error {
	return t.exec("DELETE FROM acc_miss WHERE key = $1 AND at = $2", key, micros(when))
}

func scanInt(r scanner) (int, error) {
	var n int
	return n, r.Scan(&n)
}

// Misses gives a key's failures since a time and the oldest of them.
func (db *DB) Misses(ctx context.Context, key string, since time.Time) (int, time.Time, error) {
	type miss struct {
		n      int
		oldest int64
	}
	m, err := one(ctx, db.read, func(r scanner) (m miss, err error) {
		return m, r.Scan(&m.n, &m.oldest)
	}, "SELECT count(*), coalesce(min(at), 0) FROM acc_miss WHERE key = $1 AND at >= $2", key, micros(since))
	return m.n, at(m.oldest), err
}

const accountColumns = "person, login, password"

func scanAccount(r scanner) (a access.Account, err error) {
	return a, r.Scan(&a.Person, &a.Login, &a.Password)
}

// AccountByLogin finds an account; login is lower case.
func (db *DB) AccountByLogin(ctx context.Context, login string) (access.Account, bool, error) {
	a, err := one(ctx, db.read, scanAccount, "SELECT "+accountColumns+" FROM acc_account WHERE login = $1", login)
	return maybe(a, err)
}

// AccountOf finds a person's account.
func (db *DB) AccountOf(ctx context.Context, person string) (access.Account, bool, error) {
	a, err := one(ctx, db.read, scanAccount, "SELECT "+accountColumns+" FROM acc_account WHERE person = $1", person)
	return maybe(a, err)
}

// maybe turns "no row" into false.
func maybe[T any](v T, err error) (T, bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return v, false, nil
	}
	return v, err == nil, err
}

// Identity says who a person is at the time, with the duties in force.
func (db *DB) Identity(ctx context.Context, person string, when time.Time) (access.Identity, bool, error) {
	o, err := db.LoadOrg(ctx)
	if err != nil {
		return access.Identity{}, false, err
	}
	p, ok := o.People[person]
	if !ok {
		return access.Identity{}, false, nil
	}
	return access.Identity{Person: p.ID, Name: p.Name(), Department: p.Department, Duties: o.DutiesOf(person, when), Active: p.Active(when),
		Mailed: arrives(p)}, true, nil
}

// arrives reports whether a person's mail address was ever known to be right.
func arrives(p directory.Person) bool { return p.Email != "" && !p.Verified.IsZero() }

// PersonByMail finds who works here under a mail address; nobody when it is shared.
func (db *DB) PersonByMail(ctx context.Context, mail string, when time.Time) (string, bool, error) {
	o, err := db.LoadOrg(ctx)
	if err != nil {
		return "", false, err
	}
	found := ""
	for id, p := range o.People {
		if !strings.EqualFold(p.Email, mail) || !arrives(p) || !p.Active(when) {
			continue
		}
		if found != "" {
			return "", false, nil
		}
		found = id
	}
	return found, found != "", nil
}

const sessionColumns = "id, hash, person, address, agent, created_at, seen_at, expires_at, fresh_at"

func scanSession(r scanner) (s access.Session, err error) {
	var hash []byte
	var created, seen, expires, fresh int64
	if err = r.Scan(&s.ID, &hash, &s.Person, &s.Address, &s.Agent, &created, &seen, &expires, &fresh); err != nil {
		return s, err
	}
	copy(s.Hash[:], hash)
	s.Created, s.Seen, s.Expires, s.Fresh = at(created), at(seen), at(expires), at(fresh)
	return s, nil
}

// SessionByHash finds the session of a cookie.
func (db *DB) SessionByHash(ctx context.Context, hash [32]byte) (access.Session, bool, error) {
	s, err := one(ctx, db.read, scanSession, "SELECT "+sessionColumns+" FROM acc_session WHERE hash = $1", hash[:])
	return maybe(s, err)
}

// Sessions lists a person's sessions, newest first.
func (db *DB) Sessions(ctx context.Context, person string) ([]access.Session, error) {
	return all(ctx, db.read, scanSession, "SELECT "+sessionColumns+" FROM acc_session WHERE person = $1 ORDER BY id DESC", person)
}

// TouchSession notes that a session is in use.
func (db *DB) TouchSession(ctx context.Context, session string, when time.Time) error {
	return db.update(ctx, func(t *txn) error {
		return t.exec("UPDATE acc_session SET seen_at = $1 WHERE id = $2", micros(when), session)
	})
}

const tokenColumns = "id, hash, person, name, scopes, created_at, expires_at, seen_at"

func scanToken(r scanner) (k access.Token, err error) {
	var hash []byte
	var scopes string
	var created, expires, seen int64
	if err = r.Scan(&k.ID, &hash, &k.Person, &k.Name, &scopes, &created, &expires, &seen); err != nil {
		return k, err
	}
	copy(k.Hash[:], hash)
	for _, s := range strings.Fields(scopes) {
		k.Scopes = append(k.Scopes, access.Permission(s))
	}
	k.Created, k.Expires, k.Seen = at(created), at(expires), at(seen)
	return k, nil
}

// TokenByHash finds a token, from memory while no token changed.
func (db *DB) TokenByHash(ctx context.Context, hash [32]byte) (access.Token, bool, error) {
	v, err := db.versions(ctx)
	if err != nil {
		return access.Token{}, false, err
	}
	if k, ok := db.tokens.get(v.tokens, hash); ok {
		return k, true, nil
	}
	k, err := one(ctx, db.read, scanToken, "SELECT "+tokenColumns+" FROM acc_token WHERE hash = $1", hash[:])
	k, ok, err := maybe(k, err)
	if ok {
		db.tokens.put(v.tokens, k)
	}
	return k, ok, err
}

// Tokens lists a person's tokens, newest first.
func (db *DB) Tokens(ctx context.Context, person string) ([]access.Token, error) {
	ks, err := all(ctx, db.read, scanToken, "SELECT "+tokenColumns+" FROM acc_token WHERE person = $1 ORDER BY id DESC", person)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return ks, nil
}
