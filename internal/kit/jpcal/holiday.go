package jpcal

import (
	"slices"
	"time"
)

// Holiday is a day off and why.
type Holiday struct {
	Date Date
	Name string // Japanese, as the law or the company names it
}

// Names of the two kinds of holiday that the law derives from the others.
const (
	Substitute     = "振替休日"  // article 3, paragraph 2
	CitizenHoliday = "国民の休日" // article 3, paragraph 3
)

// Holidays computes the public holidays of a year in order. A year outside FirstYear to
// LastYear has none here, because its rules are not known to this package.
func Holidays(year int) []Holiday {
	if year < FirstYear || year > LastYear {
		return nil
	}
	national := nationalHolidays(year)
	out := slices.Clone(national)
	is := func(d Date) bool {
		return slices.ContainsFunc(national, func(h Holiday) bool { return h.Date == d })
	}
	for _, h := range national {
		// A Sunday's holiday moves to the next day that is not a holiday itself:
		// from 3 May it moves past the 4th and 5th to the 6th.
		if h.Date.Weekday() == time.Sunday {
			d := h.Date.Add(1)
			for is(d) {
				d = d.Add(1)
			}
			out = append(out, Holiday{d, Substitute})
		}
		// A single day caught between two holidays is one as well. Both neighbours
		// must be named by article 2; a substitute holiday does not count.
		if d := h.Date.Add(1); !is(d) && is(d.Add(1)) && !taken(out, d) {
			out = append(out, Holiday{d, CitizenHoliday})
		}
	}
	slices.SortFunc(out, func(a, b Holiday) int { return a.Date.Compare(b.Date) })
	return out
}

// nationalHolidays are the days named by article 2 in a year, special laws included.
func nationalHolidays(year int) []Holiday {
	special := moved()[year]
	var out []Holiday
	for _, r := range rules() {
		d, ok := r.date(year)
		if !ok {
			continue
		}
		if to, ok := special[r.name]; ok {
			d = to
		}
		out = append(out, Holiday{d, r.name})
	}
	for _, h := range once() {
		if h.Date.Year == year {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b Holiday) int { return a.Date.Compare(b.Date) })
	return out
}

func taken(hs []Holiday, d Date) bool {
	return slices.ContainsFunc(hs, func(h Holiday) bool { return h.Date == d })
}
