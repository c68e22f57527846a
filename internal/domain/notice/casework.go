package notice

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/journal"
)

// CaseTx is the part of a transaction over cases that ends their tracks and starts them
// again, because the case itself ended elsewhere or began anew.
type CaseTx interface {
	Queue
	LockTrack(ctx context.Context, track string) (Track, []Told, error)
	SaveFired(ctx context.Context, f Fired) error
	Pending(ctx context.Context, track string) ([]Attempt, error)
	SaveAttempt(ctx context.Context, a Attempt) error
}

// Settle ends what is still to come of a track whose case goes on as another. An open one
// is closed with the reason; an answered one keeps its answer and asks after it no more.
func Settle(ctx context.Context, tx CaseTx, track, reason, by string, now time.Time) error {
	t, _, err := tx.LockTrack(ctx, track)
	if err != nil {
		return fmt.Errorf("lock track %s: %w", track, err)
	}
	f := Fired{Track: t}
	f.Track.NextFire, f.Track.HeldSince, f.Track.Asked = time.Time{}, time.Time{}, time.Time{}
	if t.State == Open {
		f.Track.State, f.Track.EndedWhy = Closed, clip(reason, 500)
		cancelled, late, err := silence(ctx, tx, t.ID)
		if err != nil {
			return err
		}
		ev, err := journal.NewEvent(now, "notice.ended", t.Incident, by, map[string]any{"track": t.ID, "receiver": t.Receiver,
			"reason": f.Track.EndedWhy, "cancelled": cancelled, "late": late})
		if err != nil {
			return err
		}
		f.Events = append(f.Events, ev)
	}
	return tx.SaveFired(ctx, f)
}

// Revive starts a track anew from its first level, whatever became of it, because its case
// wants work again. A person named is told first, with a window of their own (rule 9).
// w is of the track's policy.
func Revive(ctx context.Context, tx CaseTx, track string, w Lookout, person, by string) error {
	t, _, err := tx.LockTrack(ctx, track)
	if err != nil {
		return fmt.Errorf("lock track %s: %w", track, err)
	}
	if t.State == Open {
		return nil
	}
	if w.Unsent, err = tx.Pending(ctx, track); err != nil {
		return fmt.Errorf("list unsent of %s: %w", track, err)
	}
	f, err := restart(t, w, person, by)
	if err != nil {
		return err
	}
	return tx.SaveFired(ctx, f)
}

// restart is a new pass; while work rests it is held as a new report would be (rule 10).
func restart(t Track, w Lookout, person, by string) (Fired, error) {
	f := Fired{Track: t}
	if err := f.record(w, "notice.restarted", by, nil); err != nil {
		return f, err
	}
	f.reopen()
	w.Told = nil // whoever was told before believes it to be over
	f.Track.EndedWhy, f.Track.PassedTo, f.Track.Hurried = "", "", false
	f.Track.Level, f.Track.Attempt, f.Track.Pass, f.Track.LevelEnd = 0, 0, t.Pass+1, w.Now
	if until, rests := w.rests(f.Track); rests {
		return f, f.hold(w, w.Now, until)
	}
	if person == "" {
		return f, f.climb(w)
	}
	f.Track.PassedTo, f.Track.LevelEnd = person, w.Now.Add(f.window(w))
	return f, f.tell(w)
}
