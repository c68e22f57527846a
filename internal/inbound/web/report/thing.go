package report

import (
	"strings"

	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// thing is the thing of the ledger that a loss is about; nil for none, and for one that
// the reporter may not see: a report never waits for the ledger.
func (d rooms) thing(r *page.Request, k incident.Kind) (*asset.View, error) {
	number := r.Text("asset")
	if k != incident.Lost || d.Things == nil || number == "" {
		return nil, nil
	}
	v, err := d.Things.Get(r.Context(), r.By, number)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Denied) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &v, nil
}

// lostWords is what the ledger knows of a lost thing: whoever answers the report must not
// have to look it up.
func lostWords(r *page.Request, v *asset.View) string {
	lines := []string{page.Line(v.Number, r.P.T("asset.kind."+string(v.Kind)), v.Model, r.P.T("assets.field.encryption")+": "+r.P.T("asset.encryption."+string(v.Encryption)))}
	if v.Identity.Serial != "" {
		lines = append(lines, r.P.T("assets.field.serial")+": "+v.Identity.Serial)
	}
	for _, l := range v.Loans {
		if l.ID != v.Loan {
			continue
		}
		lines = append(lines, page.Line(l.Label, l.PersonName, r.P.T("word.range", "from", r.P.DateTime(l.From), "until", r.P.DateTime(l.Until))), r.P.T("loans.field.purpose")+": "+l.Purpose)
	}
	return strings.Join(lines, "\n")
}
