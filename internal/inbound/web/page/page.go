// Package page is what every room of the web has in common: the kit that knows the
// language, the clock and the templates, the request with its actor, and the way from
// an error to a page that a person can read.
//
// A room gives Routes and Templates; package web puts them together. Nothing here
// decides a permission: handlers call one domain verb and show what came of it.
package page

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/i18n"
)

// Handler answers one request. What it returns as an error becomes a page: a fault in
// the person's language, anything else a number that the log explains.
type Handler func(w http.ResponseWriter, r *Request) error

// Route is one line of the list of all pages.
type Route struct {
	Pattern string // as http.ServeMux takes it: "GET /cases/{id}"
	Do      Handler
	Public  bool  // no sign-in needed; By is filled when there is one
	MaxBody int64 // bytes; 0 means DefaultBody
	Stream  bool  // the handler reads the body itself (uploads)
	// Nameless: whoever asks stays unknown. The sign-in is not looked at, no cookie is set,
	// and nothing of the request is logged or measured.
	Nameless bool
}

// DefaultBody bounds the body of a plain form.
const DefaultBody = 64 << 10

// Parts are what a Kit is made of.
type Parts struct {
	Catalogue *i18n.Catalogue
	Zone      *time.Location // the company's
	Now       func() time.Time
	Log       *slog.Logger
	BaseURL   string // without a slash at the end
	Version   string
	Demo      bool
	Lends     bool // there are requests and a ledger
	TakesOut  bool // there are carry passes
	Secure    bool // cookies travel over TLS only
	Layout    fs.FS
	Rooms     []fs.FS // each with its page files at the root
	Asset     func(name string) string
	// Actor knows who a session cookie belongs to.
	Actor func(ctx context.Context, secret string) (access.Actor, error)
	// Mark gives a person's mark, which tells nobody who they are; see Base.Me.
	Mark func(person string) string
	// Org gives the directory, for the person's language and department.
	Org func(ctx context.Context) (*directory.Org, error)
}

// Kit is the shared part of all pages. Make it with New.
type Kit struct {
	Parts
	pages map[i18n.Lang]map[string]*template.Template
	gzips sync.Pool
}

// New reads and checks every template in every language, so that a broken page stops
// the start and not a reader.
func New(p Parts) (*Kit, error) {
	if p.Catalogue == nil || p.Now == nil || p.Log == nil || p.Asset == nil || p.Layout == nil {
		return nil, errors.New("make pages: a part is missing")
	}
	if p.Zone == nil {
		p.Zone = p.Catalogue.Printer(i18n.JA).Location()
	}
	k := &Kit{Parts: p, pages: map[i18n.Lang]map[string]*template.Template{}}
	for _, l := range i18n.Langs() {
		set, err := k.parse(p.Catalogue.PrinterIn(l, p.Zone))
		if err != nil {
			return nil, fmt.Errorf("read templates: %w", err)
		}
		k.pages[l] = set
	}
	return k, nil
}

// Printer writes in a language with times in the company's zone.
func (k *Kit) Printer(l i18n.Lang) i18n.Printer { return k.Catalogue.PrinterIn(l, k.Zone) }
