package access

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/passkey"
)

// Account is a person's local way in. A person without one can be told of things
// but cannot sign in.
type Account struct {
	Person   string
	Login    string // lower case
	Password string // PHC string
}

// Identity is what the directory says of a person at the moment of a request.
type Identity struct {
	Person     string
	Name       string
	Department string
	Duties     []Duty // those in force now
	Active     bool   // false for leavers
	Mailed     bool   // there is a mail address that is known to arrive
}

// Letter is a mail about somebody's account. Where Path ends in "{secret}", the mail alone
// holds the link that works: what stands there is worked out from ID when it is written.
type Letter struct {
	ID     string // of what it is about
	Topic  string // chooses the texts
	Person string
	Args   map[string]string
	Path   string
	At     time.Time
}

// Session is one signed-in browser.
type Session struct {
	ID      string
	Hash    [32]byte // of the cookie's secret
	Person  string
	Address string // network address at sign-in
	Agent   string // browser, shortened
	Created time.Time
	Seen    time.Time
	Expires time.Time
	Fresh   time.Time // when password or passkey were last shown
}

// Token is a key for programs. Its secret is shown once.
type Token struct {
	ID      string
	Hash    [32]byte
	Person  string
	Name    string
	Scopes  []Permission
	Created time.Time
	Expires time.Time
	Seen    time.Time
}

// Tx is one transaction over the sign-in data.
type Tx interface {
	journal.Recorder
	SaveAccount(ctx context.Context, a Account) error
	InsertSession(ctx context.Context, s Session) error
	DeleteSession(ctx context.Context, person, session string) (bool, error)
	DeleteSessions(ctx context.Context, person, except string) (int, error)
	InsertToken(ctx context.Context, t Token) error
	DeleteToken(ctx context.Context, person, token string) (bool, error)
	// Miss counts a failed sign-in for a key and gives the failures since window began.
	Miss(ctx context.Context, key string, at time.Time, window time.Duration) (int, error)
	ClearMisses(ctx context.Context, key string) error
	// TakeBackMiss forgets what was counted for a key at that very time.
	TakeBackMiss(ctx context.Context, key string, at time.Time) error
	// SaveInvitation inserts a person's invitation or replaces the one before.
	SaveInvitation(ctx context.Context, v Invitation) error
	// TakeInvitation ends an invitation and reports whether it was there.
	TakeInvitation(ctx context.Context, hash [32]byte) (bool, error)
	DeleteInvitation(ctx context.Context, person string) error
	// AccountsLike gives the person's account and the one of that sign-in name.
	AccountsLike(ctx context.Context, person, login string) ([]Account, error)
	// InvitationOf gives a person's invitation, whether expired or not.
	InvitationOf(ctx context.Context, person string) (Invitation, bool, error)
	// RenewSession gives a session another secret and notes that its person was proven.
	RenewSession(ctx context.Context, person, session string, hash [32]byte, at time.Time) (Session, bool, error)
	InsertPasskey(ctx context.Context, k Passkey) error
	RenamePasskey(ctx context.Context, person, key, name string) (bool, error)
	DeletePasskey(ctx context.Context, person, key string) (bool, error)
	// UsePasskey writes count and times of a passkey, if it is still there.
	UsePasskey(ctx context.Context, k Passkey) (bool, error)
	// PasskeysLike gives the person's passkeys and the one of that credential.
	PasskeysLike(ctx context.Context, person string, credential []byte) ([]Passkey, error)
	// Spend keeps a challenge's hash until it ends, and reports whether it is the first time.
	Spend(ctx context.Context, hash [32]byte, until, now time.Time) (bool, error)
	// InsertKnown adds a proven browser and forgets those that have run out.
	InsertKnown(ctx context.Context, k Known) error
	// DeleteKnown forgets every proven browser of a person.
	DeleteKnown(ctx context.Context, person string) error
	// Post plans a mail about an account.
	Post(ctx context.Context, l Letter) error
}

// Store reads and changes the sign-in data.
type Store interface {
	UpdateAccess(ctx context.Context, f func(Tx) error) error
	AccountByLogin(ctx context.Context, login string) (Account, bool, error)
	AccountOf(ctx context.Context, person string) (Account, bool, error)
	Accounts(ctx context.Context) ([]Account, error)
	InvitationByHash(ctx context.Context, hash [32]byte) (Invitation, bool, error)
	Invitations(ctx context.Context) ([]Invitation, error)
	Identity(ctx context.Context, person string, at time.Time) (Identity, bool, error)
	// PersonByMail finds who works here under a mail address that is known to arrive; nobody
	// when it is more than one person's.
	PersonByMail(ctx context.Context, mail string, at time.Time) (string, bool, error)
	Passkeys(ctx context.Context, person string) ([]Passkey, error)
	PasskeyByCredential(ctx context.Context, credential []byte) (Passkey, bool, error)
	KnownByHash(ctx context.Context, hash [32]byte) (Known, bool, error)
	SessionByHash(ctx context.Context, hash [32]byte) (Session, bool, error)
	Sessions(ctx context.Context, person string) ([]Session, error)
	TouchSession(ctx context.Context, session string, at time.Time) error
	TokenByHash(ctx context.Context, hash [32]byte) (Token, bool, error)
	Tokens(ctx context.Context, person string) ([]Token, error)
	Misses(ctx context.Context, key string, since time.Time) (int, time.Time, error)
}

