package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/id"
)

var _ asset.Store = (*DB)(nil)

// UpdateAssets runs one change of the ledger.
func (db *DB) UpdateAssets(ctx context.Context, f func(asset.Tx) error) error {
	return db.update(ctx, func(t *txn) error { return f(t) })
}

const assetColumns = `id, number, kind, model, capacity, encryption, vendor, product, serial, medium_capacity, volume, token, read_at, read_on, twin,
	department, keeper, place, note, state, since, loan, borrower, due, created_at, changed_at, version, disposal, strength, search`

func assetValues(a *asset.Asset) ([]any, error) {
	disposal := ""
	if a.Disposal != nil {
		raw, err := json.Marshal(a.Disposal)
		if err != nil {
			return nil, fmt.Errorf("marshal disposal: %w", err)
		}
		disposal = string(raw)
	}
	i := a.Identity
	return []any{a.ID, a.Number, string(a.Kind), a.Model, a.Capacity, string(a.Encryption), i.Vendor, i.Product, i.Serial, i.Capacity, i.Volume, i.Token,
		micros(i.ReadAt), i.ReadOn, a.SerialTwin, a.Department, a.Keeper, a.Place, a.Note, string(a.State), micros(a.Since), a.Loan, a.Borrower,
		micros(a.Due), micros(a.Created), micros(a.Changed), a.Version, disposal, string(a.Strength()), a.SearchText()}, nil
}

func scanAsset(r scanner) (*asset.Asset, error) {
	a := &asset.Asset{}
	i := &a.Identity
	var read, since, due, created, changed int64
	var disposal, strength, search string
	err := r.Scan(&a.ID, &a.Number, (*string)(&a.Kind), &a.Model, &a.Capacity, (*string)(&a.Encryption), &i.Vendor, &i.Product, &i.Serial, &i.Capacity,
		&i.Volume, &i.Token, &read, &i.ReadOn, &a.SerialTwin, &a.Department, &a.Keeper, &a.Place, &a.Note, (*string)(&a.State), &since, &a.Loan, &a.Borrower,
		&due, &created, &changed, &a.Version, &disposal, &strength, &search)
	if err != nil {
		return nil, err
	}
	i.ReadAt, a.Since, a.Due, a.Created, a.Changed = at(read), at(since), at(due), at(created), at(changed)
	if disposal != "" {
		if err := json.Unmarshal([]byte(disposal), &a.Disposal); err != nil {
			return nil, fmt.Errorf("read disposal of %s: %w", a.ID, err)
		}
	}
	return a, nil
}

// InsertAsset adds a thing.
func (t *txn) InsertAsset(_ context.Context, a *asset.Asset) error {
	values, err := assetValues(a)
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO ast_asset ("+assetColumns+") VALUES ("+marks(1, 30)+")", values...)
}

// assetColumn chooses by which column a thing is asked for.
func assetColumn(asset string) string {
	if id.Valid("ast", asset) {
		return "id"
	}
	return "number"
}

// LockAsset reads a thing by id or number and holds it until the transaction ends.
func (t *txn) LockAsset(_ context.Context, asset string) (*asset.Asset, error) {
	a, err := one(t.ctx, t, scanAsset, "SELECT "+assetColumns+" FROM ast_asset WHERE "+assetColumn(asset)+" = $1"+t.w.d.forUpdate, asset)
	return found("asset", a, err)
}

// SaveAsset writes what may change of a thing: all but its id, number and beginning.
func (t *txn) SaveAsset(_ context.Context, a *asset.Asset) error {
	values, err := assetValues(a)
	if err != nil {
		return err
	}
	if err := t.exec(`UPDATE ast_asset SET kind = $1, model = $2, capacity = $3, encryption = $4, vendor = $5, product = $6, serial = $7, medium_capacity = $8,
		volume = $9, token = $10, read_at = $11, read_on = $12, twin = $13, department = $14, keeper = $15, place = $16, note = $17, state = $18,
		since = $19, loan = $20, borrower = $21, due = $22, changed_at = $23, version = $24, disposal = $25, strength = $26, search = $27 WHERE id = $28`,
		slices.Concat(values[2:24], values[25:], []any{a.ID})...); err != nil {
		return err
	}
	return t.exec("UPDATE lon_loan SET keeper = $1, department = $2 WHERE asset = $3 AND (keeper <> $1 OR department <> $2)", a.Keeper, a.Department, a.ID)
}

