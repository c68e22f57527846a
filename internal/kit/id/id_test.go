package id_test

import (
	"fmt"
	"testing"
	"time"

	"sekimori/internal/kit/id"
)

func TestNewSortsByTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 14, 5, 0, 0, time.UTC)
	a, b := id.New("inc", at), id.New("inc", at.Add(time.Millisecond))
	if a >= b {
		t.Errorf("%s does not sort before %s", a, b)
	}
	if !id.Valid("inc", a) || id.Valid("trk", a) || id.Valid("inc", a+"0") || id.Valid("inc", "inc_OOOOOOOOOOOOOOOOOOOOOOOOOO") {
		t.Errorf("Valid misjudges %s", a)
	}
}

func TestSecretsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		s := id.Secret(20)
		if seen[s] || len(s) != 32 {
			t.Fatalf("secret %q", s)
		}
		seen[s] = true
	}
}

func ExampleNew() {
	s := id.New("inc", time.Date(2026, 11, 22, 14, 5, 0, 0, time.UTC))
	fmt.Println(len(s), s[:4])
	// Output: 30 inc_
}
