package device

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/wire"
)

// How long a desired state's time may be built upon, and when it is renewed.
const (
	documentLife  = 30 * 24 * time.Hour
	documentRenew = documentLife / 2
)

// renewBatch is how many documents are renewed in one commit: few enough that nobody
// who waits behind it notices.
const renewBatch = 50

// issue gives the device its next desired state, signed. It must be called in the commit
// of the change that it tells of.
func (s *Service) issue(ctx context.Context, tx Tx, r *Record, o *directory.Org, now time.Time) error {
	modes, err := s.modes(ctx)
	if err != nil {
		return err
	}
	d := s.outline(o, r.Person, modes, now)
	if len(d.Servers) == 0 {
		// An isolation must not fail because an address could not be looked up.
		d.Servers = earlier(r.Document).Servers
	}
	basis, err := s.basis(d)
	if err != nil {
		return err
	}
	if d.Media != nil {
		if d.Media.Allowed, d.Media.Register, err = tx.AllowedMedia(ctx, r.ID, now); err != nil {
			return fmt.Errorf("list media of %s: %w", r.ID, err)
		}
	}
	d.Device, d.Version = r.ID, r.Desired+1
	d.Retired = wire.RetiredKeys(s.p.Keys.Changes())
	d.Issued, d.Until = wire.MicrosOf(now), wire.MicrosOf(now.Add(documentLife))
	d.Isolation = wire.Isolation{On: r.Isolation.Wanted, Order: r.Isolation.Order.ID, Local: r.Presses}
	if r.Isolation.Wanted {
		d.Isolation.Since, d.Isolation.Wifi = wire.MicrosOf(r.Isolation.Order.Requested), r.Isolation.Order.Wifi
	}
	signed, err := d.Sign(s.p.Keys.Signers()...)
	if err != nil {
		return fmt.Errorf("sign desired state of %s: %w", r.ID, err)
	}
	r.Desired, r.Document, r.Basis, r.Issued = d.Version, signed, basis, now
	return nil
}

// outline is what a document says beside the isolation.
func (s *Service) outline(o *directory.Org, person string, modes modes, now time.Time) wire.Document {
	d := wire.Document{Servers: s.p.Servers(), Company: line(s.p.Company, maxName), Media: modes.of(o, person)}
	add := func(role string, people ...string) {
		for _, id := range people[:min(len(people), 3)] {
			p, ok := o.People[id]
			if phone := line(p.Phone, 40); ok && p.Active(now) && phone != "" {
				d.Contacts = append(d.Contacts, wire.Contact{Role: role, Name: line(p.Name(), maxName), Phone: phone})
			}
		}
	}
	add(string(access.ITAdmin), o.Holders(access.ITAdmin, now)...)
	add(string(access.ProtectionManager), o.Holders(access.ProtectionManager, now)...)
	add("supervisor", o.Supervisor(person))
	return d
}

// basis is a hash of an outline and of the keys that sign.
func (s *Service) basis(d wire.Document) (string, error) {
	var keys []string
	for _, k := range s.p.Keys.Signers() {
		keys = append(keys, wire.KeyName(k))
	}
	raw, err := json.Marshal([]any{d.Servers, d.Contacts, d.Company, keys, d.Media})
	if err != nil {
		return "", fmt.Errorf("marshal outline: %w", err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16]), nil
}

// earlier reads a document of our own store.
func earlier(signed string) (d wire.Document) {
	body, _, _ := strings.Cut(signed, "\n")
	if json.Unmarshal([]byte(body), &d) != nil {
		return wire.Document{}
	}
	return d
}

// Renew issues the documents whose time runs out, or whose servers, contacts or keys are
// others now, and gives how many it issued.
func (s *Service) Renew(ctx context.Context) (int, error) {
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return 0, err
	}
	modes, err := s.modes(ctx)
	if err != nil {
		return 0, err
	}
	n, after := 0, ""
	for {
		bases, err := s.p.Store.Bases(ctx, after, 500)
		if err != nil {
			return n, fmt.Errorf("list desired states: %w", err)
		}
		if len(bases) == 0 {
			return n, nil
		}
		after = bases[len(bases)-1].Device
		var stale []string
		for _, b := range bases {
			if s.stale(o, modes, b) {
				stale = append(stale, b.Device)
			}
		}
		for some := range slices.Chunk(stale, renewBatch) {
			m, err := s.renew(ctx, o, modes, some)
			if n += m; err != nil {
				return n, err
			}
		}
	}
}

func (s *Service) stale(o *directory.Org, modes modes, b Base) bool {
	now := s.now()
	if now.Sub(b.Issued) >= documentRenew {
		return true
	}
	d := s.outline(o, b.Person, modes, now)
	if len(d.Servers) == 0 {
		return false // unknown for now: the old ones are better than none
	}
	basis, err := s.basis(d)
	return err == nil && basis != b.Basis
}

// renew issues the documents of some devices in one commit.
func (s *Service) renew(ctx context.Context, o *directory.Org, modes modes, devices []string) (n int, err error) {
	now := s.now()
	err = s.p.Store.UpdateDevices(ctx, func(tx Tx) error {
		var issued []string
		for _, device := range devices {
			r, err := tx.LockDevice(ctx, device)
			if err != nil {
				return err
			}
			// Another server may have been here first.
			if !r.RefusedAt.IsZero() || !s.stale(o, modes, Base{Device: device, Person: r.Person, Basis: r.Basis, Issued: r.Issued}) {
				continue
			}
			if err := s.issue(ctx, tx, r, o, now); err != nil {
				return err
			}
			if err := tx.SaveDesired(ctx, r); err != nil {
				return fmt.Errorf("save device: %w", err)
			}
			issued = append(issued, device)
		}
		n = len(issued)
		if n == 0 {
			return nil
		}
		return s.record(ctx, tx, now, "device.renewed", "", "system", map[string]any{"devices": issued})
	})
	if err != nil {
		return 0, fmt.Errorf("renew desired states: %w", err)
	}
	return n, nil
}

// Key gives the key of a device that is enrolled and not refused.
func (s *Service) Key(ctx context.Context, device string) (ed25519.PublicKey, error) {
	key, gone, err := s.p.Store.DeviceKey(ctx, device)
	if err != nil {
		return nil, err
	}
	if gone {
		return nil, refused()
	}
	return key, nil
}

// Document gives the newest desired state of a device, signed; "" when it has it.
func (s *Service) Document(ctx context.Context, device string, have int64) (signed string, version int64, err error) {
	r, err := s.p.Store.Device(ctx, device)
	if err != nil {
		return "", 0, err
	}
	if !r.RefusedAt.IsZero() {
		return "", 0, refused()
	}
	if have >= r.Desired {
		return "", r.Desired, nil
	}
	return r.Document, r.Desired, nil
}

// Version gives the newest version of each of the devices. Those that are refused or
// unknown are not among them.
func (s *Service) Version(ctx context.Context, devices []string) (map[string]int64, error) {
	v, err := s.p.Store.Versions(ctx, devices)
	if err != nil {
		return nil, fmt.Errorf("read versions: %w", err)
	}
	return v, nil
}
