package store

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"sekimori/internal/domain/device"
)

var _ device.Store = (*DB)(nil)

// devicesTopic wakes who looks at devices as a whole: what they tell, and whether they
// are there. A device's own id wakes its stream, which must not happen for these.
const devicesTopic = device.Topic

// UpdateDevices runs one change of devices.
func (db *DB) UpdateDevices(ctx context.Context, f func(device.Tx) error) error {
	return db.update(ctx, func(t *txn) error { return f(t) })
}

const deviceColumns = `d.id, d.key, d.person, d.enrolled_at, d.enrolled_by, d.refused_at, d.refused_by, d.refused_why, d.secret,
	d.desired, d.document, d.basis, d.issued_at, d.wanted, d.order_id, d.presses,
	h.name, h.system, h.agent, h.server, h.seen_at, h.seq, h.applied, h.dry_run, h.privileged, h.fact, h.fact_at,
	h.undone, h.undone_at, h.failure, h.failures, h.released, h.unknown_at`

// deviceFrom names what a device tells first: PostgreSQL holds rows in this order, and
// whoever holds only that one row (Hear) must not come the other way.
const deviceFrom = " FROM dev_heard h JOIN dev_device d ON d.id = h.device "

// scanDevice leaves of the newest order only the id; withOrders fills it in.
func scanDevice(r scanner) (*device.Record, error) {
	var d device.Record
	var server, fact string
	var enrolled, refused, issued, seen, told, undone, unknown int64
	if err := r.Scan(&d.ID, (*[]byte)(&d.Key), &d.Person, &enrolled, &d.EnrolledBy, &refused, &d.RefusedBy, &d.RefusedWhy, &d.Secret,
		&d.Desired, &d.Document, &d.Basis, &issued, &d.Isolation.Wanted, &d.Isolation.Order.ID, &d.Presses,
		&d.Name, &d.System, &d.Agent, &server, &seen, &d.Seq, &d.Applied, &d.DryRun, &d.Privileged, &fact, &told,
		&d.Undone, &undone, &d.Failure, &d.Failures, &d.Release, &unknown); err != nil {
		return nil, err
	}
	d.EnrolledAt, d.RefusedAt, d.Issued, d.Seen = at(enrolled), at(refused), at(issued), at(seen)
	d.Online, d.Isolation.FactAt, d.UndoneAt, d.UnknownAt = server != "", at(told), at(undone), at(unknown)
	if fact != "" {
		if err := json.Unmarshal([]byte(fact), &d.Isolation.Fact); err != nil {
			return nil, fmt.Errorf("read isolation of %s: %w", d.ID, err)
		}
	}
	return &d, nil
}

// withOrders fills in the newest order of each device.
func withOrders(ctx context.Context, q querier, ds []*device.Record) error {
	var ids []any
	for _, d := range ds {
		if d.Isolation.Order.ID != "" {
			ids = append(ids, d.Isolation.Order.ID)
		}
	}
	orders := map[string]device.Order{}
	for some := range slices.Chunk(ids, 200) {
		os, err := all(ctx, q, scanOrder, "SELECT "+orderColumns+" FROM dev_order WHERE id IN ("+marks(1, len(some))+")", some...)
		if err != nil {
			return fmt.Errorf("read orders: %w", err)
		}
		for _, o := range os {
			orders[o.ID] = o
		}
	}
	for _, d := range ds {
		d.Isolation.Order = orders[d.Isolation.Order.ID]
	}
	return nil
}

// HasDevice reports whether a device is enrolled, refused or not.
func (t *txn) HasDevice(_ context.Context, id string) (bool, error) {
	n, err := one(t.ctx, t, scanInt, "SELECT count(*) FROM dev_device WHERE id = $1", id)
	return n > 0, err
}

