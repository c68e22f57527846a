package incident

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Reopen takes an ended case up again, with a reason. The protection manager's track starts
// anew, with whom the case is assigned to first, so that it cannot lie unnoticed; whose
// report it is gets a letter. The end that it had stays in the record.
func (s *Service) Reopen(ctx context.Context, by access.Actor, incident, reason string) error {
	reason = words(reason)
	if err := needReason(reason); err != nil {
		return err
	}
	r, err := s.readersOf(ctx, by, incident)
	if err != nil {
		return err
	}
	return s.work(ctx, by, incident, AsWorker, func(tx Tx, i *Incident) (journal.Event, error) {
		if i.Status != Closed && i.Status != Withdrawn || !i.ErasedAt.IsZero() {
			return journal.Event{}, fault.Clash("fault.not_ended", nil)
		}
		now := s.now()
		was := i.Status
		i.Status, i.CloseBy, i.CloseWhy, i.ClosedBy, i.ClosedAt = Investigating, "", "", "", time.Time{}
		if err := tx.SaveIncident(ctx, i); err != nil {
			return journal.Event{}, fmt.Errorf("save incident: %w", err)
		}
		if err := s.revive(ctx, tx, by, i, func(t notice.Track) bool { return t.Receiver == notice.Manager }); err != nil {
			return journal.Event{}, err
		}
		if err := s.tell(ctx, tx, i, topicReopened, r.finders, now, r.reads, nil); err != nil {
			return journal.Event{}, err
		}
		return statusEntry(ctx, tx, by, i, "incident.reopened", was, reason, "", now)
	})
}

// statusEntry adds the entry of a new status and gives its event. When it is about another
// case too, other is its id, and the reason is in the event alone: those whose report it is
// do not read that.
func statusEntry(ctx context.Context, tx Tx, by access.Actor, i *Incident, kind string, was Status, reason, other string, now time.Time) (journal.Event, error) {
	e := Entry{ID: id.New("ent", now), Incident: i.ID, Type: StatusSet, Key: string(i.Status), Text: reason, By: by.Person, At: now, Corrects: string(was)}
	if other != "" {
		e.Text = ""
	}
	if err := tx.InsertEntry(ctx, e); err != nil {
		return journal.Event{}, fmt.Errorf("insert entry: %w", err)
	}
	data := map[string]string{"entry": e.ID, "key": e.Key, "was": e.Corrects, "text": reason}
	if other != "" {
		data["other"] = other
	}
	return journal.NewEvent(now, kind, i.ID, by.Person, data)
}

// revive starts the tracks anew that again chooses. The assignee is told first, unless it is
// they who ask for it.
func (s *Service) revive(ctx context.Context, tx Tx, by access.Actor, i *Incident, again func(notice.Track) bool) error {
	tracks, _, _, err := s.tracks.TracksOf(ctx, i.ID)
	if err != nil {
		return fmt.Errorf("load tracks of %s: %w", i.ID, err)
	}
	for _, t := range tracks {
		if !again(t) {
			continue
		}
		w, err := s.notices.Lookout(ctx, t.Policy)
		if err != nil {
			return err
		}
		first := i.Assignee
		never := append(slices.Clone(i.LeftOut), i.finders()...)
		if t.Receiver != notice.Manager || first == by.Person || slices.Contains(never, first) || w.Org.StandIn(first, w.Now, never) == "" {
			first = ""
		}
		if err := notice.Revive(ctx, tx, t.ID, w, first, by.Person); err != nil {
			return fmt.Errorf("start track %s again: %w", t.ID, err)
		}
	}
	return nil
}
