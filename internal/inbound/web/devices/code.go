package devices

import (
	"net/http"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/wire"
)

// codePage gives the code by which a PC that cannot reach us is released over the
// telephone.
type codePage struct {
	page.Base
	PC        Shown
	Challenge page.Field
	Reason    page.Field
	Code      string   // grouped for the eye; "" until there is one
	Aloud     []string // the two halves, digit by digit
}

func (d Deps) codeForm(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.ManageDevices); err != nil {
		return err
	}
	return d.showCode(w, r, http.StatusOK, page.Refused{}, "")
}

// code answers with the code itself. There is no page to go back to: it is shown this
// once, stands in no address and is kept nowhere.
func (d Deps) code(w http.ResponseWriter, r *page.Request) error {
	code, err := d.PCs.ReleaseCode(r.Context(), r.By, r.PathValue("id"), r.Text("challenge"), r.Text("reason"))
	if err == nil {
		return d.showCode(w, r, http.StatusOK, page.Refused{}, code)
	}
	bad, ok := r.Refused(err, "challenge", "reason")
	if !ok {
		return err
	}
	return d.showCode(w, r, bad.Status, bad, "")
}

func (d Deps) showCode(w http.ResponseWriter, r *page.Request, status int, bad page.Refused, code string) error {
	v, err := d.PCs.Get(r.Context(), r.By, r.PathValue("id"))
	if err != nil {
		return err
	}
	p := codePage{Base: r.Kit.Base(r, "devices.code", "/devices"), PC: Show(r, v)}
	p.Width, p.Errors = "narrow", bad.Summary
	p.Challenge = page.Field{ID: "challenge", Name: "challenge", Type: "text", Class: "short", Auto: "off", Label: r.P.T("devices.challenge"), Hint: r.P.T("devices.challenge_hint"),
		Required: true, MaxLen: 20, Error: bad.Fields["challenge"]}
	p.Reason = page.Field{ID: "reason", Name: "reason", Type: "text", Class: "full", Label: r.P.T("word.reason"), Hint: r.P.T("devices.code_reason_hint"),
		Required: true, MaxLen: device.MaxReason, Error: bad.Fields["reason"]}
	if status != http.StatusOK {
		p.Challenge.Value, p.Reason.Value = r.Text("challenge"), r.Text("reason")
	}
	if code != "" {
		p.Title = r.P.T("devices.code_is")
		p.Code = wire.Spoken(code)
		for half := range strings.SplitSeq(p.Code, "-") {
			p.Aloud = append(p.Aloud, strings.Join(strings.Split(half, ""), " "))
		}
	}
	return r.Kit.Render(w, r, status, "device_code", p)
}
