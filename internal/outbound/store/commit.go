package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"sekimori/internal/domain/device"
	"sekimori/internal/kit/fault"
)

// Group commit: every change is a function run by one goroutine on one connection.
// While one commit waits for the disk, the next callers gather; they then share a
// commit, and the rows that they add are written together (rows.go). When one of them
// fails after it wrote, the batch is run again with a savepoint for each, so that one's
// refusal undoes nothing of the others. Nobody is answered before the commit that holds
// their work is durable.

// maxBatch bounds how many callers share a commit, and so how long the first waits.
const maxBatch = 256

// gatherTime is how long a batch waits for callers, and only when the last one was
// shared and more came then: a caller alone never waits.
const gatherTime = 5 * time.Millisecond

// batchTime bounds one batch; a database that hangs longer is an error. One inside this
// process has a bound of its own for the lock, and no clock ends a write that the disk
// does not answer; watching for it would cost more than most statements.
const batchTime = 30 * time.Second

// job is one caller's change.
type job struct {
	ctx  context.Context
	do   func(*txn) error
	done chan error
	// hears is the device whose Hearing the change asks for; may be empty.
	hears string
	told  []string // subjects of the events that the change recorded
	// changed says that the change raised one of the versions.
	changed bool
	err     error
}

// txn is the transaction that one job sees. Its methods are in the files of the
// nouns; they use the batch's context, because cancelling one caller's must not
// break the connection that others share.
type txn struct {
	w       *writer
	ctx     context.Context
	told    []string
	changed bool  // one of the versions was raised
	from    mark  // where its part of what the writer keeps begins
	wrote   bool  // ran a statement that may have changed something
	failed  error // the first statement that the database refused
}

// fail remembers a refused statement: PostgreSQL has given up the transaction then,
// and a change that went on regardless would be answered as done and be lost.
func (t *txn) fail(err error) error {
	if err != nil && t.failed == nil {
		t.failed = err
	}
	return err
}

type writer struct {
	last  time.Time // of the newest event
	db    *sql.DB
	d     dialect
	conn  *sql.Conn
	stmts map[string]*sql.Stmt  // prepared on conn
	plain map[string]directStmt // the same, of SQLite's driver alone
	texts map[insertKey]string
	args  []driver.NamedValue // of the insert in hand
	kept                      // for the transaction in hand
	// heard is what was read for the jobs of the batch in hand that have not run yet.
	heard map[string]device.Hearing

	before func() // each commit; may be nil
}

// update runs f in a transaction and returns when it is on disk or undone.
func (db *DB) update(ctx context.Context, f func(*txn) error) error {
	return db.submit(&job{ctx: ctx, do: f})
}

