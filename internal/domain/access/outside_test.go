package access_test

import (
	"testing"

	"sekimori/internal/domain/access"
)

// Somebody without an account may report, whether they have a code or not, and nothing else
// by any permission that there is.
func TestOutsideMayOnlyReport(t *testing.T) {
	t.Parallel()
	for _, by := range []access.Actor{access.Outside(""), access.Outside("inc_a")} {
		if by.Person != access.Nobody || by.Via != access.ByCode {
			t.Errorf("actor %+v", by)
		}
		by.Duties = access.Duties() // nothing that is added by mistake helps
		by.Duties = by.Duties[:3]
		for _, p := range access.Permissions() {
			if (by.May(p) == nil) != (p == access.Report) {
				t.Errorf("%+v: %s is %v", by, p, by.May(p))
			}
		}
	}
}
