package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"sekimori/internal/domain/access"
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
	beat  time.Duration // a comment this often keeps proxies from closing the stream
	quiet time.Duration // at most one message in this time
	life  time.Duration // then the browser connects again, and is asked again who it is
}

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

// wanted resolves the subject asked for to ids that the actor may see; nil means any.
func (e events) wanted(r *page.Request) ([]string, error) {
	var out []string
	for _, s := range r.URL.Query()["subject"] {
		if len(out) == 20 {
			break
		}
		c, err := e.cases.Case(r.Context(), r.By, s)
		if err != nil {
			return nil, err
		}
		out = append(out, c.ID)
	}
	return out, nil
}

// follow passes changes on until the reader goes or the server stops; nil subjects mean
// that anything may have changed. Changes that
// come in a burst become one message after the burst.
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
			owed = owed || wanted == nil || subjects == nil || slices.ContainsFunc(subjects, func(s string) bool { return slices.Contains(wanted, s) })
		case <-wait.C:
			free = true
		case <-beat.C:
			if !send(w, out, ": still here\n\n") {
				return
			}
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
