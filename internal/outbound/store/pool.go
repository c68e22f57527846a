package store

import (
	"context"
	"database/sql"
	"sync"
)

// maxKept bounds the statements that a pool keeps: lists with filters have many texts.
const maxKept = 256

// pool is the connections for reading. It keeps statements prepared, because to parse
// one costs more than to look up the row that it asks for.
type pool struct {
	*sql.DB
	// whole says that a query once begun is let finish. SQLite answers from within
	// this process, and to watch each statement for a caller who leaves costs as much
	// as most statements do.
	whole bool

	mu   sync.Mutex
	kept map[string]*sql.Stmt // guarded by mu
}

func newPool(db *sql.DB, d dialect) *pool {
	return &pool{DB: db, whole: d.inside, kept: map[string]*sql.Stmt{}}
}

// QueryContext asks with a kept statement.
func (p *pool) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.whole {
		ctx = context.WithoutCancel(ctx)
	}
	s, err := p.stmt(ctx, q)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return p.DB.QueryContext(ctx, q, args...)
	}
	return s.QueryContext(ctx, args...)
}

// stmt gives the kept statement of a text, or nil when there are too many.
func (p *pool) stmt(ctx context.Context, q string) (*sql.Stmt, error) {
	p.mu.Lock()
	s, room := p.kept[q], len(p.kept) < maxKept
	p.mu.Unlock()
	if s != nil || !room {
		return s, nil
	}
	s, err := p.DB.PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.kept[q]; first != nil { // somebody else was faster
		return first, s.Close()
	}
	p.kept[q] = s
	return s, nil
}
