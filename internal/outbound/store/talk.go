package store

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/incident"
)

// SaveRead notes until when a person has read the talk of a case; never an earlier time.
func (t *txn) SaveRead(_ context.Context, of, person string, when time.Time) error {
	return t.exec(`INSERT INTO inc_read (incident, person, at) VALUES ($1, $2, $3)
		ON CONFLICT (incident, person) DO UPDATE SET at = excluded.at WHERE inc_read.at < excluded.at`, of, person, micros(when))
}

// Reads gives until when each person has read the talk of a case.
func (db *DB) Reads(ctx context.Context, of string) (map[string]time.Time, error) {
	type read struct {
		person string
		at     int64
	}
	rows, err := all(ctx, db.read, func(r scanner) (x read, err error) { return x, r.Scan(&x.person, &x.at) },
		"SELECT person, at FROM inc_read WHERE incident = $1", of)
	if err != nil {
		return nil, err
	}
	out := make(map[string]time.Time, len(rows))
	for _, x := range rows {
		out[x.person] = at(x.at)
	}
	return out, nil
}

// unread chooses messages e of cases i that one person, named three times, has not read and
// that are of the other side; it mirrors incident.Case.
const unread = `e.type = 'message' AND e.at > coalesce((SELECT r.at FROM inc_read r WHERE r.incident = e.incident AND r.person = ?), 0)
	AND e.entered_by <> ? AND (CASE WHEN ? IN (i.reporter, i.on_behalf) THEN 0 ELSE 1 END)
	= (CASE WHEN e.entered_by IN ('outside', i.reporter, i.on_behalf) THEN 1 ELSE 0 END)`

// withUnread counts for each row what the person has not read.
func (db *DB) withUnread(ctx context.Context, person string, p *incident.Page) error {
	if len(p.Rows) == 0 {
		return nil
	}
	w := where{}
	ids := make([]string, len(p.Rows))
	for n, r := range p.Rows {
		ids[n] = r.ID
	}
	w.add(unread, person, person, person)
	in(&w, "e.incident", ids)
	text, args := w.text()
	type count struct {
		incident string
		n        int
	}
	rows, err := all(ctx, db.read, func(r scanner) (c count, err error) { return c, r.Scan(&c.incident, &c.n) },
		"SELECT e.incident, count(*) FROM inc_entry e JOIN inc_incident i ON i.id = e.incident "+text+" GROUP BY e.incident", args...)
	if err != nil {
		return fmt.Errorf("count unread words: %w", err)
	}
	by := map[string]int{}
	for _, c := range rows {
		by[c.incident] = c.n
	}
	for n := range p.Rows {
		p.Rows[n].Unread = by[p.Rows[n].ID]
	}
	return nil
}
