package access

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// FreshFor is how long after password or passkey were shown a session may change what lets
// people in.
const FreshFor = 10 * time.Minute

// Fresh reports whether the actor's session has shown password or passkey of late.
func (s *Service) Fresh(by Actor) bool {
	return by.Via == BySession && s.now().Sub(by.Fresh) <= FreshFor
}

// mustBeFresh asks whoever has been signed in for a while to prove again that it is them:
// a browser that was left open must not make itself a way in that stays. A token is as
// good as its scopes, and a link may do nothing of this anyway.
func (s *Service) mustBeFresh(by Actor) error {
	if by.Via != BySession || s.Fresh(by) {
		return nil
	}
	return fault.New(fault.Denied, "fault.step_up", nil)
}

// Confirm checks the password of who is signed in. The session gets a new secret, which
// goes into the cookie: the one before ends, whoever may have it.
func (s *Service) Confirm(ctx context.Context, by Actor, password string, from Origin) (secret string, sess Session, err error) {
	if by.Via != BySession {
		return "", Session{}, fault.Deny(string(ManageOwn))
	}
	var c fault.Check
	c.That(password != "", "password", "fault.required", nil)
	c.That(len(password) <= 4*MaxPassword, "password", "fault.too_long", fault.Args{"max": fmt.Sprint(MaxPassword)})
	if err := c.Err(); err != nil {
		return "", Session{}, err
	}
	acc, ok, err := s.store.AccountOf(ctx, by.Person)
	if err != nil {
		return "", Session{}, fmt.Errorf("load account: %w", err)
	}
	if !ok {
		return "", Session{}, fault.Missing("account")
	}
	t, err := s.try(ctx, s.inside(by, from.Address))
	if err != nil {
		return "", Session{}, err
	}
	right, err := s.hasher.Check(ctx, acc.Password, password)
	if err != nil {
		return "", Session{}, fmt.Errorf("check password: %w", err)
	}
	if !right {
		if err := s.wrong(ctx, t, from.Address); err != nil {
			return "", Session{}, err
		}
		c.Add("password", "fault.wrong_password", nil)
		return "", Session{}, c.Err()
	}
	return s.renew(ctx, by, "password", t.right)
}

// ConfirmOptions gives what the browser needs to ask for one of the actor's passkeys.
func (s *Service) ConfirmOptions(ctx context.Context, by Actor) ([]byte, error) {
	if by.Via != BySession {
		return nil, fault.Deny(string(ManageOwn))
	}
	p, err := s.party()
	if err != nil {
		return nil, err
	}
	have, err := s.keysOf(ctx, by.Person)
	if err != nil {
		return nil, err
	}
	if len(have) == 0 { // none listed would mean anybody's
		return nil, fault.Missing("passkey")
	}
	return p.Request(s.newChallenge(toConfirm, by.Session), have)
}

// ConfirmByPasskey is Confirm by a passkey of the actor's.
func (s *Service) ConfirmByPasskey(ctx context.Context, by Actor, answer []byte, from Origin) (secret string, sess Session, err error) {
	if by.Via != BySession {
		return "", Session{}, fault.Deny(string(ManageOwn))
	}
	key, used, err := s.shown(ctx, answer, toConfirm, by.Session, from)
	if err == nil && key.Person != by.Person { // whoever else sits here is somebody else
		err = fault.New(fault.Unauthenticated, "fault.passkey_refused", nil)
	}
	if err != nil {
		return "", Session{}, err
	}
	return s.renew(ctx, by, "passkey", s.usePasskey(key, used))
}

// renew gives the actor's session a new secret, and notes that they have proven themself.
func (s *Service) renew(ctx context.Context, by Actor, how string, also func(context.Context, Tx) error) (string, Session, error) {
	now, secret := s.now(), id.Secret(32)
	ev, err := journal.NewEvent(now, "account.confirmed", by.Session, by.Person, map[string]string{"by": how})
	if err != nil {
		return "", Session{}, err
	}
	var sess Session
	return secret, sess, s.store.UpdateAccess(ctx, func(tx Tx) error {
		var there bool
		if sess, there, err = tx.RenewSession(ctx, by.Person, by.Session, sha256.Sum256([]byte(secret)), now); err != nil {
			return fmt.Errorf("renew session: %w", err)
		}
		if !there {
			return fault.New(fault.Unauthenticated, "fault.unauthenticated", nil)
		}
		if err := also(ctx, tx); err != nil {
			return err
		}
		return tx.Record(ctx, ev)
	})
}
