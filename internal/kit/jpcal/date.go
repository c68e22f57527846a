// Package jpcal is the Japanese calendar: public holidays, working days, fiscal years
// and era dates.
//
// Holidays come from the law's own rules, held as dated data with their sources
// (rules.go), and can be replaced year by year with the government's published list
// (official.go). Nothing here reads a clock or a file.
package jpcal

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Date is a day of the Gregorian calendar without a time zone. It is comparable; its
// zero value is no day.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the day that it is at t in loc; nil means UTC.
func DateOf(t time.Time, loc *time.Location) Date {
	if loc == nil {
		loc = time.UTC
	}
	y, m, d := t.In(loc).Date()
	return Date{y, m, d}
}

var errDate = errors.New("want a date such as 2026-11-22")

// ParseDate reads 2026-11-22, 2026/11/22 or 2026/1/5. The day must exist.
func ParseDate(s string) (Date, error) {
	for _, layout := range []string{"2006-1-2", "2006/1/2"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 0 {
			return DateOf(t, time.UTC), nil
		}
	}
	return Date{}, errDate
}

// IsZero reports whether d is no day at all.
func (d Date) IsZero() bool { return d == Date{} }

// Valid reports whether the day exists: 2026-02-29 does not.
func (d Date) Valid() bool { return d.Year > 0 && d == DateOf(d.utc(), time.UTC) }

// String writes 2026-11-22.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// In is the moment at which the day has reached hour o'clock in loc; nil means UTC.
func (d Date) In(loc *time.Location, hour int) time.Time {
	if loc == nil {
		loc = time.UTC
	}
	return time.Date(d.Year, d.Month, d.Day, hour, 0, 0, 0, loc)
}

func (d Date) utc() time.Time { return d.In(time.UTC, 0) }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

// Add is the day n days later, or earlier when n is negative.
func (d Date) Add(n int) Date { return DateOf(d.utc().AddDate(0, 0, n), time.UTC) }

// Sub is the number of days from e to d.
func (d Date) Sub(e Date) int { return int((d.utc().Unix() - e.utc().Unix()) / (24 * 60 * 60)) }

// Compare is negative when d is before e, zero when they are the same day.
func (d Date) Compare(e Date) int {
	return cmp.Or(cmp.Compare(d.Year, e.Year), cmp.Compare(d.Month, e.Month), cmp.Compare(d.Day, e.Day))
}

// Before reports whether d is before e.
func (d Date) Before(e Date) bool { return d.Compare(e) < 0 }

// After reports whether d is after e.
func (d Date) After(e Date) bool { return d.Compare(e) > 0 }

// MarshalText writes 2026-11-22, and nothing for the zero Date.
func (d Date) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return []byte{}, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads what ParseDate reads; empty text is the zero Date.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	got, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = got
	return nil
}
