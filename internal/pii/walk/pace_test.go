package walk

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// clock is a machine on which time passes only by what is done.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func (c *clock) sleep(_ context.Context, d time.Duration) error {
	c.t = c.t.Add(d)
	return nil
}

// TestShare: the time that is worked keeps to its share within a tenth, whatever the pieces of work are, and what was
// idled away is not made up for.
func TestShare(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{0.05, 0.25, 0.5, 0.9} {
		c := &clock{t: time.Unix(1_800_000_000, 0)}
		p := newPacer(Options{Pace: Pace{Share: share}, Now: c.now, Sleep: c.sleep})
		random := rand.New(rand.NewPCG(1, 2))
		measure := func() float64 {
			begun, busy := c.t, time.Duration(0)
			for busy < 20*time.Second {
				at := p.begin()
				for range 50 {
					d := time.Duration(random.IntN(int(40 * time.Millisecond)))
					busy += d
					c.t = c.t.Add(d)
					p.step(t.Context(), &at, false)
				}
			}
			return busy.Seconds() / c.t.Sub(begun).Seconds()
		}
		if got := measure(); got > share*1.1 || got < share*0.9 {
			t.Errorf("share %v: %v", share, got)
		}
		c.t = c.t.Add(time.Hour)
		if got := measure(); got > share*1.1 {
			t.Errorf("share %v, after an idle hour: %v", share, got)
		}
	}
}

// TestHold: nothing is read while somebody wants it to wait, and the meter says why.
func TestHold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.csv", list)
	c := &clock{t: later()}
	opt := options(t, dir)
	opt.Now, opt.Workers = c.now, 1
	opt.Meter = &Meter{}
	left := 3
	var told []string
	opt.Pace.Hold = func() string {
		if left--; left < 0 {
			return ""
		}
		return "battery"
	}
	opt.Sleep = func(ctx context.Context, d time.Duration) error {
		told = append(told, opt.Meter.Progress().Waits)
		return c.sleep(ctx, d)
	}
	got := look(t, opt)
	if got.Found != 1 || !slices.Equal(told, []string{"battery", "battery", "battery"}) || opt.Meter.Progress().Waits != "" {
		t.Errorf("%+v, %q", got.Summary, told)
	}
	ctx, cancel := context.WithCancel(t.Context())
	opt.Pace.Hold = func() string { cancel(); return "load" }
	opt.State = filepath.Join(t.TempDir(), "state")
	if sum, err := Scan(ctx, opt, func(File) error { return nil }); err != nil || !sum.Stopped {
		t.Errorf("stopped while it waits: %+v, %v", sum, err)
	}
}
