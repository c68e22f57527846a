// Package settings is the pages of what the company decides for itself: the
// first-response list of each kind, who is told until someone answers, and who decides
// applications.
//
// Everybody who may read the directory may read them; the services refuse changes.
package settings

import (
	"embed"
	"io/fs"
	"net/http"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/poster"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// Deps are the services that the pages ask.
type Deps struct {
	Cases   *incident.Service
	Notices *notice.Service
	People  *directory.Service
	Chains  Chains // nil: nothing is applied for
	Poster  bool   // posters can be printed
}

// Routes lists the room's pages.
func Routes(d Deps) []page.Route {
	out := []page.Route{
		{Pattern: "GET /settings", Do: d.index},
		{Pattern: "GET /settings/steps", Do: d.steps},
		{Pattern: "GET /settings/steps/{kind}", Do: d.kind},
		{Pattern: "POST /settings/steps/{kind}", Do: d.saveKind},
		{Pattern: "GET /settings/policy", Do: d.policy},
		{Pattern: "GET /settings/policy/{urgency}/{receiver}", Do: d.chain},
		{Pattern: "POST /settings/policy/{urgency}/{receiver}", Do: d.saveChain},
		{Pattern: "GET /settings/policy/terms", Do: d.terms},
		{Pattern: "POST /settings/policy/terms", Do: d.saveTerms},
		{Pattern: "GET /settings/days-off", Do: d.days},
		{Pattern: "POST /settings/days-off", Do: d.saveDay},
		{Pattern: "GET /settings/links", Do: d.proof},
		{Pattern: "POST /settings/links", Do: d.saveProof},
	}
	out = append(out, d.rosterRoutes()...)
	if d.Chains != nil {
		out = append(out, page.Route{Pattern: "GET /settings/approvals", Do: d.approvals},
			page.Route{Pattern: "GET /settings/approvals/{kind}", Do: d.approval},
			page.Route{Pattern: "POST /settings/approvals/{kind}", Do: d.saveApproval})
	}
	return out
}

type indexPage struct {
	page.Base
	Approvals bool // something can be applied for
	Poster    bool // the paper that says how to report can be printed
}

func (d Deps) index(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.ReadDirectory); err != nil {
		return err
	}
	return r.Kit.Render(w, r, http.StatusOK, "settings", indexPage{r.Kit.Base(r, "settings.title", "/settings"), d.Chains != nil, d.Poster && poster.May(r.By) == nil})
}

// changed says who made a version and when; the first one came with the program.
func changed(r *page.Request, org *directory.Org, by string, v int, at time.Time) string {
	if by == "" || by == access.System().Person {
		return r.P.T("settings.built_in", "n", v)
	}
	return r.P.T("settings.changed", "n", v, "name", org.NameOf(by), "at", r.P.DateTime(at))
}
