package request

import (
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
)

// Why a step was filled or skipped, as message ids (Step.Why).
const (
	WhySkipped    = "request.why.skipped"     // nobody holds the post; another step decides
	WhyByManager  = "request.why.by_manager"  // … so the protection manager decides
	WhyByApprover = "request.why.by_approver" // … so the approver decides
	WhyByTop      = "request.why.by_top"      // … so the head of the company decides
	WhyNobody     = "request.why.nobody"      // nobody at all may decide: it waits
)

// lookout is the organisation as one applicant's request sees it at one time. Every
// question to it is a pure function.
type lookout struct {
	org       *directory.Org
	applicant string
	now       time.Time
}

// able reports whether the person may decide this request at all: works here, did not
// ask for it, and is no auditor, who reads everything and changes nothing.
func (l lookout) able(person string) bool {
	p, ok := l.org.People[person]
	return ok && p.Active(l.now) && person != l.applicant && !slices.Contains(l.org.Holders(access.Auditor, l.now), person)
}

func (l lookout) away(person string) bool {
	_, away := l.org.Away(person, l.now)
	return away
}

// holders are the people in whose hands a role lies. A superior who may not decide
// is passed over for the next above, as a department without a head is.
func (l lookout) holders(role Role) []string {
	switch role {
	case Supervisor:
		return l.first(l.org.Above(l.applicant))
	case Head:
		return l.first(l.heads())
	case Approver:
		return l.duty(access.Approver)
	case Manager:
		return l.duty(access.ProtectionManager)
	case ITAdmin:
		return l.duty(access.ITAdmin)
	}
	return nil
}

// heads are those of the applicant's department and of all above it, nearest first.
func (l lookout) heads() []string {
	var out []string
	seen := map[string]bool{}
	for d := l.org.People[l.applicant].Department; d != "" && !seen[d]; d = l.org.Departments[d].Parent {
		seen[d] = true
		if h := l.org.Departments[d].Head; h != "" {
			out = append(out, h)
		}
	}
	return out
}

func (l lookout) first(people []string) []string {
	if n := slices.IndexFunc(people, l.able); n >= 0 {
		return people[n : n+1 : n+1]
	}
	return nil
}

func (l lookout) duty(d access.Duty) []string {
	return slices.DeleteFunc(l.org.Holders(d, l.now), func(p string) bool { return !l.able(p) })
}

// fill names who decides in place of a vacant post that nobody else's step makes up for:
// the protection manager, else the approver, else the head of the company.
func (l lookout) fill() (people []string, why string) {
	if people = l.duty(access.ProtectionManager); len(people) > 0 {
		return people, WhyByManager
	}
	if people = l.duty(access.Approver); len(people) > 0 {
		return people, WhyByApprover
	}
	heads := l.heads()
	slices.Reverse(heads)
	if people = l.first(heads); len(people) > 0 {
		return people, WhyByTop
	}
	return nil, WhyNobody
}

