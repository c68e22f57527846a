package jpcal

import (
	"slices"
	"sync/atomic"
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

// Calendar answers which days are worked. Any number of goroutines may share it, also
// while SetExtra replaces the company's own days off; nothing else of it ever changes.
type Calendar struct {
	loc         *time.Location
	public      map[Date]string
	extra       atomic.Pointer[map[Date]string]
	open        map[Date]bool
	yearEndOpen bool
}

// New makes the calendar of a company whose days begin and end in loc; nil means UTC.
func New(loc *time.Location, opts Options) *Calendar {
	if loc == nil {
		loc = time.UTC
	}
	c := &Calendar{loc: loc, public: map[Date]string{}, open: map[Date]bool{}, yearEndOpen: opts.YearEndOpen}
	published := map[int]bool{}
	for _, h := range opts.Official {
		published[h.Date.Year] = true
	}
	for year := FirstYear; year <= LastYear; year++ {
		if !published[year] {
			add(c.public, Holidays(year))
		}
	}
	add(c.public, opts.Official)
	c.SetExtra(opts.Extra)
	for _, d := range opts.Open {
		c.open[d] = true
	}
	return c
}

// SetExtra replaces the company's own days off.
func (c *Calendar) SetExtra(hs []Holiday) {
	extra := map[Date]string{}
	add(extra, hs)
	c.extra.Store(&extra)
}

// add keeps the first name of a day.
func add(to map[Date]string, hs []Holiday) {
	for _, h := range hs {
		if _, ok := to[h.Date]; !ok {
			to[h.Date] = h.Name
		}
	}
}

// Location is where the calendar's days begin and end.
func (c *Calendar) Location() *time.Location { return c.loc }

// DateOf is the day that it is at t where the calendar holds.
func (c *Calendar) DateOf(t time.Time) Date { return DateOf(t, c.loc) }

// IsHoliday reports whether d is a public holiday or one of the company's own days off,
// and its name, the public one first. Weekends and the year's end are not holidays; see
// IsWorkday.
func (c *Calendar) IsHoliday(d Date) (name string, ok bool) {
	if name, ok = c.public[d]; !ok {
		name, ok = (*c.extra.Load())[d]
	}
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
	_, off := c.IsHoliday(d)
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
	for _, days := range []map[Date]string{c.public, *c.extra.Load()} {
		for d := range days {
			if name, _ := c.IsHoliday(d); !d.Before(first) && !d.After(last) && !slices.Contains(out, Holiday{d, name}) {
				out = append(out, Holiday{d, name})
			}
		}
	}
	slices.SortFunc(out, func(a, b Holiday) int { return a.Date.Compare(b.Date) })
	return out
}