// Authenticator is the seam for other ways to know a person (OIDC): it turns its own
// proof into a person id, and Service.Begin opens the session.
type Authenticator interface {
	Authenticate(ctx context.Context, proof any) (person string, err error)
}

// Rules are the times and counts of sign-in, and what it works with. Zero fields take the
// defaults.
type Rules struct {
	Idle     time.Duration // a session unused this long ends; default 12 h
	Absolute time.Duration // a session ends at this age; default 7 days
	Window   time.Duration // failures are counted over this time; default 15 min
	PerLogin int           // failures for one login from one sender, or in one known browser, before waiting; default 10
	PerName  int           // failures for one login from all who are not known; default 60
	PerAddr  int           // failures from one address before waiting; default 50
	Asks     int           // for a reset by mail, from one address before waiting; default 20

	Site    string // as browsers reach us; without it, or Seal, there are no passkeys
	Company string // as passkeys name us
	// Seal proves an id under what it is of, in hexadecimal, by a key of the server's.
	// Without it no link is mailed.
	Seal     func(what, id string) string
	NoResets bool // nobody gets a new password by mail
}

// Service is sign-in, sessions and tokens.
type Service struct {
	store  Store
	hasher *Hasher
	now    func() time.Time
	rules  Rules
	decoy  string // a hash to spend the same time on when the login is unknown
	site   *passkey.Party
}

// NewService makes the sign-in service.
func NewService(ctx context.Context, store Store, hasher *Hasher, now func() time.Time, r Rules) (*Service, error) {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&r.Idle, 12*time.Hour)
	def(&r.Absolute, 7*24*time.Hour)
	def(&r.Window, 15*time.Minute)
	if r.PerLogin == 0 {
		r.PerLogin = 10
	}
	if r.PerName == 0 {
		r.PerName = 60
	}
	if r.PerAddr == 0 {
		r.PerAddr = 50
	}
	if r.Asks == 0 {
		r.Asks = 20
	}
	s := &Service{store: store, hasher: hasher, now: now, rules: r}
	if r.Site != "" && r.Seal != nil {
		var err error
		if s.site, err = passkey.New(r.Site, r.Company); err != nil {
			return nil, err
		}
	}
	var err error
	if s.decoy, err = hasher.Hash(ctx, id.Secret(8)); err != nil {
		return nil, fmt.Errorf("prepare sign-in: %w", err)
	}
	return s, nil
}

// Origin is where a sign-in comes from.
type Origin struct {
	Address string
	Agent   string
	Devices string // what Remember gave this browser; "" when nobody has signed in there
}

// SignIn checks login and password and opens a session; secret goes into the cookie.
// The same fault answers an unknown login and a wrong password.
func (s *Service) SignIn(ctx context.Context, login, password string, from Origin) (secret string, sess Session, err error) {
	login = strings.ToLower(strings.TrimSpace(login))
	var c fault.Check
	c.That(login != "", "login", "fault.required", nil)
	c.That(password != "", "password", "fault.required", nil)
	c.That(utf8.RuneCountInString(login) <= 200, "login", "fault.too_long", fault.Args{"max": "200"})
	c.That(utf8.RuneCountInString(password) <= MaxPassword, "password", "fault.too_long", fault.Args{"max": fmt.Sprint(MaxPassword)})
	if err := c.Err(); err != nil {
		return "", Session{}, err
	}
	acc, known, err := s.store.AccountByLogin(ctx, login)
	if err != nil {
		return "", Session{}, fmt.Errorf("find account: %w", err)
	}
	if !known {
		acc = Account{Login: login, Password: s.decoy}
	}
	t, err := s.try(ctx, s.door(acc, from))
	if err != nil {
		return "", Session{}, err
	}
	right, err := s.hasher.Check(ctx, acc.Password, password)
	if err != nil {
		return "", Session{}, fmt.Errorf("check password: %w", err)
	}
	if known && right {
		works, err := s.works(ctx, acc.Person)
		if err != nil {
			return "", Session{}, err
		}
		if works {
			return s.begin(ctx, acc.Person, from, nil, t.right)
		}
	}
	if err := s.wrong(ctx, t, from.Address); err != nil {
		return "", Session{}, err
	}
	return "", Session{}, fault.New(fault.Unauthenticated, "fault.wrong_login", nil)
}

