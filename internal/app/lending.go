package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/kit/wire"
	"sekimori/internal/outbound/store"
)

// lend makes the services of applications, of the ledger and of counting.
func (h *house) lend(s *services, cal *jpcal.Calendar) error {
	s.assets = asset.NewService(asset.Parts{Store: h.db, Blobs: h.blobs, People: s.people, Devices: pcs{h.db}, Now: s.now, Zone: h.zone, Calendar: cal,
		Reissue: func(ctx context.Context, tx asset.Tx, id string) error {
			// The store's transaction is that of every domain: the loan and what the PC is
			// told of it are one commit.
			t, ok := tx.(device.Tx)
			if !ok {
				return fmt.Errorf("the store's transaction %T knows no devices", tx)
			}
			return s.devices.Reissue(ctx, t, id)
		},
		Sign:  func(t wire.MediumToken) (string, error) { return wire.SignMedium(t, h.keys.devices.Signers()[0]) },
		Draft: drafts{incidents: s.incidents, catalogue: h.catalogue, zone: h.zone, now: s.now}.file,
	})
	var err error
	if s.takeouts, err = h.takeOuts(s, cal); err != nil {
		return err
	}
	s.requests, err = request.NewService(request.Parts{Store: h.db, People: s.people, Now: s.now, Zone: h.zone, Calendar: cal,
		Kinds: []request.Kind{s.assets.LoanKind(), s.assets.ExtensionKind(), s.takeouts.Kind()}, Retention: h.retention()})
	if err != nil {
		return err
	}
	s.stocks = asset.NewStockService(asset.StockParts{Store: h.db, People: s.people, Now: s.now, Zone: h.zone, Calendar: cal, Company: h.cfg.Company,
		Words: h.catalogue.PrinterIn(i18n.JA, h.zone), Signer: h.keys.signer, Origins: []string{h.cfg.BaseURL}})
	return nil
}

// pcs tells whose PC is whose.
type pcs struct{ db *store.DB }

// Owner gives whose a PC is and what it is called. One that was refused is nobody's.
func (p pcs) Owner(ctx context.Context, id string) (person, name string, ok bool, err error) {
	r, err := p.db.Device(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return "", "", false, nil
	}
	if err != nil {
		return "", "", false, err
	}
	return r.Person, r.Name, r.RefusedAt.IsZero(), nil
}

// OfPerson lists a person's PCs.
func (p pcs) OfPerson(ctx context.Context, person string) ([]asset.DeviceRef, error) {
	found, err := p.db.FindDevices(ctx, device.Query{Person: person, Limit: 200})
	if err != nil {
		return nil, err
	}
	var out []asset.DeviceRef
	for _, d := range found {
		if d.RefusedAt.IsZero() {
			out = append(out, asset.DeviceRef{ID: d.ID, Name: d.Name})
		}
	}
	return out, nil
}

// drafts files cases about PCs at which media were refused again and again.
type drafts struct {
	incidents *incident.Service
	catalogue *i18n.Catalogue
	zone      *time.Location
	now       func() time.Time
}

// maxNamed is how many refused media a case names.
const maxNamed = 10

// file files a case as the program itself, for IT administrators to look at: it says what
// the PC told, and accuses nobody.
func (d drafts) file(ctx context.Context, x asset.Draft) error {
	say := d.catalogue.PrinterIn(i18n.JA, d.zone)
	var lines []string
	for i, a := range x.Attempts {
		if i == maxNamed {
			lines = append(lines, say.T("lending.draft_more", "n", fmt.Sprint(len(x.Attempts)-maxNamed)))
			break
		}
		lines = append(lines, say.T("lending.draft_line", "at", say.DateTime(a.At), "what", strings.TrimSpace(a.Name+" "+a.Vendor+":"+a.Product+" "+a.Serial), "user", a.User))
	}
	r := incident.Report{Kind: incident.OddBehaviour, Summary: clip(say.T("lending.draft", "name", x.Name, "n", fmt.Sprint(len(x.Attempts))), incident.MaxSummary),
		Channel: "agent", Key: x.Key, KeyAlone: true, OnBehalf: x.Person, Words: clip(say.T("lending.draft_words")+"\n\n"+strings.Join(lines, "\n"), incident.MaxText)}
	if at := x.Attempts[0].At; !at.After(d.now()) {
		r.Discovered = incident.Moment{At: at, Known: true}
	}
	_, err := d.incidents.Report(ctx, access.System(), r)
	return err
}

// lendingWork starts what applications, loans and counts do without a request.
func (h *house) lendingWork(ctx context.Context, c *crew, sender mailer) {
	c.start(func() { h.rounds(ctx, "requests", h.untilNext(h.requests.NextDue), h.requests.FireDue) })
	c.start(func() { h.rounds(ctx, "loans", h.untilNext(h.assets.NextDue), h.assets.FireDue) })
	c.start(func() { h.rounds(ctx, "take-outs", h.untilNext(h.takeouts.NextDue), h.takeouts.FireDue) })
	c.start(func() { h.rounds(ctx, "counts", h.untilNext(h.stocks.NextStock), h.stocks.FireStocks) })
	post := notice.NewCourier(h.db, sender, h.now, mailWorkers)
	c.start(func() { h.rounds(ctx, "letters", h.untilNext(post.NextDue), post.SendDue) })
	c.start(func() {
		h.every(ctx, 24*time.Hour, "erase expired requests and letters", func(ctx context.Context) error { return h.eraseRequests(ctx, post) })
	})
}

// retention is how long what has ended is kept: five years unless the company says otherwise.
func (h *house) retention() time.Duration {
	if h.cfg.Limits.RetentionDays == 0 {
		return 5 * 365 * 24 * time.Hour
	}
	return time.Duration(h.cfg.Limits.RetentionDays) * 24 * time.Hour
}

// eraseRequests erases what ended longer ago than the retention.
func (h *house) eraseRequests(ctx context.Context, post *notice.Courier) error {
	requests := 0
	for more := true; more && ctx.Err() == nil; {
		n, err := h.requests.EraseExpired(ctx, access.System())
		if err != nil {
			return err
		}
		requests, more = requests+n, n > 0
	}
	letters, err := post.Erase(ctx, access.System(), h.now().Add(-h.retention()))
	if requests+letters > 0 {
		h.log.InfoContext(ctx, "expired requests and letters erased", "requests", requests, "letters", letters)
	}
	return err
}

// untilNext is the time to the next timer, at most a few seconds: another server may have
// set an earlier one, and the machine may have slept.
func (h *house) untilNext(next func(context.Context) (time.Time, bool, error)) func(context.Context) time.Duration {
	return func(ctx context.Context) time.Duration {
		const longest, shortest = 2 * time.Second, 50 * time.Millisecond
		due, any, err := next(ctx)
		if err != nil || !any {
			return longest
		}
		return min(max(due.Sub(h.now()), shortest), longest)
	}
}
