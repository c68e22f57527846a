package notice

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
)

// Limits of a roster.
const (
	MaxRosters       = 100
	MaxRosterPeople  = 50
	MaxRosterChanges = 200
	MaxTurnDays      = 92
	maxRosterName    = 60
	maxChange        = 366 * 24 * time.Hour
)

// Roster is people who take turns, one at a time, with exceptions (rule 11).
type Roster struct {
	ID       string     `json:"-"`
	Name     string     `json:"-"`        // unique
	People   []string   `json:"people"`   // in the order of their turns
	Days     int        `json:"days"`     // of a turn, 1 to MaxTurnDays; 7 is a week
	Handover string     `json:"handover"` // HH:MM in the company's zone, on the first day of each turn
	Start    jpcal.Date `json:"start"`    // first day of the first turn; for weeks it says the weekday
	Changes  []Change   `json:"changes,omitempty"`
	By       string     `json:"-"`
	At       time.Time  `json:"-"`
}

// ChangeKind says what an exception does.
type ChangeKind string

// The kinds of exceptions.
const (
	AddPerson    ChangeKind = "add"     // beside whoever has the turn
	RemovePerson ChangeKind = "remove"  // nobody takes the place
	ReplaceWith  ChangeKind = "replace" // With takes the place of Person
)

// Change is one exception of a roster, from a time to a time. Those entered later act on
// what the earlier ones left.
type Change struct {
	ID     string     `json:"id"`
	Kind   ChangeKind `json:"kind"`
	Person string     `json:"person"`
	With   string     `json:"with,omitempty"` // ReplaceWith only
	From   time.Time  `json:"from"`
	Until  time.Time  `json:"until"` // not included
	By     string     `json:"by"`
}

// handover is the minute of the day at which turns begin.
func (r Roster) handover() int { m, _ := clock(r.Handover); return m }

// begins is when the turn that is n turns after the first one begins.
func (r Roster) begins(n int, zone *time.Location) time.Time {
	d := r.Start.Add(n * r.Days)
	m := r.handover()
	return time.Date(d.Year, d.Month, d.Day, m/60, m%60, 0, 0, zone).UTC()
}

// turn is the number of the turn that runs at a time, from 0; negative before the first.
func (r Roster) turn(at time.Time, zone *time.Location) int {
	days := jpcal.DateOf(at, zone).Sub(r.Start)
	n := days / r.Days
	if days < 0 {
		n = -1 - (-1-days)/r.Days
	}
	if at.Before(r.begins(n, zone)) { // the morning of a handover still belongs to the turn before
		n--
	}
	return n
}

// OnDuty lists who has the turn at a time, exceptions included; nobody before the first
// turn unless an exception says so.
func (r Roster) OnDuty(at time.Time, zone *time.Location) []string {
	var out []string
	if n := r.turn(at, zone); n >= 0 && len(r.People) > 0 {
		out = append(out, r.People[n%len(r.People)])
	}
	for _, c := range r.Changes {
		if at.Before(c.From) || !at.Before(c.Until) {
			continue
		}
		place := slices.Index(out, c.Person)
		switch c.Kind {
		case AddPerson:
			if place < 0 {
				out = append(out, c.Person)
			}
		case RemovePerson:
			out = slices.DeleteFunc(out, func(p string) bool { return p == c.Person })
		case ReplaceWith:
			switch {
			case place < 0:
			case slices.Contains(out, c.With):
				out = slices.Delete(out, place, place+1)
			default:
				out[place] = c.With
			}
		}
	}
	return out
}

