package store

import (
	"context"
	"encoding/json"
	"fmt"

	"sekimori/internal/domain/notice"
)

const rosterColumns = "id, name, plan, set_by, at"

func scanRoster(r scanner) (out notice.Roster, err error) {
	var plan string
	var when int64
	if err = r.Scan(&out.ID, &out.Name, &plan, &out.By, &when); err != nil {
		return out, err
	}
	out.At = at(when)
	return out, json.Unmarshal([]byte(plan), &out)
}

// Rosters lists every roster, by name.
func (db *DB) Rosters(ctx context.Context) ([]notice.Roster, error) {
	return all(ctx, db.read, scanRoster, "SELECT "+rosterColumns+" FROM ntc_roster ORDER BY name, id")
}

// LockRosters reads every roster and holds them until the transaction ends.
func (t *txn) LockRosters(_ context.Context) ([]notice.Roster, error) {
	return all(t.ctx, t, scanRoster, "SELECT "+rosterColumns+" FROM ntc_roster ORDER BY name, id"+t.w.d.forUpdate)
}

// SaveRoster writes a roster, new or changed.
func (t *txn) SaveRoster(_ context.Context, r notice.Roster) error {
	plan, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("marshal roster: %w", err)
	}
	return t.exec("INSERT INTO ntc_roster ("+rosterColumns+") VALUES ("+marks(1, 5)+`)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, plan = excluded.plan, set_by = excluded.set_by, at = excluded.at`,
		r.ID, r.Name, string(plan), r.By, micros(r.At))
}

// DropRoster forgets a roster.
func (t *txn) DropRoster(_ context.Context, roster string) error {
	return t.exec("DELETE FROM ntc_roster WHERE id = $1", roster)
}
