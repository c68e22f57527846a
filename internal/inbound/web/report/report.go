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
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// Cases takes reports and what is added to them.
type Cases interface {
	Report(ctx context.Context, by access.Actor, r incident.Report) (*incident.Incident, error)
	Case(ctx context.Context, by access.Actor, incident string) (*incident.Case, error)
	AddFact(ctx context.Context, by access.Actor, incident string, a incident.Addition) (incident.Entry, error)
	TellNow(ctx context.Context, by access.Actor, incident, reason string) (int, error)
	Say(ctx context.Context, by access.Actor, incident, text string) (incident.Entry, error)
	MarkRead(ctx context.Context, by access.Actor, c *incident.Case) error
	Teaches(ctx context.Context, by access.Actor, kind incident.Kind) (bool, error)
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
	PCs      PCs     // nil: none are enrolled
	Things   Things  // nil: there is no ledger
	Outside  Outside // nil: whoever reports signs in first
}

// Outside is the report of who is not signed in.
type Outside interface {
	Tiles(w http.ResponseWriter, r *page.Request) error
	Form(w http.ResponseWriter, r *page.Request) error
	Send(w http.ResponseWriter, r *page.Request) error
}

//go:embed templates/*.html
var files embed.FS

// Templates are the room's pages.
func Templates() fs.FS { return page.Folder(files) }

// Routes lists the room's pages.
func Routes(d Deps) []page.Route {
	r := rooms(d)
	tiles, form, send := page.Handler(r.tiles), page.Handler(r.form), page.Handler(r.send)
	if d.Outside != nil {
		tiles, form, send = either(tiles, d.Outside.Tiles), either(form, d.Outside.Form), either(send, d.Outside.Send)
	}
	return []page.Route{
		{Pattern: "GET /report", Do: tiles, Public: d.Outside != nil},
		{Pattern: "GET /report/offline", Do: r.offline, Public: true},
		{Pattern: "GET /report/{kind}", Do: form, Public: d.Outside != nil},
		{Pattern: "POST /report/{kind}", Do: send, Public: d.Outside != nil},
		{Pattern: "GET /receipt/{label}", Do: r.receipt},
		{Pattern: "POST /receipt/{label}/add", Do: r.add},
		{Pattern: "POST /receipt/{label}/answer", Do: r.answer},
		{Pattern: "POST /receipt/{label}/say", Do: r.say},
		{Pattern: "POST /receipt/{label}/hurry", Do: r.hurry},
		{Pattern: "POST /receipt/{label}/correct", Do: r.correct},
		{Pattern: "GET /receipt/{label}/correct/{what}", Do: r.correctForm},
		{Pattern: "POST /receipt/{label}/correct/{what}", Do: r.correctOne},
		{Pattern: "POST /receipt/{label}/pcs/{device}/isolate", Do: r.isolate},
		{Pattern: "POST /receipt/{label}/files", Do: r.upload, Stream: true, MaxBody: uploadLimit(d.Files.Limits())},
		{Pattern: "GET /evidence/{id}", Do: r.download},
		{Pattern: "GET /tallies", Do: r.tallies},
		{Pattern: "GET /tallies.csv", Do: r.talliesTable},
	}
}

type rooms Deps

// either is the page of who is signed in, or of who is not.
func either(known, stranger page.Handler) page.Handler {
	return func(w http.ResponseWriter, r *page.Request) error {
		switch {
		case r.By.Person != "":
			return known(w, r)
		case r.Text("me") != "": // written by somebody whose sign-in has ended since
			return fault.New(fault.Unauthenticated, "fault.unauthenticated", nil)
		}
		return stranger(w, r)
	}
}

// uploadLimit is room for a handful of the largest files in one press.
func uploadLimit(l incident.Limits) int64 { return min(5*l.File, l.Case) + 1<<20 }
