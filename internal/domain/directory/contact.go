package directory

import (
	"slices"
	"strings"
	"time"
)

// Channel is a way by which a person can be told something.
type Channel string

// The channels. Everybody has their own mail address; the others are added by the person.
const (
	Mail      Channel = "mail"
	Push      Channel = "push"      // a browser that shows notifications (RFC 8030)
	Slack     Channel = "slack"     // an incoming webhook of a chat room, as the next two
	Teams     Channel = "teams"     // by a workflow
	LineWorks Channel = "lineworks" // LINE WORKS
	Webhook   Channel = "webhook"   // a program of the person's own
)

// Channels lists them in the order that pages show them.
func Channels() []Channel { return []Channel{Mail, Push, Slack, Teams, LineWorks, Webhook} }

// Contact is one place at which a person is told. Nothing about a case goes to it before
// somebody who reads there has typed in a code that was sent to it.
type Contact struct {
	ID        string // of the person's own mail address: the person's id
	Person    string
	Channel   Channel
	Address   string // mail: the address; else the name of the host it leads to
	Name      string // what the person calls it
	Secret    []byte // sealed Target of what is not mail
	Created   time.Time
	Verified  time.Time // when it was last seen to arrive; zero: never
	Failed    time.Time // when it was refused for good; zero: not since it was last seen to arrive
	FailedWhy string    // in the provider's words
}

// VerifiedFor is how long a contact counts as known to arrive after it was last verified.
const VerifiedFor = 90 * 24 * time.Hour

// Arrives reports whether the contact is known to arrive.
func (c Contact) Arrives(at time.Time) bool {
	return c.Failed.IsZero() && !c.Verified.IsZero() && at.Sub(c.Verified) <= VerifiedFor
}

// Own reports whether it is the person's own mail address, which is part of the directory.
func (c Contact) Own() bool { return c.ID == c.Person }

// Takes reports whether notices go to the contact at all: a mail that may not arrive is
// better than none, but nothing goes where nobody was ever seen to read.
func (c Contact) Takes() bool { return c.Own() || !c.Verified.IsZero() && c.Failed.IsZero() }

// Destination names the contact in a notice: a mail address as it is, of all else the id,
// because what leads there is secret.
func (c Contact) Destination() string {
	if c.Channel == Mail {
		return c.Address
	}
	return c.ID
}

// Masked is the address as others may see it: h…@company.example.
func (c Contact) Masked() string {
	name, host, ok := strings.Cut(c.Address, "@")
	if !ok || name == "" {
		return c.Address
	}
	return string([]rune(name)[:1]) + "…@" + host
}

// ContactsOf lists a person's contacts, the own mail address first, the others by age.
func (o *Org) ContactsOf(person string) []Contact {
	p := o.People[person]
	if p.Email == "" {
		return slices.Clone(o.Contacts[person])
	}
	own := Contact{ID: p.ID, Person: p.ID, Channel: Mail, Address: p.Email, Verified: p.Verified}
	return append([]Contact{own}, o.Contacts[person]...)
}

// ContactCare is what of a person's contacts wants care.
type ContactCare struct {
	Stale  int // verified once, but not within VerifiedFor
	Failed int // refused for good
	Off    int // of a channel that this server does not have
}

// Any reports whether something wants care.
func (c ContactCare) Any() bool { return c.Stale+c.Failed+c.Off > 0 }

// CareOf counts what of a person's contacts wants care. One that waits for its first code
// does not count.
func (o *Org) CareOf(person string, at time.Time) ContactCare {
	var out ContactCare
	for _, c := range o.ContactsOf(person) {
		switch {
		case !o.Has(c.Channel):
			out.Off++
		case !c.Failed.IsZero():
			out.Failed++
		case !c.Arrives(at) && (c.Own() || !c.Verified.IsZero()):
			out.Stale++
		}
	}
	return out
}
