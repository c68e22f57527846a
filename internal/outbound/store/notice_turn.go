package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"sekimori/internal/domain/notice"
)

// contact is where notices go: a channel and an address in it.
type contact struct{ channel, address string }

// hash names the contact without telling it.
func (c contact) hash() string {
	sum := sha256.Sum256([]byte(c.channel + "\x00" + c.address))
	return hex.EncodeToString(sum[:16])
}

// waiting is the contacts whose other repeats wait, each until when.
type waiting map[contact]time.Time

// The places are numbered by the order in which both databases meet them.
const (
	repeatsOf = "SELECT " + attemptColumns + " FROM ntc_attempt WHERE purpose IN ('again', 'gather') AND channel = $1 AND address = $2 AND " +
		"state IN ('planned', 'sending') AND next_try <= $3 ORDER BY next_try, id LIMIT 200"
	putRepeatsOff = "UPDATE ntc_attempt SET next_try = $1 WHERE id IN (SELECT id FROM ntc_attempt WHERE purpose IN ('again', 'gather') AND " +
		"channel = $2 AND address = $3 AND state IN ('planned', 'sending') AND next_try <= $4"
)

// inTurn chooses from attempts that are due what may go out now: first words, and of the
// repeats to one contact those whose turn it is (rule 13).
func (t *txn) inTurn(due []notice.Attempt, now time.Time) ([]notice.Attempt, waiting, error) {
	var out []notice.Attempt
	wait := waiting{}
	for _, a := range due {
		to := contact{a.Channel, a.Address}
		if !a.Purpose.Repeats() {
			out = append(out, a)
			continue
		}
		if !wait[to].IsZero() {
			continue
		}
		free, err := t.takeTurn(to, now)
		if err != nil {
			return nil, nil, err
		}
		if free.IsZero() {
			repeats, err := all(t.ctx, t, scanAttempt, repeatsOf+t.w.d.skipHeld, to.channel, to.address, micros(now))
			if err != nil {
				return nil, nil, err
			}
			out = append(out, notice.TakeTurn(repeats)...)
			free = now.Add(notice.Turn)
		}
		wait[to] = free
	}
	return out, wait, nil
}

// takeTurn takes a contact's turn, and gives when the next one is if it is not now. Of
// several servers one gets it.
func (t *txn) takeTurn(to contact, now time.Time) (free time.Time, err error) {
	n, err := t.count(`INSERT INTO ntc_turn (contact, at) VALUES ($1, $2)
		ON CONFLICT (contact) DO UPDATE SET at = excluded.at WHERE ntc_turn.at <= $3`, to.hash(), micros(now), micros(now.Add(-notice.Turn)))
	if err != nil || n == 1 {
		return time.Time{}, err
	}
	us, err := one(t.ctx, t, scanInt64, "SELECT at FROM ntc_turn WHERE contact = $1", to.hash())
	return at(us).Add(notice.Turn), err
}

// putOff lets the repeats that were not chosen wait for the contact's next turn. What
// another server holds is left to it.
func (t *txn) putOff(wait waiting, now time.Time) error {
	for to, free := range wait {
		if err := t.exec(putRepeatsOff+t.w.d.skipHeld+")", micros(free), to.channel, to.address, micros(now)); err != nil {
			return fmt.Errorf("put repeats off: %w", err)
		}
	}
	return nil
}