// AssetsNumbered reads those of the numbers that there are, and holds them.
func (t *txn) AssetsNumbered(_ context.Context, numbers []string) ([]*asset.Asset, error) {
	return assetsNumbered(t.ctx, t, numbers, t.w.d.forUpdate)
}

// AssetsByNumber reads those of the numbers that there are.
func (db *DB) AssetsByNumber(ctx context.Context, numbers []string) ([]*asset.Asset, error) {
	return assetsNumbered(ctx, db.read, numbers, "")
}

func assetsNumbered(ctx context.Context, q querier, numbers []string, hold string) ([]*asset.Asset, error) {
	var out []*asset.Asset
	// Sorted, so that two who hold many never wait for each other.
	for some := range slices.Chunk(slices.Sorted(slices.Values(numbers)), 500) {
		args := make([]any, len(some))
		for i, n := range some {
			args[i] = n
		}
		as, err := all(ctx, q, scanAsset, "SELECT "+assetColumns+" FROM ast_asset WHERE number IN ("+marks(1, len(some))+") ORDER BY number"+hold, args...)
		if err != nil {
			return nil, err
		}
		out = append(out, as...)
	}
	return out, nil
}

// SerialTwins lists the things whose vendor, product and serial are these.
func (t *txn) SerialTwins(_ context.Context, vendor, product, serial string) ([]*asset.Asset, error) {
	return all(t.ctx, t, scanAsset, "SELECT "+assetColumns+" FROM ast_asset WHERE serial = $1 AND serial <> '' AND vendor = $2 AND product = $3 ORDER BY id"+t.w.d.forUpdate, serial, vendor, product)
}

// MediumOf finds the thing that carries a token; else the only one of that vendor,
// product and serial.
func (t *txn) MediumOf(_ context.Context, i asset.Identity) (string, bool, error) {
	if i.Token != "" {
		ids, err := all(t.ctx, t, scanText, "SELECT id FROM ast_asset WHERE token = $1 AND token <> ''", i.Token)
		if err != nil || len(ids) == 1 {
			return strings.Join(ids, ""), err == nil, err
		}
	}
	if i.Serial == "" {
		return "", false, nil
	}
	ids, err := all(t.ctx, t, scanText, "SELECT id FROM ast_asset WHERE serial = $1 AND serial <> '' AND vendor = $2 AND product = $3 LIMIT 2", i.Serial, i.Vendor, i.Product)
	if err != nil || len(ids) != 1 {
		return "", false, err
	}
	return ids[0], true, nil
}

// Asset reads a thing by id or number.
func (db *DB) Asset(ctx context.Context, asset string) (*asset.Asset, error) {
	a, err := one(ctx, db.read, scanAsset, "SELECT "+assetColumns+" FROM ast_asset WHERE "+assetColumn(asset)+" = $1", asset)
	return found("asset", a, err)
}

// FindAssets lists things in the order of their numbers.
func (db *DB) FindAssets(ctx context.Context, q asset.Query) ([]asset.Asset, error) {
	among, narrow, err := db.narrowed(ctx, q)
	if err != nil || narrow && len(among) == 0 {
		return nil, err
	}
	var branches []string
	w := where{}
	for _, own := range assetScope(q.Scope) {
		w.parts = nil // the arguments go on
		w.add(own.cond, own.args...)
		if narrow {
			cond, arg := db.d.among(among)
			w.add(cond, arg)
		}
		assetFilters(&w, q)
		branches = append(branches, fmt.Sprintf("SELECT number FROM (SELECT x.number FROM ast_asset x WHERE %s ORDER BY x.number LIMIT %d) b%d",
			strings.Join(w.parts, " AND "), q.Limit, len(branches)))
	}
	as, err := all(ctx, db.read, scanAsset, fmt.Sprintf("SELECT %s FROM ast_asset WHERE number IN (%s) ORDER BY number LIMIT %d",
		assetColumns, strings.Join(branches, " UNION "), q.Limit), w.args...)
	return values(as), err
}

