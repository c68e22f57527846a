package outside

import (
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// say writes to those who work on the visitor's report.
func (d *Room) say(w http.ResponseWriter, r *page.Request) error {
	return d.change(w, r, "say", "talk.sent", func(by access.Actor) error {
		_, err := d.cases.Say(r.Context(), by, by.Case, r.Text("say"))
		return err
	})
}

// talk is what was written to and by the visitor, who has read it with this page.
func (d *Room) talk(r *page.Request, by access.Actor, c *incident.Case, p *receiptPage, bad refusal) error {
	p.Talk = r.TalkOf(c, nil, "talk.lead_finder", "/r/say")
	p.Talk.May = c.ErasedAt.IsZero()
	if bad.form == "say" {
		p.Talk.Field.Value, p.Talk.Field.Error = r.Text("say"), bad.Fields["text"]
		for i, e := range p.Errors {
			if e.Field == "text" {
				p.Errors[i].ID = p.Talk.Field.ID
			}
		}
	}
	p.Main = c.Main
	if !r.Navigates() {
		return nil
	}
	if err := d.cases.MarkRead(r.Context(), by, c); err != nil && !fault.Is(err, fault.Unavailable) {
		return err
	}
	return nil
}
