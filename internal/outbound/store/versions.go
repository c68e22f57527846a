package store

import (
	"context"
	"sync"

	"sekimori/internal/domain/access"
)

// versions are the numbers of the last changes of what every request needs and what
// seldom changes. Memory may answer while the number is the same; the number itself is
// always read from the database, because another server may have changed it.
type versions struct{ directory, policy, tokens int64 }

// versions reads the numbers. Callers at the same time share one read.
func (db *DB) versions(ctx context.Context) (versions, error) {
	seen, _ := ctx.Value(lookKey{}).(*look)
	if v, ok := seen.get(); ok {
		return v, nil
	}
	ask := func(ctx context.Context) (versions, error) {
		return one(ctx, db.read, func(r scanner) (v versions, err error) {
			return v, r.Scan(&v.directory, &v.policy, &v.tokens)
		}, `SELECT version, (SELECT coalesce(max(version), 0) FROM ntc_policy), (SELECT tokens FROM acc_state WHERE one = 1)
			FROM dir_state WHERE one = 1`)
	}
	var v versions
	var err error
	if db.d.inside { // asking costs less than waiting
		v, err = ask(ctx)
	} else {
		v, err = db.asked.get(ctx, ask)
	}
	if err == nil {
		seen.set(v)
	}
	return v, err
}

// look remembers the versions for one request.
type look struct {
	mu sync.Mutex
	v  *versions
}

type lookKey struct{}

// Look gives a context for one short request: directory, policy and tokens are looked at
// once in it, and again after a change made in it.
func (db *DB) Look(ctx context.Context) context.Context {
	return context.WithValue(ctx, lookKey{}, &look{})
}

func (l *look) get() (versions, bool) {
	if l == nil {
		return versions{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.v == nil {
		return versions{}, false
	}
	return *l.v, true
}

func (l *look) set(v versions) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.v = &v
}

// stale makes the context's request look again.
func stale(ctx context.Context) {
	if l, ok := ctx.Value(lookKey{}).(*look); ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.v = nil
	}
}

// maxTokens bounds how many tokens memory keeps.
const maxTokens = 4096

// tokenCache is the tokens that were read since the last change of any.
type tokenCache struct {
	mu      sync.Mutex
	version int64
	tokens  map[[32]byte]access.Token
}

// get gives a token that was read under the version.
func (c *tokenCache) get(version int64, hash [32]byte) (access.Token, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.tokens[hash]
	return t, ok && c.version == version
}

// put keeps a token that was read after the version.
func (c *tokenCache) put(version int64, t access.Token) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version > version {
		return
	}
	if c.version != version || len(c.tokens) >= maxTokens || c.tokens == nil {
		c.version, c.tokens = version, map[[32]byte]access.Token{}
	}
	c.tokens[t.Hash] = t
}
