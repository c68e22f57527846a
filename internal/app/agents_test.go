package app

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/wire"
)

// TestPresenceOfAKilledServer: the next one knows whose streams have ended.
func TestPresenceOfAKilledServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := makeKeys(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig("", func(k string) string { return map[string]string{"SEKIMORI_DATA": dir}[k] })
	if err != nil {
		t.Fatal(err)
	}
	var posts []string
	for range 2 {
		h, err := open(t.Context(), cfg, slog.New(slog.DiscardHandler), access.Cost{Memory: 64, Time: 1})
		if err != nil {
			t.Fatal(err)
		}
		posts = append(posts, h.agents.Server)
		h.close()
	}
	if posts[0] == "" || posts[0] != posts[1] {
		t.Errorf("it would clear the presence of %q and not of %q", posts[1], posts[0])
	}
}

// TestPCsBehindAProxy: each PC has its own allowance, though all come from the proxy.
func TestPCsBehindAProxy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := makeKeys(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig("", func(k string) string { return map[string]string{"SEKIMORI_DATA": dir}[k] })
	if err != nil {
		t.Fatal(err)
	}
	cfg.TrustedProxies = []string{"192.0.2.1/32"}
	h, err := open(t.Context(), cfg, slog.New(slog.DiscardHandler), access.Cost{Memory: 64, Time: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	door, err := h.handler(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	guess := func(from string) int {
		r := httptest.NewRequest(http.MethodPost, wire.PathEnrol, strings.NewReader(`{"token":"enrol_guessed"}`))
		r.RemoteAddr = "192.0.2.1:50000"
		r.Header.Set("X-Forwarded-For", from)
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		return w.Code
	}
	for n := 0; guess("198.51.100.7") != http.StatusTooManyRequests; n++ {
		if n == 1000 {
			t.Fatal("guessing is not rationed")
		}
	}
	if got := guess("198.51.100.8"); got == http.StatusTooManyRequests {
		t.Error("one PC that guesses keeps the others from enrolling")
	}
}
