package device

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/prose"
	"sekimori/internal/kit/wire"
)

// Bounds of what a device, or who stole its key, may put into cases. A PC that is told
// to wait keeps what it has.
const (
	maxFiles   = 32        // of one report
	maxReports = 30        // in an hour
	maxOthers  = 20        // of these, so that whoever floods leaves room for a press of "infected"
	maxBytes   = 512 << 20 // of evidence, in a day
)

// Report takes a report from the PC itself: a press of "infected", which is in force
// before the case is stored, or a report of any kind, which orders nothing. A repeat of
// the key changes nothing and gives the same case again.
func (s *Service) Report(ctx context.Context, device string, in wire.Infection) (wire.Reported, error) {
	var c fault.Check
	c.That(validKey(in.Key), "key", "fault.device_report", nil)
	pressed, most := in.Kind == "", maxReports
	if pressed {
		c.That(in.Local >= 1 && in.Local <= maxPresses, "local", "fault.device_report", nil)
	} else {
		most = maxOthers
		c.That(slices.Contains(wire.Kinds(), in.Kind), "kind", "fault.unknown_choice", nil)
		c.That(in.Local == 0, "local", "fault.device_report", nil)
	}
	if err := c.Err(); err != nil {
		return wire.Reported{}, err
	}
	in.Note, in.User, in.At = prose.Paragraph(in.Note, maxNote), line(in.User, maxName), sane(in.At)
	now := s.now()
	var dev Device
	var made Infection
	var by access.Actor
	err := s.change(ctx, device, func(tx Tx, r *Record, o *directory.Org) error {
		by = actorOf(r, o)
		old, there, err := tx.InfectionByKey(ctx, device, in.Key)
		if err != nil {
			return fmt.Errorf("find report: %w", err)
		}
		if there {
			made, dev = old, r.Device
			return nil
		}
		n, err := tx.CountInfections(ctx, device, now.Add(-time.Hour))
		if err != nil {
			return fmt.Errorf("count reports: %w", err)
		}
		if n >= most {
			return fault.New(fault.TooMany, "fault.too_many", nil)
		}
		if pressed {
			if err := s.press(ctx, tx, r, o, in.Local, now); err != nil {
				return err
			}
		}
		made, dev = Infection{Device: device, Key: in.Key, At: now}, r.Device
		if pressed && r.Isolation.Wanted {
			made.Order = r.Isolation.Order.ID
		}
		if err := tx.SaveInfection(ctx, made); err != nil {
			return fmt.Errorf("save report: %w", err)
		}
		return nil
	})
	if err != nil {
		return wire.Reported{}, err
	}
	if made.Incident != "" {
		return wire.Reported{ID: made.Incident, Label: made.Label}, nil
	}
	told := in
	told.Key = device + ":" + in.Key // no two devices of a person share a key
	if made.Incident, made.Label, err = s.p.Cases.ReportInfection(ctx, by, told, dev); err != nil {
		return wire.Reported{}, fmt.Errorf("report infection: %w", err)
	}
	err = s.change(ctx, device, func(tx Tx, r *Record, _ *directory.Org) error {
		old, there, err := tx.InfectionByKey(ctx, device, in.Key)
		if err != nil || there && old.Incident != "" { // a repeat came first
			return err
		}
		if err := tx.SaveInfection(ctx, made); err != nil {
			return fmt.Errorf("save report: %w", err)
		}
		if made.Order == "" {
			return nil
		}
		if err := tx.LinkOrder(ctx, made.Order, made.Incident); err != nil {
			return fmt.Errorf("link order: %w", err)
		}
		return s.link(ctx, tx, Order{ID: made.Order, Device: device, By: device, Kind: Isolate, Incident: made.Incident}, s.now())
	})
	if err != nil {
		return wire.Reported{}, err
	}
	return wire.Reported{ID: made.Incident, Label: made.Label}, nil
}

