package store

import (
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// statement is one that gives nothing back.
type statement struct {
	text string
	args []any
}

// later keeps a statement until the change asks a question or ends, so that a database
// on the other end of a line gets them together and answers once. That it was refused
// is known only then, which is soon enough: a refused statement fails the change,
// whatever its function makes of the error.
func (t *txn) later(q string, args []any) {
	t.queue = append(t.queue, statement{q, args})
}

// send runs what was kept, in order.
func (t *txn) send() error {
	if len(t.queue) == 0 {
		return nil
	}
	var b pgx.Batch
	for _, s := range t.queue {
		b.Queue(s.text, s.args...)
	}
	t.queue = nil
	return t.fail(t.w.conn.Raw(func(c any) error {
		conn, ok := c.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("connection is a %T, not PostgreSQL's", c)
		}
		return conn.Conn().SendBatch(t.ctx, &b).Close()
	}))
}
