package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Rows that give nothing back are kept until the batch is committed or somebody asks a
// question, and then go to the database together: a table's rows of all callers with a
// few statements (SQLite) or one (PostgreSQL). A caller refused in between only takes its
// own part back.

// table is one of those whose rows are kept. They name each other by ids only, so that
// the order in which they are written does not matter.
type table int

const (
	incidents table = iota
	drills          // incidents with all their columns
	tracks
	heldTracks // tracks with all their columns
	told
	attempts
	repeats // attempts with all their columns
	events
	nodes
	facts
	seen   // updates of dev_heard
	tables // how many there are
)

// shape is where rows go: the name, the columns, and what a row does that is there.
func (t table) shape() (name, columns, clash string) {
	switch t {
	case incidents:
		return "inc_incident", freshIncidentColumns, ""
	case drills:
		return "inc_incident", drillColumns, ""
	case tracks:
		return "ntc_track", freshTrackColumns, ""
	case heldTracks:
		return "ntc_track", trackColumns, ""
	case told:
		return "ntc_told", toldColumns, ` ON CONFLICT (track, person) DO UPDATE SET
			instead_of = excluded.instead_of, level = excluded.level, pass = excluded.pass, at = excluded.at`
	case attempts:
		return "ntc_attempt", freshAttemptColumns, " ON CONFLICT (track, key) DO NOTHING"
	case repeats:
		return "ntc_attempt", attemptColumns, " ON CONFLICT (track, key) DO NOTHING"
	case events:
		return "jrn_event", rowColumns, ""
	case nodes:
		return "jrn_node", "idx, hash", ""
	case facts:
		return "dev_fact", "device, " + factColumns, ` ON CONFLICT (device, name) DO UPDATE SET
			value = excluded.value, unread = excluded.unread, at = excluded.at, heard_at = excluded.heard_at
			WHERE dev_fact.value <> excluded.value OR dev_fact.unread <> excluded.unread`
	default:
		return "dev_heard", "seen_at, seq, device", ""
	}
}

// rowKey names a row that may be there already.
type rowKey struct{ id, name string }

// rowSet is the rows of one table, value after value.
type rowSet struct {
	values []any
	width  int // of a row
}

// number is the counter of a year, held by the transaction.
type number struct{ year, last, written int }

// kept is what a transaction has yet to write: statements, after them rows, and the
// number that was given last.
type kept struct {
	queue  []statement // PostgreSQL
	rows   [tables]rowSet
	number number
	// replaced are the rows among those that may be there already: one statement cannot
	// write the same row twice. Some of them may be kept no longer.
	replaced map[rowKey]bool
}

// mark is a place in what is kept.
type mark struct {
	queue  int
	rows   [tables]int
	number number
}

func (k *kept) mark() mark {
	m := mark{queue: len(k.queue), number: k.number}
	for t, r := range k.rows {
		m.rows[t] = len(r.values)
	}
	return m
}

// back forgets what was kept since the mark.
func (k *kept) back(m mark) {
	k.queue, k.number = k.queue[:m.queue], m.number
	for t := range k.rows {
		k.cut(table(t), m.rows[t])
	}
}

// forget drops all that is kept.
func (k *kept) forget() { k.back(mark{}) }

// cut shortens a table's rows and lets go of their values.
func (k *kept) cut(t table, to int) {
	clear(k.rows[t].values[to:])
	k.rows[t].values = k.rows[t].values[:to]
}

// keeps reports whether a row of the table may be kept that f accepts.
func (k *kept) keeps(t table, f func(row []any) bool) bool {
	if len(k.queue) > 0 { // with rows in it that cannot be told apart any more
		return true
	}
	r := k.rows[t]
	for row := range slices.Chunk(r.values, max(r.width, 1)) {
		if f(row) {
			return true
		}
	}
	return false
}

// add keeps a row. Its values are texts, whole numbers, truth values and bytes.
func (t *txn) add(to table, row ...any) {
	r := &t.w.rows[to]
	r.width = len(row)
	for _, v := range storable(row) {
		if n, ok := v.(int); ok {
			v = int64(n)
		}
		r.values = append(r.values, v)
	}
}

// replace keeps a row that takes the place of the one of its key, if there is one.
func (t *txn) replace(in table, key rowKey, row ...any) error {
	if t.w.replaced[key] {
		if err := t.settle(); err != nil {
			return err
		}
	}
	if t.w.replaced == nil {
		t.w.replaced = map[rowKey]bool{}
	}
	t.w.replaced[key] = true
	t.add(in, row...)
	return nil
}

