package takeout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
)

// Query chooses passes. Zero fields choose everything.
type Query struct {
	Person     string
	Department string // the carrier's
	State      State
	Open       bool // something is still to happen
	Late       bool // not where they should be, or the time is over
	Text       string
	After      string // cursor
	Limit      int    // 1–200; default 50

	// Filled by the service, never from outside.
	Scope Scope
	Now   time.Time
}

// Row is a pass with what a list shows of it.
type Row struct {
	Pass
	PersonName string
	IsLate     bool
	IsOverdue  bool
}

// Page is one page of passes, newest first.
type Page struct {
	Rows []Row
	Next string
}

// List lists the passes that the actor may see.
func (s *Service) List(ctx context.Context, by access.Actor, q Query) (Page, error) {
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return Page{}, err
	}
	sc, err := s.scope(o, by)
	if err != nil {
		return Page{}, err
	}
	var c fault.Check
	c.That(q.State == "" || slices.Contains(States(), q.State), "state", "fault.unknown_choice", nil)
	c.That(len([]rune(q.Text)) <= maxLine, "q", "fault.too_long", fault.Args{"max": fmt.Sprint(maxLine)})
	if err := c.Err(); err != nil {
		return Page{}, err
	}
	if q.Limit < 1 || q.Limit > 200 {
		q.Limit = 50
	}
	limit := q.Limit
	q.Limit++
	q.Scope, q.Now = sc, s.now()
	found, err := s.p.Store.FindPasses(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("find passes: %w", err)
	}
	var out Page
	if len(found) > limit {
		found = found[:limit]
		out.Next = found[limit-1].ID
	}
	for _, p := range found {
		out.Rows = append(out.Rows, Row{Pass: p, PersonName: o.NameOf(p.Person), IsLate: p.Late(q.Now), IsOverdue: p.Overdue(q.Now)})
	}
	return out, nil
}

// Rights is what an actor may do with a pass now: what buttons a page shows.
type Rights struct {
	Leave, Arrive, Delay, Back, Cancel bool // the carrier's
	Lose, Confirm                      bool
}

// View is a pass as one actor may see it.
type View struct {
	Row
	Mine     bool
	Judged   Judgement
	Manifest Manifest // without lines when there is none
	May      Rights
}

// Get gives one pass by label or id.
func (s *Service) Get(ctx context.Context, by access.Actor, pass string) (View, error) {
	p, o, err := s.seen(ctx, by, pass)
	if err != nil {
		return View{}, err
	}
	now := s.now()
	v := View{Row: Row{Pass: *p, PersonName: o.NameOf(p.Person), IsLate: p.Late(now), IsOverdue: p.Overdue(now)}, Mine: p.Person != "" && p.Person == by.Person}
	if !p.ErasedAt.IsZero() {
		return v, nil
	}
	v.Judged = s.Judge(p.Form, now)
	if p.Form.Manifest != "" {
		if v.Manifest, err = s.manifest(ctx, p.Form); err != nil {
			return View{}, err
		}
	}
	acts := v.Mine && by.May(access.Submit) == nil
	v.May = Rights{
		Leave:   acts && (p.State == Ready && !now.Before(p.Form.From) && now.Before(p.Until) || p.State == There || p.State == Home),
		Arrive:  acts && p.State == Moving,
		Delay:   acts && p.State == Moving,
		Back:    acts && (p.State == Moving && p.Leg().To != ToOffice || p.State == There || p.State == Home),
		Cancel:  acts && p.State == Ready,
		Lose:    p.State.Out() && by.May(access.Report) == nil && (v.Mine || by.May(access.Submit) == nil),
		Confirm: (p.State == There || p.State == Home || p.State == Office) && s.mayConfirm(o, by, p) == nil,
	}
	return v, nil
}

// OfCase gives the pass whose loss a case is about, when the actor may see it.
func (s *Service) OfCase(ctx context.Context, by access.Actor, incident string) (*Pass, bool, error) {
	p, ok, err := s.p.Store.PassOfCase(ctx, incident)
	if err != nil || !ok {
		return nil, false, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil || !s.sees(o, by, p) {
		return nil, false, err
	}
	return p, true, nil
}
