package store

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/incident"
)

// codesOfCase is how many receipt codes of a case are kept.
const codesOfCase = 5

// InsertCode adds a receipt code to a case; of more than five the oldest goes.
func (t *txn) InsertCode(_ context.Context, of string, hash [32]byte, when time.Time) error {
	if err := t.exec("INSERT INTO inc_code (hash, incident, made_at) VALUES ($1, $2, $3)", hash[:], of, micros(when)); err != nil {
		return err
	}
	return t.exec(fmt.Sprintf(`DELETE FROM inc_code WHERE incident = $1 AND hash NOT IN
		(SELECT hash FROM inc_code WHERE incident = $2 ORDER BY made_at DESC, hash LIMIT %d)`, codesOfCase), of, of)
}

// CaseByCode finds the case that a receipt code opens.
func (db *DB) CaseByCode(ctx context.Context, hash [32]byte) (string, bool, error) {
	of, err := one(ctx, db.read, scanText, "SELECT incident FROM inc_code WHERE hash = $1", hash[:])
	return maybe(of, err)
}

// InsertVisit adds a visit by receipt code.
func (t *txn) InsertVisit(_ context.Context, v incident.Visit) error {
	return t.exec("INSERT INTO inc_visit (hash, incident, began_at, seen_at) VALUES ($1, $2, $3, $4)",
		v.Hash[:], v.Incident, micros(v.Began), micros(v.Seen))
}

// DeleteVisit ends a visit and reports whether it was there.
func (t *txn) DeleteVisit(_ context.Context, hash [32]byte) (bool, error) {
	n, err := t.count("DELETE FROM inc_visit WHERE hash = $1", hash[:])
	return n > 0, err
}

// DropVisits forgets the visits that began before a time.
func (t *txn) DropVisits(_ context.Context, began time.Time) error {
	return t.exec("DELETE FROM inc_visit WHERE began_at < $1", micros(began))
}

// VisitByHash finds a visit by the hash of its secret.
func (db *DB) VisitByHash(ctx context.Context, hash [32]byte) (incident.Visit, bool, error) {
	v, err := one(ctx, db.read, func(r scanner) (v incident.Visit, err error) {
		var began, seen int64
		err = r.Scan(&v.Incident, &began, &seen)
		v.Hash, v.Began, v.Seen = hash, at(began), at(seen)
		return v, err
	}, "SELECT incident, began_at, seen_at FROM inc_visit WHERE hash = $1", hash[:])
	return maybe(v, err)
}

// TouchVisit notes that a visit is still in use.
func (db *DB) TouchVisit(ctx context.Context, hash [32]byte, when time.Time) error {
	return db.update(ctx, func(t *txn) error {
		return t.exec("UPDATE inc_visit SET seen_at = $1 WHERE hash = $2", micros(when), hash[:])
	})
}
