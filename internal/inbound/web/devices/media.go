package devices

import (
	"encoding/json"

	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/device"
	"sekimori/internal/inbound/web/lent"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/wire"
)

// shownAttempts is how much of what happened with media the page names.
const shownAttempts = 20

// media says how the PC guards media, and what happened there.
func (d Deps) media(r *page.Request, v device.View, p *devicePage) error {
	if d.Media == nil {
		return nil
	}
	p.Media, p.Guard = true, page.Tag{Kind: "quiet", Icon: "clock", Text: r.P.T("devices.guard_unheard")}
	for _, f := range v.Facts {
		var m wire.MediaFact
		if f.Name == wire.FactMedia && f.Unread == "" && json.Unmarshal(f.Value, &m) == nil {
			p.Guard, p.GuardWhy = guard(r, m)
		}
	}
	found, err := d.Media.Attempts(r.Context(), r.By, asset.AttemptQuery{Device: v.ID, Limit: shownAttempts})
	if fault.As(err) != nil {
		return nil // it is not for this reader
	}
	if err != nil {
		return err
	}
	for _, a := range found.Rows {
		p.Attempts = append(p.Attempts, lent.AttemptOf(r, a))
	}
	return nil
}

// guard puts how a guard stands into words. What it says it cannot do stands out: a mode
// that is not kept is none.
func guard(r *page.Request, m wire.MediaFact) (t page.Tag, why string) {
	t = page.Tag{Kind: "quiet", Text: lent.Word(r, "media.mode.", string(m.Mode))}
	switch m.Mode {
	case wire.GuardObserve:
		t.Kind, t.Icon = "yama", "eye"
	case wire.GuardBlock:
		t.Kind, t.Icon = "matsu", "shield-check"
	}
	switch {
	case m.Mode == wire.GuardOff:
		return t, ""
	case m.DryRun:
		t.Kind, t.Icon = "yama", "info"
		return t, r.P.T("devices.guard_dry")
	case m.Mode == wire.GuardBlock && !m.Able: // who only watches holds nothing
		t.Kind, t.Icon = "shu", "alert"
		return t, r.P.T("devices.guard_unable")
	}
	return t, lent.Word(r, "devices.word.time.", m.Time)
}
