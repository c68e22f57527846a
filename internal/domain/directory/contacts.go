package directory

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Proof is a code on its way to a contact.
type Proof struct {
	Contact string
	Person  string
	Code    []byte // sealed
	Sent    time.Time
	Until   time.Time
	Tries   int // wrong codes typed so far
}

// Bounds of contacts and of the codes that prove them.
const (
	MaxContacts = 10 // of one person, beside their own mail address
	CodeLife    = 30 * time.Minute
	maxTries    = 5
	codeDigits  = 6
	codePause   = 30 * time.Second // between two codes to one contact
	codesAnHour = 10               // of one person: nobody's mailbox is flooded through us
)

// ContactTx is one transaction over contacts. What changes one raises the directory's
// version.
type ContactTx interface {
	journal.Recorder
	// ContactsOfPerson lists a person's contacts beside their own mail address, and holds them.
	ContactsOfPerson(ctx context.Context, person string) ([]Contact, error)
	// SaveContact inserts or replaces a contact.
	SaveContact(ctx context.Context, c Contact) error
	// DeleteContact forgets a contact and its proof.
	DeleteContact(ctx context.Context, contact string) error
	// VerifyContact notes that a person's own mail address was seen to work.
	VerifyContact(ctx context.Context, person string, at time.Time) error
	SaveProof(ctx context.Context, p Proof) error
	// LockProof gives a contact's proof; ok is false when there is none.
	LockProof(ctx context.Context, contact string) (p Proof, ok bool, err error)
	DeleteProof(ctx context.Context, contact string) error
	// ForgetLeavers deletes the contacts of those who left before a time, and gives how many.
	ForgetLeavers(ctx context.Context, before time.Time) (int, error)
}

// ContactStore changes contacts; they are read with the directory.
type ContactStore interface {
	UpdateContacts(ctx context.Context, f func(ContactTx) error) error
}

// Vault seals what must not lie open in the database, bound to a name.
type Vault interface {
	Seal(name string, secret []byte) ([]byte, error)
	Open(name string, sealed []byte) ([]byte, error)
}

// Refusal is a receiver's final no to a code, in words that the person may read.
type Refusal struct{ Answer string }

// Error describes the refusal for a log.
func (r *Refusal) Error() string { return "refused: " + r.Answer }

// Poster sends codes.
type Poster interface {
	// MayReach is an error when nothing may be sent to the URL on that channel.
	MayReach(channel Channel, url string) error
	// PostCode sends a code to a contact of a person, within seconds. A *Refusal says why
	// it never can be.
	PostCode(ctx context.Context, to Contact, person Person, code string) error
}

// ContactParts are what contacts are kept with. All must be set.
type ContactParts struct {
	Store  ContactStore
	People *Service
	Vault  Vault
	Poster Poster
	Now    func() time.Time
	Random io.Reader
}

// Contacts are the verbs by which people say where they are told.
type Contacts struct {
	ContactParts

	mu   sync.Mutex
	sent map[string][]time.Time // codes of the last hour by person; guarded by mu
}

// NewContacts makes the verbs.
func NewContacts(p ContactParts) *Contacts {
	if p.Random == nil {
		p.Random = rand.Reader
	}
	return &Contacts{ContactParts: p, sent: map[string][]time.Time{}}
}

// NewContact is what a person enters.
type NewContact struct {
	Channel      Channel
	Name         string // up to 60 characters
	Address      string // Mail
	URL          string // of a webhook
	Subscription string // Push: JSON as the browser gives it
}

// Of lists a person's contacts: one's own, or anybody's for who edits the directory.
func (s *Contacts) Of(ctx context.Context, by access.Actor, person string) ([]Contact, error) {
	if err := mayContacts(by, person); err != nil {
		return nil, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return nil, err
	}
	return o.ContactsOf(person), nil
}

