package asset

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

// Policy says how the guards on PCs deal with media that are not allowed.
type Policy struct {
	Version     int // 0 is the built-in one
	Mode        wire.GuardMode
	Departments map[string]wire.GuardMode // by department id; holds for those below it too
	By          string
	At          time.Time
}

// DefaultPolicy holds until somebody sets another: nothing is blocked, what would have
// been is told.
func DefaultPolicy() Policy { return Policy{Mode: wire.GuardObserve} }

// ModeFor gives the mode of a department, whose line upwards starts with itself.
func (p Policy) ModeFor(line []string) wire.GuardMode {
	for _, d := range line {
		if m, ok := p.Departments[d]; ok {
			return m
		}
	}
	return p.Mode
}

// GuardPolicy gives the policy in force to who may read the ledger.
func (s *Service) GuardPolicy(ctx context.Context, by access.Actor) (Policy, error) {
	if err := by.May(access.ReadAssets); err != nil {
		return Policy{}, err
	}
	return s.policy(ctx)
}

func (s *Service) policy(ctx context.Context) (Policy, error) {
	p, ok, err := s.p.Store.NewestGuardPolicy(ctx)
	if err != nil {
		return Policy{}, fmt.Errorf("load guard policy: %w", err)
	}
	if !ok {
		return DefaultPolicy(), nil
	}
	return p, nil
}

// SetGuardPolicy makes a new version of the policy. in.Version is the version that it was
// made from. PCs hear of it as their desired states are renewed.
func (s *Service) SetGuardPolicy(ctx context.Context, by access.Actor, in Policy) (Policy, error) {
	if err := by.May(access.ManageAssets); err != nil {
		return Policy{}, err
	}
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return Policy{}, err
	}
	modes := []wire.GuardMode{wire.GuardOff, wire.GuardObserve, wire.GuardBlock}
	var c fault.Check
	c.That(slices.Contains(modes, in.Mode), "mode", "fault.unknown_choice", nil)
	for d, m := range in.Departments {
		_, ok := o.Departments[d]
		c.That(ok, "department", "fault.asset_department", nil)
		c.That(slices.Contains(modes, m), "mode", "fault.unknown_choice", nil)
	}
	if err := c.Err(); err != nil {
		return Policy{}, err
	}
	was, err := s.policy(ctx)
	if err != nil {
		return Policy{}, err
	}
	if in.Version != was.Version {
		return Policy{}, fault.Clash("fault.asset_stale", nil)
	}
	next := Policy{Version: was.Version + 1, Mode: in.Mode, Departments: maps.Clone(in.Departments), By: by.Person, At: s.now()}
	type content struct {
		Version     int                       `json:"version"`
		Mode        wire.GuardMode            `json:"mode"`
		Was         wire.GuardMode            `json:"was"`
		Departments map[string]wire.GuardMode `json:"departments,omitempty"`
	}
	err = s.p.Store.UpdateAssets(ctx, func(tx Tx) error {
		saved, err := tx.SaveGuardPolicy(ctx, next)
		switch {
		case err != nil:
			return fmt.Errorf("save guard policy: %w", err)
		case !saved: // somebody else was faster
			return fault.Clash("fault.asset_stale", nil)
		}
		return record(ctx, tx, next.At, "guard.policy", "", by.Person, content{next.Version, next.Mode, was.Mode, next.Departments})
	})
	if err != nil {
		return Policy{}, err
	}
	return next, nil
}

// Modes gives, for the program itself, the mode of a department as it is now; see
// Policy.ModeFor.
func (s *Service) Modes(ctx context.Context) (func(line []string) wire.GuardMode, error) {
	p, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	return p.ModeFor, nil
}
