package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/directory/directorytest"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
)

// sink counts the letters that it takes.
type sink struct {
	mu    sync.Mutex
	taken map[string]int
}

func (s *sink) SendLetter(_ context.Context, l notice.Letter) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[l.Topic+" "+l.Person]++
	return "ok", nil
}

// TestRequestsOnTwoServers: two servers on one database fire each timer once, send each
// letter once, and let one of two deciders decide.
func TestRequestsOnTwoServers(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, dsn string) {
		ctx := t.Context()
		start := time.Date(2026, 11, 16, 3, 0, 0, 0, time.UTC)
		var mu sync.Mutex
		now := start
		clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		org := directorytest.Company()
		org.Duties = append(org.Duties, directory.Assignment{Duty: access.ITAdmin, Person: "per_dep", From: start.AddDate(-1, 0, 0)})

		var servers []*request.Service
		var couriers []*notice.Courier
		var dbs []*store.DB
		post := &sink{taken: map[string]int{}}
		for n := range 2 {
			db := storetest.Open(t, dsn, store.Options{})
			if n == 0 {
				storetest.Seed(t, db, org)
			}
			zone := time.FixedZone("JST", 9*60*60)
			s, err := request.NewService(request.Parts{Store: db, People: directory.NewService(db, clock), Now: clock, Zone: zone, Calendar: jpcal.New(zone, jpcal.Options{}),
				Kinds: []request.Kind{{Name: "key", Chain: request.Chain{Steps: []request.Rule{{Role: request.ITAdmin, Need: request.One}}, Remind: 24 * time.Hour, Climb: 48 * time.Hour, Life: 240 * time.Hour},
					Check: func(_ context.Context, _ access.Actor, raw json.RawMessage, _ time.Time) (request.Content, error) {
						return request.Content{Form: raw, Title: "鍵"}, nil
					}}}})
			if err != nil {
				t.Fatal(err)
			}
			dbs, servers, couriers = append(dbs, db), append(servers, s), append(couriers, notice.NewCourier(db, post, clock, 4))
		}
		both := func(f func(n int) error) (errs [2]error) {
			var wg sync.WaitGroup
			for n := range errs {
				wg.Go(func() { errs[n] = f(n) })
			}
			wg.Wait()
			return errs
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		const requests = 6
		var made []*request.Request
		for n := range requests {
			r, err := servers[n%2].Submit(ctx, directorytest.As(org, "per_emp", start), request.New{Kind: "key", Form: json.RawMessage(`{}`), Key: fmt.Sprint(n)})
			must(err)
			made = append(made, r)
		}
		for range 2 {
			for _, err := range both(func(n int) error { _, err := couriers[n].SendDue(ctx); return err }) {
				must(err)
			}
		}
		mu.Lock()
		now = start.Add(24 * time.Hour)
		mu.Unlock()
		for range 3 {
			for _, err := range both(func(n int) error { _, err := servers[n].FireDue(ctx); return err }) {
				must(err)
			}
			for _, err := range both(func(n int) error { _, err := couriers[n].SendDue(ctx); return err }) {
				must(err)
			}
		}
		for _, who := range []string{"request.decide per_it", "request.decide per_dep", "request.remind per_it", "request.remind per_dep"} {
			if post.taken[who] != requests {
				t.Errorf("%s: %d letters, want %d", who, post.taken[who], requests)
			}
		}
		for _, r := range made {
			errs := both(func(n int) error {
				who := []string{"per_it", "per_dep"}[n]
				_, err := servers[n].Decide(ctx, directorytest.As(org, who, start), request.Decision{Request: r.ID, Verdict: []request.Verdict{request.Approve, request.Refuse}[n],
					Note: "x", Digest: request.Digest(r), Path: "web"})
				return err
			})
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Errorf("%s: %v", r.Label, errs)
			}
			for _, err := range errs {
				if err != nil && !fault.Is(err, fault.Conflict) {
					t.Error(err)
				}
			}
			got, err := dbs[0].Request(ctx, r.ID)
			must(err)
			if want := map[bool]request.State{true: request.Approved, false: request.Refused}[errs[0] == nil]; got.State != want {
				t.Errorf("%s is %s, want %s", r.Label, got.State, want)
			}
		}
	})
}
