package notice_test

import (
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
)

// Rules 1 and 4 for a report that nobody of ours made.
func TestRule1OutsideReports(t *testing.T) {
	t.Parallel()
	h := newHouse(t, noon(), nil)
	send := func(department string) *incident.Incident {
		t.Helper()
		i, _, err := h.cases.ReportOutside(t.Context(), access.Outside(""),
			incident.OutsideReport{Kind: incident.Missent, Summary: "封筒を受け取った", Channel: "web", Department: department})
		h.must(err)
		return i
	}
	i := send("")
	ts, _, _, err := h.db.TracksOf(t.Context(), i.ID)
	h.must(err)
	if len(ts) != 1 || ts[0].Receiver != notice.Manager {
		t.Errorf("tracks %+v", ts)
	}
	same(t, "manager's track", []string{"per_pm"}, h.told(i, notice.Manager))
	i = send("d_sales1") // which has no head of its own: the one above has
	same(t, "the department's track", []string{"per_sales"}, h.told(i, notice.Supervisor))
	// Its chain climbs from the head to the head's own superior.
	h.runTo(13)
	fs := h.firings(i, notice.Supervisor)
	same(t, "climbs", firing{10, 2, "per_pres"}, fs[4])
	if h.track(i, notice.Manager).MayAnswer(access.Outside(i.ID), nil) {
		t.Error("a stranger may answer their own report")
	}
}
