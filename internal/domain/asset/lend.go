package asset

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/prose"
)

// HandOver is what whoever gives a thing out enters.
type HandOver struct {
	Request string // id or label of the approved application
	Asset   string // number: what was asked for, or one of the kind that was
	Device  string // "" takes that of the application; another is refused
}

// deed is the journal's content of what happens to a loan.
type deed struct {
	Loan    string `json:"loan"` // label
	Person  string `json:"person"`
	Request string `json:"request,omitempty"`
	Device  string `json:"device,omitempty"`
	From    string `json:"from,omitempty"`
	Until   string `json:"until,omitempty"`
	Was     string `json:"was,omitempty"` // the end before
	Reason  string `json:"reason,omitempty"`
	Content string `json:"content,omitempty"`
	Erased  string `json:"erased,omitempty"`
	Level   int    `json:"level,omitempty"`
}

func deedOf(l *Loan) deed { return deed{Loan: l.Label, Person: l.Person} }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// HandOver gives out a thing under an approved application, which is used up. Borrower,
// PC and period are the application's. Nobody hands over to themself.
func (s *Service) HandOver(ctx context.Context, by access.Actor, h HandOver) (*Loan, error) {
	a, _, err := s.seen(ctx, by, h.Asset)
	if err != nil {
		return nil, err
	}
	if err := mayHandle(by, a); err != nil {
		return nil, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	var out *Loan
	err = s.p.Store.UpdateAssets(ctx, func(tx Tx) error {
		out, err = s.handOver(ctx, tx, by, o, a.ID, h)
		return err
	})
	return out, err
}

func (s *Service) handOver(ctx context.Context, tx Tx, by access.Actor, o *directory.Org, asset string, h HandOver) (*Loan, error) {
	now := s.now()
	r, f, err := s.approved(ctx, tx, h.Request)
	if err != nil {
		return nil, err
	}
	a, err := tx.LockAsset(ctx, asset)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", asset, err)
	}
	if err := mayHandle(by, a); err != nil {
		return nil, err
	}
	held, err := tx.HeldBy(ctx, r.By)
	if err != nil {
		return nil, fmt.Errorf("load loans of %s: %w", r.By, err)
	}
	ownsPC := true
	if f.Device != "" {
		if ownsPC, err = s.owns(ctx, r.By, f.Device); err != nil {
			return nil, err
		}
	}
	p, works := o.People[r.By]
	late, isLate := overdue(held, now)
	switch {
	case r.By == by.Person:
		return nil, fault.New(fault.Denied, "fault.loan_self", nil)
	case f.Asset != "" && f.Asset != a.Number || f.Kind != a.Kind:
		return nil, fault.Clash("fault.loan_other_thing", fault.Args{"number": a.Number})
	case h.Device != "" && h.Device != f.Device, !ownsPC:
		return nil, fault.Clash("fault.loan_other_device", nil)
	case !f.Until.After(now):
		return nil, fault.Clash("fault.loan_over", nil)
	case !works || !p.Active(now) || !p.Active(f.Until):
		return nil, fault.Clash("fault.loan_leaves", nil)
	case isLate:
		return nil, fault.Clash("fault.loan_overdue", fault.Args{"label": late.Label})
	case a.Disposal.Open():
		return nil, fault.Clash("fault.asset_disposal_open", nil)
	case a.State != InStore || a.Loan != "":
		return nil, wrongState(a)
	}
	year := now.In(s.p.Zone).Year()
	n, err := tx.NextLoanNumber(ctx, year)
	if err != nil {
		return nil, fmt.Errorf("take number: %w", err)
	}
	l := &Loan{ID: id.New("lon", now), Label: fmt.Sprintf("LOAN-%04d-%04d", year, n), Asset: a.ID, Request: r.ID, Person: r.By,
		Device: f.Device, From: f.From, Until: f.Until, ReadOnly: f.ReadOnly, Purpose: f.Purpose,
		State: Handed, HandedBy: by.Person, HandedAt: now, NextFire: f.Until}
	if err := request.Use(ctx, tx, r, l.ID, by.Person, now); err != nil {
		return nil, err
	}
	if err := tx.InsertLoan(ctx, l); err != nil {
		return nil, fmt.Errorf("insert loan: %w", err)
	}
	a.State, a.Since, a.Changed, a.Version = Lent, now, now, a.Version+1
	a.Loan, a.Borrower, a.Due = l.ID, l.Person, l.Until
	if err := tx.SaveAsset(ctx, a); err != nil {
		return nil, fmt.Errorf("save %s: %w", a.ID, err)
	}
	if err := s.write(ctx, tx, l, letter{topic: "loan.handed", to: l.Person, args: s.words(l, a)}); err != nil {
		return nil, err
	}
	d := deedOf(l)
	d.Request, d.Device, d.From, d.Until = r.Label, l.Device, stamp(l.From), stamp(l.Until)
	return l, record(ctx, tx, now, "loan.handed", a.ID, by.Person, d)
}

