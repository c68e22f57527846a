// Package device is the rules of enrolled PCs: who may enrol one, what each must be (the
// desired state, signed and numbered), who isolates and releases it, and what is made of
// the things that it says about itself.
//
// What a device says is a claim: it is bounded, cleaned and shown as such, and never
// changes anything but the device's own picture.
package device

import (
	"crypto/ed25519"
	"encoding/json"
	"time"

	"sekimori/internal/kit/wire"
)

// Token lets one PC enrol, once, for a person.
type Token struct {
	ID      string
	Hash    [32]byte // SHA-256 of the secret, which is shown once and kept nowhere
	Person  string   // person id: whom the PC is bound to
	Note    string
	By      string // who made it
	Created time.Time
	Expires time.Time
	Used    time.Time // zero while it waits
	Device  string    // that used it
	Revoked time.Time
}

// Open reports whether the token still enrols a device.
func (t Token) Open(at time.Time) bool {
	return t.Used.IsZero() && t.Revoked.IsZero() && at.Before(t.Expires)
}

// NewToken is what an administrator asks a token for.
type NewToken struct {
	Person string
	Life   time.Duration // 0 for an hour; at most MaxTokenLife
	Note   string
}

// Device is one enrolled PC.
type Device struct {
	ID         string // wire.DeviceID of its key
	Key        ed25519.PublicKey
	Person     string // person id: whom it is bound to
	Name       string // the PC's own name for itself: a claim
	System     string // "linux/amd64": a claim
	Agent      string // version: a claim
	EnrolledAt time.Time
	EnrolledBy string // who made the token
	RefusedAt  time.Time
	RefusedBy  string
	RefusedWhy string
	Online     bool // holds a stream at one of the servers
	Seen       time.Time
	Desired    int64 // newest version of its desired state
	Applied    int64 // the version that it says is in force
	DryRun     bool  // only says what it would do: a claim
	Privileged bool  // may change the firewall: a claim
	Presses    int64 // presses of "infected" at the PC that the server knows of
	Isolation  Isolation
}

// Failing reports that the PC says that it cannot isolate itself, or that an isolation
// was not proven within Patience. A dry run fails at nothing.
func (d Device) Failing(at time.Time) bool {
	i := d.Isolation
	if d.DryRun || i.Fact.DryRun {
		return false
	}
	return i.Fact.State == wire.IsolationFailing || i.Wanted && i.Order.Proven.IsZero() && at.Sub(i.Order.Requested) > Patience
}

// Isolation is how a device stands to the network.
type Isolation struct {
	Wanted bool
	Order  Order // the newest; zero when there never was one
	Fact   wire.IsolationFact
	FactAt time.Time // the server's clock; zero when the device never told
}

// Requested is when the order in force was given; zero when none is.
func (i Isolation) Requested() time.Time { return i.Order.Requested }

// Applied is when the server heard that the order stands on the PC; zero until then.
func (i Isolation) Applied() time.Time { return i.Order.Applied }

// Proven is when the server heard that the PC's probes agree; zero until then.
func (i Isolation) Proven() time.Time { return i.Order.Proven }

// Patience is how long an ordered isolation may stay unproven before it counts as failing.
const Patience = time.Minute

// OrderKind says what an order asks for.
type OrderKind string

// The kinds of orders.
const (
	Isolate OrderKind = "isolate"
	Release OrderKind = "release"
)

// Doors by which an order came.
const (
	ViaConsole = "console"
	ViaCase    = "case"
	ViaReport  = "report" // the person's own report in the browser
	ViaPC      = "pc"     // "infected" was pressed at the PC
	ViaCode    = "code"   // a code read out over the telephone
	ViaAPI     = "api"
)

// Order is one change of what a device must be.
type Order struct {
	ID         string
	Device     string
	Kind       OrderKind
	By         string // person id; the device's id for a press at the PC
	Via        string
	Reason     string
	Incident   string // case id; empty for readers who may not see the case
	Wifi       bool   // Wi-Fi off even when the server is reached through it
	Local      int64  // the newest press at the PC that the order knows of
	Requested  time.Time
	Applied    time.Time // the server's clock, when it heard; zero until then
	Proven     time.Time
	PCApplied  time.Time // the PC's clock: a claim
	PCProven   time.Time
	Superseded bool  // a newer order was given
	Version    int64 // of the desired state that carries it
}

// Fact is one thing that a device has told of itself, or why it could not be read.
type Fact struct {
	Name   string
	Value  json.RawMessage // compact JSON; nil when it could not be read
	Unread string
	At     time.Time // the PC's clock: a claim
	Heard  time.Time // the server's
}

// View is a device with all that a page shows of it.
type View struct {
	Device
	PersonName string
	Facts      []Fact  // by name; in lists only those that could not be read
	Orders     []Order // newest first; nil in lists
}

// States that a list can be narrowed to.
const (
	StateIsolated = "isolated" // ordered, or still so
	StateFailing  = "failing"
	StateOffline  = "offline"
	StateRefused  = "refused"
)

// Query chooses devices. Zero fields choose every device that is not refused.
type Query struct {
	Text   string // part of the PC's name, its id or its person's name
	Person string // person id
	State  string // one of the states, or ""
	After  string // cursor: id of the last row of the page before
	Limit  int    // 1–200; default 50

	// Filled by the service, never from outside.
	People []string  // whose names hold Text
	Now    time.Time // for StateFailing
}

// Page is one page of a list, newest enrolment first.
type Page struct {
	Rows []View
	Next string // cursor; "" on the last page
}

// Ask is what an isolation is ordered with.
type Ask struct {
	Reason   string
	Incident string // case id; the actor must be able to see the case
	Via      string // ViaConsole, ViaCase, ViaReport or ViaAPI; "" is found from the actor
	Wifi     bool
}
