package report

import (
	"net/http"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// say writes to the other side of the report.
func (d rooms) say(w http.ResponseWriter, r *page.Request) error {
	_, err := d.Cases.Say(r.Context(), r.By, r.PathValue("label"), r.Text("say"))
	return d.done(w, r, renamed(err, map[string]string{"text": "say"}), "say", "talk.sent", "talk", "say")
}

// talk is what was written to and by whose report it is. Whoever opens the page has read it;
// a database that takes nothing just now keeps nobody from reading.
func (d rooms) talk(r *page.Request, o *directory.Org, c *incident.Case, p *receiptPage, bad refusal) error {
	lead := "talk.lead_finder"
	if !c.Owns(r.By) {
		lead = "talk.lead_worker"
	}
	p.Talk = r.TalkOf(c, o, lead, p.Here+"/say")
	p.Talk.Live, p.Talk.May = p.Here, p.MayAdd && c.ErasedAt.IsZero() && !c.Boxed()
	if bad.form == "say" {
		p.Talk.Field.Value, p.Talk.Field.Error = r.Text("say"), bad.Fields["say"]
	}
	p.Main = c.Main
	if !r.Navigates() {
		return nil
	}
	if err := d.Cases.MarkRead(r.Context(), r.By, c); err != nil && !fault.Is(err, fault.Unavailable) {
		return err
	}
	return nil
}
