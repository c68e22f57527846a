package notice

import (
	"fmt"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
)

// Who names the people of a level by their place in the organisation, so that it is
// resolved to living people only when the level fires (rules 4 and 12).
type Who struct {
	Kind string      `json:"kind"`           // "supervisor", "duty", "person" or "roster"
	Up   int         `json:"up,omitempty"`   // supervisor: 1 is the direct one
	Duty access.Duty `json:"duty,omitempty"` // duty
	All  bool        `json:"all,omitempty"`  // duty: every holder and deputy instead of the first who can be reached
	ID   string      `json:"person,omitempty"`
	// Roster is the id of one: whoever has the turn when the level fires (rule 11).
	Roster string `json:"roster,omitempty"`
}

// Level is one step of a chain.
type Level struct {
	Who    []Who `json:"who"`
	Window int   `json:"window"` // minutes until the next level; 1–1440
	Repeat int   `json:"repeat"` // minutes between notices within the window; ≤ Window
	// Channels says which of a person's contacts are told, and in which order; empty means
	// all at once.
	Channels []Offset `json:"channels,omitempty"`
}

// Chain is the levels of one track, first to last.
type Chain []Level

// Policy is one version of who is told until someone answers.
type Policy struct {
	Version int
	By      string
	At      time.Time
	Reason  string
	Chains  map[Urgency]map[Receiver]Chain
	Lapse   map[Urgency]Lapse // rule 8; nil in a version from before it: nobody is asked
	Hours   Hours             // rule 10
}

// MaxLevels bounds a chain (rule 2).
const MaxLevels = 10

// DefaultPolicy is what a new company starts with: rule 2's windows, climbing from
// the one named to everyone of the duty, then crossing to the other receiver.
func DefaultPolicy() Policy {
	sup := func(up int) Who { return Who{Kind: "supervisor", Up: up} }
	duty := func(d access.Duty, all bool) Who { return Who{Kind: "duty", Duty: d, All: all} }
	chains := func(w, r int) map[Receiver]Chain {
		lv := func(who ...Who) Level { return Level{Who: who, Window: w, Repeat: r} }
		return map[Receiver]Chain{
			Supervisor: {lv(sup(1)), lv(sup(2)), lv(sup(3), duty(access.ProtectionManager, true))},
			Manager:    {lv(duty(access.ProtectionManager, false)), lv(duty(access.ProtectionManager, true)), lv(duty(access.ProtectionManager, true), duty(access.ITAdmin, true), sup(1))},
			ITAdmin:    {lv(duty(access.ITAdmin, false)), lv(duty(access.ITAdmin, true)), lv(duty(access.ITAdmin, true), duty(access.ProtectionManager, true))},
		}
	}
	return Policy{Version: 1, By: "system", Chains: map[Urgency]map[Receiver]Chain{
		Urgent: chains(10, 3),
		Normal: chains(60, 20),
		// A near miss waits for the next working day: its window is worked out by
		// the calendar when the level fires; the numbers here are its upper bound.
		Light: chains(1440, 1440),
	}, Lapse: map[Urgency]Lapse{Urgent: {30, 10}, Normal: {240, 10}, Light: {}}, Hours: Hours{"09:00", "18:00"}}
}

// Check is nil when the policy can be used, else a fault naming each bad field.
func (p Policy) Check() error {
	var c fault.Check
	p.Hours.check(&c)
	p.checkLapse(&c)
	for _, u := range Urgencies() {
		for _, r := range []Receiver{Supervisor, Manager, ITAdmin} {
			chain := p.Chains[u][r]
			at := fmt.Sprintf("%s.%s", u, r)
			c.That(len(chain) >= 1 && len(chain) <= MaxLevels, at, "fault.levels", fault.Args{"max": fmt.Sprint(MaxLevels)})
			for i, l := range chain {
				f := fmt.Sprintf("%s.%d", at, i+1)
				c.That(len(l.Who) > 0, f+".who", "fault.required", nil)
				c.That(l.Window >= 1 && l.Window <= 1440, f+".window", "fault.out_of_range", fault.Args{"min": "1", "max": "1440"})
				c.That(l.Repeat >= 1 && l.Repeat <= l.Window, f+".repeat", "fault.repeat_over_window", nil)
				for n, o := range l.Channels {
					known := slices.Contains(directory.Channels(), directory.Channel(o.Channel)) &&
						!slices.ContainsFunc(l.Channels[:n], func(b Offset) bool { return b.Channel == o.Channel })
					c.That(known, f+".channels", "fault.unknown_choice", nil)
					c.That(o.After >= 0 && o.After < max(l.Window, 1), f+".channels", "fault.channel_over_window", nil)
				}
				for _, w := range l.Who {
					ok := w.Kind == "supervisor" && w.Up >= 1 && w.Up <= 10 || w.Kind == "duty" && w.Duty.Valid() && w.Duty != access.Auditor || w.Kind == "person" && w.ID != "" || w.Kind == rosterWho && w.Roster != ""
					c.That(ok, f+".who", "fault.unknown_choice", nil)
				}
			}
		}
	}
	return c.Err()
}

// superiors lists whom the levels of the supervisor mean, from the direct one to the top.
func (t Track) superiors(o *directory.Org) []string {
	if t.Reporter != "" {
		return o.Above(t.Reporter)
	}
	head := o.HeadOf(t.Department)
	if head == "" {
		return nil
	}
	return append([]string{head}, o.Above(head)...)
}

// recipient is a person to tell and whom they stand in for.
type recipient struct{ Person, For string }

// resolve finds the living people of a level (rule 4). The reporter, those left out and
// auditors are never told; a receiver who is one of them is replaced by the deputy, else
// by the next higher superior.
func resolve(o *directory.Org, t Track, who []Who, at time.Time) []recipient {
	except := append([]string{}, t.LeftOut...)
	if t.Reporter != "" {
		except = append(except, t.Reporter)
	}
	// An auditor changes nothing, and so cannot answer: whoever is next takes the place.
	except = append(except, o.Holders(access.Auditor, at)...)
	var out []recipient
	add := func(person, instead string) {
		for _, r := range out {
			if r.Person == person {
				return
			}
		}
		if person == instead {
			instead = ""
		}
		out = append(out, recipient{person, instead})
	}
	for _, w := range who {
		switch w.Kind {
		case "person":
			if p := o.StandIn(w.ID, at, except); p != "" {
				add(p, w.ID)
			}
		case "supervisor":
			above := t.superiors(o)
			for i := w.Up - 1; i >= 0 && i < len(above); i++ {
				if p := o.StandIn(above[i], at, except); p != "" {
					add(p, above[i])
					break
				}
			}
		case "duty":
			for _, h := range o.Holders(w.Duty, at) {
				p := o.StandIn(h, at, except)
				if p == "" {
					continue
				}
				add(p, h)
				if !w.All {
					break
				}
				for _, d := range o.DeputiesOf(h, at) {
					if p := o.StandIn(d, at, except); p != "" {
						add(p, h)
					}
				}
			}
		}
	}
	return out
}