func assetFilters(w *where, q asset.Query) {
	if q.Number != "" {
		w.add("x.number = ?", q.Number)
	}
	for _, word := range q.Words {
		// Put together, so that SQLite does not plan anew for each pattern.
		args := []any{"%" + like(word.Text) + "%"}
		cond := `x.search LIKE (? || '') ESCAPE '\'`
		if strings.ContainsRune(word.Text, 0) { // no text that is kept holds it, and SQLite would end the pattern there
			cond, args = "false", nil
		}
		if people := padded(word.People); len(people) > 0 {
			cond += " OR x.keeper IN (" + slots(len(people)) + ")"
			args = append(args, people...)
		}
		w.add(cond, args...)
	}
	if q.Kind != "" {
		w.add("x.kind = ?", string(q.Kind))
	}
	// Most things are in store or lent: put together with an empty text, the state keeps
	// the database from its index, and so from sorting most of the ledger.
	switch q.State {
	case "":
	case asset.Lent:
		w.add("x.state || '' = ? AND (x.due = 0 OR x.due > ?)", string(asset.Lent), micros(q.Now))
	case asset.Overdue:
		w.add("x.state = ? AND x.due > 0 AND x.due <= ?", string(asset.Lent), micros(q.Now))
	case asset.Lost, asset.InRepair:
		w.add("x.state = ?", string(q.State))
	default:
		w.add("x.state || '' = ?", string(q.State))
	}
	if q.Department != "" {
		w.add("x.department = ?", q.Department)
	}
	if q.Keeper != "" {
		w.add("x.keeper = ?", q.Keeper)
	}
	if q.Strength != "" {
		w.add("x.strength = ?", string(q.Strength))
	}
	if q.After != "" {
		w.add("x.number > ?", q.After)
	}
}

func values(as []*asset.Asset) []asset.Asset {
	out := make([]asset.Asset, len(as))
	for i, a := range as {
		out[i] = *a
	}
	return out
}

// condition is a part of a WHERE with its arguments.
type condition struct {
	cond string
	args []any
}

// maxBranches is how many departments a list is put together from, each in its own order;
// a scope of more is so wide that reading all rows finds enough of them soon.
const maxBranches = 8

// assetScope gives what the actor may see as conditions, of which each has an index that
// gives its things in order. It mirrors asset.Scope.
func assetScope(s asset.Scope) []condition {
	if s.All {
		return []condition{{"true", nil}}
	}
	out := []condition{{"x.keeper = ?", []any{s.Person}}, {"x.borrower = ? AND x.borrower <> ''", []any{s.Person}}}
	return append(out, departments("x.department", s.Departments)...)
}

func departments(column string, ids []string) (out []condition) {
	if len(ids) > maxBranches {
		ds := padded(ids)
		// Put together, so that no index is used but that of the order.
		return []condition{{column + " || '' IN (" + slots(len(ds)) + ")", ds}}
	}
	for _, d := range ids {
		out = append(out, condition{column + " = ?", []any{d}})
	}
	return out
}

// padded gives values for an IN list of one of a few lengths, so that there are few texts
// to keep prepared.
func padded(values []string) []any {
	if len(values) == 0 {
		return nil
	}
	n := 1
	for n < len(values) {
		n *= 4
	}
	out := make([]any, n)
	for i := range out {
		out[i] = values[min(i, len(values)-1)]
	}
	return out
}

