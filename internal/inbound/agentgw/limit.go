package agentgw

import (
	"sync"
	"time"
)

// allowance is how much one caller may ask: a bucket of burst that fills by one each every.
type allowance struct {
	burst float64
	every time.Duration
}

// A PC that works says something a few times an hour; the bursts are for the minutes
// after an infection, with its evidence. Many PCs may share one address.
var (
	perDevice  = allowance{burst: 120, every: time.Second}
	perAddress = allowance{burst: 20_000, every: time.Millisecond}
	perEnrol   = allowance{burst: 60, every: 2 * time.Second}
)

// maxBuckets bounds the memory of the limiter; full buckets are forgotten first.
const maxBuckets = 65536

// limiter counts what callers ask. Its zero value with now is ready.
type limiter struct {
	now func() time.Time

	mu      sync.Mutex
	buckets map[string]bucket // guarded by mu
}

type bucket struct {
	left float64
	at   time.Time
	of   allowance
}

func (b bucket) filled(now time.Time) bucket {
	if d := now.Sub(b.at); d > 0 {
		b.left = min(b.of.burst, b.left+float64(d)/float64(b.of.every))
	}
	b.at = now
	return b
}

// take reports whether the caller may ask once more, and counts it.
func (l *limiter) take(caller string, a allowance) bool {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[caller]
	if !ok {
		if l.buckets == nil {
			l.buckets = map[string]bucket{}
		}
		l.forget(now)
		b = bucket{left: a.burst, at: now, of: a}
	}
	b = b.filled(now)
	may := b.left >= 1
	if may {
		b.left--
	}
	l.buckets[caller] = b
	return may
}

// give takes a question back that turned out to be a good one.
func (l *limiter) give(caller string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.buckets[caller]; ok {
		b.left = min(b.of.burst, b.left+1)
		l.buckets[caller] = b
	}
}

// forget makes room: buckets that are full again say nothing.
func (l *limiter) forget(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	for caller, b := range l.buckets {
		if b.filled(now).left >= b.of.burst {
			delete(l.buckets, caller)
		}
	}
	if len(l.buckets) >= maxBuckets { // a flood from everywhere: start anew
		clear(l.buckets)
	}
}

// Bounds of bodies on their way in.
const (
	largeBody = 1 << 20         // bytes; of larger ones a device sends one at a time
	bodyTime  = 2 * time.Minute // for a whole body
)

// busy is who is sending a large body. Its zero value is ready.
type busy struct {
	mu  sync.Mutex
	who map[string]bool // guarded by mu
}

// enter reports whether the caller may begin: it is not at it already.
func (b *busy) enter(caller string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.who[caller] {
		return false
	}
	if b.who == nil {
		b.who = map[string]bool{}
	}
	b.who[caller] = true
	return true
}

func (b *busy) leave(caller string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.who, caller)
}
