package cases

import (
	"context"

	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

// guess offers to say of what kind a case is that came by mail or telephone.
func (p *casePage) guess(r *page.Request, c *incident.Case) {
	p.Guessed = c.Guessed && p.Open && !p.Erased
	if p.GuessedHow = r.P.T("mailin.guessed"); c.Channel == incident.ByPhone {
		p.GuessedHow = r.P.T("calls.guessed")
	}
	if !p.Guessed || !p.Work {
		return
	}
	for _, k := range incident.Kinds() {
		p.Kinds = append(p.Kinds, page.Option{Value: string(k), Label: r.P.T("kind." + string(k)), On: k == c.Kind})
	}
}

func chooseKind(ctx context.Context, d Deps, r *page.Request, label string) (string, string, error) {
	return "", "mailin.flash_kind", d.Cases.ChooseKind(ctx, r.By, label, incident.Kind(r.Text("kind")))
}
