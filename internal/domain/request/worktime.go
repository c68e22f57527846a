package request

import (
	"time"

	"sekimori/internal/kit/jpcal"
)

// afterWork is the time that lies d of working days after t: a day that nobody works
// passes without counting, and 24 hours are one working day.
func afterWork(cal *jpcal.Calendar, t time.Time, d time.Duration) time.Time {
	day := cal.DateOf(t)
	if !cal.IsWorkday(day) {
		day = cal.Roll(day)
		t = day.In(cal.Location(), 0)
	}
	for {
		midnight := day.Add(1).In(cal.Location(), 0)
		if left := midnight.Sub(t); d >= left {
			d -= left
			day = cal.Roll(day.Add(1))
			t = day.In(cal.Location(), 0)
			continue
		}
		return t.Add(d).UTC().Truncate(time.Microsecond)
	}
}