// approved reads an approved application for a loan, and holds it.
func (s *Service) approved(ctx context.Context, tx Tx, req string) (*request.Request, LoanForm, error) {
	r, err := tx.UseApproval(ctx, req)
	if err != nil {
		return nil, LoanForm{}, err
	}
	var f LoanForm
	if r.Kind != KindLoan {
		return nil, f, fault.Missing("request")
	}
	return r, f, read(r.Form, &f)
}

// onLoan runs one change of a loan and its thing in one commit with its event. may is
// asked before and again of what is held.
func (s *Service) onLoan(ctx context.Context, by access.Actor, loan, kind string, may func(*Loan, *Asset) error, f func(Tx, *Loan, *Asset) (deed, error)) (out *Loan, err error) {
	seen, thing, _, err := s.seenLoan(ctx, by, loan)
	if err != nil {
		return nil, err
	}
	if err := may(seen, thing); err != nil {
		return nil, err
	}
	err = s.p.Store.UpdateAssets(ctx, func(tx Tx) error {
		l, err := tx.LockLoan(ctx, seen.ID)
		if err != nil {
			return fmt.Errorf("lock loan %s: %w", seen.ID, err)
		}
		a, err := tx.LockAsset(ctx, l.Asset)
		if err != nil {
			return fmt.Errorf("lock %s: %w", l.Asset, err)
		}
		if err := may(l, a); err != nil {
			return err
		}
		d, err := f(tx, l, a)
		if err != nil {
			return err
		}
		now := s.now()
		a.Changed, a.Version = now, a.Version+1
		if err := tx.SaveAsset(ctx, a); err != nil {
			return fmt.Errorf("save %s: %w", a.ID, err)
		}
		if err := tx.SaveLoan(ctx, l); err != nil {
			return fmt.Errorf("save loan %s: %w", l.Label, err)
		}
		out = l
		if err := record(ctx, tx, now, kind, a.ID, by.Person, d); err != nil {
			return err
		}
		if l.State == Handed { // no PC knows of it yet
			return nil
		}
		return s.reissue(ctx, tx, l.Device)
	})
	return out, err
}

// Receive is the borrower's press: they have it. From then on it works on its PC.
func (s *Service) Receive(ctx context.Context, by access.Actor, loan string) (*Loan, error) {
	may := func(l *Loan, _ *Asset) error {
		if l.Person != by.Person {
			return fault.New(fault.Denied, "fault.loan_not_yours", nil)
		}
		return by.May(access.Submit)
	}
	return s.onLoan(ctx, by, loan, "loan.received", may, func(tx Tx, l *Loan, a *Asset) (deed, error) {
		if l.State != Handed || l.Overdue(s.now()) {
			return deed{}, wrongLoan(l)
		}
		l.State, l.ReceivedAt = Out, s.now()
		l.NextFire = s.nextReminder(l, s.now())
		return deedOf(l), nil
	})
}

// TakeBack notes that a thing is back: it works no more. Content and erasure are
// confirmed after that, by somebody else. Nobody takes back their own loan.
func (s *Service) TakeBack(ctx context.Context, by access.Actor, loan string) (*Loan, error) {
	may := func(l *Loan, a *Asset) error {
		if l.Person == by.Person {
			return fault.New(fault.Denied, "fault.loan_own_return", nil)
		}
		return mayHandle(by, a)
	}
	return s.onLoan(ctx, by, loan, "loan.back", may, func(tx Tx, l *Loan, a *Asset) (deed, error) {
		if !l.State.Holds() {
			return deed{}, wrongLoan(l)
		}
		l.State, l.BackBy, l.BackAt, l.NextFire = Back, by.Person, s.now(), time.Time{}
		a.Borrower, a.Due = "", time.Time{}
		return deedOf(l), s.callOff(ctx, tx, l)
	})
}

