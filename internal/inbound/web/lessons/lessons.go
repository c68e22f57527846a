// Package lessons is the page of what past cases teach everybody: by kind, without a name,
// to be read, printed and hung up.
package lessons

import (
	"context"
	"embed"
	"io/fs"
	"net/http"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

//go:embed templates/*.html
var templates embed.FS

// Templates gives the room's page files.
func Templates() fs.FS { return page.Folder(templates) }

// Lessons gives what is published.
type Lessons interface {
	Lessons(ctx context.Context, by access.Actor, kind incident.Kind) ([]incident.Lesson, error)
}

// Deps are what the page asks.
type Deps struct{ Lessons Lessons }

// Routes lists the room's page.
func Routes(d Deps) []page.Route {
	return []page.Route{{Pattern: "GET /lessons", Do: d.show}}
}

// lessonsPage is all lessons, or those of one kind.
type lessonsPage struct {
	page.Base
	Kinds  []page.Option
	Groups []group
	One    bool // one kind alone
}

// group is the lessons of one kind.
type group struct {
	ID, Icon, Kind string
	Lessons        []lesson
}

type lesson struct{ ID, Title, Happened, Now, When string }

func (d Deps) show(w http.ResponseWriter, r *page.Request) error {
	kind := incident.Kind(r.URL.Query().Get("kind"))
	all, err := d.Lessons.Lessons(r.Context(), r.By, kind)
	if err != nil {
		return err
	}
	p := lessonsPage{Base: r.Kit.Base(r, "talk.lessons", "/tallies"), One: kind != ""}
	p.Scripts = []string{"print.js"}
	p.Kinds = append(p.Kinds, page.Option{Value: "", Label: r.P.T("word.all"), On: kind == ""})
	for _, k := range incident.Kinds() {
		p.Kinds = append(p.Kinds, page.Option{Value: string(k), Label: r.P.T("kind." + string(k)), On: k == kind})
		g := group{ID: "k-" + string(k), Icon: string(k), Kind: r.P.T("kind." + string(k))}
		for _, l := range all {
			if l.Kind == k {
				g.Lessons = append(g.Lessons, lesson{ID: l.ID, Title: l.Title, Happened: l.Happened, Now: l.Now, When: r.P.Date(l.DoneAt)})
			}
		}
		if len(g.Lessons) > 0 {
			p.Groups = append(p.Groups, g)
		}
	}
	return r.Kit.Render(w, r, http.StatusOK, "lessons", p)
}
