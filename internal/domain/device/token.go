package device

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// How long a token may wait to be used.
const (
	TokenLife    = time.Hour
	MaxTokenLife = 7 * 24 * time.Hour
)

// tokenCode writes secrets so that they can be read aloud and typed.
var tokenCode = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// CreateToken makes a token that lets one PC enrol for a person. The secret is given
// here and nowhere else.
func (s *Service) CreateToken(ctx context.Context, by access.Actor, n NewToken) (secret string, t Token, err error) {
	if err := by.May(access.ManageDevices); err != nil {
		return "", Token{}, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return "", Token{}, err
	}
	now := s.now()
	if n.Life == 0 {
		n.Life = TokenLife
	}
	var c fault.Check
	p, ok := o.People[n.Person]
	c.That(n.Person != "", "person", "fault.required", nil)
	c.That(n.Person == "" || ok && p.Active(now), "person", "fault.unknown_person", nil)
	c.That(n.Life > 0 && n.Life <= MaxTokenLife, "life", "fault.device_token_life", nil)
	c.That(utf8.RuneCountInString(n.Note) <= maxName, "note", "fault.too_long", fault.Args{"max": fmt.Sprint(maxName)})
	if err := c.Err(); err != nil {
		return "", Token{}, err
	}
	var raw [20]byte
	if _, err := io.ReadFull(s.p.Random, raw[:]); err != nil {
		return "", Token{}, fmt.Errorf("draw token: %w", err)
	}
	secret = "enrol_" + tokenCode.EncodeToString(raw[:])
	t = Token{ID: id.New("dtk", now), Hash: sha256.Sum256([]byte(secret)), Person: n.Person, Note: line(n.Note, maxName),
		By: by.Person, Created: now, Expires: now.Add(n.Life)}
	err = s.p.Store.UpdateDevices(ctx, func(tx Tx) error {
		if err := tx.InsertEnrolment(ctx, t); err != nil {
			return fmt.Errorf("insert token: %w", err)
		}
		return s.record(ctx, tx, now, "device.token_created", t.ID, by.Person,
			map[string]any{"person": t.Person, "expires": t.Expires, "note": t.Note})
	})
	if err != nil {
		return "", Token{}, err
	}
	return secret, t, nil
}

// Tokens lists the tokens, newest first: those that wait and those that were used.
func (s *Service) Tokens(ctx context.Context, by access.Actor) ([]Token, error) {
	if err := by.May(access.ManageDevices); err != nil {
		return nil, err
	}
	ts, err := s.p.Store.Enrolments(ctx)
	if err != nil {
		return nil, fmt.Errorf("list enrolment tokens: %w", err)
	}
	return ts, nil
}

// RevokeToken ends a token that waits.
func (s *Service) RevokeToken(ctx context.Context, by access.Actor, token string) error {
	if err := by.May(access.ManageDevices); err != nil {
		return err
	}
	now := s.now()
	return s.p.Store.UpdateDevices(ctx, func(tx Tx) error {
		t, err := tx.LockEnrolment(ctx, token)
		if err != nil {
			return err
		}
		if !t.Open(now) {
			return fault.Clash("fault.device_token_over", nil)
		}
		t.Revoked = now
		if err := tx.SaveEnrolment(ctx, t); err != nil {
			return fmt.Errorf("save token: %w", err)
		}
		return s.record(ctx, tx, now, "device.token_revoked", t.ID, by.Person, map[string]any{"person": t.Person})
	})
}

// secretHash is the hash of a token as somebody typed it.
func secretHash(secret string) [32]byte {
	return sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(secret))))
}
