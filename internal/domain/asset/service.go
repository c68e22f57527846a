package asset

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/kit/wire"
)

// Tx is one transaction over the ledger. What is not there is a fault of kind NotFound
// unless a bool says so. Whoever needs both locks the loan before its thing.
type Tx interface {
	journal.Recorder
	notice.Letters

	InsertAsset(ctx context.Context, a *Asset) error
	// LockAsset reads a thing by id or number and holds it until the end.
	LockAsset(ctx context.Context, asset string) (*Asset, error)
	SaveAsset(ctx context.Context, a *Asset) error
	// AssetsNumbered reads those of the numbers that there are, and holds them.
	AssetsNumbered(ctx context.Context, numbers []string) ([]*Asset, error)
	// SerialTwins lists the things whose vendor, product and serial are these.
	SerialTwins(ctx context.Context, vendor, product, serial string) ([]*Asset, error)
	// MediumOf finds the thing that carries a token; else the only one of that vendor,
	// product and serial.
	MediumOf(ctx context.Context, i Identity) (asset string, ok bool, err error)
	CountPhotos(ctx context.Context, asset string) (int, error)
	InsertPhoto(ctx context.Context, p Photo) error

	NextLoanNumber(ctx context.Context, year int) (int, error)
	InsertLoan(ctx context.Context, l *Loan) error
	LockLoan(ctx context.Context, loan string) (*Loan, error) // by id or label
	SaveLoan(ctx context.Context, l *Loan) error
	// HeldBy lists what a person has, by label.
	HeldBy(ctx context.Context, person string) ([]Loan, error)
	// UseApproval reads a request and holds it; SaveRequest writes that it was used.
	UseApproval(ctx context.Context, req string) (*request.Request, error)
	SaveRequest(ctx context.Context, r *request.Request) error

	// InsertRegistration takes the place of an open one of the same device or thing.
	InsertRegistration(ctx context.Context, r Registration) error
	LockRegistration(ctx context.Context, registration string) (Registration, bool, error)
	SaveRegistration(ctx context.Context, r Registration) error

	// KnownAttempts gives those of the device's keys that are kept already.
	KnownAttempts(ctx context.Context, device string, keys []string) ([]string, error)
	InsertAttempt(ctx context.Context, a Attempt, files []Written) error
	CountAttempts(ctx context.Context, device, what string, since time.Time) (int, error)
	CountWritten(ctx context.Context, loan string) (int, error)
	LoanOn(ctx context.Context, label, device string) (*Loan, bool, error)
	// LastDraft gives when a device's last draft case was asked for; AskDraft asks.
	LastDraft(ctx context.Context, device string) (time.Time, error)
	AskDraft(ctx context.Context, device string, at time.Time) error
	DraftDone(ctx context.Context, device string, at time.Time) error

	// EraseLoan blanks the people and words of a loan and what the record says of it, and
	// forgets the names of the files that were written.
	EraseLoan(ctx context.Context, loan string, at time.Time) error
	// EraseAttempts forgets what PCs told before a time, what they merely observed before
	// another, and what the record says of these; and registrations that ended before the
	// former. What belongs to a loan that is not over stays. It takes at most limit
	// attempts, the oldest, and gives how many.
	EraseAttempts(ctx context.Context, before, observedBefore, at time.Time, limit int) (int, error)
	// EraseStock forgets at most limit rows of a count's list and of its sightings; when no
	// more are left it blanks the count and what the record says of it, and gives true.
	EraseStock(ctx context.Context, stock string, at time.Time, limit int) (done bool, err error)

	// SaveGuardPolicy gives false when there is one of that version already.
	SaveGuardPolicy(ctx context.Context, p Policy) (bool, error)
}

