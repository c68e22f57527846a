package incident

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

// Query chooses cases. Zero fields choose everything.
type Query struct {
	Text       string // part of number, summary or an addition
	Kinds      []Kind
	Statuses   []Status
	Department string
	Unanswered bool // at least one open track
	Unread     bool // words of the other side that the actor has not read
	From, To   time.Time
	After      string // cursor: the id of the last row of the page before
	Limit      int    // 1–200; default 50

	// Scope, filled by the service from the actor; never from outside.
	All       bool
	Person    string   // own, told or assigned
	Technical bool     // and the kinds of machines
	Hidden    string   // cases that leave this person out are not listed
	Kin       []string // kinds behind Technical
}

// Row is one line of a list.
type Row struct {
	Incident
	OpenTracks []notice.Receiver
	Unread     int // messages of the other side that the actor has not read
}

// Page is one page of a list, newest first.
type Page struct {
	Rows []Row
	Next string // cursor; "" on the last page
}

// Tally is the number of reports of a kind by week and department.
type Tally struct {
	Week       time.Time // Monday 00:00 in the company's zone
	Kind       Kind
	Nearly     Kind   // of near misses; "" when nobody said
	Department string // "" when it is not known
	Outside    bool   // by those who have no account; Department is empty
	N          int
}

// MinUnit is how many people a department has at least that stands in the numbers under its
// own name: in a smaller one a number can be a name. See directory.Org.Units.
const MinUnit = 5

// Find lists cases that the actor may see.
func (s *Service) Find(ctx context.Context, by access.Actor, q Query) (Page, error) {
	if by.Person == "" {
		return Page{}, by.May(access.Report)
	}
	if by.Via == access.ByLink || by.Via == access.ByCode || by.Via == access.ByMail { // opens one notice or one case, and nothing else
		return Page{}, fault.Deny(string(access.ReadCases))
	}
	if !inScope(by, access.ReadCases) {
		return Page{}, fault.New(fault.Denied, "fault.scope", fault.Args{"permission": string(access.ReadCases)})
	}
	if q.Limit < 1 || q.Limit > 200 {
		q.Limit = 50
	}
	var c fault.Check
	for _, k := range q.Kinds {
		c.That(k.Valid(), "kind", "fault.unknown_choice", nil)
	}
	for _, st := range q.Statuses {
		c.That(slices.Contains(Statuses(), st), "status", "fault.unknown_choice", nil)
	}
	c.That(len([]rune(q.Text)) <= 100, "q", "fault.too_long", fault.Args{"max": "100"})
	if err := c.Err(); err != nil {
		return Page{}, err
	}
	q.Text = strings.TrimSpace(q.Text)
	q.All = by.May(access.ReadCases) == nil
	q.Person, q.Hidden = by.Person, by.Person
	q.Technical = by.Has(access.ITAdmin)
	for _, k := range Kinds() {
		if k.Technical() {
			q.Kin = append(q.Kin, string(k))
		}
	}
	p, err := s.store.Find(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("find cases: %w", err)
	}
	return p, nil
}

// Tallies counts the reports of the last 13 weeks, for everyone to see: numbers
// only, no names (rule A2: near misses are counted and shown to all). Department is a unit
// of MinUnit people or more, "" the whole company.
func (s *Service) Tallies(ctx context.Context, by access.Actor) ([]Tally, error) {
	if err := by.May(access.ReadDirectory); err != nil {
		return nil, err
	}
	now := s.now().In(s.zone)
	monday := now.AddDate(0, 0, -(int(now.Weekday())+6)%7)
	since := time.Date(monday.Year(), monday.Month(), monday.Day(), 0, 0, 0, 0, s.zone).AddDate(0, 0, -12*7)
	ts, err := s.store.Count(ctx, since)
	if err != nil {
		return nil, fmt.Errorf("count reports: %w", err)
	}
	o, err := s.people.Org(ctx)
	if err != nil {
		return nil, err
	}
	return byUnit(ts, o.Units(now, MinUnit)), nil
}

// byUnit counts small departments with the unit that they belong to.
func byUnit(ts []Tally, units map[string]string) []Tally {
	var out []Tally
	place := map[Tally]int{}
	for _, t := range ts {
		n := t.N
		t.Department, t.N = units[t.Department], 0
		at, seen := place[t]
		if !seen {
			at = len(out)
			place[t] = at
			out = append(out, t)
		}
		out[at].N += n
	}
	return out
}
