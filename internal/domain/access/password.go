package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"sekimori/internal/kit/fault"
)

// Cost is the work of one argon2id hash (RFC 9106).
type Cost struct {
	Memory uint32 // KiB
	Time   uint32
}

// DefaultCost is the second recommended option of RFC 9106 scaled to what a small
// server can spare at sign-in: 64 MiB, three passes.
func DefaultCost() Cost { return Cost{Memory: 64 << 10, Time: 3} }

// Limits of a password, in characters. NIST SP 800-63B asks for length, not for
// composition rules.
const (
	MinPassword = 10
	MaxPassword = 128
)

// Hasher makes and checks password hashes, a bounded number at a time, so that
// a flood of sign-ins cannot take the memory of the server.
type Hasher struct {
	cost Cost
	slot chan struct{}
}

// NewHasher allows at most parallel hashes at once.
func NewHasher(c Cost, parallel int) *Hasher {
	if c == (Cost{}) {
		c = DefaultCost()
	}
	return &Hasher{cost: c, slot: make(chan struct{}, max(parallel, 1))}
}

// Hash gives the PHC string of the password.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, 16)
	rand.Read(salt)
	key, err := h.derive(ctx, password, salt, h.cost)
	if err != nil {
		return "", err
	}
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, h.cost.Memory, h.cost.Time,
		b.EncodeToString(salt), b.EncodeToString(key)), nil
}

// Check reports whether the password gives the PHC string.
func (h *Hasher) Check(ctx context.Context, phc, password string) (bool, error) {
	part := strings.Split(phc, "$")
	var c Cost
	if len(part) != 6 || part[1] != "argon2id" {
		return false, fmt.Errorf("password hash has an unknown form")
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=1", &c.Memory, &c.Time); err != nil {
		return false, fmt.Errorf("parse password hash: %w", err)
	}
	salt, err := base64.RawStdEncoding.DecodeString(part[4])
	if err != nil {
		return false, fmt.Errorf("parse password salt: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(part[5])
	if err != nil {
		return false, fmt.Errorf("parse password key: %w", err)
	}
	got, err := h.derive(ctx, password, salt, c)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func (h *Hasher) derive(ctx context.Context, password string, salt []byte, c Cost) ([]byte, error) {
	select {
	case h.slot <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-h.slot }()
	return argon2.IDKey([]byte(password), salt, c.Time, c.Memory, 1, 32), nil
}

func checkPassword(c *fault.Check, field, password, login string) {
	n := utf8.RuneCountInString(password)
	c.That(n >= MinPassword, field, "fault.password_short", fault.Args{"min": fmt.Sprint(MinPassword)})
	c.That(n <= MaxPassword, field, "fault.too_long", fault.Args{"max": fmt.Sprint(MaxPassword)})
	c.That(login == "" || !strings.EqualFold(password, login), field, "fault.password_is_login", nil)
}