// InsertDevice adds a device.
func (t *txn) InsertDevice(_ context.Context, r *device.Record) error {
	delete(t.w.heard, r.ID)
	if err := t.exec(`INSERT INTO dev_device (id, key, person, enrolled_at, enrolled_by, refused_at, refused_by, refused_why, secret,
		desired, document, basis, issued_at, wanted, order_id, presses) VALUES (`+marks(1, 16)+")",
		r.ID, []byte(r.Key), r.Person, micros(r.EnrolledAt), r.EnrolledBy, micros(r.RefusedAt), r.RefusedBy, r.RefusedWhy, r.Secret,
		r.Desired, r.Document, r.Basis, micros(r.Issued), r.Isolation.Wanted, r.Isolation.Order.ID, r.Presses); err != nil {
		return err
	}
	t.told = append(t.told, devicesTopic)
	return t.exec(`INSERT INTO dev_heard (device, name, system, agent, server, seen_at, seq, applied, dry_run, privileged, state, fact,
		fact_at, undone, undone_at, failure, failures, released, unknown_at)
		VALUES ($1, $2, $3, $4, '', 0, 0, 0, false, false, '', '', 0, 0, 0, '', 0, '', 0)`, r.ID, r.Name, r.System, r.Agent)
}

// LockDevice reads a device with its newest order and holds it until the transaction ends.
func (t *txn) LockDevice(_ context.Context, id string) (*device.Record, error) {
	// Both rows are locked by the statement that reads them: PostgreSQL reads a row that it
	// had to wait for once more (13.2.1, read committed).
	r, err := one(t.ctx, t, scanDevice, "SELECT "+deviceColumns+deviceFrom+"WHERE d.id = $1"+t.w.d.forUpdate, id)
	if r, err = found("device", r, err); err != nil {
		return nil, err
	}
	return r, withOrders(t.ctx, t, []*device.Record{r})
}

// SaveDesired writes the desired state and the refusal, and wakes the device's stream.
func (t *txn) SaveDesired(_ context.Context, r *device.Record) error {
	t.told = append(t.told, r.ID, devicesTopic)
	delete(t.w.heard, r.ID)
	return t.exec(`UPDATE dev_device SET refused_at = $1, refused_by = $2, refused_why = $3, desired = $4, document = $5, basis = $6,
		issued_at = $7, wanted = $8, order_id = $9, presses = $10 WHERE id = $11`,
		micros(r.RefusedAt), r.RefusedBy, r.RefusedWhy, r.Desired, r.Document, r.Basis,
		micros(r.Issued), r.Isolation.Wanted, r.Isolation.Order.ID, r.Presses, r.ID)
}

// SaveHeard writes what a device told.
func (t *txn) SaveHeard(_ context.Context, r *device.Record) error {
	t.told = append(t.told, devicesTopic)
	delete(t.w.heard, r.ID)
	fact, state := "", string(r.Isolation.Fact.State)
	if r.Isolation.Fact.DryRun {
		state = "dry_run" // neither isolated nor failing
	}
	if !r.Isolation.FactAt.IsZero() {
		raw, err := json.Marshal(r.Isolation.Fact)
		if err != nil {
			return fmt.Errorf("marshal isolation: %w", err)
		}
		fact = string(raw)
	}
	return t.exec(`UPDATE dev_heard SET name = $1, system = $2, agent = $3, seen_at = $4, seq = $5, applied = $6, dry_run = $7,
		privileged = $8, state = $9, fact = $10, fact_at = $11, undone = $12, undone_at = $13, failure = $14, failures = $15,
		released = $16, unknown_at = $17 WHERE device = $18`,
		r.Name, r.System, r.Agent, micros(r.Seen), r.Seq, r.Applied, r.DryRun,
		r.Privileged, state, fact, micros(r.Isolation.FactAt), r.Undone, micros(r.UndoneAt), r.Failure, r.Failures,
		r.Release, micros(r.UnknownAt), r.ID)
}

// SaveSeen writes only the number of what a device told, and when.
func (t *txn) SaveSeen(_ context.Context, id string, seq int64, when time.Time) error {
	t.told = append(t.told, devicesTopic)
	delete(t.w.heard, id)
	return t.replace(seen, rowKey{id, ""}, micros(when), seq, id)
}

