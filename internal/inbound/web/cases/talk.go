package cases

import (
	"context"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
)

func say(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	_, err := d.Cases.Say(ctx, r.By, label, r.Text("say"))
	if f := fault.As(err); f != nil {
		for i := range f.Fields {
			f.Fields[i].Name = "say"
		}
	}
	return "#talk", "talk.sent", err
}

// talk is what was written to and by whose report it is. Whoever opens the page has read it;
// a database that takes nothing just now keeps nobody from reading.
func (d Deps) talk(r *page.Request, org *directory.Org, c *incident.Case, p *casePage) error {
	lead := "talk.lead_worker"
	if c.Outside != nil {
		lead = "talk.lead_outside"
	}
	if c.Boxed() {
		lead = "near.no_talk"
	}
	p.Talk = r.TalkOf(c, org, lead, "/cases/"+c.Label+"/say")
	p.Talk.Live, p.Talk.May = "/cases/"+c.Label, p.Work && c.ErasedAt.IsZero() && !c.Boxed()
	if !r.Navigates() {
		return nil
	}
	if err := d.Cases.MarkRead(r.Context(), r.By, c); err != nil && !fault.Is(err, fault.Unavailable) {
		return err
	}
	return nil
}

// refusedTalk keeps what was typed into the refused form of the talk.
func (p *casePage) refusedTalk() {
	p.Talk.Field.Value, p.Talk.Field.Error = p.Was("say", "say"), p.Wrong("say", "say")
	for i, e := range p.Errors {
		if p.Failed == "say" && e.Field == "say" {
			p.Errors[i].ID = p.Talk.Field.ID
		}
	}
}

// thanks is the words that the end of a case begins with: in the language of whose report it
// is, and in every language for somebody whose language is not known. They are for nobody
// when nobody knows whose report it is.
func thanks(r *page.Request, org *directory.Org, c *incident.Case) string {
	if c.Boxed() {
		return ""
	}
	args := []any{"number", c.Label}
	if lang := org.People[c.Finder()].Lang; lang != "" {
		return r.Kit.Printer(i18n.Lang(lang)).T("talk.thanks", args...)
	}
	out := ""
	for _, l := range i18n.Langs() {
		if out != "" {
			out += "\n\n"
		}
		out += r.Kit.Printer(l).T("talk.thanks", args...)
	}
	return out
}
