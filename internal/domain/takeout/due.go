package takeout

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/id"
)

// Grace is how long after the expected arrival somebody is late.
const Grace = 15 * time.Minute

// The other times of a way.
const (
	climbEvery = 30 * time.Minute // the next above is told; also how much a delay adds
	topEvery   = 4 * time.Hour    // once all above were told
	workHour   = 9                // when letters of a working day go out
	fireBatch  = 100              // timers that FireDue runs before it gives others a turn
)

// Topics of letters.
const (
	topicLate         = "takeout.late"    // to the carrier: where are you?
	topicMorning      = "takeout.morning" // called off by the next leg
	topicOverdue      = "takeout.overdue"
	topicOverdueAbove = "takeout.overdue_above"
)

// letter is what a pass wants told.
type letter struct {
	topic string
	to    recipient
	once  string // makes the key, with the pass and the topic
	path  string // "" for the page of the pass
}

// recipient is who is told, and in whose place.
type recipient struct{ person, instead string }

// present turns people into those who are there: each in person, or who stands in. Nobody
// is told in the carrier's own hands.
func (s *Service) present(o *directory.Org, people []string, p *Pass, now time.Time) []recipient {
	var out []recipient
	for _, person := range people {
		r := recipient{person: person}
		if in := o.StandIn(person, now, []string{p.Person}); in != "" && in != person {
			r = recipient{person: in, instead: person}
		}
		out = append(out, r)
	}
	return out
}

// write plans a letter. The same key is planned once. It names no thing that is carried.
func (s *Service) write(ctx context.Context, tx Tx, p *Pass, now time.Time, x letter) error {
	args := map[string]string{"label": p.Label, "name": p.Person, "until": stamp(p.Until)}
	if l := p.Leg(); l != nil {
		args["expected"] = stamp(l.Expected)
	}
	path := x.path
	if path == "" {
		path = "/take-outs/" + p.Label
	} else {
		delete(args, "until") // a link with a secret has an end of its own, and this is none
	}
	err := tx.PlanLetter(ctx, notice.Letter{ID: id.New("ltr", now), Key: x.topic + "/" + p.ID + "/" + x.to.person + "/" + x.once, Topic: x.topic, About: p.ID,
		Person: x.to.person, For: x.to.instead, Args: args, Path: path, Planned: now, NextTry: now, State: notice.Planned})
	if err != nil {
		return fmt.Errorf("plan letter %s: %w", x.topic, err)
	}
	return nil
}

// FireDue runs the timers that have run out: late arrivals, ends, and what follows. It
// gives how many it ran. One that cannot be run does not hold up the others.
func (s *Service) FireDue(ctx context.Context) (n int, err error) {
	due, err := s.p.Store.DuePasses(ctx, s.now(), fireBatch)
	if err != nil {
		return 0, fmt.Errorf("list due passes: %w", err)
	}
	var errs []error
	for _, pass := range due {
		if err := s.p.Store.UpdateTakeOuts(ctx, func(tx Tx) error { return s.fire(ctx, tx, pass) }); err != nil {
			errs = append(errs, fmt.Errorf("fire pass %s: %w", pass, err))
			continue
		}
		n++
	}
	return n, errors.Join(errs...)
}

// NextDue is when the next timer runs out; ok is false when none is set.
func (s *Service) NextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	return s.p.Store.NextPassFire(ctx)
}

// fire runs the timer of one pass, once: another server may have been here first. However
// long all servers were away, one thing happens and the next waits its time.
func (s *Service) fire(ctx context.Context, tx Tx, pass string) error {
	p, err := tx.LockPass(ctx, pass)
	if err != nil {
		return err
	}
	now := s.now()
	if p.NextFire.IsZero() || now.Before(p.NextFire) {
		return nil
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return err
	}
	passed := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	switch {
	case p.State == Ready && passed(p.DueAt):
		p.State, p.Over = Lapsed, now
		if err := s.write(ctx, tx, p, now, letter{topic: "takeout.lapsed", to: recipient{person: p.Person}}); err != nil {
			return err
		}
		return s.save(ctx, tx, p, now, "takeout.lapsed", "system", deed{})
	case p.State == Home && passed(p.LateAt):
		p.LateAt = time.Time{}
		if err := s.write(ctx, tx, p, now, letter{topic: topicMorning, to: recipient{person: p.Person}, once: strconv.Itoa(len(p.Legs))}); err != nil {
			return err
		}
		return s.save(ctx, tx, p, now, "takeout.asked", "system", deed{Leg: len(p.Legs)})
	case p.State == Moving && passed(p.LateAt):
		return s.late(ctx, tx, o, p, now)
	case p.State.Out() && passed(p.DueAt):
		return s.overdue(ctx, tx, o, p, now)
	}
	p.rest()
	return tx.SavePass(ctx, p)
}

