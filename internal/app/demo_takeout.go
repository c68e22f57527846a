package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/request"
	"sekimori/internal/domain/takeout"
)

// takingOut plans what the company took out in its last weeks: one that is closed, one that
// waits to be confirmed, and one that is on the way.
func (p *past) takingOut(end time.Time) {
	const day = 24 * time.Hour
	ago := func(d time.Duration) time.Time { return end.Add(-d) }

	closed := p.carry(ago(12*day), "1109", takeout.Form{Items: []takeout.Item{{Kind: takeout.Paper, Name: "見積書一式", Count: 3}}, Purpose: "客先での説明", To: "架空工業 本社",
		Kinds: []string{"name", "phone"}, Owners: []string{"partners"}, People: 12, From: ago(11 * day), Until: ago(10 * day)}, "1101", "1402")
	p.leave(ago(11*day-time.Hour), closed, takeout.ToThere)
	p.press(ago(11*day-110*time.Minute), closed, p.takeouts.Arrive)
	p.press(ago(11*day-4*time.Hour), closed, p.takeouts.Back)
	p.account(ago(11*day-5*time.Hour), closed, "1101", takeout.Said{Outcome: takeout.Given, Note: "架空工業 購買部"})

	back := p.carry(ago(3*day), "1303", takeout.Form{Items: []takeout.Item{{Kind: takeout.Paper, Name: "健康診断の結果票", Count: 41}, {Kind: takeout.Paper, Name: "封筒の宛名リスト", Count: 1}}, Purpose: "産業医との面談", To: "架空クリニック",
		Kinds: []string{"name", takeout.Sensitive}, Owners: []string{"employees"}, People: 41, From: ago(2 * day), Until: end.Add(day)}, "1301", "1402")
	p.leave(ago(5*time.Hour), back, takeout.ToThere)
	p.press(ago(4*time.Hour), back, p.takeouts.Arrive)
	p.press(ago(2*time.Hour), back, p.takeouts.Back)

	way := p.carry(ago(day), "1602", takeout.Form{Items: []takeout.Item{{Kind: takeout.Paper, Name: "来場者の記帳用紙", Count: 2}, {Kind: takeout.OfLedger, Number: "USB-0008"}}, Purpose: "お客様説明会", To: "架空ホール",
		Kinds: []string{"name", "address", "mail"}, Owners: []string{"customers"}, People: 1200, From: ago(6 * time.Hour), Until: end.Add(2 * day)}, "1601", "1402")
	p.leave(ago(20*time.Minute), way, takeout.ToThere)
}

// carried is one take-out of the story, from the application on.
type carried struct {
	by      string // employee number of the carrier
	request *request.Request
	pass    *takeout.Pass
}

// carry plans an application, its approvals and the pass.
func (p *past) carry(at time.Time, by string, f takeout.Form, approvers ...string) *carried {
	f.Way, f.Certainty = takeout.OnFoot, takeout.Known
	c := &carried{by: by}
	p.then(at, func(ctx context.Context) error {
		raw, err := json.Marshal(f)
		if err != nil {
			return err
		}
		c.request, err = p.requests.Submit(ctx, p.as(by), request.New{Kind: takeout.KindTakeOut, Form: raw})
		return err
	})
	for n, who := range approvers {
		p.then(at.Add(time.Duration(n+1)*time.Hour), func(ctx context.Context) error {
			if c.request == nil {
				return fmt.Errorf("the take-out to %s was never asked for", f.To)
			}
			seen, err := p.requests.Get(ctx, p.as(who), c.request.ID)
			if err != nil {
				return fmt.Errorf("%s reads %s: %w", who, c.request.Label, err)
			}
			_, err = p.requests.Decide(ctx, p.as(who), request.Decision{Request: c.request.ID, Verdict: request.Approve, Digest: seen.Digest, Path: "web"})
			return err
		})
	}
	p.then(at.Add(3*time.Hour), func(ctx context.Context) (err error) {
		c.pass, err = p.takeouts.Make(ctx, p.as(by), c.request.ID)
		return err
	})
	return c
}

func (p *past) leave(at time.Time, c *carried, to takeout.Place) {
	p.then(at, func(ctx context.Context) error {
		_, err := p.takeouts.Leave(ctx, p.as(c.by), takeout.Departure{Press: takeout.Press{Pass: c.pass.ID}, To: to, Expected: p.at.Add(2 * time.Hour), Rules: true})
		return err
	})
}

// press plans one press of the carrier.
func (p *past) press(at time.Time, c *carried, do func(context.Context, access.Actor, takeout.Press) (*takeout.Pass, error)) {
	p.then(at, func(ctx context.Context) error {
		_, err := do(ctx, p.as(c.by), takeout.Press{Pass: c.pass.ID})
		return err
	})
}

// account plans what somebody else confirms.
func (p *past) account(at time.Time, c *carried, who string, said ...takeout.Said) {
	p.then(at, func(ctx context.Context) error {
		_, err := p.takeouts.Confirm(ctx, p.as(who), c.pass.ID, said)
		return err
	})
}
