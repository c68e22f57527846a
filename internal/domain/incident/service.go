package incident

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/fault"
)

// Tx is one transaction over cases.
type Tx interface {
	notice.CaseTx
	codeTx
	talkTx
	relationTx
	lessonTx
	mailTx
	boxTx
	IncidentByKey(ctx context.Context, reporter, key string) (*Incident, bool, error)
	NextNumber(ctx context.Context, year int) (int, error)
	InsertIncident(ctx context.Context, i *Incident) error
	LockIncident(ctx context.Context, incident string) (*Incident, error)
	SaveIncident(ctx context.Context, i *Incident) error
	InsertEntry(ctx context.Context, e Entry) error
	InsertEvidence(ctx context.Context, e Evidence) error
	// EvidenceOnce finds the file of a case by its Once.
	EvidenceOnce(ctx context.Context, incident, once string) (Evidence, bool, error)
	SaveSteps(ctx context.Context, s Steps) error
	// EraseIncident blanks the words of a case, its entries and evidence names, and
	// the content of its journal events, and gives the blobs to delete.
	EraseIncident(ctx context.Context, incident string, at time.Time) (blobs []string, err error)
}

// Store reads and changes cases.
type Store interface {
	codeStore
	talkStore
	relationStore
	lessonStore
	mailStore
	drillStore
	boxStore
	UpdateIncidents(ctx context.Context, f func(Tx) error) error
	Incident(ctx context.Context, incident string) (*Incident, error) // by id or label
	Entries(ctx context.Context, incident string) ([]Entry, error)
	EvidenceOf(ctx context.Context, incident string) ([]Evidence, error)
	EvidenceByID(ctx context.Context, evidence string) (Evidence, error)
	History(ctx context.Context, incident string) ([]journal.Event, error)
	Find(ctx context.Context, q Query) (Page, error)
	Count(ctx context.Context, since time.Time) ([]Tally, error)
	AllSteps(ctx context.Context) ([]Steps, error) // the newest version of each edited kind
	StepsVersion(ctx context.Context, k Kind, version int) (Steps, error)
	Expired(ctx context.Context, closedBefore time.Time, limit int) ([]string, error)
}

// Blobs keeps evidence outside the database. Put must be durable when it returns;
// Delete of what is not there is no error.
type Blobs interface {
	Put(ctx context.Context, key string, r io.Reader) error
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	Delete(ctx context.Context, key string) error
}

// Service is the verbs of a case.
type Service struct {
	store   Store
	blobs   Blobs
	people  *directory.Service
	notices *notice.Service
	tracks  notice.Store
	now     func() time.Time
	zone    *time.Location
	limits  Limits
	codes   Codes

	mu    sync.Mutex
	steps map[Kind]Steps // newest lists; guarded by mu
}

// Limits bound what is kept with a case. Zero fields take the defaults.
type Limits struct {
	File      int64         // bytes of one file; default 25 MiB
	Case      int64         // bytes of all files of a case; default 500 MiB
	Retention time.Duration // a closed case is erased after this; default 5 years
}

// Parts are what a Service is made of.
type Parts struct {
	Store   Store
	Blobs   Blobs
	People  *directory.Service
	Notices *notice.Service
	Tracks  notice.Store
	Now     func() time.Time
	Zone    *time.Location // the company's
	Limits  Limits
	Codes   Codes // of those who report without an account
}

// NewService makes the service and loads the first-response lists.
func NewService(ctx context.Context, p Parts) (*Service, error) {
	if p.Limits.File == 0 {
		p.Limits.File = 25 << 20
	}
	if p.Limits.Case == 0 {
		p.Limits.Case = 500 << 20
	}
	if p.Limits.Retention == 0 {
		p.Limits.Retention = 5 * 365 * 24 * time.Hour
	}
	s := &Service{store: p.Store, blobs: p.Blobs, people: p.People, notices: p.Notices, tracks: p.Tracks, now: p.Now, zone: p.Zone, limits: p.Limits, codes: p.Codes}
	return s, s.ReloadSteps(ctx)
}

// Limits gives the limits in force.
func (s *Service) Limits() Limits { return s.limits }

// ReloadSteps reads the first-response lists again, as another server may have
// changed them.
func (s *Service) ReloadSteps(ctx context.Context) error {
	edited, err := s.store.AllSteps(ctx)
	if err != nil {
		return fmt.Errorf("load first-response lists: %w", err)
	}
	lists := map[Kind]Steps{}
	for _, k := range Kinds() {
		lists[k] = DefaultSteps(k)
	}
	for _, l := range edited {
		lists[l.Kind] = l
	}
	s.mu.Lock()
	s.steps = lists
	s.mu.Unlock()
	return nil
}

func (s *Service) stepVersion(k Kind) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.steps[k].Version
}

// StepLists gives the newest list of each kind.
func (s *Service) StepLists() map[Kind]Steps {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.steps)
}

// Case is all that one actor may see of a case.
type Case struct {
	*Incident
	Sight    Sight
	Entries  []Entry
	Evidence []Evidence
	Steps    Steps
	Tracks   []notice.Track
	Told     []notice.Told
	Attempts []notice.Attempt
	History  []journal.Event // for readers and workers

	Unread     int         // messages of the other side that the actor has not read
	Heard      time.Time   // until when the other side has read the talk
	Main       string      // number of the case that this one goes on as; "" for a case of its own
	Related    []Relative  // those that the actor may read; for readers and workers
	Duplicates []Duplicate // what goes on as this case; for readers and workers
}

