package incident

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Code is a receipt code, 受付コード: 16 decimal digits that open one case to whoever has
// them. The last is a check digit, so that a slip of the pen is told from a wrong code
// without asking the database.
type Code string

const codeDigits = 16

// newCode makes one of 10^15.
func newCode() Code {
	n, err := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(10), big.NewInt(codeDigits-1), nil))
	if err != nil {
		panic(err) // never: crypto/rand ends the program instead
	}
	digits := fmt.Sprintf("%0*d", codeDigits-1, n)
	for check := '0'; ; check++ {
		if c := Code(digits + string(check)); c.sound() {
			return c
		}
	}
}

// sound reports whether the check digit fits the others (Luhn, ISO/IEC 7812-1).
func (c Code) sound() bool {
	sum := 0
	for n, r := range []byte(c) {
		d := int(r - '0')
		if n%2 == 0 { // of 16 digits the first is doubled
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return len(c) == codeDigits && sum%10 == 0
}

// String is the code as people write it: four groups of four.
func (c Code) String() string {
	var b strings.Builder
	for n := range len(c) {
		if n > 0 && n%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(c[n])
	}
	return b.String()
}

// ParseCode reads what somebody typed: blanks, hyphens and full-width digits are all the
// same. A slip is a fault of the field "code".
func ParseCode(s string) (Code, error) {
	var c fault.Check
	c.That(strings.TrimSpace(s) != "", "code", "fault.required", nil)
	if err := c.Err(); err != nil {
		return "", err
	}
	var b strings.Builder
	slip := len(s) > 200
	for _, r := range s {
		switch {
		case slip:
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= '０' && r <= '９':
			b.WriteRune(r - '０' + '0')
		case strings.ContainsRune(" \t\r\n\u3000\u00a0-‐‑–—−－ー", r):
		default:
			slip = true
		}
	}
	code := Code(b.String())
	c.That(!slip && code.sound(), "code", "fault.code_slip", nil)
	return code, c.Err()
}

// Codes keeps receipt codes as a keyed hash: whoever gets at the database alone cannot
// find them by trying all there are.
type Codes struct{ key []byte }

// NewCodes makes it from the server's key.
func NewCodes(key []byte) Codes { return Codes{key} }

func (c Codes) hash(code Code) [32]byte {
	m := hmac.New(sha256.New, c.key)
	m.Write([]byte("receipt code " + code))
	return [32]byte(m.Sum(nil))
}

// Mark names the key without telling it.
func (c Codes) Mark() string {
	m := hmac.New(sha256.New, c.key)
	m.Write([]byte("mark of the key"))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

// How long a visit by receipt code lasts, and how many wrong codes are taken.
const (
	VisitIdle   = time.Hour
	VisitLength = 12 * time.Hour

	missWindow    = 15 * time.Minute
	missesOfOne   = 10  // from one address within the window
	missesOfAll   = 300 // from everywhere; beyond it each address has missesInFlood
	missesInFlood = 2
)

// Visit is one browser that has shown a receipt code.
type Visit struct {
	Hash     [32]byte // of the cookie's secret
	Incident string
	Began    time.Time
	Seen     time.Time
}

// codeTx is the part of a transaction that is about receipt codes.
type codeTx interface {
	// InsertCode adds a code to a case and lets go of the oldest when it has too many.
	InsertCode(ctx context.Context, incident string, hash [32]byte, at time.Time) error
	InsertVisit(ctx context.Context, v Visit) error
	DeleteVisit(ctx context.Context, hash [32]byte) (bool, error)
	// DropVisits forgets the visits that began before a time.
	DropVisits(ctx context.Context, began time.Time) error
	// Miss counts a wrong code for a key and gives those since window began.
	Miss(ctx context.Context, key string, at time.Time, window time.Duration) (int, error)
	// Spend keeps a hash until it ends, and reports whether it is the first time.
	Spend(ctx context.Context, hash [32]byte, until, now time.Time) (bool, error)
}

// codeStore reads what is kept about receipt codes.
type codeStore interface {
	CaseByCode(ctx context.Context, hash [32]byte) (incident string, found bool, err error)
	VisitByHash(ctx context.Context, hash [32]byte) (Visit, bool, error)
	TouchVisit(ctx context.Context, hash [32]byte, at time.Time) error
	Misses(ctx context.Context, key string, since time.Time) (int, time.Time, error)
}

// OpenCode opens a visit to the case of a receipt code and gives the secret for the cookie.
// from is the network address that is asked to wait after many wrong codes; "" for who was
// given the code by this server a moment ago. Every wrong code has the same answer.
func (s *Service) OpenCode(ctx context.Context, code, from string) (secret string, err error) {
	c, err := ParseCode(code)
	if err != nil {
		return "", err
	}
	now := s.now()
	if err := s.mayTry(ctx, from, now); err != nil {
		return "", err
	}
	incident, known, err := s.store.CaseByCode(ctx, s.codes.hash(c))
	if err != nil {
		return "", fmt.Errorf("find receipt code: %w", err)
	}
	if !known {
		if err := s.missed(ctx, from, now); err != nil {
			return "", err
		}
		return "", fault.New(fault.NotFound, "fault.wrong_code", nil)
	}
	secret = id.Secret(32)
	ev, err := journal.NewEvent(now, "incident.code_opened", incident, access.Nobody, map[string]string{"address": from})
	if err != nil {
		return "", err
	}
	return secret, s.store.UpdateIncidents(ctx, func(tx Tx) error {
		if err := tx.DropVisits(ctx, now.Add(-VisitLength)); err != nil {
			return fmt.Errorf("drop old visits: %w", err)
		}
		if err := tx.InsertVisit(ctx, Visit{Hash: sha256.Sum256([]byte(secret)), Incident: incident, Began: now, Seen: now}); err != nil {
			return fmt.Errorf("insert visit: %w", err)
		}
		return tx.Record(ctx, ev)
	})
}

// mayTry is nil while the address may try a code. When wrong codes come from everywhere
// each address has fewer: who has the right one needs one.
func (s *Service) mayTry(ctx context.Context, from string, now time.Time) error {
	if from == "" {
		return nil
	}
	since := now.Add(-missWindow)
	n, oldest, err := s.store.Misses(ctx, "code:"+from, since)
	if err != nil {
		return fmt.Errorf("count wrong codes: %w", err)
	}
	all, _, err := s.store.Misses(ctx, "code", since)
	if err != nil {
		return fmt.Errorf("count wrong codes: %w", err)
	}
	limit := missesOfOne
	if all >= missesOfAll {
		limit = missesInFlood
	}
	if n < limit {
		return nil
	}
	return fault.New(fault.TooMany, "fault.throttled", fault.Args{"wait": oldest.Add(missWindow).Sub(now).Truncate(time.Second).String()})
}

// missed counts a wrong code. The one that closes the door is recorded; single ones are
// not, so that a flood cannot fill the record.
func (s *Service) missed(ctx context.Context, from string, now time.Time) error {
	if from == "" {
		return nil
	}
	return s.store.UpdateIncidents(ctx, func(tx Tx) error {
		for key, limit := range map[string]int{"code:" + from: missesOfOne, "code": missesOfAll} {
			n, err := tx.Miss(ctx, key, now, missWindow)
			if err != nil {
				return fmt.Errorf("count wrong code: %w", err)
			}
			if n != limit {
				continue
			}
			ev, err := journal.NewEvent(now, "incident.code_throttled", "", access.Nobody, map[string]string{"key": key, "address": from})
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

// Visitor is the actor of a visit's cookie.
func (s *Service) Visitor(ctx context.Context, secret string) (access.Actor, error) {
	unknown := fault.New(fault.Unauthenticated, "fault.unauthenticated", nil)
	if len(secret) < 20 || len(secret) > 100 {
		return access.Actor{}, unknown
	}
	v, ok, err := s.store.VisitByHash(ctx, sha256.Sum256([]byte(secret)))
	if err != nil {
		return access.Actor{}, fmt.Errorf("find visit: %w", err)
	}
	now := s.now()
	if !ok || now.Sub(v.Began) > VisitLength || now.Sub(v.Seen) > VisitIdle {
		return access.Actor{}, unknown
	}
	if now.Sub(v.Seen) > 5*time.Minute {
		if err := s.store.TouchVisit(ctx, v.Hash, now); err != nil && !fault.Is(err, fault.Unavailable) {
			return access.Actor{}, fmt.Errorf("touch visit: %w", err)
		}
	}
	return access.Outside(v.Incident), nil
}

// Leave ends a visit.
func (s *Service) Leave(ctx context.Context, secret string) error {
	a, err := s.Visitor(ctx, secret)
	if fault.Is(err, fault.Unauthenticated) {
		return nil
	}
	if err != nil {
		return err
	}
	ev, err := journal.NewEvent(s.now(), "incident.code_left", a.Case, access.Nobody, nil)
	if err != nil {
		return err
	}
	return s.store.UpdateIncidents(ctx, func(tx Tx) error {
		there, err := tx.DeleteVisit(ctx, sha256.Sum256([]byte(secret)))
		if err != nil || !there {
			return err
		}
		return tx.Record(ctx, ev)
	})
}
