package asset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/id"
)

// workHour is when letters of a working day go out.
const workHour = 9

// fireBatch is how many timers FireDue runs before it gives others a turn.
const fireBatch = 100

// Letters about all that a borrower has too long: they hang on the person.
const (
	topicOverdue        = "loan.overdue"
	topicOverdueAbove   = "loan.overdue_above"
	topicOverdueManager = "loan.overdue_manager"
)

// letter is what a loan wants told.
type letter struct {
	topic string
	to    string
	instd string // whom the person stands in for
	about string // "" takes the loan
	once  string // makes the key; "" takes the loan and its end
	args  map[string]string
}

// words are the places that every letter about one loan may fill; whoever writes the letter
// turns a time and a person's id into what people read.
func (s *Service) words(l *Loan, a *Asset) map[string]string {
	return map[string]string{"label": l.Label, "number": a.Number, "until": stamp(l.Until), "name": l.Person}
}

// write plans a letter. The same key is planned once.
func (s *Service) write(ctx context.Context, tx Tx, l *Loan, x letter) error {
	if x.to == "" {
		return nil
	}
	now := s.now()
	key, about, path := x.topic+"/"+x.to+"/"+x.once, x.about, "/loans"
	if about == "" {
		about, path = l.ID, "/loans/"+l.Label
		key = x.topic + "/" + l.ID + "/" + x.to + "/" + stamp(l.Until) + "/" + x.once
	}
	err := tx.PlanLetter(ctx, notice.Letter{ID: id.New("ltr", now), Key: key, Topic: x.topic, About: about, Person: x.to, For: x.instd,
		Args: x.args, Path: path, Planned: now, NextTry: now, State: notice.Planned})
	if err != nil {
		return fmt.Errorf("plan letter %s: %w", x.topic, err)
	}
	return nil
}

// nextReminder is when a loan's timer fires next: one working day before the end, an hour
// before it, and at the end.
func (s *Service) nextReminder(l *Loan, now time.Time) time.Time {
	day := s.p.Calendar.AddWorkdays(s.p.Calendar.DateOf(l.Until), -1).In(s.p.Calendar.Location(), workHour).UTC()
	for _, t := range []time.Time{day, l.Until.Add(-time.Hour)} {
		if t.After(now) {
			return t
		}
	}
	return l.Until
}

// FireDue runs the timers that have run out: reminders, ends, and what follows when a
// thing is not back; and files the draft cases that were asked for. It gives how many it
// ran.
func (s *Service) FireDue(ctx context.Context) (int, error) {
	due, err := s.p.Store.DueLoans(ctx, s.now(), fireBatch)
	if err != nil {
		return 0, fmt.Errorf("list due loans: %w", err)
	}
	n := 0
	var errs []error
	for _, loan := range due {
		// One that cannot be fired must not hold up the others.
		if err := s.p.Store.UpdateAssets(ctx, func(tx Tx) error { return s.fire(ctx, tx, loan) }); err != nil {
			errs = append(errs, fmt.Errorf("fire loan %s: %w", loan, err))
			continue
		}
		n++
	}
	m, err := s.fileDrafts(ctx)
	return n + m, errors.Join(append(errs, err)...)
}

// NextDue is when FireDue next has something to do; false when nothing is planned.
func (s *Service) NextDue(ctx context.Context) (time.Time, bool, error) {
	at, ok, err := s.p.Store.NextLoanFire(ctx)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("find the next timer: %w", err)
	}
	open, err := s.p.Store.OpenDrafts(ctx)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("list drafts: %w", err)
	}
	// A draft that could not be filed is tried again after a while.
	if retry := s.now().Add(time.Minute); len(open) > 0 && (!ok || retry.Before(at)) {
		at, ok = retry, true
	}
	return at, ok, nil
}

// fire runs one loan's timer. Another server may have been here first.
func (s *Service) fire(ctx context.Context, tx Tx, loan string) error {
	now := s.now()
	l, err := tx.LockLoan(ctx, loan)
	if err != nil {
		return err
	}
	if l.NextFire.IsZero() || now.Before(l.NextFire) {
		return nil
	}
	a, err := tx.LockAsset(ctx, l.Asset)
	if err != nil {
		return err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return err
	}
	ended := false
	switch {
	case !l.State.Holds():
		l.NextFire = time.Time{}
	case now.Before(l.Until) && l.State == Out:
		l.Reminded++
		l.NextFire = s.nextReminder(l, now)
		err = s.write(ctx, tx, l, letter{topic: "loan.reminder", to: l.Person, once: strconv.Itoa(l.Reminded), args: s.words(l, a)})
	case now.Before(l.Until):
		l.NextFire = l.Until
	default:
		ended = l.State == Out
		err = s.late(ctx, tx, o, l, a)
	}
	if err != nil {
		return err
	}
	if err := tx.SaveLoan(ctx, l); err != nil {
		return fmt.Errorf("save loan: %w", err)
	}
	if ended { // only now: the PC must know
		return s.reissue(ctx, tx, l.Device)
	}
	return nil
}

