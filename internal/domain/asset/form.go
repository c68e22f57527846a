package asset

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/prose"
)

// The names of the kinds of application.
const (
	KindLoan      = "loan"
	KindExtension = "loan_extension"
)

// MaxLoan is how long a loan may last.
const MaxLoan = 366 * 24 * time.Hour

// LoanForm is an application for a loan: of one thing, or of any of a kind.
type LoanForm struct {
	Asset        string    `json:"asset,omitempty"` // number
	Kind         Kind      `json:"kind,omitempty"`  // when no number is named
	Purpose      string    `json:"purpose"`
	Contents     string    `json:"contents"` // what will be written onto it
	PersonalData bool      `json:"personal_data"`
	People       int       `json:"people,omitempty"` // whose personal data, about
	Device       string    `json:"device,omitempty"` // device id of the applicant's PC
	From         time.Time `json:"from"`
	Until        time.Time `json:"until"`
	ReadOnly     bool      `json:"read_only"`
}

// ExtensionForm is an application to keep a thing for longer.
type ExtensionForm struct {
	Loan  string    `json:"loan"` // label
	Until time.Time `json:"until"`
	Why   string    `json:"why"`
}

// LoanKind is the application for a loan.
func (s *Service) LoanKind() request.Kind {
	return request.Kind{Name: KindLoan, Chain: builtIn(KindLoan), Check: s.checkLoan}
}

// ExtensionKind is the application to keep a thing for longer.
func (s *Service) ExtensionKind() request.Kind {
	return request.Kind{Name: KindExtension, Chain: builtIn(KindExtension), Check: s.checkExtension}
}

// builtIn asks the supervisor, then the protection manager (rule E1).
func builtIn(kind string) request.Chain {
	return request.Chain{Kind: kind, Steps: []request.Rule{{Role: request.Supervisor, Need: request.One}, {Role: request.Manager, Need: request.One}},
		Remind: 24 * time.Hour, Climb: 48 * time.Hour, Life: 14 * 24 * time.Hour}
}

// read reads a form. What is no JSON of that form is a fault.
func read(raw json.RawMessage, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fault.New(fault.Invalid, "fault.bad_json", nil)
	}
	return nil
}

// plain writes a checked form; fields stand in the order of the type, so that one form
// has one text.
func plain(form any, title, about string, expires time.Time) (request.Content, error) {
	raw, err := json.Marshal(form)
	if err != nil {
		return request.Content{}, fmt.Errorf("marshal form: %w", err)
	}
	return request.Content{Form: raw, Title: title, About: about, Expires: expires}, nil
}

func (s *Service) checkLoan(ctx context.Context, by access.Actor, raw json.RawMessage, now time.Time) (request.Content, error) {
	var f LoanForm
	if err := read(raw, &f); err != nil {
		return request.Content{}, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return request.Content{}, err
	}
	held, err := s.p.Store.HeldLoans(ctx, by.Person)
	if err != nil {
		return request.Content{}, fmt.Errorf("load loans of %s: %w", by.Person, err)
	}
	if l, late := overdue(held, now); late {
		return request.Content{}, fault.Clash("fault.loan_overdue", fault.Args{"label": l.Label})
	}
	var c fault.Check
	f.Asset = code(f.Asset)
	f.Purpose = sentence(&c, "purpose", f.Purpose)
	f.Contents = sentence(&c, "contents", f.Contents)
	f.From, f.Until = f.From.UTC().Truncate(time.Second), f.Until.UTC().Truncate(time.Second)
	checkPeriod(&c, o, by.Person, f.From, f.Until, now)
	c.That(f.People >= 0 && f.People <= 1_000_000_000, "people", "fault.unknown_choice", nil)
	c.That(!f.PersonalData || f.People > 0, "people", "fault.required", nil)
	if !f.PersonalData {
		f.People = 0
	}
	a, err := s.wanted(ctx, by, o, &c, &f)
	if err != nil {
		return request.Content{}, err
	}
	if err := s.checkDevice(ctx, &c, by.Person, &f); err != nil {
		return request.Content{}, err
	}
	if err := c.Err(); err != nil {
		return request.Content{}, err
	}
	title, about := string(f.Kind), ""
	if a != nil {
		title, about = a.Number, a.ID
	}
	return plain(f, line(title+" "+f.Purpose, 200), about, f.Until)
}

// sentence is a text that a form must have.
func sentence(c *fault.Check, name, s string) string {
	c.That(utf8.RuneCountInString(s) <= maxReason, name, "fault.too_long", fault.Args{"max": strconv.Itoa(maxReason)})
	s = prose.Paragraph(s, maxReason)
	c.That(s != "", name, "fault.required", nil)
	return s
}

// checkPeriod refuses a period that is past, backwards or too long, or in which the
// person leaves.
func checkPeriod(c *fault.Check, o *directory.Org, person string, from, until, now time.Time) {
	c.That(!from.IsZero(), "from", "fault.required", nil)
	c.That(!until.IsZero(), "until", "fault.required", nil)
	if from.IsZero() || until.IsZero() {
		return
	}
	// A form that was opened a while ago may say "from now".
	c.That(!from.Before(now.Add(-24*time.Hour)), "from", "fault.in_past", nil)
	c.That(until.After(from), "until", "fault.ends_before_start", nil)
	c.That(until.After(now), "until", "fault.in_past", nil)
	c.That(until.Sub(from) <= MaxLoan, "until", "fault.loan_too_long", nil)
	c.That(from.Before(now.Add(MaxLoan)), "from", "fault.loan_too_far", nil)
	p, ok := o.People[person]
	c.That(ok && p.Active(now) && p.Active(until), "until", "fault.loan_leaves", nil)
}