// Case loads a case by id or label, cut down to what the actor may see. A case that
// the actor may not see looks as if it did not exist.
func (s *Service) Case(ctx context.Context, by access.Actor, incident string) (*Case, error) {
	if by.Person == "" {
		return nil, by.May(access.Report)
	}
	i, err := s.store.Incident(ctx, incident)
	if err != nil {
		return nil, err
	}
	o, err := s.people.Org(ctx)
	if err != nil {
		return nil, err
	}
	c := &Case{Incident: i}
	if c.Tracks, c.Told, c.Attempts, err = s.tracks.TracksOf(ctx, i.ID); err != nil {
		return nil, fmt.Errorf("load tracks of %s: %w", i.ID, err)
	}
	c.Sight = SightOf(by, i, o, c.Told)
	if err := s.main(ctx, by, o, c); err != nil {
		return nil, err
	}
	if c.Sight == Blind {
		return nil, fault.Missing("incident")
	}
	if c.Entries, err = s.store.Entries(ctx, i.ID); err != nil {
		return nil, fmt.Errorf("load entries of %s: %w", i.ID, err)
	}
	if c.Evidence, err = s.store.EvidenceOf(ctx, i.ID); err != nil {
		return nil, fmt.Errorf("load evidence of %s: %w", i.ID, err)
	}
	if err := s.heard(ctx, by, c); err != nil {
		return nil, err
	}
	if c.Sight < AsReader {
		c.Entries = slices.DeleteFunc(c.Entries, func(e Entry) bool { return e.Internal })
		c.Evidence = slices.DeleteFunc(c.Evidence, func(e Evidence) bool { return !c.added(by, e) })
		c.Attempts = nil
		if by.Via == access.ByCode {
			c.forOutsider()
		}
		return c, nil
	}
	if c.Steps, err = s.stepsOf(ctx, i); err != nil {
		return nil, err
	}
	if c.History, err = s.store.History(ctx, i.ID); err != nil {
		return nil, fmt.Errorf("load history of %s: %w", i.ID, err)
	}
	return c, s.relatives(ctx, by, o, c)
}

func (s *Service) stepsOf(ctx context.Context, i *Incident) (Steps, error) {
	if i.StepList <= 1 {
		return DefaultSteps(i.Kind), nil
	}
	l, err := s.store.StepsVersion(ctx, i.Kind, i.StepList)
	if err != nil {
		return Steps{}, fmt.Errorf("load first-response list: %w", err)
	}
	return l, nil
}

// work runs one change of a case by someone who may see it, in one commit with its
// event. need is the sight that the verb asks for.
func (s *Service) work(ctx context.Context, by access.Actor, incident string, need Sight, f func(Tx, *Incident) (journal.Event, error)) error {
	c, err := s.Case(ctx, by, incident)
	if err != nil {
		return err
	}
	if err := mayChange(by, c, need); err != nil {
		return err
	}
	return s.store.UpdateIncidents(ctx, func(tx Tx) error {
		i, err := tx.LockIncident(ctx, c.ID)
		if err != nil {
			return fmt.Errorf("lock incident %s: %w", c.ID, err)
		}
		ev, err := f(tx, i)
		if err != nil {
			return err
		}
		return tx.Record(ctx, ev)
	})
}

// mayChange is nil when the actor may change the case as a verb needs it: who works on
// it may; the finder and the reporter may add to their own. Others who read may not.
func mayChange(by access.Actor, c *Case, need Sight) error {
	own := c.Owns(by)
	switch {
	case !c.ErasedAt.IsZero(): // nothing would ever erase what is added now
		return fault.Clash("fault.case_not_open", nil)
	case by.Via == access.ByMail && need > AsFinder:
		return fault.Deny(string(access.WorkCases))
	case c.Sight == AsWorker:
		return nil
	case own && need <= AsFinder && !inScope(by, access.Report):
		return fault.New(fault.Denied, "fault.scope", fault.Args{"permission": string(access.Report)})
	case own && need <= AsFinder:
		return nil
	case by.Has(access.Auditor):
		return fault.New(fault.Denied, "fault.auditor_readonly", nil)
	}
	return fault.Deny(string(access.WorkCases))
}

// blobKey names a piece of evidence by its own random id, never by what was typed.
func blobKey(incident, evidence string) string { return incident + "/" + evidence }

// digest reads at most limit bytes of r and gives size and SHA-256 as they pass.
type digest struct {
	r     io.Reader
	left  int64
	size  int64
	sum   interface{ Sum([]byte) []byte }
	write func([]byte) (int, error)
}

func newDigest(r io.Reader, limit int64) *digest {
	h := sha256.New()
	return &digest{r: r, left: limit, sum: h, write: h.Write}
}

// Read passes bytes on and counts them; more than the limit is a fault.
func (d *digest) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	d.size += int64(n)
	if d.left -= int64(n); d.left < 0 {
		return 0, fault.New(fault.TooLarge, "fault.file_too_large", nil)
	}
	d.write(p[:n]) // a hash never fails
	return n, err
}