// Store reads and changes the ledger.
type Store interface {
	UpdateAssets(ctx context.Context, f func(Tx) error) error
	Asset(ctx context.Context, asset string) (*Asset, error) // by id or number
	FindAssets(ctx context.Context, q Query) ([]Asset, error)
	CountAssets(ctx context.Context, s Scope, now time.Time) (map[State]int, error)
	// EachAsset gives every thing in the order of the numbers, a part at a time.
	EachAsset(ctx context.Context, after string, limit int) ([]Asset, error)
	AssetsByNumber(ctx context.Context, numbers []string) ([]*Asset, error)
	AssetHistory(ctx context.Context, asset string, limit int) ([]journal.Event, error) // newest first
	PhotosOf(ctx context.Context, asset string) ([]Photo, error)
	PhotoByID(ctx context.Context, photo string) (Photo, error)

	Loan(ctx context.Context, loan string) (*Loan, error) // by id or label
	FindLoans(ctx context.Context, q LoanQuery) ([]LoanRow, error)
	HeldLoans(ctx context.Context, person string) ([]Loan, error)
	DueLoans(ctx context.Context, now time.Time, limit int) ([]string, error)
	NextLoanFire(ctx context.Context) (time.Time, bool, error)
	Request(ctx context.Context, req string) (*request.Request, error) // by id or label
	// UnusedApprovals lists the approved requests of a kind of which nothing was made yet,
	// oldest first, from behind the id after.
	UnusedApprovals(ctx context.Context, kind, after string, limit int) ([]*request.Request, error)

	FindAttempts(ctx context.Context, q AttemptQuery) ([]Attempt, error)
	WouldBlock(ctx context.Context, since time.Time, limit int) ([]Would, error)
	WrittenOn(ctx context.Context, loan string, limit int) ([]Written, error)
	OpenDrafts(ctx context.Context) ([]Draft, error) // asked for and not done
	RefusedOn(ctx context.Context, device string, from, to time.Time, limit int) ([]Attempt, error)

	// ExpiredLoans and ExpiredStocks list what ended before a time and was not erased, the
	// oldest first.
	ExpiredLoans(ctx context.Context, before time.Time, limit int) ([]string, error)
	ExpiredStocks(ctx context.Context, before time.Time, limit int) ([]string, error)

	// NewestGuardPolicy gives false while nobody has set one.
	NewestGuardPolicy(ctx context.Context) (Policy, bool, error)
}

// Blobs keeps photos outside the database. Put must be durable when it returns; Delete
// of what is not there is no error.
type Blobs interface {
	Put(ctx context.Context, key string, r io.Reader) error
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	Delete(ctx context.Context, key string) error
}

// DeviceRef names a PC.
type DeviceRef struct {
	ID   string
	Name string
}

// Devices tells whose PC is whose. A PC that was refused is nobody's.
type Devices interface {
	Owner(ctx context.Context, device string) (person, name string, ok bool, err error)
	OfPerson(ctx context.Context, person string) ([]DeviceRef, error)
}

// Parts are what a Service is made of.
type Parts struct {
	Store    Store
	Blobs    Blobs
	People   *directory.Service
	Devices  Devices
	Now      func() time.Time
	Zone     *time.Location  // the company's
	Calendar *jpcal.Calendar // its working days
	// Reissue signs a PC's desired state anew, in the commit of the change that it must
	// know of. A PC that is enrolled no more is no error.
	Reissue func(ctx context.Context, tx Tx, device string) error
	// Sign makes the text of a token with the key that PCs trust (wire.SignMedium).
	Sign func(t wire.MediumToken) (string, error)
	// Draft files a draft case about refused media. It may be called again for the same
	// key, which then must change nothing.
	Draft func(ctx context.Context, d Draft) error
}

// Service is the verbs of the ledger and of the loans.
type Service struct{ p Parts }

// NewService makes the service.
func NewService(p Parts) *Service { return &Service{p: p} }

func (s *Service) now() time.Time { return s.p.Now().UTC().Truncate(time.Microsecond) }

// Scope is how much of the ledger an actor sees: all of it, or what they keep, what they
// have, and what belongs to departments that they head.
type Scope struct {
	All         bool
	Person      string
	Departments []string
}

// scope gives the actor's scope. Who may not even submit a request sees nothing.
func (s *Service) scope(o *directory.Org, by access.Actor) (Scope, error) {
	if by.May(access.ReadAssets) == nil {
		return Scope{All: true, Person: by.Person}, nil
	}
	if err := by.May(access.Submit); err != nil {
		return Scope{}, err
	}
	sc := Scope{Person: by.Person}
	for id := range o.Departments {
		if o.Heads(by.Person, id) {
			sc.Departments = append(sc.Departments, id)
		}
	}
	slices.Sort(sc.Departments)
	return sc, nil
}

