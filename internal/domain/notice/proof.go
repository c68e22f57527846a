package notice

import (
	"context"
	"fmt"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/journal"
	"sekimori/internal/kit/fault"
)

// proofTx is the part of a transaction that keeps whether a link alone answers.
type proofTx interface {
	SaveProofWanted(ctx context.Context, on bool) error
}

// LinkProof is whether a link answers only for who has proven that it is them.
type LinkProof struct {
	On    bool
	Fixed bool // by the configuration: nobody can end it here
}

// AlwaysWantProof makes a link answer only for who has proven that it is them, whatever is
// set. It is called before anything else.
func (s *Service) AlwaysWantProof() { s.proof = true }

// WantsProof reports whether a link alone does not answer.
func (s *Service) WantsProof(ctx context.Context) (bool, error) {
	if s.proof {
		return true, nil
	}
	on, err := s.store.ProofWanted(ctx)
	if err != nil {
		return false, fmt.Errorf("look whether links want proof: %w", err)
	}
	return on, nil
}

// LinkProof tells what is set.
func (s *Service) LinkProof(ctx context.Context, by access.Actor) (LinkProof, error) {
	if err := by.May(access.ReadDirectory); err != nil {
		return LinkProof{}, err
	}
	on, err := s.WantsProof(ctx)
	return LinkProof{On: on, Fixed: s.proof}, err
}

// SetLinkProof decides whether a link alone answers, from the next press on, on every server.
func (s *Service) SetLinkProof(ctx context.Context, by access.Actor, on bool) error {
	if err := by.May(access.EditPolicy); err != nil {
		return err
	}
	if s.proof {
		return fault.Clash("fault.link_proof_fixed", nil)
	}
	ev, err := journal.NewEvent(s.now(), "notice.link_proof_set", "", by.Person, map[string]any{"on": on})
	if err != nil {
		return err
	}
	return s.store.UpdateNotices(ctx, func(tx Tx) error {
		if err := tx.SaveProofWanted(ctx, on); err != nil {
			return fmt.Errorf("save whether links want proof: %w", err)
		}
		return tx.Record(ctx, ev)
	})
}

// mustProve refuses the link of a notice whose person has not shown that it is them, where
// that is wanted.
func (s *Service) mustProve(ctx context.Context, by access.Actor) error {
	if by.Via != access.ByLink || !by.Fresh.IsZero() {
		return nil
	}
	wanted, err := s.WantsProof(ctx)
	if err != nil || !wanted {
		return err
	}
	var c fault.Check
	c.Add("password", "fault.prove_link", nil)
	return c.Err()
}