// Add keeps a contact of one's own. Nothing goes to it before a code that SendCode sent
// there was given to Verify. key signs what a Webhook receives; it is shown now or never.
func (s *Contacts) Add(ctx context.Context, by access.Actor, n NewContact) (c Contact, key string, err error) {
	if err := by.May(access.ManageOwn); err != nil {
		return Contact{}, "", err
	}
	if !s.MayAdd(by) {
		return Contact{}, "", fault.New(fault.Denied, "fault.step_up", nil)
	}
	now := s.Now()
	c = Contact{ID: id.New("con", now), Person: by.Person, Channel: n.Channel, Created: now}
	c.Name, _ = plainText(n.Name)
	var check fault.Check
	check.That(utf8.RuneCountInString(c.Name) <= 60, "name", "fault.too_long", fault.Args{"max": "60"})
	target := s.target(n, &c, &check)
	if err := check.Err(); err != nil {
		return Contact{}, "", err
	}
	if target.URL != "" {
		plain, err := json.Marshal(target)
		if err != nil {
			return Contact{}, "", fmt.Errorf("marshal target: %w", err)
		}
		if c.Secret, err = s.Vault.Seal(c.ID, plain); err != nil {
			return Contact{}, "", fmt.Errorf("seal target: %w", err)
		}
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return Contact{}, "", err
	}
	ev, err := contactEvent(now, "added", c, by.Person)
	if err != nil {
		return Contact{}, "", err
	}
	return c, target.Key, s.Store.UpdateContacts(ctx, func(tx ContactTx) error {
		have, err := tx.ContactsOfPerson(ctx, by.Person)
		if err != nil {
			return fmt.Errorf("list contacts: %w", err)
		}
		if len(have) >= MaxContacts {
			return fault.Clash("fault.too_many_contacts", fault.Args{"max": fmt.Sprint(MaxContacts)})
		}
		if c.Channel == Mail && (o.People[by.Person].Email == c.Address || slices.ContainsFunc(have, func(h Contact) bool { return h.Channel == Mail && h.Address == c.Address })) {
			var check fault.Check
			check.Add("address", "fault.contact_twice", nil)
			return check.Err()
		}
		if err := tx.SaveContact(ctx, c); err != nil {
			return fmt.Errorf("save contact: %w", err)
		}
		return tx.Record(ctx, ev)
	})
}

// MayAdd reports whether the actor's session has shown password or passkey of late: notices
// hold links that answer, so a browser that was left open must not send them elsewhere.
func (s *Contacts) MayAdd(by access.Actor) bool {
	return by.Via != access.BySession || s.Now().Sub(by.Fresh) <= access.FreshFor
}

// target reads where a new contact leads, and writes into c what of it may be shown.
func (s *Contacts) target(n NewContact, c *Contact, check *fault.Check) Target {
	switch n.Channel {
	case Mail:
		address, bad := mailText(n.Address)
		check.That(address != "", "address", "fault.required", nil)
		check.That(bad == "", "address", bad, nil)
		c.Address = address
		return Target{}
	case Push:
		t, err := ParseSubscription(n.Subscription)
		if err == nil {
			err = s.Poster.MayReach(n.Channel, t.URL)
		}
		check.That(err == nil, "subscription", "fault.bad_subscription", nil)
		c.Address = host(t.URL)
		return t
	case Slack, Teams, LineWorks, Webhook:
		t := Target{URL: strings.TrimSpace(n.URL)}
		c.Address = host(t.URL)
		check.That(t.URL != "", "url", "fault.required", nil)
		check.That(t.URL == "" || c.Address != "" && s.Poster.MayReach(n.Channel, t.URL) == nil, "url", "fault.bad_hook_url", nil)
		if n.Channel == Webhook {
			t.Key = id.Secret(32)
		}
		return t
	}
	check.Add("channel", "fault.unknown_choice", nil)
	return Target{}
}

// Target opens what leads to a contact.
func (s *Contacts) Target(c Contact) (Target, error) { return OpenTarget(s.Vault, c) }

// OpenTarget opens what leads to a contact.
func OpenTarget(v Vault, c Contact) (Target, error) {
	var t Target
	plain, err := v.Open(c.ID, c.Secret)
	if err != nil {
		return t, fmt.Errorf("open contact %s: %w", c.ID, err)
	}
	if err := json.Unmarshal(plain, &t); err != nil {
		return t, fmt.Errorf("read contact %s: %w", c.ID, err)
	}
	return t, nil
}

