package page

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/i18n"
)

// A nameless route never asks who a cookie belongs to, shows nobody, and logs nothing: not
// even a handler that panics.
func TestNamelessRouteAsksForNobody(t *testing.T) {
	t.Parallel()
	c, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	asked := 0
	k, err := New(Parts{Catalogue: c, Zone: time.UTC, Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil)), Asset: func(s string) string { return s },
		Layout: fstest.MapFS{"layout.html": {Data: []byte(`{{define "layout"}}{{template "body" .}}{{end}}`)}, "parts.html": {Data: []byte("")}},
		Actor: func(context.Context, string) (access.Actor, error) {
			asked++
			return access.Actor{Person: "per_a", Via: access.BySession}, nil
		},
		Mark: func(string) string { return "mark" }})
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]Handler{
		"fine":   func(w http.ResponseWriter, r *Request) error { return r.Kit.See(w, r, "/in", "") },
		"fails":  func(http.ResponseWriter, *Request) error { return errors.New("no disk") },
		"panics": func(http.ResponseWriter, *Request) error { panic("at the disk") },
	} {
		for _, nameless := range []bool{true, false} {
			if name == "panics" && !nameless {
				continue
			}
			log.Reset()
			asked = 0
			hr := httptest.NewRequest(http.MethodPost, "/near", strings.NewReader("x=1"))
			hr.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			hr.AddCookie(&http.Cookie{Name: k.SessionCookie(), Value: "secret"})
			hr.AddCookie(&http.Cookie{Name: flashCookie, Value: "near.title"})
			w := httptest.NewRecorder()
			k.Handle(Route{Do: func(w http.ResponseWriter, r *Request) error {
				if known := r.By.Person != ""; known == nameless {
					t.Errorf("%s: nameless %v, known %v", name, nameless, known)
				}
				return do(w, r)
			}, Public: true, Nameless: nameless}).ServeHTTP(w, hr)
			if nameless != (asked == 0) || nameless && (log.Len() > 0 || w.Header()["Set-Cookie"] != nil || strings.Contains(w.Body.String(), "req_")) {
				t.Errorf("%s: nameless %v asked %d times, %v, logged %q\n%s", name, nameless, asked, w.Header(), log.String(), w.Body)
			}
			if want := map[string]int{"fine": 303, "fails": 500, "panics": 500}[name]; w.Code != want {
				t.Errorf("%s: status %d", name, w.Code)
			}
		}
	}
}
