package asset

import (
	"context"
	"fmt"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/wire"
)

// RegistrationLife is how long a PC waits for the medium that it is to take as ours.
const RegistrationLife = 15 * time.Minute

// Registration asks one PC to read the next unknown medium and to write our token onto it.
type Registration struct {
	ID     string // reg_…
	Asset  string
	Device string
	Token  string // id, tok_…
	Text   string // of the token file, signed
	By     string
	At     time.Time
	Until  time.Time
	Done   time.Time // zero until a PC has done it, or another has taken its place
}

// AskRegistration lets a PC take the next unknown medium that is plugged in as a thing of
// the ledger. It is in the PC's desired state for RegistrationLife; one for the same thing
// or PC that is still open is given up.
func (s *Service) AskRegistration(ctx context.Context, by access.Actor, asset, device string) (Registration, error) {
	var out Registration
	may := func(a *Asset) error { return mayHandle(by, a) }
	_, err := s.change(ctx, by, asset, "asset.registration_asked", may, func(tx Tx, a *Asset) (any, error) {
		if err := s.mayRegisterOn(ctx, by, device); err != nil {
			return nil, err
		}
		switch {
		case !a.Kind.Medium():
			return nil, fault.Clash("fault.asset_not_medium", fault.Args{"number": a.Number})
		case a.Loan != "" || a.State == Lost || a.State == Disposed:
			return nil, wrongState(a)
		}
		now := s.now()
		r := Registration{ID: id.New("reg", now), Asset: a.ID, Device: device, Token: id.New("tok", now), By: by.Person, At: now, Until: now.Add(RegistrationLife)}
		var err error
		if r.Text, err = s.p.Sign(wire.MediumToken{ID: r.Token, Asset: a.Number}); err != nil {
			return nil, fmt.Errorf("sign token: %w", err)
		}
		if err := tx.InsertRegistration(ctx, r); err != nil {
			return nil, fmt.Errorf("insert registration: %w", err)
		}
		out = r
		return map[string]string{"device": device, "registration": r.ID}, s.reissue(ctx, tx, device)
	})
	return out, err
}

// mayRegisterOn lets who manages the ledger use any PC, and a keeper their own. A PC that
// is not theirs looks as if it did not exist.
func (s *Service) mayRegisterOn(ctx context.Context, by access.Actor, device string) error {
	owner, _, ok, err := s.p.Devices.Owner(ctx, device)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("find whose PC %s is: %w", device, err)
	}
	if err != nil || !ok || by.May(access.ManageAssets) != nil && owner != by.Person {
		return fault.Missing("device")
	}
	return nil
}

// registered is the journal's content of a medium that a PC has read.
type registered struct {
	Device       string `json:"device"`
	Registration string `json:"registration"`
	Vendor       string `json:"vendor,omitempty"`
	Product      string `json:"product,omitempty"`
	Serial       string `json:"serial,omitempty"`
	Capacity     int64  `json:"capacity,omitempty"`
	Volume       string `json:"volume,omitempty"`
	Token        string `json:"token,omitempty"`
	Why          string `json:"why,omitempty"` // it was not taken
}

// completeRegistration takes a medium as the thing for which it was registered. What the
// medium says of itself is refused when no honest medium says so; the registration then
// stays open for another one.
func (s *Service) completeRegistration(ctx context.Context, tx Tx, device string, e wire.MediaEvent, at time.Time) (asset string, err error) {
	r, ok, err := tx.LockRegistration(ctx, e.Register)
	if err != nil {
		return "", fmt.Errorf("lock registration: %w", err)
	}
	// A registration is one PC's, and is done once.
	if !ok || r.Device != device || !r.Done.IsZero() || at.After(r.Until) {
		return "", nil
	}
	a, err := tx.LockAsset(ctx, r.Asset)
	if err != nil {
		return "", fmt.Errorf("lock %s: %w", r.Asset, err)
	}
	now := s.now()
	vendor, okVendor := usbID(e.Vendor)
	product, okProduct := usbID(e.Product)
	d := registered{Device: device, Registration: r.ID}
	switch {
	case e.Token != r.Token:
		d.Why = "token"
	case e.Capacity <= 0 || e.Capacity > MaxCapacity:
		d.Why = "capacity"
	case !serial(e.Serial):
		d.Why = "serial"
	case !okVendor || !okProduct:
		d.Why = "usb_id"
	case a.Loan != "" || a.State == Lost || a.State == Disposed:
		d.Why = "state"
	}
	if d.Why != "" {
		return a.ID, record(ctx, tx, now, "asset.registration_refused", a.ID, device, d)
	}
	was := a.Identity
	a.Identity = Identity{Vendor: vendor, Product: product, Serial: e.Serial, Capacity: e.Capacity, Volume: line(e.Volume, 100), Token: r.Token, ReadAt: now, ReadOn: device}
	a.Changed, a.Version = now, a.Version+1
	r.Done = now
	if err := s.meetTwins(ctx, tx, a, was); err != nil {
		return "", err
	}
	if err := tx.SaveAsset(ctx, a); err != nil {
		return "", fmt.Errorf("save %s: %w", a.ID, err)
	}
	if err := tx.SaveRegistration(ctx, r); err != nil {
		return "", fmt.Errorf("save registration: %w", err)
	}
	d.Vendor, d.Product, d.Serial, d.Capacity, d.Volume, d.Token = vendor, product, e.Serial, e.Capacity, a.Identity.Volume, r.Token
	if err := record(ctx, tx, now, "asset.registered", a.ID, device, d); err != nil {
		return "", err
	}
	return a.ID, s.reissue(ctx, tx, device)
}
