package directory

import (
	"cmp"
	"slices"
	"time"

	"sekimori/internal/domain/access"
)

// Org is the whole directory at one version: a value that is read, never changed.
// A company of ten thousand fits in a few megabytes, and every question about who
// is whose supervisor becomes a pure function.
type Org struct {
	Version     int64
	People      map[string]Person
	Departments map[string]Department
	Duties      []Assignment
	Deputies    []Deputy
	Absences    []Absence
	Contacts    map[string][]Contact // by person, oldest first; beside their own mail address
	Off         []Channel            // those that this server does not have: nothing goes out by them
	Lenient     bool                 // contacts count as known to arrive whenever they were verified; see Trusting
}

// MaxDeputyChain is how many deputies of deputies are followed.
const MaxDeputyChain = 3

// Reachable reports whether the person works here and has a contact that is known
// to arrive. An address never verified counts from its entry (Verified is set then).
func (o *Org) Reachable(person string, at time.Time) bool {
	p, ok := o.People[person]
	if !ok || !p.Active(at) {
		return false
	}
	if p.Email != "" && (o.Lenient || at.Sub(p.Verified) <= VerifiedFor) {
		return true
	}
	return slices.ContainsFunc(o.Contacts[person], func(c Contact) bool { return o.Has(c.Channel) && (c.Arrives(at) || o.Lenient && c.Takes()) })
}

// Has reports whether the server has a channel.
func (o *Org) Has(c Channel) bool { return !slices.Contains(o.Off, c) }

// works reports whether the person is known and works here: a duty ends with that,
// even when nobody has taken it back yet.
func (o *Org) works(person string, at time.Time) bool {
	p, ok := o.People[person]
	return ok && p.Active(at)
}

// Trusting is the same directory with every contact taken as verified of late: the last
// resort when a whole chain has nobody whose contact was verified of late. It shares all
// that it holds with o, because every level that fires asks for it.
func (o *Org) Trusting() *Org {
	trusting := *o
	trusting.Lenient = true
	return &trusting
}

// Away reports whether the person is absent at the time, and until when.
func (o *Org) Away(person string, at time.Time) (until time.Time, away bool) {
	for _, a := range o.Absences {
		if a.Person == person && during(at, a.From, a.Until) {
			if !away || a.Until.After(until) {
				until, away = a.Until, true
			}
		}
	}
	return until, away
}

// DeputiesOf lists who stands in for the person at the time, first to ask first.
func (o *Org) DeputiesOf(person string, at time.Time) []string {
	var ds []Deputy
	for _, d := range o.Deputies {
		if d.Person == person && during(at, d.From, d.Until) {
			ds = append(ds, d)
		}
	}
	slices.SortStableFunc(ds, func(a, b Deputy) int { return cmp.Compare(a.Order, b.Order) })
	out := make([]string, len(ds))
	for i, d := range ds {
		out[i] = d.Deputy
	}
	return out
}

// Holders lists who holds the duty at the time, in a stable order.
func (o *Org) Holders(duty access.Duty, at time.Time) []string {
	var out []string
	for _, a := range o.Duties {
		p, ok := o.People[a.Person]
		if a.Duty == duty && during(at, a.From, a.Until) && ok && p.Active(at) && !slices.Contains(out, a.Person) {
			out = append(out, a.Person)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(o.People[a].Number, o.People[b].Number) })
	return out
}

