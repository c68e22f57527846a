package asset

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
)

// Query chooses things of the ledger. Zero fields choose everything.
type Query struct {
	Text       string // words, each part of number, model, serial, place or the keeper's name
	Kind       Kind
	State      State // also Overdue; Lent is then without what is overdue
	Department string
	Keeper     string // person id
	Strength   Strength
	After      string // cursor: the number of the last row of the page before
	Limit      int    // 1–200; default 50

	// Filled by the service, never from outside.
	Scope  Scope
	Number string // the whole number
	Words  []Word
	Now    time.Time
}

// Word is one word of a search, in the form of Asset.SearchText, and the people whose
// name holds it.
type Word struct {
	Text   string
	People []string
}

// Bounds of a search.
const (
	maxWords  = 5
	maxPeople = 200 // of one word
)

// Row is one line of the ledger.
type Row struct {
	Asset
	KeeperName   string
	BorrowerName string
	Department   string // name
	Now          State  // the state at the time of asking
	Strength     Strength
}

// Page is one page of the ledger, in the order of the numbers.
type Page struct {
	Rows []Row
	Next string // cursor; "" on the last page
}

// Find lists the things that the actor may see. A search for the whole number of one of
// them finds that one alone.
func (s *Service) Find(ctx context.Context, by access.Actor, q Query) (Page, error) {
	o, sc, err := s.sight(ctx, by)
	if err != nil {
		return Page{}, err
	}
	if q.Limit < 1 || q.Limit > 200 {
		q.Limit = 50
	}
	var c fault.Check
	c.That(q.Kind == "" || q.Kind.Valid(), "kind", "fault.unknown_choice", nil)
	c.That(q.State == "" || slices.Contains(States(), q.State), "state", "fault.unknown_choice", nil)
	c.That(q.Strength == "" || slices.Contains(Strengths(), q.Strength), "strength", "fault.unknown_choice", nil)
	c.That(len([]rune(q.Text)) <= 100, "q", "fault.too_long", fault.Args{"max": "100"})
	if err := c.Err(); err != nil {
		return Page{}, err
	}
	q.Scope, q.Now, q.Words = sc, s.now(), words(o, q.Text)
	limit := q.Limit
	q.Limit++
	as, err := s.find(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("find in the ledger: %w", err)
	}
	var p Page
	if len(as) > limit {
		as = as[:limit]
		p.Next = as[limit-1].Number
	}
	for _, a := range as {
		p.Rows = append(p.Rows, row(o, a, q.Now))
	}
	return p, nil
}

func (s *Service) find(ctx context.Context, q Query) ([]Asset, error) {
	if len(q.Words) == 1 && q.After == "" {
		whole := q
		whole.Words, whole.Number = nil, code(q.Text)
		if as, err := s.p.Store.FindAssets(ctx, whole); err != nil || len(as) > 0 {
			return as, err
		}
	}
	return s.p.Store.FindAssets(ctx, q)
}

func row(o *directory.Org, a Asset, now time.Time) Row {
	return Row{Asset: a, KeeperName: o.NameOf(a.Keeper), BorrowerName: o.NameOf(a.Borrower), Department: o.Departments[a.Department].Name,
		Now: a.At(now), Strength: a.Strength()}
}

// words splits a search and finds the people whom each word may mean.
func words(o *directory.Org, text string) []Word {
	var out []Word
	for _, f := range strings.Fields(text) {
		if len(out) == maxWords {
			break
		}
		w := Word{Text: fold(f)}
		if w.Text == "" {
			continue
		}
		for id, p := range o.People {
			if named(p, f, w.Text) {
				w.People = append(w.People, id)
			}
		}
		slices.Sort(w.People)
		w.People = w.People[:min(len(w.People), maxPeople)]
		out = append(out, w)
	}
	return out
}

// named reports whether a word is part of a person's name or reading, or their number.
// Most words of a search are numbers, which most names cannot hold: these are told apart
// by one character.
func named(p directory.Person, typed, folded string) bool {
	if typed[0] >= 0x80 {
		return strings.Contains(p.Family+p.Given, typed) || strings.Contains(p.FamilyKana+p.GivenKana, folded)
	}
	part := func(name string) bool {
		return name != "" && name[0] < 0x80 && strings.Contains(strings.ToLower(name), folded)
	}
	return p.Number == typed || part(p.Family) || part(p.Given)
}

// Count counts the things that the actor may see by their state now.
func (s *Service) Count(ctx context.Context, by access.Actor) (map[State]int, error) {
	_, sc, err := s.sight(ctx, by)
	if err != nil {
		return nil, err
	}
	n, err := s.p.Store.CountAssets(ctx, sc, s.now())
	if err != nil {
		return nil, fmt.Errorf("count the ledger: %w", err)
	}
	return n, nil
}

// View is a thing as one actor may see it.
type View struct {
	Row
	Path     []string // the department with those above it, outermost first
	Loans    []LoanRow
	Photos   []Photo
	Attempts []Attempt       // newest first
	History  []journal.Event // newest first
	May      Rights
}

