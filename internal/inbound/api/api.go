// Package api is the REST door: /api/v1 for programs that hold a bearer token, and
// the OpenAPI 3.1 document that describes it at /api/openapi.json.
//
// It turns a request into one call of a domain method and the answer, or the fault,
// into JSON. It keeps no session and reads no cookie, so that no page of another site
// can act through a signed-in browser.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/kit/i18n"
)

// Root is the path below which everything of this package is served.
const Root = "/api/"

const (
	v1          = "/api/v1"
	specPath    = "/api/openapi.json"
	defaultBody = 1 << 20 // bytes of a JSON body
)

// Parts are what the door is made of. All are needed but Contacts, Devices, Requests, Assets, Stocks, TakeOuts,
// MaxBody and Look.
type Parts struct {
	Access    *access.Service
	People    *directory.Service
	Contacts  *directory.Contacts // nil: there are no operations on contacts
	Notices   *notice.Service
	Incidents *incident.Service
	Audit     *audit.Service
	Catalogue *i18n.Catalogue
	Zone      *time.Location // the company's
	Now       func() time.Time
	Log       *slog.Logger
	Replies   ReplyStore
	Devices   Devices  // nil: no PC is enrolled, and there are no operations on them
	Requests  Requests // nil, as each of the next three: there are no such operations
	Assets    Assets
	Stocks    Stocks
	TakeOuts  TakeOuts
	MaxBody   int64 // bytes of a JSON body; default 1 MiB
	// Look, if set, gives a request a context in which what seldom changes is looked at
	// once: the request is judged by one state of it.
	Look func(context.Context) context.Context
}

func (p Parts) missing() error {
	var errs []error
	for name, ok := range map[string]bool{
		"Access": p.Access != nil, "People": p.People != nil, "Notices": p.Notices != nil,
		"Incidents": p.Incidents != nil, "Audit": p.Audit != nil,
		"Catalogue": p.Catalogue != nil, "Zone": p.Zone != nil, "Now": p.Now != nil,
		"Log": p.Log != nil, "Replies": p.Replies != nil,
	} {
		if !ok {
			errs = append(errs, fmt.Errorf("api: part %s is missing", name))
		}
	}
	return errors.Join(errs...)
}

// server is the door. Nothing in it changes after New.
type server struct {
	Parts
	mux    *http.ServeMux
	huma   huma.API
	spec   []byte           // the OpenAPI document
	ownKey map[string]bool  // patterns whose domain method keeps the idempotency key itself
	stream map[string]int64 // patterns whose body is not read ahead, with its limit in bytes
	open   map[string]bool  // patterns that need no token
}

// New makes the handler for everything under Root.
func New(p Parts) (http.Handler, error) {
	if err := p.missing(); err != nil {
		return nil, err
	}
	if p.MaxBody <= 0 {
		p.MaxBody = defaultBody
	}
	s := &server{Parts: p, mux: http.NewServeMux(), ownKey: map[string]bool{}, stream: map[string]int64{}, open: map[string]bool{}}
	c := huma.DefaultConfig("Sekimori", "1")
	c.CreateHooks = nil // they would add $schema to every body and a Link header
	c.DocsPath, c.SchemasPath, c.OpenAPIPath = "", "", ""
	c.RejectUnknownQueryParameters = true
	c.Formats = map[string]huma.Format{
		"application/json": {Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal},
		"json":             {Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal},
	}
	c.Transformers = []huma.Transformer{s.translate}
	s.huma = humago.New(s.mux, c)
	s.describe()
	s.routes()
	var err error
	if s.spec, err = s.document(); err != nil {
		return nil, err
	}
	s.open["GET "+specPath] = true
	s.mux.HandleFunc("GET "+specPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		w.Write(s.spec) // the reader may be gone; nothing is lost
	})
	return s, nil
}

func (s *server) routes() {
	s.incidentRoutes()
	s.caseRoutes()
	s.caseWorkRoutes()
	s.evidenceRoutes()
	s.trackRoutes()
	s.peopleRoutes()
	s.accountRoutes()
	s.contactRoutes()
	s.settingRoutes()
	s.journalRoutes()
	s.deviceRoutes()
	s.requestRoutes()
	s.assetRoutes()
	s.loanRoutes()
	s.mediaRoutes()
	s.stockRoutes()
	s.takeOutRoutes()
}

// describe sets what the document says of the whole API.
func (s *server) describe() {
	o := s.huma.OpenAPI()
	o.Info.Description = "Reports of incidents, who was told and who answers, the directory, the tamper-evident record, enrolled PCs with their isolation, applications and their approval, the ledger of things, loans, stock-takes and take-outs. " +
		"Every request carries a bearer token; errors are application/problem+json in the language of Accept-Language (ja, en); " +
		"times are RFC 3339; every POST takes an Idempotency-Key."
	o.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "An API token, made on the account page or with `sekimori token create`."},
	}
	o.Security = []map[string][]string{{"token": {}}}
}

// document writes the OpenAPI document once, at the start.
func (s *server) document() ([]byte, error) {
	o := s.huma.OpenAPI()
	// The library's own error form is replaced by Problem everywhere.
	delete(o.Components.Schemas.Map(), "ErrorModel")
	delete(o.Components.Schemas.Map(), "ErrorDetail")
	b, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("write OpenAPI document: %w", err)
	}
	return b, nil
}
