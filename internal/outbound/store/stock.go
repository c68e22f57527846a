package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/asset"
	"sekimori/internal/kit/jpcal"
)

var (
	_ asset.StockStore = (*DB)(nil)
	_ asset.StockTx    = (*txn)(nil)
)

// UpdateStock runs one change of counts of the ledger.
func (db *DB) UpdateStock(ctx context.Context, f func(asset.StockTx) error) error {
	return db.update(ctx, func(t *txn) error { return f(t) })
}

// NextStockNumber takes the next number of a year.
func (t *txn) NextStockNumber(_ context.Context, year int) (int, error) {
	return one(t.ctx, t, scanInt, `INSERT INTO stk_counter (year, last) VALUES ($1, 1)
		ON CONFLICT (year) DO UPDATE SET last = stk_counter.last + 1 RETURNING last`, year)
}

// StockLedger reads every thing that is neither lost nor disposed of, as a list has it.
func (t *txn) StockLedger(_ context.Context, now time.Time) ([]asset.StockItem, error) {
	return all(t.ctx, t, func(r scanner) (i asset.StockItem, err error) {
		var due int64
		err = r.Scan(&i.Asset, &i.Number, &i.Kind, &i.Model, &i.Department, &i.Keeper, &i.Place, &i.State, &i.Borrower, &due)
		i.State = asset.Asset{State: i.State, Due: at(due)}.At(now)
		return i, err
	}, `SELECT id, number, kind, model, department, keeper, place, state, borrower, due FROM ast_asset
		WHERE state NOT IN ('lost', 'disposed') ORDER BY number`)
}

const (
	stockColumns    = "id, label, title, departments, kinds, opened_by, opened_at, due, finished_by, finished_at, expected, reminded_at, next_fire, erased_at"
	itemColumns     = "stock, number, asset, kind, model, department, keeper, place, state, borrower, done, note, noted_by, noted_at"
	sightingColumns = "id, stock, number, asset, listed, why, how, place, seen_by, at, undone_at"
)

func scanStock(r scanner) (*asset.StockTake, error) {
	var t asset.StockTake
	var departments, kinds, due string
	var opened, finished, reminded, next, erased int64
	err := r.Scan(&t.ID, &t.Label, &t.Title, &departments, &kinds, &t.OpenedBy, &opened, &due, &t.FinishedBy, &finished, &t.Expected, &reminded, &next, &erased)
	if err != nil {
		return nil, err
	}
	t.Departments = unlist(departments)
	for _, k := range unlist(kinds) {
		t.Kinds = append(t.Kinds, asset.Kind(k))
	}
	if t.Due, err = jpcal.ParseDate(due); err != nil {
		return nil, fmt.Errorf("read the last day of %s: %w", t.ID, err)
	}
	t.OpenedAt, t.FinishedAt, t.Reminded, t.NextFire, t.ErasedAt = at(opened), at(finished), at(reminded), at(next), at(erased)
	return &t, nil
}

func scanItem(r scanner) (i asset.StockItem, err error) {
	var noted int64
	err = r.Scan(&i.Stock, &i.Number, &i.Asset, &i.Kind, &i.Model, &i.Department, &i.Keeper, &i.Place, &i.State, &i.Borrower,
		&i.Note.Done, &i.Note.Text, &i.Note.By, &noted)
	i.Note.At = at(noted)
	return i, err
}

func scanSighting(r scanner) (g asset.StockSighting, err error) {
	var seen, undone int64
	err = r.Scan(&g.ID, &g.Stock, &g.Number, &g.Asset, &g.Listed, &g.Why, &g.How, &g.Place, &g.By, &seen, &undone)
	g.At, g.Undone = at(seen), at(undone)
	return g, err
}