// AddEvidence keeps a file of the PC with the case of one of its reports. A name that is
// there already is not taken again: the PC repeats what was not answered.
func (s *Service) AddEvidence(ctx context.Context, device, reportKey, name, media string, r io.Reader) error {
	dev, err := s.p.Store.Device(ctx, device)
	if err != nil {
		return err
	}
	if !dev.RefusedAt.IsZero() {
		return refused()
	}
	name = line(name, maxName)
	var c fault.Check
	c.That(name != "", "name", "fault.required", nil)
	c.That(validKey(reportKey), "report", "fault.device_report", nil)
	if err := c.Err(); err != nil {
		return err
	}
	in, by, err := s.caseFor(ctx, dev, reportKey)
	if err != nil {
		return err
	}
	files, err := s.p.Store.EvidenceOfInfection(ctx, device, reportKey)
	if err != nil {
		return fmt.Errorf("list evidence: %w", err)
	}
	if slices.ContainsFunc(files, func(e Evidence) bool { return e.Name == name }) {
		return nil
	}
	if len(files) >= maxFiles {
		return fault.New(fault.TooMany, "fault.device_files", nil)
	}
	e := Evidence{Device: device, Key: reportKey, Name: name, At: s.now()}
	added, err := s.p.Store.EvidenceBytes(ctx, device, e.At.Add(-24*time.Hour))
	if err != nil {
		return fmt.Errorf("add up evidence: %w", err)
	}
	if added >= maxBytes {
		return fault.New(fault.TooMany, "fault.too_many", nil)
	}
	if e.SHA256, e.Size, err = s.p.Cases.AddEvidence(ctx, by, in.Incident,
		File{Once: device + ":" + reportKey + ":" + name, Name: name, Media: media, Body: r}); err != nil {
		return fmt.Errorf("add evidence: %w", err)
	}
	return s.p.Store.UpdateDevices(ctx, func(tx Tx) error {
		first, err := tx.InsertDeviceEvidence(ctx, e)
		if err != nil {
			return fmt.Errorf("insert evidence: %w", err)
		}
		if !first { // it came to another server at the same time
			return nil
		}
		return s.record(ctx, tx, e.At, "device.evidence_added", device, device,
			map[string]any{"order_id": in.Order, "name": name, "size": e.Size, "sha256": fmt.Sprintf("%x", e.SHA256)})
	})
}

// caseFor finds the case that evidence belongs to, and who adds it: the device's person
// for a report of the PC, and the program itself for an order, whose case may be
// somebody else's.
func (s *Service) caseFor(ctx context.Context, dev *Record, key string) (Infection, access.Actor, error) {
	if id.Valid("ord", key) {
		orders, err := s.p.Store.Orders(ctx, dev.ID, maxOrders)
		if err != nil {
			return Infection{}, access.Actor{}, fmt.Errorf("list orders: %w", err)
		}
		for _, o := range orders {
			if o.ID == key && o.Kind == Isolate && o.Incident != "" {
				return Infection{Device: dev.ID, Key: key, Order: o.ID, Incident: o.Incident}, access.System(), nil
			}
		}
		return Infection{}, access.Actor{}, fault.Missing("report")
	}
	in, there, err := s.p.Store.Infection(ctx, dev.ID, key)
	if err != nil {
		return in, access.Actor{}, fmt.Errorf("find report: %w", err)
	}
	if !there || in.Incident == "" {
		return in, access.Actor{}, fault.Missing("report")
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return in, access.Actor{}, err
	}
	return in, actorOf(dev, o), nil
}

// actorOf is the device's person, as far as the device may stand for them.
func actorOf(r *Record, o *directory.Org) access.Actor {
	p := o.People[r.Person]
	return access.Actor{Person: r.Person, Name: p.Name(), Department: p.Department, Via: access.ByDevice,
		Scopes: []access.Permission{access.Report}}
}

// validKey reports whether s has the form of a report's key.
func validKey(s string) bool {
	return spelled(s, 60, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
}
