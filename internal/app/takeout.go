package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/inbound/web/takeouts"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/jpcal"
)

// takeOuts makes the service of take-outs over the ledger and the cases.
func (h *house) takeOuts(s *services, cal *jpcal.Calendar) (*takeout.Service, error) {
	law, err := takeout.Grounds()
	if err != nil {
		return nil, err
	}
	return takeout.NewService(takeout.Parts{Store: h.db, People: s.people, Now: s.now, Zone: h.zone, Calendar: cal, Law: law,
		Things: func(ctx context.Context, by access.Actor, number string) (takeout.Thing, bool, error) {
			a, ok, err := s.assets.Carryable(ctx, by, number)
			if err != nil || !ok {
				return takeout.Thing{}, false, err
			}
			return takeout.Thing{Asset: a.ID, Number: a.Number, Kind: string(a.Kind), Model: a.Model, Gone: a.State == asset.Lost || a.State == asset.Disposed}, true, nil
		},
		Report: losses{incidents: s.incidents, catalogue: h.catalogue, zone: h.zone, now: s.now}.report,
		Lose: func(ctx context.Context, tx takeout.Tx, by access.Actor, thing, incident string) error {
			// The store's transaction is that of every domain: case, pass and ledger are one
			// commit.
			t, ok := tx.(asset.Tx)
			if !ok {
				return fmt.Errorf("the store's transaction %T knows no ledger", tx)
			}
			return s.assets.LoseCarried(ctx, t, by, thing, incident)
		}}), nil
}

// losses files the cases of what was lost on the way.
type losses struct {
	incidents *incident.Service
	catalogue *i18n.Catalogue
	zone      *time.Location
	now       func() time.Time
}

// report files the case in the company's language, with the whole list of what was carried.
func (l losses) report(ctx context.Context, by access.Actor, x takeout.Loss, also func(tx takeout.Tx, incident, label string) error) error {
	say := l.catalogue.PrinterIn(i18n.JA, l.zone)
	carried := x.Pass.Carried()
	items := make([]string, len(carried))
	for n, i := range carried {
		items[n] = takeouts.Item(say, i)
	}
	r := incident.Report{Kind: incident.Lost, Channel: "pass", Key: x.Key, KeyAlone: true, Discovered: incident.Moment{At: l.now(), Known: true}, OnBehalf: x.OnBehalf, Words: clip(lossWords(say, x, items), incident.MaxText),
		Summary: clip(say.T("takeout.case", "label", x.Pass.Label, "n", say.Count(len(carried)), "items", strings.Join(items, "、")), incident.MaxSummary)}
	_, err := l.incidents.ReportWith(ctx, by, r, func(tx incident.Tx, i *incident.Incident) error {
		t, ok := tx.(takeout.Tx)
		if !ok {
			return fmt.Errorf("the store's transaction %T knows no passes", tx)
		}
		return also(t, i.ID, i.Label)
	})
	return err
}

// lossWords is everything that the receivers of a loss must have before they call back:
// what it would mean, whose data it is, and each thing that was carried. A list that is
// longer than a case takes ends with where the rest is.
func lossWords(say i18n.Printer, x takeout.Loss, items []string) string {
	f := x.Pass.Form
	out := []string{say.T("takeout.case_lead", "label", x.Pass.Label), takeouts.Loss(say, x.Judged)}
	fact := func(id, text string) { out = append(out, say.T("takeout.case_fact", "name", say.T(id), "text", text)) }
	fact("takeout.field.kinds", takeouts.Words(say, "takeout.kind.", f.Kinds))
	if x.Judged.Personal() {
		fact("takeout.field.people", say.T("takeout.people."+string(x.Judged.Certainty), "n", say.Count(x.Judged.People)))
		fact("takeout.field.owners", takeouts.Words(say, "takeout.owner.", f.Owners))
	}
	fact("takeout.field.to", f.To)
	fact("takeout.field.way", say.T("takeout.way."+string(f.Way)))
	if n := len(x.Pass.Legs); n > 0 {
		leg := x.Pass.Legs[n-1]
		fact("takeout.field.leg", say.T("takeout.leg_line", "left", say.DateTime(leg.Left), "expected", say.DateTime(leg.Expected), "goal", takeouts.Goal(say, leg)))
	}
	out = append(out, "", say.T("takeout.case_list"))
	for _, i := range items {
		out = append(out, "・"+i)
	}
	return strings.Join(out, "\n")
}
