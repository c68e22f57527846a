package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sekimori/internal/agent/host"
	"sekimori/internal/kit/wire"
)

// The control socket is how a person at the PC, with no rights of their own, reaches the
// service: four verbs and three questions, as small HTTP requests over a socket in the
// file system. Whoever may log in to the PC may press; nobody can ask for more.

const (
	maxControl  = 16 << 10        // a request
	controlTime = 3 * time.Second // from the connection to the end of its one request
)

// controlError is how the service refuses; Code is one of the codes below.
type controlError struct {
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
}

// Challenge is what a person reads to the administrator.
type Challenge struct {
	Challenge string        `json:"challenge"`
	Life      time.Duration `json:"life"`
}

// pressed is the answer to "infected".
type pressed struct {
	Status Status `json:"status"`
	Error  string `json:"error,omitempty"` // why the network may still be open
}

// codesOf pairs the errors that a person can mend with their names on the socket.
func codesOf() map[string]error {
	return map[string]error{
		"not_isolated": ErrNotIsolated, "no_challenge": ErrNoChallenge, "code_form": ErrCodeForm,
		"code_wrong": ErrCodeWrong, "too_many": ErrTooManyCodes, "not_enrolled": ErrNotEnrolled,
		"kind": ErrKind, "too_many_reports": ErrTooManyReports,
	}
}

type control struct {
	a      *Agent
	l      net.Listener
	server *http.Server
}

// listenControl opens the socket, in the place of one that a dead process left.
func listenControl(a *Agent, name string) (*control, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l, err := net.Listen("unix", name)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := errors.Join(os.Chmod(name, 0o666), host.OpenSocket(name)); err != nil {
		l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return newControl(a, l, host.Peer), nil
}

// newControl makes the service behind a socket. who names the account at the other end of a
// connection, "" where the system does not tell.
func newControl(a *Agent, l net.Listener, who func(net.Conn) string) *control {
	c := &control{a: a, l: newFew(l, who)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { say(w, a.Status()) })
	mux.HandleFunc("GET /facts", func(w http.ResponseWriter, _ *http.Request) { say(w, a.Facts()) })
	mux.HandleFunc("POST /infected", c.infected)
	mux.HandleFunc("POST /report", c.report)
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, r *http.Request) { say(w, a.Delivered(r.URL.Query().Get("key"))) })
	mux.HandleFunc("POST /challenge", c.challenge)
	mux.HandleFunc("POST /release", c.release)
	c.server = &http.Server{
		Handler: heard(mux), ReadTimeout: controlTime, WriteTimeout: 60 * time.Second, MaxHeaderBytes: 8 << 10,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, placeKey{}, conn)
		},
	}
	c.server.SetKeepAlivesEnabled(false)
	return c
}

type placeKey struct{}

// account is who has asked, "" where the system does not tell.
func account(r *http.Request) string {
	p, ok := r.Context().Value(placeKey{}).(*place)
	if !ok {
		return ""
	}
	return p.who
}

// heard reads the whole of a request before it is answered: from then on its connection is
// not given up for another.
func heard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControl))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if p, ok := r.Context().Value(placeKey{}).(*place); ok && !p.keep() {
			return // it was given up just now
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// run serves until ctx ends.
func (c *control) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if c.server.Shutdown(end) != nil {
			c.server.Close()
		}
	})
	if err := c.server.Serve(c.l); !errors.Is(err, http.ErrServerClosed) {
		c.a.o.Log.Error("people's commands are not heard", "error", err)
	}
	wg.Wait()
}

func say(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) // a reader that went away asks again
}

