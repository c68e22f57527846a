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
	// SaveInvitation inserts a person's invitation or replaces the one before.
	SaveInvitation(ctx context.Context, v Invitation) error
	// TakeInvitation ends an invitation and reports whether it was there.
	TakeInvitation(ctx context.Context, hash [32]byte) (bool, error)
	DeleteInvitation(ctx context.Context, person string) error
	// AccountsLike gives the person's account and the one of that sign-in name.
	AccountsLike(ctx context.Context, person, login string) ([]Account, error)
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
	SessionByHash(ctx context.Context, hash [32]byte) (Session, bool, error)
	Sessions(ctx context.Context, person string) ([]Session, error)
	TouchSession(ctx context.Context, session string, at time.Time) error
	TokenByHash(ctx context.Context, hash [32]byte) (Token, bool, error)
	Tokens(ctx context.Context, person string) ([]Token, error)
	Misses(ctx context.Context, key string, since time.Time) (int, time.Time, error)
}

// Authenticator is the seam for other ways to know a person (passkeys, OIDC): it
// turns its own proof into a person id, and Service.Begin opens the session.
type Authenticator interface {
	Authenticate(ctx context.Context, proof any) (person string, err error)
}

// Rules are the times and counts of sign-in. Zero fields take the defaults.
type Rules struct {
	Idle     time.Duration // a session unused this long ends; default 12 h
	Absolute time.Duration // a session ends at this age; default 7 days
	Window   time.Duration // failures are counted over this time; default 15 min
	PerLogin int           // failures for one login before waiting; default 10
	PerAddr  int           // failures from one address before waiting; default 50
}

// Service is sign-in, sessions and tokens.
type Service struct {
	store  Store
	hasher *Hasher
	now    func() time.Time
	rules  Rules
	decoy  string // a hash to spend the same time on when the login is unknown
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
	if r.PerAddr == 0 {
		r.PerAddr = 50
	}
	decoy, err := hasher.Hash(ctx, id.Secret(8))
	if err != nil {
		return nil, fmt.Errorf("prepare sign-in: %w", err)
	}
	return &Service{store: store, hasher: hasher, now: now, rules: r, decoy: decoy}, nil
}

// Origin is where a sign-in comes from.
type Origin struct{ Address, Agent string }

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
	if err := s.throttled(ctx, login, from.Address); err != nil {
		return "", Session{}, err
	}
	acc, known, err := s.store.AccountByLogin(ctx, login)
	if err != nil {
		return "", Session{}, fmt.Errorf("find account: %w", err)
	}
	hash := s.decoy
	if known {
		hash = acc.Password
	}
	right, err := s.hasher.Check(ctx, hash, password)
	if err != nil {
		return "", Session{}, fmt.Errorf("check password: %w", err)
	}
	if known && right {
		who, ok, err := s.store.Identity(ctx, acc.Person, s.now())
		if err != nil {
			return "", Session{}, fmt.Errorf("load identity: %w", err)
		}
		if ok && who.Active {
			return s.Begin(ctx, acc.Person, login, from)
		}
	}
	if err := s.miss(ctx, login, from.Address); err != nil {
		return "", Session{}, err
	}
	return "", Session{}, fault.New(fault.Unauthenticated, "fault.wrong_login", nil)
}

// Begin opens a session for a person whom an authenticator has recognised.
func (s *Service) Begin(ctx context.Context, person, login string, from Origin) (string, Session, error) {
	now := s.now()
	secret := id.Secret(32)
	sess := Session{ID: id.New("ses", now), Hash: sha256.Sum256([]byte(secret)), Person: person,
		Address: clip(from.Address, 64), Agent: clip(from.Agent, 160), Created: now, Seen: now, Expires: now.Add(s.rules.Absolute)}
	ev, err := journal.NewEvent(now, "account.signed_in", sess.ID, person, map[string]string{"address": sess.Address})
	if err != nil {
		return "", Session{}, err
	}
	err = s.store.UpdateAccess(ctx, func(tx Tx) error {
		if err := tx.InsertSession(ctx, sess); err != nil {
			return fmt.Errorf("insert session: %w", err)
		}
		if err := tx.ClearMisses(ctx, "login:"+login); err != nil {
			return fmt.Errorf("clear failures: %w", err)
		}
		return tx.Record(ctx, ev)
	})
	return secret, sess, err
}

// counters names what failures are counted under, with the limit of each. A change of
// password has no address of its own: people must not be counted together under "".
func (s *Service) counters(login, addr string) map[string]int {
	m := map[string]int{"login:" + login: s.rules.PerLogin}
	if addr != "" {
		m["addr:"+addr] = s.rules.PerAddr
	}
	return m
}

func (s *Service) throttled(ctx context.Context, login, addr string) error {
	since := s.now().Add(-s.rules.Window)
	for key, limit := range s.counters(login, addr) {
		n, oldest, err := s.store.Misses(ctx, key, since)
		if err != nil {
			return fmt.Errorf("count failures: %w", err)
		}
		if n >= limit {
			wait := oldest.Add(s.rules.Window).Sub(s.now())
			return fault.New(fault.TooMany, "fault.throttled", fault.Args{"wait": wait.Truncate(time.Second).String()})
		}
	}
	return nil
}

// miss counts a failure and writes the one that closes the door into the journal;
// single failures stay out of it, so that a flood cannot fill the record.
func (s *Service) miss(ctx context.Context, login, addr string) error {
	now := s.now()
	return s.store.UpdateAccess(ctx, func(tx Tx) error {
		for key, limit := range s.counters(login, addr) {
			n, err := tx.Miss(ctx, key, now, s.rules.Window)
			if err != nil {
				return fmt.Errorf("count failure: %w", err)
			}
			if n != limit {
				continue
			}
			ev, err := journal.NewEvent(now, "account.throttled", "", "outside", map[string]string{"key": key, "address": addr})
			if err != nil {
				return err
			}
			if err := tx.Record(ctx, ev); err != nil {
				return err
			}
		}
		return nil
	})
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
	a.Via, a.Session = BySession, sess.ID
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
