package incident

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// MaxRelated is how many cases one case may be related to.
const MaxRelated = 20

// Relation says that two cases have to do with each other.
type Relation struct {
	ID    string
	A, B  string // ids; A is the older
	Why   string
	By    string
	At    time.Time
	Ended time.Time // zero while it holds
	EndBy string
	EndOf string // why it ended
}

// Relative is a related case that the actor may read.
type Relative struct {
	*Incident
	Why string
	By  string
	At  time.Time
}

// Duplicate is a case that goes on as another, with what was told with it.
type Duplicate struct {
	*Incident
	Entries  []Entry // facts, answers, corrections and messages
	Evidence []Evidence
}

// relationTx is the part of a transaction that is about other cases.
type relationTx interface {
	// Relation finds the one of two cases that holds; a is the older.
	Relation(ctx context.Context, a, b string) (Relation, bool, error)
	InsertRelation(ctx context.Context, r Relation) error
	EndRelation(ctx context.Context, r Relation) error
	// CountRelated is how many cases a case is related to now.
	CountRelated(ctx context.Context, incident string) (int, error)
	// CountDuplicates is how many cases go on as a case.
	CountDuplicates(ctx context.Context, incident string) (int, error)
}

// relationStore reads what is kept about other cases.
type relationStore interface {
	RelatedTo(ctx context.Context, incident string) ([]Relation, error) // that hold
	DuplicatesOf(ctx context.Context, incident string) ([]*Incident, error)
}

// Relate says that two cases have to do with each other. Each shows the other to those who
// may read it, and to nobody else.
func (s *Service) Relate(ctx context.Context, by access.Actor, incident, other, reason string) error {
	reason = words(reason)
	return s.both(ctx, by, incident, other, reason, func(tx Tx, i, o *Incident, now time.Time) error {
		_, held, err := tx.Relation(ctx, min(i.ID, o.ID), max(i.ID, o.ID))
		if err != nil {
			return fmt.Errorf("load relation: %w", err)
		}
		if held {
			return fault.Clash("fault.related_already", nil)
		}
		for _, x := range []*Incident{i, o} {
			n, err := tx.CountRelated(ctx, x.ID)
			if err != nil {
				return fmt.Errorf("count related cases: %w", err)
			}
			if n >= MaxRelated {
				return fault.Clash("fault.related_full", fault.Args{"max": fmt.Sprint(MaxRelated)})
			}
		}
		r := Relation{ID: id.New("rel", now), A: min(i.ID, o.ID), B: max(i.ID, o.ID), Why: reason, By: by.Person, At: now}
		if err := tx.InsertRelation(ctx, r); err != nil {
			return fmt.Errorf("insert relation: %w", err)
		}
		return recordBoth(ctx, tx, by, "incident.related", i, o, reason, now)
	})
}

// Unrelate takes that back, with a reason.
func (s *Service) Unrelate(ctx context.Context, by access.Actor, incident, other, reason string) error {
	reason = words(reason)
	return s.both(ctx, by, incident, other, reason, func(tx Tx, i, o *Incident, now time.Time) error {
		r, held, err := tx.Relation(ctx, min(i.ID, o.ID), max(i.ID, o.ID))
		if err != nil {
			return fmt.Errorf("load relation: %w", err)
		}
		if !held {
			return fault.Clash("fault.not_related", nil)
		}
		r.Ended, r.EndBy, r.EndOf = now, by.Person, reason
		if err := tx.EndRelation(ctx, r); err != nil {
			return fmt.Errorf("end relation: %w", err)
		}
		return recordBoth(ctx, tx, by, "incident.unrelated", i, o, reason, now)
	})
}

// recordBoth records on each of two cases that something was done with the other. The words
// are left away when not the same people may read both.
func recordBoth(ctx context.Context, tx Tx, by access.Actor, kind string, i, o *Incident, reason string, now time.Time) error {
	for _, x := range [][2]*Incident{{i, o}, {o, i}} {
		data := map[string]string{"other": x[1].ID}
		if slices.Equal(i.LeftOut, o.LeftOut) {
			data["reason"] = reason
		}
		ev, err := journal.NewEvent(now, kind, x[0].ID, by.Person, data)
		if err != nil {
			return err
		}
		if err := tx.Record(ctx, ev); err != nil {
			return err
		}
	}
	return nil
}

