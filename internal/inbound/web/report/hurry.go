package report

import (
	"net/http"
	"slices"
	"time"

	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
)

// held reports whether anybody of a case is told only with the next working hours.
func held(c *incident.Case) bool {
	return slices.ContainsFunc(c.Tracks, func(t notice.Track) bool { return t.State == notice.Open && t.Held() })
}

// hurry tells now whom the receipt says to be told later.
func (d rooms) hurry(w http.ResponseWriter, r *page.Request) error {
	_, err := d.Cases.TellNow(r.Context(), r.By, r.PathValue("label"), r.Text("reason"))
	if err != nil {
		return err
	}
	return r.Kit.See(w, r, "/receipt/"+r.PathValue("label")+"#told", "escalation.flash_hurried")
}

// Near is a time as short as it can be understood: the clock alone for today.
func Near(r *page.Request, t time.Time) string {
	if r.P.Date(t) == r.P.Date(r.Kit.Now()) {
		return r.P.Clock(t)
	}
	return r.P.DateTime(t)
}
