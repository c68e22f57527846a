package notice

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
)

// Queue is the part of a transaction that starts tracks; the case's own
// transaction embeds it, so that a report and its first notices are one commit.
type Queue interface {
	journal.Recorder
	InsertFired(ctx context.Context, f Fired) error
}

// Tx is one transaction over tracks and attempts.
type Tx interface {
	Queue
	lostTx
	rosterTx
	proofTx
	// LockTrack reads a track and holds it until the transaction ends.
	LockTrack(ctx context.Context, track string) (Track, []Told, error)
	// SaveFired writes a track that exists, with what its firing added.
	SaveFired(ctx context.Context, f Fired) error
	// Pending lists the track's attempts that are planned or in the provider's hands.
	Pending(ctx context.Context, track string) ([]Attempt, error)
	LockAttempt(ctx context.Context, attempt string) (Attempt, error)
	SaveAttempt(ctx context.Context, a Attempt) error
	SavePolicy(ctx context.Context, p Policy) error
	// ContactWorked notes that what was sent to a person's contact was read there.
	ContactWorked(ctx context.Context, person, channel, address string, at time.Time) error
	// HoldCase reports whether the case still wants work, and keeps that so until the
	// transaction ends.
	HoldCase(ctx context.Context, incident string) (open bool, err error)
	// Decided reports whether a case has seen a decision on what is done about it, or work
	// by somebody else than its finder since a time.
	Decided(ctx context.Context, incident string, since time.Time) (bool, error)
	// SaveDayOff keeps one of the company's own days off; one without a name is a day of
	// work again.
	SaveDayOff(ctx context.Context, d DayOff) error
	// Adopt freezes the newest policy on every open track, by an explicit act.
	Adopt(ctx context.Context, version int) (int, error)
}

// Store reads and changes tracks and attempts.
type Store interface {
	UpdateNotices(ctx context.Context, f func(Tx) error) error
	// Due lists tracks whose timer has run out, oldest first.
	Due(ctx context.Context, now time.Time, limit int) ([]string, error)
	// Claim takes attempts that are due and marks them Sending until lease; another
	// process's lapsed claims are taken too, oldest first. Of the repeats to one contact
	// only those are taken that TakeTurn chooses, once in a Turn; the others are put off.
	// It takes mails, or all else.
	Claim(ctx context.Context, now time.Time, lease time.Duration, limit int, mails bool) ([]Attempt, error)
	// NextDue is when the next timer of a track or a planned attempt runs out.
	NextDue(ctx context.Context) (time.Time, bool, error)
	Track(ctx context.Context, track string) (Track, []Told, error)
	TracksOf(ctx context.Context, incident string) ([]Track, []Told, []Attempt, error)
	Waiting(ctx context.Context) ([]Track, []Told, error) // every track that is open or asks its answerer, oldest first
	AttemptByID(ctx context.Context, attempt string) (Attempt, error)
	// Mailed lists whom a mail of ours went to, by the part of its Message-ID before the @.
	Mailed(ctx context.Context, ours string) ([]Mailed, error)
	LatestPolicy(ctx context.Context) (Policy, error)
	PolicyVersion(ctx context.Context, version int) (Policy, error)
	DaysOff(ctx context.Context) ([]DayOff, error) // of the company alone, by day
	ProofWanted(ctx context.Context) (bool, error) // as was last saved
	Rosters(ctx context.Context) ([]Roster, error) // by name
	Stats(ctx context.Context, now time.Time) (Stats, error)
}

// Stats are the figures of the health line and the watchdog.
type Stats struct {
	OpenTracks    int
	Overdue       int       // open tracks whose timer ran out more than two minutes ago
	Unsent        int       // attempts not yet taken by the provider
	OldestUnsent  time.Time // zero when none
	LastSent      time.Time
	Unreachable   int // open tracks whose chain found nobody
	RefusedRecent int // attempts refused in the last day

	Letters        int       // letters not yet taken by the provider
	OldestLetter   time.Time // of these; zero when none
	LettersRefused int       // in the last day
	LateTimers     int       // of requests, loans and stock-takes, that ran out more than two minutes ago
}

