package page

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
)

// Only a cookie that is known to be no good counts as none. Where the store cannot say,
// somebody who is signed in must not be sent to the sign-in page.
func TestWhoAsks(t *testing.T) {
	t.Parallel()
	catalogue, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		says  error
		fails bool
	}{
		"known":            {nil, false},
		"ended":            {fault.New(fault.Unauthenticated, "fault.unauthenticated", nil), false},
		"database away":    {errors.Join(fault.New(fault.Unavailable, "fault.unavailable", nil), errors.New("refused")), true},
		"our own mistakes": {errors.New("no such table"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := &Kit{Parts: Parts{Catalogue: catalogue, Zone: time.UTC, Now: time.Now,
				Actor: func(context.Context, string) (access.Actor, error) { return access.Actor{Person: "per_1"}, tc.says }}}
			hr := httptest.NewRequest(http.MethodGet, "/report", nil)
			hr.AddCookie(&http.Cookie{Name: k.SessionCookie(), Value: "x"})
			r, err := k.newRequest(hr)
			if tc.fails != (err != nil) {
				t.Errorf("asking who it is answered %v", err)
			}
			if known := r.By.Person != ""; known != (tc.says == nil) {
				t.Errorf("the request is made by %q", r.By.Person)
			}
		})
	}
}