// callOff calls off the letters about a loan, and those about all that the borrower has
// too long when nothing else is overdue.
func (s *Service) callOff(ctx context.Context, tx Tx, l *Loan) error {
	if err := tx.CallOff(ctx, l.ID, ""); err != nil {
		return fmt.Errorf("call off letters about %s: %w", l.Label, err)
	}
	held, err := tx.HeldBy(ctx, l.Person)
	if err != nil {
		return fmt.Errorf("load loans of %s: %w", l.Person, err)
	}
	now := s.now()
	if slices.ContainsFunc(held, func(h Loan) bool { return h.ID != l.ID && h.Overdue(now) }) {
		return nil
	}
	for _, topic := range []string{topicOverdue, topicOverdueAbove, topicOverdueManager} {
		if err := tx.CallOff(ctx, l.Person, topic); err != nil {
			return fmt.Errorf("call off letters about %s: %w", l.Person, err)
		}
	}
	return nil
}

// Check is what a third person found on a thing that is back.
type Check struct {
	Loan    string
	Content string // one of Contents; for what is no medium may be ""
	Erased  string // one of Erasures; for what is no medium may be ""
	Note    string // required when the content was kept
}

// mayConfirm is nil for who manages the ledger, keeps the thing or heads its department,
// and is neither the borrower nor who took it back.
func mayConfirm(by access.Actor, o *directory.Org, a *Asset, l *Loan) error {
	err := mayHandle(by, a)
	if err != nil && by.Person != "" && o.Heads(by.Person, a.Department) {
		err = by.May(access.Submit)
	}
	switch {
	case err != nil:
		return err
	case by.Person == l.Person || by.Person == l.BackBy:
		return fault.New(fault.Denied, "fault.loan_third_person", nil)
	}
	return nil
}

// Confirm ends a loan: a third person says what was on the thing and how it was erased,
// and it is in store again.
func (s *Service) Confirm(ctx context.Context, by access.Actor, k Check) (*Loan, error) {
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	may := func(l *Loan, a *Asset) error { return mayConfirm(by, o, a, l) }
	return s.onLoan(ctx, by, k.Loan, "loan.confirmed", may, func(_ Tx, l *Loan, a *Asset) (deed, error) {
		if l.State != Back {
			return deed{}, wrongLoan(l)
		}
		var c fault.Check
		said := k.Content != "" || k.Erased != ""
		if a.Kind.Medium() || said {
			c.That(slices.Contains(Contents(), k.Content), "content", "fault.unknown_choice", nil)
			c.That(slices.Contains(Erasures(), k.Erased), "erased", "fault.unknown_choice", nil)
		}
		c.That(utf8.RuneCountInString(k.Note) <= maxNote, "note", "fault.too_long", fault.Args{"max": fmt.Sprint(maxNote)})
		l.CheckNote = prose.Paragraph(k.Note, maxNote)
		c.That(k.Erased != "kept" || l.CheckNote != "", "note", "fault.loan_kept_why", nil)
		if err := c.Err(); err != nil {
			return deed{}, err
		}
		now := s.now()
		l.State, l.DoneBy, l.DoneAt, l.Over, l.Content, l.Erased = Done, by.Person, now, now, k.Content, k.Erased
		a.State, a.Since, a.Loan = InStore, now, ""
		d := deedOf(l)
		d.Content, d.Erased = l.Content, l.Erased
		return d, nil
	})
}

