package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/journal"
)

var (
	_ journal.SealStore = (*DB)(nil)
	_ audit.Store       = Record{}
)

// Record is the sealed journal as its readers see it.
type Record struct{ db *DB }

// Record gives the journal to read.
func (db *DB) Record() Record { return Record{db} }

// Record writes an event with the change that it tells of. Events keep the order in
// which they were told: two of the same microsecond are put one apart.
func (t *txn) Record(_ context.Context, e journal.Event) error {
	if !e.At.After(t.w.last) {
		e.At = t.w.last.Add(time.Microsecond)
	}
	t.w.last = e.At
	r, err := e.Row()
	if err != nil {
		return err
	}
	t.told = append(t.told, e.Subject)
	t.add(events, r.ID, micros(r.At), r.Kind, r.Subject, r.Commitment[:], r.Salt, r.Content, micros(r.ErasedAt))
	return nil
}

const rowColumns = "id, at, kind, subject, commitment, salt, content, erased_at"

func rowFields(r *journal.Row, when, erased *int64, commitment *[]byte) []any {
	return []any{&r.ID, when, &r.Kind, &r.Subject, commitment, &r.Salt, &r.Content, erased}
}

func scanRow(s scanner) (r journal.Row, err error) {
	var when, erased int64
	var commitment []byte
	if err = s.Scan(rowFields(&r, &when, &erased, &commitment)...); err != nil {
		return r, err
	}
	copy(r.Commitment[:], commitment)
	r.At, r.ErasedAt = at(when), at(erased)
	return r, nil
}

func scanEntry(s scanner) (e journal.Entry, err error) {
	var when, erased int64
	var commitment []byte
	if err = s.Scan(append(rowFields(&e.Row, &when, &erased, &commitment), &e.Seq)...); err != nil {
		return e, err
	}
	copy(e.Commitment[:], commitment)
	e.At, e.ErasedAt = at(when), at(erased)
	return e, nil
}

// Seal runs one sealing transaction.
func (db *DB) Seal(ctx context.Context, do func(journal.SealTx) error) error {
	return db.update(ctx, func(t *txn) error { return do(sealTx{t}) })
}

type sealTx struct{ t *txn }

// Head reads and holds the size, so that one sealer at a time numbers rows.
func (s sealTx) Head(context.Context) (journal.Head, error) {
	n, err := one(s.t.ctx, s.t, scanInt64, "SELECT size FROM jrn_head WHERE one = 1"+s.t.w.d.forUpdate)
	return journal.Head{Size: n}, err
}

// Unsealed lists rows without a number, oldest first.
func (s sealTx) Unsealed(_ context.Context, limit int) ([]journal.Row, error) {
	return all(s.t.ctx, s.t, scanRow, "SELECT id, at, kind, subject, commitment, NULL, NULL, erased_at FROM jrn_event WHERE seq IS NULL ORDER BY at, id LIMIT $1", limit)
}

// Nodes gives stored tree hashes in the order asked.
func (s sealTx) Nodes(_ context.Context, indexes []int64) ([]tlog.Hash, error) {
	return nodesAt(s.t.ctx, s.t, indexes)
}

func nodesAt(ctx context.Context, q querier, indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, 0, len(indexes))
	for len(indexes) > 0 {
		part := indexes[:min(len(indexes), 200)]
		indexes = indexes[len(part):]
		args := make([]any, len(part))
		for i, x := range part {
			args[i] = x
		}
		type node struct {
			idx  int64
			hash tlog.Hash
		}
		rows, err := all(ctx, q, func(r scanner) (n node, err error) {
			var h []byte
			err = r.Scan(&n.idx, &h)
			if err == nil && copy(n.hash[:], h) != tlog.HashSize {
				err = errors.New("stored tree hash has a wrong length")
			}
			return n, err
		}, "SELECT idx, hash FROM jrn_node WHERE idx IN ("+marks(1, len(part))+")", args...)
		if err != nil {
			return nil, err
		}
		byIndex := make(map[int64]tlog.Hash, len(rows))
		for _, n := range rows {
			byIndex[n.idx] = n.hash
		}
		for _, x := range part {
			h, ok := byIndex[x]
			if !ok {
				return nil, fmt.Errorf("tree node %d: %w", x, journal.ErrNoNode)
			}
			out = append(out, h)
		}
	}
	return out, nil
}

// Append numbers entries, and stores their nodes and the checkpoint over them.
func (s sealTx) Append(_ context.Context, entries []journal.Entry, firstNode int64, hashes []tlog.Hash, cp *journal.Checkpoint) error {
	if err := s.number(entries); err != nil {
		return fmt.Errorf("number entries: %w", err)
	}
	for i, h := range hashes {
		s.t.add(nodes, firstNode+int64(i), h[:])
	}
	if err := s.t.exec("INSERT INTO jrn_checkpoint (size, root, at, note) VALUES ($1, $2, $3, $4)", cp.Size, cp.Root[:], micros(cp.At), cp.Note); err != nil {
		return fmt.Errorf("store checkpoint: %w", err)
	}
	s.t.told = append(s.t.told, "checkpoint")
	return s.t.exec("UPDATE jrn_head SET size = $1 WHERE one = 1", cp.Size)
}