// SendCode sends a code of six digits to one of one's own contacts, for Verify to take
// within CodeLife. A new one ends the one before.
func (s *Contacts) SendCode(ctx context.Context, by access.Actor, contact string) error {
	c, p, err := s.own(ctx, by, contact)
	if err != nil {
		return err
	}
	now := s.Now()
	code, err := s.code()
	if err != nil {
		return err
	}
	sealed, err := s.Vault.Seal(proofName(c), []byte(code))
	if err != nil {
		return fmt.Errorf("seal code: %w", err)
	}
	ev, err := contactEvent(now, "code_sent", c, by.Person)
	if err != nil {
		return err
	}
	if !s.allow(by.Person, now) {
		return fault.New(fault.TooMany, "fault.too_many_codes", nil)
	}
	err = s.Store.UpdateContacts(ctx, func(tx ContactTx) error {
		before, ok, err := tx.LockProof(ctx, c.ID)
		if err != nil {
			return fmt.Errorf("lock proof: %w", err)
		}
		if ok && now.Sub(before.Sent) < codePause {
			return fault.New(fault.TooMany, "fault.code_just_sent", nil)
		}
		if err := tx.SaveProof(ctx, Proof{Contact: c.ID, Person: by.Person, Code: sealed, Sent: now, Until: now.Add(CodeLife)}); err != nil {
			return fmt.Errorf("save proof: %w", err)
		}
		return tx.Record(ctx, ev)
	})
	if err != nil {
		return err
	}
	err = s.Poster.PostCode(ctx, c, p, code)
	var no *Refusal
	switch {
	case errors.As(err, &no):
		return fmt.Errorf("%w: %w", fault.New(fault.Conflict, "fault.code_refused", fault.Args{"answer": no.Answer}), err)
	case err != nil:
		return fmt.Errorf("%w: %w", fault.New(fault.Unavailable, "fault.code_not_sent", nil), err)
	}
	return nil
}

// code draws six digits.
func (s *Contacts) code() (string, error) {
	n, err := rand.Int(s.Random, big.NewInt(1_000_000))
	if err != nil {
		return "", fmt.Errorf("draw code: %w", err)
	}
	return fmt.Sprintf("%0*d", codeDigits, n), nil
}

// allow counts a code of a person and reports whether one more may go out this hour.
func (s *Contacts) allow(person string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, times := range s.sent {
		times = slices.DeleteFunc(times, func(t time.Time) bool { return now.Sub(t) >= time.Hour })
		if s.sent[p] = times; len(times) == 0 {
			delete(s.sent, p)
		}
	}
	if len(s.sent[person]) >= codesAnHour {
		return false
	}
	s.sent[person] = append(s.sent[person], now)
	return true
}

// Verify takes the code that came to a contact: from then on notices go to it. After five
// wrong ones a new code is needed.
func (s *Contacts) Verify(ctx context.Context, by access.Actor, contact, code string) error {
	c, _, err := s.own(ctx, by, contact)
	if err != nil {
		return err
	}
	now := s.Now()
	code = digits(code)
	wrong := "" // why the code is not taken; the count of tries is committed all the same
	err = s.Store.UpdateContacts(ctx, func(tx ContactTx) error {
		p, ok, err := tx.LockProof(ctx, c.ID)
		if err != nil {
			return fmt.Errorf("lock proof: %w", err)
		}
		if !ok || !now.Before(p.Until) || p.Tries >= maxTries {
			wrong = "fault.code_ended"
			return nil
		}
		want, err := s.Vault.Open(proofName(c), p.Code)
		if err != nil {
			wrong = "fault.code_ended" // sent to another address, or sealed by a key that is gone
			return nil
		}
		if subtle.ConstantTimeCompare(want, []byte(code)) != 1 {
			wrong = "fault.code_wrong"
			p.Tries++
			return tx.SaveProof(ctx, p)
		}
		wrong = ""
		if err := tx.DeleteProof(ctx, c.ID); err != nil {
			return fmt.Errorf("delete proof: %w", err)
		}
		if c.Own() {
			err = tx.VerifyContact(ctx, c.Person, now)
		} else {
			c.Verified, c.Failed, c.FailedWhy = now, time.Time{}, ""
			err = tx.SaveContact(ctx, c)
		}
		if err != nil {
			return fmt.Errorf("save contact: %w", err)
		}
		ev, err := contactEvent(now, "verified", c, by.Person)
		if err != nil {
			return err
		}
		return tx.Record(ctx, ev)
	})
	if err == nil && wrong != "" {
		var check fault.Check
		check.Add("code", wrong, nil)
		return check.Err()
	}
	return err
}

