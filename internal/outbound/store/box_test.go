package store_test

import (
	"fmt"
	"sync"
	"testing"

	"sekimori/internal/domain/incident"
	"sekimori/internal/outbound/store"
	"sekimori/internal/outbound/store/storetest"
)

// Two servers open the box of one database at the same moment, while others still put
// something in: one of them gets what lies there, and nothing is lost.
func TestTwoServersTakeTheBoxOnce(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, dsn string) {
		ctx := t.Context()
		dbs := []*store.DB{storetest.Open(t, dsn, store.Options{}), storetest.Open(t, dsn, store.Options{})}
		put := func(db *store.DB, n int) {
			s := incident.Slip{Key: incident.NewBoxKey(), Summary: fmt.Sprint(n)}
			if err := db.UpdateIncidents(ctx, func(tx incident.Tx) error { _, err := tx.PutInBox(ctx, s); return err }); err != nil {
				t.Error(err)
			}
		}
		var mu sync.Mutex
		taken, openings := map[string]int{}, 0
		take := func(db *store.DB, day string) {
			var got []string
			mine := false
			err := db.UpdateIncidents(ctx, func(tx incident.Tx) (err error) {
				got = nil
				if mine, err = tx.ClaimBox(ctx, day); err != nil || !mine {
					return err
				}
				lie, err := tx.Boxed(ctx)
				if err != nil {
					return err
				}
				for _, b := range lie {
					got = append(got, b.Summary)
					if err := tx.DropBoxed(ctx, b.Key); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if mine {
				openings++
			}
			for _, s := range got {
				taken[s]++
			}
		}
		const days, each = 8, 6
		for day := range days {
			var wg sync.WaitGroup
			for n := range each {
				wg.Go(func() { put(dbs[n%2], day*each+n) })
			}
			for n := range 4 {
				wg.Go(func() { take(dbs[n%2], fmt.Sprintf("2026-12-%02d", day+1)) })
			}
			wg.Wait()
		}
		take(dbs[0], "2027-01-01")
		if len(taken) != days*each || openings != days+1 {
			t.Errorf("%d taken in %d openings, want %d in %d", len(taken), openings, days*each, days+1)
		}
		for s, n := range taken {
			if n != 1 {
				t.Errorf("%s was taken %d times", s, n)
			}
		}
	})
}
