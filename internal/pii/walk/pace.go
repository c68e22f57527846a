package walk

import (
	"context"
	"os"
	"sync"
	"time"
)

// Pace is how gently a scan treats the computer.
type Pace struct {
	// Share is how much of one processor may be used, above 0 and below 1, over some seconds: work and pauses take
	// turns. 0 is all that there is.
	Share float64
	// Hold tells why nothing should be read now, empty when it may be; asked every few seconds. See [Battery] and
	// [Load]. It may be nil.
	Hold func() string
}

const (
	owedAtLeast = 50 * time.Millisecond // shorter pauses are saved up
	credit      = time.Second           // of idling that may be made up for by working without pauses
	holdEvery   = 5 * time.Second
)

// pacer makes all goroutines of a scan pause together.
type pacer struct {
	pace  Pace
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	meter *Meter
	used  func() time.Duration // processor time so far; nil: the time that passes while somebody works counts

	mu    sync.Mutex
	begun time.Time     // since when time is counted
	busy  time.Duration // time worked since then, by all together
	spent time.Duration // what used said when busy began
	asked time.Time     // when Hold was asked
}

func newPacer(opt Options) *pacer {
	return &pacer{pace: opt.Pace, now: opt.Now, sleep: opt.Sleep, meter: opt.Meter, begun: opt.Now()}
}

// exact has the pacer count processor time, where the system tells it. Each child is to be named to what it gives.
func (p *pacer) exact() (started func(*os.Process)) {
	if p.pace.Share <= 0 || p.pace.Share >= 1 {
		return nil
	}
	if p.used, started = meterOf(); p.used != nil {
		p.spent = p.used()
	}
	return started
}

// turn is since when one goroutine has been working.
type turn struct{ since time.Time }

func (p *pacer) free() bool { return p.pace.Hold == nil && (p.pace.Share <= 0 || p.pace.Share >= 1) }

// begin says that a goroutine begins to work.
func (p *pacer) begin() turn {
	if p.free() {
		return turn{}
	}
	return turn{p.now()}
}

// step is called every now and then by who works, and pauses for as long as is owed. mayHold says that the pause may
// take hours.
func (p *pacer) step(ctx context.Context, t *turn, mayHold bool) {
	if p.free() {
		return
	}
	worked := p.now().Sub(t.since)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used != nil {
		p.busy = max(p.busy, p.used()-p.spent)
	} else {
		p.busy += max(0, worked)
	}
	if mayHold {
		p.hold(ctx)
	}
	if p.pace.Share > 0 && p.pace.Share < 1 {
		p.pause(ctx)
	}
	t.since = p.now() // waiting for others who pause is no work
}

// pause sleeps until the time worked is no more than its share.
func (p *pacer) pause(ctx context.Context) {
	due := time.Duration(float64(p.busy) / p.pace.Share)
	passed := p.now().Sub(p.begun)
	if owed := due - passed; owed >= owedAtLeast {
		_ = p.sleep(ctx, owed) // whoever is cancelled looks at ctx next
	} else if -owed > credit {
		p.begun = p.begun.Add(-owed - credit)
	}
}

// hold waits for as long as somebody wants it to.
func (p *pacer) hold(ctx context.Context) {
	if p.pace.Hold == nil || p.now().Sub(p.asked) < holdEvery {
		return
	}
	for ctx.Err() == nil {
		why := p.pace.Hold()
		p.meter.wait(why)
		p.asked = p.now()
		if why == "" {
			return
		}
		_ = p.sleep(ctx, holdEvery) // whoever is cancelled looks at ctx next
	}
}
