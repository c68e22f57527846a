// Package report is the way from "something happened" to a number: ten tiles, one
// line, the receipt that shows who answers, and everything that can be added later.
//
// A report needs at most three presses and one typed line. Every question that can
// wait stands on the receipt, after the report is on disk.
package report

import (
	"context"
	"embed"
	"io"
	"io/fs"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
)

// Cases takes reports and what is added to them.
type Cases interface {
	Report(ctx context.Context, by access.Actor, r incident.Report) (*incident.Incident, error)
	Case(ctx context.Context, by access.Actor, incident string) (*incident.Case, error)
	AddFact(ctx context.Context, by access.Actor, incident string, a incident.Addition) (incident.Entry, error)
}

// Files keeps and gives evidence.
type Files interface {
	AddEvidence(ctx context.Context, by access.Actor, incident string, u incident.Upload) (incident.Evidence, error)
	OpenEvidence(ctx context.Context, by access.Actor, evidence string) (incident.Evidence, io.ReadCloser, error)
	Limits() incident.Limits
}

// Counts gives the numbers that everyone may see.
type Counts interface {
	Tallies(ctx context.Context, by access.Actor) ([]incident.Tally, error)
}

// Lookouts gives what a chain needs to say who would be told next.
type Lookouts interface {
	Lookout(ctx context.Context, version int) (notice.Lookout, error)
}

// PCs are the reporter's own, which a report can have cut off at once.
type PCs interface {
	OfPerson(ctx context.Context, by access.Actor, person string) ([]device.View, error)
	Isolate(ctx context.Context, by access.Actor, device string, a device.Ask) (device.Order, error)
}

// Things are the ledger's, which a loss may be about.
type Things interface {
	Get(ctx context.Context, by access.Actor, asset string) (asset.View, error)
	ReportLost(ctx context.Context, by access.Actor, asset, incident string) error
}

// Deps are what the room needs.
type Deps struct {
	Cases    Cases
	Files    Files
	Counts   Counts
	Lookouts Lookouts
	PCs      PCs    // nil: none are enrolled
	Things   Things // nil: there is no ledger
}

//go:embed templates/*.html
var files embed.FS

// Templates are the room's pages.
func Templates() fs.FS { return page.Folder(files) }

// Routes lists the room's pages.
func Routes(d Deps) []page.Route {
	r := rooms(d)
	return []page.Route{
		{Pattern: "GET /report", Do: r.tiles},
		{Pattern: "GET /report/{kind}", Do: r.form},
		{Pattern: "POST /report/{kind}", Do: r.send},
		{Pattern: "GET /receipt/{label}", Do: r.receipt},
		{Pattern: "POST /receipt/{label}/add", Do: r.add},
		{Pattern: "POST /receipt/{label}/answer", Do: r.answer},
		{Pattern: "POST /receipt/{label}/correct", Do: r.correct},
		{Pattern: "GET /receipt/{label}/correct/{what}", Do: r.correctForm},
		{Pattern: "POST /receipt/{label}/correct/{what}", Do: r.correctOne},
		{Pattern: "POST /receipt/{label}/pcs/{device}/isolate", Do: r.isolate},
		{Pattern: "POST /receipt/{label}/files", Do: r.upload, Stream: true, MaxBody: uploadLimit(d.Files.Limits())},
		{Pattern: "GET /evidence/{id}", Do: r.download},
		{Pattern: "GET /tallies", Do: r.tallies},
	}
}

type rooms Deps

// uploadLimit is room for a handful of the largest files in one press.
func uploadLimit(l incident.Limits) int64 { return min(5*l.File, l.Case) + 1<<20 }