// both runs a change of two cases by who works on both, in one commit. f records its events.
func (s *Service) both(ctx context.Context, by access.Actor, incident, other, reason string, f func(tx Tx, i, o *Incident, now time.Time) error) error {
	var c fault.Check
	c.That(other != "", "other", "fault.required", nil)
	c.That(reason != "", "reason", "fault.required", nil)
	c.That(utf8.RuneCountInString(reason) <= MaxText, "reason", "fault.too_long", fault.Args{"max": fmt.Sprint(MaxText)})
	if err := c.Err(); err != nil {
		return err
	}
	first, err := s.Case(ctx, by, incident)
	if err != nil {
		return err
	}
	if err := mayChange(by, first, AsWorker); err != nil {
		return err
	}
	second, err := s.Case(ctx, by, other)
	if err == nil {
		err = mayChange(by, second, AsWorker)
	}
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Denied) { // one answer for what is not there and what is not theirs
		c.Add("other", "fault.unknown_case", nil)
		return c.Err()
	}
	if err != nil {
		return err
	}
	if first.ID == second.ID {
		c.Add("other", "fault.same_case", nil)
		return c.Err()
	}
	now := s.now()
	return s.store.UpdateIncidents(ctx, func(tx Tx) error {
		ids := []string{first.ID, second.ID}
		slices.Sort(ids) // always in this order, so that two of us never wait for each other
		locked := map[string]*Incident{}
		for _, x := range ids {
			if locked[x], err = tx.LockIncident(ctx, x); err != nil {
				return fmt.Errorf("lock incident %s: %w", x, err)
			}
			if !locked[x].ErasedAt.IsZero() {
				return fault.Clash("fault.case_not_open", nil)
			}
		}
		return f(tx, locked[first.ID], locked[second.ID], now)
	})
}

// Merge says that a report tells what another case is about already: it goes on as that one.
// It keeps everything that it has; what was told with it is read with the other case by
// those who read that. Its tracks end with a reason, and its reporter hears the number of
// the other case and sees no more of it than before. Unmerge takes it back.
//
// Only cases that leave out the same people may be merged, nobody merges their own report,
// and the more urgent of two stays.
func (s *Service) Merge(ctx context.Context, by access.Actor, incident, into, reason string) error {
	reason = words(reason)
	r, err := s.readersOf(ctx, by, incident)
	if err != nil {
		return err
	}
	return s.both(ctx, by, incident, into, reason, func(tx Tx, i, main *Incident, now time.Time) error {
		if err := mayMerge(ctx, tx, by, i, main); err != nil {
			return err
		}
		tracks, _, _, err := s.tracks.TracksOf(ctx, i.ID)
		if err != nil {
			return fmt.Errorf("load tracks of %s: %w", i.ID, err)
		}
		if slices.ContainsFunc(tracks, func(t notice.Track) bool { return t.State == notice.Open }) {
			if err := by.May(access.WorkCases); err != nil { // as ending a track by hand (rule 6)
				return err
			}
		}
		for _, t := range tracks {
			if err := notice.Settle(ctx, tx, t.ID, mergeMark(main), by.Person, now); err != nil {
				return err
			}
		}
		was := i.Status
		i.Status, i.MergedInto, i.MergedWas = Merged, main.ID, was
		if err := tx.SaveIncident(ctx, i); err != nil {
			return fmt.Errorf("save incident: %w", err)
		}
		if err := s.tell(ctx, tx, i, topicMerged, r.finders, now, r.reads, map[string]string{"main": main.Label}); err != nil {
			return err
		}
		ev, err := statusEntry(ctx, tx, by, i, "incident.merged", was, reason, main.ID, now)
		if err != nil {
			return err
		}
		if err := tx.Record(ctx, ev); err != nil {
			return err
		}
		return recordOn(ctx, tx, by, "incident.took_in", main, i, reason, now)
	})
}