// members are all who may ever have a turn as the roster stands at a time: those in the
// rotation and those of exceptions that are not over.
func (r Roster) members(now time.Time) []string {
	out := slices.Clone(r.People)
	add := func(p string) {
		if p != "" && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for _, c := range r.Changes {
		if !now.Before(c.Until) {
			continue
		}
		switch c.Kind {
		case AddPerson:
			add(c.Person)
		case ReplaceWith:
			add(c.With)
		}
	}
	return out
}

// Gap says why nobody would be told.
type Gap string

// The reasons of a gap.
const (
	NoGap     Gap = ""
	GapNobody Gap = "nobody"  // nobody has the turn
	GapAway   Gap = "away"    // whoever has it is absent or has left, and no deputy is there
	GapSilent Gap = "contact" // only people without a contact that is known to arrive
)

// Shift is a time in which the same people have the turn.
type Shift struct {
	From, Until time.Time // Until is not included
	People      []string  // who has the turn
	Tells       []string  // who would be told: they, or the deputies of who is absent
	Gap         Gap
}

// Shifts lists who has the turn from a time to a time, and where nobody would be told. What
// is known of absences, deputies and leavers counts when it begins; whether a contact
// arrives is judged as of now.
func (r Roster) Shifts(o *directory.Org, now, from, until time.Time, zone *time.Location) []Shift {
	var out []Shift
	cuts := r.cuts(o, from, until, zone)
	for i, at := range cuts[:len(cuts)-1] {
		s := Shift{From: at, Until: cuts[i+1], People: r.OnDuty(at, zone)}
		s.Tells, s.Gap = covered(o, s.People, now, at)
		if n := len(out) - 1; n >= 0 && out[n].Gap == s.Gap && slices.Equal(out[n].People, s.People) && slices.Equal(out[n].Tells, s.Tells) {
			out[n].Until = s.Until
			continue
		}
		out = append(out, s)
	}
	return out
}

// cuts are the times between from and until, both included, at which something may change.
func (r Roster) cuts(o *directory.Org, from, until time.Time, zone *time.Location) []time.Time {
	cuts := []time.Time{from, until}
	cut := func(at time.Time) {
		if at.After(from) && at.Before(until) {
			cuts = append(cuts, at)
		}
	}
	for n := max(r.turn(from, zone), -1) + 1; r.begins(n, zone).Before(until); n++ {
		cut(r.begins(n, zone))
	}
	for _, c := range r.Changes {
		cut(c.From)
		cut(c.Until)
	}
	for _, p := range o.People {
		cut(p.Left)
	}
	for _, a := range o.Absences {
		cut(a.From)
		cut(a.Until)
	}
	for _, d := range o.Deputies {
		cut(d.From)
		cut(d.Until)
	}
	slices.SortFunc(cuts, time.Time.Compare)
	return slices.CompactFunc(cuts, time.Time.Equal)
}

// covered gives who would be told in the place of people at a time, and what is missing.
func covered(o *directory.Org, people []string, now, at time.Time) (tells []string, gap Gap) {
	if len(people) == 0 {
		return nil, GapNobody
	}
	gap = GapAway
	there := o.Trusting()
	for _, p := range people {
		who := there.StandIn(p, at, nil)
		if who == "" || slices.Contains(tells, who) {
			continue
		}
		tells = append(tells, who)
		switch {
		case o.Reachable(who, now):
			gap = NoGap
		case gap == GapAway:
			gap = GapSilent
		}
	}
	return tells, gap
}

// Silent lists the members who work here and have no contact that is known to arrive.
func (r Roster) Silent(o *directory.Org, now time.Time) []string {
	return slices.DeleteFunc(r.members(now), func(p string) bool { return o.Reachable(p, now) || !o.People[p].Active(now) })
}

// Ended lists the members who are unknown or have left, and still have turns.
func (r Roster) Ended(o *directory.Org, now time.Time) []string {
	return slices.DeleteFunc(r.members(now), func(p string) bool { x, known := o.People[p]; return known && x.Active(now) })
}

// zone is the company's.
func (w Lookout) zone() *time.Location {
	if w.Calendar == nil {
		return time.UTC
	}
	return w.Calendar.Location()
}

// named puts in the place of each roster of a level the people who have the turn now. One
// that is gone means nobody.
func (w Lookout) named(who []Who) []Who {
	if !slices.ContainsFunc(who, func(x Who) bool { return x.Kind == rosterWho }) {
		return who
	}
	var out []Who
	for _, x := range who {
		if x.Kind != rosterWho {
			out = append(out, x)
			continue
		}
		for _, r := range w.Rosters {
			if r.ID == x.Roster {
				for _, p := range r.OnDuty(w.Now, w.zone()) {
					out = append(out, Who{Kind: "person", ID: p})
				}
			}
		}
	}
	return out
}

// rosterWho is the kind of a Who that names a roster.
const rosterWho = "roster"

// rosters lists the rosters that the policy names.
func (p Policy) rosters() []string {
	var out []string
	for _, chains := range p.Chains {
		for _, c := range chains {
			for _, l := range c {
				for _, w := range l.Who {
					if w.Kind == rosterWho && !slices.Contains(out, w.Roster) {
						out = append(out, w.Roster)
					}
				}
			}
		}
	}
	return out
}

// check adds what is wrong with a roster.
func (r Roster) check(c *fault.Check, o *directory.Org, now time.Time) {
	c.That(r.Name != "", "name", "fault.required", nil)
	c.That(utf8.RuneCountInString(r.Name) <= maxRosterName, "name", "fault.too_long", fault.Args{"max": fmt.Sprint(maxRosterName)})
	c.That(len(r.People) > 0, "people", "fault.required", nil)
	c.That(len(r.People) <= MaxRosterPeople, "people", "fault.too_many_items", fault.Args{"max": fmt.Sprint(MaxRosterPeople)})
	for i, p := range r.People {
		x, known := o.People[p]
		c.That(known && x.Active(now), "people", "fault.unknown_person", nil)
		c.That(!slices.Contains(r.People[:i], p), "people", "rosters.twice", fault.Args{"name": o.NameOf(p)})
	}
	c.That(r.Days >= 1 && r.Days <= MaxTurnDays, "days", "fault.out_of_range", fault.Args{"min": "1", "max": fmt.Sprint(MaxTurnDays)})
	m, ok := clock(r.Handover)
	c.That(ok && m < 24*60, "handover", "escalation.bad_clock", nil)
	c.That(r.Start.Valid(), "start", "escalation.bad_day", nil)
	c.That(!r.Start.Valid() || abs(r.Start.Year-now.Year()) <= 10, "start", "rosters.start_far", nil)
}

func abs(n int) int { return max(n, -n) }

// check adds what is wrong with an exception.
func (x Change) check(c *fault.Check, o *directory.Org, now time.Time) {
	known := func(p string) bool { q, ok := o.People[p]; return ok && q.Active(now) }
	c.That(slices.Contains([]ChangeKind{AddPerson, RemovePerson, ReplaceWith}, x.Kind), "kind", "fault.unknown_choice", nil)
	_, ever := o.People[x.Person]
	c.That(known(x.Person) || ever && x.Kind != AddPerson, "person", "fault.unknown_person", nil) // who left can be replaced
	if x.Kind == ReplaceWith {
		c.That(known(x.With), "with", "fault.unknown_person", nil)
		c.That(x.With != x.Person, "with", "rosters.same_person", nil)
	}
	c.That(!x.From.IsZero(), "from", "fault.required", nil)
	c.That(!x.Until.IsZero(), "until", "fault.required", nil)
	if !x.From.IsZero() && !x.Until.IsZero() {
		c.That(x.From.Before(x.Until), "until", "rosters.turned", nil)
		c.That(x.Until.After(now), "until", "rosters.over", nil)
		c.That(x.Until.Sub(x.From) <= maxChange, "until", "rosters.too_long", nil)
	}
}