// Waiting is how long the oldest notice or letter has waited for the provider; zero when
// none waits.
func (s Stats) Waiting(now time.Time) time.Duration {
	var longest time.Duration
	for _, oldest := range []time.Time{s.OldestUnsent, s.OldestLetter} {
		if !oldest.IsZero() {
			longest = max(longest, now.Sub(oldest))
		}
	}
	return longest
}

// Service is the verbs of telling and answering.
type Service struct {
	store    Store
	people   *directory.Service
	now      func() time.Time
	calendar *jpcal.Calendar
	proof    bool // by the configuration: a link alone does not answer
}

// NewService makes the service. The calendar is the company's; with nil every day and hour
// is one of work.
func NewService(store Store, people *directory.Service, now func() time.Time, calendar *jpcal.Calendar) *Service {
	return &Service{store: store, people: people, now: now, calendar: calendar}
}

// Lookout gathers what a firing needs. version 0 is the newest policy.
func (s *Service) Lookout(ctx context.Context, version int) (Lookout, error) {
	o, err := s.people.Org(ctx)
	if err != nil {
		return Lookout{}, err
	}
	var p Policy
	if version == 0 {
		p, err = s.store.LatestPolicy(ctx)
	} else {
		p, err = s.store.PolicyVersion(ctx, version)
	}
	if err != nil {
		return Lookout{}, fmt.Errorf("load policy %d: %w", version, err)
	}
	w := Lookout{Org: o, Policy: p, Now: s.now(), Calendar: s.calendar}
	if len(p.rosters()) > 0 {
		if w.Rosters, err = s.store.Rosters(ctx); err != nil {
			return Lookout{}, fmt.Errorf("load rosters: %w", err)
		}
	}
	return w, nil
}

// FireDue runs every timer that has run out, oldest first, each in its own commit,
// and reports how many ran. One track's failure does not hold up the others.
func (s *Service) FireDue(ctx context.Context) (int, error) {
	due, err := s.store.Due(ctx, s.now(), 500)
	if err != nil {
		return 0, fmt.Errorf("list due tracks: %w", err)
	}
	var errs []error
	for _, t := range due {
		errs = append(errs, s.change(ctx, t, Fire))
	}
	return len(due), errors.Join(errs...)
}

// change locks a track, lets f fire it, and saves what came of it in one commit.
func (s *Service) change(ctx context.Context, track string, f func(Track, Lookout) (Fired, error)) error {
	t, _, err := s.store.Track(ctx, track)
	if err != nil {
		return fmt.Errorf("load track %s: %w", track, err)
	}
	w, err := s.Lookout(ctx, t.Policy)
	if err != nil {
		return err
	}
	return s.store.UpdateNotices(ctx, func(tx Tx) error { return fireIn(ctx, tx, track, w, f) })
}

func fireIn(ctx context.Context, tx Tx, track string, w Lookout, f func(Track, Lookout) (Fired, error), more ...journal.Event) error {
	t, told, err := tx.LockTrack(ctx, track)
	if err != nil {
		return fmt.Errorf("lock track %s: %w", track, err)
	}
	w.Told = told
	if t.State == Acked {
		if w.Decided, err = tx.Decided(ctx, t.Incident, t.AckedAt); err != nil {
			return fmt.Errorf("look for a decision on %s: %w", t.Incident, err)
		}
	}
	if w.Unsent, err = tx.Pending(ctx, track); err != nil {
		return fmt.Errorf("list unsent of %s: %w", track, err)
	}
	fired, err := f(t, w)
	if err != nil {
		return err
	}
	for _, ev := range more {
		if err := tx.Record(ctx, ev); err != nil {
			return err
		}
	}
	return tx.SaveFired(ctx, fired)
}

