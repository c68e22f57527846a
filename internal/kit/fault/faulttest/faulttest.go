// Package faulttest is for tests of what is refused.
package faulttest

import (
	"slices"
	"testing"

	"sekimori/internal/kit/fault"
)

// Refused wants a fault of this id, or one that names it for a field: "id" or "field:id".
func Refused(t testing.TB, what, id string, err error) {
	t.Helper()
	f := fault.As(err)
	if f == nil {
		t.Errorf("%s: %v, want %s", what, err, id)
		return
	}
	got := []string{f.ID}
	for _, x := range f.Fields {
		got = append(got, x.Name+":"+x.ID, x.ID)
	}
	if !slices.Contains(got, id) {
		t.Errorf("%s: %v, want %s", what, got, id)
	}
}