// late is what happens at the end and on every working day after it: the loan is ended,
// the borrower is told, and those above when it takes long.
func (s *Service) late(ctx context.Context, tx Tx, o *directory.Org, l *Loan, a *Asset) error {
	now := s.now()
	if l.State != Ended {
		l.State, l.EndedAt = Ended, now
		if err := record(ctx, tx, now, "loan.ended", a.ID, "system", deedOf(l)); err != nil {
			return err
		}
	}
	if err := tx.SaveLoan(ctx, l); err != nil { // HeldBy reads it
		return fmt.Errorf("save loan: %w", err)
	}
	l.NextFire = s.p.Calendar.NextWorkday(now, workHour)
	today := s.p.Calendar.DateOf(now)
	held, err := tx.HeldBy(ctx, l.Person)
	if err != nil {
		return fmt.Errorf("load loans of %s: %w", l.Person, err)
	}
	var labels []string
	for _, h := range held {
		if h.Overdue(now) {
			labels = append(labels, h.Label)
		}
	}
	args := map[string]string{"n": strconv.Itoa(len(labels)), "labels": strings.Join(labels[:min(len(labels), 20)], ", "), "name": l.Person}
	if p := o.People[l.Person]; p.Active(now) {
		if err := s.write(ctx, tx, l, letter{topic: topicOverdue, to: l.Person, about: l.Person, once: today.String(), args: args}); err != nil {
			return err
		}
	} else if l.Climbed == 0 {
		l.Climbed = -1 // nobody to wait for
	}
	return s.tellAbove(ctx, tx, o, l, today.String(), args)
}

// tellAbove tells the superior after one working day, and the protection managers after
// three; at once when the borrower has left.
func (s *Service) tellAbove(ctx context.Context, tx Tx, o *directory.Org, l *Loan, today string, args map[string]string) error {
	now := s.now()
	after := func(days int) bool {
		d := s.p.Calendar.AddWorkdays(s.p.Calendar.DateOf(l.Until), days)
		return !now.Before(d.In(s.p.Calendar.Location(), workHour))
	}
	tell := func(level int, topic string, people []string) error {
		l.Climbed = level
		for _, p := range people {
			to := o.StandIn(p, now, []string{l.Person})
			if to == "" {
				to = p
			}
			instead := ""
			if to != p {
				instead = p
			}
			if err := s.write(ctx, tx, l, letter{topic: topic, to: to, instd: instead, about: l.Person, once: l.Person + "/" + today, args: args}); err != nil {
				return err
			}
		}
		d := deedOf(l)
		d.Level = level
		return record(ctx, tx, now, "loan.overdue_told", l.Asset, "system", d)
	}
	if l.Climbed < 1 && (after(1) || l.Climbed < 0) {
		if boss := o.Supervisor(l.Person); boss != "" {
			if err := tell(1, topicOverdueAbove, []string{boss}); err != nil {
				return err
			}
		}
	}
	if l.Climbed < 2 && (after(3) || l.Climbed < 0) {
		managers := slices.DeleteFunc(o.Holders(access.ProtectionManager, now), func(p string) bool { return p == l.Person })
		return tell(2, topicOverdueManager, managers)
	}
	return nil
}

// fileDrafts files the draft cases that were asked for.
func (s *Service) fileDrafts(ctx context.Context) (n int, err error) {
	open, err := s.p.Store.OpenDrafts(ctx)
	if err != nil {
		return 0, fmt.Errorf("list drafts: %w", err)
	}
	var errs []error
	for _, d := range open {
		if err := s.fileDraft(ctx, d); err != nil {
			errs = append(errs, fmt.Errorf("file the draft case about %s: %w", d.Device, err))
			continue
		}
		n++
	}
	return n, errors.Join(errs...)
}

func (s *Service) fileDraft(ctx context.Context, d Draft) error {
	var err error
	if d.Attempts, err = s.p.Store.RefusedOn(ctx, d.Device, d.At.Add(-draftWindow), d.At, 50); err != nil {
		return err
	}
	person, name, ok, err := s.p.Devices.Owner(ctx, d.Device)
	if err != nil {
		return err
	}
	d.Key = "media-" + d.Device + "-" + strconv.FormatInt(d.At.Unix(), 10)
	if d.Person, d.Name = person, name; ok && len(d.Attempts) > 0 {
		if err := s.p.Draft(ctx, d); err != nil {
			return err
		}
	}
	return s.p.Store.UpdateAssets(ctx, func(tx Tx) error { return tx.DraftDone(ctx, d.Device, d.At) })
}
