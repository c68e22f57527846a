// Package web is the way in for browsers: it gathers the pages of its rooms into one
// handler behind the security headers, the check of where a form came from, and the
// static files.
//
// It must not serve the API: bearer tokens and cookies never meet on one mux.
package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/domain/request"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/signin"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/paper"
)

// DemoInfo is the ready sign-ins of the demo, shown on the sign-in page.
type DemoInfo = signin.Demo

// Parts are what the web is made of.
type Parts struct {
	Access         *access.Service
	People         *directory.Service
	Contacts       *directory.Contacts          // nil: nobody is told otherwise than by mail
	Offers         func(directory.Channel) bool // which channels may be added; with Contacts
	PushKey        string                       // the public key for push messages, base64url; with Contacts
	Notices        *notice.Service
	Tracks         notice.Store
	Links          notice.Links
	Incidents      *incident.Service
	Audit          *audit.Service
	Devices        Devices          // nil: no PC is enrolled, and no page speaks of them
	Requests       *request.Service // applications; nil with Assets
	Assets         *asset.Service   // nil: there is no ledger, and no page speaks of one
	Stocks         *asset.StockService
	TakeOuts       *takeout.Service // nil: nothing is taken out, and no page speaks of it
	Font           *paper.Font      // of labels and results
	Company        string           // stands on labels
	AgentURL       string           // as PCs reach us; "" for BaseURL
	Catalogue      *i18n.Catalogue
	Zone           *time.Location
	Now            func() time.Time
	Log            *slog.Logger
	Live           Live
	Outbox         OutboxReader // nil unless demo
	Demo           *DemoInfo    // nil unless demo
	BaseURL        string       // as browsers reach us, without a slash at the end
	Secure         bool         // cookies over TLS only, and HSTS
	TrustedProxies []netip.Prefix
	Version        string
	Metrics        func(route string, status int, took time.Duration) // may be nil
}

// New makes the handler. Every page and template is checked here, so that a mistake
// stops the start.
func New(p Parts) (http.Handler, error) {
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, fmt.Errorf("open static files: %w", err)
	}
	as, err := loadAssets(static)
	if err != nil {
		return nil, err
	}
	layout, err := fs.Sub(files, "templates")
	if err != nil {
		return nil, fmt.Errorf("open templates: %w", err)
	}
	rs := rooms(p)
	kit, err := page.New(page.Parts{
		Catalogue: p.Catalogue, Zone: p.Zone, Now: p.Now, Log: p.Log, BaseURL: p.BaseURL, Version: p.Version,
		Demo: p.Demo != nil, Lends: p.Assets != nil, TakesOut: p.TakeOuts != nil, Secure: p.Secure, Layout: layout, Rooms: templates(rs), Asset: as.URL,
		Actor: p.Access.BySecret, Org: p.People.Org, Mark: p.Links.Mark,
	})
	if err != nil {
		return nil, err
	}
	mux, err := route(kit, as, rs)
	if err != nil {
		return nil, err
	}
	guarded, err := sameOrigin(kit, p.BaseURL, mux)
	if err != nil {
		return nil, err
	}
	return Behind(p.TrustedProxies, secure(p.Secure, measure(p.Metrics, nameless(rs), guarded))), nil
}

// room is one package of pages.
type room struct {
	routes    []page.Route
	templates fs.FS // nil when it has no page of its own
}

func templates(rs []room) []fs.FS {
	var out []fs.FS
	for _, r := range rs {
		if r.templates != nil {
			out = append(out, r.templates)
		}
	}
	return out
}

// route puts every page on one mux. ServeMux answers a clash by panicking; here that
// is an error of the start like any other.
func route(kit *page.Kit, as assets, rs []room) (h http.Handler, err error) {
	mux := http.NewServeMux()
	at := ""
	defer func() {
		if clash := recover(); clash != nil {
			err = fmt.Errorf("add route %q: %v", at, clash)
		}
	}()
	for _, r := range rs {
		for _, one := range r.routes {
			at = one.Pattern
			mux.Handle(one.Pattern, kit.Handle(one))
		}
	}
	mux.Handle("GET /static/", as)
	code, err := worker(as)
	if err != nil {
		return nil, err
	}
	mux.Handle("GET /sw.js", serveWorker(code))
	mux.Handle("GET /manifest.webmanifest", serveManifest(as, kit.Catalogue))
	mux.Handle("GET /favicon.ico", http.RedirectHandler(as.URL("favicon.svg"), http.StatusFound))
	return orRefuse(kit, mux), nil
}

// orRefuse turns the mux's own bare answers into pages.
func orRefuse(kit *page.Kit, mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		bare := &onlyStatus{header: http.Header{}}
		h.ServeHTTP(bare, r)
		if bare.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", bare.header.Get("Allow"))
			kit.Refuse(w, r, fault.New(fault.Denied, "fault.method_not_allowed", nil))
			return
		}
		kit.Refuse(w, r, fault.Missing("page"))
	})
}

// onlyStatus asks a handler what it would answer.
type onlyStatus struct {
	header http.Header
	status int
}

func (o *onlyStatus) Header() http.Header         { return o.header }
func (o *onlyStatus) Write(b []byte) (int, error) { return len(b), nil }
func (o *onlyStatus) WriteHeader(status int)      { o.status = status }

// sameOrigin refuses forms that another site sent (http.CrossOriginProtection).
func sameOrigin(kit *page.Kit, base string, next http.Handler) (http.Handler, error) {
	guard := http.NewCrossOriginProtection()
	if u, err := url.Parse(base); base != "" && (err != nil || u.Scheme == "" || u.Host == "") {
		return nil, fmt.Errorf("base address %q: want https://host", base)
	} else if base != "" {
		if err := guard.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, fmt.Errorf("base address %q: %w", base, err)
		}
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kit.Refuse(w, r, fault.New(fault.Denied, "fault.cross_origin", nil))
	}))
	return guard.Handler(next), nil
}

// measure reports each answer by its route, never by its address, which may name a person.
// Those of unmeasured are left out.
func measure(report func(string, int, time.Duration), unmeasured map[string]bool, next http.Handler) http.Handler {
	if report == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r)
		name := r.Pattern
		if name == "" {
			name = "none"
		}
		if unmeasured[name] {
			return
		}
		report(name, rec.status, time.Since(start))
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// home sends everyone to the page of their duty.
func home() room {
	return room{routes: []page.Route{
		{Pattern: "GET /{$}", Do: func(w http.ResponseWriter, r *page.Request) error {
			return r.Kit.See(w, r, page.Home(r.By), "")
		}},
		{Pattern: "GET /notices", Public: true, Do: func(w http.ResponseWriter, r *page.Request) error {
			text, err := files.ReadFile("static/NOTICES.txt")
			if err != nil {
				return fmt.Errorf("read notices: %w", err)
			}
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, err = w.Write(text)
			return ignoreGone(r.Context(), err)
		}},
	}}
}

// nameless lists the routes whose askers are to stay unknown.
func nameless(rs []room) map[string]bool {
	out := map[string]bool{}
	for _, r := range rs {
		for _, one := range r.routes {
			if one.Nameless {
				out[one.Pattern] = true
			}
		}
	}
	return out
}

// ignoreGone drops the error of a reader who has gone away.
func ignoreGone(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, http.ErrHandlerTimeout) {
		return nil
	}
	return err
}
