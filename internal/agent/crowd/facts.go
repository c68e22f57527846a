package crowd

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// change lets PCs tell of changed facts at set times, whatever the server does.
func (c *Crowd) change(ctx context.Context) {
	const tellers = 64
	type telling struct {
		d   *Device
		mb  int
		due time.Time
	}
	work := make(chan telling, 1024)
	var wg sync.WaitGroup
	for range tellers {
		wg.Go(func() {
			for t := range work {
				if err := t.d.tellFree(ctx, t.mb); err != nil {
					c.failed(ctx, err)
					continue
				}
				c.stats.late.Add(time.Since(t.due))
			}
		})
	}
	chance := rand.New(rand.NewPCG(uint64(c.seed), 1<<63))
	due := time.Now()
	for {
		due = due.Add(time.Duration(chance.ExpFloat64() / c.changes * float64(time.Second)))
		if !rest(ctx, time.Until(due)) {
			break
		}
		work <- telling{c.devices[chance.IntN(len(c.devices))], chance.IntN(1 << 20), due}
	}
	close(work)
	wg.Wait()
}

// tellFree reports a changed fact over a connection of its own.
func (d *Device) tellFree(ctx context.Context, mb int) error {
	l, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	return d.report(ctx, l, map[string]any{"disk.free_mb": mb})
}

// Press lets clients PCs at a time report a changed fact as fast as the server takes
// them, each client over a connection that it keeps, until ctx ends. It gives how many
// were taken.
func (c *Crowd) Press(ctx context.Context, clients int) (taken *atomic.Int64, wait func() error) {
	taken = &atomic.Int64{}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	for k := range clients {
		wg.Go(func() {
			if err := c.press(ctx, k, clients, taken); err != nil && ctx.Err() == nil {
				mu.Lock()
				defer mu.Unlock()
				first = errors.Join(first, err)
			}
		})
	}
	return taken, func() error { wg.Wait(); return first }
}

func (c *Crowd) press(ctx context.Context, k, clients int, taken *atomic.Int64) error {
	l, err := c.devices[k].open(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	for mb := 0; ctx.Err() == nil; mb++ {
		d := c.devices[(k+mb*clients)%len(c.devices)]
		if err := d.report(context.WithoutCancel(ctx), l, map[string]any{"disk.free_mb": mb}); err != nil {
			return err
		}
		taken.Add(1)
	}
	return nil
}
