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

// Topics of the letters about a case. None says more than that there is something to read.
const (
	topicFinder   = "talk.finder" // somebody wrote to whose report it is
	topicWorker   = "talk.worker" // whose report it is wrote to those who work on it
	topicClosed   = "talk.closed" // the case ended with words to whose report it was
	topicMerged   = "talk.merged" // it goes on as another case
	topicApart    = "talk.apart"  // it is a case of its own again
	topicReopened = "talk.reopened"
)

// talkTx is the part of a transaction that is about talk.
type talkTx interface {
	notice.Letters
	// SaveRead notes until when a person has read the talk of a case.
	SaveRead(ctx context.Context, incident, person string, at time.Time) error
}

// talkStore reads what is kept about talk.
type talkStore interface {
	// Reads gives until when each person has read the talk of a case.
	Reads(ctx context.Context, incident string) (map[string]time.Time, error)
}

// finders are our own people whose report it is.
func (i *Incident) finders() []string {
	out := slices.DeleteFunc([]string{i.OnBehalf, i.Reporter}, func(p string) bool { return p == "" })
	return slices.Compact(out)
}

// FromFinder reports whether an entry is of those whose report it is.
func (i *Incident) FromFinder(e Entry) bool {
	return e.By == access.Nobody || slices.Contains(i.finders(), e.By)
}

// Say writes to the other side of a case: whoever's report it is to those who work on it,
// and those to them. Both read it, and a letter says that there is something to read; who
// has no account finds it with their receipt code.
func (s *Service) Say(ctx context.Context, by access.Actor, incident, text string) (Entry, error) {
	if by.Via == access.ByCode {
		text = visible(text)
	}
	e := Entry{Type: Message, Text: words(text), By: by.Person, At: s.now()}
	e.ID = id.New("msg", e.At)
	if err := needText(e.Text, "text"); err != nil {
		return Entry{}, err
	}
	r, err := s.readersOf(ctx, by, incident)
	if err != nil {
		return Entry{}, err
	}
	err = s.work(ctx, by, incident, AsFinder, func(tx Tx, i *Incident) (journal.Event, error) {
		e.Incident = i.ID
		if by.Via == access.ByCode {
			if err := s.wordsOutside(ctx, i); err != nil {
				return journal.Event{}, err
			}
		}
		return s.say(ctx, tx, i, e, r)
	})
	return e, err
}

// say adds a message and plans its letters.
func (s *Service) say(ctx context.Context, tx Tx, i *Incident, e Entry, r readers) (journal.Event, error) {
	if i.Boxed() { // nobody would ever read it
		return journal.Event{}, fault.Clash("fault.box_nobody", nil)
	}
	if err := tx.InsertEntry(ctx, e); err != nil {
		return journal.Event{}, fmt.Errorf("insert message: %w", err)
	}
	if err := tx.SaveRead(ctx, i.ID, e.By, e.At); err != nil { // who answers has read
		return journal.Event{}, fmt.Errorf("note what was read: %w", err)
	}
	topic, to := topicFinder, r.finders
	switch {
	case e.Key == closingWords:
		topic = topicClosed
	case i.FromFinder(e):
		topic, to = topicWorker, r.workers
	}
	if err := s.tell(ctx, tx, i, topic, to, e.At, r.reads, nil); err != nil {
		return journal.Event{}, err
	}
	return added(e)
}

// reader is somebody to write to, perhaps in the place of another.
type reader struct{ person, instead string }

// readers are those on both sides of a case, with what they have read.
type readers struct {
	finders, workers []reader
	reads            map[string]time.Time
}

// readersOf finds who is on both sides of a case that the actor may see. Those who are left
// out are on neither, and nobody writes to themself.
func (s *Service) readersOf(ctx context.Context, by access.Actor, incident string) (readers, error) {
	if _, err := s.Case(ctx, by, incident); err != nil {
		return readers{}, err
	}
	i, err := s.store.Incident(ctx, incident) // in full: an outsider sees no names
	if err != nil {
		return readers{}, err
	}
	o, err := s.people.Org(ctx)
	if err != nil {
		return readers{}, err
	}
	tracks, _, _, err := s.tracks.TracksOf(ctx, i.ID)
	if err != nil {
		return readers{}, fmt.Errorf("load tracks of %s: %w", i.ID, err)
	}
	reads, err := s.store.Reads(ctx, i.ID)
	if err != nil {
		return readers{}, fmt.Errorf("load what was read of %s: %w", i.ID, err)
	}
	now := s.now()
	return readers{finders: findersOf(i, o, by, now), workers: workersOf(i, o, tracks, by, now), reads: reads}, nil
}

func findersOf(i *Incident, o *directory.Org, by access.Actor, now time.Time) []reader {
	var out []reader
	for _, p := range i.finders() {
		if x, ok := o.People[p]; ok && x.Active(now) && p != by.Person {
			out = append(out, reader{person: p})
		}
	}
	return out
}