// mayMerge is nil when the case may go on as main.
func mayMerge(ctx context.Context, tx Tx, by access.Actor, i, main *Incident) error {
	if i.Owns(by) {
		return fault.New(fault.Denied, "fault.own_not_allowed", nil)
	}
	var c fault.Check
	switch {
	case !i.Status.Open():
		return fault.Clash("fault.case_not_open", nil)
	case !main.Status.Open():
		c.Add("other", "fault.merge_ended", nil)
	case !slices.Equal(i.LeftOut, main.LeftOut):
		c.Add("other", "fault.merge_left_out", nil)
	case slices.Index(notice.Urgencies(), i.Urgency) < slices.Index(notice.Urgencies(), main.Urgency):
		c.Add("other", "fault.merge_urgency", nil)
	case i.Demo != main.Demo || i.Drill != main.Drill:
		c.Add("other", "fault.merge_demo", nil)
	}
	if err := c.Err(); err != nil {
		return err
	}
	n, err := tx.CountDuplicates(ctx, i.ID)
	if err != nil {
		return fmt.Errorf("count duplicates: %w", err)
	}
	if n > 0 {
		return fault.Clash("fault.merge_chain", nil)
	}
	return nil
}

// mergeMark is the reason of every track that a merge ended, so that taking it back starts
// those and no other. Why it was merged is not said: whose report it is reads of the tracks.
func mergeMark(main *Incident) string { return "→ " + main.Label }

// recordOn records on one case what was done with another.
func recordOn(ctx context.Context, tx Tx, by access.Actor, kind string, i, other *Incident, reason string, now time.Time) error {
	ev, err := journal.NewEvent(now, kind, i.ID, by.Person, map[string]string{"other": other.ID, "reason": reason})
	if err != nil {
		return err
	}
	return tx.Record(ctx, ev)
}

// Unmerge makes a merged case one of its own again, where it stood, with a reason. The
// tracks that the merge ended start anew; its reporter is told.
func (s *Service) Unmerge(ctx context.Context, by access.Actor, incident, reason string) error {
	reason = words(reason)
	if err := needReason(reason); err != nil {
		return err
	}
	r, err := s.readersOf(ctx, by, incident)
	if err != nil {
		return err
	}
	return s.work(ctx, by, incident, AsWorker, func(tx Tx, i *Incident) (journal.Event, error) {
		if i.Status != Merged || !i.ErasedAt.IsZero() {
			return journal.Event{}, fault.Clash("fault.not_merged", nil)
		}
		main, err := s.store.Incident(ctx, i.MergedInto)
		if err != nil {
			return journal.Event{}, fmt.Errorf("load %s: %w", i.MergedInto, err)
		}
		now := s.now()
		i.Status, i.MergedInto, i.MergedWas = i.MergedWas, "", ""
		if err := tx.SaveIncident(ctx, i); err != nil {
			return journal.Event{}, fmt.Errorf("save incident: %w", err)
		}
		mark := mergeMark(main)
		err = s.revive(ctx, tx, by, i, func(t notice.Track) bool { return t.State == notice.Closed && t.EndedWhy == mark })
		if err != nil {
			return journal.Event{}, err
		}
		if err := s.tell(ctx, tx, i, topicApart, r.finders, now, r.reads, nil); err != nil {
			return journal.Event{}, err
		}
		if err := recordOn(ctx, tx, by, "incident.gave_back", main, i, reason, now); err != nil {
			return journal.Event{}, err
		}
		return statusEntry(ctx, tx, by, i, "incident.unmerged", Merged, reason, main.ID, now)
	})
}

// main fills the number of the case that a merged one goes on as. Those who read that case
// read this one with it; nobody who sees this one sees that one for it.
func (s *Service) main(ctx context.Context, by access.Actor, o *directory.Org, c *Case) error {
	if c.MergedInto == "" {
		return nil
	}
	m, err := s.store.Incident(ctx, c.MergedInto)
	if err != nil {
		return fmt.Errorf("load %s: %w", c.MergedInto, err)
	}
	c.Main = m.Label
	if c.Sight >= AsReader || slices.Contains(c.LeftOut, by.Person) {
		return nil
	}
	sight, err := s.sightOf(ctx, by, o, m)
	if err == nil && sight >= AsReader {
		c.Sight = AsReader
	}
	return err
}

// sightOf is what the actor sees of a case by what concerns that case alone.
func (s *Service) sightOf(ctx context.Context, by access.Actor, o *directory.Org, i *Incident) (Sight, error) {
	_, told, _, err := s.tracks.TracksOf(ctx, i.ID)
	if err != nil {
		return Blind, fmt.Errorf("load tracks of %s: %w", i.ID, err)
	}
	return SightOf(by, i, o, told), nil
}

