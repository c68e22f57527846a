package device

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
)

// Isolate orders that a PC be cut off: by an IT administrator, or by the PC's own person
// while reporting. Ordering what is in force already gives the order in force.
func (s *Service) Isolate(ctx context.Context, by access.Actor, device string, a Ask) (Order, error) {
	may := by.May(access.ManageDevices)
	if may != nil {
		if err := by.May(access.Report); err != nil {
			return Order{}, err
		}
		r, err := s.p.Store.Device(ctx, device)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return Order{}, err
		}
		if err != nil || r.Person != by.Person {
			return Order{}, may
		}
		a.Via = ViaReport
	}
	if a.Via == "" {
		a.Via = ViaConsole
		if by.Via == access.ByToken {
			a.Via = ViaAPI
		}
	}
	var c fault.Check
	a.Reason = because(&c, a.Reason, false)
	c.That(slices.Contains([]string{ViaConsole, ViaCase, ViaReport, ViaAPI}, a.Via), "via", "fault.unknown_choice", nil)
	c.That(a.Incident == "" || id.Valid("inc", a.Incident), "incident", "fault.unknown_choice", nil)
	if err := c.Err(); err != nil {
		return Order{}, err
	}
	if a.Incident != "" {
		if err := s.mustSee(ctx, by, a.Incident); err != nil {
			return Order{}, err
		}
	}
	now := s.now()
	var out Order
	err := s.change(ctx, device, func(tx Tx, r *Record, o *directory.Org) error {
		if may != nil && r.Person != by.Person { // bound to somebody else meanwhile
			return may
		}
		if old := r.Isolation.Order; r.Isolation.Wanted && (old.Wifi || !a.Wifi) && (a.Incident == "" || a.Incident == old.Incident) {
			// A code that was given out since may have ended that order on the PC.
			n, _, err := tx.CountChallenges(ctx, device, "", old.Requested)
			if err != nil {
				return fmt.Errorf("count codes: %w", err)
			}
			if n == 0 {
				out = old
				return nil
			}
		}
		var err error
		out, err = s.order(ctx, tx, r, o, Order{Kind: Isolate, By: by.Person, Via: a.Via, Reason: a.Reason, Incident: a.Incident,
			Wifi: a.Wifi || r.Isolation.Wanted && r.Isolation.Order.Wifi}, now)
		return err
	})
	if err != nil {
		return Order{}, err
	}
	return out, s.cover(ctx, by, &out, map[string]bool{})
}

// Release orders that a PC be let back, for a reason. Nobody releases their own PC while
// another IT administrator could.
func (s *Service) Release(ctx context.Context, by access.Actor, device, reason string) (Order, error) {
	reason, err := s.mayFree(by, reason)
	if err != nil {
		return Order{}, err
	}
	now := s.now()
	var out Order
	err = s.change(ctx, device, func(tx Tx, r *Record, o *directory.Org) error {
		if err := fourEyes(by, r, o, now); err != nil {
			return err
		}
		if !r.Isolation.Wanted {
			return fault.Clash("fault.device_not_isolated", nil)
		}
		via := ViaConsole
		if by.Via == access.ByToken {
			via = ViaAPI
		}
		var err error
		out, err = s.order(ctx, tx, r, o, Order{Kind: Release, By: by.Person, Via: via, Reason: reason,
			Incident: r.Isolation.Order.Incident}, now)
		return err
	})
	if err != nil {
		return Order{}, err
	}
	return out, s.cover(ctx, by, &out, map[string]bool{})
}

// mayFree is what release, release by code and uninstalling ask for alike.
func (s *Service) mayFree(by access.Actor, reason string) (string, error) {
	if err := by.May(access.ManageDevices); err != nil {
		return "", err
	}
	var c fault.Check
	reason = because(&c, reason, true)
	return reason, c.Err()
}

// fourEyes keeps administrators from freeing their own PC while there is another.
func fourEyes(by access.Actor, r *Record, o *directory.Org, now time.Time) error {
	if by.Person != r.Person {
		return nil
	}
	for _, admin := range o.Holders(access.ITAdmin, now) {
		if admin != by.Person {
			return fault.New(fault.Denied, "fault.own_not_allowed", nil)
		}
	}
	return nil
}

// order puts a new order in force: the order, the signed document and the events are one
// commit.
func (s *Service) order(ctx context.Context, tx Tx, r *Record, org *directory.Org, o Order, now time.Time) (Order, error) {
	if old := r.Isolation.Order; old.ID != "" && !old.done() {
		old.Superseded = true
		if err := tx.SaveOrder(ctx, old); err != nil {
			return Order{}, fmt.Errorf("save order: %w", err)
		}
	}
	o.ID, o.Device, o.Requested, o.Local, o.Version = id.New("ord", now), r.ID, now, r.Presses, r.Desired+1
	r.Isolation.Wanted, r.Isolation.Order = o.Kind == Isolate, o
	if err := s.issue(ctx, tx, r, org, now); err != nil {
		return Order{}, err
	}
	if err := tx.InsertOrder(ctx, o); err != nil {
		return Order{}, fmt.Errorf("insert order: %w", err)
	}
	if err := tx.SaveDesired(ctx, r); err != nil {
		return Order{}, fmt.Errorf("save device: %w", err)
	}
	kind := "device.isolate_requested"
	if o.Kind == Release {
		kind = "device.release_requested"
	}
	data := map[string]any{"order_id": o.ID, "via": o.Via, "version": o.Version}
	if o.Wifi {
		data["wifi"] = true
	}
	// What belongs to a case is told with the case as its subject: whoever is left out of
	// the case cannot read it in the record either.
	if o.Incident == "" {
		if o.Reason != "" {
			data["reason"] = o.Reason
		}
	} else if err := s.link(ctx, tx, o, now); err != nil {
		return Order{}, err
	}
	return o, s.record(ctx, tx, now, kind, r.ID, o.By, data)
}

// link tells the record, and who looks at the case, which order belongs to it.
func (s *Service) link(ctx context.Context, tx Tx, o Order, now time.Time) error {
	data := map[string]any{"device": o.Device, "order_id": o.ID, "action": o.Kind}
	if o.Reason != "" {
		data["reason"] = o.Reason
	}
	return s.record(ctx, tx, now, "device.case_order", o.Incident, o.By, data)
}

// done reports that nothing more will be heard of the order.
func (o Order) done() bool {
	return o.Superseded || !o.Proven.IsZero() || o.Kind == Release && !o.Applied.IsZero()
}

// press takes into account that "infected" was pressed at the PC. Only a press that no
// order knows of yet is a new one.
func (s *Service) press(ctx context.Context, tx Tx, r *Record, o *directory.Org, local int64, now time.Time) error {
	if local <= r.Presses {
		return nil
	}
	r.Presses = local
	_, err := s.order(ctx, tx, r, o, Order{Kind: Isolate, By: r.ID, Via: ViaPC, Wifi: r.Isolation.Wanted && r.Isolation.Order.Wifi}, now)
	return err
}

// mustSee looks whether the actor may see a case; a case that they may not see looks as
// if it did not exist.
func (s *Service) mustSee(ctx context.Context, by access.Actor, incident string) error {
	sees, err := s.p.Cases.Sees(ctx, by, incident)
	if err != nil {
		return fmt.Errorf("look at case: %w", err)
	}
	if !sees {
		return fault.Missing("incident")
	}
	return nil
}
