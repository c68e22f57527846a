package takeout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
)

// Tx is one transaction over passes. What is not there is a fault of kind NotFound unless
// a bool says so.
type Tx interface {
	request.Approvals
	notice.Letters
	NextPassNumber(ctx context.Context, year int) (int, error)
	InsertPass(ctx context.Context, p *Pass) error
	LockPass(ctx context.Context, pass string) (*Pass, error) // by id or label
	SavePass(ctx context.Context, p *Pass) error
	// ManifestLike finds the manifest of a person with that hash.
	ManifestLike(ctx context.Context, person, sha256 string) (m Manifest, ok bool, err error)
	// CountManifests counts those of a person of which no pass was made.
	CountManifests(ctx context.Context, person string) (int, error)
	// InsertManifest keeps a manifest; lines is its text, of which the hash is.
	InsertManifest(ctx context.Context, m Manifest, lines []byte) error
	// ErasePass blanks who carried what of a pass, with its manifest and what the record
	// says of both.
	ErasePass(ctx context.Context, pass string, at time.Time) error
	// EraseManifests forgets at most limit manifests from before a time of which no pass
	// was made, and what the record says of them, and gives how many.
	EraseManifests(ctx context.Context, before, at time.Time, limit int) (int, error)
}

// Store reads and changes passes.
type Store interface {
	UpdateTakeOuts(ctx context.Context, f func(Tx) error) error
	Pass(ctx context.Context, pass string) (*Pass, error) // by id or label
	FindPasses(ctx context.Context, q Query) ([]Pass, error)
	PassOfCase(ctx context.Context, incident string) (p *Pass, ok bool, err error)
	DuePasses(ctx context.Context, now time.Time, limit int) ([]string, error)
	NextPassFire(ctx context.Context) (time.Time, bool, error)
	Manifest(ctx context.Context, manifest string) (Manifest, error)
	// ExpiredPasses lists what ended before a time and was not erased, the oldest first.
	ExpiredPasses(ctx context.Context, before time.Time, limit int) ([]string, error)
}

// Loss is a lost pass on its way to becoming a case.
type Loss struct {
	Pass     *Pass
	Judged   Judgement
	OnBehalf string // the carrier, when another person presses for them
	Key      string // names the report: a repeat finds the first
}

// Parts are what a Service is made of.
type Parts struct {
	Store    Store
	People   *directory.Service
	Now      func() time.Time
	Zone     *time.Location  // the company's: the year of a number
	Calendar *jpcal.Calendar // its working days
	Law      Table
	// Things finds a thing of the ledger that the actor may see or borrow.
	Things func(ctx context.Context, by access.Actor, number string) (t Thing, ok bool, err error)
	// Report files the case of a loss. also is run in the commit that makes it; a repeat
	// gives the first case and runs also again.
	Report func(ctx context.Context, by access.Actor, l Loss, also func(tx Tx, incident, label string) error) error
	// Lose marks a thing of the ledger as lost, in that same commit.
	Lose func(ctx context.Context, tx Tx, by access.Actor, asset, incident string) error
}

// Service is the verbs of take-outs.
type Service struct{ p Parts }

// NewService makes the service.
func NewService(p Parts) *Service { return &Service{p: p} }

func (s *Service) now() time.Time { return s.p.Now().UTC().Truncate(time.Microsecond) }

// Scope is how much an actor sees: everything, or their own passes, those of the people
// below them, and those that they have allowed.
type Scope struct {
	All    bool
	Person string
	Below  []string // people, sorted
}

// leader tells of a carrier whether the person is above them, or stands in for somebody who
// is. Whom the person stands in for is looked up once, however many carriers are asked about.
func leader(o *directory.Org, person string, now time.Time) func(carrier string) bool {
	known := map[string]bool{}
	seat := func(boss string) bool {
		is, asked := known[boss]
		if !asked {
			is = boss == person || o.StandIn(boss, now, nil) == person
			known[boss] = is
		}
		return is
	}
	return func(carrier string) bool {
		return person != "" && carrier != "" && slices.ContainsFunc(o.Above(carrier), seat)
	}
}

