package app

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/outbound/mailout"
)

//go:embed demodata
var demodata embed.FS

// past is the demo's second set of services: its clock walks through the last weeks,
// and its timers run as they would have, so that the record is a real one.
type past struct {
	*house
	services
	at     time.Time
	mail   *notice.Dispatcher
	post   *notice.Courier
	org    *directory.Org
	byNo   map[string]string // employee number → person id
	deeds  []deed            // planned, earliest first
	errors []error
}

// seed makes the company and lives its last weeks.
func (h *house) seed(ctx context.Context) error {
	end := h.clock.Now()
	p := &past{house: h, at: end.AddDate(0, 0, -88), byNo: map[string]string{}}
	now := func() time.Time { return p.at }
	var err error
	if p.services, err = h.serve(ctx, now, access.Cost{Memory: 8 << 10, Time: 1}); err != nil {
		return err
	}
	sender := mailout.NewOutbox(h.composer(demoSender, now), outbox{h.db})
	p.mail, p.post = notice.NewDispatcher(h.db, sender, now, 4), notice.NewCourier(h.db, sender, now, 4)
	for _, f := range []string{"departments-first.csv", "people.csv", "departments.csv"} {
		if err := p.importFile(ctx, f); err != nil {
			return fmt.Errorf("import %s: %w", f, err)
		}
	}
	if err := p.settle(ctx, end); err != nil {
		return err
	}
	p.lending(end)
	p.story(ctx, end)
	return errors.Join(errors.Join(p.errors...), p.walk(ctx, end))
}

func (p *past) importFile(ctx context.Context, name string) error {
	b, err := demodata.ReadFile("demodata/" + name)
	if err != nil {
		return err
	}
	plan, err := p.people.PreviewImport(ctx, access.System(), bytes.NewReader(b))
	if err != nil {
		return err
	}
	if len(plan.Problems) > 0 {
		return fmt.Errorf("line %d: %s %s", plan.Problems[0].Line, plan.Problems[0].Column, plan.Problems[0].ID)
	}
	_, err = p.people.ApplyImport(ctx, access.System(), bytes.NewReader(b), plan.Version, plan.Hash)
	return err
}

// settle gives out accounts, duties, deputies and absences.
func (p *past) settle(ctx context.Context, end time.Time) error {
	org, err := p.people.Org(ctx)
	if err != nil {
		return err
	}
	p.org = org
	for id, who := range org.People {
		p.byNo[who.Number] = id
		if err := p.access.SetLogin(ctx, access.System(), id, "p"+who.Number, demoPassword); err != nil {
			return fmt.Errorf("account of %s: %w", who.Number, err)
		}
	}
	for _, d := range []struct {
		duty    access.Duty
		numbers []string
	}{
		{access.ProtectionManager, []string{"1402"}}, // first: there must always be one
		{access.ITAdmin, []string{"1502", "1503"}},
		{access.Auditor, []string{"1406"}},
		{access.Approver, []string{"1101", "1201", "1301"}},
	} {
		var ids []string
		for _, n := range d.numbers {
			ids = append(ids, p.byNo[n])
		}
		if err := p.people.SetDuties(ctx, access.System(), d.duty, ids); err != nil {
			return fmt.Errorf("duty %s: %w", d.duty, err)
		}
	}
	for person, deputy := range map[string]string{"1402": "1403", "1502": "1503", "1101": "1104", "1201": "1203", "1301": "1302", "1601": "1602"} {
		if _, err := p.people.SetDeputy(ctx, access.System(), directory.Deputy{Person: p.byNo[person], Deputy: p.byNo[deputy], Order: 1}); err != nil {
			return fmt.Errorf("deputy of %s: %w", person, err)
		}
	}
	day := 24 * time.Hour
	for _, a := range []directory.Absence{
		{Person: p.byNo["1301"], From: end.Add(-2 * day), Until: end.Add(3 * day), Note: "出張"},
		{Person: p.byNo["1203"], From: end.Add(-6 * time.Hour), Until: end.Add(30 * time.Hour), Note: "年次有給休暇"},
		{Person: p.byNo["1402"], From: end.Add(4 * day), Until: end.Add(9 * day), Note: "研修"},
	} {
		if _, err := p.people.SetAbsence(ctx, access.System(), a); err != nil {
			return fmt.Errorf("absence: %w", err)
		}
	}
	p.org, err = p.people.Org(ctx)
	return err
}

