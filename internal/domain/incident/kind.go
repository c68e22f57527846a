package incident

import (
	"context"
	"fmt"
	"slices"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

// ChooseKind says of what kind a case is whose kind was guessed out of a mail: by who works
// on it, once. The same kind confirms it. Whoever must know of the kind and was not told is
// told now; when it is more urgent than the guess, those who have not answered are told anew
// by the chain of the urgent. What was guessed too urgent stays so until it is answered.
func (s *Service) ChooseKind(ctx context.Context, by access.Actor, incident string, k Kind) error {
	var c fault.Check
	c.That(k.Valid(), "kind", "fault.unknown_choice", nil)
	if err := c.Err(); err != nil {
		return err
	}
	w, err := s.notices.Lookout(ctx, 0)
	if err != nil {
		return err
	}
	var tracks []notice.Track
	if loaded, err := s.Case(ctx, by, incident); err != nil {
		return err
	} else if tracks = loaded.Tracks; loaded.marked() {
		return fault.Clash("fault.steps_begun", nil)
	}
	return s.work(ctx, by, incident, AsWorker, func(tx Tx, i *Incident) (journal.Event, error) {
		if !i.Guessed || !i.Status.Open() {
			return journal.Event{}, fault.Clash("fault.kind_chosen", nil)
		}
		was := *i
		i.Kind, i.Urgency, i.Guessed = k, k.Urgency(), false
		if k != was.Kind {
			i.StepList = s.stepVersion(k)
		}
		if err := tx.SaveKind(ctx, i); err != nil {
			return journal.Event{}, fmt.Errorf("save kind: %w", err)
		}
		for _, r := range i.receivers(w.Org) {
			if err := retell(ctx, tx, by, i, r, tracks, w); err != nil {
				return journal.Event{}, err
			}
		}
		return journal.NewEvent(w.Now, "incident.kind_chosen", i.ID, by.Person, map[string]any{"was": was.Kind, "is": k})
	})
}

// retell starts what a receiver of the case's kind still wants.
func retell(ctx context.Context, tx Tx, by access.Actor, i *Incident, r notice.Receiver, tracks []notice.Track, w notice.Lookout) error {
	haste := func(u notice.Urgency) int { return slices.Index(notice.Urgencies(), u) }
	for _, t := range tracks {
		if t.Receiver != r || t.State == notice.Closed {
			continue
		}
		if t.State == notice.Acked || haste(t.Urgency) <= haste(i.Urgency) {
			return nil
		}
		if err := notice.Settle(ctx, tx, t.ID, string(t.Urgency)+" → "+string(i.Urgency), by.Person, w.Now); err != nil {
			return err
		}
	}
	f, err := notice.Start(i.track(r), w)
	if err != nil {
		return fmt.Errorf("start track to %s: %w", r, err)
	}
	if err := tx.InsertFired(ctx, f); err != nil {
		return fmt.Errorf("insert track to %s: %w", r, err)
	}
	return nil
}

// marked reports whether a first-response step is done: the steps of another kind would
// look as if they were.
func (c *Case) marked() bool {
	done := map[string]bool{}
	for _, e := range c.Entries {
		if e.Type == StepDone || e.Type == StepUndone {
			done[e.Key] = e.Type == StepDone
		}
	}
	for _, yes := range done {
		if yes {
			return true
		}
	}
	return false
}
