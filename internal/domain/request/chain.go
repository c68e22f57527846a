package request

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
)

// Bounds of a chain.
const (
	maxSteps  = 5
	maxQuorum = 20
	minRemind = time.Hour
	maxLife   = 90 * 24 * time.Hour
)

// Check says as a fault what must be mended.
func (c Chain) Check() error {
	var f fault.Check
	f.That(len(c.Steps) >= 1 && len(c.Steps) <= maxSteps, "steps", "fault.out_of_range", fault.Args{"min": "1", "max": fmt.Sprint(maxSteps)})
	for n, s := range c.Steps {
		field := fmt.Sprintf("steps.%d", n)
		f.That(slices.Contains(Roles(), s.Role), field, "fault.unknown_choice", nil)
		switch s.Need {
		case One, All:
			f.That(s.Quorum == 0, field, "fault.unknown_choice", nil)
		case Quorum:
			f.That(s.Quorum >= 1 && s.Quorum <= maxQuorum, field, "fault.out_of_range", fault.Args{"min": "1", "max": fmt.Sprint(maxQuorum)})
		default:
			f.Add(field, "fault.unknown_choice", nil)
		}
	}
	f.That(c.Remind >= minRemind, "remind", "request.chain_times", nil)
	f.That(c.Climb >= c.Remind, "climb", "request.chain_times", nil)
	f.That(c.Life >= c.Climb && c.Life <= maxLife, "life", "request.chain_times", nil)
	return f.Err()
}

// Chains gives the chain in force of each kind, in the order of Kinds.
func (s *Service) Chains(ctx context.Context, by access.Actor) ([]Chain, error) {
	if err := by.May(access.ReadDirectory); err != nil {
		return nil, err
	}
	written, err := s.store.Chains(ctx)
	if err != nil {
		return nil, fmt.Errorf("load chains: %w", err)
	}
	out := make([]Chain, len(s.kinds))
	for i, k := range s.kinds {
		out[i] = k.Chain
		out[i].Kind = k.Name
		for _, c := range written {
			if c.Kind == k.Name {
				out[i] = c
			}
		}
	}
	return out, nil
}

// SetChain writes a new version of a kind's chain. c.Version is the one that it was made
// from. Requests that were made before keep theirs.
func (s *Service) SetChain(ctx context.Context, by access.Actor, c Chain) error {
	if err := by.May(access.EditChains); err != nil {
		return err
	}
	k, known := s.kind(c.Kind)
	if !known {
		return fault.Missing("kind")
	}
	if err := c.Check(); err != nil {
		return err
	}
	now := s.now()
	return s.store.UpdateRequests(ctx, func(tx Tx) error {
		before, written, err := tx.LatestChain(ctx, c.Kind)
		if err != nil {
			return fmt.Errorf("load chain of %s: %w", c.Kind, err)
		}
		if !written {
			before = k.Chain
			before.Version = 0
		}
		if before.Version != c.Version {
			return fault.Clash("fault.conflict", nil)
		}
		next := c
		next.Version++
		if err := tx.SaveChain(ctx, next, by.Person, now); err != nil {
			return fmt.Errorf("save chain: %w", err)
		}
		ev, err := journal.NewEvent(now, "request.chain_set", "", by.Person, map[string]any{"kind": next.Kind, "version": next.Version,
			"steps": next.Steps, "remind": next.Remind.String(), "climb": next.Climb.String(), "life": next.Life.String()})
		if err != nil {
			return err
		}
		return tx.Record(ctx, ev)
	})
}