// changeByHand is change for what a person asks for: never of a case that has ended, for
// its track would wait for an answer that nobody owes any more.
func (s *Service) changeByHand(ctx context.Context, t Track, f func(Track, Lookout) (Fired, error), ev journal.Event) error {
	w, err := s.Lookout(ctx, t.Policy)
	if err != nil {
		return err
	}
	return s.store.UpdateNotices(ctx, func(tx Tx) error {
		open, err := tx.HoldCase(ctx, t.Incident)
		if err != nil {
			return fmt.Errorf("hold case %s: %w", t.Incident, err)
		}
		if !open {
			return fault.Clash("fault.case_ended", nil)
		}
		return fireIn(ctx, tx, t.ID, w, f, ev)
	})
}

// Ack is an answer to a track: 受け付けた.
type Ack struct {
	Track string
	Note  string // shown to the reporter; may be empty
	Path  string // "web", "link", "api"
	// Attempt is the notice whose link was followed; the contact that it went to works.
	Attempt string
}

// Acknowledge records that someone answers. The first answer ends the track's
// notices in the same commit; what is already with the provider is marked late.
// Answering again is no error and changes nothing (rule 7), unless the answerer was asked
// whether they are still on it: then whoever presses is (rule 8).
func (s *Service) Acknowledge(ctx context.Context, by access.Actor, a Ack) (Track, error) {
	if err := by.May(access.Answer); err != nil {
		return Track{}, err
	}
	a.Note = strings.TrimSpace(a.Note)
	var c fault.Check
	c.That(utf8.RuneCountInString(a.Note) <= 500, "note", "fault.too_long", fault.Args{"max": "500"})
	if err := c.Err(); err != nil {
		return Track{}, err
	}
	if err := s.mustProve(ctx, by); err != nil {
		return Track{}, err
	}
	t, _, err := s.store.Track(ctx, a.Track)
	if err != nil {
		return Track{}, err
	}
	w, err := s.Lookout(ctx, t.Policy)
	if err != nil {
		return Track{}, err
	}
	now := w.Now
	var out Track
	err = s.store.UpdateNotices(ctx, func(tx Tx) error {
		t, told, err := tx.LockTrack(ctx, a.Track)
		if err != nil {
			return err
		}
		out = t
		if !t.MayAnswer(by, told) {
			return fault.Deny(string(access.Answer))
		}
		kind := "notice.acknowledged"
		switch {
		case t.Asks():
			kind = "notice.continued"
			if a.Note == "" && t.AckedBy == by.Person {
				a.Note = t.AckNote
			}
		case t.State != Open:
			return nil
		default:
			t.AckedAt = now
		}
		t.State, t.AckedBy, t.AckFor, t.AckPath, t.AckNote = Acked, by.Person, "", a.Path, a.Note
		t.NextFire, t.Asked, t.HeldSince = w.askAt(t), time.Time{}, time.Time{}
		for _, x := range told {
			if x.Person == by.Person {
				t.AckFor = x.For
			}
		}
		cancelled, late, err := silence(ctx, tx, t.ID)
		if err != nil {
			return err
		}
		said := map[string]any{"track": t.ID, "receiver": t.Receiver, "path": a.Path, "note": a.Note, "for": t.AckFor,
			"cancelled": cancelled, "late": late}
		if by.Proof != "" {
			said["proof"] = by.Proof
		}
		ev, err := journal.NewEvent(now, kind, t.Incident, by.Person, said)
		if err != nil {
			return err
		}
		if by.Via == access.ByLink {
			if err := worked(ctx, tx, by.Person, a.Attempt, now); err != nil {
				return err
			}
		}
		out = t
		return tx.SaveFired(ctx, Fired{Track: t, Events: []journal.Event{ev}})
	})
	return out, err
}