// scope gives what the actor sees of all passes.
func (s *Service) scope(o *directory.Org, by access.Actor) (Scope, error) {
	if by.May(access.ReadRequests) == nil {
		return Scope{All: true, Person: by.Person}, nil
	}
	if err := by.May(access.Submit); err != nil {
		return Scope{}, err
	}
	sc, leads := Scope{Person: by.Person}, leader(o, by.Person, s.now())
	for person := range o.People {
		if leads(person) {
			sc.Below = append(sc.Below, person)
		}
	}
	slices.Sort(sc.Below)
	return sc, nil
}

// sees reports whether the actor may see a pass.
func (s *Service) sees(o *directory.Org, by access.Actor, p *Pass) bool {
	if by.May(access.ReadRequests) == nil {
		return true
	}
	if by.May(access.Submit) != nil {
		return false
	}
	return p.Person == by.Person || slices.Contains(p.Approvers, by.Person) || leader(o, by.Person, s.now())(p.Person)
}

// seen reads a pass that the actor may see. Another looks as if it did not exist.
func (s *Service) seen(ctx context.Context, by access.Actor, pass string) (*Pass, *directory.Org, error) {
	if by.May(access.ReadRequests) != nil {
		if err := by.May(access.Submit); err != nil {
			return nil, nil, err
		}
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.p.Store.Pass(ctx, pass)
	if err != nil {
		return nil, nil, err
	}
	if !s.sees(o, by, p) {
		return nil, nil, fault.Missing("takeout")
	}
	return p, o, nil
}

// deed is the journal's content of what happens to a pass. It names no thing that is
// carried: those are with the pass, which can be erased.
type deed struct {
	Label    string  `json:"label"`
	Request  string  `json:"request,omitempty"`
	Leg      int     `json:"leg,omitempty"`
	To       Place   `json:"to,omitempty"`
	Expected string  `json:"expected,omitempty"`
	Until    string  `json:"until,omitempty"`
	Item     int     `json:"item,omitempty"` // from 1
	Outcome  Outcome `json:"outcome,omitempty"`
	Level    int     `json:"level,omitempty"`
	Told     int     `json:"told,omitempty"` // people
	Case     string  `json:"case,omitempty"`
	Reason   string  `json:"reason,omitempty"`
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func record(ctx context.Context, tx journal.Recorder, now time.Time, kind, subject, actor string, data any) error {
	ev, err := journal.NewEvent(now, kind, subject, actor, data)
	if err != nil {
		return err
	}
	return tx.Record(ctx, ev)
}

// change runs one change of a pass in one commit with its event. f may say that there is
// nothing to do by an empty kind.
func (s *Service) change(ctx context.Context, by access.Actor, pass string, f func(tx Tx, p *Pass, now time.Time) (kind string, d deed, err error)) (out *Pass, err error) {
	err = s.p.Store.UpdateTakeOuts(ctx, func(tx Tx) error {
		p, err := tx.LockPass(ctx, pass)
		if err != nil {
			return err
		}
		out = p
		now := s.now()
		kind, d, err := f(tx, p, now)
		if err != nil || kind == "" {
			return err
		}
		return s.save(ctx, tx, p, now, kind, by.Person, d)
	})
	return out, err
}

// save writes a pass with its event.
func (s *Service) save(ctx context.Context, tx Tx, p *Pass, now time.Time, kind, actor string, d deed) error {
	p.rest()
	if err := tx.SavePass(ctx, p); err != nil {
		return fmt.Errorf("save pass %s: %w", p.Label, err)
	}
	d.Label = p.Label
	return record(ctx, tx, now, kind, p.ID, actor, d)
}

// rest sets the timer to the earlier of the two that may run.
func (p *Pass) rest() {
	if !p.State.Open() {
		p.LateAt, p.DueAt = time.Time{}, time.Time{}
	}
	p.NextFire = p.LateAt
	if p.NextFire.IsZero() || !p.DueAt.IsZero() && p.DueAt.Before(p.NextFire) {
		p.NextFire = p.DueAt
	}
	p.Expected = time.Time{}
	if l := p.Leg(); l != nil {
		p.Expected = l.Expected
	}
}

// wrong says that the state of a pass does not allow what was asked, and what stands.
func wrong(p *Pass) error {
	return fault.Clash("fault.takeout_state."+string(p.State), fault.Args{"label": p.Label})
}