// Device reads one device.
func (db *DB) Device(ctx context.Context, id string) (*device.Record, error) {
	r, err := one(ctx, db.read, scanDevice, "SELECT "+deviceColumns+deviceFrom+"WHERE d.id = $1", id)
	if r, err = found("device", r, err); err != nil {
		return nil, err
	}
	return r, withOrders(ctx, db.read, []*device.Record{r})
}

// DeviceKey reads a device's key and whether it was refused.
func (db *DB) DeviceKey(ctx context.Context, id string) (ed25519.PublicKey, bool, error) {
	type held struct {
		key     []byte
		refused int64
	}
	h, err := one(ctx, db.read, func(r scanner) (h held, err error) { return h, r.Scan(&h.key, &h.refused) },
		"SELECT key, refused_at FROM dev_device WHERE id = $1", id)
	h, err = found("device", h, err)
	return h.key, h.refused != 0, err
}

// FindDevices lists devices, newest enrolment first.
func (db *DB) FindDevices(ctx context.Context, q device.Query) ([]device.Device, error) {
	w := where{}
	switch q.State {
	case device.StateRefused:
		w.add("d.refused_at > 0")
	case device.StateIsolated:
		w.add("d.wanted = true OR h.state IN ('applied', 'proven')")
	case device.StateFailing:
		w.add("h.dry_run = false AND h.state <> 'dry_run' AND (h.state = 'failing' OR d.wanted = true AND EXISTS (SELECT 1 FROM dev_order o WHERE o.id = d.order_id AND o.proven_at = 0 AND o.requested_at < ?))",
			micros(q.Now.Add(-device.Patience)))
	case device.StateOffline:
		w.add("h.server = ''")
	}
	if q.State != device.StateRefused {
		w.add("d.refused_at = 0")
	}
	if q.Person != "" {
		w.add("d.person = ?", q.Person)
	}
	if q.Text != "" {
		args := []any{"%" + like(q.Text) + "%", like(q.Text) + "%"}
		cond := `lower(h.name) LIKE lower(?) ESCAPE '\' OR d.id LIKE ? ESCAPE '\'`
		if len(q.People) > 0 {
			cond += " OR d.person IN (?"
			for i, p := range q.People {
				if i > 0 {
					cond += ", ?"
				}
				args = append(args, p)
			}
			cond += ")"
		}
		w.add(cond, args...)
	}
	if q.After != "" {
		w.add("(d.enrolled_at, d.id) < (SELECT a.enrolled_at, a.id FROM dev_device a WHERE a.id = ?)", q.After)
	}
	text, args := w.text()
	rs, err := all(ctx, db.read, scanDevice, fmt.Sprintf("SELECT %s%s%s ORDER BY d.enrolled_at DESC, d.id DESC LIMIT %d", deviceColumns, deviceFrom, text, q.Limit), args...)
	if err != nil {
		return nil, err
	}
	if err := withOrders(ctx, db.read, rs); err != nil {
		return nil, err
	}
	out := make([]device.Device, len(rs))
	for i, r := range rs {
		out[i] = r.Device
	}
	return out, nil
}

// DevicesOfCase lists the devices whose orders or reports belong to a case.
func (db *DB) DevicesOfCase(ctx context.Context, incident string) ([]string, error) {
	return all(ctx, db.read, scanText, `SELECT device FROM dev_order WHERE incident = $1 AND incident <> ''
		UNION SELECT device FROM dev_infection WHERE incident = $1 AND incident <> '' ORDER BY device`, incident)
}

// Versions gives the newest version of each device that is not refused.
func (db *DB) Versions(ctx context.Context, devices []string) (map[string]int64, error) {
	type version struct {
		device string
		n      int64
	}
	out := make(map[string]int64, len(devices))
	for some := range slices.Chunk(devices, 500) {
		args := make([]any, len(some))
		for i, d := range some {
			args[i] = d
		}
		vs, err := all(ctx, db.read, func(r scanner) (v version, err error) { return v, r.Scan(&v.device, &v.n) },
			"SELECT id, desired FROM dev_device WHERE refused_at = 0 AND id IN ("+marks(1, len(some))+")", args...)
		if err != nil {
			return nil, err
		}
		for _, v := range vs {
			out[v.device] = v.n
		}
	}
	return out, nil
}

