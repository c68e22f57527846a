package settings

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
)

func TestWireRoundTrip(t *testing.T) {
	t.Parallel()
	for _, w := range []notice.Who{{Kind: "supervisor", Up: 2}, {Kind: "duty", Duty: access.ITAdmin}, {Kind: "duty", Duty: access.ProtectionManager, All: true}, {Kind: "person", ID: "per_1"}} {
		if diff := cmp.Diff(w, unwire(wire(w))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", wire(w), diff)
		}
	}
}

func TestReadChain(t *testing.T) {
	t.Parallel()
	boss := notice.Who{Kind: "supervisor", Up: 1}
	tests := []struct {
		name string
		form url.Values
		want notice.Chain
	}{
		{"nothing", nil, notice.Chain{}},
		{"one level and an empty one", url.Values{"who_1": {"supervisor:1", "", "supervisor:1"}, "window_1": {"10"}, "repeat_1": {"3"}, "who_2": {"", ""}}, notice.Chain{{Who: []notice.Who{boss}, Window: 10, Repeat: 3}}},
		{"a level in the middle is taken away", url.Values{"who_1": {"supervisor:1"}, "window_1": {"10"}, "repeat_1": {"3"}, "who_3": {"supervisor:1"}, "window_3": {"20"}, "repeat_3": {"5"}},
			notice.Chain{{Who: []notice.Who{boss}, Window: 10, Repeat: 3}, {Who: []notice.Who{boss}, Window: 20, Repeat: 5}}},
		{"times without people stay, to be refused", url.Values{"window_1": {"ten"}}, notice.Chain{{}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			hr := httptest.NewRequest("POST", "/", strings.NewReader(tt.form.Encode()))
			hr.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if diff := cmp.Diff(tt.want, readChain(&page.Request{Request: hr})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestControlOf(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{"urgent.supervisor.2.window": "window-2", "urgent.supervisor.1.who": "who-1-1", "reason": "reason", "normal.it_admin.1.who": "", "urgent.supervisor": ""} {
		if got := controlOf(field, "urgent.supervisor."); got != want {
			t.Errorf("%s leads to %q, want %q", field, got, want)
		}
	}
}
