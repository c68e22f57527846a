package incident

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/id"
)

// ByPhone is the channel of a report that somebody gave over the telephone and one of us
// wrote down: its Reporter took the call, its Finder called.
const ByPhone = "phone"

// Unsure is the kind of a call of which nobody could tell the kind: with Guessed, until who
// works on it chooses.
const Unsure = OddBehaviour

// MaxCall is how long before its report a call can have begun. What is older was a page
// that was left open.
const MaxCall = 24 * time.Hour

// TopicCalled is the letter that brings whoever of us called their receipt.
const TopicCalled = "called.report"

// callSkew is how far the clocks of two servers may be apart.
const callSkew = time.Minute

// ofCall drops the beginning of a call that cannot be: a report is never refused for it.
func (m Moment) ofCall(channel string, now time.Time) Moment {
	took := now.Sub(m.At)
	if !m.Known || channel != ByPhone || took > MaxCall || took < -callSkew {
		return Moment{}
	}
	if took < 0 {
		m.At = now
	}
	return m
}

// Took is the time from the beginning of the call to the stored report; 0 when there was no
// call, or nobody knows when it began.
func (i *Incident) Took() time.Duration {
	if !i.Began.Known {
		return 0
	}
	return i.Reported.Sub(i.Began.At)
}

// toCaller plans the letter with the receipt for whoever of us told the report over the
// telephone; nil when nobody did.
func toCaller(ctx context.Context, r Report) func(Tx, *Incident) error {
	if r.Channel != ByPhone || r.OnBehalf == "" {
		return nil
	}
	return func(tx Tx, i *Incident) error {
		l := notice.Letter{ID: id.New("ltr", i.Reported), Key: "called:" + i.ID, Topic: TopicCalled, About: i.ID, Person: i.OnBehalf,
			Path: "/receipt/" + i.Label, Planned: i.Reported, NextTry: i.Reported, State: notice.Planned, Args: map[string]string{"number": i.Label}}
		if err := tx.PlanLetter(ctx, l); err != nil {
			return fmt.Errorf("plan receipt of a call: %w", err)
		}
		return nil
	}
}
