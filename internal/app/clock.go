package app

import (
	"context"
	"sync"
	"time"
)

// clock is the server's time. It never goes back: when the machine's clock is set
// back, time goes on from where it was at the pace of the monotonic clock, so that
// nothing fires twice, nothing waits longer than it should, and the record's times
// stay in order. A clock set forward is believed.
type clock struct {
	wall func() time.Time // the machine's clock

	mu    sync.Mutex
	floor time.Time // last time given; guarded by mu
	read  time.Time // monotonic reading taken with floor; guarded by mu
}

// newClock starts a clock that gives no time before floor: the newest time in the
// record when the server starts.
func newClock(floor time.Time, wall func() time.Time) *clock {
	return &clock{floor: floor, read: time.Now(), wall: wall}
}

// Now gives the time in UTC, whole microseconds, as everything is stored.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	read := time.Now()
	earliest := c.floor.Add(read.Sub(c.read))
	t := c.wall().Round(0)
	if t.Before(earliest) {
		t = earliest
	}
	c.floor, c.read = t, read
	return t.UTC().Truncate(time.Microsecond)
}

// Behind is how far the machine's clock lies behind the time that is given.
func (c *clock) Behind() time.Duration {
	given := c.Now()
	return max(given.Sub(c.wall().Round(0)), 0)
}

type clockKey struct{}

// WithClock gives the machine's clock of a server that is started under ctx. It is
// the seam by which tests move time; without it the clock is time.Now.
func WithClock(ctx context.Context, wall func() time.Time) context.Context {
	return context.WithValue(ctx, clockKey{}, wall)
}

func wallOf(ctx context.Context) func() time.Time {
	if wall, ok := ctx.Value(clockKey{}).(func() time.Time); ok {
		return wall
	}
	return time.Now
}