// worked notes that the link of a notice came back: the contact that it went to works.
func worked(ctx context.Context, tx Tx, person, attempt string, now time.Time) error {
	if attempt == "" {
		return nil
	}
	a, err := tx.LockAttempt(ctx, attempt)
	if err != nil {
		return fmt.Errorf("load notice %s: %w", attempt, err)
	}
	if a.Person != person {
		return nil
	}
	if err := tx.ContactWorked(ctx, person, a.Channel, a.Address, now); err != nil {
		return fmt.Errorf("note contact that works: %w", err)
	}
	return nil
}

// silence cancels what has not gone out and marks as late what is on its way; it gives
// the ids of both for the record.
func silence(ctx context.Context, tx CaseTx, track string) (cancelled, late []string, err error) {
	pending, err := tx.Pending(ctx, track)
	if err != nil {
		return nil, nil, fmt.Errorf("list unsent of %s: %w", track, err)
	}
	for _, p := range pending {
		if p.State == Planned {
			p.State = Cancelled
			cancelled = append(cancelled, p.ID)
		} else {
			p.Late = true
			late = append(late, p.ID)
		}
		if err := tx.SaveAttempt(ctx, p); err != nil {
			return nil, nil, fmt.Errorf("save attempt %s: %w", p.ID, err)
		}
	}
	return cancelled, late, nil
}

// Escalate fires a level now; level 0 is the next one (rule 9). Anyone who may
// answer the track may, and the protection manager.
func (s *Service) Escalate(ctx context.Context, by access.Actor, track string, level int, reason string) error {
	t, err := s.mayClimb(ctx, by, track)
	if err != nil {
		return err
	}
	w, err := s.Lookout(ctx, t.Policy)
	if err != nil {
		return err
	}
	n := len(w.Policy.Chains[t.Urgency][t.Receiver])
	var c fault.Check
	c.That(level >= 0 && level <= n, "level", "fault.out_of_range", fault.Args{"min": "1", "max": fmt.Sprint(n)})
	if err := c.Err(); err != nil {
		return err
	}
	ev, err := journal.NewEvent(s.now(), "notice.escalated", t.Incident, by.Person,
		map[string]any{"track": t.ID, "receiver": t.Receiver, "level": level, "reason": clip(reason, 500)})
	if err != nil {
		return err
	}
	return s.changeByHand(ctx, t, func(t Track, w Lookout) (Fired, error) { return Climb(t, w, level) }, ev)
}

// PassOn tells a named person, with a window of their own (rule 9).
func (s *Service) PassOn(ctx context.Context, by access.Actor, track, person, reason string) error {
	t, err := s.mayClimb(ctx, by, track)
	if err != nil {
		return err
	}
	o, err := s.people.Org(ctx)
	if err != nil {
		return err
	}
	var c fault.Check
	c.That(person != "", "person", "fault.required", nil)
	if person != "" {
		c.That(o.StandIn(person, s.now(), append(t.LeftOut, t.Reporter)) != "", "person", "fault.not_reachable", fault.Args{"name": o.NameOf(person)})
	}
	if err := c.Err(); err != nil {
		return err
	}
	ev, err := journal.NewEvent(s.now(), "notice.passed_on", t.Incident, by.Person,
		map[string]any{"track": t.ID, "receiver": t.Receiver, "person": person, "reason": clip(reason, 500)})
	if err != nil {
		return err
	}
	return s.changeByHand(ctx, t, func(t Track, w Lookout) (Fired, error) { return PassOn(t, w, person) }, ev)
}

func (s *Service) mayClimb(ctx context.Context, by access.Actor, track string) (Track, error) {
	if err := by.May(access.Answer); err != nil {
		return Track{}, err
	}
	if by.Via == access.ByLink { // a link answers, and does nothing else
		return Track{}, fault.Deny(string(access.Answer))
	}
	t, told, err := s.store.Track(ctx, track)
	if err != nil {
		return Track{}, err
	}
	if !t.MayAnswer(by, told) && by.May(access.WorkCases) != nil {
		return Track{}, fault.Deny(string(access.Answer))
	}
	if t.State == Closed {
		return Track{}, fault.Clash("fault.track_closed", nil)
	}
	return t, nil
}

