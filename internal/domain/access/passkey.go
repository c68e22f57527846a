package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/passkey"
)

// Passkey is a key pair in a person's phone, PC or stick, unlocked there by finger, face
// or number. The public half is here; nothing here signs in.
type Passkey struct {
	ID      string
	Person  string
	Name    string // as the person calls it
	Key     passkey.Key
	Created time.Time
	Seen    time.Time // last used; zero when never
	Copied  time.Time // when its count last failed to grow; zero when never
}

// Limits of passkeys.
const (
	MaxPasskeys   = 20              // of one person
	challengeLife = 5 * time.Minute // from being asked to having answered
	maxKeyName    = 60
)

// Purposes of a challenge: an answer to one is no answer to another.
const (
	toSignIn  = "sign in"
	toAdd     = "add"
	toConfirm = "confirm"
	toAnswer  = "answer a notice"
)

// newChallenge makes a challenge that proves itself, so that asking for one stores
// nothing: 16 random bytes, its end, and a seal over both, the purpose and the subject,
// which is the session that it is for.
func (s *Service) newChallenge(purpose, subject string) []byte {
	c := make([]byte, 16, 16+8+sha256.Size)
	rand.Read(c)
	c = binary.BigEndian.AppendUint64(c, uint64(s.now().Add(challengeLife).UnixMicro()))
	return append(c, s.sealed(c, purpose, subject)...)
}

func (s *Service) sealed(c []byte, purpose, subject string) []byte {
	sum := sha256.Sum256([]byte(s.rules.Seal("passkey challenge", purpose+"\n"+subject+"\n"+hex.EncodeToString(c))))
	return sum[:]
}

// spent is a challenge that was answered rightly: it is kept until it ends by itself, so
// that the same answer is good once.
type spent struct {
	hash  [32]byte
	until time.Time
}

// goodChallenge checks a challenge, and names it in c.
func (s *Service) goodChallenge(purpose, subject string, c *spent) func([]byte) error {
	return func(challenge []byte) error {
		if len(challenge) != 16+8+sha256.Size || subtle.ConstantTimeCompare(challenge[24:], s.sealed(challenge[:24], purpose, subject)) != 1 {
			return fmt.Errorf("%w: not our challenge", passkey.ErrRefused)
		}
		c.hash, c.until = sha256.Sum256(challenge), time.UnixMicro(int64(binary.BigEndian.Uint64(challenge[16:24]))).UTC()
		if s.now().After(c.until) {
			return fault.New(fault.Unauthenticated, "fault.passkey_late", nil)
		}
		return nil
	}
}

// spend ends a challenge; the second who comes with it is refused.
func (c spent) spend(ctx context.Context, tx Tx, now time.Time) error {
	first, err := tx.Spend(ctx, c.hash, c.until, now)
	if err != nil {
		return fmt.Errorf("end challenge: %w", err)
	}
	if !first {
		return fault.New(fault.Unauthenticated, "fault.passkey_refused", nil)
	}
	return nil
}

// party is the site's side of passkeys.
func (s *Service) party() (*passkey.Party, error) {
	if s.site == nil {
		return nil, fault.New(fault.Denied, "fault.no_passkeys", nil)
	}
	return s.site, nil
}

// PasskeySite is the host name that passkeys belong to; "" where there are none.
func (s *Service) PasskeySite() string {
	if s.site == nil {
		return ""
	}
	return s.site.Name()
}

// Passkeys lists a person's passkeys, oldest first: one's own, or anyone's for who manages
// accounts.
func (s *Service) Passkeys(ctx context.Context, by Actor, person string) ([]Passkey, error) {
	if err := s.mayManage(by, person); err != nil {
		return nil, err
	}
	return s.store.Passkeys(ctx, person)
}

// mayAdd lets a person add a key to their own account, signed in and proven of late. No
// token may: a program would make itself a person.
func (s *Service) mayAdd(by Actor) error {
	if err := by.May(ManageOwn); err != nil {
		return err
	}
	if by.Via != BySession {
		return fault.Deny(string(ManageOwn))
	}
	return s.mustBeFresh(by)
}