func refuse(w http.ResponseWriter, err error) {
	out, status := controlError{Code: "failed", Detail: oneLine(err.Error())}, http.StatusInternalServerError
	for code, known := range codesOf() {
		if errors.Is(err, known) {
			out, status = controlError{Code: code}, http.StatusConflict
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(out)
}

// hear understands a JSON body.
func hear(w http.ResponseWriter, r *http.Request, into any) bool {
	err := json.NewDecoder(r.Body).Decode(into)
	if err != nil && !errors.Is(err, io.EOF) {
		w.WriteHeader(http.StatusBadRequest)
		return false
	}
	return true
}

func (c *control) infected(w http.ResponseWriter, r *http.Request) {
	var in struct{ Note string }
	if !hear(w, r, &in) {
		return
	}
	status, err := c.a.Infected(r.Context(), in.Note, account(r))
	out := pressed{Status: status}
	if err != nil {
		out.Error = oneLine(err.Error())
	}
	say(w, out)
}

func (c *control) report(w http.ResponseWriter, r *http.Request) {
	var in struct{ Kind, Note string }
	if !hear(w, r, &in) {
		return
	}
	key, err := c.a.Report(in.Kind, in.Note, account(r))
	if err != nil {
		refuse(w, err)
		return
	}
	say(w, map[string]string{"key": key})
}

func (c *control) challenge(w http.ResponseWriter, r *http.Request) {
	text, life, err := c.a.keep.challenge(sourceOf(account(r)))
	if err != nil {
		refuse(w, err)
		return
	}
	say(w, Challenge{text, life})
}

func (c *control) release(w http.ResponseWriter, r *http.Request) {
	var in struct{ Code string }
	if !hear(w, r, &in) {
		return
	}
	if err := c.a.keep.release(r.Context(), sourceOf(account(r)), in.Code); err != nil {
		refuse(w, err)
		return
	}
	say(w, c.a.Status())
}

// Service is a running agent, spoken to over its control socket.
type Service struct {
	http *http.Client
}

// Dial finds the service behind a socket; an error means that none runs.
func Dial(ctx context.Context, socket string) (*Service, error) {
	dial := func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "unix", socket)
	}
	conn, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach the agent's service: %w", err)
	}
	conn.Close()
	t := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	return &Service{http: &http.Client{Transport: t, Timeout: 60 * time.Second}}, nil
}

func (s *Service) ask(ctx context.Context, method, path string, in, out any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("ask the agent's service: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("ask the agent's service: %w", err)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the agent's service: %w", err)
	}
	defer res.Body.Close()
	d := json.NewDecoder(io.LimitReader(res.Body, 1<<20))
	if res.StatusCode == http.StatusOK {
		if err := d.Decode(out); err != nil {
			return fmt.Errorf("ask the agent's service: %w", err)
		}
		return nil
	}
	var refused controlError
	if d.Decode(&refused) == nil {
		if known := codesOf()[refused.Code]; known != nil {
			return known
		}
	}
	return errors.New("the agent's service: " + res.Status + " " + refused.Detail)
}

// Status asks how things stand.
func (s *Service) Status(ctx context.Context) (Status, error) {
	var out Status
	return out, s.ask(ctx, http.MethodGet, "/status", nil, &out)
}

// Facts asks what is known of the PC.
func (s *Service) Facts(ctx context.Context) (map[string]wire.Fact, error) {
	var out map[string]wire.Fact
	return out, s.ask(ctx, http.MethodGet, "/facts", nil, &out)
}

// Infected presses. The error is about the asking; problem says why the network may
// still be open.
func (s *Service) Infected(ctx context.Context, words string) (st Status, problem string, err error) {
	var out pressed
	err = s.ask(ctx, http.MethodPost, "/infected", map[string]string{"note": words}, &out)
	return out.Status, out.Error, err
}

// Report leaves a report with the service, which sends it, and gives its key. The service
// takes the account from the socket.
func (s *Service) Report(ctx context.Context, kind, words string) (key string, err error) {
	var out struct{ Key string }
	err = s.ask(ctx, http.MethodPost, "/report", map[string]string{"kind": kind, "note": words}, &out)
	return out.Key, err
}

// Delivered asks what became of a report.
func (s *Service) Delivered(ctx context.Context, key string) (Delivery, error) {
	var out Delivery
	return out, s.ask(ctx, http.MethodGet, "/report?"+url.Values{"key": {key}}.Encode(), nil, &out)
}

// Challenge asks for what to read to the administrator.
func (s *Service) Challenge(ctx context.Context) (Challenge, error) {
	var out Challenge
	return out, s.ask(ctx, http.MethodPost, "/challenge", nil, &out)
}

// Release gives the code that the administrator read out.
func (s *Service) Release(ctx context.Context, code string) (Status, error) {
	var out Status
	return out, s.ask(ctx, http.MethodPost, "/release", map[string]string{"code": code}, &out)
}