// late asks the carrier, then tells the superior, then one more above each time and the
// protection managers. It does not end before the carrier has said where they are.
func (s *Service) late(ctx context.Context, tx Tx, o *directory.Org, p *Pass, now time.Time) error {
	p.LateLevel++
	p.LateAt = now.Add(climbEvery)
	l := p.Leg()
	once := fmt.Sprintf("%d/%d/%d", len(p.Legs), l.Delays, p.LateLevel)
	above := o.Above(p.Person)
	var tell []recipient
	level := p.LateLevel
	if who := o.People[p.Person]; level == 1 && !who.Active(now) {
		level, p.LateLevel = 2, 2 // nobody to ask
	}
	switch {
	case level == 1:
		if err := s.write(ctx, tx, p, now, letter{topic: topicLate, to: recipient{person: p.Person}, once: once, path: "/take-outs/" + p.Label + "/late/" + notice.SecretPlace}); err != nil {
			return err
		}
		return s.save(ctx, tx, p, now, "takeout.late", "system", deed{Leg: len(p.Legs), Level: level, Told: 1})
	case level == 2 && len(above) > 0:
		tell = s.present(o, above[:1], p, now)
	default:
		n := min(level-1, len(above)) // how many above are told by now: the last is new
		if n > 0 {
			tell = s.present(o, above[n-1:n], p, now)
		}
		tell = append(tell, s.present(o, managers(o, p, now), p, now)...)
		if level-1 >= len(above) {
			p.LateAt = now.Add(topEvery)
		}
	}
	for _, to := range tell {
		if err := s.write(ctx, tx, p, now, letter{topic: "takeout.late_above", to: to, once: once}); err != nil {
			return err
		}
	}
	return s.save(ctx, tx, p, now, "takeout.late", "system", deed{Leg: len(p.Legs), Level: level, Told: len(tell)})
}

// overdue writes to the carrier on every working day from the end on, tells the superior
// after one working day, and the protection managers after three.
func (s *Service) overdue(ctx context.Context, tx Tx, o *directory.Org, p *Pass, now time.Time) error {
	cal := s.p.Calendar
	p.DueAt = cal.NextWorkday(now, workHour)
	today := cal.DateOf(now).String()
	told := 0
	tell := func(topic string, people []recipient) error {
		for _, to := range people {
			told++
			if err := s.write(ctx, tx, p, now, letter{topic: topic, to: to, once: today}); err != nil {
				return err
			}
		}
		return nil
	}
	after := func(days int) bool {
		return !now.Before(cal.AddWorkdays(cal.DateOf(p.Until), days).In(cal.Location(), workHour))
	}
	here := o.People[p.Person].Active(now)
	if here {
		if err := tell(topicOverdue, []recipient{{person: p.Person}}); err != nil {
			return err
		}
	}
	if p.DueLevel < 1 && (after(1) || !here) {
		p.DueLevel = 1
		if boss := o.Supervisor(p.Person); boss != "" {
			if err := tell(topicOverdueAbove, s.present(o, []string{boss}, p, now)); err != nil {
				return err
			}
		}
	}
	if p.DueLevel < 2 && (after(3) || !here) {
		p.DueLevel = 2
		if err := tell(topicOverdueAbove, s.present(o, managers(o, p, now), p, now)); err != nil {
			return err
		}
	}
	return s.save(ctx, tx, p, now, "takeout.overdue", "system", deed{Level: p.DueLevel, Told: told})
}
