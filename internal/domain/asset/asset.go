// Package asset is the ledger of things: who keeps each, where it is, who has it until
// when, and what became of it; the loans; and the yearly count.
//
// The key of a thing is the company's own printed number. What a USB stick says about
// itself is an attribute that may be missing, shared or forged (see Identity).
package asset

import (
	"slices"
	"time"
)

// Kind is one kind of thing.
type Kind string

// The kinds.
const (
	USBMemory    Kind = "usb_memory"
	ExternalDisk Kind = "external_disk"
	SDCard       Kind = "sd_card"
	PC           Kind = "pc"
	Phone        Kind = "phone"
	WireLock     Kind = "wire_lock"
	Locker       Kind = "locker"
	DocumentCase Kind = "document_case"
)

// Kinds lists them in the order of the pages.
func Kinds() []Kind {
	return []Kind{USBMemory, ExternalDisk, SDCard, PC, Phone, WireLock, Locker, DocumentCase}
}

// Encryptions lists them.
func Encryptions() []Encryption {
	return []Encryption{EncryptionUnknown, NotEncrypted, BySoftware, ByHardware}
}

// Strengths lists them, best first.
func Strengths() []Strength { return []Strength{Strong, Fair, Weak, Unknown, NoMedium} }

// Valid reports whether k is known.
func (k Kind) Valid() bool { return slices.Contains(Kinds(), k) }

// Medium reports whether a PC can read data from it: what is lent for one PC and what the
// guard on the PC knows.
func (k Kind) Medium() bool { return k == USBMemory || k == ExternalDisk || k == SDCard }

// State is where a thing stands. Overdue follows from the loan and the time (Asset.At).
type State string

// The states.
const (
	InStore  State = "in_store"
	Lent     State = "lent"
	Overdue  State = "overdue" // derived, never stored
	Lost     State = "lost"
	InRepair State = "in_repair"
	Disposed State = "disposed"
)

// States lists them.
func States() []State { return []State{InStore, Lent, Overdue, Lost, InRepair, Disposed} }

// Encryption says how the content is protected, as the ledger knows it.
type Encryption string

// The kinds of protection.
const (
	EncryptionUnknown Encryption = "unknown"
	NotEncrypted      Encryption = "none"
	BySoftware        Encryption = "software" // BitLocker To Go, LUKS, …
	ByHardware        Encryption = "hardware" // the medium's own
)

// Identity is what a medium says of itself, and the token that we have written onto it.
type Identity struct {
	Vendor   string // USB vendor id, 4 hex digits
	Product  string // USB product id, 4 hex digits
	Serial   string // as the medium gives it; "" for none
	Capacity int64  // bytes, as the medium gives it
	Volume   string // volume id of its file system
	Token    string // id of the token on it (wire.MediumToken); "" while it has none
	ReadAt   time.Time
	ReadOn   string // device id of the PC that read it
}

// Strength is how well a medium can be told from every other.
type Strength string

// The strengths.
const (
	Strong   Strength = "strong"   // a token of ours, and a serial that no other has
	Fair     Strength = "fair"     // a token of ours, but no serial of its own
	Weak     Strength = "weak"     // no token: anybody's stick of that model may pass for it
	Unknown  Strength = "unknown"  // never read by a PC
	NoMedium Strength = "nomedium" // not a thing that a PC reads
)

// Asset is one thing of the ledger.
type Asset struct {
	ID         string // ast_…
	Number     string // our own, printed on its label: the key people use
	Kind       Kind
	Model      string
	Capacity   int64 // bytes, as bought; 0 for none
	Encryption Encryption
	Identity   Identity
	SerialTwin bool   // another thing of the ledger has the same vendor, product and serial
	Department string // department id: whose it is
	Keeper     string // person id: required
	Place      string
	Note       string
	State      State
	Since      time.Time // of the state
	Loan       string    // id of the loan that it is out on, until content and erasure are confirmed; "" for none
	Borrower   string    // person id: who has it; "" for nobody
	Due        time.Time // when the borrower's time ends; zero without one
	Created    time.Time
	Changed    time.Time
	Version    int64 // grows with each change: what a form was made from
	Disposal   *Disposal
}

// At is the state at a moment: what is lent and past its end is overdue.
func (a Asset) At(now time.Time) State {
	if a.State == Lent && !a.Due.IsZero() && !now.Before(a.Due) {
		return Overdue
	}
	return a.State
}

// Strength says how well the thing is known.
func (a Asset) Strength() Strength {
	switch {
	case !a.Kind.Medium():
		return NoMedium
	case a.Identity.ReadAt.IsZero():
		return Unknown
	case a.Identity.Token == "":
		return Weak
	case a.Identity.Serial == "" || a.SerialTwin:
		return Fair
	}
	return Strong
}

// Disposal is how a thing was put out of use: asked by one person, confirmed by another.
type Disposal struct {
	Method      string // "erased", "destroyed", "returned_to_lessor", "handed_to_disposer"
	Note        string
	Proof       string // id of the photo or certificate
	By          string
	At          time.Time
	ConfirmedBy string
	ConfirmedAt time.Time
}

// Methods lists how a thing can be put out of use.
func Methods() []string {
	return []string{"erased", "destroyed", "returned_to_lessor", "handed_to_disposer"}
}

// Open reports whether a second person has yet to confirm.
func (d *Disposal) Open() bool { return d != nil && d.ConfirmedBy == "" }

// Photo is a picture or a paper that belongs to a thing.
type Photo struct {
	ID     string // pho_…
	Asset  string
	Name   string
	Type   string // media type
	Size   int64
	SHA256 [32]byte
	Blob   string
	By     string
	At     time.Time
}
