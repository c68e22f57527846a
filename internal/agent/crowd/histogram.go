package crowd

import (
	"math"
	"sync/atomic"
	"time"
)

// Histogram counts times in steps of a tenth, from a microsecond to an hour, for many
// writers at once. Its zero value is ready.
type Histogram struct {
	counts [steps]atomic.Int64
	n, max atomic.Int64
}

// steps cover an hour in microseconds at perOctave steps for each doubling.
const (
	perOctave = 8
	steps     = 32 * perOctave
)

// Add counts one time.
func (h *Histogram) Add(d time.Duration) {
	us := max(d.Microseconds(), 1)
	h.counts[min(int(math.Log2(float64(us))*perOctave), steps-1)].Add(1)
	h.n.Add(1)
	for {
		old := h.max.Load()
		if int64(d) <= old || h.max.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// Quantile gives the upper end of the step in which the part q of all times ends, at
// most the greatest time; 0 when nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	want, seen := int64(math.Ceil(q*float64(h.n.Load()))), int64(0)
	for i := range h.counts {
		if seen += h.counts[i].Load(); seen >= want && seen > 0 && i < steps-1 {
			return min(time.Duration(math.Exp2(float64(i+1)/perOctave)*float64(time.Microsecond)), time.Duration(h.max.Load()))
		}
	}
	return time.Duration(h.max.Load())
}

// Spread is what is told of a histogram, in milliseconds.
type Spread struct {
	N   int64   `json:"n"`
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

// Spread sums h up.
func (h *Histogram) Spread() Spread {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return Spread{N: h.n.Load(), P50: ms(h.Quantile(0.5)), P99: ms(h.Quantile(0.99)), Max: ms(time.Duration(h.max.Load()))}
}
