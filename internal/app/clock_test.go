package app

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClockNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		offset := time.Duration(0)
		wall := func() time.Time { return time.Now().Add(offset) }
		c := newClock(time.Time{}, wall)
		start := c.Now()

		offset = -24 * time.Hour // the machine's clock is set back a day
		time.Sleep(3 * time.Minute)
		if got := c.Now().Sub(start); got != 3*time.Minute {
			t.Errorf("a day set back and three minutes later: moved %v, want 3m", got)
		}
		if b := c.Behind(); b != 24*time.Hour {
			t.Errorf("behind by %v, want 24h", b)
		}
		offset = time.Hour // and now ahead
		if got := c.Now().Sub(start); got != time.Hour+3*time.Minute {
			t.Errorf("an hour ahead: moved %v, want 1h3m", got)
		}
	})
}

func TestClockStartsAtTheRecord(t *testing.T) {
	t.Parallel()
	newest := time.Now().Add(48 * time.Hour)
	if got := newClock(newest, time.Now).Now(); got.Before(newest.Truncate(time.Microsecond)) {
		t.Errorf("first time %v lies before the newest event %v", got, newest)
	}
}
