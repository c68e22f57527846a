package device

import (
	"context"
	"fmt"

	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

// modes gives the mode of the guards of a department by its line upwards; nil when PCs
// are told nothing of media.
type modes func(line []string) wire.GuardMode

func (s *Service) modes(ctx context.Context) (modes, error) {
	if s.p.Guards == nil {
		return nil, nil
	}
	m, err := s.p.Guards(ctx)
	if err != nil {
		return nil, fmt.Errorf("read how media are dealt with: %w", err)
	}
	return m, nil
}

// of is what the PC of a person is told of media, without the media themselves.
func (m modes) of(o *directory.Org, person string) *wire.Media {
	if m == nil {
		return nil
	}
	var line []string
	seen := map[string]bool{}
	for d := o.People[person].Department; d != "" && !seen[d]; d = o.Departments[d].Parent {
		seen[d] = true
		line = append(line, d)
	}
	return &wire.Media{Mode: m(line)}
}

// Reissue gives a device its next desired state in the commit of a change that it must
// know of. One that is not enrolled, or refused, is told nothing: that is no error.
func (s *Service) Reissue(ctx context.Context, tx Tx, device string) error {
	o, err := s.p.People.Org(ctx)
	if err != nil {
		return err
	}
	r, err := tx.LockDevice(ctx, device)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if !r.RefusedAt.IsZero() {
		return nil
	}
	if err := s.issue(ctx, tx, r, o, s.now()); err != nil {
		return err
	}
	if err := tx.SaveDesired(ctx, r); err != nil {
		return fmt.Errorf("save device: %w", err)
	}
	return nil
}
