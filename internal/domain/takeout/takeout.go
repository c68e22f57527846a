// Package takeout is what leaves the building: it is asked for, allowed by name, carried
// with a pass, and accounted for. Nothing may be taken out unless an approved application
// names it; paper counts like files.
//
// An approval becomes one carry pass (携行票). The carrier presses it at each leg of the way;
// when they are late, they are asked, then their superior, then those above. A press on
// "lost" files the case with the whole list in one commit. What comes back, is destroyed or
// stays with its receiver is confirmed by another person than the carrier.
package takeout

import (
	"slices"
	"time"
)

// KindTakeOut names the application.
const KindTakeOut = "take_out"

// ItemKind says what sort of thing is taken out.
type ItemKind string

// The sorts.
const (
	Files    ItemKind = "files"    // named by hand; Count of them
	Listed   ItemKind = "manifest" // the files of the manifest, as one item
	Paper    ItemKind = "paper"    // Count copies under one title
	OfLedger ItemKind = "thing"    // a medium or PC of the ledger
)

// Item is one thing that is taken out.
type Item struct {
	Kind   ItemKind `json:"kind"`
	Name   string   `json:"name,omitempty"`   // of the files, the paper's title, the model of a thing
	Count  int      `json:"count"`            // files or copies; 1 of a thing
	Number string   `json:"number,omitempty"` // in the ledger
	Asset  string   `json:"asset,omitempty"`  // its id there
	Thing  string   `json:"thing,omitempty"`  // its kind there
	Bytes  int64    `json:"bytes,omitempty"`  // of the manifest
}

// Way says how something is carried.
type Way string

// The ways.
const (
	OnFoot     Way = "foot" // by hand, on foot or by public transport
	ByCar      Way = "car"
	Courier    Way = "courier"
	Post       Way = "post"
	Electronic Way = "electronic"
)

// Ways lists them in the order of the pages.
func Ways() []Way { return []Way{OnFoot, ByCar, Courier, Post, Electronic} }

// Owners lists whose data something may be.
func Owners() []string { return []string{"customers", "employees", "partners", "other"} }

// Kinds of personal data that have a meaning of their own here. The others are known by
// name alone.
const (
	MyNumber     = "my_number"
	PaymentCard  = "payment_card"
	LoginPayment = "login_payment" // an id and password with which somebody can pay
	Sensitive    = "sensitive"     // 要配慮個人情報
	NoPersonal   = "none"
)

// Kinds lists the kinds of personal data in the order of the pages.
func Kinds() []string {
	return []string{"name", "address", "phone", "mail", "birth_date", MyNumber, "driver_licence", "passport", "residence_card",
		"pension", "health_insurance", "bank_account", "yucho", PaymentCard, LoginPayment, Sensitive, NoPersonal}
}

// Certainty says how well the number of people is known.
type Certainty string

// The certainties.
const (
	Known     Certainty = "known"
	Estimated Certainty = "estimated"
	Unknown   Certainty = "unknown"
)

// Certainties lists them.
func Certainties() []Certainty { return []Certainty{Known, Estimated, Unknown} }

// Form is the application.
type Form struct {
	Items     []Item    `json:"items"`
	Purpose   string    `json:"purpose"`
	To        string    `json:"where"`
	Way       Way       `json:"way"`
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"`
	Owners    []string  `json:"owners,omitempty"` // whose data
	Kinds     []string  `json:"kinds"`            // of personal data; NoPersonal alone for none
	People    int       `json:"headcount,omitempty"`
	Certainty Certainty `json:"certainty"`
	Manifest  string    `json:"manifest,omitempty"` // id of a manifest of the applicant
	// SHA256 and Most come from the manifest when the form is checked: what it holds is so
	// part of what is approved. Most is the largest number of people that one file names.
	SHA256 string `json:"manifest_sha256,omitempty"`
	Most   int    `json:"manifest_people,omitempty"`
}

// Facts are what a loss of it all would be judged by.
func (f Form) Facts() Facts {
	x := Facts{Kinds: f.Kinds, People: f.People, Certainty: f.Certainty}
	if x.Certainty != Unknown && f.Most > x.People { // a file names more people than were said
		x.People, x.Certainty = f.Most, Estimated
	}
	return x
}

// State is where a pass stands.
type State string

// The states.
const (
	Ready     State = "ready"     // made; not left yet
	Moving    State = "moving"    // on the way
	There     State = "there"     // arrived where it goes
	Home      State = "home"      // straight home; the next leg is on the next working day
	Office    State = "office"    // back; what was carried is to be confirmed
	Closed    State = "closed"    // every item is accounted for
	Lost      State = "lost"      // reported as a case
	Cancelled State = "cancelled" // not taken out after all
	Lapsed    State = "lapsed"    // its time passed before anybody left
)