// InsertStock adds a count with its list.
func (t *txn) InsertStock(_ context.Context, k *asset.StockTake, items []asset.StockItem) error {
	kinds := make([]string, len(k.Kinds))
	for i := range k.Kinds {
		kinds[i] = string(k.Kinds[i])
	}
	if err := t.exec("INSERT INTO stk_take ("+stockColumns+") VALUES ("+marks(1, 14)+")", k.ID, k.Label, k.Title, list(k.Departments), list(kinds),
		k.OpenedBy, micros(k.OpenedAt), k.Due.String(), k.FinishedBy, micros(k.FinishedAt), k.Expected, micros(k.Reminded), micros(k.NextFire), micros(k.ErasedAt)); err != nil {
		return err
	}
	full := len(items) / itemsAtOnce * itemsAtOnce
	for chunk := range slices.Chunk(items[:full], itemsAtOnce) {
		if err := t.insertItems(chunk); err != nil {
			return err
		}
	}
	for i := range items[full:] { // one by one, so that two texts of statements serve every length
		if err := t.insertItems(items[full+i : full+i+1]); err != nil {
			return err
		}
	}
	return nil
}

// itemsAtOnce is how many things go into one statement: a list of a hundred thousand would
// else be as many trips to the server, while everybody else's changes wait.
const itemsAtOnce = 500

func (t *txn) insertItems(items []asset.StockItem) error {
	const columns = 14
	rows := make([]string, len(items))
	args := make([]any, 0, columns*len(items))
	for n, i := range items {
		rows[n] = "(" + marks(n*columns+1, columns) + ")"
		args = append(args, i.Stock, i.Number, i.Asset, string(i.Kind), i.Model, i.Department, i.Keeper, i.Place, string(i.State), i.Borrower,
			i.Note.Done, i.Note.Text, i.Note.By, micros(i.Note.At))
	}
	return t.exec("INSERT INTO stk_item ("+itemColumns+") VALUES "+strings.Join(rows, ", "), args...)
}

// LockStock reads a count by id or label and holds it until the transaction ends.
func (t *txn) LockStock(_ context.Context, stock string) (*asset.StockTake, error) {
	k, err := one(t.ctx, t, scanStock, "SELECT "+stockColumns+" FROM stk_take WHERE id = $1 OR label = $1"+t.w.d.forUpdate, stock)
	return found("stock", k, err)
}

// SaveStock writes what may change of a count.
func (t *txn) SaveStock(_ context.Context, k *asset.StockTake) error {
	return t.exec("UPDATE stk_take SET finished_by = $1, finished_at = $2, reminded_at = $3, next_fire = $4 WHERE id = $5",
		k.FinishedBy, micros(k.FinishedAt), micros(k.Reminded), micros(k.NextFire), k.ID)
}

// StockItemOf reads the thing of a number on a list.
func (t *txn) StockItemOf(_ context.Context, stock, number string) (asset.StockItem, bool, error) {
	i, err := one(t.ctx, t, scanItem, "SELECT "+itemColumns+" FROM stk_item WHERE stock = $1 AND number = $2", stock, number)
	return maybe(i, err)
}

// SaveStockNote writes what was done about a thing.
func (t *txn) SaveStockNote(_ context.Context, stock, number string, n asset.StockNote) error {
	return t.exec("UPDATE stk_item SET done = $1, note = $2, noted_by = $3, noted_at = $4 WHERE stock = $5 AND number = $6",
		n.Done, n.Text, n.By, micros(n.At), stock, number)
}

// AssetNumbered gives the thing of a number.
func (t *txn) AssetNumbered(_ context.Context, number string) (string, asset.State, bool, error) {
	type named struct {
		id    string
		state asset.State
	}
	a, err := one(t.ctx, t, func(r scanner) (a named, err error) {
		return a, r.Scan(&a.id, &a.state)
	}, "SELECT id, state FROM ast_asset WHERE number = $1", number)
	a, ok, err := maybe(a, err)
	return a.id, a.state, ok, err
}

// SightingsOf lists those of a number that were not taken back.
func (t *txn) SightingsOf(_ context.Context, stock, number string) ([]asset.StockSighting, error) {
	return all(t.ctx, t, scanSighting, "SELECT "+sightingColumns+" FROM stk_sighting WHERE stock = $1 AND number = $2 AND undone_at = 0 ORDER BY at, id",
		stock, number)
}

