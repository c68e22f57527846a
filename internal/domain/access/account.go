package access

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// SignOut ends the actor's own session.
func (s *Service) SignOut(ctx context.Context, by Actor) error {
	if by.Session == "" {
		return nil
	}
	return s.RevokeSession(ctx, by, by.Person, by.Session)
}

// Sessions lists a person's sessions, newest first: one's own, or anyone's for
// who manages accounts.
func (s *Service) Sessions(ctx context.Context, by Actor, person string) ([]Session, error) {
	if err := s.mayManage(by, person); err != nil {
		return nil, err
	}
	return s.store.Sessions(ctx, person)
}

// RevokeSession ends one session.
func (s *Service) RevokeSession(ctx context.Context, by Actor, person, session string) error {
	if err := s.mayManage(by, person); err != nil {
		return err
	}
	ev, err := journal.NewEvent(s.now(), "account.session_ended", session, by.Person, map[string]string{"person": person})
	if err != nil {
		return err
	}
	return s.store.UpdateAccess(ctx, func(tx Tx) error {
		found, err := tx.DeleteSession(ctx, person, session)
		if err != nil {
			return fmt.Errorf("delete session: %w", err)
		}
		if !found {
			return fault.Missing("session")
		}
		return tx.Record(ctx, ev)
	})
}

// SetLogin gives a person an account with a first password, or changes both and writes to
// them that somebody did.
func (s *Service) SetLogin(ctx context.Context, by Actor, person, login, password string) error {
	if err := by.May(ManageAccounts); err != nil {
		return err
	}
	if err := s.mustBeFresh(by); err != nil {
		return err
	}
	login = strings.ToLower(strings.TrimSpace(login))
	var c fault.Check
	c.That(login != "", "login", "fault.required", nil)
	c.That(utf8.RuneCountInString(login) <= 200, "login", "fault.too_long", fault.Args{"max": "200"})
	checkPassword(&c, "password", password, login)
	if err := c.Err(); err != nil {
		return err
	}
	if other, taken, err := s.store.AccountByLogin(ctx, login); err != nil {
		return fmt.Errorf("find account: %w", err)
	} else if taken && other.Person != person {
		c.Add("login", "fault.login_taken", nil)
		return c.Err()
	}
	_, had, err := s.store.AccountOf(ctx, person)
	if err != nil {
		return fmt.Errorf("load account: %w", err)
	}
	return s.savePassword(ctx, by, Account{Person: person, Login: login}, password, "", func(tx Tx) error {
		if !had {
			return nil
		}
		now := s.now()
		return tx.Post(ctx, Letter{ID: id.New("pwd", now), Topic: "account.password_given", Person: person, Path: "/account", At: now})
	})
}

// ChangePassword sets the actor's own password; the old one is asked again, and
// every other session ends.
func (s *Service) ChangePassword(ctx context.Context, by Actor, old, fresh string) error {
	if err := by.May(ManageOwn); err != nil {
		return err
	}
	acc, ok, err := s.store.AccountOf(ctx, by.Person)
	if err != nil {
		return fmt.Errorf("load account: %w", err)
	}
	if !ok {
		return fault.Missing("account")
	}
	t, err := s.try(ctx, s.inside(by, ""))
	if err != nil {
		return err
	}
	right, err := s.hasher.Check(ctx, acc.Password, old)
	if err != nil {
		return fmt.Errorf("check password: %w", err)
	}
	var c fault.Check
	c.That(right, "old", "fault.wrong_password", nil)
	checkPassword(&c, "password", fresh, acc.Login)
	if err := c.Err(); err != nil {
		settle := func() error { return s.wrong(ctx, t, "") }
		if right {
			settle = func() error { return s.store.UpdateAccess(ctx, func(tx Tx) error { return t.right(ctx, tx) }) }
		}
		if err := settle(); err != nil {
			return err
		}
		return err
	}
	return s.savePassword(ctx, by, acc, fresh, by.Session, func(tx Tx) error { return t.right(ctx, tx) })
}

