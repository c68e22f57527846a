package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sekimori/internal/domain/notice"
)

var _ notice.LetterStore = (*DB)(nil)

// UpdateLetters runs one change of letters.
func (db *DB) UpdateLetters(ctx context.Context, f func(notice.LetterTx) error) error {
	return db.update(ctx, func(t *txn) error { return f(t) })
}

const letterColumns = "id, key, topic, about, person, instead_of, args, path, act, planned_at, next_try, tries, state, sent_at, answer"

func scanLetter(r scanner) (l notice.Letter, err error) {
	var args string
	var planned, next, sent int64
	if err = r.Scan(&l.ID, &l.Key, &l.Topic, &l.About, &l.Person, &l.For, &args, &l.Path, &l.Act, &planned, &next, &l.Tries,
		(*string)(&l.State), &sent, &l.Answer); err != nil {
		return l, err
	}
	l.Planned, l.NextTry, l.SentAt = at(planned), at(next), at(sent)
	return l, json.Unmarshal([]byte(args), &l.Args)
}

// PlanLetter keeps a letter to be sent, unless its key was planned before.
func (t *txn) PlanLetter(_ context.Context, l notice.Letter) error {
	args, err := json.Marshal(l.Args)
	if err != nil {
		return fmt.Errorf("marshal letter: %w", err)
	}
	return t.exec("INSERT INTO ntc_letter ("+letterColumns+", off) VALUES ("+marks(1, 16)+") ON CONFLICT (key) DO NOTHING",
		l.ID, l.Key, l.Topic, l.About, l.Person, l.For, string(args), l.Path, l.Act, micros(l.Planned), micros(l.NextTry), l.Tries,
		string(l.State), micros(l.SentAt), l.Answer, false)
}

// CallOff cancels what is still planned about a thing. What is being sent may arrive; if
// it fails it is not tried again.
func (t *txn) CallOff(_ context.Context, about, topic string) error {
	return t.exec(`UPDATE ntc_letter SET off = true, state = CASE WHEN state = 'planned' THEN 'cancelled' ELSE state END
		WHERE about = $1 AND ($2 = '' OR topic = $3) AND state IN ('planned', 'sending')`, about, topic, topic)
}

// LockLetter reads a letter and holds it until the transaction ends.
func (t *txn) LockLetter(_ context.Context, letter string) (notice.Letter, error) {
	l, err := one(t.ctx, t, scanLetter, "SELECT "+letterColumns+" FROM ntc_letter WHERE id = $1"+t.w.d.forUpdate, letter)
	return found("letter", l, err)
}

// SaveLetter writes what became of a letter; one that was called off is not tried again.
func (t *txn) SaveLetter(_ context.Context, l notice.Letter) error {
	return t.exec(`UPDATE ntc_letter SET state = CASE WHEN off = true AND $1 = 'planned' THEN 'cancelled' ELSE $2 END,
		next_try = $3, tries = $4, sent_at = $5, answer = $6 WHERE id = $7`,
		string(l.State), string(l.State), micros(l.NextTry), l.Tries, micros(l.SentAt), l.Answer, l.ID)
}

// dueLetter chooses letters whose time has come, and claims that lapsed.
const dueLetter = "state IN ('planned', 'sending') AND off = false AND next_try <= $1"

// ClaimLetters takes letters that are due, those first that have waited longest for this
// try. An idle look costs one read and no write.
func (db *DB) ClaimLetters(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]notice.Letter, error) {
	n, err := one(ctx, db.read, scanInt, "SELECT count(*) FROM (SELECT 1 FROM ntc_letter WHERE "+dueLetter+" LIMIT 1) x", micros(now))
	if err != nil || n == 0 {
		return nil, err
	}
	var out []notice.Letter
	err = db.update(ctx, func(t *txn) error {
		out = nil
		due, err := all(t.ctx, t, scanLetter, "SELECT "+letterColumns+" FROM ntc_letter WHERE "+dueLetter+" ORDER BY next_try, id LIMIT $2"+t.w.d.skipHeld, micros(now), limit)
		if err != nil {
			return fmt.Errorf("list due letters: %w", err)
		}
		for _, l := range due {
			l.State, l.NextTry, l.Tries = notice.Sending, now.Add(lease), l.Tries+1
			if err := t.SaveLetter(ctx, l); err != nil {
				return fmt.Errorf("claim letter: %w", err)
			}
			out = append(out, l)
		}
		return nil
	})
	return out, err
}

// EraseLetters forgets what was settled or called off long ago.
func (t *txn) EraseLetters(_ context.Context, before time.Time, limit int) (int, error) {
	return t.count(`DELETE FROM ntc_letter WHERE id IN (SELECT id FROM ntc_letter
		WHERE planned_at < $1 AND (off = true OR state NOT IN ('planned', 'sending')) ORDER BY planned_at LIMIT $2)`, micros(before), limit)
}

// NextLetter is when the next letter is to be tried.
func (db *DB) NextLetter(ctx context.Context) (time.Time, bool, error) {
	us, err := one(ctx, db.read, scanInt64, "SELECT coalesce(min(next_try), 0) FROM ntc_letter WHERE state IN ('planned', 'sending') AND off = false")
	return at(us), us != 0, err
}

// LetterByID reads one letter.
func (db *DB) LetterByID(ctx context.Context, letter string) (notice.Letter, error) {
	l, err := one(ctx, db.read, scanLetter, "SELECT "+letterColumns+" FROM ntc_letter WHERE id = $1", letter)
	return found("letter", l, err)
}
