package ledger

import (
	"net/http"
	"net/url"
	"time"

	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/lent"
	"sekimori/internal/inbound/web/page"
)

// handOverPage gives a thing to whom it was approved for.
type handOverPage struct {
	page.Base
	Request string
	Facts   []fact
	Asset   page.Field
	None    bool // nothing of the kind is in store
}

func (d Deps) handOverForm(w http.ResponseWriter, r *page.Request) error {
	return d.showHandOver(w, r, http.StatusOK, page.Refused{})
}

func (d Deps) showHandOver(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	h, err := d.Ledger.Handover(r.Context(), r.By, r.Text("request"))
	if err != nil {
		return err
	}
	p := handOverPage{Base: r.Kit.Base(r, "loans.hand_over", "/assets"), Request: h.Request}
	p.Errors = bad.Summary
	x := lent.HandoverOf(r, h)
	for _, f := range []fact{{Label: r.P.T("loans.ask.asset"), Text: x.What}, {Label: r.P.T("loans.field.person"), Text: x.Who},
		{Label: r.P.T("loans.field.period"), Text: x.Period}, {Label: r.P.T("loans.field.device"), Text: h.PC}, {Label: r.P.T("loans.field.purpose"), Text: x.Purpose}} {
		if f.Text != "" {
			p.Facts = append(p.Facts, f)
		}
	}
	p.Asset = page.Field{ID: "asset", Name: "asset", Type: "select", Required: true, Label: r.P.T("loans.which"), Error: bad.Fields["asset"]}
	for _, x := range h.Things {
		p.Asset.Options = append(p.Asset.Options, page.Option{Value: x.Number, Label: page.Line(x.Number, x.Model, x.Place)})
	}
	p.Asset.Options = page.Choose(p.Asset.Options, r.Text("asset"))
	p.None = len(p.Asset.Options) == 0
	return r.Kit.Render(w, r, status, "hand_over", p)
}

func (d Deps) handOver(w http.ResponseWriter, r *page.Request) error {
	l, err := d.Ledger.HandOver(r.Context(), r.By, asset.HandOver{Request: r.Text("request"), Asset: r.Text("asset")})
	if err != nil {
		bad, ok := r.Refused(err, "asset")
		if !ok {
			return err
		}
		return d.showHandOver(w, r, bad.Status, bad)
	}
	return r.Kit.See(w, r, "/loans/"+l.Label, "loans.flash_handed")
}

// lostHref is the report of a loss with the thing filled in.
func lostHref(number string) string {
	return "/report/" + string(incident.Lost) + "?asset=" + url.QueryEscape(number)
}

// iso writes a time for machines; "" for none.
func iso(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