// NewPasskeyOptions gives what the browser needs to make a passkey for the actor.
func (s *Service) NewPasskeyOptions(ctx context.Context, by Actor) ([]byte, error) {
	if err := s.mayAdd(by); err != nil {
		return nil, err
	}
	p, err := s.party()
	if err != nil {
		return nil, err
	}
	acc, ok, err := s.store.AccountOf(ctx, by.Person)
	if err != nil {
		return nil, fmt.Errorf("load account: %w", err)
	}
	if !ok {
		return nil, fault.Missing("account")
	}
	have, err := s.keysOf(ctx, by.Person)
	if err != nil {
		return nil, err
	}
	return p.Creation(s.newChallenge(toAdd, by.Session), passkey.Owner{ID: by.Person, Login: acc.Login, Name: by.Name}, have)
}

func (s *Service) keysOf(ctx context.Context, person string) ([]passkey.Key, error) {
	have, err := s.store.Passkeys(ctx, person)
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	out := make([]passkey.Key, len(have))
	for n, k := range have {
		out[n] = k.Key
	}
	return out, nil
}

// AddPasskey keeps the passkey that a browser made, and writes to the person that one was
// added.
func (s *Service) AddPasskey(ctx context.Context, by Actor, name string, answer []byte) (Passkey, error) {
	if err := s.mayAdd(by); err != nil {
		return Passkey{}, err
	}
	p, err := s.party()
	if err != nil {
		return Passkey{}, err
	}
	name, err = keyName(name)
	if err != nil {
		return Passkey{}, err
	}
	var used spent
	key, err := p.Created(answer, by.Person, s.goodChallenge(toAdd, by.Session, &used))
	if err != nil {
		return Passkey{}, refusedKey(err)
	}
	now := s.now()
	k := Passkey{ID: id.New("pky", now), Person: by.Person, Name: name, Key: key, Created: now}
	ev, err := journal.NewEvent(now, "account.passkey_added", k.ID, by.Person, map[string]any{"person": k.Person, "name": k.Name, "synced": key.Copyable})
	if err != nil {
		return Passkey{}, err
	}
	return k, s.store.UpdateAccess(ctx, func(tx Tx) error {
		if err := used.spend(ctx, tx, now); err != nil {
			return err
		}
		others, err := tx.PasskeysLike(ctx, k.Person, key.ID)
		if err != nil {
			return fmt.Errorf("look for passkeys: %w", err)
		}
		for _, o := range others {
			if string(o.Key.ID) == string(key.ID) {
				return fault.Clash("fault.passkey_there", nil)
			}
		}
		if len(others) >= MaxPasskeys {
			return fault.New(fault.Conflict, "fault.too_many_items", fault.Args{"max": fmt.Sprint(MaxPasskeys)})
		}
		if err := tx.InsertPasskey(ctx, k); err != nil {
			return fmt.Errorf("insert passkey: %w", err)
		}
		if err := tx.Post(ctx, Letter{ID: k.ID, Topic: "account.passkey_added", Person: k.Person, Args: map[string]string{"name": k.Name}, Path: "/account", At: now}); err != nil {
			return fmt.Errorf("plan letter: %w", err)
		}
		return tx.Record(ctx, ev)
	})
}

func keyName(name string) (string, error) {
	name = strings.TrimSpace(name)
	var c fault.Check
	c.That(name != "", "name", "fault.required", nil)
	c.That(utf8.RuneCountInString(name) <= maxKeyName, "name", "fault.too_long", fault.Args{"max": fmt.Sprint(maxKeyName)})
	return name, c.Err()
}

// refusedKey is one sentence for everything that proves nothing: whoever tries keys learns
// not even which of them are known here.
func refusedKey(err error) error {
	if errors.Is(err, passkey.ErrRefused) {
		return fault.New(fault.Unauthenticated, "fault.passkey_refused", nil)
	}
	return err
}

// RenamePasskey gives one's own passkey another name.
func (s *Service) RenamePasskey(ctx context.Context, by Actor, key, name string) error {
	if err := by.May(ManageOwn); err != nil {
		return err
	}
	name, err := keyName(name)
	if err != nil {
		return err
	}
	if !id.Valid("pky", key) {
		return fault.Missing("passkey")
	}
	ev, err := journal.NewEvent(s.now(), "account.passkey_renamed", key, by.Person, map[string]string{"person": by.Person, "name": name})
	if err != nil {
		return err
	}
	return s.changeKey(ctx, ev, func(tx Tx) (bool, error) { return tx.RenamePasskey(ctx, by.Person, key, name) })
}

