package incident

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// LessonState is where a lesson stands.
type LessonState string

// The states of a lesson.
const (
	LessonDraft     LessonState = "draft"
	LessonPublished LessonState = "published"
	LessonWithdrawn LessonState = "withdrawn"
)

// Lesson is what a case teaches everybody, without a name: written by one who works on the
// case, published by another.
type Lesson struct {
	ID        string
	Incident  string // "" for readers of the page that everybody reads
	Kind      Kind
	Title     string
	Happened  string // what happened
	Now       string // what is done now
	Version   int    // from 1; grows with each change, so that nobody publishes what they have not read
	State     LessonState
	WrittenBy string
	WrittenAt time.Time
	DoneBy    string // who published it, at DoneAt
	DoneAt    time.Time
	EndBy     string // who withdrew it, at EndAt
	EndAt     time.Time
	EndWhy    string
}

// LessonWords are the words of a lesson.
type LessonWords struct{ Title, Happened, Now string }

// MaxLesson bounds the parts of a lesson, in characters; the title is bounded as the line
// of a report.
const MaxLesson = 2000

// maxLessons is how many lessons one case may have.
const maxLessons = 10

// Trace is a part of a lesson that may tell who it was about.
type Trace struct {
	Field string // title, happened or now
	Found string // as the directory or the report writes it
	Sure  bool   // it names somebody of the case: such a lesson is not published
}

// lessonTx is the part of a transaction that is about lessons.
type lessonTx interface {
	InsertLesson(ctx context.Context, l Lesson) error
	LockLesson(ctx context.Context, lesson string) (Lesson, error)
	SaveLesson(ctx context.Context, l Lesson) error
}

// lessonStore reads lessons.
type lessonStore interface {
	LessonByID(ctx context.Context, lesson string) (Lesson, error)
	LessonsOf(ctx context.Context, incident string) ([]Lesson, error) // oldest first
	// Published lists what is published, newest first; kind "" is every kind.
	Published(ctx context.Context, kind Kind, limit int) ([]Lesson, error)
}

func (w *LessonWords) check() error {
	w.Title, w.Happened, w.Now = oneLine(visible(w.Title)), words(visible(w.Happened)), words(visible(w.Now))
	var c fault.Check
	for _, x := range []struct {
		field, text string
		most        int
	}{{"title", w.Title, MaxSummary}, {"happened", w.Happened, MaxLesson}, {"now", w.Now, MaxLesson}} {
		c.That(x.text != "", x.field, "fault.required", nil)
		c.That(utf8.RuneCountInString(x.text) <= x.most, x.field, "fault.too_long", fault.Args{"max": fmt.Sprint(x.most)})
	}
	return c.Err()
}

// WriteLesson drafts a lesson of a case, for a second person to publish.
func (s *Service) WriteLesson(ctx context.Context, by access.Actor, incident string, w LessonWords) (Lesson, error) {
	if err := w.check(); err != nil {
		return Lesson{}, err
	}
	now := s.now()
	l := Lesson{ID: id.New("lsn", now), Title: w.Title, Happened: w.Happened, Now: w.Now, Version: 1, State: LessonDraft, WrittenBy: by.Person, WrittenAt: now}
	err := s.work(ctx, by, incident, AsWorker, func(tx Tx, i *Incident) (journal.Event, error) {
		have, err := s.store.LessonsOf(ctx, i.ID)
		if err != nil {
			return journal.Event{}, fmt.Errorf("load lessons: %w", err)
		}
		if len(have) >= maxLessons {
			return journal.Event{}, fault.Clash("fault.lessons_full", fault.Args{"max": fmt.Sprint(maxLessons)})
		}
		l.Incident, l.Kind = i.ID, i.Kind
		if err := tx.InsertLesson(ctx, l); err != nil {
			return journal.Event{}, fmt.Errorf("insert lesson: %w", err)
		}
		return lessonEvent("incident.lesson_written", by, l, now)
	})
	return l, err
}

// EditLesson changes a draft. Whoever changed it last is its writer.
func (s *Service) EditLesson(ctx context.Context, by access.Actor, lesson string, version int, w LessonWords) error {
	if err := w.check(); err != nil {
		return err
	}
	return s.lesson(ctx, by, lesson, "incident.lesson_edited", func(l *Lesson, now time.Time) error {
		if err := l.atVersion(LessonDraft, version); err != nil {
			return err
		}
		l.Title, l.Happened, l.Now, l.WrittenBy, l.WrittenAt, l.Version = w.Title, w.Happened, w.Now, by.Person, now, l.Version+1
		return nil
	})
}

