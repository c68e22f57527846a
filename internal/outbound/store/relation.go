package store

import (
	"context"

	"sekimori/internal/domain/incident"
)

const relationColumns = "id, a, b, why, made_by, at, ended_at, ended_by, ended_why"

func scanRelation(r scanner) (x incident.Relation, err error) {
	var made, ended int64
	err = r.Scan(&x.ID, &x.A, &x.B, &x.Why, &x.By, &made, &ended, &x.EndBy, &x.EndOf)
	x.At, x.Ended = at(made), at(ended)
	return x, err
}

// Relation finds the relation of two cases that holds.
func (t *txn) Relation(_ context.Context, a, b string) (incident.Relation, bool, error) {
	r, err := one(t.ctx, t, scanRelation, "SELECT "+relationColumns+" FROM inc_relation WHERE a = $1 AND b = $2 AND ended_at = 0", a, b)
	return maybe(r, err)
}

// InsertRelation says that two cases have to do with each other; twice is refused.
func (t *txn) InsertRelation(_ context.Context, r incident.Relation) error {
	return t.exec("INSERT INTO inc_relation ("+relationColumns+") VALUES ("+marks(1, 9)+")",
		r.ID, r.A, r.B, r.Why, r.By, micros(r.At), micros(r.Ended), r.EndBy, r.EndOf)
}

// EndRelation writes the end of a relation that holds.
func (t *txn) EndRelation(_ context.Context, r incident.Relation) error {
	return t.exec("UPDATE inc_relation SET ended_at = $1, ended_by = $2, ended_why = $3 WHERE id = $4 AND ended_at = 0",
		micros(r.Ended), r.EndBy, r.EndOf, r.ID)
}

// CountRelated is how many cases a case is related to now.
func (t *txn) CountRelated(_ context.Context, of string) (int, error) {
	return one(t.ctx, t, scanInt, "SELECT count(*) FROM inc_relation WHERE (a = $1 OR b = $2) AND ended_at = 0", of, of)
}

// CountDuplicates is how many cases go on as a case.
func (t *txn) CountDuplicates(_ context.Context, of string) (int, error) {
	return one(t.ctx, t, scanInt, "SELECT count(*) FROM inc_incident WHERE merged_into = $1 AND merged_into <> ''", of)
}

// RelatedTo lists the relations of a case that hold, oldest first.
func (db *DB) RelatedTo(ctx context.Context, of string) ([]incident.Relation, error) {
	return all(ctx, db.read, scanRelation, "SELECT "+relationColumns+" FROM inc_relation WHERE (a = $1 OR b = $2) AND ended_at = 0 ORDER BY at, id", of, of)
}

// DuplicatesOf lists the cases that go on as a case, oldest first.
func (db *DB) DuplicatesOf(ctx context.Context, of string) ([]*incident.Incident, error) {
	return all(ctx, db.read, scanIncident, "SELECT "+incidentColumns+" FROM inc_incident WHERE merged_into = $1 AND merged_into <> '' ORDER BY id", of)
}
