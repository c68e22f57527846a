package store

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/device"
)

const deviceTokenColumns = "id, hash, person, note, made_by, created_at, expires_at, used_at, device, revoked_at"

func scanDeviceToken(r scanner) (t device.Token, err error) {
	var hash []byte
	var created, expires, used, revoked int64
	if err = r.Scan(&t.ID, &hash, &t.Person, &t.Note, &t.By, &created, &expires, &used, &t.Device, &revoked); err != nil {
		return t, err
	}
	copy(t.Hash[:], hash)
	t.Created, t.Expires, t.Used, t.Revoked = at(created), at(expires), at(used), at(revoked)
	return t, nil
}

// InsertEnrolment adds an enrolment token.
func (t *txn) InsertEnrolment(_ context.Context, k device.Token) error {
	return t.exec("INSERT INTO dev_token ("+deviceTokenColumns+") VALUES ("+marks(1, 10)+")",
		k.ID, k.Hash[:], k.Person, k.Note, k.By, micros(k.Created), micros(k.Expires), micros(k.Used), k.Device, micros(k.Revoked))
}

// LockEnrolment reads an enrolment token and holds it until the transaction ends.
func (t *txn) LockEnrolment(_ context.Context, token string) (device.Token, error) {
	k, err := one(t.ctx, t, scanDeviceToken, "SELECT "+deviceTokenColumns+" FROM dev_token WHERE id = $1"+t.w.d.forUpdate, token)
	return found("token", k, err)
}

// LockEnrolmentByHash is the same for the token of a secret.
func (t *txn) LockEnrolmentByHash(_ context.Context, hash [32]byte) (device.Token, bool, error) {
	k, err := one(t.ctx, t, scanDeviceToken, "SELECT "+deviceTokenColumns+" FROM dev_token WHERE hash = $1"+t.w.d.forUpdate, hash[:])
	return maybe(k, err)
}

// SaveEnrolment writes what became of an enrolment token.
func (t *txn) SaveEnrolment(_ context.Context, k device.Token) error {
	return t.exec("UPDATE dev_token SET used_at = $1, device = $2, revoked_at = $3 WHERE id = $4", micros(k.Used), k.Device, micros(k.Revoked), k.ID)
}

// Enrolments lists the enrolment tokens, newest first.
func (db *DB) Enrolments(ctx context.Context) ([]device.Token, error) {
	return all(ctx, db.read, scanDeviceToken, "SELECT "+deviceTokenColumns+" FROM dev_token ORDER BY id DESC LIMIT 500")
}

const challengeColumns = "id, hash, device, given_by, reason, at, expires_at, used_at"

func scanChallenge(r scanner) (c device.Challenge, err error) {
	var hash []byte
	var given, expires, used int64
	if err = r.Scan(&c.ID, &hash, &c.Device, &c.By, &c.Reason, &given, &expires, &used); err != nil {
		return c, err
	}
	copy(c.Hash[:], hash)
	c.At, c.Expires, c.Used = at(given), at(expires), at(used)
	return c, nil
}

// InsertChallenge adds a code that was given out.
func (t *txn) InsertChallenge(_ context.Context, c device.Challenge) error {
	return t.exec("INSERT INTO dev_challenge ("+challengeColumns+") VALUES ("+marks(1, 8)+")",
		c.ID, c.Hash[:], c.Device, c.By, c.Reason, micros(c.At), micros(c.Expires), micros(c.Used))
}

// ChallengeByHash finds a code that was given out.
func (t *txn) ChallengeByHash(_ context.Context, hash [32]byte) (device.Challenge, bool, error) {
	c, err := one(t.ctx, t, scanChallenge, "SELECT "+challengeColumns+" FROM dev_challenge WHERE hash = $1", hash[:])
	return maybe(c, err)
}

// SaveChallenge writes that a code was used.
func (t *txn) SaveChallenge(_ context.Context, c device.Challenge) error {
	return t.exec("UPDATE dev_challenge SET used_at = $1 WHERE id = $2", micros(c.Used), c.ID)
}

