package notice

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
)

// Hours are the working hours of the company's working days, in its own time zone. What
// is not urgent waits for them (rule 10). The zero value never rests.
type Hours struct {
	From string `json:"from,omitempty"` // HH:MM
	To   string `json:"to,omitempty"`   // HH:MM, after From; 24:00 is the day's end
}

// minutes gives both ends in minutes of the day; ok is false when there are none to use.
func (h Hours) minutes() (from, to int, ok bool) {
	from, ok = clock(h.From)
	to, ok2 := clock(h.To)
	return from, to, ok && ok2 && from < to
}

// clock reads HH:MM as minutes of the day, 0 to 1440.
func clock(s string) (minutes int, ok bool) {
	hour, minute, two := strings.Cut(s, ":")
	h, err := strconv.ParseUint(hour, 10, 8)
	m, err2 := strconv.ParseUint(minute, 10, 8)
	minutes = int(h)*60 + int(m)
	return minutes, two && err == nil && err2 == nil && len(minute) == 2 && len(hour) <= 2 && m < 60 && minutes <= 24*60
}

func (h Hours) check(c *fault.Check) {
	if h == (Hours{}) {
		return
	}
	_, from := clock(h.From)
	_, to := clock(h.To)
	c.That(from, "hours.from", "escalation.bad_clock", nil)
	c.That(to, "hours.to", "escalation.bad_clock", nil)
	_, _, ok := h.minutes()
	c.That(ok || !from || !to, "hours.to", "escalation.hours_turned", nil)
}

// Opens is t itself while work goes on, else the first minute at which it goes on again.
func (h Hours) Opens(cal *jpcal.Calendar, t time.Time) time.Time {
	from, to, ok := h.minutes()
	if !ok || cal == nil {
		return t
	}
	day := cal.Roll(cal.DateOf(t))
	if !t.Before(onDay(cal, day, to)) {
		day = cal.Roll(day.Add(1))
	}
	if opens := onDay(cal, day, from); opens.After(t) {
		return opens
	}
	return t
}

// officeOpens and officeCloses are the working hours that a light track counts by where the
// company has set none, in minutes of the day.
const officeOpens, officeCloses = 9 * 60, 18 * 60

// firstHourOver is when the first working hour of the next working day is over. Before work
// begins on a working day that is the same day (rule 2).
func (h Hours) firstHourOver(cal *jpcal.Calendar, t time.Time) time.Time {
	from, to, ok := h.minutes()
	if !ok {
		from, to = officeOpens, officeCloses
	}
	day := cal.Roll(cal.DateOf(t))
	if !onDay(cal, day, from).After(t) {
		day = cal.Roll(day.Add(1))
	}
	return onDay(cal, day, min(from+60, to))
}

// onDay is a time of a day, in minutes from its beginning.
func onDay(cal *jpcal.Calendar, d jpcal.Date, minutes int) time.Time {
	return d.In(cal.Location(), minutes/60).Add(time.Duration(minutes%60) * time.Minute).UTC()
}

// rests gives when work begins again, if the track must wait for that now (rule 10).
func (w Lookout) rests(t Track) (until time.Time, rests bool) {
	if t.Urgency == Urgent || t.Hurried {
		return time.Time{}, false
	}
	until = w.Policy.Hours.Opens(w.Calendar, w.Now)
	return until, until.After(w.Now)
}

// atWork is when a notice that is planned for a later time may go out: what is planned in
// working hours is not sent in the evening, what is planned at night was asked for by hand.
func (w Lookout) atWork(t Track, later time.Time) time.Time {
	if _, rests := w.rests(t); rests || t.Urgency == Urgent || t.Hurried {
		return later
	}
	return w.Policy.Hours.Opens(w.Calendar, later)
}

// Held reports whether the track waits for working hours; NextFire says until when, and
// HeldSince when it would have gone on.
func (t Track) Held() bool { return !t.HeldSince.IsZero() }

// hold puts off what was due until work begins again.
func (f *Fired) hold(w Lookout, due, until time.Time) error {
	if !f.Track.Held() {
		f.Track.HeldSince = due
	}
	f.Track.NextFire = until
	return f.record(w, "notice.held", "system", map[string]any{"due": f.Track.HeldSince.UTC().Format(time.RFC3339), "until": until.UTC().Format(time.RFC3339)})
}

// resume takes up what was held. The window did not run meanwhile.
func (f *Fired) resume() {
	t := &f.Track
	if t.Held() && t.LevelEnd.After(t.HeldSince) {
		t.LevelEnd = t.LevelEnd.Add(t.NextFire.Sub(t.HeldSince))
	}
	t.HeldSince = time.Time{}
}

// Hurry fires a held track now; it rests no more.
func Hurry(t Track, w Lookout) (Fired, error) {
	if t.State != Open || !t.Held() {
		return Fired{Track: t}, nil
	}
	t.Hurried, t.NextFire = true, w.Now
	return Fire(t, w)
}

// TellNow tells those whom a case's held tracks name at once, because whoever reported
// says that it cannot wait (rule 10). The tracks rest no more after that. Whoever may see
// the case is the caller's to say; it gives how many tracks it woke.
func (s *Service) TellNow(ctx context.Context, by access.Actor, incident, reason string) (woken int, err error) {
	if err := by.May(access.Report); err != nil {
		return 0, err
	}
	tracks, _, _, err := s.store.TracksOf(ctx, incident)
	if err != nil {
		return 0, fmt.Errorf("load tracks of %s: %w", incident, err)
	}
	for _, t := range tracks {
		if t.State != Open || !t.Held() {
			continue
		}
		ev, err := journal.NewEvent(s.now(), "notice.hurried", t.Incident, by.Person,
			map[string]any{"track": t.ID, "receiver": t.Receiver, "reason": clip(reason, 500)})
		if err != nil {
			return woken, err
		}
		if err := s.changeByHand(ctx, t, Hurry, ev); err != nil {
			return woken, err
		}
		woken++
	}
	return woken, nil
}