// settle writes what is kept, so that a question sees it.
func (t *txn) settle() error {
	now := t.w.mark()
	t.wrote = t.wrote || now != t.from
	if err := t.w.settle(t.ctx); err != nil {
		return t.fail(err)
	}
	t.from = t.w.mark()
	return nil
}

// settle writes what is kept.
func (w *writer) settle(ctx context.Context) error {
	if n := w.number; n.last != n.written {
		const q = "UPDATE inc_counter SET last = $1 WHERE year = $2"
		if !w.d.inside {
			w.queue = append(w.queue, statement{q, []any{n.last, n.year}})
		} else if err := w.exec(ctx, q, n.last, n.year); err != nil {
			return fmt.Errorf("write number: %w", err)
		}
		w.number.written = n.last
	}
	clear(w.replaced)
	if !w.d.inside {
		w.queue = append(w.queue, w.take(mark{})...)
		return w.send(ctx)
	}
	for t := range tables {
		if err := w.insert(ctx, t); err != nil {
			return err
		}
		w.cut(t, 0)
	}
	return nil
}

// insertKey names an insert of so many rows.
type insertKey struct {
	into table
	rows int
}

// insertRows is how many rows one statement of SQLite writes: as many as fit, so that
// there are few texts to keep prepared.
func insertRows(n int) int {
	for _, size := range []int{64, 16, 4} {
		if n >= size {
			return size
		}
	}
	return 1
}

// insert writes a table's rows into SQLite.
func (w *writer) insert(ctx context.Context, t table) error {
	r := w.rows[t]
	for from := 0; from < len(r.values); {
		n := 1
		if t != seen { // an update is of one row
			n = insertRows((len(r.values) - from) / r.width)
		}
		to := from + n*r.width
		if err := w.direct(ctx, w.insertText(t, n), r.values[from:to]); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// insertText is the statement for so many rows.
func (w *writer) insertText(t table, n int) string {
	k := insertKey{t, n}
	text, ok := w.texts[k]
	if !ok {
		name, columns, clash := t.shape()
		// OR FAIL: a refused row ends the transaction or its savepoint, so SQLite need not be
		// able to undo the statement alone, which it would copy every page for.
		text = "INSERT OR FAIL INTO " + name + " (" + columns + ") VALUES " + places(n, w.rows[t].width) + clash
		if t == seen {
			text = "UPDATE dev_heard SET seen_at = ?, seq = ? WHERE device = ?"
		}
		w.texts[k] = text
	}
	return text
}

// places gives the parameters of so many rows. They have no numbers, because the driver
// looks a numbered one up among all others.
func places(rows, width int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", width), ", ") + ")"
	return strings.TrimSuffix(strings.Repeat(row+", ", rows), ", ")
}

// take makes statements of the rows after a mark and keeps them no longer.
func (k *kept) take(from mark) (out []statement) {
	for t := range tables {
		if r := k.rows[t]; len(r.values) > from.rows[t] {
			out = append(out, columnwise(t, rowSet{r.values[from.rows[t]:], r.width}))
			k.cut(t, from.rows[t])
		}
	}
	return out
}

// columnwise makes one statement of rows: PostgreSQL takes a list for each column, so
// that there is one text for any number of rows.
func columnwise(t table, r rowSet) statement {
	var b strings.Builder
	args := make([]any, r.width)
	for c := range r.width {
		kind := ""
		switch r.values[c].(type) {
		case string:
			args[c], kind = column[string](r, c), "text"
		case int64:
			args[c], kind = column[int64](r, c), "bigint"
		case bool:
			args[c], kind = column[bool](r, c), "boolean"
		default:
			args[c], kind = column[[]byte](r, c), "bytea"
		}
		if c > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(c+1) + "::" + kind + "[]")
	}
	name, columns, clash := t.shape()
	lists := "unnest(" + b.String() + ")"
	if t == seen {
		return statement{"UPDATE dev_heard SET seen_at = x.seen_at, seq = x.seq FROM " + lists + " AS x (" + columns + ") WHERE dev_heard.device = x.device", args}
	}
	return statement{"INSERT INTO " + name + " (" + columns + ") SELECT * FROM " + lists + clash, args}
}

// column gathers one column of the rows.
func column[T any](r rowSet, c int) []T {
	out := make([]T, 0, len(r.values)/r.width)
	for row := range slices.Chunk(r.values, r.width) {
		v, _ := row[c].(T)
		out = append(out, v)
	}
	return out
}