// wanted finds the thing that is asked for; nil when any of a kind is. One that the
// applicant may neither see nor borrow looks as if it did not exist.
func (s *Service) wanted(ctx context.Context, by access.Actor, o *directory.Org, c *fault.Check, f *LoanForm) (*Asset, error) {
	if f.Asset == "" {
		c.That(f.Kind != "", "asset", "fault.required", nil)
		c.That(f.Kind == "" || f.Kind.Valid(), "kind", "fault.unknown_choice", nil)
		return nil, nil
	}
	a, err := s.p.Store.Asset(ctx, f.Asset)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	sc, serr := s.scope(o, by)
	if serr != nil {
		return nil, serr
	}
	lends := Scope{Departments: upwards(o, o.People[by.Person].Department)}
	if err != nil || !sc.sees(a) && !lends.sees(a) {
		c.Add("asset", "fault.asset_unknown", nil)
		return nil, nil
	}
	c.That(a.State == InStore || a.State == Lent, "asset", "fault.asset_not_lent_out", nil)
	c.That(!a.Disposal.Open(), "asset", "fault.asset_disposal_open", nil)
	// Somebody else has it until then: the two loans must not overlap.
	c.That(a.State != Lent || f.From.After(a.Due) && !a.Due.IsZero(), "asset", "fault.loan_overlap", nil)
	f.Kind = a.Kind
	return a, nil
}

// checkDevice wants, for a medium, one of the applicant's own PCs, when they have one.
func (s *Service) checkDevice(ctx context.Context, c *fault.Check, person string, f *LoanForm) error {
	if !f.Kind.Medium() {
		f.Device, f.ReadOnly = "", false
		return nil
	}
	if f.Device == "" {
		own, err := s.p.Devices.OfPerson(ctx, person)
		if err != nil {
			return fmt.Errorf("load PCs of %s: %w", person, err)
		}
		c.That(len(own) == 0, "device", "fault.required", nil)
		return nil
	}
	ok, err := s.owns(ctx, person, f.Device)
	c.That(ok, "device", "fault.loan_device", nil)
	return err
}

func (s *Service) owns(ctx context.Context, person, device string) (bool, error) {
	owner, _, ok, err := s.p.Devices.Owner(ctx, device)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find whose PC %s is: %w", device, err)
	}
	return ok && owner == person, nil
}

// overdue finds what somebody should have brought back.
func overdue(held []Loan, now time.Time) (Loan, bool) {
	for _, l := range held {
		if l.Overdue(now) {
			return l, true
		}
	}
	return Loan{}, false
}

func (s *Service) checkExtension(ctx context.Context, by access.Actor, raw json.RawMessage, now time.Time) (request.Content, error) {
	var f ExtensionForm
	if err := read(raw, &f); err != nil {
		return request.Content{}, err
	}
	l, err := s.p.Store.Loan(ctx, code(f.Loan))
	if err == nil && l.Person != by.Person {
		err = fault.Missing("loan")
	}
	if fault.Is(err, fault.NotFound) {
		var c fault.Check
		c.Add("loan", "fault.loan_unknown", nil)
		return request.Content{}, c.Err()
	}
	if err != nil {
		return request.Content{}, err
	}
	if l.State != Out || l.Overdue(now) {
		return request.Content{}, wrongLoan(l)
	}
	held, err := s.p.Store.HeldLoans(ctx, by.Person)
	if err != nil {
		return request.Content{}, fmt.Errorf("load loans of %s: %w", by.Person, err)
	}
	if late, ok := overdue(held, now); ok {
		return request.Content{}, fault.Clash("fault.loan_overdue", fault.Args{"label": late.Label})
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return request.Content{}, err
	}
	var c fault.Check
	f.Loan, f.Until = l.Label, f.Until.UTC().Truncate(time.Second)
	f.Why = sentence(&c, "why", f.Why)
	checkLonger(&c, o, l, f.Until)
	if err := c.Err(); err != nil {
		return request.Content{}, err
	}
	return plain(f, line(l.Label+" "+f.Why, 200), l.Asset, l.Until)
}

// checkLonger refuses an end that is no later, or further off than a loan may last.
func checkLonger(c *fault.Check, o *directory.Org, l *Loan, until time.Time) {
	c.That(!until.IsZero(), "until", "fault.required", nil)
	c.That(until.IsZero() || until.After(l.Until), "until", "fault.loan_not_longer", nil)
	c.That(until.Sub(l.From) <= MaxLoan, "until", "fault.loan_too_long", nil)
	p, ok := o.People[l.Person]
	c.That(ok && p.Active(until), "until", "fault.loan_leaves", nil)
}

// wrongLoan says that the state of a loan does not allow what was asked.
func wrongLoan(l *Loan) error {
	state := l.State
	return fault.Clash("fault.loan_state."+string(cmp.Or(state, Done)), fault.Args{"label": l.Label})
}