// LockSighting reads a sighting and holds it until the transaction ends.
func (t *txn) LockSighting(_ context.Context, sighting string) (asset.StockSighting, error) {
	g, err := one(t.ctx, t, scanSighting, "SELECT "+sightingColumns+" FROM stk_sighting WHERE id = $1"+t.w.d.forUpdate, sighting)
	return found("sighting", g, err)
}

// CountStray counts what a person has seen that is not on the list, taken back or not.
func (t *txn) CountStray(_ context.Context, stock, person string) (int, error) {
	return one(t.ctx, t, scanInt, "SELECT count(*) FROM stk_sighting WHERE stock = $1 AND seen_by = $2 AND listed = false", stock, person)
}

// InsertSighting adds a sighting.
func (t *txn) InsertSighting(_ context.Context, g asset.StockSighting) error {
	return t.exec("INSERT INTO stk_sighting ("+sightingColumns+") VALUES ("+marks(1, 11)+")",
		g.ID, g.Stock, g.Number, g.Asset, g.Listed, g.Why, g.How, g.Place, g.By, micros(g.At), micros(g.Undone))
}

// UndoSighting takes a sighting back.
func (t *txn) UndoSighting(_ context.Context, sighting string, when time.Time) error {
	return t.exec("UPDATE stk_sighting SET undone_at = $1 WHERE id = $2", micros(when), sighting)
}

// InsertStockSeal keeps the signed result of a count.
func (t *txn) InsertStockSeal(_ context.Context, s asset.StockSeal) error {
	return t.exec("INSERT INTO stk_seal (stock, csv, data, note) VALUES ($1, $2, $3, $4)", s.Stock, s.CSV, s.Data, s.Note)
}

// StockItems lists a count's things by number.
func (t *txn) StockItems(_ context.Context, stock string) ([]asset.StockItem, error) {
	return stockItems(t.ctx, t, stock)
}

// StockItems lists a count's things by number.
func (db *DB) StockItems(ctx context.Context, stock string) ([]asset.StockItem, error) {
	return stockItems(ctx, db.read, stock)
}

func stockItems(ctx context.Context, q querier, stock string) ([]asset.StockItem, error) {
	return all(ctx, q, scanItem, "SELECT "+itemColumns+" FROM stk_item WHERE stock = $1 ORDER BY number", stock)
}

// StockSightings lists what was seen and not taken back, in the order of time.
func (t *txn) StockSightings(_ context.Context, stock string) ([]asset.StockSighting, error) {
	return stockSightings(t.ctx, t, stock)
}

// StockSightings lists what was seen and not taken back, in the order of time.
func (db *DB) StockSightings(ctx context.Context, stock string) ([]asset.StockSighting, error) {
	return stockSightings(ctx, db.read, stock)
}

func stockSightings(ctx context.Context, q querier, stock string) ([]asset.StockSighting, error) {
	return all(ctx, q, scanSighting, "SELECT "+sightingColumns+" FROM stk_sighting WHERE stock = $1 AND undone_at = 0 ORDER BY at, id", stock)
}

// StockProofs gives for each thing when a PC last met it within the time.
func (t *txn) StockProofs(_ context.Context, from, until time.Time) (map[string]asset.StockProof, error) {
	return stockProofs(t.ctx, t, from, until)
}

// StockProofs gives for each thing when a PC last met it within the time.
func (db *DB) StockProofs(ctx context.Context, from, until time.Time) (map[string]asset.StockProof, error) {
	return stockProofs(ctx, db.read, from, until)
}

// stockProofs takes what a PC let work, which it does for our own media only. It may have
// told later than it happened.
func stockProofs(ctx context.Context, q querier, from, until time.Time) (map[string]asset.StockProof, error) {
	type met struct {
		asset string
		proof asset.StockProof
	}
	rows, err := all(ctx, q, func(r scanner) (m met, err error) {
		var when int64
		err = r.Scan(&m.asset, &m.proof.Device, &when)
		m.proof.At = at(when)
		return m, err
	}, `SELECT asset, device, max(at) FROM med_attempt WHERE what IN ('admitted', 'registered') AND heard_at >= $1 AND at >= $2 AND at <= $3
		AND asset <> '' GROUP BY asset, device ORDER BY max(at), device`, micros(from), micros(from), micros(until))
	out := map[string]asset.StockProof{}
	for _, m := range rows {
		out[m.asset] = m.proof
	}
	return out, err
}

