package access

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// KnownFor is how long a browser in which somebody has once shown their password is taken
// for theirs on the pages behind the links of notices. It signs nobody in.
const KnownFor = 30 * 24 * time.Hour

// Known is a browser that its person has proven to be theirs. Only the hash of its secret
// is kept.
type Known struct {
	Hash    [32]byte
	Person  string
	Created time.Time
	Expires time.Time
}

// AtLink is what a browser brings to the page behind a link.
type AtLink struct {
	Session  Actor  // who is signed in there; zero for nobody
	Known    string // the secret of a browser that was proven before; "" for none
	Password string // typed now; "" for none
}

// ProveAtLink gives the actor of a link as one who has proven themself, if the browser is
// theirs: signed in as them, known, or by their password. secret is of the browser, newly
// known with that password, until the given time; "" otherwise. Who has no account has nothing to
// show and is let through: they must be able to answer. Whoever proves nothing comes back
// as they were: whether that is enough is not decided here.
func (s *Service) ProveAtLink(ctx context.Context, by Actor, b AtLink, from Origin) (proven Actor, secret string, until time.Time, err error) {
	proven = by
	proven.Fresh = s.now()
	if by.Via != ByLink {
		return by, "", until, fault.Deny(string(Answer))
	}
	if b.Session.Via == BySession && b.Session.Person == by.Person {
		return proven, "", until, nil
	}
	acc, has, err := s.store.AccountOf(ctx, by.Person)
	if err != nil {
		return by, "", until, fmt.Errorf("load account: %w", err)
	}
	if !has {
		return proven, "", until, nil
	}
	if len(b.Known) >= 20 && len(b.Known) <= 100 {
		k, ok, err := s.store.KnownByHash(ctx, sha256.Sum256([]byte(b.Known)))
		if err != nil {
			return by, "", until, fmt.Errorf("find browser: %w", err)
		}
		if ok && k.Person == by.Person && k.Expires.After(s.now()) {
			return proven, "", until, nil
		}
	}
	if strings.TrimSpace(b.Password) == "" {
		return by, "", until, nil
	}
	return s.knowBrowser(ctx, by, proven, acc, b.Password, from)
}

// knowBrowser checks the password, and remembers the browser that it was typed in.
func (s *Service) knowBrowser(ctx context.Context, by, proven Actor, acc Account, password string, from Origin) (Actor, string, time.Time, error) {
	var c fault.Check
	c.That(utf8.RuneCountInString(password) <= MaxPassword, "password", "fault.too_long", fault.Args{"max": fmt.Sprint(MaxPassword)})
	if err := c.Err(); err != nil {
		return by, "", time.Time{}, err
	}
	if err := s.waits(ctx, s.inside(by, from.Address)); err != nil {
		return by, "", time.Time{}, err
	}
	right, err := s.hasher.Check(ctx, acc.Password, password)
	if err != nil {
		return by, "", time.Time{}, fmt.Errorf("check password: %w", err)
	}
	if !right {
		if err := s.missed(ctx, s.inside(by, from.Address), from.Address); err != nil {
			return by, "", time.Time{}, err
		}
		c.Add("password", "fault.wrong_password", nil)
		return by, "", time.Time{}, c.Err()
	}
	now, secret := s.now(), id.Secret(32)
	k := Known{Hash: sha256.Sum256([]byte(secret)), Person: by.Person, Created: now, Expires: now.Add(KnownFor)}
	ev, err := journal.NewEvent(now, "account.browser_known", by.Person, by.Person, map[string]any{"address": clip(from.Address, 64), "expires": k.Expires})
	if err != nil {
		return by, "", time.Time{}, err
	}
	err = s.store.UpdateAccess(ctx, func(tx Tx) error {
		if err := tx.ClearMisses(ctx, insideKey(by)); err != nil {
			return fmt.Errorf("clear failures: %w", err)
		}
		if err := tx.InsertKnown(ctx, k); err != nil {
			return fmt.Errorf("insert known browser: %w", err)
		}
		return tx.Record(ctx, ev)
	})
	if err != nil {
		return by, "", time.Time{}, err
	}
	return proven, secret, k.Expires, nil
}
