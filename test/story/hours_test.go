package story

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sekimori/internal/kit/jpcal"
)

// workday: workday HH:MM moves the clock forward to that time in Japan, on a working day
// with working days before and after it.
func (s *stage) workday(ts *testscript.TestScript, args []string) error {
	want, err := time.Parse("15:04", args[0])
	if err != nil {
		return fmt.Errorf("workday: %w", err)
	}
	japan := time.FixedZone("JST", 9*60*60)
	cal := jpcal.New(japan, jpcal.Options{})
	now := time.Now().Add(offset(filepath.Join(s.dir, "clock")))
	for d := cal.DateOf(now); ; d = d.Add(1) {
		at := d.In(japan, want.Hour()).Add(time.Duration(want.Minute()) * time.Minute)
		if at.After(now) && cal.IsWorkday(d.Add(-1)) && cal.IsWorkday(d) && cal.IsWorkday(d.Add(1)) {
			return s.clock(ts, []string{at.Sub(now).String()})
		}
	}
}
