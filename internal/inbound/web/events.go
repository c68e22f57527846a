package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// Live tells which subjects changed. The channel closes when ctx ends or when the
// server stops.
type Live interface {
	Subscribe(ctx context.Context) <-chan []string
}

// events is the stream that open pages listen to. It says that something changed and
// never what: the page then asks again, as itself.
type events struct {
	live  Live
	cases interface {
		Case(ctx context.Context, by access.Actor, incident string) (*incident.Case, error)
	}
	pcs interface { // nil: there are none
		Get(ctx context.Context, by access.Actor, device string) (device.View, error)
	}
	// things says of an id that begins so whether the actor may see it.
	things map[string]func(ctx context.Context, by access.Actor, id string) error
	beat   time.Duration // a comment this often keeps proxies from closing the stream
	quiet  time.Duration // at most one message in this time
	life   time.Duration // then the browser connects again, and is asked again who it is
}

// Subjects that are neither a case nor a PC.
const (
	everything = "everything" // but allPCs, which changes all the time
	allPCs     = "devices"    // what PCs tell, and whether they are there
	passing    = "time"       // each beat: an isolation that nobody proves is failing without anything having happened
)

func (e events) routes() []page.Route {
	return []page.Route{{Pattern: "GET /events", Do: e.serve}}
}

func (e events) serve(w http.ResponseWriter, r *page.Request) error {
	wanted, err := e.wanted(r)
	if err != nil {
		return err
	}
	if e.live == nil {
		return fault.New(fault.Unavailable, "fault.unavailable", nil)
	}
	ctx, cancel := context.WithTimeout(r.Context(), e.life)
	defer cancel()
	out := http.NewResponseController(w)
	if err := out.SetWriteDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("open stream: %w", err)
	}
	changes := e.live.Subscribe(ctx)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	if !send(w, out, "retry: 3000\n\n") {
		return nil
	}
	e.follow(ctx, w, out, changes, wanted)
	return nil
}

// wanted resolves the subjects asked for to ids that the actor may see; none asked for
// is everything.
func (e events) wanted(r *page.Request) ([]string, error) {
	var out []string
	for _, s := range r.URL.Query()["subject"] {
		if len(out) == 20 {
			break
		}
		id, err := e.subject(r, s)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	if len(out) == 0 {
		out = []string{everything}
	}
	return out, nil
}

func (e events) subject(r *page.Request, s string) (string, error) {
	switch {
	case s == everything || s == passing:
		return s, nil
	case s == allPCs:
		return s, r.By.May(access.ReadDevices)
	case strings.HasPrefix(s, "dev_") && e.pcs != nil:
		_, err := e.pcs.Get(r.Context(), r.By, s)
		return s, err
	}
	if prefix, _, ok := strings.Cut(s, "_"); ok && e.things[prefix] != nil {
		return s, e.things[prefix](r.Context(), r.By, s)
	}
	c, err := e.cases.Case(r.Context(), r.By, s)
	if err != nil {
		return "", err
	}
	return c.ID, nil
}

// things are the subjects that belong to applications and to the ledger.
func (p Parts) things() map[string]func(context.Context, access.Actor, string) error {
	if p.Assets == nil {
		return nil
	}
	out := map[string]func(context.Context, access.Actor, string) error{
		"req": func(ctx context.Context, by access.Actor, id string) error {
			_, err := p.Requests.Get(ctx, by, id)
			return err
		},
		"ast": func(ctx context.Context, by access.Actor, id string) error {
			_, err := p.Assets.Get(ctx, by, id)
			return err
		},
		"stk": func(ctx context.Context, by access.Actor, id string) error {
			_, err := p.Stocks.Stock(ctx, by, id)
			return err
		},
	}
	if p.TakeOuts != nil {
		out["tko"] = func(ctx context.Context, by access.Actor, id string) error {
			_, err := p.TakeOuts.Get(ctx, by, id)
			return err
		}
	}
	return out
}

// concerns reports whether a change is about what is wanted; nil subjects mean that
// anything may have changed.
func concerns(subjects, wanted []string) bool {
	return subjects == nil || slices.ContainsFunc(subjects, func(s string) bool {
		return slices.Contains(wanted, s) || s != allPCs && slices.Contains(wanted, everything)
	})
}

// follow passes changes on until the reader goes or the server stops. Changes that come
// in a burst become one message after the burst.
func (e events) follow(ctx context.Context, w http.ResponseWriter, out *http.ResponseController, changes <-chan []string, wanted []string) {
	beat := time.NewTicker(e.beat)
	defer beat.Stop()
	wait := time.NewTimer(e.quiet)
	defer wait.Stop()
	free, owed := false, false
	for {
		select {
		case <-ctx.Done():
			return
		case subjects, ok := <-changes:
			if !ok {
				return
			}
			owed = owed || concerns(subjects, wanted)
		case <-wait.C:
			free = true
		case <-beat.C:
			if !send(w, out, ": still here\n\n") {
				return
			}
			owed = owed || slices.Contains(wanted, passing)
		}
		if free && owed {
			if !send(w, out, "event: changed\ndata: changed\n\n") {
				return
			}
			free, owed = false, false
			wait.Reset(e.quiet)
		}
	}
}

func send(w http.ResponseWriter, out *http.ResponseController, text string) bool {
	if _, err := w.Write([]byte(text)); err != nil {
		return false
	}
	return out.Flush() == nil
}
