package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// statement is one that gives nothing back.
type statement struct {
	text string
	args []any
}

// later keeps a statement until somebody asks a question or the batch ends, so that a
// database on the other end of a line gets them together and answers once. Rows that
// were kept before it go before it.
func (t *txn) later(q string, args []any) {
	own := t.w.take(t.from)
	if earlier := t.w.take(mark{}); len(earlier) > 0 { // so nothing of this change was queued yet
		t.w.queue = append(t.w.queue, earlier...)
		t.from.queue, t.from.rows = len(t.w.queue), [tables]int{}
	}
	t.w.queue = append(append(t.w.queue, own...), statement{q, args})
}

// send runs what was kept, in order.
func (w *writer) send(ctx context.Context) error {
	if len(w.queue) == 0 {
		return nil
	}
	var b pgx.Batch
	for _, s := range w.queue {
		b.Queue(s.text, s.args...)
	}
	clear(w.queue)
	w.queue = w.queue[:0]
	return w.conn.Raw(func(c any) error {
		conn, ok := c.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("connection is a %T, not PostgreSQL's", c)
		}
		return conn.Conn().SendBatch(ctx, &b).Close()
	})
}
