package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/fault"
)

// none is the input or output of an operation without one.
type none struct{}

// op describes an operation; path is below /api/v1.
func op(method, path, id, tag, summary string) huma.Operation {
	return huma.Operation{Method: method, Path: v1 + path, OperationID: id, Tags: []string{tag}, Summary: summary}
}

// add registers an operation: h gets the actor, and its error becomes a Problem.
func add[I, O any](s *server, o huma.Operation, h func(ctx context.Context, by access.Actor, in *I) (*O, error)) {
	o.BodyReadTimeout = -1 // the door has read the body already
	o.MaxBodyBytes = -1
	s.declare(&o)
	places := placesOf(reflect.TypeFor[I]())
	huma.Register(s.huma, o, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, callOf(ctx).by, in)
		if err != nil {
			return nil, s.problem(ctx, places, err)
		}
		return out, nil
	})
}

// plain registers a handler that reads or writes a stream, and its description.
func (s *server) plain(o huma.Operation, h func(w http.ResponseWriter, r *http.Request, by access.Actor) error) {
	s.declare(&o)
	places := map[string]string{}
	for _, p := range o.Parameters {
		places[p.Name] = p.In + "." + p.Name
	}
	s.huma.OpenAPI().AddOperation(&o)
	known := map[string]bool{}
	for _, p := range o.Parameters {
		known[p.Name] = p.In == "query"
	}
	s.mux.HandleFunc(o.Method+" "+o.Path, func(w http.ResponseWriter, r *http.Request) {
		var c fault.Check
		for name := range r.URL.Query() {
			c.That(known[name], name, "fault.unknown_field", nil)
		}
		err := located(c.Err(), "query")
		if err == nil {
			err = h(w, r, callOf(r.Context()).by)
		}
		if err != nil {
			s.write(w, r, s.problem(r.Context(), places, err))
		}
	})
}

// declare adds what every operation has in common to its description.
func (s *server) declare(o *huma.Operation) {
	schema := s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	if o.Responses == nil {
		o.Responses = map[string]*huma.Response{}
	}
	o.Responses["default"] = &huma.Response{Description: "A problem (RFC 9457)",
		Content: map[string]*huma.MediaType{problemType: {Schema: schema}}}
	if o.Method == http.MethodPost {
		o.Parameters = append(o.Parameters, &huma.Param{Name: KeyHeader, In: "header",
			Description: "Names this attempt: sent again with the same body, the first reply is given again and nothing is done twice. Printable ASCII without spaces.",
			Schema:      &huma.Schema{Type: "string", MaxLength: ptr(maxKey)}})
	}
}

func ptr[T any](v T) *T { return &v }

// placesOf finds the inputs of an operation that stand outside the body.
func placesOf(t reflect.Type) map[string]string {
	out := map[string]string{}
	for _, f := range reflect.VisibleFields(t) {
		for _, in := range []string{"path", "query", "header"} {
			if tag, ok := f.Tag.Lookup(in); ok {
				name, _, _ := strings.Cut(tag, ",")
				out[name] = in + "." + name
			}
		}
	}
	return out
}

// moment reads a time that a person gave: RFC 3339, "unknown", or nothing, which means
// unknown too.
func moment(c *fault.Check, name, text string) incident.Moment {
	if text == "" || text == incident.Unknown {
		return incident.Moment{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1970 || at.Year() > 9999 {
		c.Add(name, "api.bad_time", nil)
		return incident.Moment{}
	}
	return incident.Moment{At: at.UTC().Truncate(time.Microsecond), Known: true}
}

// instant reads a point in time of a filter; a bare date is its first moment in the
// company's zone.
func (s *server) instant(c *fault.Check, name, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.ParseInLocation(time.DateOnly, text, s.Zone)
	}
	if err != nil || at.Year() < 1970 || at.Year() > 9999 {
		c.Add(name, "api.bad_time", nil)
		return time.Time{}
	}
	return at.UTC()
}

// person finds someone by id or employee number. What names nobody is passed on as it
// is, so that the domain refuses it.
func (s *server) person(ctx context.Context, given string) (string, error) {
	if given == "" {
		return "", nil
	}
	o, err := s.People.Org(ctx)
	if err != nil {
		return "", fmt.Errorf("find person: %w", err)
	}
	if _, ok := o.People[given]; ok {
		return given, nil
	}
	for _, p := range o.People {
		if p.Number == given {
			return p.ID, nil
		}
	}
	return given, nil
}
