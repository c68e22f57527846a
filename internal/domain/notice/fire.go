package notice

import (
	"fmt"
	"slices"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/jpcal"
)

// Lookout is what a firing needs to know of the world, as values.
type Lookout struct {
	Org    *directory.Org
	Policy Policy // the version frozen on the track
	Now    time.Time
	Unsent []Attempt // what of the track has not reached the provider yet
	// Told is who was told on the track before this firing; what goes to them is a repeat.
	Told []Told
	// Decided: the case of an answered track has seen a decision since (rule 8).
	Decided bool
	// Calendar is the company's working days; nil never rests (rule 10).
	Calendar *jpcal.Calendar
	Rosters  []Roster // those that the policy may name (rule 11)
}

// Fired is what one firing wants written, all in one commit.
type Fired struct {
	Track    Track
	Told     []Told
	Attempts []Attempt
	Events   []journal.Event
}

// slack is how long an all-empty chain rests before it looks for people again.
const slack = 5 * time.Minute

// Start opens a track and fires its first level (rule 3), or holds it until work begins
// again (rule 10).
func Start(t Track, w Lookout) (Fired, error) {
	t.ID = id.New("trk", w.Now)
	t.State, t.Pass, t.Level, t.Attempt, t.Started = Open, 1, 0, 0, w.Now
	t.Policy = w.Policy.Version
	f := Fired{Track: t}
	if until, rests := w.rests(t); rests {
		return f, f.hold(w, w.Now, until)
	}
	err := f.climb(w)
	return f, err
}

// Fire runs a due timer of a track: a repeat within the window, or the next level when
// the window ended unanswered (rules 2, 5, 6); of an answered track what rule 8 says.
// While work rests it is held (rule 10). Firing early or twice does nothing, so a clock
// set back never un-fires (rule 14).
func Fire(t Track, w Lookout) (Fired, error) {
	f := Fired{Track: t}
	if t.State == Closed || t.NextFire.IsZero() || w.Now.Before(t.NextFire) {
		return f, nil
	}
	if until, rests := w.rests(t); rests && !w.Decided {
		return f, f.hold(w, t.NextFire, until)
	}
	f.resume()
	switch {
	case t.State == Acked:
		return f, f.followUp(w)
	case w.Now.Before(f.Track.LevelEnd):
		return f, f.tell(w)
	}
	return f, f.climb(w)
}

// Climb fires a level now, by hand, also when the track was answered (rule 9).
// level 0 means the next one.
func Climb(t Track, w Lookout, level int) (Fired, error) {
	f := Fired{Track: t}
	f.reopen()
	w.Told = nil // somebody asks for it: no repeat
	if level > 0 {
		f.Track.Level = level - 1
	}
	return f, f.climb(w)
}

// PassOn tells one named person as a level of its own (rule 9).
func PassOn(t Track, w Lookout, person string) (Fired, error) {
	f := Fired{Track: t}
	f.reopen()
	w.Told = nil
	f.Track.PassedTo, f.Track.Attempt = person, 0
	f.Track.LevelEnd = w.Now.Add(f.window(w))
	return f, f.tell(w)
}

// owes reports whether a message of the track still waits for the contact. While the
// mail server is down a person is owed one message, not fifty. A first word does not wait
// for one whose time is yet to come.
func (w Lookout) owes(person, channel, address string) bool {
	first := !has(w.Told, person)
	return slices.ContainsFunc(w.Unsent, func(a Attempt) bool {
		later := a.State == Planned && a.Tries == 0 && a.NextTry.After(w.Now)
		return a.Channel == channel && a.Address == address && a.Purpose != Ask && !(first && later)
	})
}

func (f *Fired) reopen() {
	f.Track.HeldSince, f.Track.Asked = time.Time{}, time.Time{}
	f.Track.State, f.Track.AckedAt, f.Track.AckedBy, f.Track.AckFor, f.Track.AckPath, f.Track.AckNote = Open, time.Time{}, "", "", "", ""
}

func (f *Fired) chain(w Lookout) Chain { return w.Policy.Chains[f.Track.Urgency][f.Track.Receiver] }

func (f *Fired) level(w Lookout) Level {
	c := f.chain(w)
	return c[min(max(f.Track.Level, 1), len(c))-1]
}

// window is the level's time; later passes never wait longer than max(W, 60 min).
func (f *Fired) window(w Lookout) time.Duration {
	d := time.Duration(f.level(w).Window) * time.Minute
	if f.Track.Urgency == Light && w.Calendar != nil {
		// To the end of the first working hour of the next working day.
		d = w.Policy.Hours.firstHourOver(w.Calendar, w.Now).Sub(w.Now)
	}
	return d
}