// DutiesOf lists the duties that a person may exercise at the time: their own, and
// those of absent people whose deputy they are. An auditor never takes over a duty
// that changes things.
func (o *Org) DutiesOf(person string, at time.Time) []access.Duty {
	var out []access.Duty
	add := func(d access.Duty) {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	if !o.works(person, at) {
		return nil
	}
	for _, a := range o.Duties {
		if a.Person == person && during(at, a.From, a.Until) {
			add(a.Duty)
		}
	}
	if slices.Contains(out, access.Auditor) {
		return out
	}
	for _, a := range o.Duties {
		if a.Duty == access.Auditor || !during(at, a.From, a.Until) || !o.works(a.Person, at) {
			continue
		}
		if _, away := o.Away(a.Person, at); away && o.StandIn(a.Person, at, nil) == person {
			add(a.Duty)
		}
	}
	return out
}

// StandIn is the person themself when reachable and present, else the first
// reachable deputy, following deputies of deputies MaxDeputyChain deep. Loops end
// the search. Empty when nobody is found. Those in except are passed over.
func (o *Org) StandIn(person string, at time.Time, except []string) string {
	return o.standIn(person, at, except, []string{}, 0)
}

func (o *Org) standIn(person string, at time.Time, except, seen []string, depth int) string {
	if person == "" || slices.Contains(seen, person) {
		return ""
	}
	if _, away := o.Away(person, at); !away && o.Reachable(person, at) && !slices.Contains(except, person) {
		return person
	}
	if depth == MaxDeputyChain {
		return ""
	}
	seen = append(slices.Clone(seen), person)
	for _, d := range o.DeputiesOf(person, at) {
		if found := o.standIn(d, at, except, seen, depth+1); found != "" {
			return found
		}
	}
	return ""
}

// Supervisor is the person's direct superior: the one named on the person, else the
// head of the department, else of the nearest department above whose head is
// somebody else. Empty at the top.
func (o *Org) Supervisor(person string) string {
	p, ok := o.People[person]
	if !ok {
		return ""
	}
	if p.Supervisor != "" && p.Supervisor != person {
		return p.Supervisor
	}
	seen := map[string]bool{}
	for dep := p.Department; dep != "" && !seen[dep]; dep = o.Departments[dep].Parent {
		seen[dep] = true
		if h := o.Departments[dep].Head; h != "" && h != person {
			return h
		}
	}
	return ""
}

// Above lists the superiors of a person from the direct one to the top, without loops.
func (o *Org) Above(person string) []string {
	var out []string
	for at := o.Supervisor(person); at != "" && at != person && !slices.Contains(out, at); at = o.Supervisor(at) {
		out = append(out, at)
	}
	return out
}

// HeadOf is who leads the department, else the nearest department above that has a head.
// Empty when none has.
func (o *Org) HeadOf(department string) string {
	seen := map[string]bool{}
	for d := department; d != "" && !seen[d]; d = o.Departments[d].Parent {
		seen[d] = true
		if h := o.Departments[d].Head; h != "" {
			return h
		}
	}
	return ""
}

// Heads reports whether head leads the department or one above it.
func (o *Org) Heads(head, department string) bool {
	seen := map[string]bool{}
	for d := department; d != "" && !seen[d]; d = o.Departments[d].Parent {
		seen[d] = true
		if o.Departments[d].Head == head {
			return true
		}
	}
	return false
}

// Leads reports whether the person is the head of a department or somebody's named
// superior.
func (o *Org) Leads(person string) bool {
	for _, d := range o.Departments {
		if d.Head == person {
			return true
		}
	}
	for _, p := range o.People {
		if p.Supervisor == person {
			return true
		}
	}
	return false
}

// Path is the department's name with those above it, outermost first.
func (o *Org) Path(department string) []string {
	var out []string
	seen := map[string]bool{}
	for d := department; d != "" && !seen[d]; d = o.Departments[d].Parent {
		seen[d] = true
		out = append(out, o.Departments[d].Name)
	}
	slices.Reverse(out)
	return out
}

// Sorted lists the people by reading, then number.
func (o *Org) Sorted() []Person {
	out := make([]Person, 0, len(o.People))
	for _, p := range o.People {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Person) int {
		return cmp.Or(cmp.Compare(a.FamilyKana, b.FamilyKana), cmp.Compare(a.GivenKana, b.GivenKana), cmp.Compare(a.Number, b.Number))
	})
	return out
}

// NameOf is the person's name; the id itself when unknown, "" for none.
func (o *Org) NameOf(person string) string {
	if p, ok := o.People[person]; ok {
		return p.Name()
	}
	return person
}
