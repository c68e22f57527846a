package notice

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
)

// DayOff is one of the company's own days off, beside weekends and public holidays.
type DayOff struct {
	Day  jpcal.Date
	Name string // such as 創立記念日, up to 60 characters
	By   string
	At   time.Time
}

// maxAhead is how far ahead a day off may lie, in years.
const maxAhead = 3

// DaysOff lists the company's own days off, by day.
func (s *Service) DaysOff(ctx context.Context, by access.Actor) ([]DayOff, error) {
	if err := by.May(access.ReadDirectory); err != nil {
		return nil, err
	}
	return s.store.DaysOff(ctx)
}

// SetDayOff adds one of the company's own days off, or names it anew. What is held already
// stays held until the time that was said.
func (s *Service) SetDayOff(ctx context.Context, by access.Actor, d DayOff) error {
	d.Name = clip(d.Name, 60)
	return s.changeDay(ctx, by, d, func(c *fault.Check) { c.That(d.Name != "", "name", "fault.required", nil) })
}

// DropDayOff makes a day one of work again, unless it is off for another reason.
func (s *Service) DropDayOff(ctx context.Context, by access.Actor, day jpcal.Date) error {
	return s.changeDay(ctx, by, DayOff{Day: day}, nil)
}

func (s *Service) changeDay(ctx context.Context, by access.Actor, d DayOff, more func(*fault.Check)) error {
	if err := by.May(access.EditPolicy); err != nil {
		return err
	}
	d.By, d.At = by.Person, s.now()
	var c fault.Check
	c.That(d.Day.Valid(), "day", "escalation.bad_day", nil)
	c.That(d.Day.Year <= d.At.Year()+maxAhead, "day", "escalation.day_far", fault.Args{"n": fmt.Sprint(maxAhead)})
	if more != nil {
		more(&c)
	}
	if err := c.Err(); err != nil {
		return err
	}
	kind := "notice.day_off_set"
	if d.Name == "" {
		kind = "notice.day_off_dropped"
	}
	ev, err := journal.NewEvent(d.At, kind, "", by.Person, map[string]any{"day": d.Day.String(), "name": d.Name})
	if err != nil {
		return err
	}
	err = s.store.UpdateNotices(ctx, func(tx Tx) error {
		if err := tx.SaveDayOff(ctx, d); err != nil {
			return fmt.Errorf("save day off: %w", err)
		}
		return tx.Record(ctx, ev)
	})
	if err != nil {
		return err
	}
	return s.ReloadDaysOff(ctx)
}

// ReloadDaysOff reads the company's days off into the calendar that everything shares, as
// another server may have changed them.
func (s *Service) ReloadDaysOff(ctx context.Context) error {
	if s.calendar == nil {
		return nil
	}
	days, err := s.store.DaysOff(ctx)
	if err != nil {
		return fmt.Errorf("load days off: %w", err)
	}
	extra := make([]jpcal.Holiday, len(days))
	for i, d := range days {
		extra[i] = jpcal.Holiday{Date: d.Day, Name: d.Name}
	}
	s.calendar.SetExtra(extra)
	return nil
}
