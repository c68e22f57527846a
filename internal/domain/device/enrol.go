package device

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

// Enrol takes a PC in: the token says for whom, the key is the PC's own, and the proof
// shows that it holds it. address is where the request came from, for the record.
func (s *Service) Enrol(ctx context.Context, in wire.Enrol, address string) (wire.Enrolled, error) {
	var c fault.Check
	c.That(len(in.PublicKey) == ed25519.PublicKeySize, "public_key", "fault.device_key", nil)
	c.That(in.Token != "" && len(in.Token) <= 100, "token", "fault.required", nil)
	if err := c.Err(); err != nil {
		return wire.Enrolled{}, err
	}
	key := ed25519.PublicKey(in.PublicKey)
	c.That(ed25519.Verify(key, wire.EnrolText(in.Token, key), in.Proof), "proof", "fault.device_key", nil)
	if err := c.Err(); err != nil {
		return wire.Enrolled{}, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return wire.Enrolled{}, err
	}
	device := wire.DeviceID(key)
	secret := make([]byte, 32)
	if _, err := io.ReadFull(s.p.Random, secret); err != nil {
		return wire.Enrolled{}, fmt.Errorf("draw release secret: %w", err)
	}
	sealed, err := s.p.Secrets.Seal(device, secret)
	if err != nil {
		return wire.Enrolled{}, fmt.Errorf("seal release secret: %w", err)
	}
	now := s.now()
	var out wire.Enrolled
	err = s.p.Store.UpdateDevices(ctx, func(tx Tx) error {
		t, ok, err := tx.LockEnrolmentByHash(ctx, secretHash(in.Token))
		if err != nil {
			return fmt.Errorf("find enrolment token: %w", err)
		}
		// One answer for all that is wrong with a token: who guesses learns nothing.
		p, known := o.People[t.Person]
		if !ok || !t.Open(now) || !known || !p.Active(now) {
			return fault.New(fault.Denied, "fault.device_token", nil)
		}
		there, err := tx.HasDevice(ctx, device)
		if err != nil {
			return fmt.Errorf("find device: %w", err)
		}
		if there {
			return fault.Clash("fault.device_enrolled", nil)
		}
		r := &Record{Device: Device{ID: device, Key: key, Person: t.Person, Name: line(in.Host, maxName), System: line(in.System, 60),
			Agent: line(in.Agent, 60), EnrolledAt: now, EnrolledBy: t.By}, Secret: sealed}
		if err := s.issue(ctx, tx, r, o, now); err != nil {
			return err
		}
		t.Used, t.Device = now, device
		if err := tx.SaveEnrolment(ctx, t); err != nil {
			return fmt.Errorf("save token: %w", err)
		}
		if err := tx.InsertDevice(ctx, r); err != nil {
			return fmt.Errorf("insert device: %w", err)
		}
		out = wire.Enrolled{Device: device, Person: p.Name(), Keys: s.p.Keys.Verifiers(), Secret: secret, Document: r.Document}
		return s.record(ctx, tx, now, "device.enrolled", device, device, map[string]any{
			"person": t.Person, "token": t.ID, "name": r.Name, "system": r.System, "address": line(address, 60)})
	})
	if err != nil {
		return wire.Enrolled{}, err
	}
	return out, nil
}

// Refuse takes a device's key away: nothing that it sends is taken any more. An
// isolation that stands on the PC stays.
func (s *Service) Refuse(ctx context.Context, by access.Actor, device, reason string) error {
	if err := by.May(access.ManageDevices); err != nil {
		return err
	}
	var c fault.Check
	reason = because(&c, reason, true)
	if err := c.Err(); err != nil {
		return err
	}
	now := s.now()
	return s.change(ctx, device, func(tx Tx, r *Record, _ *directory.Org) error {
		r.RefusedAt, r.RefusedBy, r.RefusedWhy = now, by.Person, reason
		if err := tx.SaveDesired(ctx, r); err != nil {
			return fmt.Errorf("save device: %w", err)
		}
		return s.record(ctx, tx, now, "device.refused", r.ID, by.Person, map[string]any{"reason": reason, "person": r.Person})
	})
}

// change runs one change of a device that is not refused.
func (s *Service) change(ctx context.Context, device string, f func(Tx, *Record, *directory.Org) error) error {
	return s.hold(ctx, device, func(tx Tx, r *Record, o *directory.Org) error {
		if !r.RefusedAt.IsZero() {
			return refused()
		}
		return f(tx, r, o)
	})
}

// hold runs one change of a device, refused or not.
func (s *Service) hold(ctx context.Context, device string, f func(Tx, *Record, *directory.Org) error) error {
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return err
	}
	return s.p.Store.UpdateDevices(ctx, func(tx Tx) error {
		r, err := tx.LockDevice(ctx, device)
		if err != nil {
			return err
		}
		return f(tx, r, o)
	})
}
