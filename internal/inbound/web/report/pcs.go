package report

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/device"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/devices"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// cutTime bounds how long sending a report waits for its PCs to be ordered off. The
// report itself is on disk by then.
const cutTime = 5 * time.Second

// maxPCs is how many of their own PCs a reporter is shown.
const maxPCs = 10

// own lists the reporter's PCs. That they cannot be listed must keep nobody from
// reporting: it is logged, and the page goes without them.
func (d rooms) own(r *page.Request) []device.View {
	if d.PCs == nil {
		return nil
	}
	vs, err := d.PCs.OfPerson(r.Context(), r.By, r.By.Person)
	if err != nil {
		d.note(r, fmt.Errorf("list own PCs: %w", err))
		return nil
	}
	return vs[:min(len(vs), maxPCs)]
}

func (d rooms) note(r *page.Request, err error) {
	if r.Context().Err() == nil {
		r.Kit.Log.ErrorContext(r.Context(), "a report went on without its PCs", "request", r.ID, "error", err)
	}
}

// pcField offers a box for each PC of the reporter. It is ticked when there is no doubt
// which PC is meant: exactly one, and it is there.
func (d rooms) pcField(r *page.Request) page.Field {
	vs := d.own(r)
	f := page.Field{ID: "isolate", Name: "isolate", Type: "checkbox", Label: r.P.T("devices.report_ask"), Hint: r.P.T("devices.report_hint")}
	for _, v := range vs {
		s := devices.Show(r, v)
		o := page.Option{Value: v.ID, Label: r.P.T("devices.report_now", "name", s.Name), Hint: page.Line(s.State.Text, s.Line.Text), On: len(vs) == 1 && v.Online && !s.Cut}
		if s.DryRun {
			o.Hint = r.P.T("devices.means.dry_run")
		}
		if r.Method == http.MethodPost {
			o.On = slices.Contains(r.Texts("isolate"), v.ID)
		}
		f.Options = append(f.Options, o)
	}
	return f
}

// cutOff orders off the PCs that were ticked, for a report that is stored. What could
// not be ordered is named in the query that it gives, for the receipt to say.
//
// Whoever reports for somebody else sits at another PC than the infected one.
func (d rooms) cutOff(r *page.Request, i *incident.Incident) string {
	if d.PCs == nil || i.Kind != incident.Virus || i.OnBehalf != "" && i.OnBehalf != r.By.Person {
		return ""
	}
	ctx, cancel := context.WithTimeout(r.Context(), cutTime)
	defer cancel()
	failed := url.Values{}
	asked := r.Texts("isolate")
	for _, id := range asked[:min(len(asked), maxPCs)] {
		if _, err := d.PCs.Isolate(ctx, r.By, id, device.Ask{Incident: i.ID, Via: device.ViaReport}); err != nil {
			failed.Add("not", id)
			if fault.As(err) == nil {
				d.note(r, fmt.Errorf("isolate %s for %s: %w", id, i.ID, err))
			}
		}
	}
	if len(failed) == 0 {
		return ""
	}
	return "?" + failed.Encode()
}

// pcLine is one of the reporter's PCs on the receipt.
type pcLine struct {
	devices.Shown
	May bool // it can be cut off from here
}

// pcs puts the reporter's PCs on the receipt of an infection.
func (d rooms) pcs(r *page.Request, c *incident.Case, p *receiptPage) {
	if c.Kind != incident.Virus || c.Outside != nil || r.By.Person != c.Reporter || c.OnBehalf != "" && c.OnBehalf != c.Reporter {
		return
	}
	var failed []string
	for _, v := range d.own(r) {
		x := pcLine{Shown: devices.Show(r, v)}
		x.May = !x.Cut && c.Status.Open()
		p.PCs = append(p.PCs, x)
		p.EventsURL += "&subject=" + v.ID
		if x.May && slices.Contains(r.URL.Query()["not"], v.ID) {
			failed = append(failed, x.Name)
		}
	}
	if len(failed) > 0 {
		p.Flash = append(p.Flash, page.Flash{Kind: "now", Text: r.P.T("devices.receipt_failed", "names", strings.Join(failed, " / "))})
	}
}

// isolate cuts a PC off from the receipt: one that was not ticked, or could not be ordered.
func (d rooms) isolate(w http.ResponseWriter, r *page.Request) error {
	if d.PCs == nil {
		return fault.Missing("device")
	}
	c, err := d.Cases.Case(r.Context(), r.By, r.PathValue("label"))
	if err != nil {
		return err
	}
	if _, err := d.PCs.Isolate(r.Context(), r.By, r.PathValue("device"), device.Ask{Incident: c.ID, Via: device.ViaReport}); err != nil {
		return err
	}
	return r.Kit.See(w, r, "/receipt/"+c.Label, "devices.flash_isolate")
}
