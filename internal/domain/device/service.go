package device

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

// Record is a device as the store keeps it: also what no view shows.
type Record struct {
	Device
	Secret   []byte    // of release codes, sealed
	Document string    // the newest desired state, signed
	Basis    string    // hash of what the document says beside the isolation
	Issued   time.Time // of the document
	Seq      int64     // of the newest facts
	Heard              // what the device's facts have led to
}

// Hearing is what the store knows of a device that tells something which no rule acts upon.
type Hearing struct {
	Refused bool
	Seq     int64 // of the newest facts
	Told    int   // facts that it has told so far
}

// Heard is what was made of a device's facts, so that each thing is recorded once.
type Heard struct {
	Undone    int64     // times that somebody took its rules away, as last recorded
	UndoneAt  time.Time // when that was recorded
	Failure   string    // the order and the problems that were last recorded as failing
	Failures  int       // recorded for the order in force
	Release   string    // names the last release by code that it told of
	UnknownAt time.Time // when a code that nobody gave out was last recorded
}

// Challenge is one release code that was given out.
type Challenge struct {
	ID      string
	Hash    [32]byte // of device and challenge
	Device  string
	By      string // who read the code out
	Reason  string
	At      time.Time
	Expires time.Time // until then the same code can be had again
	Used    time.Time // when the device told so
}

// Infection is a report that a PC has sent.
type Infection struct {
	Device   string
	Key      string
	Order    string
	At       time.Time
	Incident string // empty until the case is stored
	Label    string
}

// Evidence is a file that a device has added to its case.
type Evidence struct {
	Device string
	Key    string // of the infection report
	Name   string
	Size   int64
	SHA256 [32]byte
	At     time.Time
}

// Tx is one transaction over devices. What is not there is a fault of kind NotFound
// unless a bool says so.
type Tx interface {
	journal.Recorder
	InsertEnrolment(ctx context.Context, t Token) error
	LockEnrolment(ctx context.Context, token string) (Token, error)
	LockEnrolmentByHash(ctx context.Context, hash [32]byte) (Token, bool, error)
	SaveEnrolment(ctx context.Context, t Token) error

	HasDevice(ctx context.Context, device string) (bool, error)
	InsertDevice(ctx context.Context, r *Record) error
	// LockDevice reads a device with its newest order and holds it until the end.
	LockDevice(ctx context.Context, device string) (*Record, error)
	// SaveDesired writes the desired state and the refusal, and wakes whoever watches
	// the device.
	SaveDesired(ctx context.Context, r *Record) error
	// SaveHeard writes what the device told.
	SaveHeard(ctx context.Context, r *Record) error
	// SaveSeen writes of what the device told only its number and when it was heard.
	SaveSeen(ctx context.Context, device string, seq int64, at time.Time) error

	InsertOrder(ctx context.Context, o Order) error
	SaveOrder(ctx context.Context, o Order) error

	CountFacts(ctx context.Context, device string) (int, error)
	FactsNamed(ctx context.Context, device string, names []string) ([]Fact, error)
	// SaveFact keeps a fact, unless the one of its name says the same.
	SaveFact(ctx context.Context, device string, f Fact) error

	InsertChallenge(ctx context.Context, c Challenge) error
	ChallengeByHash(ctx context.Context, hash [32]byte) (Challenge, bool, error)
	SaveChallenge(ctx context.Context, c Challenge) error
	// CountChallenges counts the codes given since a time for a device and by a person.
	CountChallenges(ctx context.Context, device, by string, since time.Time) (ofDevice, ofPerson int, err error)

	InfectionByKey(ctx context.Context, device, key string) (Infection, bool, error)
	SaveInfection(ctx context.Context, i Infection) error // inserts or replaces
	// CountInfections counts the reports of a device since a time.
	CountInfections(ctx context.Context, device string, since time.Time) (int, error)
	// LinkOrder names the case that an order belongs to.
	LinkOrder(ctx context.Context, order, incident string) error
	// AllowedMedia gives the media that a device's guard lets work, and the registration
	// that it is to carry out; nil for none.
	AllowedMedia(ctx context.Context, device string, now time.Time) ([]wire.Medium, *wire.Registration, error)
	// InsertDeviceEvidence reports whether the file was not there yet.
	InsertDeviceEvidence(ctx context.Context, e Evidence) (first bool, err error)
}

