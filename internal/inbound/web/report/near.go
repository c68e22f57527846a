package report

import (
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

// Nearly is the word for what a near miss nearly became; "" when nobody said.
func Nearly(r *page.Request, i *incident.Incident) string {
	if i.Nearly == "" {
		return ""
	}
	return r.P.T("kind." + string(i.Nearly))
}

// nearFacts are what stands with a near miss alone, as lines of a list.
func nearFacts(r *page.Request, i *incident.Incident) (out []factLine) {
	if i.Boxed() {
		out = append(out, factLine{Name: r.P.T("report.found_by"), Value: r.P.T("near.nobody")})
	}
	if word := Nearly(r, i); word != "" {
		out = append(out, factLine{Name: r.P.T("near.nearly_short"), Value: word})
	}
	return out
}