// End closes a track without an answer, with a reason, by the protection manager
// (rule 6). It is not a way to be left in peace: the record shows it.
func (s *Service) End(ctx context.Context, by access.Actor, track, reason string) error {
	if err := by.May(access.WorkCases); err != nil {
		return err
	}
	reason = clip(reason, 500)
	var c fault.Check
	c.That(reason != "", "reason", "fault.required", nil)
	if err := c.Err(); err != nil {
		return err
	}
	now := s.now()
	return s.store.UpdateNotices(ctx, func(tx Tx) error {
		t, _, err := tx.LockTrack(ctx, track)
		if err != nil {
			return err
		}
		if t.State != Open {
			return fault.Clash("fault.track_closed", nil)
		}
		t.State, t.EndedWhy, t.NextFire, t.HeldSince = Closed, reason, time.Time{}, time.Time{}
		cancelled, late, err := silence(ctx, tx, t.ID)
		if err != nil {
			return err
		}
		ev, err := journal.NewEvent(now, "notice.ended", t.Incident, by.Person, map[string]any{"track": t.ID, "receiver": t.Receiver,
			"reason": reason, "cancelled": cancelled, "late": late})
		if err != nil {
			return err
		}
		return tx.SaveFired(ctx, Fired{Track: t, Events: []journal.Event{ev}})
	})
}

// SetPolicy saves a new version. Open cases keep theirs unless adopt is set, which
// the record shows (rule 12).
func (s *Service) SetPolicy(ctx context.Context, by access.Actor, p Policy, adopt bool) (Policy, error) {
	if err := by.May(access.EditPolicy); err != nil {
		return Policy{}, err
	}
	p.Reason = clip(p.Reason, 500)
	var c fault.Check
	c.That(p.Reason != "", "reason", "fault.required", nil)
	if err := errors.Join(p.Check(), c.Err()); err != nil {
		if f := fault.As(p.Check()); f != nil {
			return Policy{}, f
		}
		return Policy{}, c.Err()
	}
	if err := s.knownRosters(ctx, p); err != nil {
		return Policy{}, err
	}
	old, err := s.store.LatestPolicy(ctx)
	if err != nil {
		return Policy{}, fmt.Errorf("load policy: %w", err)
	}
	p.Version, p.By, p.At = old.Version+1, by.Person, s.now()
	if p.Lapse == nil {
		p.Lapse = old.Lapse
	}
	return p, s.store.UpdateNotices(ctx, func(tx Tx) error {
		if err := tx.SavePolicy(ctx, p); err != nil {
			return fmt.Errorf("save policy: %w", err)
		}
		n := 0
		if adopt {
			if n, err = tx.Adopt(ctx, p.Version); err != nil {
				return fmt.Errorf("adopt policy: %w", err)
			}
		}
		ev, err := journal.NewEvent(p.At, "notice.policy_set", "", by.Person, map[string]any{"version": p.Version, "reason": p.Reason, "chains": p.Chains, "lapse": p.Lapse, "hours": p.Hours, "adopted_by": n})
		if err != nil {
			return err
		}
		return tx.Record(ctx, ev)
	})
}

// Policy gives the newest policy to who may read the directory.
func (s *Service) Policy(ctx context.Context, by access.Actor) (Policy, error) {
	if err := by.May(access.ReadDirectory); err != nil {
		return Policy{}, err
	}
	return s.store.LatestPolicy(ctx)
}

func clip(s string, n int) string {
	r := []rune(strings.TrimSpace(s))
	if len(r) > n {
		r = r[:n]
	}
	return string(r)
}