// Stock reads a count by id or label.
func (db *DB) Stock(ctx context.Context, stock string) (*asset.StockTake, error) {
	k, err := one(ctx, db.read, scanStock, "SELECT "+stockColumns+" FROM stk_take WHERE id = $1 OR label = $1", stock)
	return found("stock", k, err)
}

// Stocks lists the counts, newest first.
func (db *DB) Stocks(ctx context.Context) ([]asset.StockTake, error) {
	ks, err := all(ctx, db.read, scanStock, "SELECT "+stockColumns+" FROM stk_take ORDER BY opened_at DESC, id DESC")
	out := make([]asset.StockTake, 0, len(ks))
	for _, k := range ks {
		out = append(out, *k)
	}
	return slices.Clip(out), err
}

// StockKeeps reports whether a person keeps or has something that is on the list.
func (db *DB) StockKeeps(ctx context.Context, stock, person string) (bool, error) {
	n, err := one(ctx, db.read, scanInt, "SELECT count(*) FROM stk_item WHERE stock = $1 AND (keeper = $2 OR borrower = $2)", stock, person)
	return n > 0, err
}

// StockSealOf reads the signed result of a count.
func (db *DB) StockSealOf(ctx context.Context, stock string) (asset.StockSeal, bool, error) {
	s, err := one(ctx, db.read, func(r scanner) (s asset.StockSeal, err error) {
		return s, r.Scan(&s.Stock, &s.CSV, &s.Data, &s.Note)
	}, "SELECT stock, csv, data, note FROM stk_seal WHERE stock = $1", stock)
	return maybe(s, err)
}

// DueStocks lists the counts with something to do.
func (db *DB) DueStocks(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return all(ctx, db.read, scanText, "SELECT id FROM stk_take WHERE next_fire > 0 AND next_fire <= $1 ORDER BY next_fire LIMIT $2", micros(now), limit)
}

// NextStockFire gives when the next count has something to do.
func (db *DB) NextStockFire(ctx context.Context) (time.Time, bool, error) {
	next, err := one(ctx, db.read, scanInt, "SELECT coalesce(min(next_fire), 0) FROM stk_take WHERE next_fire > 0")
	return at(int64(next)), next > 0, err
}

// ExpiredStocks lists counts that were finished before a time and were not erased, the
// oldest first.
func (db *DB) ExpiredStocks(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return all(ctx, db.read, scanText, "SELECT id FROM stk_take WHERE finished_at > 0 AND erased_at = 0 AND finished_at < $1 ORDER BY finished_at, id LIMIT $2", micros(before), limit)
}

// EraseStock forgets a part of a count's list and of its sightings; when none are left, the
// signed result, and blanks the count and what the record says of it.
func (t *txn) EraseStock(_ context.Context, stock string, when time.Time, limit int) (done bool, err error) {
	for _, part := range []string{"DELETE FROM stk_item WHERE stock = $1 AND number IN (SELECT number FROM stk_item WHERE stock = $1 ORDER BY number LIMIT $2)",
		"DELETE FROM stk_sighting WHERE id IN (SELECT id FROM stk_sighting WHERE stock = $1 LIMIT $2)"} {
		if n, err := t.count(part, stock, limit); err != nil || n == limit {
			return false, err
		}
	}
	us := micros(when)
	for _, s := range []struct {
		text string
		args []any
	}{
		{"DELETE FROM stk_seal WHERE stock = $1", []any{stock}},
		{"UPDATE jrn_event SET salt = NULL, content = NULL, erased_at = $1 WHERE subject = $2 AND content IS NOT NULL", []any{us, stock}},
		{"UPDATE stk_take SET title = '', opened_by = '', finished_by = '', erased_at = $1 WHERE id = $2", []any{us, stock}},
	} {
		if err := t.exec(s.text, s.args...); err != nil {
			return false, err
		}
	}
	return true, nil
}
