package storetest

import (
	"testing"

	"sekimori/internal/domain/request"
	"sekimori/internal/outbound/store"
)

// testUnusedApprovals: only what is approved, of that kind and not used up, oldest first.
func testUnusedApprovals(t *testing.T, db *store.DB) {
	ctx := t.Context()
	for n, change := range []func(*request.Request){
		func(r *request.Request) { r.State = request.Approved },
		func(*request.Request) {},
		func(r *request.Request) { r.State, r.UsedBy, r.UsedAt = request.Approved, "lon_1", at(3) },
		func(r *request.Request) { r.State, r.Kind = request.Approved, "other" },
		func(r *request.Request) { r.State = request.Approved },
		func(r *request.Request) { r.State = request.Expired },
		func(r *request.Request) { r.State = request.Approved },
	} {
		r := application(n+1, "per_emp")
		change(r)
		ask(t, db, r)
	}
	list := func(after string, limit int) []string {
		t.Helper()
		rs, err := db.UnusedApprovals(ctx, "key", after, limit)
		must(t, err)
		out := []string{}
		for _, r := range rs {
			out = append(out, r.ID)
		}
		return out
	}
	same(t, "all", []string{"req_001", "req_005", "req_007"}, list("", 10))
	same(t, "a part", []string{"req_001", "req_005"}, list("", 2))
	same(t, "the rest", []string{"req_007"}, list("req_005", 2))
}
