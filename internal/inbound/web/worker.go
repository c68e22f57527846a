package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sekimori/internal/kit/i18n"
)

// workerPolicy is the service worker's own: it loads nothing, and asks this origin only.
const workerPolicy = "default-src 'none'; connect-src 'self'"

// shell is what a page needs that is there without a network.
func shell() []string {
	return []string{"sekimori.css", "app.js", "outbox.js", "offline.js", "icons.svg", "mark.svg", "favicon.svg"}
}

// worker is the service worker: which files the browser keeps, then the parts of the
// folder static/worker in the order of their names, and outbox.js, which they share with
// the pages. Any change of a file is a change of the worker, so that browsers see it.
func worker(as assets) ([]byte, error) {
	var known struct {
		Version string   `json:"version"`
		Files   []string `json:"files"`
	}
	for _, name := range shell() {
		known.Files = append(known.Files, as.URL(name))
	}
	parts := []string{"outbox.js"}
	for name := range as {
		if strings.HasPrefix(name, "worker/") {
			parts = append(parts, name)
		}
	}
	slices.Sort(parts[1:])
	var code bytes.Buffer
	for _, name := range parts {
		code.Write(as[name].plain)
	}
	sum := sha256.Sum256(append([]byte(strings.Join(known.Files, " ")), code.Bytes()...))
	known.Version = hex.EncodeToString(sum[:6])
	head, err := json.Marshal(known)
	if err != nil {
		return nil, fmt.Errorf("write the service worker: %w", err)
	}
	return slices.Concat([]byte("const SHELL = "), head, []byte(";\n"), code.Bytes()), nil
}

// serveWorker answers /sw.js, from where the worker reaches every page.
func serveWorker(code []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", workerPolicy)
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Length", strconv.Itoa(len(code)))
		_, _ = w.Write(code) // a reader who has gone away is no fault of ours
	}
}

// serveManifest answers /manifest.webmanifest, by which a phone installs the pages
// (https://www.w3.org/TR/appmanifest/).
func serveManifest(as assets, c *i18n.Catalogue) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		l := i18n.Lang(r.URL.Query().Get("lang"))
		if !slices.Contains(i18n.Langs(), l) {
			l = i18n.JA
		}
		p := c.Printer(l)
		w.Header().Set("Content-Type", "application/manifest+json")
		w.Header().Set("Cache-Control", "no-cache")
		_ = json.NewEncoder(w).Encode(map[string]any{ // as above
			"id": "/", "name": p.T("layout.name"), "short_name": p.T("layout.name"), "description": p.T("offline.about"),
			"lang": string(l), "dir": "ltr", "start_url": "/report", "scope": "/", "display": "standalone",
			"background_color": "#fbfaf7", "theme_color": "#1f3a5f",
			"icons":     []map[string]string{{"src": as.URL("mark.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"}},
			"shortcuts": []map[string]string{{"name": p.T("report.title"), "url": "/report"}},
		})
	}
}
