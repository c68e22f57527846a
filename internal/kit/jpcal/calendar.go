package jpcal

import (
	"slices"
	"time"
)

// Options are a company's own additions to the public calendar. The zero value closes on
// Saturdays, Sundays, public holidays and 29 December to 3 January.
type Options struct {
	Extra []Holiday // the company's own days off, such as its founding day
	Open  []Date    // days worked although they would be off; these win over all else
	// Official replaces the computed public holidays of every year that it names a day
	// of. Read it with ParseOfficial; it must hold all the holidays of such a year.
	Official    []Holiday
	YearEndOpen bool // the company works from 29 December to 3 January
}

// Calendar answers which days are worked. It never changes after New, so any number of
// goroutines may share it.
type Calendar struct {
	loc         *time.Location
	off         map[Date]string
	open        map[Date]bool
	yearEndOpen bool
}

// New makes the calendar of a company whose days begin and end in loc; nil means UTC.
func New(loc *time.Location, opts Options) *Calendar {
	if loc == nil {
		loc = time.UTC
	}
	c := &Calendar{loc: loc, off: map[Date]string{}, open: map[Date]bool{}, yearEndOpen: opts.YearEndOpen}
	published := map[int]bool{}
	for _, h := range opts.Official {
		published[h.Date.Year] = true
	}
	for year := FirstYear; year <= LastYear; year++ {
		if !published[year] {
			c.add(Holidays(year))
		}
	}
	c.add(opts.Official)
	c.add(opts.Extra)
	for _, d := range opts.Open {
		c.open[d] = true
	}
	return c
}

// add keeps the first name of a day: a public holiday before the company's own.
func (c *Calendar) add(hs []Holiday) {
	for _, h := range hs {
		if _, ok := c.off[h.Date]; !ok {
			c.off[h.Date] = h.Name
		}
	}
}

// Location is where the calendar's days begin and end.
func (c *Calendar) Location() *time.Location { return c.loc }

// DateOf is the day that it is at t where the calendar holds.
func (c *Calendar) DateOf(t time.Time) Date { return DateOf(t, c.loc) }

// IsHoliday reports whether d is a public holiday or one of the company's own days off,
// and its name. Weekends and the year's end are not holidays; see IsWorkday.
func (c *Calendar) IsHoliday(d Date) (name string, ok bool) {
	name, ok = c.off[d]
	return name, ok
}

// IsWorkday reports whether the company works on d.
func (c *Calendar) IsWorkday(d Date) bool {
	if c.open[d] {
		return true
	}
	if w := d.Weekday(); w == time.Saturday || w == time.Sunday {
		return false
	}
	if !c.yearEndOpen && yearEnd(d) {
		return false
	}
	_, off := c.off[d]
	return !off
}

func yearEnd(d Date) bool {
	return d.Month == time.December && d.Day >= 29 || d.Month == time.January && d.Day <= 3
}

// Roll is d itself if it is worked, else the next day that is: what a deadline does
// when its last day is off.
func (c *Calendar) Roll(d Date) Date {
	for !c.IsWorkday(d) {
		d = d.Add(1)
	}
	return d
}

// NextWorkday is the first moment after t at which a working day strikes hour. Before
// that hour on a working day it is the same day.
func (c *Calendar) NextWorkday(t time.Time, hour int) time.Time {
	d := c.Roll(c.DateOf(t))
	at := d.In(c.loc, hour)
	if !at.After(t) {
		at = c.Roll(d.Add(1)).In(c.loc, hour)
	}
	return at.UTC()
}

// AddWorkdays is the n-th working day after d, or before it when n is negative. Zero
// gives d as it is, worked or not. The day d itself is never counted.
func (c *Calendar) AddWorkdays(d Date, n int) Date {
	step := 1
	if n < 0 {
		step = -1
	}
	for n != 0 {
		d = d.Add(step)
		if c.IsWorkday(d) {
			n -= step
		}
	}
	return d
}

// Between lists the holidays from first to last, both included, in order.
func (c *Calendar) Between(first, last Date) []Holiday {
	var out []Holiday
	for d, name := range c.off {
		if !d.Before(first) && !d.After(last) {
			out = append(out, Holiday{d, name})
		}
	}
	slices.SortFunc(out, func(a, b Holiday) int { return a.Date.Compare(b.Date) })
	return out
}
