package store

import (
	"context"
	"fmt"
	"time"
)

// Reply is what a caller of the API was answered under an idempotency key. Its fields
// are those that the API declares, in the same order, so that one converts to the other.
type Reply struct {
	Status      int // HTTP status; 0 while the first request runs
	ContentType string
	Body        []byte
	Hash        string // of the request that it answers
}

const (
	replyLife = 48 * time.Hour // how long a reply can be asked for again
	replyHold = time.Minute    // how long a request that never finished keeps its key
)

// Replies keeps the first reply to each key of a person.
type Replies struct{ db *DB }

// Replies gives the store of the API's replies.
func (db *DB) Replies() Replies { return Replies{db} }

// Begin takes a key. stored is the finished reply when there is one. Else fresh is
// true for one caller; the others get false until it has finished, or for a minute
// when its server died. Rows past their life go on the way.
func (r Replies) Begin(ctx context.Context, actor, key, requestHash string, when time.Time) (stored *Reply, fresh bool, err error) {
	err = r.db.update(ctx, func(t *txn) error {
		stored, fresh = nil, false
		if err := t.exec("DELETE FROM api_reply WHERE at < $1", micros(when.Add(-replyLife))); err != nil {
			return fmt.Errorf("delete old replies: %w", err)
		}
		// Of two servers, the second waits here for the first one's commit.
		n, err := t.count(`INSERT INTO api_reply (actor, key, hash, at, status, content_type, body) VALUES ($1, $2, $3, $4, 0, '', $5)
			ON CONFLICT (actor, key) DO UPDATE SET hash = excluded.hash, at = excluded.at
			WHERE api_reply.status = 0 AND api_reply.at <= $6`,
			actor, key, requestHash, micros(when), []byte{}, micros(when.Add(-replyHold)))
		if err != nil {
			return fmt.Errorf("take key: %w", err)
		}
		if n > 0 {
			fresh = true
			return nil
		}
		old, err := one(t.ctx, t, scanReply, "SELECT status, content_type, body, hash FROM api_reply WHERE actor = $1 AND key = $2", actor, key)
		if err != nil {
			return fmt.Errorf("read reply: %w", err)
		}
		if old.Status != 0 {
			stored = &old
		}
		return nil
	})
	return stored, fresh, err
}

func scanReply(r scanner) (p Reply, err error) {
	return p, r.Scan(&p.Status, &p.ContentType, &p.Body, &p.Hash)
}

// Finish keeps the reply to a key that was begun; the first one stays. A Status of 0
// gives the key back.
func (r Replies) Finish(ctx context.Context, actor, key string, p Reply) error {
	return r.db.update(ctx, func(t *txn) error {
		if p.Status == 0 {
			return t.exec("DELETE FROM api_reply WHERE actor = $1 AND key = $2 AND status = 0", actor, key)
		}
		body := p.Body
		if body == nil {
			body = []byte{}
		}
		return t.exec("UPDATE api_reply SET hash = $1, status = $2, content_type = $3, body = $4 WHERE actor = $5 AND key = $6 AND status = 0",
			p.Hash, p.Status, p.ContentType, body, actor, key)
	})
}
