package notice

import (
	"fmt"
	"time"

	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
)

// Lapse is how long an answer stands that no decision on the case follows (rule 8).
type Lapse struct {
	Ask    int `json:"ask"`    // minutes until the answerer is asked; 0: never
	Answer int `json:"answer"` // minutes that they then have
}

// check refuses times out of bounds. An urgent answer is never left alone: nobody may mute
// an urgent track by answering it.
func (p Policy) checkLapse(c *fault.Check) {
	if p.Lapse == nil { // a version from before the rule
		return
	}
	for _, u := range Urgencies() {
		l, at := p.Lapse[u], "lapse."+string(u)
		least := 0
		if u == Urgent {
			least = 1
		}
		bounds := func(least int) fault.Args { return fault.Args{"min": fmt.Sprint(least), "max": "1440"} }
		c.That(l.Ask >= least && l.Ask <= 1440, at+".ask", "fault.out_of_range", bounds(least))
		c.That(l.Ask == 0 || l.Answer >= 1 && l.Answer <= 1440, at+".answer", "fault.out_of_range", bounds(1))
	}
}

// askAt is when an answer given now is asked after; zero for never.
func (w Lookout) askAt(t Track) time.Time {
	l := w.Policy.Lapse[t.Urgency]
	if l.Ask == 0 {
		return time.Time{}
	}
	return w.Now.Add(time.Duration(l.Ask) * time.Minute)
}

// followUp runs the timer of an answered track: nothing more once the case has seen a
// decision, else the question whether they are still on it, and after silence the answer
// is undone (rule 8).
func (f *Fired) followUp(w Lookout) error {
	t := &f.Track
	if w.Decided {
		t.NextFire, t.Asked = time.Time{}, time.Time{}
		return f.record(w, "notice.followed", "system", nil)
	}
	p, known := w.Org.People[t.AckedBy]
	if t.Asked.IsZero() && known && p.Active(w.Now) {
		return f.ask(w)
	}
	return f.lapse(w)
}

// ask asks the answerer whether they are still on it.
func (f *Fired) ask(w Lookout) error {
	t := &f.Track
	answer := time.Duration(w.Policy.Lapse[t.Urgency].Answer) * time.Minute
	t.Asked, t.NextFire = w.Now, w.Now.Add(answer)
	if t.Urgency != Urgent && !t.Hurried { // the evening takes nothing from the time to answer
		if opens := w.Policy.Hours.Opens(w.Calendar, t.NextFire); opens.After(t.NextFire) {
			t.NextFire = opens.Add(answer)
		}
	}
	t.Fires++
	f.address(w, recipient{t.AckedBy, t.AckFor}, 0)
	var planned []string
	for i := range f.Attempts {
		f.Attempts[i].Purpose = Ask
		planned = append(planned, f.Attempts[i].ID)
	}
	return f.record(w, "notice.asked", "system", map[string]any{"person": t.AckedBy, "planned": planned, "until": t.NextFire.UTC().Format(time.RFC3339)})
}

// lapse undoes an answer and starts the track again at its first level.
func (f *Fired) lapse(w Lookout) error {
	if err := f.record(w, "notice.lapsed", "system", map[string]any{"person": f.Track.AckedBy, "answered": f.Track.AckedAt.UTC().Format(time.RFC3339)}); err != nil {
		return err
	}
	f.reopen()
	f.Track.Level, f.Track.Pass = 0, f.Track.Pass+1
	w.Told = nil // whoever was told before believes it to be in hand
	return f.climb(w)
}

// Asks reports whether the answerer has been asked and has not said anything yet;
// NextFire is when the answer lapses.
func (t Track) Asks() bool { return t.State == Acked && !t.Asked.IsZero() }

// wants reports whether a planned notice still has a purpose.
func (t Track) wants(a Attempt) bool {
	if a.Purpose == Ask {
		return t.Asks() && t.AckedBy == a.Person
	}
	return t.State == Open
}

// record adds an event about the track.
func (f *Fired) record(w Lookout, kind, actor string, more map[string]any) error {
	data := map[string]any{"track": f.Track.ID, "receiver": f.Track.Receiver}
	for k, v := range more {
		data[k] = v
	}
	ev, err := journal.NewEvent(w.Now, kind, f.Track.Incident, actor, data)
	if err != nil {
		return err
	}
	f.Events = append(f.Events, ev)
	return nil
}
