// Package requests is the pages of applications: what I asked for and what waits for my
// decision, one application with its steps and words, the form of each kind, and the page
// behind the link in a mail.
//
// It knows no kind by itself: how a kind is typed and told is its Form.
package requests

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
	"sekimori/internal/inbound/web/page"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// Engine is the verbs of applications that the pages call.
type Engine interface {
	Submit(ctx context.Context, by access.Actor, n request.New) (*request.Request, error)
	Mend(ctx context.Context, by access.Actor, request string, form json.RawMessage, revision int) (*request.Request, error)
	Withdraw(ctx context.Context, by access.Actor, request, reason string) error
	Decide(ctx context.Context, by access.Actor, d request.Decision) (*request.Request, error)
	Ask(ctx context.Context, by access.Actor, request, text string) error
	Reply(ctx context.Context, by access.Actor, request, text string) error
	Get(ctx context.Context, by access.Actor, request string) (request.View, error)
	List(ctx context.Context, by access.Actor, q request.Query) (request.Page, error)
	Waiting(ctx context.Context, by access.Actor) (int, error)
	Follow(ctx context.Context, letter string) (access.Actor, *request.Request, error)
}

// Links reads the token in a mail's link.
type Links interface {
	Read(token string) (letter string, err error)
}

// Form is how one kind of application is typed and told.
type Form interface {
	Kind() string
	// Fields draws the form. before is the form as it was sent; nil for a new one. What
	// was just typed wins over it. The text of bad stands at each field.
	Fields(r *page.Request, before json.RawMessage, bad page.Refused) ([]page.Field, error)
	// Read makes the form's JSON of what was typed. A fault says what must be mended.
	Read(r *page.Request) (json.RawMessage, error)
	// Names lists the fields from top to bottom, for the summary of what must be mended.
	Names() []string
	// Facts tells what is asked for to whoever decides.
	Facts(r *page.Request, v *request.Request) ([]Fact, error)
	// Now says what the reader can do with an approval; nil for nothing.
	Now(r *page.Request, v request.View) []Step
}

// Fact is one line of what is asked for.
type Fact struct {
	Label, Text string
	Href        string
	Weighty     bool // who decides should not miss it
}

// Step is one thing to do next: a page to go to, or a press that is sent to Post.
type Step struct{ Text, Href, Press, Post string }

// Deps are the services that the pages ask.
type Deps struct {
	Engine Engine
	Links  Links
	People *directory.Service
	Forms  []Form // in the order of the choice
}

// Routes lists the room's pages and verbs.
func Routes(d Deps) []page.Route {
	return []page.Route{
		{Pattern: "GET /requests", Do: d.list},
		{Pattern: "GET /requests/new", Do: d.form},
		{Pattern: "POST /requests/new", Do: d.submit},
		{Pattern: "GET /requests/{label}", Do: d.show},
		{Pattern: "GET /requests/{label}/mend", Do: d.mendForm},
		{Pattern: "POST /requests/{label}/mend", Do: d.mend},
		{Pattern: "POST /requests/{label}/decide", Do: d.verb("decide", d.decide)},
		{Pattern: "POST /requests/{label}/ask", Do: d.verb("ask", d.ask)},
		{Pattern: "POST /requests/{label}/reply", Do: d.verb("reply", d.reply)},
		{Pattern: "POST /requests/{label}/withdraw", Do: d.verb("withdraw", d.withdraw)},
		{Pattern: "GET /q/{token}", Do: d.look, Public: true},
		{Pattern: "POST /q/{token}", Do: d.press, Public: true},
	}
}

// formOf is the form of a kind; nil when no page knows it.
func (d Deps) formOf(kind string) Form {
	for _, f := range d.Forms {
		if f.Kind() == kind {
			return f
		}
	}
	return nil
}