// climb goes to the next level that has somebody who can be reached; an empty level is
// recorded and passed at once (rule 4). After the last the chain starts again (rule 6).
func (f *Fired) climb(w Lookout) error {
	n := len(f.chain(w))
	if n == 0 {
		return fmt.Errorf("policy %d has no chain for %s %s", w.Policy.Version, f.Track.Urgency, f.Track.Receiver)
	}
	f.Track.PassedTo = ""
	f.Track.Empty = true
	for range n {
		if f.Track.Level++; f.Track.Level > n {
			f.Track.Level = 1
			f.Track.Pass++
		}
		f.Track.Attempt = 0
		people, reachable := everyone(w, f.Track, f.level(w).Who)
		if !reachable {
			if err := f.note(w, "notice.level_empty", nil); err != nil {
				return err
			}
		}
		if len(people) > 0 {
			f.Track.Empty = false
			f.Track.LevelEnd = w.Now.Add(f.window(w))
			if err := f.plan(w, people); err != nil || reachable {
				return err
			}
		}
	}
	if f.Track.Empty {
		f.Track.LevelEnd = w.Now.Add(slack)
		f.Track.NextFire = f.Track.LevelEnd
	}
	return nil
}

// everyone gives the people of a level, and whether one of them can be reached. Those
// whose contact nobody verified of late are told beside the others: a mail that may
// not arrive is better than none, but nobody waits for it.
func everyone(w Lookout, t Track, who []Who) (people []recipient, reachable bool) {
	who = w.named(who)
	people = resolve(w.Org, t, who, w.Now)
	reachable = len(people) > 0
	for _, r := range resolve(w.Org.Trusting(), t, who, w.Now) {
		if !slices.ContainsFunc(people, func(x recipient) bool { return x.Person == r.Person }) {
			people = append(people, r)
		}
	}
	return people, reachable
}

// tell tells the people of the present level again.
func (f *Fired) tell(w Lookout) error {
	who := f.level(w).Who
	if f.Track.PassedTo != "" {
		who = []Who{{Kind: "person", ID: f.Track.PassedTo}}
	}
	people, reachable := everyone(w, f.Track, who)
	if !reachable { // they left or fell ill within the window
		return f.climb(w)
	}
	return f.plan(w, people)
}

// plan plans one notice to every contact of the people.
func (f *Fired) plan(w Lookout, people []recipient) error {
	t := &f.Track
	t.Attempt++
	t.Fires++
	var names []string
	before := len(f.Attempts)
	for _, r := range people {
		names = append(names, r.Person)
		f.Told = append(f.Told, Told{Track: t.ID, Person: r.Person, For: r.For, Level: t.Level, Pass: t.Pass, At: w.Now})
		f.address(w, r, t.Attempt)
	}
	f.space(w, f.Attempts[before:])
	t.NextFire = w.Now.Add(time.Duration(f.level(w).Repeat) * time.Minute)
	if t.NextFire.After(t.LevelEnd) || t.Urgency == Light {
		t.NextFire = t.LevelEnd
	}
	return f.note(w, "notice.level_fired", names)
}

// address plans one notice to every contact of one person, each in its channel's time; the
// question of rule 8, whose number is 0, goes to all at once.
func (f *Fired) address(w Lookout, r recipient, number int) {
	t := &f.Track
	for _, to := range f.level(w).routes(w.Org, r.Person) {
		channel, address := string(to.contact.Channel), to.contact.Destination()
		if w.owes(r.Person, channel, address) {
			continue
		}
		due := w.Now
		if at := f.begun(w).Add(to.after); number > 0 && at.After(due) {
			due = w.atWork(*t, at)
		}
		f.Attempts = append(f.Attempts, Attempt{
			ID:    id.New("ntc", w.Now),
			Key:   fmt.Sprintf("%s/%d/%d/%d/%d/%s/%s", t.ID, t.Fires, t.Pass, t.Level, number, channel, address),
			Track: t.ID, Incident: t.Incident, Person: r.Person, For: r.For, Channel: channel, Address: address,
			Pass: t.Pass, Level: t.Level, Number: number, Planned: due, NextTry: due, State: Planned,
		})
	}
}

// levelNote is the journal content of a firing, in the order in which the journal keeps it.
type levelNote struct {
	Attempt  int      `json:"attempt"`
	Level    int      `json:"level"`
	Pass     int      `json:"pass"`
	People   []string `json:"people,omitempty"`
	Planned  []string `json:"planned,omitempty"` // notices; none for who is still owed one
	Receiver Receiver `json:"receiver"`
	Track    string   `json:"track"`
}

func (f *Fired) note(w Lookout, kind string, people []string) error {
	t := f.Track
	var planned []string
	for _, a := range f.Attempts {
		planned = append(planned, a.ID)
	}
	ev, err := journal.NewEvent(w.Now, kind, t.Incident, "system", levelNote{Attempt: t.Attempt, Level: t.Level, Pass: t.Pass,
		People: people, Planned: planned, Receiver: t.Receiver, Track: t.ID})
	if err != nil {
		return err
	}
	f.Events = append(f.Events, ev)
	return nil
}
