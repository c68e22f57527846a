// Package bus carries wake-ups: "something about this subject changed". Nothing that
// must survive goes through it; whoever misses a wake-up looks again by itself.
package bus

import (
	"context"
	"sync"
)

// Hub wakes listeners in this process. Its zero value is ready.
type Hub struct {
	mu   sync.Mutex
	ears map[chan []string]bool // guarded by mu
}

// Publish tells every listener the subjects that changed. It never waits: a listener
// that is busy finds its one waiting message replaced by "look at everything".
func (h *Hub) Publish(subjects []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ear := range h.ears {
		select {
		case ear <- subjects:
			continue
		default:
		}
		select {
		case <-ear:
		default:
		}
		select {
		case ear <- nil: // nil: anything may have changed
		default:
		}
	}
}

// Subscribe listens until ctx ends; the channel is then closed.
func (h *Hub) Subscribe(ctx context.Context) <-chan []string { return h.SubscribeDeep(ctx, 1) }

// SubscribeDeep is Subscribe for a listener to whom "look at everything" is dear: depth
// messages may wait before one of them is replaced by it.
func (h *Hub) SubscribeDeep(ctx context.Context, depth int) <-chan []string {
	ear := make(chan []string, depth)
	h.mu.Lock()
	if h.ears == nil {
		h.ears = map[chan []string]bool{}
	}
	h.ears[ear] = true
	h.mu.Unlock()
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.ears, ear)
		close(ear)
	})
	return ear
}
