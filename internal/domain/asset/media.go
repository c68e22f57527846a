package asset

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/wire"
)

// Bounds of what PCs tell of media.
const (
	MaxAttemptsPerHour = 2000   // of one PC; what comes beyond is not kept
	maxWritten         = 20_000 // files named on one loan; those beyond are only counted
	draftAfter         = 3      // refused within draftWindow on one PC: a draft case
	draftWindow        = time.Hour
	draftRest          = 24 * time.Hour // between two of one PC
)

// Draft asks for a draft case: one PC has refused media again and again.
type Draft struct {
	Key      string // the same for a repeat
	Device   string
	Name     string // of the PC
	Person   string // whose it is
	At       time.Time
	Attempts []Attempt // refused ones, oldest first
}

// TakeMedia keeps what a PC tells of media. What it says is a claim: it is bounded and
// cleaned, names only loans that were for this PC, and a repeat changes nothing.
func (s *Service) TakeMedia(ctx context.Context, device string, events []wire.MediaEvent) error {
	if err := checkEvents(events); err != nil {
		return err
	}
	return s.p.Store.UpdateAssets(ctx, func(tx Tx) error {
		now := s.now()
		keys := make([]string, len(events))
		for i, e := range events {
			keys[i] = e.Key
		}
		known, err := tx.KnownAttempts(ctx, device, keys)
		if err != nil {
			return fmt.Errorf("look for earlier attempts: %w", err)
		}
		heard, err := tx.CountAttempts(ctx, device, "", now.Add(-time.Hour))
		if err != nil {
			return fmt.Errorf("count attempts: %w", err)
		}
		refused := 0
		for _, e := range events {
			if slices.Contains(known, e.Key) {
				continue
			}
			known = append(known, e.Key)
			if heard++; heard > MaxAttemptsPerHour {
				if heard == MaxAttemptsPerHour+1 {
					if err := record(ctx, tx, now, "media.flood", "", device, map[string]string{"device": device}); err != nil {
						return err
					}
				}
				continue
			}
			if e.What == wire.MediaRefused {
				refused++
			}
			if err := s.takeEvent(ctx, tx, device, e, now); err != nil {
				return err
			}
		}
		if refused == 0 {
			return nil
		}
		return s.askDraft(ctx, tx, device, now)
	})
}

// checkEvents refuses what no agent of ours sends.
func checkEvents(events []wire.MediaEvent) error {
	whats := []string{wire.MediaRefused, wire.MediaObserved, wire.MediaAdmitted, wire.MediaEnding, wire.MediaEnded, wire.MediaRemoved,
		wire.MediaWritten, wire.MediaRegistered, wire.MediaUnread}
	whys := []string{"", wire.WhyUnknown, wire.WhyPhone, wire.WhyEarly, wire.WhyOver, wire.WhyNoToken, wire.WhyBadToken, wire.WhyMalformed,
		wire.WhyNoDocument, wire.WhyTwice}
	ok := len(events) <= wire.MaxMediaEvents
	for _, e := range events {
		ok = ok && e.Key != "" && len(e.Key) <= 100 && slices.Contains(whats, e.What) && slices.Contains(whys, e.Why) && len(e.Files) <= wire.MaxWrittenFiles
	}
	if !ok {
		return fault.New(fault.Invalid, "fault.media_events", nil)
	}
	return nil
}