func slots(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// CountAssets counts things by their state at a moment.
func (db *DB) CountAssets(ctx context.Context, s asset.Scope, now time.Time) (map[asset.State]int, error) {
	var parts []string
	w := where{}
	for _, own := range assetScope(s) {
		w.parts = nil // the arguments go on
		w.add(own.cond, own.args...)
		parts = append(parts, strings.Join(w.parts, ""))
	}
	from := "FROM ast_asset x WHERE (" + strings.Join(parts, " OR ") + ")"
	late := fmt.Sprintf(" AND x.state = 'lent' AND x.due > 0 AND x.due <= $%d", len(w.args)+1)
	type count struct {
		state asset.State
		n     int
	}
	scan := func(r scanner) (c count, err error) { return c, r.Scan((*string)(&c.state), &c.n) }
	rows, err := all(ctx, db.read, scan, "SELECT x.state, count(*) "+from+" GROUP BY x.state", w.args...)
	if err != nil {
		return nil, err
	}
	overdue, err := one(ctx, db.read, scanInt, "SELECT count(*) "+from+late, append(w.args, micros(now))...)
	if err != nil {
		return nil, err
	}
	out := map[asset.State]int{}
	for _, c := range rows {
		out[c.state] = c.n
	}
	if overdue > 0 { // a thing may have changed between the two questions
		out[asset.Overdue], out[asset.Lent] = overdue, max(out[asset.Lent]-overdue, 0)
	}
	return out, nil
}

// EachAsset gives things in the order of their numbers, a part at a time.
func (db *DB) EachAsset(ctx context.Context, after string, limit int) ([]asset.Asset, error) {
	as, err := all(ctx, db.read, scanAsset, "SELECT "+assetColumns+" FROM ast_asset WHERE number > $1 ORDER BY number LIMIT $2", after, limit)
	return values(as), err
}

// AssetHistory gives what the record says of a thing, newest first.
func (db *DB) AssetHistory(ctx context.Context, asset string, limit int) ([]journal.Event, error) {
	return all(ctx, db.read, func(r scanner) (journal.Event, error) {
		row, err := scanRow(r)
		if err != nil {
			return journal.Event{}, err
		}
		e, err := row.Open()
		if errors.Is(err, journal.ErrErased) {
			return journal.Event{ID: row.ID, At: row.At, Kind: row.Kind, Subject: row.Subject}, nil
		}
		return e, err
	}, "SELECT "+rowColumns+" FROM jrn_event WHERE subject = $1 AND subject <> '' ORDER BY at DESC, id DESC LIMIT $2", asset, limit)
}

const photoColumns = "id, asset, name, type, size, sha256, blob, added_by, at"

func scanPhoto(r scanner) (p asset.Photo, err error) {
	var sum []byte
	var when int64
	err = r.Scan(&p.ID, &p.Asset, &p.Name, &p.Type, &p.Size, &sum, &p.Blob, &p.By, &when)
	copy(p.SHA256[:], sum)
	p.At = at(when)
	return p, err
}

// CountPhotos counts the photos of a thing.
func (t *txn) CountPhotos(_ context.Context, asset string) (int, error) {
	return one(t.ctx, t, scanInt, "SELECT count(*) FROM ast_photo WHERE asset = $1", asset)
}

// InsertPhoto adds the row that names a blob.
func (t *txn) InsertPhoto(_ context.Context, p asset.Photo) error {
	return t.exec("INSERT INTO ast_photo ("+photoColumns+") VALUES ("+marks(1, 9)+")", p.ID, p.Asset, p.Name, p.Type, p.Size, p.SHA256[:], p.Blob, p.By, micros(p.At))
}

// PhotosOf lists the photos of a thing, oldest first.
func (db *DB) PhotosOf(ctx context.Context, asset string) ([]asset.Photo, error) {
	return all(ctx, db.read, scanPhoto, "SELECT "+photoColumns+" FROM ast_photo WHERE asset = $1 ORDER BY at, id", asset)
}

// PhotoByID reads the row of one photo.
func (db *DB) PhotoByID(ctx context.Context, photo string) (asset.Photo, error) {
	p, err := one(ctx, db.read, scanPhoto, "SELECT "+photoColumns+" FROM ast_photo WHERE id = $1", photo)
	return found("photo", p, err)
}
