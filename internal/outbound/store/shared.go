package store

import (
	"context"
	"errors"
	"sync"
)

// shared lets those who ask the same at the same time have one answer. Whoever asks gets
// the answer to a question that was put after they came, as if they had asked alone.
type shared[T any] struct {
	turn sync.Mutex // held while a question is being answered
	mu   sync.Mutex
	next *answer[T] // to the question not yet put; guarded by mu
}

type answer[T any] struct {
	done chan struct{}
	v    T
	err  error
}

var errNoAnswer = errors.New("a shared question was not answered")

// get asks, or waits with the others until the next question is answered. ask gets a
// context of its own: it answers others too, who have not left when the first one has.
func (s *shared[T]) get(ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	s.mu.Lock()
	a := s.next
	first := a == nil
	if first {
		a = &answer[T]{done: make(chan struct{})}
		s.next = a
	}
	s.mu.Unlock()
	if first {
		s.put(ctx, a, ask)
		return a.v, a.err
	}
	select {
	case <-a.done:
		return a.v, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// put asks as soon as the question in hand is answered. Those who came until then share
// the answer.
func (s *shared[T]) put(ctx context.Context, a *answer[T], ask func(context.Context) (T, error)) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()
	defer close(a.done)
	a.err = errNoAnswer // should ask panic
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTime)
	defer cancel()
	a.v, a.err = ask(ctx)
}
