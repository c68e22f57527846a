package settings

import (
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// proofPage is whether the link of a notice answers by itself.
type proofPage struct {
	page.Base
	Now    notice.LinkProof
	May    bool
	Choice page.Field
}

func (d Deps) proof(w http.ResponseWriter, r *page.Request) error {
	return d.renderProof(w, r, http.StatusOK, page.Refused{})
}

func (d Deps) renderProof(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	now, err := d.Notices.LinkProof(r.Context(), r.By)
	if err != nil {
		return err
	}
	p := proofPage{Base: r.Kit.Base(r, "settings.link_proof", "/settings"), Now: now, May: r.By.May(access.EditPolicy) == nil && !now.Fixed}
	p.Width, p.Errors = "narrow", bad.Summary
	p.Choice = page.Field{ID: "wanted", Name: "wanted", Type: "radio", Label: r.P.T("settings.link_proof_who"), Error: bad.Fields["wanted"], Options: []page.Option{
		{Value: "off", Label: r.P.T("settings.link_proof_off"), On: !now.On},
		{Value: "on", Label: r.P.T("settings.link_proof_on"), On: now.On},
	}}
	return r.Kit.Render(w, r, status, "linkproof", p)
}

func (d Deps) saveProof(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.EditPolicy); err != nil {
		return err
	}
	wanted := r.Text("wanted")
	var c fault.Check
	c.That(wanted == "on" || wanted == "off", "wanted", "fault.unknown_choice", nil)
	err := c.Err()
	if err == nil {
		err = d.Notices.SetLinkProof(r.Context(), r.By, wanted == "on")
	}
	if err == nil {
		return r.Kit.See(w, r, "/settings/links", "settings.link_proof_saved")
	}
	bad, ok := r.Refused(err, "wanted")
	if !ok {
		return err
	}
	return d.renderProof(w, r, bad.Status, bad)
}