// Begin opens a session for a person whom an authenticator has recognised.
func (s *Service) Begin(ctx context.Context, person string, from Origin) (string, Session, error) {
	return s.begin(ctx, person, from, nil, func(context.Context, Tx) error { return nil })
}

// begin opens a session in one commit with what else belongs to it; more is told in the
// event. The secret is always a new one, so that nobody can have planted it.
func (s *Service) begin(ctx context.Context, person string, from Origin, more map[string]string, also func(context.Context, Tx) error) (string, Session, error) {
	now := s.now()
	secret := id.Secret(32)
	sess := Session{ID: id.New("ses", now), Hash: sha256.Sum256([]byte(secret)), Person: person,
		Address: clip(from.Address, 64), Agent: clip(from.Agent, 160), Created: now, Seen: now, Expires: now.Add(s.rules.Absolute), Fresh: now}
	said := map[string]string{"address": sess.Address}
	maps.Copy(said, more)
	ev, err := journal.NewEvent(now, "account.signed_in", sess.ID, person, said)
	if err != nil {
		return "", Session{}, err
	}
	err = s.store.UpdateAccess(ctx, func(tx Tx) error {
		if err := also(ctx, tx); err != nil {
			return err
		}
		if err := tx.InsertSession(ctx, sess); err != nil {
			return fmt.Errorf("insert session: %w", err)
		}
		return tx.Record(ctx, ev)
	})
	return secret, sess, err
}

// BySecret gives the actor of a session cookie. The directory is asked each time,
// so a duty that ended or a person who left takes effect at once.
func (s *Service) BySecret(ctx context.Context, secret string) (Actor, error) {
	unknown := fault.New(fault.Unauthenticated, "fault.unauthenticated", nil)
	if len(secret) < 20 || len(secret) > 100 {
		return Actor{}, unknown
	}
	sess, ok, err := s.store.SessionByHash(ctx, sha256.Sum256([]byte(secret)))
	if err != nil {
		return Actor{}, fmt.Errorf("find session: %w", err)
	}
	now := s.now()
	if !ok || now.After(sess.Expires) || now.Sub(sess.Seen) > s.rules.Idle {
		return Actor{}, unknown
	}
	if now.Sub(sess.Seen) > 5*time.Minute {
		// A full disk must not keep anybody from reading whom to call: that they were
		// here is then noted by a later request.
		if err := s.store.TouchSession(ctx, sess.ID, now); err != nil && !fault.Is(err, fault.Unavailable) {
			return Actor{}, fmt.Errorf("touch session: %w", err)
		}
	}
	a, err := s.actor(ctx, sess.Person)
	a.Via, a.Session, a.Fresh = BySession, sess.ID, sess.Fresh
	return a, err
}

// ByToken gives the actor of an API token.
func (s *Service) ByToken(ctx context.Context, secret string) (Actor, error) {
	bad := fault.New(fault.Unauthenticated, "fault.bad_token", nil)
	if len(secret) < 20 || len(secret) > 100 {
		return Actor{}, bad
	}
	t, ok, err := s.store.TokenByHash(ctx, sha256.Sum256([]byte(secret)))
	if err != nil {
		return Actor{}, fmt.Errorf("find token: %w", err)
	}
	if !ok {
		return Actor{}, bad
	}
	if s.now().After(t.Expires) {
		return Actor{}, fault.New(fault.Unauthenticated, "fault.token_expired", nil)
	}
	a, err := s.actor(ctx, t.Person)
	a.Via, a.Scopes = ByToken, t.Scopes
	if a.Scopes == nil {
		a.Scopes = []Permission{}
	}
	return a, err
}

// works reports whether the person works here now.
func (s *Service) works(ctx context.Context, person string) (bool, error) {
	who, ok, err := s.store.Identity(ctx, person, s.now())
	if err != nil {
		return false, fmt.Errorf("load identity: %w", err)
	}
	return ok && who.Active, nil
}

func (s *Service) actor(ctx context.Context, person string) (Actor, error) {
	who, ok, err := s.store.Identity(ctx, person, s.now())
	if err != nil {
		return Actor{}, fmt.Errorf("load identity: %w", err)
	}
	if !ok || !who.Active {
		return Actor{}, fault.New(fault.Unauthenticated, "fault.unauthenticated", nil)
	}
	return Actor{Person: who.Person, Name: who.Name, Department: who.Department, Duties: who.Duties}, nil
}

// clip cuts s to n characters.
func clip(s string, n int) string {
	r := []rune(strings.ToValidUTF8(s, ""))
	if len(r) > n {
		r = r[:n]
	}
	return string(r)
}