func (db *DB) submit(j *job) error {
	ctx := j.ctx
	if err := ctx.Err(); err != nil {
		return err
	}
	j.done = make(chan error, 1)
	select {
	case db.jobs <- j:
	case <-db.stop:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	// Once taken, the job is always answered; leaving early would let f run on
	// while its caller goes away with f's variables. Only a job that came into the
	// line as the writer left it is never taken.
	select {
	case err := <-j.done:
		if j.changed {
			stale(ctx)
		}
		return err
	case <-db.stopped:
	}
	select {
	case err := <-j.done:
		return err
	default:
		return errClosed
	}
}

var errClosed = errors.New("store is closed")

// run is the owner of the write connection.
func (db *DB) run() {
	defer close(db.stopped)
	w := &writer{db: db.write, d: db.d, before: db.before}
	defer w.drop()
	last := 1 // how many shared the last commit
	for {
		var batch []*job
		select {
		case j := <-db.jobs:
			batch = append(batch, j)
		case <-db.stop:
			// answer those who were already in line
			for {
				select {
				case j := <-db.jobs:
					j.done <- errClosed
				default:
					return
				}
			}
		}
		batch = gather(batch, db.jobs, last)
		last = len(batch)
		db.settle(w, batch)
	}
}

// gather takes whoever is in line, and waits a little for as many as came the last time:
// they were answered together and tend to come back together.
func gather(batch []*job, jobs <-chan *job, last int) []*job {
	for len(batch) < maxBatch {
		select {
		case j := <-jobs:
			batch = append(batch, j)
			continue
		default:
		}
		break
	}
	if len(batch) >= last {
		return batch
	}
	late := time.NewTimer(gatherTime)
	defer late.Stop()
	for len(batch) < last {
		select {
		case j := <-jobs:
			batch = append(batch, j)
		case <-late.C:
			return batch
		}
	}
	return batch
}

// settle commits a batch and answers its callers.
func (db *DB) settle(w *writer, batch []*job) {
	err := w.commit(batch, false)
	if errors.Is(err, errApart) {
		err = w.commit(batch, true)
	}
	if err != nil && len(batch) > 1 && !errors.Is(err, errUncertain) {
		// Something beyond one job's own refusal: give each a transaction of its own.
		for _, j := range batch {
			db.settle(w, []*job{j})
		}
		return
	}
	if err != nil && again(err) && !errors.Is(err, errUncertain) {
		err = w.commit(batch, false)
	}
	var told []string
	for _, j := range batch {
		if err != nil {
			j.err = readable(err)
		}
		if j.err == nil {
			told = append(told, j.told...)
		}
	}
	if len(told) > 0 && db.notify != nil {
		db.notify(told)
	}
	for _, j := range batch {
		j.done <- j.err
	}
}

// errUncertain says that the commit itself failed: it may or may not be on disk, so
// nothing is run again. Whoever asked may ask again with the same key.
var errUncertain = errors.New("commit is uncertain")

// readable turns the two database errors that a person can do something about into
// faults: no room, and a database that does not answer. The cause stays for the log.
func readable(err error) error {
	switch {
	case err == nil || fault.As(err) != nil:
		return err
	case full(err):
		return errors.Join(fault.New(fault.Unavailable, "fault.disk_full", nil), err)
	case away(err):
		return errors.Join(fault.New(fault.Unavailable, "fault.unavailable", nil), err)
	}
	return err
}

// errApart says that a job failed after it had written something, and that nothing can
// undo its part alone.
var errApart = errors.New("a job of the batch must be undone alone")

// commit runs the jobs of a batch in one transaction. A job's own error is left on
// the job; the returned error concerns all of them. Jobs seldom fail, so each gets a
// savepoint, two statements more, only when apart is set.
func (w *writer) commit(batch []*job, apart bool) (err error) {
	ctx := context.Background()
	if !w.d.inside {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, batchTime)
		defer cancel()
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	if _, err := w.conn.ExecContext(ctx, w.d.begin); err != nil {
		w.drop()
		return fmt.Errorf("begin: %w", err)
	}
	w.forget()
	if err := w.listen(ctx, batch); err != nil {
		w.undo(ctx)
		return err
	}
	work := 0
	for _, j := range batch {
		j.err, j.told = nil, nil
		if j.err = j.ctx.Err(); j.err != nil {
			continue
		}
		if err := w.guarded(ctx, j, len(batch) > 1, apart); err != nil {
			w.undo(ctx)
			return err
		}
		if j.err == nil {
			work++
		}
	}
	if work == 0 {
		w.undo(ctx)
		return nil
	}
	if err := w.settle(ctx); err != nil {
		w.undo(ctx)
		if len(batch) == 1 || again(err) || full(err) {
			return err
		}
		return errApart // somebody's row was refused; alone it shows whose
	}
	if w.before != nil {
		w.before()
	}
	if _, err := w.conn.ExecContext(ctx, "COMMIT"); err != nil {
		if full(err) { // the database undid it
			w.undo(ctx)
			return fmt.Errorf("commit: %w", err)
		}
		w.drop()
		return errors.Join(errUncertain, fmt.Errorf("commit: %w", err))
	}
	return nil
}

// guarded runs one job so that its failure does not touch the others that share the
// transaction: in a savepoint when apart is set, else by giving up the transaction.
func (w *writer) guarded(ctx context.Context, j *job, shared, apart bool) error {
	apart = apart && shared
	if apart {
		if err := w.exec(ctx, "SAVEPOINT job"); err != nil {
			return fmt.Errorf("savepoint: %w", err)
		}
	}
	t := &txn{w: w, ctx: ctx, from: w.mark()}
	j.err = call(j.do, t)
	if j.err == nil {
		j.err = t.failed
	}
	if j.err == nil && apart {
		j.err = w.settle(ctx)
	}
	j.told, j.changed = t.told, t.changed
	if j.err == nil {
		if apart {
			return w.exec(ctx, "RELEASE SAVEPOINT job")
		}
		return nil
	}
	if fault.As(j.err) == nil && (again(j.err) || full(j.err)) {
		return j.err // concerns the whole transaction
	}
	if !shared {
		return nil // the whole transaction is undone: nothing else is in it
	}
	if !apart {
		if t.wrote || t.failed != nil {
			return errApart
		}
		w.back(t.from) // refused before it did anything
		return nil
	}
	w.forget()
	if err := w.exec(ctx, "ROLLBACK TO SAVEPOINT job"); err != nil {
		return fmt.Errorf("roll back to savepoint: %w", err)
	}
	return w.exec(ctx, "RELEASE SAVEPOINT job")
}

// call keeps a panic of one caller's function from ending the writer of all.
func call(f func(*txn) error, t *txn) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("change ended in a panic: %v", p)
		}
	}()
	return f(t)
}

