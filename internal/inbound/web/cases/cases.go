// Package cases is the pages of those who work on reports, and of those who read
// them: the list with its export, one case, and the verbs on both.
//
// What a page shows follows from the sight that the case gives the actor; nothing
// here decides a permission.
package cases

import (
	"context"
	"embed"
	"io/fs"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/inbound/web/page"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// PCs are the verbs of enrolled PCs that a case offers.
type PCs interface {
	OfPerson(ctx context.Context, by access.Actor, person string) ([]device.View, error)
	OfCase(ctx context.Context, by access.Actor, incident string) ([]device.View, error)
	Isolate(ctx context.Context, by access.Actor, device string, a device.Ask) (device.Order, error)
	Release(ctx context.Context, by access.Actor, device, reason string) (device.Order, error)
}

// Passes finds the carry pass whose loss a case is about; nil where nothing is taken out.
type Passes interface {
	OfCase(ctx context.Context, by access.Actor, incident string) (*takeout.Pass, bool, error)
}

// Deps are the services that the pages ask.
type Deps struct {
	Cases   *incident.Service
	Notices *notice.Service
	People  *directory.Service
	PCs     PCs // nil: none are enrolled
	Passes  Passes
}

// Routes lists the room's pages and verbs.
func Routes(d Deps) []page.Route {
	return append(d.lessonRoutes(), []page.Route{
		{Pattern: "GET /cases", Do: d.list},
		{Pattern: "GET /cases.csv", Do: d.export},
		{Pattern: "GET /cases/{label}", Do: d.show},
		{Pattern: "POST /cases/{label}/steps", Do: d.verb("steps", setStep)},
		{Pattern: "POST /cases/{label}/notes", Do: d.verb("notes", addNote)},
		{Pattern: "POST /cases/{label}/kind", Do: d.verb("kind", chooseKind)},
		{Pattern: "POST /cases/{label}/facts", Do: d.verb("facts", addFact)},
		{Pattern: "POST /cases/{label}/times", Do: d.verb("times", correctTime)},
		{Pattern: "POST /cases/{label}/status", Do: d.verb("status", setStatus)},
		{Pattern: "POST /cases/{label}/assign", Do: d.verb("assign", assign)},
		{Pattern: "POST /cases/{label}/close", Do: d.verb("close", askClose)},
		{Pattern: "POST /cases/{label}/close/confirm", Do: d.verb("confirm", confirmClose)},
		{Pattern: "POST /cases/{label}/say", Do: d.verb("say", say)},
		{Pattern: "POST /cases/{label}/related", Do: d.verb("relate", relate)},
		{Pattern: "POST /cases/{label}/related/end", Do: d.verb("unrelate", unrelate)},
		{Pattern: "POST /cases/{label}/merge", Do: d.verb("merge", merge)},
		{Pattern: "POST /cases/{label}/unmerge", Do: d.verb("unmerge", unmerge)},
		{Pattern: "POST /cases/{label}/reopen", Do: d.verb("reopen", reopen)},
		{Pattern: "POST /cases/{label}/close/refuse", Do: d.verb("refuse", refuseClose)},
		{Pattern: "POST /cases/{label}/evidence", Do: d.upload, Stream: true, MaxBody: d.Cases.Limits().File + uploadRoom},
		{Pattern: "POST /cases/{label}/pcs/{device}/isolate", Do: d.pcVerb("isolate", isolatePC)},
		{Pattern: "POST /cases/{label}/pcs/{device}/release", Do: d.pcVerb("release", releasePC)},
		{Pattern: "POST /tracks/{track}/ack", Do: d.trackVerb("ack", acknowledge)},
		{Pattern: "POST /tracks/{track}/escalate", Do: d.trackVerb("escalate", escalate)},
		{Pattern: "POST /tracks/{track}/pass", Do: d.trackVerb("pass", passOn)},
		{Pattern: "POST /tracks/{track}/end", Do: d.trackVerb("end", endTrack)},
	}...)
}
