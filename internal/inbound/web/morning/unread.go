package morning

import (
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/cases"
	"sekimori/internal/inbound/web/page"
)

// maxUnread is how many cases with unread words the page names; the list has the others.
const maxUnread = 10

// unread lists the cases, ended ones too, whose other side wrote something that the actor
// has not read.
func (d Deps) unread(r *page.Request, p *morningPage) error {
	found, err := d.Cases.Find(r.Context(), r.By, incident.Query{Unread: true, Limit: maxUnread})
	if err != nil {
		return err
	}
	for _, c := range found.Rows {
		p.Unread = append(p.Unread, matter{Label: c.Label, Href: "/cases/" + c.Label + "#talk", Summary: c.Summary, Kind: cases.KindTag(r, &c.Incident),
			Status: cases.StatusTag(r, c.Status), Detail: r.P.T("talk.unread", "n", c.Unread), Press: r.P.T("talk.read")})
	}
	return nil
}
