// Package outside is the way in for those who have no account, or cannot sign in just now:
// the report without a session, and the page that a receipt code opens.
//
// Whoever comes here is a stranger: they are told no name of our people, and what they send
// is bounded by work that their browser does (see gate).
package outside

import (
	"context"
	"embed"
	"io/fs"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

// Cases takes reports of strangers, and opens them by their code.
type Cases interface {
	ReportOutside(ctx context.Context, door access.Actor, r incident.OutsideReport) (*incident.Incident, incident.Code, error)
	OpenCode(ctx context.Context, code, from string) (secret string, err error)
	Visitor(ctx context.Context, secret string) (access.Actor, error)
	Leave(ctx context.Context, secret string) error
	Case(ctx context.Context, by access.Actor, incident string) (*incident.Case, error)
	AddFact(ctx context.Context, by access.Actor, incident string, a incident.Addition) (incident.Entry, error)
	Say(ctx context.Context, by access.Actor, incident, text string) (incident.Entry, error)
	MarkRead(ctx context.Context, by access.Actor, c *incident.Case) error
	AddEvidence(ctx context.Context, by access.Actor, incident string, u incident.Upload) (incident.Evidence, error)
}

// Room is the pages with what they remember of who came. Make it with New.
type Room struct {
	cases          Cases
	reports, codes *gate
}

// New makes the room. seal proves an id under what it is of, by a key that all servers share.
func New(c Cases, seal func(what, id string) string) *Room {
	return &Room{cases: c, reports: newGate([]byte(seal("work", "report"))), codes: newGate([]byte(seal("work", "code")))}
}

//go:embed templates/*.html
var files embed.FS

// Templates are the room's pages.
func Templates() fs.FS { return page.Folder(files) }

// uploadLimit is room for all the files of a case in one press.
const uploadLimit = incident.MaxOutsideFiles*incident.MaxOutsideFile + 1<<20

// Routes lists the pages of a receipt code. Those of the report itself share their
// addresses with the pages of who is signed in: see Tiles, Form and Send.
func (d *Room) Routes() []page.Route {
	return []page.Route{
		{Pattern: "GET /r", Do: d.receipt, Public: true},
		{Pattern: "POST /r", Do: d.open, Public: true},
		{Pattern: "POST /r/kept", Do: d.kept, Public: true},
		{Pattern: "POST /r/leave", Do: d.leave, Public: true},
		{Pattern: "POST /r/add", Do: d.add, Public: true},
		{Pattern: "POST /r/answer", Do: d.answer, Public: true},
		{Pattern: "POST /r/say", Do: d.say, Public: true},
		{Pattern: "POST /r/files", Do: d.upload, Public: true, Stream: true, MaxBody: uploadLimit},
	}
}