// workersOf are the assignee and whoever answered; the protection managers when there is
// none of these. Deputies stand in for who is away.
func workersOf(i *Incident, o *directory.Org, tracks []notice.Track, by access.Actor, now time.Time) []reader {
	never := append(slices.Clone(i.LeftOut), i.finders()...)
	never = append(never, by.Person)
	var out []reader
	add := func(p string) {
		if p == "" || slices.Contains(never, p) {
			return
		}
		r := reader{person: o.StandIn(p, now, never)}
		if r.person == "" {
			x, ok := o.People[p]
			if !ok || !x.Active(now) {
				return
			}
			r.person = p
		} else if r.person != p {
			r.instead = p
		}
		if !slices.ContainsFunc(out, func(x reader) bool { return x.person == r.person }) {
			out = append(out, r)
		}
	}
	add(i.Assignee)
	for _, t := range tracks {
		if t.State == notice.Acked {
			add(t.AckedBy)
		}
	}
	if len(out) == 0 {
		for _, p := range o.Holders(access.ProtectionManager, now) {
			add(p)
		}
	}
	return out
}

// tell plans one letter to each. While somebody has not read the last one, another comes
// once in an hour at most: a hundred messages are no hundred letters.
func (s *Service) tell(ctx context.Context, tx Tx, i *Incident, topic string, to []reader, now time.Time, reads map[string]time.Time, args map[string]string) error {
	for _, r := range to {
		page := "/receipt/"
		if topic == topicWorker {
			page = "/cases/"
		}
		l := notice.Letter{ID: id.New("ltr", now), Topic: topic, About: i.ID, Person: r.person, For: r.instead, Path: page + i.Label,
			Args: map[string]string{"number": i.Label}, Planned: now, NextTry: now, State: notice.Planned}
		for k, v := range args {
			l.Args[k] = v
		}
		l.Key = l.ID
		if topic == topicFinder || topic == topicWorker {
			l.Key = fmt.Sprintf("%s/%s/%s/%d/%d", topic, i.ID, r.person, reads[r.person].UnixMicro(), now.Unix()/3600)
		}
		if err := tx.PlanLetter(ctx, l); err != nil {
			return fmt.Errorf("plan letter %s: %w", topic, err)
		}
	}
	return nil
}

// MarkRead notes that the actor has read the talk of a case as they see it. It is nobody's
// act on the case and has no event of its own.
func (s *Service) MarkRead(ctx context.Context, by access.Actor, c *Case) error {
	if c.Unread == 0 || by.Via == access.BySystem {
		return nil
	}
	now := s.now()
	if err := s.store.UpdateIncidents(ctx, func(tx Tx) error { return tx.SaveRead(ctx, c.ID, by.Person, now) }); err != nil {
		return fmt.Errorf("note what was read of %s: %w", c.ID, err)
	}
	return nil
}

// heard fills what of the talk the actor has not read, and until when the other side has.
func (s *Service) heard(ctx context.Context, by access.Actor, c *Case) error {
	if !slices.ContainsFunc(c.Entries, func(e Entry) bool { return e.Type == Message }) {
		return nil
	}
	reads, err := s.store.Reads(ctx, c.ID)
	if err != nil {
		return fmt.Errorf("load what was read of %s: %w", c.ID, err)
	}
	mine := c.Owns(by)
	for _, e := range c.Entries {
		if e.Type == Message && c.FromFinder(e) != mine && e.By != by.Person && e.At.After(reads[by.Person]) {
			c.Unread++
		}
	}
	for p, at := range reads {
		if c.FromFinder(Entry{By: p}) != mine && at.After(c.Heard) {
			c.Heard = at
		}
	}
	return nil
}

// closingWords is the key of the message that comes with the end of a case.
const closingWords = "closing"

// IsClosing reports whether a message came with the end of the case.
func (e Entry) IsClosing() bool { return e.Type == Message && e.Key == closingWords }

// thank adds words to whose report it was, in the commit that ends the case.
func (s *Service) thank(ctx context.Context, tx Tx, by access.Actor, i *Incident, text string, r readers, now time.Time) error {
	if text == "" {
		return nil
	}
	e := Entry{ID: id.New("msg", now), Incident: i.ID, Type: Message, Key: closingWords, Text: text, By: by.Person, At: now}
	ev, err := s.say(ctx, tx, i, e, r)
	if err != nil {
		return err
	}
	return tx.Record(ctx, ev)
}

// needText refuses an empty text and one that is too long.
func needText(text, field string) error {
	var c fault.Check
	c.That(strings.TrimSpace(text) != "", field, "fault.required", nil)
	c.That(utf8.RuneCountInString(text) <= MaxText, field, "fault.too_long", fault.Args{"max": fmt.Sprint(MaxText)})
	return c.Err()
}
