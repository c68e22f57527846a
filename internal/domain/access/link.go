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

// KnownFor is how long a browser in which somebody has once shown password or passkey is taken
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
	Link     string // what the link is of: a passkey's answer is good for it alone
	Session  Actor  // who is signed in there; zero for nobody
	Known    string // the secret of a browser that was proven before; "" for none
	Password string // typed now; "" for none
	Passkey  []byte // the browser's answer to LinkOptions; empty for none
}

// PasskeyAtLink is the host name under which the person of a link can show a passkey; ""
// when they have none.
func (s *Service) PasskeyAtLink(ctx context.Context, by Actor) (site string, err error) {
	if by.Via != ByLink || s.site == nil {
		return "", nil
	}
	have, err := s.keysOf(ctx, by.Person)
	if err != nil || len(have) == 0 {
		return "", err
	}
	return s.PasskeySite(), nil
}

// LinkOptions gives what the browser needs to show a passkey at a link. It names none, so
// that whoever was passed the link learns nothing of them.
func (s *Service) LinkOptions(by Actor, link string) ([]byte, error) {
	p, err := s.party()
	if err != nil {
		return nil, err
	}
	return p.Request(s.newChallenge(toAnswer, atLink(by, link)), nil)
}

func atLink(by Actor, link string) string { return by.Person + "\n" + link }

// ProveAtLink gives the actor of a link as one who has proven themself, if the browser is
// theirs: signed in as them, known, or by their password or passkey. Actor.Proof then says
// which: "session", "known_browser", "password", "passkey" or "no_account". secret is of the browser,
// newly known with one of these, until the given time; "" otherwise. Who has no account has nothing to
// show and is let through: they must be able to answer. Whoever proves nothing comes back
// as they were: whether that is enough is not decided here.
func (s *Service) ProveAtLink(ctx context.Context, by Actor, b AtLink, from Origin) (proven Actor, secret string, until time.Time, err error) {
	proven = by
	proven.Fresh = s.now()
	if by.Via != ByLink {
		return by, "", until, fault.Deny(string(Answer))
	}
	if b.Session.Via == BySession && b.Session.Person == by.Person {
		proven.Proof = "session"
		return proven, "", until, nil
	}
	acc, has, err := s.store.AccountOf(ctx, by.Person)
	if err != nil {
		return by, "", until, fmt.Errorf("load account: %w", err)
	}
	if !has {
		proven.Proof = "no_account"
		return proven, "", until, nil
	}
	if len(b.Known) >= 20 && len(b.Known) <= 100 {
		k, ok, err := s.store.KnownByHash(ctx, sha256.Sum256([]byte(b.Known)))
		if err != nil {
			return by, "", until, fmt.Errorf("find browser: %w", err)
		}
		if ok && k.Person == by.Person && k.Expires.After(s.now()) {
			proven.Proof = "known_browser"
			return proven, "", until, nil
		}
	}
	now := s.now()
	switch {
	case len(b.Passkey) > 0:
		proven.Proof = "passkey"
		key, used, err := s.shown(ctx, b.Passkey, toAnswer, atLink(by, b.Link), from)
		if err == nil && key.Person != by.Person { // whoever was passed the link is somebody else
			err = fault.New(fault.Unauthenticated, "fault.passkey_refused", nil)
		}
		if err == nil {
			secret, until, err = s.knowBrowser(ctx, by, "passkey", from, now, s.usePasskey(key, used))
		}
		if err != nil {
			return by, "", time.Time{}, err
		}
		return proven, secret, until, nil
	case strings.TrimSpace(b.Password) == "":
		return by, "", until, nil
	}
	proven.Proof = "password"
	t, err := s.passwordAtLink(ctx, by, acc, b.Password, from)
	if err == nil {
		secret, until, err = s.knowBrowser(ctx, by, "password", from, now, t.right)
	}
	if err != nil {
		return by, "", time.Time{}, err
	}
	return proven, secret, until, nil
}

// passwordAtLink checks the password that was typed.
func (s *Service) passwordAtLink(ctx context.Context, by Actor, acc Account, password string, from Origin) (tried, error) {
	var c fault.Check
	c.That(utf8.RuneCountInString(password) <= MaxPassword, "password", "fault.too_long", fault.Args{"max": fmt.Sprint(MaxPassword)})
	if err := c.Err(); err != nil {
		return tried{}, err
	}
	t, err := s.try(ctx, s.inside(by, from.Address))
	if err != nil {
		return t, err
	}
	right, err := s.hasher.Check(ctx, acc.Password, password)
	if err != nil {
		return t, fmt.Errorf("check password: %w", err)
	}
	if right {
		return t, nil
	}
	if err := s.wrong(ctx, t, from.Address); err != nil {
		return t, err
	}
	c.Add("password", "fault.wrong_password", nil)
	return t, c.Err()
}

// knowBrowser remembers the browser in which the person has just proven themself.
func (s *Service) knowBrowser(ctx context.Context, by Actor, how string, from Origin, now time.Time, also func(context.Context, Tx) error) (secret string, until time.Time, err error) {
	secret = id.Secret(32)
	k := Known{Hash: sha256.Sum256([]byte(secret)), Person: by.Person, Created: now, Expires: now.Add(KnownFor)}
	ev, err := journal.NewEvent(now, "account.browser_known", by.Person, by.Person,
		map[string]any{"address": clip(from.Address, 64), "expires": k.Expires, "by": how})
	if err != nil {
		return "", until, err
	}
	return secret, k.Expires, s.store.UpdateAccess(ctx, func(tx Tx) error {
		if err := also(ctx, tx); err != nil {
			return err
		}
		if err := tx.InsertKnown(ctx, k); err != nil {
			return fmt.Errorf("insert known browser: %w", err)
		}
		return tx.Record(ctx, ev)
	})
}
