// Package takeouts is the pages of what leaves the building: the form of the application,
// the carry pass with its presses for a phone, leaving with the rules of the way, what
// another person confirms, and the company's list.
//
// Nothing here needs a script, and each press says which step it saw, so that a press that
// comes twice is made once.
package takeouts

import (
	"context"
	"crypto/subtle"
	"embed"
	"io/fs"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/request"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/inbound/web/page"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// Passes are the verbs of take-outs that the pages call.
type Passes interface {
	Make(ctx context.Context, by access.Actor, req string) (*takeout.Pass, error)
	Leave(ctx context.Context, by access.Actor, d takeout.Departure) (*takeout.Pass, error)
	Arrive(ctx context.Context, by access.Actor, in takeout.Press) (*takeout.Pass, error)
	Delay(ctx context.Context, by access.Actor, in takeout.Press) (*takeout.Pass, error)
	Back(ctx context.Context, by access.Actor, in takeout.Press) (*takeout.Pass, error)
	Cancel(ctx context.Context, by access.Actor, in takeout.Press, reason string) (*takeout.Pass, error)
	Lose(ctx context.Context, by access.Actor, pass string) (*takeout.Pass, error)
	Confirm(ctx context.Context, by access.Actor, pass string, said []takeout.Said) (*takeout.Pass, error)
	Asked(ctx context.Context, pass string) (access.Actor, *takeout.Pass, error)
	Get(ctx context.Context, by access.Actor, pass string) (takeout.View, error)
	List(ctx context.Context, by access.Actor, q takeout.Query) (takeout.Page, error)
	ManifestOf(ctx context.Context, r *request.Request) (takeout.Manifest, error)
}

// Seals proves the links of letters.
type Seals interface {
	Seal(what, id string) string
}

// Requests shows an application to whoever may see it.
type Requests interface {
	Get(ctx context.Context, by access.Actor, request string) (request.View, error)
}

// Deps are the services that the pages ask.
type Deps struct {
	Passes   Passes
	Requests Requests
	Seals    Seals
	Judge    func(f takeout.Form) takeout.Judgement // what a loss would mean now
}

// Routes lists the room's pages and verbs.
func Routes(d Deps) []page.Route {
	return []page.Route{
		{Pattern: "GET /take-outs", Do: d.list},
		{Pattern: "GET /take-outs.csv", Do: d.export},
		{Pattern: "POST /take-outs/new", Do: d.make},
		{Pattern: "GET /take-outs/{label}", Do: d.show},
		{Pattern: "GET /take-outs/{label}/leave", Do: d.leaveForm},
		{Pattern: "POST /take-outs/{label}/leave", Do: d.leave},
		{Pattern: "POST /take-outs/{label}/arrive", Do: d.press(arrive)},
		{Pattern: "POST /take-outs/{label}/delay", Do: d.press(delay)},
		{Pattern: "POST /take-outs/{label}/back", Do: d.press(back)},
		{Pattern: "POST /take-outs/{label}/cancel", Do: d.press(cancel)},
		{Pattern: "POST /take-outs/{label}/lost", Do: d.lost},
		{Pattern: "GET /take-outs/{label}/confirm", Do: d.confirmForm},
		{Pattern: "POST /take-outs/{label}/confirm", Do: d.confirm},
		{Pattern: "GET /take-outs/{label}/late/{token}", Do: d.asked, Public: true},
		{Pattern: "POST /take-outs/{label}/late/{token}", Do: d.say, Public: true},
		{Pattern: "GET /requests/{label}/manifest", Do: d.manifest},
	}
}

// sealed reports whether a token is the one of the link in the carrier's letter.
func (d Deps) sealed(p *takeout.Pass, token string) bool {
	return subtle.ConstantTimeCompare([]byte(d.Seals.Seal(access.MailedLink, p.ID)), []byte(token)) == 1
}