// Bases gives what the documents of up to limit devices were made from, by id, after one.
func (db *DB) Bases(ctx context.Context, after string, limit int) ([]device.Base, error) {
	return all(ctx, db.read, func(r scanner) (b device.Base, err error) {
		var issued int64
		err = r.Scan(&b.Device, &b.Person, &b.Basis, &issued)
		b.Issued = at(issued)
		return b, err
	}, "SELECT id, person, basis, issued_at FROM dev_device WHERE id > $1 AND refused_at = 0 ORDER BY id LIMIT $2", after, limit)
}

// SetPresence notes who has come to a server and who has gone. Of a device that has
// come to another server meanwhile, the going is old news.
func (db *DB) SetPresence(ctx context.Context, server string, on, off []string, when time.Time) error {
	return db.update(ctx, func(t *txn) error {
		change := func(set, cond string, devices []string) error {
			// Sorted, so that two servers never wait for each other.
			for some := range slices.Chunk(slices.Sorted(slices.Values(devices)), 200) {
				args := []any{server, micros(when)}
				for _, d := range some {
					args = append(args, d)
				}
				if err := t.exec("UPDATE dev_heard SET "+set+", seen_at = $2 WHERE device IN ("+marks(3, len(some))+")"+cond, args...); err != nil {
					return fmt.Errorf("write presence: %w", err)
				}
			}
			return nil
		}
		t.told = append(t.told, devicesTopic)
		if err := change("server = ''", " AND server = $1", off); err != nil {
			return err
		}
		return change("server = $1", "", on)
	})
}

// ClearPresence forgets who was at a server. When they were last seen stays.
func (db *DB) ClearPresence(ctx context.Context, server string, _ time.Time) error {
	return db.update(ctx, func(t *txn) error {
		t.told = append(t.told, devicesTopic)
		return t.exec("UPDATE dev_heard SET server = '' WHERE server = $1", server)
	})
}

// KeepPresence says that a server lives, and forgets who was at servers that have not
// said so since a time: killed ones, whose PCs may never come back.
func (db *DB) KeepPresence(ctx context.Context, server string, now, since time.Time) error {
	return db.update(ctx, func(t *txn) error {
		if err := t.exec("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
			"server "+server, strconv.FormatInt(micros(now), 10)); err != nil {
			return fmt.Errorf("say that the server lives: %w", err)
		}
		if err := t.exec("DELETE FROM meta WHERE name LIKE 'server %' AND CAST(value AS BIGINT) < $1", micros(since)); err != nil {
			return fmt.Errorf("forget dead servers: %w", err)
		}
		n, err := t.count("UPDATE dev_heard SET server = '' WHERE server <> '' AND 'server ' || server NOT IN (SELECT name FROM meta WHERE name LIKE 'server %')")
		if err != nil {
			return fmt.Errorf("forget who was at dead servers: %w", err)
		}
		if n > 0 {
			t.told = append(t.told, devicesTopic)
		}
		return nil
	})
}

const orderColumns = `id, device, kind, ordered_by, via, reason, incident, wifi, presses, requested_at, applied_at, proven_at,
	pc_applied_at, pc_proven_at, superseded, version`

func scanOrder(r scanner) (o device.Order, err error) {
	var requested, applied, proven, pcApplied, pcProven int64
	err = r.Scan(&o.ID, &o.Device, (*string)(&o.Kind), &o.By, &o.Via, &o.Reason, &o.Incident, &o.Wifi, &o.Local, &requested, &applied, &proven,
		&pcApplied, &pcProven, &o.Superseded, &o.Version)
	o.Requested, o.Applied, o.Proven, o.PCApplied, o.PCProven = at(requested), at(applied), at(proven), at(pcApplied), at(pcProven)
	return o, err
}