// States lists them.
func States() []State {
	return []State{Ready, Moving, There, Home, Office, Closed, Lost, Cancelled, Lapsed}
}

// Out reports whether somebody has things outside, or back and not confirmed.
func (s State) Out() bool { return s == Moving || s == There || s == Home || s == Office }

// Open reports whether anything more is to happen.
func (s State) Open() bool { return s == Ready || s.Out() }

// Place is where a leg leads.
type Place string

// The places.
const (
	ToThere  Place = "destination"
	ToHome   Place = "home"
	ToOffice Place = "office"
)

// Places lists them in the order of the pages.
func Places() []Place { return []Place{ToThere, ToOffice, ToHome} }

// Leg is one stretch of the way.
type Leg struct {
	To       Place     `json:"to"`
	Goal     string    `json:"goal,omitempty"` // in words, of a destination
	Left     time.Time `json:"left"`
	Expected time.Time `json:"expected"`
	Delays   int       `json:"delays,omitempty"` // times that the carrier said to be late
	Arrived  time.Time `json:"arrived,omitzero"`
}

// Outcome says what became of an item.
type Outcome string

// The outcomes.
const (
	Returned  Outcome = "returned"  // seen to be back
	Destroyed Outcome = "destroyed" // Note says how
	Given     Outcome = "given"     // stays with its receiver, whom Note names
)

// Outcomes lists them.
func Outcomes() []Outcome { return []Outcome{Returned, Destroyed, Given} }

// Account is what another person than the carrier confirmed of one item.
type Account struct {
	Item    int       `json:"item"` // place in Form.Items
	Outcome Outcome   `json:"outcome"`
	Note    string    `json:"note,omitempty"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
}

// Pass is one carry pass.
type Pass struct {
	ID         string // tko_…
	Label      string // TKO-2026-0001
	Request    string // the approved application that it has used up
	Person     string // the carrier
	Department string // the carrier's, when it was made
	State      State
	Made       time.Time
	Over       time.Time // nothing more happens to it since then
	Incident   string    // id of the case that was filed for its loss
	ErasedAt   time.Time // when it was forgotten who carried what; zero while it is known
	NextFire   time.Time // durable timer: the earlier of LateAt and DueAt; zero when it rests
	Expected   time.Time // arrival of the open leg; zero when there is none
	Until      time.Time // as Form.Until
	Body
}

// Body is what of a pass is looked at only with the pass.
type Body struct {
	Form      Form      `json:"form"`
	Approvers []string  `json:"approvers,omitempty"`
	Step      int       `json:"step"`         // grows with each press of the carrier, from 1
	Last      string    `json:"last"`         // the press that led to Step
	Case      string    `json:"case"`         // number of the case of its loss
	Legs      []Leg     `json:"legs"`         //
	Accounts  []Account `json:"accounts"`     //
	LateAt    time.Time `json:"late_at"`      // next question about the open leg, or morning after a night at home
	LateLevel int       `json:"late_level"`   // questions of the open leg so far
	DueAt     time.Time `json:"due_at"`       // the end, and then each working day
	DueLevel  int       `json:"due_level"`    // 1: the superior was told, 2: the protection managers too
	Why       string    `json:"why,omitzero"` // of a cancellation
}

// Leg is the open leg; nil when there is none.
func (p *Pass) Leg() *Leg {
	if n := len(p.Legs); n > 0 && p.State == Moving {
		return &p.Legs[n-1]
	}
	return nil
}

// Late reports whether the carrier should have arrived.
func (p *Pass) Late(now time.Time) bool {
	return p.State == Moving && !now.Before(p.Expected.Add(Grace))
}

// Overdue reports whether the approved time is over and not everything is accounted for.
func (p *Pass) Overdue(now time.Time) bool { return p.State.Out() && !now.Before(p.Until) }

// AccountOf is what was confirmed of an item.
func (p *Pass) AccountOf(item int) (Account, bool) {
	n := slices.IndexFunc(p.Accounts, func(a Account) bool { return a.Item == item })
	if n < 0 {
		return Account{}, false
	}
	return p.Accounts[n], true
}

// Carried lists the items of which nothing was confirmed: what is with the carrier.
func (p *Pass) Carried() []Item {
	var out []Item
	for n, i := range p.Form.Items {
		if _, done := p.AccountOf(n); !done {
			out = append(out, i)
		}
	}
	return out
}