// sees reports whether a thing is within the scope.
func (sc Scope) sees(a *Asset) bool {
	return sc.All || sc.Person != "" && (a.Keeper == sc.Person || a.Borrower == sc.Person) || slices.Contains(sc.Departments, a.Department)
}

// sight gives the directory and the actor's scope.
func (s *Service) sight(ctx context.Context, by access.Actor) (*directory.Org, Scope, error) {
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, Scope{}, err
	}
	sc, err := s.scope(o, by)
	return o, sc, err
}

// seen reads a thing that the actor may see. One that they may not see looks as if it
// did not exist.
func (s *Service) seen(ctx context.Context, by access.Actor, asset string) (*Asset, *directory.Org, error) {
	o, sc, err := s.sight(ctx, by)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.p.Store.Asset(ctx, key(asset))
	if err != nil {
		return nil, nil, err
	}
	if !sc.sees(a) {
		return nil, nil, fault.Missing("asset")
	}
	return a, o, nil
}

// seenLoan reads a loan whose borrower the actor is, or whose thing they may see.
func (s *Service) seenLoan(ctx context.Context, by access.Actor, loan string) (*Loan, *Asset, *directory.Org, error) {
	o, sc, err := s.sight(ctx, by)
	if err != nil {
		return nil, nil, nil, err
	}
	l, err := s.p.Store.Loan(ctx, loan)
	if err != nil {
		return nil, nil, nil, err
	}
	a, err := s.p.Store.Asset(ctx, l.Asset)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("load the thing of %s: %w", l.Label, err)
	}
	if l.Person != by.Person && !sc.sees(a) {
		return nil, nil, nil, fault.Missing("loan")
	}
	return l, a, o, nil
}

// key is how a thing is asked for: an id as it is, a number in its plain form.
func key(asset string) string {
	if isID("ast", asset) {
		return asset
	}
	return code(asset)
}

// mayHandle is nil for who manages the ledger and for the thing's keeper.
func mayHandle(by access.Actor, a *Asset) error {
	err := by.May(access.ManageAssets)
	if err != nil && a.Keeper == by.Person {
		return by.May(access.Submit)
	}
	return err
}

// change runs one change of a thing in one commit with its event. may is asked before
// and again of the thing as it is held.
func (s *Service) change(ctx context.Context, by access.Actor, asset, kind string, may func(*Asset) error, f func(Tx, *Asset) (data any, err error)) (out *Asset, err error) {
	seen, _, err := s.seen(ctx, by, asset)
	if err != nil {
		return nil, err
	}
	if err := may(seen); err != nil {
		return nil, err
	}
	err = s.p.Store.UpdateAssets(ctx, func(tx Tx) error {
		a, err := tx.LockAsset(ctx, seen.ID)
		if err != nil {
			return fmt.Errorf("lock %s: %w", seen.ID, err)
		}
		if err := may(a); err != nil {
			return err
		}
		data, err := f(tx, a)
		if err != nil {
			return err
		}
		now := s.now()
		a.Changed, a.Version = now, a.Version+1
		if err := tx.SaveAsset(ctx, a); err != nil {
			return fmt.Errorf("save %s: %w", a.ID, err)
		}
		out = a
		return record(ctx, tx, now, kind, a.ID, by.Person, data)
	})
	return out, err
}

func record(ctx context.Context, tx Tx, now time.Time, kind, subject, actor string, data any) error {
	ev, err := journal.NewEvent(now, kind, subject, actor, data)
	if err != nil {
		return err
	}
	return tx.Record(ctx, ev)
}

func (s *Service) reissue(ctx context.Context, tx Tx, device string) error {
	if device == "" {
		return nil
	}
	if err := s.p.Reissue(ctx, tx, device); err != nil {
		return fmt.Errorf("reissue the desired state of %s: %w", device, err)
	}
	return nil
}
