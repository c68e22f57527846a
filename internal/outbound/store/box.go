package store

import (
	"context"

	"sekimori/internal/domain/incident"
)

// boxTable is the box; boxOpened the name in meta of the day of its last opening.
const (
	boxTable  = "inc_box"
	boxOpened = "box_opened"
)

const slipColumns = "key, nearly, department, summary, words"

// PutInBox adds a slip; of one that is there it gives what is.
func (t *txn) PutInBox(_ context.Context, n incident.Slip) (*incident.Slip, error) {
	added, err := t.count("INSERT INTO "+boxTable+" ("+slipColumns+", waited) VALUES ("+marks(1, 5)+", 0) ON CONFLICT (key) DO NOTHING",
		n.Key[:], string(n.Nearly), n.Department, n.Summary, n.Words)
	if err != nil || added > 0 {
		return nil, err
	}
	b, err := one(t.ctx, t, scanBoxed, "SELECT "+slipColumns+", waited FROM "+boxTable+" WHERE key = $1", n.Key[:])
	return &b.Slip, err
}

// CountBox is how many lie in the box.
func (t *txn) CountBox(context.Context) (int, error) {
	return one(t.ctx, t, scanInt, "SELECT count(*) FROM "+boxTable)
}

// ClaimBox takes the opening of a day, unless somebody has taken that one or a later.
func (t *txn) ClaimBox(_ context.Context, day string) (bool, error) {
	n, err := t.count(`INSERT INTO meta (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE meta.value < excluded.value`, boxOpened, day)
	return n > 0, err
}

// Boxed lists what lies in the box and holds it.
func (t *txn) Boxed(context.Context) ([]incident.Boxed, error) {
	return all(t.ctx, t, scanBoxed, "SELECT "+slipColumns+", waited FROM "+boxTable+" ORDER BY key"+t.w.d.forUpdate)
}

// DropBoxed takes one out.
func (t *txn) DropBoxed(_ context.Context, k incident.BoxKey) error {
	return t.exec("DELETE FROM "+boxTable+" WHERE key = $1", k[:])
}

// SaveWaited notes how many openings have left one there.
func (t *txn) SaveWaited(_ context.Context, k incident.BoxKey, openings int) error {
	return t.exec("UPDATE "+boxTable+" SET waited = $1 WHERE key = $2", openings, k[:])
}

// BoxOpened is the day of the box's last opening; "" when there was none.
func (db *DB) BoxOpened(ctx context.Context) (string, error) { return db.Meta(ctx, boxOpened) }

func scanBoxed(r scanner) (b incident.Boxed, err error) {
	var key []byte
	err = r.Scan(&key, (*string)(&b.Nearly), &b.Department, &b.Summary, &b.Words, &b.Waited)
	copy(b.Key[:], key)
	return b, err
}