func (s *Service) savePassword(ctx context.Context, by Actor, acc Account, password, keep string, also func(Tx) error) error {
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("hash password: %w", err)
	}
	acc.Password = hash
	ev, err := journal.NewEvent(s.now(), "account.password_set", acc.Person, by.Person, nil)
	if err != nil {
		return err
	}
	return s.store.UpdateAccess(ctx, func(tx Tx) error {
		if err := tx.SaveAccount(ctx, acc); err != nil {
			return fmt.Errorf("save account: %w", err)
		}
		if _, err := tx.DeleteSessions(ctx, acc.Person, keep); err != nil {
			return fmt.Errorf("end other sessions: %w", err)
		}
		if err := tx.DeleteKnown(ctx, acc.Person); err != nil {
			return fmt.Errorf("forget browsers: %w", err)
		}
		if err := tx.DeleteInvitation(ctx, acc.Person); err != nil { // no second way to the account
			return fmt.Errorf("end invitation: %w", err)
		}
		if err := also(tx); err != nil {
			return fmt.Errorf("set password: %w", err)
		}
		return tx.Record(ctx, ev)
	})
}

// NewToken is a request for an API token.
type NewToken struct {
	Person string // whose; empty means the actor's own
	Name   string
	Scopes []Permission
	Days   int // life, 1–366
}

// CreateToken makes a token; secret is shown once and never stored. A token never
// holds more than its person may do, because each use asks both.
func (s *Service) CreateToken(ctx context.Context, by Actor, n NewToken) (secret string, t Token, err error) {
	if n.Person == "" {
		n.Person = by.Person
	}
	if err := s.mayManage(by, n.Person); err != nil {
		return "", Token{}, err
	}
	if err := s.mustBeFresh(by); err != nil {
		return "", Token{}, err
	}
	n.Name = strings.TrimSpace(n.Name)
	var c fault.Check
	c.That(n.Name != "", "name", "fault.required", nil)
	c.That(utf8.RuneCountInString(n.Name) <= 80, "name", "fault.too_long", fault.Args{"max": "80"})
	c.That(len(n.Scopes) > 0, "scopes", "fault.required", nil)
	c.That(n.Days >= 1 && n.Days <= 366, "days", "fault.out_of_range", fault.Args{"min": "1", "max": "366"})
	for _, p := range n.Scopes {
		c.That(slices.Contains(Permissions(), p), "scopes", "fault.unknown_scope", fault.Args{"scope": string(p)})
		// A token must not make itself a greater one.
		c.That(by.Scopes == nil || slices.Contains(by.Scopes, p), "scopes", "fault.scope", fault.Args{"permission": string(p)})
	}
	if err := c.Err(); err != nil {
		return "", Token{}, err
	}
	now := s.now()
	secret = "skm_" + id.Secret(32)
	t = Token{ID: id.New("tok", now), Hash: sha256.Sum256([]byte(secret)), Person: n.Person, Name: n.Name,
		Scopes: n.Scopes, Created: now, Expires: now.Add(time.Duration(n.Days) * 24 * time.Hour)}
	ev, err := journal.NewEvent(now, "account.token_created", t.ID, by.Person,
		map[string]any{"person": n.Person, "name": n.Name, "scopes": n.Scopes, "expires": t.Expires})
	if err != nil {
		return "", Token{}, err
	}
	err = s.store.UpdateAccess(ctx, func(tx Tx) error {
		if err := tx.InsertToken(ctx, t); err != nil {
			return fmt.Errorf("insert token: %w", err)
		}
		return tx.Record(ctx, ev)
	})
	return secret, t, err
}

// Tokens lists a person's tokens, newest first.
func (s *Service) Tokens(ctx context.Context, by Actor, person string) ([]Token, error) {
	if err := s.mayManage(by, person); err != nil {
		return nil, err
	}
	return s.store.Tokens(ctx, person)
}

// RevokeToken ends a token at once.
func (s *Service) RevokeToken(ctx context.Context, by Actor, person, token string) error {
	if err := s.mayManage(by, person); err != nil {
		return err
	}
	ev, err := journal.NewEvent(s.now(), "account.token_revoked", token, by.Person, map[string]string{"person": person})
	if err != nil {
		return err
	}
	return s.store.UpdateAccess(ctx, func(tx Tx) error {
		found, err := tx.DeleteToken(ctx, person, token)
		if err != nil {
			return fmt.Errorf("delete token: %w", err)
		}
		if !found {
			return fault.Missing("token")
		}
		return tx.Record(ctx, ev)
	})
}

func (s *Service) mayManage(by Actor, person string) error {
	if person == by.Person {
		return by.May(ManageOwn)
	}
	return by.May(ManageAccounts)
}
