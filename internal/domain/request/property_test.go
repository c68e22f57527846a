package request

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/jpcal"
)

// dice is a made-up company that changes at random.
type dice struct {
	*rand.Rand
	org *directory.Org
	now time.Time
}

func (d dice) person() string { return fmt.Sprint("per_", d.IntN(len(d.org.People))) }

func throw(r *rand.Rand, now time.Time) dice {
	d := dice{r, &directory.Org{People: map[string]directory.Person{}, Departments: map[string]directory.Department{}}, now}
	people := 1 + r.IntN(8)
	for n := range people {
		id := fmt.Sprint("per_", n)
		d.org.People[id] = directory.Person{ID: id, Number: id, Department: fmt.Sprint("d_", r.IntN(3)), Email: "a@aoba.example"}
	}
	for n := range 3 {
		dep := directory.Department{ID: fmt.Sprint("d_", n), Parent: fmt.Sprint("d_", r.IntN(3))} // loops among them
		if r.IntN(3) > 0 {
			dep.Head = d.person()
		}
		d.org.Departments[dep.ID] = dep
	}
	for range 6 {
		d.shake()
	}
	return d
}

// shake changes the directory.
func (d dice) shake() {
	o, id := d.org, d.person()
	switch d.IntN(6) {
	case 0:
		o.Absences = append(o.Absences, directory.Absence{Person: id, From: d.now, Until: d.now.Add(time.Duration(d.IntN(200)) * time.Hour)})
	case 1:
		o.Deputies = append(o.Deputies, directory.Deputy{Person: id, Deputy: d.person(), Order: d.IntN(5), From: d.now})
	case 2:
		duty := access.Duties()[d.IntN(4)]
		o.Duties = append(o.Duties, directory.Assignment{Duty: duty, Person: id, From: d.now})
	case 3:
		if len(o.Duties) > 0 {
			o.Duties = slices.Delete(slices.Clone(o.Duties), 0, 1)
		}
	case 4:
		p := o.People[id]
		p.Supervisor = d.person()
		o.People[id] = p
	case 5:
		p := o.People[id]
		if d.IntN(3) == 0 {
			p.Left = d.now
		}
		o.People[id] = p
	}
}

// TestNothingIsGrantedWrongly plays requests in companies that change all the time, with
// everybody pressing everything, and holds each end to the rules.
func TestNothingIsGrantedWrongly(t *testing.T) {
	t.Parallel()
	cal := jpcal.New(time.UTC, jpcal.Options{})
	granted, refusedN, climbed, stuck, skipped, carried := 0, 0, 0, 0, 0, 0
	for seed := range uint64(4000) {
		start := time.Date(2026, 11, 16, 3, 0, 0, 0, time.UTC)
		d := throw(rand.New(rand.NewPCG(seed, 1)), start)
		c := Chain{Remind: 24 * time.Hour, Climb: 48 * time.Hour, Life: 20 * 24 * time.Hour}
		for range 1 + d.IntN(3) {
			rule := Rule{Role: Roles()[d.IntN(5)], Need: []Need{One, All, Quorum}[d.IntN(3)]}
			if rule.Need == Quorum {
				rule.Quorum = 1 + d.IntN(4)
			}
			c.Steps = append(c.Steps, rule)
		}
		r := &Request{ID: "req_1", Label: "REQ-2026-0001", Kind: "key", By: d.person(), Revision: 1, Content: Content{Form: json.RawMessage(`{}`)}}
		for _, s := range c.Steps {
			r.Steps = append(r.Steps, Step{Rule: s})
		}
		act := func(f func(*turn)) {
			tn := &turn{look: lookout{org: d.org, applicant: r.By, now: d.now}, chain: c, cal: cal, r: r}
			f(tn)
			if tn.err != nil {
				t.Fatalf("seed %d: %v", seed, tn.err)
			}
			for _, l := range tn.letters {
				if l.Act && l.Person == r.By {
					t.Fatalf("seed %d: the applicant is asked to decide: %+v", seed, l)
				}
			}
		}
		act((*turn).begin)
		for range 60 {
			if r.State != Waiting {
				break
			}
			if s := r.Open(); s == nil || r.NextFire.IsZero() || r.NextFire.After(r.Deadline) {
				t.Fatalf("seed %d: waits with nothing open or no timer: %+v", seed, r)
			}
			switch d.IntN(4) {
			case 0:
				d.shake()
			case 1:
				if d.now.Before(r.NextFire) {
					d.now = r.NextFire
				}
				act(func(tn *turn) {
					if err := tn.fire(); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
				})
			default:
				who, verdict := d.person(), Approve
				if d.IntN(20) == 0 {
					verdict = Refuse
				}
				act(func(tn *turn) {
					mine, err := tn.mayDecide(who, Digest(r))
					if err != nil {
						return
					}
					if who == r.By || mine.For == r.By || slices.Contains(d.org.Holders(access.Auditor, d.now), who) || !d.org.People[who].Active(d.now) {
						t.Fatalf("seed %d: %s may decide for %q", seed, who, mine.For)
					}
					tn.stamp(mine, Decision{Verdict: verdict, Note: "x", Digest: Digest(r), Path: "web"})
				})
			}
		}
		climbed += r.Climbed
		living := 0
		for _, s := range r.Steps {
			seen := map[string]bool{}
			for _, x := range s.Stamps {
				if x.Person == r.By || x.For == r.By || seen[x.Person] || seen[x.seat()] {
					t.Fatalf("seed %d: stamp of the applicant, or one twice: %+v", seed, s)
				}
				seen[x.Person], seen[x.seat()] = true, true
				if x.Verdict == Approve && !x.Carried {
					living++
				}
				if x.Carried {
					carried++
				}
			}
			if s.State == StepPassed && len(s.Stamps) == 0 {
				t.Fatalf("seed %d: passed without a stamp: %+v", seed, s)
			}
			if s.State == StepSkipped {
				skipped++
			}
			if s.Why == WhyNobody {
				stuck++
			}
		}
		switch r.State {
		case Approved:
			granted++
			if living == 0 || slices.ContainsFunc(r.Steps, func(s Step) bool { return s.State != StepPassed && s.State != StepSkipped }) {
				t.Fatalf("seed %d: granted by %d stamps: %+v", seed, living, r.Steps)
			}
		case Refused:
			refusedN++
		}
	}
	for name, n := range map[string]int{"granted": granted, "refused": refusedN, "climbed": climbed, "stuck": stuck, "skipped": skipped, "carried": carried} {
		if n < 20 {
			t.Errorf("the game hardly ever saw %s: %d times", name, n)
		}
	}
}