// proofName binds a code to the address that it was sent to.
func proofName(c Contact) string { return c.ID + "/code/" + c.Address }

// digits reads a code as people type it: full-width, with spaces.
func digits(s string) string {
	v, _ := codeText(s)
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, v)
}

// Remove forgets a contact: one's own, or anybody's for who edits the directory, such as
// the phone that was lost.
func (s *Contacts) Remove(ctx context.Context, by access.Actor, contact string) error {
	o, err := s.People.Org(ctx)
	if err != nil {
		return err
	}
	c, ok := o.Contact(contact)
	if err := mayContacts(by, c.Person); err != nil {
		return err
	}
	if !ok || c.Own() {
		return fault.Missing("contact")
	}
	ev, err := contactEvent(s.Now(), "removed", c, by.Person)
	if err != nil {
		return err
	}
	return s.Store.UpdateContacts(ctx, func(tx ContactTx) error {
		if err := tx.DeleteContact(ctx, c.ID); err != nil {
			return fmt.Errorf("delete contact: %w", err)
		}
		return tx.Record(ctx, ev)
	})
}

// ForgetLeavers deletes the contacts of people who have left.
func (s *Contacts) ForgetLeavers(ctx context.Context, by access.Actor) (forgotten int, err error) {
	if err := by.May(access.EraseContent); err != nil {
		return 0, err
	}
	err = s.Store.UpdateContacts(ctx, func(tx ContactTx) error {
		if forgotten, err = tx.ForgetLeavers(ctx, s.Now()); err != nil || forgotten == 0 {
			return err
		}
		ev, err := journal.NewEvent(s.Now(), "directory.contacts_forgotten", "", by.Person, map[string]any{"contacts": forgotten})
		if err != nil {
			return err
		}
		return tx.Record(ctx, ev)
	})
	if err != nil {
		return 0, fmt.Errorf("forget leavers' contacts: %w", err)
	}
	return forgotten, nil
}

// own finds a contact of the actor's own.
func (s *Contacts) own(ctx context.Context, by access.Actor, contact string) (Contact, Person, error) {
	if err := by.May(access.ManageOwn); err != nil {
		return Contact{}, Person{}, err
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return Contact{}, Person{}, err
	}
	c, ok := o.Contact(contact)
	if !ok || c.Person != by.Person {
		return Contact{}, Person{}, fault.Missing("contact")
	}
	return c, o.People[by.Person], nil
}

// Contact finds a contact by its id.
func (o *Org) Contact(contact string) (Contact, bool) {
	if p, ok := o.People[contact]; ok && p.Email != "" {
		return o.ContactsOf(contact)[0], true
	}
	for _, cs := range o.Contacts {
		for _, c := range cs {
			if c.ID == contact {
				return c, true
			}
		}
	}
	return Contact{}, false
}

func mayContacts(by access.Actor, person string) error {
	if person != "" && person == by.Person {
		return by.May(access.ManageOwn)
	}
	return by.May(access.EditDirectory)
}

// contactEvent says what happened to a contact, and never where it leads.
func contactEvent(at time.Time, what string, c Contact, by string) (journal.Event, error) {
	return journal.NewEvent(at, "directory.contact_"+what, c.Person, by, map[string]any{"contact": c.ID, "channel": c.Channel, "name": c.Name})
}