// relatives fills the related cases and the duplicates, for who reads the whole case.
func (s *Service) relatives(ctx context.Context, by access.Actor, o *directory.Org, c *Case) error {
	related, err := s.store.RelatedTo(ctx, c.ID)
	if err != nil {
		return fmt.Errorf("load cases related to %s: %w", c.ID, err)
	}
	for _, r := range related {
		other, err := s.store.Incident(ctx, r.other(c.ID))
		if err != nil {
			return fmt.Errorf("load %s: %w", r.other(c.ID), err)
		}
		sight, err := s.sightOf(ctx, by, o, other)
		if err != nil {
			return err
		}
		if sight >= AsReader {
			c.Related = append(c.Related, Relative{Incident: other, Why: r.Why, By: r.By, At: r.At})
		}
	}
	same, err := s.store.DuplicatesOf(ctx, c.ID)
	if err != nil {
		return fmt.Errorf("load duplicates of %s: %w", c.ID, err)
	}
	for _, i := range same {
		if slices.Contains(i.LeftOut, by.Person) {
			continue
		}
		d := Duplicate{Incident: i}
		if d.Entries, err = s.store.Entries(ctx, i.ID); err != nil {
			return fmt.Errorf("load entries of %s: %w", i.ID, err)
		}
		d.Entries = slices.DeleteFunc(d.Entries, func(e Entry) bool {
			return !slices.Contains([]EntryType{Fact, Answer, Correction, Message}, e.Type) || e.Internal
		})
		if d.Evidence, err = s.store.EvidenceOf(ctx, i.ID); err != nil {
			return fmt.Errorf("load evidence of %s: %w", i.ID, err)
		}
		c.Duplicates = append(c.Duplicates, d)
	}
	return nil
}

func (r Relation) other(incident string) string {
	if r.A == incident {
		return r.B
	}
	return r.A
}

// likelyWithin is how far apart two reports of the same thing are at most.
const likelyWithin = 3 * 24 * time.Hour

// Likely lists cases that may be about the same, likeliest first: of the same kind, reported
// within three days, with the same words, machine names or addresses in their line. At most
// three, and only those that the actor may see.
func (s *Service) Likely(ctx context.Context, by access.Actor, c *Case) ([]Row, error) {
	if c.Sight < AsWorker || !c.Status.Open() || !c.ErasedAt.IsZero() {
		return nil, nil
	}
	found, err := s.Find(ctx, by, Query{Kinds: []Kind{c.Kind}, From: c.Reported.Add(-likelyWithin), To: c.Reported.Add(likelyWithin), Limit: 200})
	if fault.Is(err, fault.Denied) { // a token that does not read lists
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	type scored struct {
		Row
		n float64
	}
	var near []scored
	for _, r := range found.Rows {
		known := slices.ContainsFunc(c.Related, func(x Relative) bool { return x.ID == r.ID })
		if r.ID == c.ID || known || r.Status == Merged || !r.ErasedAt.IsZero() {
			continue
		}
		if n := alike(c.Summary, r.Summary); n >= 0.3 {
			near = append(near, scored{r, n})
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int {
		switch {
		case a.n > b.n:
			return -1
		case a.n < b.n:
			return 1
		}
		return 0
	})
	var out []Row
	for _, x := range near[:min(len(near), 3)] {
		out = append(out, x.Row)
	}
	return out, nil
}

// alike is how alike two lines are, from 0 to 1: the share of pairs of letters that both
// have, or 1 when both hold the same number or name of four Latin letters or digits and more.
func alike(a, b string) float64 {
	a, b = fold(a), fold(b)
	for _, w := range strings.FieldsFunc(a, func(r rune) bool { return !nameLetter(r) }) {
		if len(w) >= 4 && strings.ContainsAny(w, "0123456789") && slices.Contains(strings.FieldsFunc(b, func(r rune) bool { return !nameLetter(r) }), w) {
			return 1
		}
	}
	x, y := pairs(a), pairs(b)
	both := 0
	for p := range x {
		if y[p] {
			both++
		}
	}
	if len(x)+len(y) == 0 {
		return 0
	}
	return 2 * float64(both) / float64(len(x)+len(y))
}

// nameLetter reports whether r may stand in the name of a machine or in an address.
func nameLetter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.@", r)
}

func pairs(s string) map[[2]rune]bool {
	out := map[[2]rune]bool{}
	var last rune
	for _, r := range s {
		if last != 0 && last != ' ' && r != ' ' {
			out[[2]rune{last, r}] = true
		}
		last = r
	}
	return out
}
