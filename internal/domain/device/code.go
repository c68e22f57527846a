package device

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/wire"
)

// Bounds of release codes and of tickets.
const (
	codeLife      = 15 * time.Minute // the same challenge gets its code again, for who asked first
	codeWindow    = time.Hour
	codesOfDevice = 5  // in the window
	codesOfPerson = 20 // in the window
	ticketLife    = 24 * time.Hour
)

// ReleaseCode gives the code that releases a PC which cannot reach the server. challenge
// is what the PC shows, as somebody typed it. The code answers this challenge of this PC
// and nothing else. It is the only way back for a PC whose key was refused.
func (s *Service) ReleaseCode(ctx context.Context, by access.Actor, device, challenge, reason string) (code string, err error) {
	if err := by.May(access.ManageDevices); err != nil {
		return "", err
	}
	var c fault.Check
	plain, ok := wire.ParseChallenge(challenge)
	c.That(ok, "challenge", "fault.device_challenge", nil)
	reason = because(&c, reason, true)
	if err := c.Err(); err != nil {
		return "", err
	}
	now := s.now()
	err = s.hold(ctx, device, func(tx Tx, r *Record, o *directory.Org) error {
		if err := fourEyes(by, r, o, now); err != nil {
			return err
		}
		secret, err := s.p.Secrets.Open(r.ID, r.Secret)
		if err != nil {
			return fmt.Errorf("open release secret of %s: %w", r.ID, err)
		}
		code = wire.ReleaseCode(secret, r.ID, plain)
		old, there, err := tx.ChallengeByHash(ctx, challengeHash(r.ID, plain))
		if err != nil {
			return fmt.Errorf("find challenge: %w", err)
		}
		if there {
			if old.By != by.Person || !old.Used.IsZero() || !now.Before(old.Expires) {
				return fault.Clash("fault.device_challenge_over", nil)
			}
			return nil // the same answer to the same person; it is in the record already
		}
		ofDevice, ofPerson, err := tx.CountChallenges(ctx, r.ID, by.Person, now.Add(-codeWindow))
		if err != nil {
			return fmt.Errorf("count codes: %w", err)
		}
		if ofDevice >= codesOfDevice || ofPerson >= codesOfPerson {
			return fault.New(fault.TooMany, "fault.device_codes", nil)
		}
		ch := Challenge{ID: id.New("chl", now), Hash: challengeHash(r.ID, plain), Device: r.ID, By: by.Person, Reason: reason,
			At: now, Expires: now.Add(codeLife)}
		if err := tx.InsertChallenge(ctx, ch); err != nil {
			return fmt.Errorf("insert challenge: %w", err)
		}
		data := map[string]any{"reason": reason, "code": ch.ID}
		if cut := r.Isolation.Order; r.Isolation.Wanted && cut.Incident != "" {
			delete(data, "reason") // it belongs to the case, and is told with that
			if err := s.link(ctx, tx, Order{ID: cut.ID, Device: r.ID, By: by.Person, Kind: "code", Reason: reason, Incident: cut.Incident}, now); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, now, "device.code_issued", r.ID, by.Person, data)
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// challengeHash names a challenge of a device without keeping it.
func challengeHash(device, challenge string) [32]byte {
	return sha256.Sum256([]byte("sekimori challenge\n" + device + "\n" + challenge + "\n"))
}

// UninstallTicket lets the agent be taken off a PC for a day: one that is not isolated,
// or that hears nothing any more because its key was refused.
func (s *Service) UninstallTicket(ctx context.Context, by access.Actor, device, reason string) (ticket string, until time.Time, err error) {
	if reason, err = s.mayFree(by, reason); err != nil {
		return "", time.Time{}, err
	}
	now := s.now()
	until = now.Add(ticketLife)
	err = s.hold(ctx, device, func(tx Tx, r *Record, o *directory.Org) error {
		if err := fourEyes(by, r, o, now); err != nil {
			return err
		}
		if r.Isolation.Wanted && r.RefusedAt.IsZero() {
			return fault.Clash("fault.device_isolated", nil)
		}
		signers := s.p.Keys.Signers()
		var err error
		if ticket, err = wire.SignTicket(r.ID, wire.MicrosOf(until), signers[0]); err != nil {
			return fmt.Errorf("sign ticket: %w", err)
		}
		return s.record(ctx, tx, now, "device.uninstall_allowed", r.ID, by.Person, map[string]any{"reason": reason, "until": until})
	})
	if err != nil {
		return "", time.Time{}, err
	}
	return ticket, until, nil
}

// codeUsed takes into account that the PC says a code has released it. A code that
// nobody gave out is an alarm and releases nothing.
func (s *Service) codeUsed(ctx context.Context, tx Tx, r *Record, o *directory.Org, c wire.CodeRelease, now time.Time) error {
	plain, ok := wire.ParseChallenge(c.Challenge)
	hash := challengeHash(r.ID, plain)
	seen := fmt.Sprintf("%x.%d", hash[:8], c.At)
	if seen == r.Release {
		return nil // the PC tells of its last release each time
	}
	r.Release = seen
	ch, there, err := tx.ChallengeByHash(ctx, hash)
	if err != nil {
		return fmt.Errorf("find challenge: %w", err)
	}
	if !ok || !there || !ch.Used.IsZero() {
		if now.Sub(r.UnknownAt) < alarmEvery {
			return nil
		}
		r.UnknownAt = now
		return s.record(ctx, tx, now, "device.code_unknown", r.ID, r.ID, map[string]any{"order_id": r.Isolation.Order.ID})
	}
	ch.Used = now
	if err := tx.SaveChallenge(ctx, ch); err != nil {
		return fmt.Errorf("save challenge: %w", err)
	}
	if err := s.record(ctx, tx, now, "device.released_by_code", r.ID, r.ID, map[string]any{"code": ch.ID}); err != nil {
		return err
	}
	inForce := r.Isolation.Order
	// The code ends what was ordered when it was given out, and what the PC itself says
	// that it ended; an order that came later stays, and so does a later press.
	ends := !inForce.Requested.After(ch.At) || c.Order == inForce.ID || inForce.Via == ViaPC && inForce.Local <= c.Local
	if c.Local < r.Presses {
		// A later press was heard of first. The release is over already, and stands among the
		// orders below the one that the press gave.
		past := Order{ID: id.New("ord", now.Add(time.Millisecond)), Device: r.ID, Kind: Release, By: ch.By, Via: ViaCode, Reason: ch.Reason,
			Incident: inForce.Incident, Local: c.Local, Requested: now, Superseded: true, Version: inForce.Version - 1}
		if err := tx.InsertOrder(ctx, past); err != nil {
			return fmt.Errorf("insert order: %w", err)
		}
		return nil
	}
	r.Presses = c.Local
	if r.Isolation.Wanted && !ends {
		return tx.SaveDesired(ctx, r)
	}
	_, err = s.order(ctx, tx, r, o, Order{Kind: Release, By: ch.By, Via: ViaCode, Reason: ch.Reason, Incident: inForce.Incident}, now)
	return err
}