// PublishLesson shows a draft to everybody: never by who wrote it, never with a name, a mail
// address or a telephone number of the case, and with what only looks like one when the
// second person says that it is none. version is the one that they have read.
func (s *Service) PublishLesson(ctx context.Context, by access.Actor, lesson string, version int, sure bool) error {
	l, err := s.store.LessonByID(ctx, lesson)
	if err != nil {
		return err
	}
	c, err := s.Case(ctx, by, l.Incident)
	if err != nil {
		return notLesson(err)
	}
	o, err := s.people.Org(ctx)
	if err != nil {
		return err
	}
	named, err := s.peopleOf(ctx, o, c)
	if err != nil {
		return err
	}
	return s.lesson(ctx, by, lesson, "incident.lesson_published", func(l *Lesson, now time.Time) error {
		if by.Person == l.WrittenBy {
			return fault.New(fault.Denied, "fault.own_not_allowed", nil)
		}
		if err := l.atVersion(LessonDraft, version); err != nil {
			return err
		}
		var c fault.Check
		for _, t := range l.traces(o, named) {
			if t.Sure {
				c.Add(t.Field, "fault.lesson_name", fault.Args{"name": t.Found})
			} else {
				c.That(sure, "sure", "fault.lesson_unsure", nil)
			}
		}
		if err := c.Err(); err != nil {
			return err
		}
		l.State, l.DoneBy, l.DoneAt = LessonPublished, by.Person, now
		return nil
	})
}

// WithdrawLesson takes a lesson away, with a reason: a draft for good, a published one from
// the page that everybody reads.
func (s *Service) WithdrawLesson(ctx context.Context, by access.Actor, lesson, reason string) error {
	reason = words(reason)
	if err := needReason(reason); err != nil {
		return err
	}
	return s.lesson(ctx, by, lesson, "incident.lesson_withdrawn", func(l *Lesson, now time.Time) error {
		if l.State == LessonWithdrawn {
			return fault.Clash("fault.lesson_changed", nil)
		}
		l.State, l.EndBy, l.EndAt, l.EndWhy = LessonWithdrawn, by.Person, now, reason
		return nil
	})
}

// lesson runs one change of a lesson by who works on its case.
func (s *Service) lesson(ctx context.Context, by access.Actor, lesson, kind string, f func(*Lesson, time.Time) error) error {
	l, err := s.store.LessonByID(ctx, lesson)
	if err != nil {
		return err
	}
	now := s.now()
	return notLesson(s.work(ctx, by, l.Incident, AsWorker, func(tx Tx, _ *Incident) (journal.Event, error) {
		l, err := tx.LockLesson(ctx, lesson)
		if err != nil {
			return journal.Event{}, fmt.Errorf("lock lesson %s: %w", lesson, err)
		}
		if err := f(&l, now); err != nil {
			return journal.Event{}, err
		}
		if err := tx.SaveLesson(ctx, l); err != nil {
			return journal.Event{}, fmt.Errorf("save lesson: %w", err)
		}
		return lessonEvent(kind, by, l, now)
	}))
}

// notLesson says of a case that the actor may not see that there is no such lesson.
func notLesson(err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.Missing("lesson")
	}
	return err
}

func lessonEvent(kind string, by access.Actor, l Lesson, now time.Time) (journal.Event, error) {
	return journal.NewEvent(now, kind, l.Incident, by.Person, map[string]any{"lesson": l.ID, "version": l.Version,
		"title": l.Title, "happened": l.Happened, "now": l.Now, "reason": l.EndWhy})
}

func (l Lesson) atVersion(state LessonState, version int) error {
	if l.State != state || l.Version != version {
		return fault.Clash("fault.lesson_changed", nil)
	}
	return nil
}

// Lessons lists what is published, newest first, for everybody who works here; kind "" is
// every kind. It says nothing of the case, nor who wrote.
func (s *Service) Lessons(ctx context.Context, by access.Actor, kind Kind) ([]Lesson, error) {
	if err := by.May(access.ReadDirectory); err != nil {
		return nil, err
	}
	var c fault.Check
	c.That(kind == "" || kind.Valid(), "kind", "fault.unknown_choice", nil)
	if err := c.Err(); err != nil {
		return nil, err
	}
	ls, err := s.store.Published(ctx, kind, 500)
	if err != nil {
		return nil, fmt.Errorf("load lessons: %w", err)
	}
	for n := range ls {
		l := &ls[n]
		l.Incident, l.WrittenBy, l.WrittenAt, l.DoneBy, l.EndBy, l.EndWhy = "", "", time.Time{}, "", "", ""
	}
	return ls, nil
}

