package store

import (
	"context"
	"encoding/json"
	"fmt"

	"sekimori/internal/domain/device"
	"sekimori/internal/kit/fault"
)

// Most of what devices tell asks the database the same two things, so that a batch asks
// them for all its devices together, before the first change is run.

// Hear runs one change by what a device tells, and holds its row until the commit.
func (db *DB) Hear(ctx context.Context, id string, f func(device.Tx, device.Hearing) error) error {
	if !clean(id) {
		return fault.Missing("device")
	}
	return db.submit(&job{ctx: ctx, hears: id, do: func(t *txn) error {
		h, err := t.hearing(id)
		if err != nil {
			return err
		}
		return f(t, h)
	}})
}

// hearing gives what was read for the batch, once: by the next time it may have changed.
func (t *txn) hearing(id string) (device.Hearing, error) {
	h, ok := t.w.heard[id]
	delete(t.w.heard, id)
	if ok {
		return h, nil
	}
	if err := t.settle(); err != nil {
		return h, err
	}
	found, err := t.hearings([]string{id})
	if err != nil {
		return h, err
	}
	if h, ok = found[id]; !ok {
		return h, fault.Missing("device")
	}
	return h, nil
}

// listen reads what the jobs of a batch will ask for.
func (w *writer) listen(ctx context.Context, batch []*job) (err error) {
	var ids []string
	for _, j := range batch {
		if j.hears != "" {
			ids = append(ids, j.hears)
		}
	}
	clear(w.heard)
	if len(ids) > 0 {
		w.heard, err = (&txn{w: w, ctx: ctx}).hearings(ids)
	}
	return err
}

// hearings holds the rows of devices and reads them. The second question is put when the
// rows are held, so that its answer holds what another server committed until then.
func (t *txn) hearings(ids []string) (map[string]device.Hearing, error) {
	several, in := any(ids), "= ANY($1)"
	if t.w.d.inside {
		text, err := json.Marshal(ids)
		if err != nil {
			return nil, fmt.Errorf("list devices: %w", err)
		}
		several, in = string(text), "IN (SELECT value FROM json_each($1))"
	}
	out := make(map[string]device.Hearing, len(ids))
	read := func(r scanner) (id string, err error) {
		var seq int64
		err = r.Scan(&id, &seq)
		out[id] = device.Hearing{Seq: seq}
		return id, err
	}
	// Sorted, so that two servers never wait for each other.
	if _, err := rowsOf(t.ctx, aside{t}, read, "SELECT device, seq FROM dev_heard WHERE device "+in+" ORDER BY device"+t.w.d.forUpdate, several); err != nil {
		return nil, fmt.Errorf("hold devices: %w", err)
	}
	more := func(r scanner) (id string, err error) {
		var refused int64
		var told int
		err = r.Scan(&id, &refused, &told)
		h := out[id]
		h.Refused, h.Told = refused != 0, told
		out[id] = h
		return id, err
	}
	if _, err := rowsOf(t.ctx, aside{t}, more, `SELECT d.id, d.refused_at, (SELECT count(*) FROM dev_fact f WHERE f.device = d.id)
		FROM dev_device d WHERE d.id `+in, several); err != nil {
		return nil, fmt.Errorf("read devices: %w", err)
	}
	return out, nil
}