// number writes the entries' numbers. One refused fails the sealing, so SQLite need not
// be able to undo it alone.
func (s sealTx) number(entries []journal.Entry) error {
	if !s.t.w.d.inside {
		ids, numbers := make([]string, len(entries)), make([]int64, len(entries))
		for i, e := range entries {
			ids[i], numbers[i] = e.ID, e.Seq
		}
		return s.t.exec("UPDATE jrn_event SET seq = v.seq FROM unnest($1::text[], $2::bigint[]) AS v (id, seq) WHERE jrn_event.id = v.id", ids, numbers)
	}
	for len(entries) > 0 {
		n := insertRows(len(entries))
		args := make([]any, 0, 2*n)
		for _, e := range entries[:n] {
			args = append(args, e.ID, e.Seq)
		}
		if err := s.t.exec("UPDATE OR FAIL jrn_event SET seq = v.column2 FROM (VALUES "+places(n, 2)+") AS v WHERE jrn_event.id = v.column1", args...); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// Entries gives numbered entries from a number on.
func (r Record) Entries(ctx context.Context, from int64, limit int) ([]journal.Entry, error) {
	return all(ctx, r.db.read, scanEntry, "SELECT "+rowColumns+", seq FROM jrn_event WHERE seq >= $1 ORDER BY seq LIMIT $2", from, limit)
}

// Checkpoints gives checkpoints over more than after entries.
func (r Record) Checkpoints(ctx context.Context, after int64, limit int) ([]journal.Checkpoint, error) {
	return all(ctx, r.db.read, scanCheckpoint, "SELECT size, root, at, note FROM jrn_checkpoint WHERE size > $1 ORDER BY size LIMIT $2", after, limit)
}

// Nodes gives stored tree hashes in the order asked.
func (r Record) Nodes(ctx context.Context, indexes []int64) ([]tlog.Hash, error) {
	return nodesAt(ctx, r.db.read, indexes)
}

func scanCheckpoint(r scanner) (c journal.Checkpoint, err error) {
	var root []byte
	var when int64
	if err = r.Scan(&c.Size, &root, &when, &c.Note); err != nil {
		return c, err
	}
	copy(c.Root[:], root)
	c.At = at(when)
	c.Origin, _, _ = strings.Cut(string(c.Note), "\n")
	return c, nil
}

// LastCheckpoint is the newest checkpoint.
func (r Record) LastCheckpoint(ctx context.Context) (journal.Checkpoint, bool, error) {
	c, err := one(ctx, r.db.read, scanCheckpoint, "SELECT size, root, at, note FROM jrn_checkpoint ORDER BY size DESC LIMIT 1")
	return maybe(c, err)
}

// Latest lists entries newest first.
func (r Record) Latest(ctx context.Context, q audit.Query) ([]journal.Entry, error) {
	w := where{}
	w.add("seq IS NOT NULL")
	if q.Before > 0 {
		w.add("seq < ?", q.Before)
	}
	if q.Kind != "" {
		w.add(`kind LIKE ? ESCAPE '\'`, like(q.Kind)+"%")
	}
	if q.Subject != "" {
		w.add("subject = ?", q.Subject)
	}
	text, args := w.text()
	return all(ctx, r.db.read, scanEntry, fmt.Sprintf("SELECT %s, seq FROM jrn_event %s ORDER BY seq DESC LIMIT %d", rowColumns, text, q.Limit), args...)
}

// Entry gives one numbered entry.
func (r Record) Entry(ctx context.Context, seq int64) (journal.Entry, error) {
	e, err := one(ctx, r.db.read, scanEntry, "SELECT "+rowColumns+", seq FROM jrn_event WHERE seq = $1", seq)
	return found("entry", e, err)
}

// Unsealed counts the events that still wait for a number.
func (r Record) Unsealed(ctx context.Context) (int, time.Time, error) {
	type waiting struct {
		n      int
		oldest int64
	}
	w, err := one(ctx, r.db.read, func(s scanner) (w waiting, err error) { return w, s.Scan(&w.n, &w.oldest) },
		"SELECT count(*), coalesce(min(at), 0) FROM jrn_event WHERE seq IS NULL")
	return w.n, at(w.oldest), err
}

// LastEventAt is the time of the newest event: the floor below which the server's
// clock is not believed.
func (db *DB) LastEventAt(ctx context.Context) (time.Time, error) {
	// Two steps down an index each, however long the record is.
	us, err := all(ctx, db.read, scanInt64, `SELECT coalesce(max(at), 0) FROM jrn_event WHERE seq IS NULL
		UNION ALL SELECT coalesce((SELECT at FROM jrn_event WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1), 0)`)
	if err != nil {
		return time.Time{}, err
	}
	return at(max(us[0], us[1])), nil
}

// History gives the events of one subject, oldest first, sealed or not. An erased
// event keeps its kind and time.
func (db *DB) History(ctx context.Context, subject string) ([]journal.Event, error) {
	rows, err := all(ctx, db.read, scanRow, "SELECT "+rowColumns+" FROM jrn_event WHERE subject = $1 ORDER BY at, id", subject)
	if err != nil {
		return nil, err
	}
	out := make([]journal.Event, 0, len(rows))
	for _, r := range rows {
		e, err := r.Open()
		if errors.Is(err, journal.ErrErased) {
			e = journal.Event{ID: r.ID, At: r.At, Kind: r.Kind, Subject: r.Subject}
		} else if err != nil {
			return nil, fmt.Errorf("open event %s: %w", r.ID, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// Withheld lists the cases that leave the person out.
func (r Record) Withheld(ctx context.Context, person string) (map[string]bool, error) {
	ids, err := all(ctx, r.db.read, scanText, "SELECT id FROM inc_incident WHERE ' ' || left_out || ' ' LIKE $1", "% "+person+" %")
	out := make(map[string]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, err
}
