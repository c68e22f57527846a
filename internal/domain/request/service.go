package request

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
)

// Bounds of what people send.
const (
	maxForm      = 16 << 10 // bytes
	maxNote      = 1000     // characters of a note, reason, question or answer
	maxWords     = 100      // questions and answers of one request
	maxRevisions = 50
	maxOpen      = 100 // requests of one person that are not over
	maxTitle     = 200 // characters
	maxKey       = 100 // bytes
	maxText      = 200 // characters to search for
)

// Tx is one transaction over requests.
type Tx interface {
	journal.Recorder
	notice.Letters
	// LockRequest reads a request, by id or label, and holds it until the transaction ends.
	LockRequest(ctx context.Context, request string) (*Request, error)
	SaveRequest(ctx context.Context, r *Request) error
	// NextRequestNumber takes the year's next number; it is used only if the request is.
	NextRequestNumber(ctx context.Context, year int) (int, error)
	RequestByKey(ctx context.Context, applicant, key string) (*Request, bool, error)
	// OpenRequestsOf counts the requests of a person that are not over.
	OpenRequestsOf(ctx context.Context, applicant string) (int, error)
	InsertRequest(ctx context.Context, r *Request, key string) error
	InsertWord(ctx context.Context, w Word) error
	// WordsIn lists the words on a request, oldest first.
	WordsIn(ctx context.Context, request string) ([]Word, error)
	// LatestChain reads the newest written chain of a kind and holds it; ok is false when
	// there is none.
	LatestChain(ctx context.Context, kind string) (c Chain, ok bool, err error)
	SaveChain(ctx context.Context, c Chain, by string, at time.Time) error
	// EraseRequest blanks the words and names of a request that is over and the content of
	// its events; its words and who was asked go.
	EraseRequest(ctx context.Context, request string, at time.Time) error
	// VerifyContact notes that a person's mail address was seen to work.
	VerifyContact(ctx context.Context, person string, at time.Time) error
}

// Store reads and changes requests.
type Store interface {
	UpdateRequests(ctx context.Context, f func(Tx) error) error
	Request(ctx context.Context, request string) (*Request, error) // by id or label
	RequestByKey(ctx context.Context, applicant, key string) (*Request, bool, error)
	Words(ctx context.Context, request string) ([]Word, error) // oldest first
	// WasAsked reports whether the person was ever asked to decide the request, or
	// somebody in their place.
	WasAsked(ctx context.Context, request, person string) (bool, error)
	FindRequests(ctx context.Context, q Find) (found []*Request, next string, err error)
	// DueRequests lists requests whose timer has run out, oldest first.
	DueRequests(ctx context.Context, now time.Time, limit int) ([]string, error)
	NextRequestDue(ctx context.Context) (time.Time, bool, error)
	Chains(ctx context.Context) ([]Chain, error) // the newest written one of each kind
	ChainVersion(ctx context.Context, kind string, version int) (Chain, error)
	LetterByID(ctx context.Context, letter string) (notice.Letter, error)
	// ExpiredRequests lists requests that ended before a time and were not erased, oldest
	// first.
	ExpiredRequests(ctx context.Context, before time.Time, limit int) ([]string, error)
}

// Find is a Query as the store is asked: on whose behalf.
type Find struct {
	Query
	Person string
}

// Parts are what a Service is made of.
type Parts struct {
	Store    Store
	People   *directory.Service
	Now      func() time.Time
	Zone     *time.Location  // the company's: the year of a number
	Calendar *jpcal.Calendar // reminders and climbs wait in working days
	Kinds    []Kind
	// Retention is how long what ended is kept; 0 keeps it for ever.
	Retention time.Duration
}

// Service is the verbs of requests.
type Service struct {
	store  Store
	people *directory.Service
	now    func() time.Time
	zone   *time.Location
	cal    *jpcal.Calendar
	kinds  []Kind

	retention time.Duration
}

// NewService makes the service. A kind whose built-in chain breaks the rules of chains,
// or two of one name, are mistakes of the program.
func NewService(p Parts) (*Service, error) {
	var names []string
	for _, k := range p.Kinds {
		if k.Check == nil || slices.Contains(names, k.Name) {
			return nil, fmt.Errorf("request kind %q: no check, or given twice", k.Name)
		}
		k.Chain.Kind = k.Name
		if err := k.Chain.Check(); err != nil {
			return nil, fmt.Errorf("request kind %q: built-in chain: %w", k.Name, err)
		}
		names = append(names, k.Name)
	}
	return &Service{store: p.Store, people: p.People, now: p.Now, zone: p.Zone, cal: p.Calendar, kinds: p.Kinds, retention: p.Retention}, nil
}