// Teaches reports whether something is published of a kind.
func (s *Service) Teaches(ctx context.Context, by access.Actor, kind Kind) (bool, error) {
	if by.May(access.ReadDirectory) != nil {
		return false, nil
	}
	ls, err := s.store.Published(ctx, kind, 1)
	if err != nil {
		return false, fmt.Errorf("look for lessons: %w", err)
	}
	return len(ls) > 0, nil
}

// CaseLesson is a lesson as those who read its case see it.
type CaseLesson struct {
	Lesson
	Traces []Trace // of a draft: what may tell who it was about
}

// LessonsOf lists the lessons of a case that the actor reads in full, oldest first.
func (s *Service) LessonsOf(ctx context.Context, by access.Actor, c *Case) ([]CaseLesson, error) {
	if c.Sight < AsReader {
		return nil, nil
	}
	ls, err := s.store.LessonsOf(ctx, c.ID)
	if err != nil || len(ls) == 0 {
		return nil, err
	}
	o, err := s.people.Org(ctx)
	if err != nil {
		return nil, err
	}
	named, err := s.peopleOf(ctx, o, c)
	if err != nil {
		return nil, err
	}
	var out []CaseLesson
	for _, l := range ls {
		x := CaseLesson{Lesson: l}
		if l.State == LessonDraft {
			x.Traces = l.traces(o, named)
		}
		out = append(out, x)
	}
	return out, nil
}

// named is who a case names: our own people, and outsiders as they wrote themselves.
type named struct {
	people    map[string]bool
	outsiders []string
}

// peopleOf gathers everybody whom the case and its duplicates name, seen or not.
func (s *Service) peopleOf(ctx context.Context, o *directory.Org, c *Case) (named, error) {
	out := named{people: map[string]bool{}}
	add := func(ps ...string) {
		for _, p := range ps {
			if _, ok := o.People[p]; ok {
				out.people[p] = true
			}
		}
	}
	cases := []*Incident{c.Incident}
	for _, d := range c.Duplicates {
		cases = append(cases, d.Incident)
	}
	for _, i := range cases {
		add(i.Reporter, i.OnBehalf, i.Assignee, i.CloseBy, i.ClosedBy)
		add(i.LeftOut...)
		if i.Outside != nil {
			out.outsiders = append(out.outsiders, i.Outside.Name, i.Outside.Contact)
		}
		tracks, told, _, err := s.tracks.TracksOf(ctx, i.ID)
		if err != nil {
			return out, fmt.Errorf("load tracks of %s: %w", i.ID, err)
		}
		for _, t := range tracks {
			add(t.AckedBy, t.AckFor, t.PassedTo)
		}
		for _, t := range told {
			add(t.Person, t.For)
		}
		said, err := s.store.Entries(ctx, i.ID)
		if err != nil {
			return out, fmt.Errorf("load entries of %s: %w", i.ID, err)
		}
		for _, e := range said {
			add(e.By)
		}
	}
	return out, nil
}

// traces finds what may tell who the lesson is about: names, readings, mail addresses,
// telephone and employee numbers. Whatever names somebody of the case is sure; a family name
// alone, and the full name of somebody else of ours, may be another word.
func (l Lesson) traces(o *directory.Org, n named) []Trace {
	var out []Trace
	for _, part := range []struct{ field, text string }{{"title", l.Title}, {"happened", l.Happened}, {"now", l.Now}} {
		text := fold(part.text)
		solid := squeeze(text)
		seen := map[string]bool{}
		find := func(what string, sure bool) {
			w := squeeze(fold(what))
			if utf8.RuneCountInString(w) < 2 || seen[w] || !strings.Contains(solid, w) {
				return
			}
			seen[w] = true
			out = append(out, Trace{Field: part.field, Found: what, Sure: sure})
		}
		for _, x := range n.outsiders {
			find(x, true)
		}
		for _, p := range o.Sorted() {
			ours := n.people[p.ID]
			for _, full := range []string{p.Family + p.Given, p.Given + p.Family, p.FamilyKana + p.GivenKana} {
				if p.Family != "" && p.Given != "" {
					find(full, ours)
				}
			}
			if !ours {
				continue
			}
			find(p.Email, true)
			find(p.Phone, true)
			find(p.Family, false)
			find(p.Given, false)
			find(p.FamilyKana, false)
		}
	}
	slices.SortStableFunc(out, func(a, b Trace) int {
		if a.Sure == b.Sure {
			return 0
		}
		if a.Sure {
			return -1
		}
		return 1
	})
	return out
}

// fold writes full-width letters, small and large ones alike.
func fold(s string) string { return strings.ToLower(norm.NFKC.String(s)) }

// squeeze drops everything that may stand within a name or a number without changing it.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("-‐‑–—−・.,、()[]'’/", r) {
			return -1
		}
		return r
	}, s)
}
