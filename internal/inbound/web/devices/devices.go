// Package devices is the pages of the enrolled PCs: the live list, one PC with what was
// ordered and what came of it, and the ways to enrol, isolate, release and refuse one.
//
// How a PC stands is put into words here once (Show), and the case, the receipt and the
// morning page say it in the same ones.
package devices

import (
	"context"
	"embed"
	"io/fs"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// PCs are the verbs of devices that the pages call.
type PCs interface {
	List(ctx context.Context, by access.Actor, q device.Query) (device.Page, error)
	Get(ctx context.Context, by access.Actor, device string) (device.View, error)
	Isolate(ctx context.Context, by access.Actor, device string, a device.Ask) (device.Order, error)
	Release(ctx context.Context, by access.Actor, device, reason string) (device.Order, error)
	ReleaseCode(ctx context.Context, by access.Actor, device, challenge, reason string) (code string, err error)
	Refuse(ctx context.Context, by access.Actor, device, reason string) error
	UninstallTicket(ctx context.Context, by access.Actor, device, reason string) (ticket string, until time.Time, err error)
	CreateToken(ctx context.Context, by access.Actor, n device.NewToken) (secret string, t device.Token, err error)
	Tokens(ctx context.Context, by access.Actor) ([]device.Token, error)
	RevokeToken(ctx context.Context, by access.Actor, token string) error
}

// Cases gives the numbers of the cases that orders belong to.
type Cases interface {
	Case(ctx context.Context, by access.Actor, incident string) (*incident.Case, error)
}

// Deps are the services that the pages ask.
type Deps struct {
	PCs    PCs
	People *directory.Service
	Cases  Cases
	Server string // the address that a PC enrols at
	Media  Media  // nil: PCs guard nothing
}

// Media tells what happened with media at PCs.
type Media interface {
	Attempts(ctx context.Context, by access.Actor, q asset.AttemptQuery) (asset.AttemptPage, error)
}

// Routes lists the room's pages and verbs.
func Routes(d Deps) []page.Route {
	return []page.Route{
		{Pattern: "GET /devices", Do: d.list},
		{Pattern: "GET /devices.csv", Do: d.export},
		{Pattern: "GET /devices/enrol", Do: d.enrolForm},
		{Pattern: "POST /devices/enrol", Do: d.enrol},
		{Pattern: "POST /devices/enrol/{token}/revoke", Do: d.revoke},
		{Pattern: "GET /devices/{id}", Do: d.show},
		{Pattern: "POST /devices/{id}/isolate", Do: d.verb("isolate", isolate)},
		{Pattern: "POST /devices/{id}/release", Do: d.verb("release", release)},
		{Pattern: "POST /devices/{id}/refuse", Do: d.verb("refuse", refuse)},
		{Pattern: "POST /devices/{id}/ticket", Do: d.ticket},
		{Pattern: "GET /devices/{id}/code", Do: d.codeForm},
		{Pattern: "POST /devices/{id}/code", Do: d.code},
	}
}
