// Package record is the pages of those who read and prove the record: the entries,
// the signed checkpoint, the whole as a file, and how the system itself is.
package record

import (
	"context"
	"embed"
	"io/fs"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// Deps are the services that the pages ask.
type Deps struct {
	Audit  *audit.Service
	People *directory.Service
	Cases  Cases
}

// Cases gives the numbers of the cases that entries speak of.
type Cases interface {
	Find(ctx context.Context, by access.Actor, q incident.Query) (incident.Page, error)
}

// Routes lists the room's pages.
func Routes(d Deps) []page.Route {
	return []page.Route{
		{Pattern: "GET /record", Do: d.list},
		{Pattern: "POST /record/verify", Do: d.verify},
		{Pattern: "GET /record/checkpoint.txt", Do: d.checkpoint},
		{Pattern: "GET /record/export.ndjson", Do: d.export},
		{Pattern: "GET /health", Do: d.health},
	}
}