// walk lets time pass until t: timers fire and mails go out as they would have.
func (p *past) walk(ctx context.Context, t time.Time) error {
	for p.at.Before(t) {
		next := t
		for _, due := range []func(context.Context) (time.Time, bool, error){p.db.NextDue, p.requests.NextDue, p.assets.NextDue, p.stocks.NextStock} {
			if at, any, err := due(ctx); err != nil {
				return err
			} else if any && at.Before(next) {
				next = at
			}
		}
		if len(p.deeds) > 0 && len(p.errors) == 0 && p.deeds[0].at.Before(next) {
			next = p.deeds[0].at
		}
		if next.After(p.at) {
			p.at = next
		} else if next.Before(t) {
			p.at = p.at.Add(time.Second)
		}
		p.meanwhile(ctx)
		if err := p.round(ctx); err != nil {
			return err
		}
		if !next.Before(t) {
			break
		}
	}
	_, err := p.sealer.SealOnce(ctx, 10000)
	return err
}

func (p *past) round(ctx context.Context) error {
	for _, fire := range []func(context.Context) (int, error){p.notices.FireDue, p.requests.FireDue, p.assets.FireDue, p.takeouts.FireDue, p.stocks.FireStocks} {
		if _, err := fire(ctx); err != nil {
			return err
		}
	}
	for _, send := range []func(context.Context) (int, error){p.mail.SendDue, p.post.SendDue} {
		for {
			n, err := send(ctx)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
	}
	return nil
}

// as is the actor of a person by number, at the present moment of the story.
func (p *past) as(number string) access.Actor {
	id := p.byNo[number]
	who := p.org.People[id]
	return access.Actor{Person: id, Name: who.Name(), Department: who.Department, Duties: p.org.DutiesOf(id, p.at), Via: access.BySession}
}

// do keeps the first thing that goes wrong in the story.
func (p *past) do(err error) {
	if err != nil {
		p.errors = append(p.errors, fmt.Errorf("at %v: %w", p.at, err))
	}
}

// report lives up to the time before end, and reports.
func (p *past) report(ctx context.Context, end time.Time, before time.Duration, number string, r incident.Report) *incident.Incident {
	p.do(p.walk(ctx, end.Add(-before)))
	r.Channel, r.Demo = "web", true
	i, err := p.incidents.Report(ctx, p.as(number), r)
	p.do(err)
	if err != nil {
		return &incident.Incident{}
	}
	_, err = p.incidents.TellNow(ctx, p.as(number), i.ID, "") // the made-up past knows no working hours
	p.do(err)
	p.do(p.round(ctx))
	return i
}

// answer lets a person answer every open track of a case that they may answer.
func (p *past) answer(ctx context.Context, after time.Duration, i *incident.Incident, number, note string) {
	p.do(p.walk(ctx, p.at.Add(after)))
	tracks, told, _, err := p.db.TracksOf(ctx, i.ID)
	p.do(err)
	by := p.as(number)
	for _, t := range tracks {
		var mine []notice.Told
		for _, x := range told {
			if x.Track == t.ID {
				mine = append(mine, x)
			}
		}
		wasTold := false
		for _, x := range mine {
			wasTold = wasTold || x.Person == by.Person
		}
		if t.State == notice.Open && wasTold && t.MayAnswer(by, mine) {
			_, err := p.notices.Acknowledge(ctx, by, notice.Ack{Track: t.ID, Note: note, Path: "web"})
			p.do(err)
		}
	}
}