// CountChallenges counts the codes given since a time for a device and by a person.
func (t *txn) CountChallenges(_ context.Context, id, by string, since time.Time) (ofDevice, ofPerson int, err error) {
	if ofDevice, err = one(t.ctx, t, scanInt, "SELECT count(*) FROM dev_challenge WHERE device = $1 AND at >= $2", id, micros(since)); err != nil {
		return 0, 0, fmt.Errorf("count codes of device: %w", err)
	}
	ofPerson, err = one(t.ctx, t, scanInt, "SELECT count(*) FROM dev_challenge WHERE given_by = $1 AND at >= $2", by, micros(since))
	return ofDevice, ofPerson, err
}

const infectionColumns = "device, key, order_id, at, incident, label"

func scanInfection(r scanner) (i device.Infection, err error) {
	var when int64
	err = r.Scan(&i.Device, &i.Key, &i.Order, &when, &i.Incident, &i.Label)
	i.At = at(when)
	return i, err
}

// InfectionByKey finds a PC's report.
func (t *txn) InfectionByKey(_ context.Context, id, key string) (device.Infection, bool, error) {
	i, err := one(t.ctx, t, scanInfection, "SELECT "+infectionColumns+" FROM dev_infection WHERE device = $1 AND key = $2", id, key)
	return maybe(i, err)
}

// Infection finds a PC's report.
func (db *DB) Infection(ctx context.Context, id, key string) (device.Infection, bool, error) {
	i, err := one(ctx, db.read, scanInfection, "SELECT "+infectionColumns+" FROM dev_infection WHERE device = $1 AND key = $2", id, key)
	return maybe(i, err)
}

// SaveInfection inserts a PC's report, or writes its case.
func (t *txn) SaveInfection(_ context.Context, i device.Infection) error {
	return t.exec("INSERT INTO dev_infection ("+infectionColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (device, key) DO UPDATE SET incident = excluded.incident, label = excluded.label`,
		i.Device, i.Key, i.Order, micros(i.At), i.Incident, i.Label)
}

// CountInfections counts the reports of a device since a time.
func (t *txn) CountInfections(_ context.Context, id string, since time.Time) (int, error) {
	return one(t.ctx, t, scanInt, "SELECT count(*) FROM dev_infection WHERE device = $1 AND at >= $2", id, micros(since))
}

const deviceEvidenceColumns = "device, key, name, size, sha256, at"

// InsertDeviceEvidence adds a file that a PC has sent, and reports whether it did: a name
// that is there stays.
func (t *txn) InsertDeviceEvidence(_ context.Context, e device.Evidence) (bool, error) {
	n, err := t.count("INSERT INTO dev_evidence ("+deviceEvidenceColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (device, key, name) DO NOTHING`, e.Device, e.Key, e.Name, e.Size, e.SHA256[:], micros(e.At))
	return n > 0, err
}

// EvidenceOfInfection lists the files that belong to a PC's report.
func (db *DB) EvidenceOfInfection(ctx context.Context, id, key string) ([]device.Evidence, error) {
	return all(ctx, db.read, func(r scanner) (e device.Evidence, err error) {
		var sum []byte
		var when int64
		if err = r.Scan(&e.Device, &e.Key, &e.Name, &e.Size, &sum, &when); err != nil {
			return e, err
		}
		copy(e.SHA256[:], sum)
		e.At = at(when)
		return e, nil
	}, "SELECT "+deviceEvidenceColumns+" FROM dev_evidence WHERE device = $1 AND key = $2 ORDER BY at, name", id, key)
}

// EvidenceBytes gives how many bytes of evidence a device has added since a time.
func (db *DB) EvidenceBytes(ctx context.Context, id string, since time.Time) (int64, error) {
	return one(ctx, db.read, func(r scanner) (n int64, err error) { return n, r.Scan(&n) },
		"SELECT CAST(coalesce(sum(size), 0) AS bigint) FROM dev_evidence WHERE device = $1 AND at >= $2", id, micros(since))
}
