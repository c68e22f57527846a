package web

import (
	"context"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/inbound/web/answer"
	"sekimori/internal/inbound/web/cases"
	"sekimori/internal/inbound/web/devices"
	"sekimori/internal/inbound/web/morning"
	"sekimori/internal/inbound/web/outbox"
	"sekimori/internal/inbound/web/people"
	"sekimori/internal/inbound/web/record"
	"sekimori/internal/inbound/web/report"
	"sekimori/internal/inbound/web/settings"
	"sekimori/internal/inbound/web/signin"
)

// OutboxReader shows the demo's mails.
type OutboxReader = outbox.Reader

// Devices are the verbs of enrolled PCs that the rooms call.
type Devices interface {
	devices.PCs
	OfPerson(ctx context.Context, by access.Actor, person string) ([]device.View, error)
	OfCase(ctx context.Context, by access.Actor, incident string) ([]device.View, error)
}

// rooms lists every room of the web with what it needs: the whole site on one page.
func rooms(p Parts) []room {
	stream := events{live: p.Live, cases: p.Incidents, pcs: p.Devices, beat: 25 * time.Second, quiet: time.Second, life: 15 * time.Minute}
	out := []room{
		home(),
		{routes: stream.routes()},
		{signin.Routes(signin.Deps{Door: p.Access, Keys: p.Access, Demo: p.Demo}), signin.Templates()},
		{report.Routes(report.Deps{Cases: p.Incidents, Files: p.Incidents, Counts: p.Incidents, Lookouts: p.Notices, PCs: p.Devices}), report.Templates()},
		{answer.Routes(answer.Deps{Links: p.Links, Notices: p.Notices, Cases: p.Incidents}), answer.Templates()},
		{morning.Routes(morning.Deps{Cases: p.Incidents, Tracks: p.Tracks, People: p.People, Audit: p.Audit, PCs: p.Devices}), morning.Templates()},
		{cases.Routes(cases.Deps{Cases: p.Incidents, Notices: p.Notices, People: p.People, PCs: p.Devices}), cases.Templates()},
		{people.Routes(people.Deps{People: p.People, Access: p.Access}), people.Templates()},
		{settings.Routes(settings.Deps{Cases: p.Incidents, Notices: p.Notices, People: p.People}), settings.Templates()},
		{record.Routes(record.Deps{Audit: p.Audit, People: p.People, Cases: p.Incidents}), record.Templates()},
	}
	if p.Devices != nil {
		out = append(out, room{devices.Routes(devices.Deps{PCs: p.Devices, People: p.People, Cases: p.Incidents, Server: p.AgentURL}), devices.Templates()})
	}
	if p.Outbox != nil {
		out = append(out, room{outbox.Routes(outbox.Deps{Reader: p.Outbox}), outbox.Templates()})
	}
	return out
}
