// Package people is the pages of the directory: who works here, who stands in for
// whom, who holds which duty, and the files by which a company brings its people in.
package people

import (
	"context"
	"embed"
	"io/fs"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/page"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// Deps are the services that the pages ask.
type Deps struct {
	People *directory.Service
	Access *access.Service
	Loans  Loans // nil: nothing is lent

	Contacts Contacts // nil: nobody is told otherwise than by mail
}

// Contacts takes contacts away.
type Contacts interface {
	Remove(ctx context.Context, by access.Actor, contact string) error
}

// Loans lists what people have.
type Loans interface {
	Loans(ctx context.Context, by access.Actor, q asset.LoanQuery) (asset.LoanPage, error)
}

// What one press may send, in bytes.
const (
	maxFile   = 2 << 20 // of an import
	maxInvite = 1 << 20 // the ids of a whole company
)

// Routes lists the room's pages and verbs.
func Routes(d Deps) []page.Route {
	return append(d.imports().Routes(), []page.Route{
		{Pattern: "GET /people", Do: d.list},
		{Pattern: "GET /people/{id}", Do: d.show},
		{Pattern: "POST /people/{id}/absences", Do: d.verb("absence", addAbsence)},
		{Pattern: "POST /people/{id}/absences/{item}/end", Do: d.verb("absence", endAbsence)},
		{Pattern: "POST /people/{id}/deputies", Do: d.verb("deputy", addDeputy)},
		{Pattern: "POST /people/{id}/deputies/{item}/end", Do: d.verb("deputy", endDeputy)},
		{Pattern: "POST /people/{id}/contacts/{item}/remove", Do: d.verb("contact", removeContact)},
		{Pattern: "POST /people/{id}/login", Do: d.verb("login", setLogin)},
		{Pattern: "POST /people/{id}/sessions/{item}/end", Do: d.verb("session", endSession)},
		{Pattern: "POST /people/{id}/tokens/{item}/end", Do: d.verb("token", endToken)},
		{Pattern: "POST /people/{id}/passkeys/{item}/end", Do: d.verb("passkey", endPasskey)},
		{Pattern: "POST /people/{id}/reset", Do: d.resetCode},
		{Pattern: "GET /people/duties", Do: d.duties},
		{Pattern: "POST /people/duties", Do: d.setDuty},
		{Pattern: "GET /people/invite", Do: d.inviteForm},
		{Pattern: "POST /people/invite", Do: d.invite, MaxBody: maxInvite},
		{Pattern: "GET /people/export.csv", Do: d.exportPeople},
		{Pattern: "GET /people/departments.csv", Do: d.exportDepartments},
	}...)
}