// seats are the people in whose hands a step lies now.
func (l lookout) seats(s *Step) []string {
	out := l.holders(s.Role)
	if len(out) > 0 && !s.filled() {
		return out
	}
	others, _ := l.fill()
	for _, p := range others {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// filled reports whether others decide in place of the step's own people.
func (s *Step) filled() bool { return s.Why != "" && s.Why != WhySkipped }

// present turns seats into those who are asked: each in person, or, while away, a
// stand-in of their own. Who has none is asked all the same and may come back.
func (l lookout) present(seats []string) []Asked {
	out := make([]Asked, 0, len(seats))
	taken := slices.Clone(seats) // nobody has two voices
	for _, seat := range seats {
		a := Asked{Person: seat, At: l.now}
		if l.away(seat) {
			if d := l.standIn(seat, taken, nil); d != "" {
				a.Person, a.For = d, seat
				taken = append(taken, d)
			}
		}
		out = append(out, a)
	}
	return out
}

// standIn is the first deputy of an absent person who is present and may decide. Deputies
// of an absent deputy follow, but never those whom the applicant has named.
func (l lookout) standIn(person string, taken, seen []string) string {
	if len(seen) >= directory.MaxDeputyChain || slices.Contains(seen, person) {
		return ""
	}
	seen = append(slices.Clone(seen), person)
	for _, d := range l.org.DeputiesOf(person, l.now) {
		if !l.able(d) {
			continue
		}
		if !l.away(d) && !slices.Contains(taken, d) {
			return d
		}
		if l.away(d) {
			if found := l.standIn(d, taken, seen); found != "" {
				return found
			}
		}
	}
	return ""
}

// maxClimb is how many times a step climbs: to the deputies, to the superiors, to the
// protection manager.
const maxClimb = 3

// above are those whom a climb asks beside the seats.
func (l lookout) above(seats []string, climb int) []Asked {
	var out []Asked
	add := func(person, instead string) {
		if l.able(person) && !slices.ContainsFunc(out, func(a Asked) bool { return a.Person == person }) {
			out = append(out, Asked{Person: person, For: instead, Climb: climb, At: l.now})
		}
	}
	switch climb {
	case 1:
		for _, s := range seats {
			for _, d := range l.org.DeputiesOf(s, l.now) {
				if !l.away(d) && !slices.Contains(seats, d) {
					add(d, s)
				}
			}
		}
	case 2:
		for _, s := range seats {
			for _, p := range l.first(slices.DeleteFunc(l.org.Above(s), l.away)) {
				add(p, "")
			}
		}
	case 3:
		for _, a := range l.present(l.duty(access.ProtectionManager)) {
			add(a.Person, a.For)
		}
	}
	return out
}

// entitled are all who may decide the step now, were they asked: an authority that has
// ended since is none.
func (l lookout) entitled(s *Step, climbed int) []Asked {
	seats := l.seats(s)
	out := l.present(seats)
	for _, a := range s.Asked { // above somebody who has left there are still superiors
		if seat := a.seat(); a.Climb == 0 && !slices.Contains(seats, seat) {
			seats = append(seats, seat)
		}
	}
	for c := 1; c <= climbed; c++ {
		out = append(out, l.above(seats, c)...)
	}
	return out
}

// seat is the person in whose hands the decision lay: a deputy decides for another.
func (a Asked) seat() string {
	if a.For != "" {
		return a.For
	}
	return a.Person
}

func (s Stamp) seat() string {
	if s.For != "" {
		return s.For
	}
	return s.Person
}

// authority says how the person may decide the open step, if they may: they were asked,
// in person or through a deputy, hold the authority still, and it was not used yet.
func (l lookout) authority(s *Step, climbed int, person string) (Asked, bool) {
	if !l.able(person) || !s.askedOf(person) {
		return Asked{}, false
	}
	for _, a := range l.entitled(s, climbed) {
		if a.Person == person && !s.stamped(a) {
			return a, true
		}
	}
	return Asked{}, false
}

// askedOf reports whether the person was asked, or somebody in their place.
func (s *Step) askedOf(person string) bool {
	return slices.ContainsFunc(s.Asked, func(a Asked) bool { return a.Person == person || a.For == person })
}

// stamped reports whether the person or their seat has decided the step.
func (s *Step) stamped(a Asked) bool {
	return slices.ContainsFunc(s.Stamps, func(x Stamp) bool { return x.Person == a.Person || x.seat() == a.seat() })
}

// passes reports whether enough have approved. Each person and each seat counts once;
// somebody above stands for one who is silent. Who has left without a word is not waited
// for.
func (l lookout) passes(s *Step) bool {
	seats := l.seats(s)
	var approved []string
	for _, x := range s.Stamps {
		if x.Verdict != Approve || slices.Contains(approved, x.seat()) {
			continue
		}
		approved = append(approved, x.seat())
		if !slices.Contains(seats, x.seat()) && s.own(x) {
			seats = append(seats, x.seat()) // left after deciding
		}
	}
	need := 1
	switch {
	case s.filled():
	case s.Need == All:
		need = len(seats)
	case s.Need == Quorum:
		need = min(s.Quorum, len(seats))
	}
	return len(approved) >= max(need, 1)
}

// own reports whether the stamp is of one of the step's own people, not of those above.
func (s *Step) own(x Stamp) bool {
	return slices.ContainsFunc(s.Asked, func(a Asked) bool { return a.Climb == 0 && a.seat() == x.seat() })
}
