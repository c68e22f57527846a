package crowd

import (
	"context"
	"errors"
	"maps"
	"net"
	"sync"
	"sync/atomic"
)

type stats struct {
	enrolments, connects, documents, facts, late Histogram
	online, drops, nudges, beats, errors         atomic.Int64

	mu  sync.Mutex
	why map[string]int64 // errors by their text; guarded by mu
}

// failed counts an error that is not the end of the play.
func (c *Crowd) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	c.stats.errors.Add(1)
	c.stats.mu.Lock()
	defer c.stats.mu.Unlock()
	var r *Refused
	var op *net.OpError
	why := err.Error()
	switch {
	case errors.As(err, &r):
		why = r.Error()
	case errors.As(err, &op):
		why = op.Op + ": " + op.Err.Error() // without the addresses
	}
	if _, known := c.stats.why[why]; known || len(c.stats.why) < 20 {
		c.stats.why[why]++
	}
}

// Counts is what has happened so far.
type Counts struct {
	Devices    int              `json:"devices"`
	Online     int64            `json:"online"`
	Drops      int64            `json:"drops"` // streams that ended by themselves
	Nudges     int64            `json:"nudges"`
	Beats      int64            `json:"heartbeats"`
	Errors     int64            `json:"errors"`
	Why        map[string]int64 `json:"why,omitempty"`
	Enrolments Spread           `json:"enrolments"`
	Connects   Spread           `json:"connects"`  // dialled → stream stands
	Documents  Spread           `json:"documents"` // dialled → desired state read
	Facts      Spread           `json:"facts"`     // sent → durable
	Changes    Spread           `json:"changes"`   // due → durable, with the making of the connection
}

// Counts sums up.
func (c *Crowd) Counts() Counts {
	s := &c.stats
	s.mu.Lock()
	defer s.mu.Unlock()
	return Counts{Devices: len(c.devices), Online: s.online.Load(), Drops: s.drops.Load(), Nudges: s.nudges.Load(), Beats: s.beats.Load(),
		Errors: s.errors.Load(), Why: maps.Clone(s.why), Enrolments: s.enrolments.Spread(), Connects: s.connects.Spread(), Documents: s.documents.Spread(),
		Facts: s.facts.Spread(), Changes: s.late.Spread()}
}
