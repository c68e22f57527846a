package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sekimori/internal/domain/notice"
)

var _ notice.Store = (*DB)(nil)

// UpdateNotices runs one change of tracks and attempts.
func (db *DB) UpdateNotices(ctx context.Context, f func(notice.Tx) error) error {
	return db.update(ctx, func(t *txn) error { return f(t) })
}

// A fresh row names only what most have: every value that is bound costs a report time.
// The others stand at the end.
const (
	freshTrack = 24 // columns of a track that is neither held, hurried nor asked
	freshWord  = 18 // columns of a first word
)

const freshTrackColumns = `id, incident, receiver, urgency, policy, reporter, left_out, state, pass, level, attempt, fires,
	passed_to, started_at, level_end, next_fire, empty, acked_at, acked_by, acked_for, ack_path, ack_note, ended_why,
	department`

const trackColumns = freshTrackColumns + ", held_since, hurried, asked_at"

func trackValues(t notice.Track) []any {
	return []any{t.ID, t.Incident, string(t.Receiver), string(t.Urgency), t.Policy, t.Reporter, list(t.LeftOut), string(t.State),
		t.Pass, t.Level, t.Attempt, t.Fires, t.PassedTo, micros(t.Started), micros(t.LevelEnd), micros(t.NextFire), t.Empty,
		micros(t.AckedAt), t.AckedBy, t.AckFor, t.AckPath, t.AckNote, t.EndedWhy,
		t.Department, micros(t.HeldSince), t.Hurried, micros(t.Asked)}
}

func scanTrack(r scanner) (t notice.Track, err error) {
	var leftOut string
	var started, levelEnd, nextFire, acked, held, asked int64
	err = r.Scan(&t.ID, &t.Incident, (*string)(&t.Receiver), (*string)(&t.Urgency), &t.Policy, &t.Reporter, &leftOut, (*string)(&t.State),
		&t.Pass, &t.Level, &t.Attempt, &t.Fires, &t.PassedTo, &started, &levelEnd, &nextFire, &t.Empty,
		&acked, &t.AckedBy, &t.AckFor, &t.AckPath, &t.AckNote, &t.EndedWhy,
		&t.Department, &held, &t.Hurried, &asked)
	t.HeldSince, t.Asked = at(held), at(asked)
	t.LeftOut, t.Started, t.LevelEnd, t.NextFire, t.AckedAt = unlist(leftOut), at(started), at(levelEnd), at(nextFire), at(acked)
	return t, err
}

// InsertFired writes a new track with its first level.
func (t *txn) InsertFired(ctx context.Context, f notice.Fired) error {
	if v := trackValues(f.Track); f.Track.Held() || f.Track.Hurried || !f.Track.Asked.IsZero() {
		t.add(heldTracks, v...)
	} else {
		t.add(tracks, v[:freshTrack]...)
	}
	return t.insertParts(ctx, f)
}

// SaveFired writes a track that exists, with what its firing added.
func (t *txn) SaveFired(ctx context.Context, f notice.Fired) error {
	v := trackValues(f.Track)
	if err := t.exec(`UPDATE ntc_track SET policy = $1, state = $2, pass = $3, level = $4, attempt = $5, fires = $6, passed_to = $7,
		level_end = $8, next_fire = $9, empty = $10, acked_at = $11, acked_by = $12, acked_for = $13, ack_path = $14, ack_note = $15,
		ended_why = $16, held_since = $17, hurried = $18, asked_at = $19 WHERE id = $20`,
		v[4], v[7], v[8], v[9], v[10], v[11], v[12], v[14], v[15], v[16], v[17], v[18], v[19], v[20], v[21], v[22], v[24], v[25], v[26], v[0]); err != nil {
		return fmt.Errorf("save track: %w", err)
	}
	return t.insertParts(ctx, f)
}