// told is the journal's content of an attempt. Files are counted, never named.
type told struct {
	Attempt string `json:"attempt"`
	Device  string `json:"device"`
	Class   string `json:"class,omitempty"`
	Vendor  string `json:"vendor,omitempty"`
	Product string `json:"product,omitempty"`
	Serial  string `json:"serial,omitempty"`
	Name    string `json:"name,omitempty"`
	User    string `json:"user,omitempty"`
	Why     string `json:"why,omitempty"`
	Loan    string `json:"loan,omitempty"`
	Files   int    `json:"files,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
}

func (s *Service) takeEvent(ctx context.Context, tx Tx, device string, e wire.MediaEvent, now time.Time) error {
	a := Attempt{ID: id.New("med", now), Device: device, Key: e.Key, At: claimed(e.At), Heard: now, What: e.What, Why: e.Why,
		Vendor: line(e.Vendor, 8), Product: line(e.Product, 8), Serial: line(e.Serial, maxSerial), Class: line(e.Class, 20), Name: line(e.Name, 120), User: line(e.User, 100)}
	if a.At.IsZero() || a.At.After(now.Add(5*time.Minute)) {
		a.At = now
	}
	label, err := s.known(ctx, tx, &a, e)
	if err != nil {
		return err
	}
	if e.What == wire.MediaRegistered {
		if a.Asset, err = s.completeRegistration(ctx, tx, device, e, a.At); err != nil {
			return err
		}
	}
	files, err := s.written(ctx, tx, &a, e)
	if err != nil {
		return err
	}
	ev, err := journal.NewEvent(now, "media."+a.What, a.Asset, device, told{Attempt: a.ID, Device: device, Class: a.Class, Vendor: a.Vendor,
		Product: a.Product, Serial: a.Serial, Name: a.Name, User: a.User, Why: a.Why, Loan: label, Files: a.Files, Bytes: a.Bytes})
	if err != nil {
		return err
	}
	a.Event = ev.ID
	if err := tx.InsertAttempt(ctx, a, files); err != nil {
		return fmt.Errorf("insert attempt: %w", err)
	}
	return tx.Record(ctx, ev)
}

// known works out which thing and which loan an event is about: by the token, else by
// what the medium says when no two things say so. A loan counts only when it was for this
// PC; its thing is then the one of the loan.
func (s *Service) known(ctx context.Context, tx Tx, a *Attempt, e wire.MediaEvent) (label string, err error) {
	if e.Loan != "" {
		l, ok, err := tx.LoanOn(ctx, e.Loan, a.Device)
		if err != nil {
			return "", fmt.Errorf("find loan: %w", err)
		}
		if ok {
			a.Loan, a.Asset = l.ID, l.Asset
			return l.Label, nil
		}
	}
	asset, ok, err := tx.MediumOf(ctx, Identity{Vendor: a.Vendor, Product: a.Product, Serial: a.Serial, Token: line(e.Token, 100)})
	if err != nil {
		return "", fmt.Errorf("find medium: %w", err)
	}
	if ok {
		a.Asset = asset
	}
	return "", nil
}

// written gives the files that an event names, as many as a loan may still hold.
func (s *Service) written(ctx context.Context, tx Tx, a *Attempt, e wire.MediaEvent) ([]Written, error) {
	if e.What != wire.MediaWritten {
		return nil, nil
	}
	a.Files = len(e.Files) + min(max(e.More, 0), 1_000_000)
	room := 0
	if a.Loan != "" {
		n, err := tx.CountWritten(ctx, a.Loan)
		if err != nil {
			return nil, fmt.Errorf("count files: %w", err)
		}
		room = max(maxWritten-n, 0)
	}
	var out []Written
	for _, f := range e.Files {
		size := min(max(f.Size, 0), MaxCapacity)
		a.Bytes += size
		if len(out) < room {
			at := claimed(f.At)
			if at.IsZero() || at.After(a.Heard) {
				at = a.At
			}
			out = append(out, Written{Loan: a.Loan, Name: line(f.Name, maxFile), Size: size, At: at})
		}
	}
	return out, nil
}

// askDraft asks for a draft case when a PC has refused media again and again, once a day.
func (s *Service) askDraft(ctx context.Context, tx Tx, device string, now time.Time) error {
	n, err := tx.CountAttempts(ctx, device, wire.MediaRefused, now.Add(-draftWindow))
	if err != nil {
		return fmt.Errorf("count refused: %w", err)
	}
	last, err := tx.LastDraft(ctx, device)
	if err != nil {
		return fmt.Errorf("find the last draft: %w", err)
	}
	if n < draftAfter || !last.IsZero() && now.Sub(last) < draftRest {
		return nil
	}
	if err := tx.AskDraft(ctx, device, now); err != nil {
		return fmt.Errorf("ask for a draft: %w", err)
	}
	return record(ctx, tx, now, "media.draft_asked", "", "system", map[string]any{"device": device, "refused": n})
}

// AttemptQuery chooses what PCs have told of media. Zero fields choose everything.
type AttemptQuery struct {
	Device string
	Asset  string // number or id
	What   string // one of wire's
	After  string // cursor
	Limit  int    // 1–200; default 50
}

// AttemptRow is one attempt with the names that a list shows.
type AttemptRow struct {
	Attempt
	PC     string // name of the PC
	Number string // of the thing; "" when it is none of ours
}

// AttemptPage is one page, newest first.
type AttemptPage struct {
	Rows []AttemptRow
	Next string
}

// Attempts lists what PCs have told. Who may not read the ledger sees what happened at
// their own PC and with the things that they see.
func (s *Service) Attempts(ctx context.Context, by access.Actor, q AttemptQuery) (AttemptPage, error) {
	numbers := map[string]string{}
	if q.Asset != "" {
		a, _, err := s.seen(ctx, by, q.Asset)
		if err != nil {
			return AttemptPage{}, err
		}
		q.Asset, numbers[a.ID] = a.ID, a.Number
	}
	if by.May(access.ReadAssets) != nil {
		if err := s.mayReadAttempts(ctx, by, q); err != nil {
			return AttemptPage{}, err
		}
	}
	if q.Limit < 1 || q.Limit > 200 {
		q.Limit = 50
	}
	limit := q.Limit
	q.Limit++
	as, err := s.p.Store.FindAttempts(ctx, q)
	if err != nil {
		return AttemptPage{}, fmt.Errorf("find attempts: %w", err)
	}
	var p AttemptPage
	if len(as) > limit {
		as = as[:limit]
		p.Next = as[limit-1].ID
	}
	pcs := map[string]string{}
	for _, a := range as {
		r := AttemptRow{Attempt: a}
		if r.PC, err = s.nameOfPC(ctx, pcs, a.Device); err != nil {
			return AttemptPage{}, err
		}
		if r.Number, err = s.numberOf(ctx, numbers, a.Asset); err != nil {
			return AttemptPage{}, err
		}
		p.Rows = append(p.Rows, r)
	}
	return p, nil
}

func (s *Service) mayReadAttempts(ctx context.Context, by access.Actor, q AttemptQuery) error {
	if err := by.May(access.Submit); err != nil {
		return err
	}
	if q.Device == "" {
		if q.Asset == "" {
			return fault.Deny(string(access.ReadAssets))
		}
		o, err := s.p.People.Org(ctx)
		if err != nil {
			return err
		}
		return s.mayReadAttemptsWith(ctx, by, o, q.Asset)
	}
	ok, err := s.owns(ctx, by.Person, q.Device)
	if err == nil && !ok {
		err = fault.Missing("device")
	}
	return err
}

// mayReadAttemptsWith leaves out who only has the thing: what others did with it before
// is not theirs to read.
func (s *Service) mayReadAttemptsWith(ctx context.Context, by access.Actor, o *directory.Org, asset string) error {
	a, err := s.p.Store.Asset(ctx, asset)
	if err != nil {
		return err
	}
	if a.Keeper != by.Person && !o.Heads(by.Person, a.Department) {
		return fault.Deny(string(access.ReadAssets))
	}
	return nil
}

func (s *Service) nameOfPC(ctx context.Context, known map[string]string, device string) (string, error) {
	name, ok := known[device]
	if ok {
		return name, nil
	}
	_, name, _, err := s.p.Devices.Owner(ctx, device)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", fmt.Errorf("find PC %s: %w", device, err)
	}
	known[device] = name
	return name, nil
}

func (s *Service) numberOf(ctx context.Context, known map[string]string, asset string) (string, error) {
	n, ok := known[asset]
	if ok || asset == "" {
		return n, nil
	}
	a, err := s.p.Store.Asset(ctx, asset)
	if err != nil {
		return "", fmt.Errorf("load %s: %w", asset, err)
	}
	known[asset] = a.Number
	return a.Number, nil
}

// Would is what would be blocked if the guards blocked: one medium at one PC.
type Would struct {
	Device  string
	PC      string // name
	Person  string // name of whose PC it is
	Class   string
	Vendor  string
	Product string
	Serial  string
	Name    string
	Why     string
	Times   int
	Last    time.Time
}

// WouldBlock lists what the guards that only observe would have blocked in the last 30
// days, for the whole company, newest first, at most 500.
func (s *Service) WouldBlock(ctx context.Context, by access.Actor) ([]Would, error) {
	if err := by.May(access.ReadAssets); err != nil {
		return nil, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	ws, err := s.p.Store.WouldBlock(ctx, s.now().AddDate(0, 0, -30), 500)
	if err != nil {
		return nil, fmt.Errorf("find what would be blocked: %w", err)
	}
	for i := range ws {
		person, name, _, err := s.p.Devices.Owner(ctx, ws[i].Device)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, fmt.Errorf("find PC %s: %w", ws[i].Device, err)
		}
		ws[i].PC, ws[i].Person = name, o.NameOf(person)
	}
	return ws, nil
}
