package request_test

import (
	"slices"
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
)

// TestPreviewSaysWhoIsReallyAsked: the try names the very people whom the same chain then
// asks, and writes nothing.
func TestPreviewSaysWhoIsReallyAsked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*directory.Org){
		"as it is":    func(*directory.Org) {},
		"boss away":   func(o *directory.Org) { away(o, "per_sales"); deputy(o, "per_sales", "per_gen") },
		"no approver": func(o *directory.Org) { noDuty(o, access.Approver) },
		"no manager":  func(o *directory.Org) { noDuty(o, access.ProtectionManager) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := []request.Rule{{Role: request.Supervisor, Need: request.One}, {Role: request.Manager, Need: request.One}, {Role: request.Approver, Need: request.One}}
			h := newHouse(t, request.Chain{Steps: rules, Remind: 24 * 3600e9, Climb: 48 * 3600e9, Life: 14 * 24 * 3600e9}, change)
			s := h.open()
			seen, err := s.Preview(t.Context(), h.as("per_emp"), rules, "per_emp")
			h.must(err)
			r := h.submit("per_emp", "a")
			for n, step := range r.Steps {
				if step.State != request.StepOpen && step.State != request.StepSkipped {
					continue
				}
				if !slices.EqualFunc(step.Asked, seen[n].Asked, func(a, b request.Asked) bool { return a.Person == b.Person && a.For == b.For }) || step.Why != seen[n].Why {
					t.Errorf("step %d: tried %v %s, asked %v %s", n+1, seen[n].Asked, seen[n].Why, step.Asked, step.Why)
				}
			}
			for n, step := range seen {
				if step.State != request.StepSkipped && len(step.Asked) == 0 {
					t.Errorf("step %d asks nobody and is not skipped", n+1)
				}
				if slices.ContainsFunc(step.Asked, func(a request.Asked) bool { return a.Person == "per_emp" }) {
					t.Errorf("step %d asks the applicant", n+1)
				}
			}
			if _, err := s.Preview(t.Context(), h.as("per_emp"), rules, "per_nobody"); !fault.Is(err, fault.NotFound) {
				t.Errorf("nobody we know: %v", err)
			}
		})
	}
}
