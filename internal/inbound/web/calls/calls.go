// Package calls is the call sheet: one page for whoever takes a report over the telephone.
// Its clock starts when it is opened, its questions stand in the order in which one talks,
// and the caller has the same receipt in the end as if they had reported themself.
package calls

import (
	"context"
	"embed"
	"io/fs"
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

// Cases takes what was told.
type Cases interface {
	Report(ctx context.Context, by access.Actor, r incident.Report) (*incident.Incident, error)
	ReportOutside(ctx context.Context, door access.Actor, r incident.OutsideReport) (*incident.Incident, incident.Code, error)
	Case(ctx context.Context, by access.Actor, incident string) (*incident.Case, error)
}

// Deps are what the room needs.
type Deps struct {
	Cases Cases
	Seal  func(what, id string) string // proves what this server has handed out
}

//go:embed templates/*.html
var files embed.FS

// Templates are the room's pages.
func Templates() fs.FS { return page.Folder(files) }

// Routes lists the room's pages.
func Routes(d Deps) []page.Route {
	r := rooms(d)
	return []page.Route{
		{Pattern: "GET /calls", Do: r.begin},
		{Pattern: "GET /calls/new", Do: r.form},
		{Pattern: "POST /calls", Do: r.send},
		{Pattern: "GET /calls/sheet", Do: r.sheet},
		{Pattern: "GET /calls/{label}", Do: r.done},
		{Pattern: "POST /calls/{label}/kept", Do: r.kept},
	}
}

type rooms Deps

// begin opens a sheet: the clock starts now. The address it leads to keeps the start, so
// that a reload does not begin again.
func (d rooms) begin(w http.ResponseWriter, r *page.Request) error {
	return r.Kit.See(w, r, "/calls/new?b="+d.start(r.By.Person, r.Kit.Now()), "")
}