// Kinds lists the names of what can be asked for, in the order that pages show them.
func (s *Service) Kinds() []string {
	out := make([]string, len(s.kinds))
	for i, k := range s.kinds {
		out[i] = k.Name
	}
	return out
}

func (s *Service) kind(name string) (Kind, bool) {
	n := slices.IndexFunc(s.kinds, func(k Kind) bool { return k.Name == name })
	if n < 0 {
		return Kind{}, false
	}
	return s.kinds[n], true
}

// chainOf gives the chain under which a request was made.
func (s *Service) chainOf(ctx context.Context, r *Request) (Chain, error) {
	if r.Chain > 0 {
		c, err := s.store.ChainVersion(ctx, r.Kind, r.Chain)
		if err != nil {
			return Chain{}, fmt.Errorf("load chain %s %d: %w", r.Kind, r.Chain, err)
		}
		return c, nil
	}
	k, ok := s.kind(r.Kind)
	if !ok { // of a kind that the program has given up: it only ever expires
		return Chain{Kind: r.Kind, Remind: 24 * time.Hour, Climb: 48 * time.Hour, Life: 14 * 24 * time.Hour}, nil
	}
	return k.Chain, nil
}

// look gives the organisation as the applicant's request sees it now.
func (s *Service) look(ctx context.Context, applicant string) (lookout, error) {
	o, err := s.people.Org(ctx)
	if err != nil {
		return lookout{}, err
	}
	return lookout{org: o, applicant: applicant, now: s.now()}, nil
}

// change locks a request, lets f change it, and writes what came of it in one commit.
// The request may be named by id or label.
func (s *Service) change(ctx context.Context, request string, f func(ctx context.Context, tx Tx, t *turn) error) (*Request, error) {
	r, err := s.store.Request(ctx, request)
	if err != nil {
		return nil, err
	}
	chain, err := s.chainOf(ctx, r)
	if err != nil {
		return nil, err
	}
	look, err := s.look(ctx, r.By)
	if err != nil {
		return nil, err
	}
	kind, _ := s.kind(r.Kind)
	var out *Request
	err = s.store.UpdateRequests(ctx, func(tx Tx) error {
		held, err := tx.LockRequest(ctx, r.ID)
		if err != nil {
			return fmt.Errorf("lock request %s: %w", r.ID, err)
		}
		t := &turn{look: look, chain: chain, cal: s.cal, kind: kind, r: held}
		if err := f(ctx, tx, t); err != nil {
			return err
		}
		out = held
		if !t.moved && t.err == nil {
			return nil
		}
		if err := tx.SaveRequest(ctx, held); err != nil {
			return fmt.Errorf("save request %s: %w", r.ID, err)
		}
		return t.write(ctx, tx)
	})
	return out, err
}

// write writes the letters and events of a turn. What is called off is so before the new
// letters are planned.
func (t *turn) write(ctx context.Context, tx Tx) error {
	if t.err != nil {
		return t.err
	}
	topics := slices.Compact(t.callOff)
	if slices.Contains(topics, "") {
		topics = []string{""}
	}
	for _, topic := range topics {
		if err := tx.CallOff(ctx, t.r.ID, topic); err != nil {
			return fmt.Errorf("call off letters: %w", err)
		}
	}
	for _, l := range t.letters {
		if err := tx.PlanLetter(ctx, l); err != nil {
			return fmt.Errorf("plan letter: %w", err)
		}
	}
	for _, ev := range t.events {
		if err := tx.Record(ctx, ev); err != nil {
			return err
		}
	}
	return nil
}

// over says why nothing more is decided.
func over(r *Request) error {
	switch r.State {
	case Waiting:
		return nil
	case Returned:
		return fault.Clash("request.is_returned", nil)
	case Approved:
		return fault.Clash("request.is_approved", nil)
	case Refused:
		return fault.Clash("request.is_refused", nil)
	case Withdrawn:
		return fault.Clash("request.is_withdrawn", nil)
	}
	return fault.Clash("request.is_expired", nil)
}
