package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/kit/fault"
)

const problemType = "application/problem+json"

// Problem is an error as RFC 9457 writes it, with our message ids beside the sentences,
// so that a program need not read either language.
type Problem struct {
	Type      string         `json:"type" doc:"Always about:blank; the code says which problem it is." example:"about:blank"`
	Title     string         `json:"title" doc:"The phrase of the status." example:"Unprocessable Entity"`
	Status    int            `json:"status" example:"422"`
	Detail    string         `json:"detail" doc:"What is wrong and how to mend it, in the caller's language."`
	Code      string         `json:"code" doc:"Stable name of the problem." example:"fault.invalid"`
	RequestID string         `json:"request_id" doc:"Name this when asking the operators."`
	Errors    []ProblemField `json:"errors,omitempty" doc:"Every input that must be mended."`
	header    http.Header
}

// ProblemField is one input that must be mended.
type ProblemField struct {
	Location string `json:"location" doc:"Where the input stands." example:"body.summary"`
	Code     string `json:"code" example:"fault.required"`
	Message  string `json:"message" doc:"What is wrong, in the caller's language."`
}

// Error gives the code; the sentence is for people.
func (p *Problem) Error() string { return p.Code }

// GetStatus, GetHeaders and ContentType tell huma how to write the problem.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders gives what the status needs beside it: Retry-After, WWW-Authenticate.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType is that of RFC 9457.
func (p *Problem) ContentType(string) string { return problemType }

// refusal is a fault with a status that its kind alone does not give.
type refusal struct {
	status int
	err    error
	at     string // where fields stand unless places say otherwise; "" is the body
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// located says where the fields of a fault stand; nil stays nil.
func located(err error, at string) error {
	if err == nil {
		return nil
	}
	return &refusal{err: err, at: at}
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "fault.too_large", fault.Args{"max": strconv.FormatInt(limit, 10)})
}

// internal is what is told of a mistake of the program: nothing but the request's id.
func internal(c *call) error {
	return fault.New(0, "api.internal", fault.Args{"id": c.id})
}

// problem turns any error into the answer. places names where the inputs of the
// operation stand that are not in the body.
func (s *server) problem(ctx context.Context, places map[string]string, err error) *Problem {
	c := callOf(ctx)
	var done *Problem
	if errors.As(err, &done) {
		return done
	}
	f := fault.As(err)
	var big *http.MaxBytesError
	switch {
	case f != nil && f.Kind == fault.Unavailable: // the caller waits; the operator reads why
		s.logFailure(ctx, err)
	case f != nil:
	case errors.As(err, &big):
		f = fault.As(tooLarge(big.Limit))
	case errors.Is(err, context.DeadlineExceeded):
		s.logFailure(ctx, err)
		f = fault.New(fault.Unavailable, "fault.unavailable", nil)
	default:
		s.logFailure(ctx, err)
		f = fault.As(internal(c))
	}
	p := &Problem{Type: "about:blank", Status: f.Kind.Status(), Code: f.ID, RequestID: c.id, header: http.Header{}}
	at := "body"
	var r *refusal
	if errors.As(err, &r) {
		if r.status != 0 {
			p.Status = r.status
		}
		if r.at != "" {
			at = r.at
		}
	}
	p.Title = http.StatusText(p.Status)
	p.header.Set("Content-Language", string(c.p.Lang()))
	p.fill(c, f, places, at)
	return p
}

// fill writes the sentences and the headers.
func (p *Problem) fill(c *call, f *fault.Error, places map[string]string, at string) {
	var fields map[string]string
	p.Detail, fields = c.p.Error(f)
	seen := map[string]bool{}
	for _, x := range f.Fields {
		if seen[x.Name] {
			continue
		}
		seen[x.Name] = true
		p.Errors = append(p.Errors, ProblemField{Location: place(places, at, x.Name), Code: x.ID, Message: fields[x.Name]})
	}
	switch p.Status {
	case http.StatusUnauthorized:
		p.header.Set("WWW-Authenticate", `Bearer realm="sekimori"`)
	case http.StatusTooManyRequests:
		p.header.Set("Retry-After", strconv.Itoa(waitOf(f.Args["wait"])))
	case http.StatusServiceUnavailable:
		p.header.Set("Retry-After", "10")
	}
}

// place names an input as OpenAPI names it. A field such as "steps.2" belongs to "steps".
func place(places map[string]string, at, name string) string {
	first, _, _ := strings.Cut(name, ".")
	if p, ok := places[first]; ok {
		return p + strings.TrimPrefix(name, first)
	}
	return at + "." + name
}

// waitOf reads how long a fault asks to wait, in whole seconds.
func waitOf(wait string) int {
	d, err := time.ParseDuration(wait)
	if err != nil || d < time.Second {
		return 60
	}
	return int(math.Ceil(d.Seconds()))
}

// refuse answers with the error of a request that got no further than the door, or of
// a handler of our own.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.write(w, r, s.problem(r.Context(), nil, err))
}

func (s *server) write(w http.ResponseWriter, r *http.Request, p *Problem) {
	maps.Copy(w.Header(), p.header)
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		s.logFailure(r.Context(), err)
	}
}
