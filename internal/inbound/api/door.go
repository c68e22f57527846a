package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"unicode"
	"unicode/utf8"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/id"
)

// call is what one request carries through the door.
type call struct {
	id     string
	by     access.Actor
	p      i18n.Printer
	redact func([]byte) []byte // takes out of a reply what must not be kept; may be nil
}

type callKey struct{}

// callOf gives the request's call; the zero call when there is none, which may do nothing.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// ServeHTTP lets a request in: known address, token, readable body, then the handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{id: id.New("req", s.Now()), p: s.Catalogue.PrinterIn(i18n.Match(r.Header.Get("Accept-Language")), s.Zone)}
	ctx := r.Context()
	if s.Look != nil {
		ctx = s.Look(ctx)
	}
	r = r.Clone(context.WithValue(ctx, callKey{}, c))
	r.Header.Set("Accept", "application/json") // the only form there is; whatever was asked for
	h := w.Header()
	h.Set("X-Request-Id", c.id)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Vary", "Accept-Language, Authorization")
	tw := &tracked{ResponseWriter: w}
	defer s.caught(tw, r)
	if err := s.enter(tw, r); err != nil {
		s.refuse(tw, r, err)
	}
}

// caught turns a mistake of the program into a logged 500. A cut-off stream stays cut off.
func (s *server) caught(w *tracked, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v) // the server's own way to break a connection
	}
	s.Log.ErrorContext(r.Context(), "request failed", "request_id", callOf(r.Context()).id, "panic", v, "stack", string(debug.Stack()))
	if !w.begun {
		s.write(w, r, s.problem(r.Context(), nil, internal(callOf(r.Context()))))
	}
}

func (s *server) enter(w *tracked, r *http.Request) error {
	if !clean(r.URL.Path) {
		return fault.Missing("address")
	}
	h, pattern := s.mux.Handler(r)
	if pattern == "" {
		return nowhere(w, r, h)
	}
	if s.open[pattern] {
		s.mux.ServeHTTP(w, r)
		return nil
	}
	if err := checkQuery(r.URL.RawQuery); err != nil {
		return err
	}
	if err := s.authenticate(r); err != nil {
		return err
	}
	if err := checkForm(r); err != nil {
		return err
	}
	limit, streamed := s.stream[pattern]
	if !streamed {
		if err := s.readBody(r); err != nil {
			return err
		}
	} else {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
	}
	if r.Method == http.MethodPost && !s.ownKey[pattern] {
		return s.once(w, r, streamed)
	}
	s.mux.ServeHTTP(w, r)
	return nil
}

// nowhere tells an unknown address from a method that a known one does not take.
func nowhere(w http.ResponseWriter, r *http.Request, h http.Handler) error {
	probe := &silent{header: http.Header{}}
	h.ServeHTTP(probe, r)
	if probe.status != http.StatusMethodNotAllowed {
		return fault.Missing("address")
	}
	w.Header().Set("Allow", probe.header.Get("Allow"))
	return &refusal{status: http.StatusMethodNotAllowed, err: fault.New(fault.Invalid, "fault.method_not_allowed", nil)}
}

// authenticate reads the bearer token. Cookies are not looked at, and a request that
// brings nothing else is told so.
func (s *server) authenticate(r *http.Request) error {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		if r.Header.Get("Cookie") != "" {
			return fault.New(fault.Unauthenticated, "api.no_cookies", nil)
		}
		return fault.New(fault.Unauthenticated, "fault.unauthenticated", nil)
	}
	scheme, secret, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return fault.New(fault.Unauthenticated, "api.want_bearer", nil)
	}
	by, err := s.Access.ByToken(r.Context(), strings.TrimSpace(secret))
	if err != nil {
		return err
	}
	callOf(r.Context()).by = by
	return nil
}

// checkForm refuses the body types that a plain HTML form of any site can send.
func checkForm(r *http.Request) error {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/x-www-form-urlencoded" || kind == "multipart/form-data" {
		return &refusal{status: http.StatusUnsupportedMediaType, err: fault.New(fault.Invalid, "api.no_forms", nil)}
	}
	return nil
}

// checkQuery refuses a query that cannot be read, and characters in it that no column takes.
func checkQuery(raw string) error {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return located(fault.New(fault.Invalid, "api.bad_query", nil), "query")
	}
	var c fault.Check
	for name, values := range q {
		for _, v := range values {
			if !clean(v) || !clean(name) {
				c.Add(strings.ToValidUTF8(name, "?"), "api.bad_text", nil)
			}
		}
	}
	return located(c.Err(), "query")
}

// clean reports whether s is valid text without control characters.
func clean(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// readBody reads a body into memory before anything happens, so that half a body
// never does half a thing.
func (s *server) readBody(r *http.Request) error {
	raw, err := io.ReadAll(io.LimitReader(r.Body, s.MaxBody+1))
	if err != nil {
		return cutOff(err)
	}
	if int64(len(raw)) > s.MaxBody {
		return tooLarge(s.MaxBody)
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	r.ContentLength = int64(len(raw))
	return nil
}

// tracked remembers whether an answer has begun.
type tracked struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader begins the answer.
func (t *tracked) WriteHeader(status int) {
	t.begun = true
	t.ResponseWriter.WriteHeader(status)
}

// Write begins the answer if nothing has.
func (t *tracked) Write(p []byte) (int, error) {
	t.begun = true
	return t.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (t *tracked) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// silent takes an answer of the standard mux and keeps its status.
type silent struct {
	header http.Header
	status int
}

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) Write(p []byte) (int, error) { return len(p), nil }
func (s *silent) WriteHeader(status int)      { s.status = status }

// logFailure logs an error that is nobody's input, once.
func (s *server) logFailure(ctx context.Context, err error) {
	level := slog.LevelError
	if errors.Is(err, context.Canceled) {
		level = slog.LevelDebug // the caller went away
	}
	s.Log.Log(ctx, level, "request failed", "request_id", callOf(ctx).id, "person", callOf(ctx).by.Person, "error", err)
}

// cutOff says that a body did not arrive whole, or was larger than allowed.
func cutOff(err error) error {
	var big *http.MaxBytesError
	if errors.As(err, &big) {
		return tooLarge(big.Limit)
	}
	return &refusal{status: http.StatusBadRequest, err: fault.New(fault.Invalid, "api.cut_body", nil)}
}
