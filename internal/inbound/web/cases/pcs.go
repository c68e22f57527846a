package cases

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/devices"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// maxPCs is how many PCs one case shows; the page listens to each of them.
const maxPCs = 15

// pcView is a PC that the case is about, or that whoever noticed it works with.
type pcView struct {
	devices.Shown
	OfCase     bool // isolated for this case
	MayIsolate bool
	MayRelease bool
}

// pcs lists the PCs of the case, and then those of who noticed it. Someone who may read
// neither sees none.
func (d Deps) pcs(ctx context.Context, r *page.Request, c *incident.Case) ([]pcView, error) {
	if d.PCs == nil {
		return nil, nil
	}
	of, err := d.PCs.OfCase(ctx, r.By, c.ID)
	if err != nil && !hidden(err) {
		return nil, err
	}
	own, err := d.PCs.OfPerson(ctx, r.By, c.Finder())
	if err != nil && !hidden(err) {
		return nil, err
	}
	manages := r.By.May(access.ManageDevices) == nil
	var out []pcView
	for _, v := range slices.Concat(of, own) {
		if len(out) == maxPCs || slices.ContainsFunc(out, func(x pcView) bool { return x.ID == v.ID }) {
			continue
		}
		x := pcView{Shown: devices.Show(r, v), OfCase: slices.ContainsFunc(of, func(y device.View) bool { return y.ID == v.ID })}
		lives := v.RefusedAt.IsZero()
		x.MayIsolate = manages && lives && !x.Cut
		x.MayRelease = manages && lives && x.Cut
		out = append(out, x)
	}
	return out, nil
}

// hidden reports a refusal that means "there is nothing here for you to see".
func hidden(err error) bool { return fault.Is(err, fault.Denied) || fault.Is(err, fault.NotFound) }

// pcVerb runs one change of a PC from a case.
func (d Deps) pcVerb(form string, f func(ctx context.Context, d Deps, r *page.Request, c *incident.Case, device string) (flash string, err error)) page.Handler {
	return func(w http.ResponseWriter, r *page.Request) error {
		if d.PCs == nil {
			return fault.Missing("device")
		}
		label, id := r.PathValue("label"), r.PathValue("device")
		c, err := d.Cases.Case(r.Context(), r.By, label)
		if err != nil {
			return err
		}
		flash, err := f(r.Context(), d, r, c, id)
		if err != nil {
			return d.refused(w, r, label, form+id, err)
		}
		return r.Kit.See(w, r, "/cases/"+url.PathEscape(c.Label)+"#pcs", flash)
	}
}

func isolatePC(ctx context.Context, d Deps, r *page.Request, c *incident.Case, id string) (string, error) {
	_, err := d.PCs.Isolate(ctx, r.By, id, device.Ask{Reason: r.Text("reason"), Incident: c.ID, Via: device.ViaCase, Wifi: r.Checked("wifi")})
	return "devices.flash_isolate", err
}

func releasePC(ctx context.Context, d Deps, r *page.Request, _ *incident.Case, id string) (string, error) {
	_, err := d.PCs.Release(ctx, r.By, id, r.Text("reason"))
	return "devices.flash_release", err
}
