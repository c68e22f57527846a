package request

import (
	"context"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
)

// Preview says whom the steps of a chain would ask if the person applied now: the steps
// in their order, each with who is asked, or why nobody of the post is. It changes
// nothing.
func (s *Service) Preview(ctx context.Context, by access.Actor, steps []Rule, person string) ([]Step, error) {
	if err := by.May(access.ReadDirectory); err != nil {
		return nil, err
	}
	look, err := s.look(ctx, person)
	if err != nil {
		return nil, err
	}
	if _, ok := look.org.People[person]; !ok {
		return nil, fault.Missing("person")
	}
	t := &turn{look: look, r: &Request{By: person}}
	for _, rule := range steps {
		t.r.Steps = append(t.r.Steps, Step{Rule: rule, State: StepLater})
	}
	for n := range t.r.Steps {
		step := &t.r.Steps[n]
		step.State = StepPassed // as if each were approved in its turn
		if len(look.holders(step.Role)) == 0 {
			if t.othersDecide(n) {
				step.State, step.Why = StepSkipped, WhySkipped
				continue
			}
			_, step.Why = look.fill()
		}
		step.Asked = look.present(look.seats(step))
	}
	return t.r.Steps, nil
}