// Store reads and changes devices.
type Store interface {
	UpdateDevices(ctx context.Context, f func(Tx) error) error
	// Hear is UpdateDevices for a device that tells something: it holds what the device
	// told until the end, and asks for many that tell at the same time with one question.
	Hear(ctx context.Context, device string, f func(Tx, Hearing) error) error
	Enrolments(ctx context.Context) ([]Token, error) // newest first
	Device(ctx context.Context, device string) (*Record, error)
	// DeviceKey reads of a device only what every request of it needs.
	DeviceKey(ctx context.Context, device string) (key ed25519.PublicKey, refused bool, err error)
	FindDevices(ctx context.Context, q Query) ([]Device, error) // newest enrolment first
	DevicesOfCase(ctx context.Context, incident string) ([]string, error)
	Facts(ctx context.Context, device string) ([]Fact, error)
	// UnreadFacts gives what some devices could not read of themselves, by device and name.
	UnreadFacts(ctx context.Context, devices []string) (map[string][]Fact, error)
	Orders(ctx context.Context, device string, limit int) ([]Order, error) // newest first
	// Versions gives the newest version of each device that is not refused.
	Versions(ctx context.Context, devices []string) (map[string]int64, error)
	// Bases gives id, person, basis and issue time of up to limit devices that are not
	// refused, by id, after one.
	Bases(ctx context.Context, after string, limit int) ([]Base, error)
	EvidenceOfInfection(ctx context.Context, device, key string) ([]Evidence, error)
	// EvidenceBytes gives how many bytes of evidence a device has added since a time.
	EvidenceBytes(ctx context.Context, device string, since time.Time) (int64, error)
	Infection(ctx context.Context, device, key string) (Infection, bool, error)
	// SetPresence notes which devices have come to and gone from a server. A device
	// that has come to another server meanwhile stays online.
	SetPresence(ctx context.Context, server string, on, off []string, at time.Time) error
	ClearPresence(ctx context.Context, server string, at time.Time) error
}

// Base is what a device's document was made from.
type Base struct {
	Device string
	Person string
	Basis  string
	Issued time.Time
}

// Keyring signs what devices obey.
type Keyring interface {
	Signers() []note.Signer // at least one; the first is the newest
	Verifiers() []string    // keys in the note form, for a PC that enrols
	Changes() []string      // signed key changes and retirements, oldest first
}

// Vault seals small secrets at rest, each bound to a name.
type Vault interface {
	Seal(name string, secret []byte) ([]byte, error)
	Open(name string, sealed []byte) ([]byte, error)
}

// Cases is what devices need of the cases. The actor of the first two is the device's
// person, come by access.ByDevice.
type Cases interface {
	// ReportInfection stores a report once for each in.Key, whatever else the repeat says.
	ReportInfection(ctx context.Context, by access.Actor, in wire.Infection, dev Device) (id, label string, err error)
	// AddEvidence keeps a file once for each f.Once and gives what is kept.
	AddEvidence(ctx context.Context, by access.Actor, incident string, f File) (sha256 [32]byte, size int64, err error)
	// Sees reports whether the actor may see the case.
	Sees(ctx context.Context, by access.Actor, incident string) (bool, error)
}

// File is one that a device adds to a case.
type File struct {
	Once  string // names it among those of the case
	Name  string
	Media string // MIME type
	Body  io.Reader
}

// Parts are what a Service is made of.
type Parts struct {
	Store   Store
	People  *directory.Service
	Now     func() time.Time
	Keys    Keyring
	Secrets Vault
	Servers func() []wire.Server // the pinned addresses of this server, as they are now
	Company string
	Cases   Cases
	Random  io.Reader
	// Guards gives the mode of the guards, as it is now, on the PCs of a department, whose
	// line upwards begins with itself. nil: PCs are told nothing of media.
	Guards func(ctx context.Context) (func(line []string) wire.GuardMode, error)
}

// Service is the verbs of devices.
type Service struct{ p Parts }

// NewService makes the service.
func NewService(p Parts) *Service { return &Service{p: p} }

func (s *Service) now() time.Time { return s.p.Now().UTC().Truncate(time.Microsecond) }

// KeyChanges gives the signed key changes and retirements, for devices that trust an older key.
func (s *Service) KeyChanges() []string { return s.p.Keys.Changes() }

// refused is what a device hears whose key was refused.
func refused() error { return fault.New(fault.Denied, "fault.device_refused", nil) }

// record writes an event whose subject is the device.
func (s *Service) record(ctx context.Context, tx Tx, at time.Time, kind, subject, actor string, data any) error {
	ev, err := journal.NewEvent(at, kind, subject, actor, data)
	if err != nil {
		return err
	}
	if err := tx.Record(ctx, ev); err != nil {
		return fmt.Errorf("record %s: %w", kind, err)
	}
	return nil
}

// Topic is told to live pages when devices said something; a device's own id is told
// when its desired state changed.
const Topic = "devices"

// OnlyHeard reports whether a change of these subjects is only what devices said, so
// that nobody else has work. nil means that anything may have changed.
func OnlyHeard(subjects []string) bool {
	for _, s := range subjects {
		if s != Topic {
			return false
		}
	}
	return len(subjects) > 0
}