// Rights is what an actor may do with a thing now: what buttons a page shows.
type Rights struct {
	Change          bool
	Handle          bool // hand over, take back, repair, photos, lost
	ReportLost      bool
	AskDisposal     bool
	ConfirmDisposal bool
	Register        bool
	Receive         bool
	TakeBack        bool
	Confirm         bool
}

// How much of its past a thing's page shows.
const (
	viewLoans    = 50
	viewAttempts = 50
	viewHistory  = 200
)

// Get gives a thing by number or id with all that belongs to it.
func (s *Service) Get(ctx context.Context, by access.Actor, asset string) (View, error) {
	a, o, err := s.seen(ctx, by, asset)
	if err != nil {
		return View{}, err
	}
	now := s.now()
	v := View{Row: row(o, *a, now), Path: o.Path(a.Department)}
	handles := mayHandle(by, a) == nil
	all := by.May(access.ReadAssets) == nil
	q := LoanQuery{Asset: a.ID, Limit: viewLoans, Now: now, Scope: Scope{All: true}}
	if !all && !handles && !o.Heads(by.Person, a.Department) {
		q.Person = by.Person // who only has it sees their own loans of it
	}
	if v.Loans, err = s.p.Store.FindLoans(ctx, q); err != nil {
		return View{}, fmt.Errorf("load loans of %s: %w", a.ID, err)
	}
	nameLoans(o, v.Loans)
	if v.Photos, err = s.p.Store.PhotosOf(ctx, a.ID); err != nil {
		return View{}, fmt.Errorf("load photos of %s: %w", a.ID, err)
	}
	if all || handles || o.Heads(by.Person, a.Department) {
		if v.Attempts, err = s.p.Store.FindAttempts(ctx, AttemptQuery{Asset: a.ID, Limit: viewAttempts}); err != nil {
			return View{}, fmt.Errorf("load attempts with %s: %w", a.ID, err)
		}
		if v.History, err = s.p.Store.AssetHistory(ctx, a.ID, viewHistory); err != nil {
			return View{}, fmt.Errorf("load history of %s: %w", a.ID, err)
		}
	}
	v.May = s.rights(by, o, a, v.Loans)
	return v, nil
}

func (s *Service) rights(by access.Actor, o *directory.Org, a *Asset, loans []LoanRow) Rights {
	manages, handles := by.May(access.ManageAssets) == nil, mayHandle(by, a) == nil
	gone := a.State == Lost || a.State == Disposed
	r := Rights{
		Change:          manages && a.State != Disposed,
		Handle:          handles && !gone,
		ReportLost:      !gone && (handles || a.Borrower == by.Person && by.May(access.Submit) == nil),
		AskDisposal:     manages && a.Loan == "" && a.State != Disposed && !a.Disposal.Open(),
		ConfirmDisposal: manages && a.Disposal.Open() && a.Disposal.By != by.Person,
		Register:        handles && a.Kind.Medium() && !gone && a.Loan == "",
	}
	for _, l := range loans {
		if l.ID != a.Loan {
			continue
		}
		r.Receive = l.State == Handed && l.Person == by.Person
		r.TakeBack = handles && l.State.Holds() && l.Person != by.Person
		r.Confirm = l.State == Back && mayConfirm(by, o, a, &l.Loan) == nil
	}
	return r
}

// History gives what the record says of a thing, newest first.
func (s *Service) History(ctx context.Context, by access.Actor, asset string) ([]journal.Event, error) {
	v, err := s.Get(ctx, by, asset)
	return v.History, err
}

// Choice is a thing that somebody may ask for.
type Choice struct {
	Number string
	Kind   Kind
	Model  string
	State  State
	Due    time.Time // zero when it is in store
}

// Choices lists what the actor may ask to have lent: things of their own department and
// of those above it that are in store or lent, in the order of the numbers, at most 200.
func (s *Service) Choices(ctx context.Context, by access.Actor) ([]Choice, error) {
	if err := by.May(access.Submit); err != nil {
		return nil, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	sc := Scope{Departments: upwards(o, by.Department)}
	as, err := s.p.Store.FindAssets(ctx, Query{Scope: sc, Limit: 200, Now: s.now()})
	if err != nil {
		return nil, fmt.Errorf("find what can be lent: %w", err)
	}
	var out []Choice
	for _, a := range as {
		if (a.State == InStore || a.State == Lent) && !a.Disposal.Open() {
			out = append(out, Choice{Number: a.Number, Kind: a.Kind, Model: a.Model, State: a.At(s.now()), Due: a.Due})
		}
	}
	return out, nil
}

// upwards lists a department and those above it.
func upwards(o *directory.Org, department string) []string {
	var out []string
	for d := department; d != "" && !slices.Contains(out, d); d = o.Departments[d].Parent {
		out = append(out, d)
	}
	return out
}
