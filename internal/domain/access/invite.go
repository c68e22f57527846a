package access

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Invitation lets one person set a password, once: a first one with an account, or, when
// Reset, a new one for the account that they have. Only the hash of its secret is kept; a
// person has at most one, and a new one ends the one before.
type Invitation struct {
	ID      string
	Person  string
	Hash    [32]byte
	Login   string // the sign-in name that the account will have, lower case
	By      string // who made it
	Created time.Time
	Expires time.Time
	Reset   bool
}

// Life of an invitation in days.
const (
	InviteDays    = 7
	MaxInviteDays = 30
	maxInvites    = 5000 // in one press: one commit holds them all
)

// Invitee is a person who could be given an account, with the sign-in names that would
// suit them, best first.
type Invitee struct {
	Person string
	Logins []string
}

// Invitable is an invitee who has no account.
type Invitable struct {
	Person string
	Login  string    // the first name that nobody has; "" when there is none
	Until  time.Time // an invitation made before runs until then; zero when none does
}

// Issued is an invitation just made. The secret is shown now or never.
type Issued struct {
	Invitation
	Secret string
}

// Invitable tells which of the people have no account, and the sign-in name that each
// would get. The order is kept.
func (s *Service) Invitable(ctx context.Context, by Actor, people []Invitee) ([]Invitable, error) {
	if err := by.May(ManageAccounts); err != nil {
		return nil, err
	}
	accounts, err := s.store.Accounts(ctx)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	invitations, err := s.store.Invitations(ctx)
	if err != nil {
		return nil, fmt.Errorf("list invitations: %w", err)
	}
	has, owner := map[string]bool{}, map[string]string{}
	for _, a := range accounts {
		has[a.Person], owner[a.Login] = true, a.Person
	}
	until, now := map[string]time.Time{}, s.now()
	for _, v := range invitations {
		if !v.Expires.After(now) {
			continue
		}
		until[v.Person] = v.Expires
		if owner[v.Login] == "" { // promised to them
			owner[v.Login] = v.Person
		}
	}
	var out []Invitable
	for _, p := range people {
		if has[p.Person] {
			continue
		}
		x := Invitable{Person: p.Person, Until: until[p.Person]}
		for _, login := range p.Logins {
			login = strings.ToLower(strings.TrimSpace(login))
			if login != "" && (owner[login] == "" || owner[login] == p.Person) {
				x.Login, owner[login] = login, p.Person
				break
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// Invite makes an invitation of the given life in days for each of the people who has no
// account; who got one meanwhile, or has left, is passed over. It gives what was made.
func (s *Service) Invite(ctx context.Context, by Actor, people []Invitee, days int) ([]Issued, error) {
	return s.invite(ctx, by, people, days, false)
}

// InviteByMail is Invite that writes to each of the people who has a mail address that is
// known to arrive. The links are in the mails alone: the secrets that come back are empty.
func (s *Service) InviteByMail(ctx context.Context, by Actor, people []Invitee, days int) ([]Issued, error) {
	if s.rules.Seal == nil {
		return nil, fault.New(fault.Denied, "fault.no_reset", nil)
	}
	return s.invite(ctx, by, people, days, true)
}

func (s *Service) invite(ctx context.Context, by Actor, people []Invitee, days int, mail bool) ([]Issued, error) {
	if err := by.May(ManageAccounts); err != nil {
		return nil, err
	}
	var c fault.Check
	c.That(len(people) > 0, "person", "fault.required", nil)
	c.That(len(people) <= maxInvites, "person", "fault.too_many_items", fault.Args{"max": fmt.Sprint(maxInvites)})
	c.That(days >= 1 && days <= MaxInviteDays, "days", "fault.out_of_range", fault.Args{"min": "1", "max": fmt.Sprint(MaxInviteDays)})
	if err := c.Err(); err != nil {
		return nil, err
	}
	open, err := s.Invitable(ctx, by, people)
	if err != nil {
		return nil, err
	}
	now := s.now()
	var out []Issued
	var events []journal.Event
	for _, x := range open {
		who, known, err := s.store.Identity(ctx, x.Person, now)
		if err != nil {
			return nil, fmt.Errorf("load identity: %w", err)
		}
		if x.Login == "" || !known || !who.Active || mail && !who.Mailed {
			continue
		}
		v := s.issue(x.Person, x.Login, by.Person, now.AddDate(0, 0, days), mail)
		ev, err := journal.NewEvent(now, "account.invited", x.Person, by.Person, map[string]any{"login": x.Login, "expires": v.Expires, "mailed": mail})
		if err != nil {
			return nil, err
		}
		out, events = append(out, v), append(events, ev)
	}
	return out, s.store.UpdateAccess(ctx, func(tx Tx) error {
		for n, v := range out {
			if err := tx.SaveInvitation(ctx, v.Invitation); err != nil {
				return fmt.Errorf("save invitation: %w", err)
			}
			if mail {
				if err := tx.Post(ctx, v.letter(topicInvited)); err != nil {
					return fmt.Errorf("plan letter: %w", err)
				}
			}
			if err := tx.Record(ctx, events[n]); err != nil {
				return err
			}
		}
		return nil
	})
}

// issue makes an invitation. Its secret is drawn and given back; or, for a mail, it is
// what seals the id, so that only the mail and the server's key can tell it.
func (s *Service) issue(person, login, by string, until time.Time, mail bool) Issued {
	now := s.now()
	v := Issued{Invitation: Invitation{ID: id.New("inv", now), Person: person, Login: login, By: by, Created: now, Expires: until}}
	if mail {
		v.Hash = sha256.Sum256([]byte(s.rules.Seal(MailedLink, v.ID)))
		return v
	}
	v.Secret = id.Secret(16)
	v.Hash = sha256.Sum256([]byte(v.Secret))
	return v
}

// Topics of the letters that bring a link.
const (
	topicInvited = "account.invited"
	topicReset   = "account.reset"
)

// MailedLink is what the secrets of links in mails about accounts are sealed under.
const MailedLink = "account link"

// letter is the mail that brings the link.
func (v Invitation) letter(topic string) Letter {
	return Letter{ID: v.ID, Topic: topic, Person: v.Person, Args: map[string]string{"login": v.Login, "until": v.Expires.Format(time.RFC3339)},
		Path: "/invite/{secret}", At: v.Created}
}

// Invited gives the invitation of a link. Looking uses nothing up, so a program that
// opens every link of a mail takes nobody's account.
func (s *Service) Invited(ctx context.Context, secret string) (Invitation, error) {
	gone := fault.New(fault.NotFound, "fault.invitation_gone", nil)
	secret = strings.ToLower(secret) // it may have been typed from paper
	if len(secret) < 20 || len(secret) > 100 {
		return Invitation{}, gone
	}
	v, ok, err := s.store.InvitationByHash(ctx, sha256.Sum256([]byte(secret)))
	if err != nil {
		return Invitation{}, fmt.Errorf("find invitation: %w", err)
	}
	if !ok || !v.Expires.After(s.now()) {
		return Invitation{}, gone
	}
	who, ok, err := s.store.Identity(ctx, v.Person, s.now())
	if err != nil {
		return Invitation{}, fmt.Errorf("load identity: %w", err)
	}
	if !ok || !who.Active {
		return Invitation{}, gone
	}
	return v, nil
}

// Accept sets the password of who was invited, ends the invitation and signs them in;
// the secret that comes back goes into the cookie. Nothing is counted against guessing:
// 128 bits are not guessed, and no password is hashed before the link has been found.
func (s *Service) Accept(ctx context.Context, link, password string, from Origin) (secret string, sess Session, err error) {
	v, err := s.Invited(ctx, link)
	if err != nil {
		return "", Session{}, err
	}
	var c fault.Check
	checkPassword(&c, "password", password, v.Login)
	if err := c.Err(); err != nil {
		return "", Session{}, err
	}
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return "", Session{}, fmt.Errorf("hash password: %w", err)
	}
	how := map[string]string{"invited_by": v.By}
	if v.Reset {
		how = map[string]string{"reset_by": v.By}
	}
	set, err := journal.NewEvent(s.now(), "account.password_set", v.Person, v.Person, how)
	if err != nil {
		return "", Session{}, err
	}
	err = s.store.UpdateAccess(ctx, func(tx Tx) error {
		taken, err := tx.TakeInvitation(ctx, v.Hash)
		if err != nil {
			return fmt.Errorf("take invitation: %w", err)
		}
		others, err := tx.AccountsLike(ctx, v.Person, v.Login)
		if err != nil {
			return fmt.Errorf("look for accounts: %w", err)
		}
		own := slices.ContainsFunc(others, func(a Account) bool { return a.Person == v.Person })
		switch {
		case !taken || own != v.Reset:
			return fault.New(fault.NotFound, "fault.invitation_gone", nil)
		case v.Reset:
			if err := s.endAll(ctx, tx, v); err != nil {
				return err
			}
		case len(others) > 0: // somebody else was given the name meanwhile
			return fault.Clash("fault.invitation_login", nil)
		}
		if err := tx.SaveAccount(ctx, Account{Person: v.Person, Login: v.Login, Password: hash}); err != nil {
			return fmt.Errorf("save account: %w", err)
		}
		return tx.Record(ctx, set)
	})
	if err != nil {
		return "", Session{}, err
	}
	return s.Begin(ctx, v.Person, from)
}