// Recall calls a loan back. What the borrower never received is in store again at once;
// what they have works no more from now on and must be brought back.
func (s *Service) Recall(ctx context.Context, by access.Actor, loan, reason string) (*Loan, error) {
	may := func(_ *Loan, a *Asset) error { return mayHandle(by, a) }
	return s.onLoan(ctx, by, loan, "loan.recalled", may, func(tx Tx, l *Loan, a *Asset) (deed, error) {
		var c fault.Check
		reason := because(&c, reason)
		if err := c.Err(); err != nil {
			return deed{}, err
		}
		if err := s.callOff(ctx, tx, l); err != nil {
			return deed{}, err
		}
		now := s.now()
		switch l.State {
		case Handed:
			l.State, l.Over, l.NextFire = Recalled, now, time.Time{}
			a.State, a.Since, a.Loan, a.Borrower, a.Due = InStore, now, "", "", time.Time{}
		case Out:
			l.State, l.Until, l.EndedAt, l.NextFire = Ended, now, now, s.p.Calendar.NextWorkday(now, workHour)
			a.Due = now
		default:
			return deed{}, wrongLoan(l)
		}
		words := s.words(l, a)
		words["reason"] = reason
		if err := s.write(ctx, tx, l, letter{topic: "loan.recalled", to: l.Person, args: words}); err != nil {
			return deed{}, err
		}
		d := deedOf(l)
		d.Reason = reason
		return d, nil
	})
}

// Extend uses an approved application to keep a thing for longer. The borrower does it,
// or whoever keeps the thing.
func (s *Service) Extend(ctx context.Context, by access.Actor, req string) (*Loan, error) {
	// The application names the loan, so it is read before anything is held.
	var r *request.Request
	var f ExtensionForm
	load := func(tx Tx) (err error) {
		if r, err = tx.UseApproval(ctx, req); err != nil {
			return err
		}
		if r.Kind != KindExtension {
			return fault.Missing("request")
		}
		return read(r.Form, &f)
	}
	if err := s.p.Store.UpdateAssets(ctx, load); err != nil {
		return nil, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	may := func(l *Loan, a *Asset) error {
		switch {
		case l.Person != r.By:
			return fault.Missing("request")
		case l.Person == by.Person:
			return by.May(access.Submit)
		}
		return mayHandle(by, a)
	}
	l, err := s.onLoan(ctx, by, f.Loan, "loan.extended", may, func(tx Tx, l *Loan, a *Asset) (deed, error) {
		if err := load(tx); err != nil {
			return deed{}, err
		}
		if l.State != Out && l.State != Ended {
			return deed{}, wrongLoan(l)
		}
		now := s.now()
		var c fault.Check
		checkLonger(&c, o, l, f.Until)
		c.That(f.Until.After(now), "until", "fault.in_past", nil)
		if err := c.Err(); err != nil {
			return deed{}, err
		}
		if err := request.Use(ctx, tx, r, l.ID, by.Person, now); err != nil {
			return deed{}, err
		}
		if err := s.callOff(ctx, tx, l); err != nil {
			return deed{}, err
		}
		d := deedOf(l)
		d.Request, d.Was, d.Until = r.Label, stamp(l.Until), stamp(f.Until)
		l.Until, l.State, l.EndedAt, l.Reminded, l.Climbed = f.Until, Out, time.Time{}, 0, 0
		l.NextFire = s.nextReminder(l, now)
		a.Due = l.Until
		return d, s.write(ctx, tx, l, letter{topic: "loan.extended", to: l.Person, args: s.words(l, a)})
	})
	if fault.Is(err, fault.NotFound) {
		return nil, fault.Missing("request")
	}
	return l, err
}

// Chase asks the borrower once more to bring a thing back that is overdue: one press,
// recorded, at most once a day for a loan.
func (s *Service) Chase(ctx context.Context, by access.Actor, loan string) (*Loan, error) {
	may := func(_ *Loan, a *Asset) error { return mayHandle(by, a) }
	return s.onLoan(ctx, by, loan, "loan.chased", may, func(tx Tx, l *Loan, a *Asset) (deed, error) {
		now := s.now()
		today := s.p.Calendar.DateOf(now)
		switch {
		case !l.Overdue(now):
			return deed{}, fault.Clash("fault.loan_not_overdue", fault.Args{"label": l.Label})
		case !l.Chased.IsZero() && s.p.Calendar.DateOf(l.Chased) == today:
			return deed{}, fault.Clash("fault.loan_chased", fault.Args{"label": l.Label})
		}
		l.Chased = now
		return deedOf(l), s.write(ctx, tx, l, letter{topic: "loan.chase", to: l.Person, once: today.String(), args: s.words(l, a)})
	})
}
