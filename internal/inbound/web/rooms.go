package web

import (
	"context"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/inbound/web/answer"
	"sekimori/internal/inbound/web/calls"
	"sekimori/internal/inbound/web/cases"
	"sekimori/internal/inbound/web/contacts"
	"sekimori/internal/inbound/web/devices"
	"sekimori/internal/inbound/web/drills"
	"sekimori/internal/inbound/web/ledger"
	"sekimori/internal/inbound/web/lessons"
	"sekimori/internal/inbound/web/morning"
	"sekimori/internal/inbound/web/near"
	"sekimori/internal/inbound/web/outbox"
	"sekimori/internal/inbound/web/outside"
	"sekimori/internal/inbound/web/people"
	"sekimori/internal/inbound/web/poster"
	"sekimori/internal/inbound/web/record"
	"sekimori/internal/inbound/web/report"
	"sekimori/internal/inbound/web/requests"
	"sekimori/internal/inbound/web/settings"
	"sekimori/internal/inbound/web/signin"
	"sekimori/internal/inbound/web/stocks"
	"sekimori/internal/inbound/web/takeouts"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/qr"
)

// OutboxReader shows the demo's mails.
type OutboxReader = outbox.Reader

// Devices are the verbs of enrolled PCs that the rooms call.
type Devices interface {
	devices.PCs
	OfPerson(ctx context.Context, by access.Actor, person string) ([]device.View, error)
	OfCase(ctx context.Context, by access.Actor, incident string) ([]device.View, error)
}

// ledger is what a loss is reported to; nil when there is none.
func (p Parts) ledger() report.Things {
	if p.Assets == nil {
		return nil
	}
	return p.Assets
}

// loans is where a person's page finds what they have; nil when nothing is lent.
func (p Parts) loans() people.Loans {
	if p.Assets == nil {
		return nil
	}
	return p.Assets
}

// contacts takes people's contacts away; nil when nobody is told otherwise than by mail.
func (p Parts) contacts() people.Contacts {
	if p.Contacts == nil {
		return nil
	}
	return p.Contacts
}

// media is where a PC's page finds what happened with media; nil when nothing is lent.
func (p Parts) media() devices.Media {
	if p.Assets == nil {
		return nil
	}
	return p.Assets
}

// chains is the written rules of applications; nil when there are none.
func (p Parts) chains() settings.Chains {
	if p.Requests == nil {
		return nil
	}
	return p.Requests
}

// takeOuts is what the pages of take-outs ask.
func (p Parts) takeOuts() takeouts.Deps {
	return takeouts.Deps{Passes: p.TakeOuts, Requests: p.Requests, Seals: p.Links,
		Judge: func(f takeout.Form) takeout.Judgement { return p.TakeOuts.Judge(f, p.Now()) }}
}

// passes is where a case finds the carry pass whose loss it is about; nil when nothing is
// taken out.
func (p Parts) passes() cases.Passes {
	if p.TakeOuts == nil {
		return nil
	}
	return p.TakeOuts
}

// morning is what the morning page asks.
func (p Parts) morning() morning.Deps {
	d := morning.Deps{Cases: p.Incidents, Tracks: p.Tracks, People: p.People, Audit: p.Audit, PCs: p.Devices}
	if p.Assets != nil {
		d.Requests, d.Loans = p.Requests, p.Assets
	}
	if p.TakeOuts != nil {
		d.Passes = p.TakeOuts
	}
	return d
}

// letterLinks reads the links of letters.
type letterLinks struct{ notice.Links }

// Read gives the letter that a token names.
func (l letterLinks) Read(token string) (string, error) { return l.ReadLetter(token) }

// contactRoom is where people say where they are told.
func contactRoom(p Parts) room {
	if p.Contacts == nil {
		return room{}
	}
	return room{contacts.Routes(contacts.Deps{Contacts: p.Contacts, Offers: p.Offers, PushKey: p.PushKey}), contacts.Templates()}
}

// rooms lists every room of the web with what it needs: the whole site on one page.
func rooms(p Parts) []room {
	stream := events{live: p.Live, cases: p.Incidents, pcs: p.Devices, things: p.things(), beat: 25 * time.Second, quiet: time.Second, life: 15 * time.Minute}
	strangers := outside.New(p.Incidents, p.Links.Seal)
	out := []room{
		home(),
		{routes: stream.routes()},
		{signin.Routes(signin.Deps{Door: p.Access, Keys: p.Access, Demo: p.Demo}), signin.Templates()},
		{report.Routes(report.Deps{Cases: p.Incidents, Files: p.Incidents, Counts: p.Incidents, Lookouts: p.Notices, PCs: p.Devices, Things: p.ledger(), Outside: strangers}), report.Templates()},
		{strangers.Routes(), outside.Templates()},
		{near.Routes(near.Deps{Box: p.Incidents, Gate: strangers}), near.Templates()},
		{calls.Routes(calls.Deps{Cases: p.Incidents, Seal: p.Links.Seal}), calls.Templates()},
		contactRoom(p),
		{answer.Routes(answer.Deps{Links: p.Links, Notices: p.Notices, Cases: p.Incidents, Prover: p.Access}), answer.Templates()},
		{morning.Routes(p.morning()), morning.Templates()},
		{cases.Routes(cases.Deps{Cases: p.Incidents, Notices: p.Notices, People: p.People, PCs: p.Devices, Passes: p.passes()}), cases.Templates()},
		{lessons.Routes(lessons.Deps{Lessons: p.Incidents}), lessons.Templates()},
		{drills.Routes(drills.Deps{Cases: p.Incidents}), drills.Templates()},
		{people.Routes(people.Deps{People: p.People, Access: p.Access, Loans: p.loans(), Contacts: p.contacts()}), people.Templates()},
		{settings.Routes(settings.Deps{Cases: p.Incidents, Notices: p.Notices, People: p.People, Chains: p.chains(), Poster: p.Font != nil}), settings.Templates()},
		{record.Routes(record.Deps{Audit: p.Audit, People: p.People, Cases: p.Incidents}), record.Templates()},
	}
	if p.Font != nil {
		out = append(out, room{poster.Routes(poster.Deps{Font: p.Font, Company: p.Company}), poster.Templates()})
	}
	if p.Devices != nil {
		out = append(out, room{devices.Routes(devices.Deps{PCs: p.Devices, People: p.People, Cases: p.Incidents, Server: p.AgentURL, Media: p.media()}), devices.Templates()})
	}
	if p.Assets != nil {
		words := p.Catalogue.PrinterIn(i18n.JA, p.Zone) // paper is in the company's language
		things := ledger.Deps{Ledger: p.Assets, People: p.People, Company: p.Company, Font: p.Font, Words: words}
		if p.Devices != nil {
			things.PCs = p.Devices
		}
		forms := ledger.Forms(things)
		if p.TakeOuts != nil {
			forms = append(forms, takeouts.Form(p.takeOuts()))
			out = append(out, room{takeouts.Routes(p.takeOuts()), takeouts.Templates()})
		}
		out = append(out,
			room{requests.Routes(requests.Deps{Engine: p.Requests, Links: letterLinks{p.Links}, Forms: forms}), requests.Templates()},
			room{ledger.Routes(things), ledger.Templates()},
			room{stocks.Routes(stocks.Deps{Counts: p.Stocks, Pictures: qr.NewReader(2), Font: p.Font, Words: words}), stocks.Templates()})
	}
	if p.Outbox != nil {
		out = append(out, room{outbox.Routes(outbox.Deps{Reader: p.Outbox}), outbox.Templates()})
	}
	return out
}
