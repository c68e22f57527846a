package report

import (
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

// Outsider says who reported from outside, in full, for those who may open the case.
func Outsider(r *page.Request, o *incident.Outsider) string {
	if o.Name == "" {
		return page.Line(r.P.T("outside.nobody"), r.P.T("outside.unnamed"))
	}
	return page.Line(r.P.T("outside.nobody"), o.Name)
}

// outsiderFacts are the same with the way to reach them, as lines of a list.
func outsiderFacts(r *page.Request, o *incident.Outsider) []factLine {
	if o == nil {
		return nil
	}
	out := []factLine{{Name: r.P.T("report.found_by"), Value: Outsider(r, o)}}
	if o.Contact != "" {
		out = append(out, factLine{Name: r.P.T("outside.contact"), Value: o.Contact})
	}
	return out
}
