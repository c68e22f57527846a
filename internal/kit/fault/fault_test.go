package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"sekimori/internal/kit/fault"
)

func TestCheckGathersEveryField(t *testing.T) {
	t.Parallel()
	var c fault.Check
	if c.Err() != nil {
		t.Error("an empty check refuses")
	}
	c.That(true, "kind", "fault.required", nil)
	c.That(false, "summary", "fault.required", nil)
	c.That(false, "occurred", "fault.in_future", nil)
	err := fmt.Errorf("report: %w", c.Err())
	f := fault.As(err)
	if f == nil || f.Kind != fault.Invalid || len(f.Fields) != 2 || f.Fields[0].Name != "summary" {
		t.Errorf("got %+v", f)
	}
	if !fault.Is(err, fault.Invalid) || fault.Is(err, fault.Denied) || fault.Is(errors.New("x"), fault.Invalid) {
		t.Error("Is misjudges the kind")
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for k, want := range map[fault.Kind]int{fault.Invalid: 422, fault.Unauthenticated: 401, fault.Denied: 403, fault.NotFound: 404,
		fault.Conflict: 409, fault.TooLarge: 413, fault.TooMany: 429, fault.Unavailable: 503, fault.Kind(0): 500} {
		if got := k.Status(); got != want {
			t.Errorf("kind %d: %d, want %d", k, got, want)
		}
	}
}

func ExampleDeny() {
	fmt.Println(fault.Deny("journal:read"))
	// Output: fault.denied
}