// RemovePasskey ends a passkey at once: one's own, or anyone's for who manages accounts.
func (s *Service) RemovePasskey(ctx context.Context, by Actor, person, key string) error {
	if err := s.mayManage(by, person); err != nil {
		return err
	}
	if err := s.mustBeFresh(by); err != nil {
		return err
	}
	if !id.Valid("pky", key) {
		return fault.Missing("passkey")
	}
	ev, err := journal.NewEvent(s.now(), "account.passkey_removed", key, by.Person, map[string]string{"person": person})
	if err != nil {
		return err
	}
	return s.changeKey(ctx, ev, func(tx Tx) (bool, error) {
		if err := tx.DeleteKnown(ctx, person); err != nil { // it may have proven one of them
			return false, err
		}
		return tx.DeletePasskey(ctx, person, key)
	})
}

func (s *Service) changeKey(ctx context.Context, ev journal.Event, f func(Tx) (bool, error)) error {
	return s.store.UpdateAccess(ctx, func(tx Tx) error {
		found, err := f(tx)
		if err != nil {
			return fmt.Errorf("change passkey: %w", err)
		}
		if !found {
			return fault.Missing("passkey")
		}
		return tx.Record(ctx, ev)
	})
}

// PasskeyOptions gives what a browser needs to ask for a passkey of anybody's.
func (s *Service) PasskeyOptions() ([]byte, error) {
	p, err := s.party()
	if err != nil {
		return nil, err
	}
	return p.Request(s.newChallenge(toSignIn, ""), nil)
}

// SignInByPasskey opens a session for who has shown a passkey; secret goes into the cookie.
func (s *Service) SignInByPasskey(ctx context.Context, answer []byte, from Origin) (secret string, sess Session, err error) {
	key, used, err := s.shown(ctx, answer, toSignIn, "", from)
	if err != nil {
		return "", Session{}, err
	}
	return s.begin(ctx, key.Person, from, map[string]string{"passkey": key.ID}, s.usePasskey(key, used))
}

// shown checks a passkey that somebody shows, and counts a wrong one against the address.
func (s *Service) shown(ctx context.Context, answer []byte, purpose, subject string, from Origin) (key Passkey, used spent, err error) {
	p, err := s.party()
	if err != nil {
		return key, used, err
	}
	if err := s.waits(ctx, s.keys(from.Address)); err != nil {
		return key, used, err
	}
	proven, err := p.Asserted(answer, s.goodChallenge(purpose, subject, &used), func(credential []byte) (passkey.Key, string, bool, error) {
		found, ok, err := s.store.PasskeyByCredential(ctx, credential)
		if err != nil {
			return passkey.Key{}, "", false, fmt.Errorf("find passkey: %w", err)
		}
		key = found
		return key.Key, key.Person, ok, nil
	})
	works := false
	if err == nil {
		if works, err = s.works(ctx, key.Person); err == nil && !works {
			err = passkey.ErrRefused
		}
	}
	if errors.Is(err, passkey.ErrRefused) {
		t, err := s.try(ctx, s.keys(from.Address))
		if err == nil {
			err = s.wrong(ctx, t, from.Address)
		}
		if err != nil {
			return key, used, err
		}
	}
	if err != nil {
		return key, used, refusedKey(err)
	}
	key.Key.Count, key.Seen = proven.Count, s.now()
	if proven.Copied {
		key.Copied = key.Seen
	}
	return key, used, nil
}

// usePasskey writes that a passkey was used, in the commit of what it was used for. A count
// that did not grow says that there may be a copy: it is recorded and shown, and not
// refused, because some devices count badly and their owners must get in.
func (s *Service) usePasskey(key Passkey, used spent) func(context.Context, Tx) error {
	return func(ctx context.Context, tx Tx) error {
		if err := used.spend(ctx, tx, key.Seen); err != nil {
			return err
		}
		there, err := tx.UsePasskey(ctx, key)
		if err != nil {
			return fmt.Errorf("note use of passkey: %w", err)
		}
		if !there { // removed in this very moment
			return fault.New(fault.Unauthenticated, "fault.passkey_refused", nil)
		}
		if !key.Copied.Equal(key.Seen) {
			return nil
		}
		ev, err := journal.NewEvent(key.Seen, "account.passkey_copied", key.ID, key.Person, map[string]string{"person": key.Person, "name": key.Name})
		if err != nil {
			return err
		}
		return tx.Record(ctx, ev)
	}
}
