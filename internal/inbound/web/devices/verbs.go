package devices

import (
	"context"
	"net/http"
	"net/url"

	"sekimori/internal/domain/device"
	"sekimori/internal/inbound/web/page"
)

// deviceVerb changes the PC of the address and gives the message id that says so.
type deviceVerb func(ctx context.Context, d Deps, r *page.Request, device string) (flash string, err error)

// verb runs one change: done and back to the PC, or the page again with what to mend.
func (d Deps) verb(form string, f deviceVerb) page.Handler {
	return func(w http.ResponseWriter, r *page.Request) error {
		flash, err := f(r.Context(), d, r, r.PathValue("id"))
		if err != nil {
			return d.refused(w, r, form, err)
		}
		return r.Kit.See(w, r, "/devices/"+url.PathEscape(r.PathValue("id")), flash)
	}
}

// refused shows the PC again with what to mend in a form.
func (d Deps) refused(w http.ResponseWriter, r *page.Request, form string, err error) error {
	bad, ok := r.Refused(err, "reason")
	if !ok {
		return err
	}
	return d.render(w, r, bad.Status, form, bad)
}

func isolate(ctx context.Context, d Deps, r *page.Request, id string) (string, error) {
	_, err := d.PCs.Isolate(ctx, r.By, id, device.Ask{Reason: r.Text("reason"), Wifi: r.Checked("wifi"), Via: device.ViaConsole})
	return "devices.flash_isolate", err
}

func release(ctx context.Context, d Deps, r *page.Request, id string) (string, error) {
	_, err := d.PCs.Release(ctx, r.By, id, r.Text("reason"))
	return "devices.flash_release", err
}

func refuse(ctx context.Context, d Deps, r *page.Request, id string) (string, error) {
	return "devices.flash_refused", d.PCs.Refuse(ctx, r.By, id, r.Text("reason"))
}

// ticketPage is the permission to take the agent away, shown this once.
type ticketPage struct {
	page.Base
	PC       Shown
	Ticket   string
	Until    string
	Commands []command
}

// ticket answers with the permission itself: it is kept nowhere.
func (d Deps) ticket(w http.ResponseWriter, r *page.Request) error {
	v, err := d.PCs.Get(r.Context(), r.By, r.PathValue("id"))
	if err != nil {
		return err
	}
	ticket, until, err := d.PCs.UninstallTicket(r.Context(), r.By, v.ID, r.Text("reason"))
	if err != nil {
		return d.refused(w, r, "ticket", err)
	}
	p := ticketPage{Base: r.Kit.Base(r, "devices.ticket", "/devices"), PC: Show(r, v), Ticket: ticket, Until: r.P.DateTime(until), Commands: uninstall(r)}
	p.Width = "narrow"
	return r.Kit.Render(w, r, http.StatusOK, "device_ticket", p)
}