// insertParts adds the told (of each person the last time), the attempts and the
// events of a firing. A key that is
// already there belongs to a firing that another process has done.
func (t *txn) insertParts(ctx context.Context, f notice.Fired) error {
	for n, p := range f.Told {
		// One statement may not meet the same row twice.
		if slices.ContainsFunc(f.Told[n+1:], func(o notice.Told) bool { return o.Track == p.Track && o.Person == p.Person }) {
			continue
		}
		t.add(told, p.Track, p.Person, p.For, p.Level, p.Pass, micros(p.At))
	}
	for _, a := range f.Attempts {
		if v := attemptValues(a); a.Purpose == notice.Tell && a.Bundle == "" {
			t.add(attempts, v[:freshWord]...)
		} else {
			t.add(repeats, v...)
		}
	}
	for _, e := range f.Events {
		if err := t.Record(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

const freshAttemptColumns = `id, key, track, incident, person, instead_of, channel, address, pass, level, number,
	planned_at, next_try, tries, state, sent_at, answer, late`

const attemptColumns = freshAttemptColumns + ", purpose, bundle"

func attemptValues(a notice.Attempt) []any {
	return []any{a.ID, a.Key, a.Track, a.Incident, a.Person, a.For, a.Channel, a.Address, a.Pass, a.Level, a.Number,
		micros(a.Planned), micros(a.NextTry), a.Tries, string(a.State), micros(a.SentAt), a.Answer, a.Late, string(a.Purpose), a.Bundle}
}

func scanAttempt(r scanner) (a notice.Attempt, err error) {
	var planned, next, sent int64
	err = r.Scan(&a.ID, &a.Key, &a.Track, &a.Incident, &a.Person, &a.For, &a.Channel, &a.Address, &a.Pass, &a.Level, &a.Number,
		&planned, &next, &a.Tries, (*string)(&a.State), &sent, &a.Answer, &a.Late, (*string)(&a.Purpose), &a.Bundle)
	a.Planned, a.NextTry, a.SentAt = at(planned), at(next), at(sent)
	return a, err
}

func scanTold(r scanner) (t notice.Told, err error) {
	var when int64
	err = r.Scan(&t.Track, &t.Person, &t.For, &t.Level, &t.Pass, &when)
	t.At = at(when)
	return t, err
}

const toldColumns = "track, person, instead_of, level, pass, at"

// LockTrack reads a track and holds it until the transaction ends.
func (t *txn) LockTrack(_ context.Context, track string) (notice.Track, []notice.Told, error) {
	tr, err := one(t.ctx, t, scanTrack, "SELECT "+trackColumns+" FROM ntc_track WHERE id = $1"+t.w.d.forUpdate, track)
	if tr, err = found("track", tr, err); err != nil {
		return tr, nil, err
	}
	told, err := all(t.ctx, t, scanTold, "SELECT "+toldColumns+" FROM ntc_told WHERE track = $1 ORDER BY at", track)
	return tr, told, err
}

// Pending lists what of a track has not reached an end.
func (t *txn) Pending(_ context.Context, track string) ([]notice.Attempt, error) {
	return all(t.ctx, t, scanAttempt, "SELECT "+attemptColumns+" FROM ntc_attempt WHERE track = $1 AND state IN ('planned', 'sending')"+t.w.d.forUpdate, track)
}

// LockAttempt reads an attempt and holds it until the transaction ends.
func (t *txn) LockAttempt(_ context.Context, attempt string) (notice.Attempt, error) {
	a, err := one(t.ctx, t, scanAttempt, "SELECT "+attemptColumns+" FROM ntc_attempt WHERE id = $1"+t.w.d.forUpdate, attempt)
	return found("notice", a, err)
}

// SaveAttempt writes what became of an attempt.
func (t *txn) SaveAttempt(_ context.Context, a notice.Attempt) error {
	return t.exec("UPDATE ntc_attempt SET state = $1, next_try = $2, tries = $3, sent_at = $4, answer = $5, late = $6, bundle = $7 WHERE id = $8",
		string(a.State), micros(a.NextTry), a.Tries, micros(a.SentAt), a.Answer, a.Late, a.Bundle, a.ID)
}

// policyTerms is what a policy says beside its chains, as it is kept.
type policyTerms struct {
	Lapse map[notice.Urgency]notice.Lapse `json:"lapse,omitempty"`
	Hours notice.Hours                    `json:"hours,omitzero"`
}

// SavePolicy adds a version.
func (t *txn) SavePolicy(_ context.Context, p notice.Policy) error {
	chains, err := json.Marshal(p.Chains)
	if err != nil {
		return fmt.Errorf("marshal chains: %w", err)
	}
	terms, err := json.Marshal(policyTerms{p.Lapse, p.Hours})
	if err != nil {
		return fmt.Errorf("marshal terms: %w", err)
	}
	t.changed = true
	return t.exec("INSERT INTO ntc_policy (version, set_by, at, reason, chains, terms) VALUES ($1, $2, $3, $4, $5, $6)",
		p.Version, p.By, micros(p.At), p.Reason, string(chains), string(terms))
}

// Adopt freezes a version on every open track.
func (t *txn) Adopt(_ context.Context, version int) (int, error) {
	return t.count("UPDATE ntc_track SET policy = $1 WHERE state = 'open'", version)
}

// Due lists tracks whose timer has run out, oldest first.
func (db *DB) Due(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return all(ctx, db.read, scanText, "SELECT id FROM ntc_track WHERE next_fire > 0 AND next_fire <= $1 ORDER BY next_fire LIMIT $2", micros(now), limit)
}

func scanText(r scanner) (string, error) {
	var s string
	return s, r.Scan(&s)
}

// dueAttempt chooses planned attempts whose time has come, and claims that lapsed:
// while an attempt is being sent its next_try is the end of the claim.
const dueAttempt = "state IN ('planned', 'sending') AND next_try <= $1"

// lane chooses mails, or all else.
func lane(mails bool) string {
	if mails {
		return " AND channel = 'mail'"
	}
	return " AND channel <> 'mail'"
}

// Claim takes attempts that are due, those that have waited longest for this try
// first, so that old ones which fail again and again do not keep new ones back. An
// idle look costs one read and no write.
func (db *DB) Claim(ctx context.Context, now time.Time, lease time.Duration, limit int, mails bool) ([]notice.Attempt, error) {
	n, err := one(ctx, db.read, scanInt, "SELECT count(*) FROM (SELECT 1 FROM ntc_attempt WHERE "+dueAttempt+lane(mails)+" LIMIT 1) x", micros(now))
	if err != nil || n == 0 {
		return nil, err
	}
	var out []notice.Attempt
	err = db.update(ctx, func(t *txn) error {
		out = nil
		due, err := all(t.ctx, t, scanAttempt, "SELECT "+attemptColumns+" FROM ntc_attempt WHERE "+dueAttempt+lane(mails)+" ORDER BY next_try, id LIMIT $2"+t.w.d.skipHeld, micros(now), limit)
		if err != nil {
			return fmt.Errorf("list due notices: %w", err)
		}
		due, waiting, err := t.inTurn(due, now)
		if err != nil {
			return fmt.Errorf("give contacts their turn: %w", err)
		}
		for _, a := range due {
			a.State, a.NextTry, a.Tries = notice.Sending, now.Add(lease), a.Tries+1
			if err := t.SaveAttempt(ctx, a); err != nil {
				return fmt.Errorf("claim notice: %w", err)
			}
			out = append(out, a)
		}
		return t.putOff(waiting, now)
	})
	return out, err
}

// NextDue is when the next timer of a track or an attempt runs out.
func (db *DB) NextDue(ctx context.Context) (time.Time, bool, error) {
	us, err := one(ctx, db.read, scanInt64, `SELECT coalesce(min(due), 0) FROM (
		SELECT min(next_fire) AS due FROM ntc_track WHERE next_fire > 0
		UNION ALL SELECT min(next_try) FROM ntc_attempt WHERE state IN ('planned', 'sending')) x`)
	return at(us), us != 0, err
}

// Track reads one track.
func (db *DB) Track(ctx context.Context, track string) (notice.Track, []notice.Told, error) {
	t, err := one(ctx, db.read, scanTrack, "SELECT "+trackColumns+" FROM ntc_track WHERE id = $1", track)
	if t, err = found("track", t, err); err != nil {
		return t, nil, err
	}
	told, err := all(ctx, db.read, scanTold, "SELECT "+toldColumns+" FROM ntc_told WHERE track = $1 ORDER BY at, person", track)
	return t, told, err
}

// TracksOf reads the tracks of a case with all that was sent.
func (db *DB) TracksOf(ctx context.Context, incident string) ([]notice.Track, []notice.Told, []notice.Attempt, error) {
	ts, err := all(ctx, db.read, scanTrack, "SELECT "+trackColumns+" FROM ntc_track WHERE incident = $1 ORDER BY started_at, id", incident)
	if err != nil {
		return nil, nil, nil, err
	}
	told, err := all(ctx, db.read, scanTold, "SELECT d.track, d.person, d.instead_of, d.level, d.pass, d.at FROM ntc_told d JOIN ntc_track t ON t.id = d.track WHERE t.incident = $1 ORDER BY d.at, d.person", incident)
	if err != nil {
		return nil, nil, nil, err
	}
	as, err := all(ctx, db.read, scanAttempt, "SELECT "+attemptColumns+" FROM ntc_attempt WHERE track IN (SELECT id FROM ntc_track WHERE incident = $1) AND incident = $1 ORDER BY planned_at, id", incident)
	return ts, told, as, err
}

// waits chooses tracks that somebody is to answer. The first half is that of the index.
const waits = "(state = 'open' OR next_fire > 0) AND (state = 'open' OR asked_at > 0)"

// Waiting lists every track that waits for somebody's answer, oldest first.
func (db *DB) Waiting(ctx context.Context) ([]notice.Track, []notice.Told, error) {
	ts, err := all(ctx, db.read, scanTrack, "SELECT "+trackColumns+" FROM ntc_track WHERE "+waits+" ORDER BY started_at, id")
	if err != nil {
		return nil, nil, err
	}
	told, err := all(ctx, db.read, scanTold, "SELECT d.track, d.person, d.instead_of, d.level, d.pass, d.at FROM ntc_told d JOIN ntc_track t ON t.id = d.track WHERE t.id IN (SELECT id FROM ntc_track WHERE "+waits+") ORDER BY d.at, d.person")
	return ts, told, err
}

// AttemptByID reads one attempt.
func (db *DB) AttemptByID(ctx context.Context, attempt string) (notice.Attempt, error) {
	a, err := one(ctx, db.read, scanAttempt, "SELECT "+attemptColumns+" FROM ntc_attempt WHERE id = $1", attempt)
	return found("notice", a, err)
}

// LatestPolicy reads the newest version; the built-in one when none was ever saved.
func (db *DB) LatestPolicy(ctx context.Context) (notice.Policy, error) {
	v, err := db.versions(ctx)
	if err != nil {
		return notice.Policy{}, err
	}
	return db.PolicyVersion(ctx, max(int(v.policy), 1))
}

// PolicyVersion reads one version. Versions never change, so memory may answer.
func (db *DB) PolicyVersion(ctx context.Context, version int) (notice.Policy, error) {
	db.mu.Lock()
	p, ok := db.policies[version]
	db.mu.Unlock()
	if ok {
		return p, nil
	}
	p, err := one(ctx, db.read, func(r scanner) (p notice.Policy, err error) {
		var when int64
		var chains, kept string
		if err = r.Scan(&p.Version, &p.By, &when, &p.Reason, &chains, &kept); err != nil {
			return p, err
		}
		var terms policyTerms
		if err = json.Unmarshal([]byte(kept), &terms); err != nil {
			return p, err
		}
		p.At, p.Lapse, p.Hours = at(when), terms.Lapse, terms.Hours
		return p, json.Unmarshal([]byte(chains), &p.Chains)
	}, "SELECT version, set_by, at, reason, chains, terms FROM ntc_policy WHERE version = $1", version)
	p, ok, err = maybe(p, err)
	if err != nil {
		return p, fmt.Errorf("read policy: %w", err)
	}
	if !ok {
		if version != 1 {
			return p, fmt.Errorf("policy version %d does not exist", version)
		}
		p = notice.DefaultPolicy()
	}
	db.mu.Lock()
	db.policies[version] = p
	db.mu.Unlock()
	return p, nil
}

// Stats reads the figures of the health line.
func (db *DB) Stats(ctx context.Context, now time.Time) (notice.Stats, error) {
	late, day := micros(now.Add(-2*time.Minute)), micros(now.Add(-24*time.Hour))
	return one(ctx, db.read, func(r scanner) (s notice.Stats, err error) {
		var oldest, last, letter int64
		err = r.Scan(&s.OpenTracks, &s.Overdue, &s.Unreachable, &s.Unsent, &oldest, &last, &s.RefusedRecent, &s.Letters, &letter, &s.LettersRefused, &s.LateTimers)
		s.OldestUnsent, s.LastSent, s.OldestLetter = at(oldest), at(last), at(letter)
		return s, err
	}, `SELECT
		(SELECT count(*) FROM ntc_track WHERE state = 'open'),
		(SELECT count(*) FROM ntc_track WHERE next_fire > 0 AND next_fire < $1),
		(SELECT count(*) FROM ntc_track WHERE state = 'open' AND empty = true),
		(SELECT count(*) FROM ntc_attempt WHERE state IN ('planned', 'sending')),
		(SELECT coalesce(min(planned_at), 0) FROM ntc_attempt WHERE state IN ('planned', 'sending')
			AND (purpose NOT IN ('again', 'gather') OR tries > 0 OR next_try < $7)),
		(SELECT coalesce(max(sent_at), 0) FROM ntc_attempt),
		(SELECT count(*) FROM ntc_attempt WHERE state = 'refused' AND planned_at > $2),
		(SELECT count(*) FROM ntc_letter WHERE state IN ('planned', 'sending') AND off = false),
		(SELECT coalesce(min(planned_at), 0) FROM ntc_letter WHERE state IN ('planned', 'sending') AND off = false),
		(SELECT count(*) FROM ntc_letter WHERE state = 'refused' AND next_try > $3),
		(SELECT count(*) FROM req_request WHERE next_fire > 0 AND next_fire < $4) + (SELECT count(*) FROM lon_loan WHERE next_fire > 0 AND next_fire < $5)
			+ (SELECT count(*) FROM stk_take WHERE next_fire > 0 AND next_fire < $6)`,
		late, day, day, late, late, late, late)
}