// InsertOrder adds an order.
func (t *txn) InsertOrder(_ context.Context, o device.Order) error {
	return t.exec("INSERT INTO dev_order ("+orderColumns+") VALUES ("+marks(1, 16)+")",
		o.ID, o.Device, string(o.Kind), o.By, o.Via, o.Reason, o.Incident, o.Wifi, o.Local, micros(o.Requested), micros(o.Applied), micros(o.Proven),
		micros(o.PCApplied), micros(o.PCProven), o.Superseded, o.Version)
}

// SaveOrder writes how far an order has come.
func (t *txn) SaveOrder(_ context.Context, o device.Order) error {
	return t.exec("UPDATE dev_order SET applied_at = $1, proven_at = $2, pc_applied_at = $3, pc_proven_at = $4, superseded = $5 WHERE id = $6",
		micros(o.Applied), micros(o.Proven), micros(o.PCApplied), micros(o.PCProven), o.Superseded, o.ID)
}

// LinkOrder names the case of an order that has none yet.
func (t *txn) LinkOrder(_ context.Context, order, incident string) error {
	return t.exec("UPDATE dev_order SET incident = $1 WHERE id = $2 AND incident = ''", incident, order)
}

// Orders lists a device's orders, newest first.
func (db *DB) Orders(ctx context.Context, id string, limit int) ([]device.Order, error) {
	return all(ctx, db.read, scanOrder, "SELECT "+orderColumns+" FROM dev_order WHERE device = $1 ORDER BY version DESC, id DESC LIMIT $2", id, limit)
}

const factColumns = "name, value, unread, at, heard_at"

func scanFact(r scanner) (f device.Fact, err error) {
	var value string
	var read, heard int64
	err = r.Scan(&f.Name, &value, &f.Unread, &read, &heard)
	if value != "" {
		f.Value = json.RawMessage(value)
	}
	f.At, f.Heard = at(read), at(heard)
	return f, err
}

// FactsNamed reads some facts of a device.
func (t *txn) FactsNamed(_ context.Context, id string, names []string) ([]device.Fact, error) {
	args := []any{id}
	for _, n := range names {
		args = append(args, n)
	}
	return all(t.ctx, t, scanFact, "SELECT "+factColumns+" FROM dev_fact WHERE device = $1 AND name IN ("+marks(2, len(names))+")", args...)
}

// CountFacts counts what a device has told.
func (t *txn) CountFacts(_ context.Context, id string) (int, error) {
	return one(t.ctx, t, scanInt, "SELECT count(*) FROM dev_fact WHERE device = $1", id)
}

// SaveFact keeps a fact, unless the one of its name says the same.
func (t *txn) SaveFact(_ context.Context, id string, f device.Fact) error {
	delete(t.w.heard, id)
	return t.replace(facts, rowKey{id, f.Name}, id, f.Name, string(f.Value), f.Unread, micros(f.At), micros(f.Heard))
}

// Facts lists what a device has told, by name.
func (db *DB) Facts(ctx context.Context, id string) ([]device.Fact, error) {
	return all(ctx, db.read, scanFact, "SELECT "+factColumns+" FROM dev_fact WHERE device = $1 ORDER BY name", id)
}

// UnreadFacts lists what some devices could not read of themselves, by device and name.
func (db *DB) UnreadFacts(ctx context.Context, devices []string) (map[string][]device.Fact, error) {
	type told struct {
		device string
		fact   device.Fact
	}
	out := map[string][]device.Fact{}
	for some := range slices.Chunk(devices, 500) {
		args := make([]any, len(some))
		for i, d := range some {
			args[i] = d
		}
		fs, err := all(ctx, db.read, func(r scanner) (x told, err error) {
			var read, heard int64
			err = r.Scan(&x.device, &x.fact.Name, &x.fact.Unread, &read, &heard)
			x.fact.At, x.fact.Heard = at(read), at(heard)
			return x, err
		}, "SELECT device, name, unread, at, heard_at FROM dev_fact WHERE unread <> '' AND device IN ("+marks(1, len(some))+") ORDER BY device, name", args...)
		if err != nil {
			return nil, err
		}
		for _, x := range fs {
			out[x.device] = append(out[x.device], x.fact)
		}
	}
	return out, nil
}