func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if w.d.writer != "" {
		if _, err := conn.ExecContext(ctx, w.d.writer); err != nil {
			return errors.Join(fmt.Errorf("set up connection: %w", err), conn.Close())
		}
	}
	w.conn, w.stmts, w.plain, w.texts = conn, map[string]*sql.Stmt{}, map[string]directStmt{}, map[insertKey]string{}
	return nil
}

// undo ends the transaction; when even that fails the connection is given up.
func (w *writer) undo(ctx context.Context) {
	if w.conn == nil {
		return
	}
	if _, err := w.conn.ExecContext(ctx, "ROLLBACK"); err != nil && !noTransaction(err) {
		w.drop()
	}
}

// drop closes the connection with its statements; a pool must not get it back.
func (w *writer) drop() {
	if w.conn == nil {
		return
	}
	for _, s := range w.stmts {
		s.Close()
	}
	for _, s := range w.plain {
		s.Close()
	}
	w.conn.Raw(func(any) error { return errBad })
	w.conn.Close()
	w.conn, w.stmts, w.plain, w.texts = nil, nil, nil, nil
}

func (w *writer) exec(ctx context.Context, q string, args ...any) error {
	if w.d.inside {
		return w.direct(ctx, q, args)
	}
	s, err := w.stmt(ctx, q)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(ctx, args...)
	return err
}

// direct runs a statement with SQLite's driver alone: database/sql copies every value
// twice before the driver copies it again. Values are texts, whole numbers, truth values
// and bytes.
func (w *writer) direct(ctx context.Context, q string, values []any) error {
	return w.conn.Raw(func(c any) error {
		s, ok := w.plain[q]
		if !ok {
			conn, ok := c.(driver.ConnPrepareContext)
			if !ok {
				return fmt.Errorf("connection is a %T, which prepares nothing", c)
			}
			fresh, err := conn.PrepareContext(ctx, q)
			if err != nil {
				return fmt.Errorf("prepare: %w", err)
			}
			if s, ok = fresh.(directStmt); !ok {
				return errors.Join(fmt.Errorf("statement is a %T, which takes no context", fresh), fresh.Close())
			}
			w.plain[q] = s
		}
		w.args = w.args[:0]
		for i, v := range values {
			if n, ok := v.(int); ok {
				v = int64(n)
			}
			w.args = append(w.args, driver.NamedValue{Ordinal: i + 1, Value: v})
		}
		_, err := s.ExecContext(ctx, w.args)
		clear(w.args)
		return err
	})
}

// directStmt is a statement as SQLite's driver prepares it.
type directStmt interface {
	driver.Stmt
	driver.StmtExecContext
}

func (w *writer) stmt(ctx context.Context, q string) (*sql.Stmt, error) {
	if s, ok := w.stmts[q]; ok {
		return s, nil
	}
	s, err := w.conn.PrepareContext(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	w.stmts[q] = s
	return s, nil
}
