package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"sekimori/internal/inbound/web/page"
)

//go:embed templates/*.html static
var files embed.FS

// staticFile is one static file, compressed once at start.
type staticFile struct {
	media string
	plain []byte
	gzip  []byte // nil when compressing does not help
	hash  string
}

// assets serves the static files under addresses that hold a hash of the content, so
// that a browser may keep them for ever and an update is seen at once.
type assets map[string]staticFile

func loadAssets(fsys fs.FS) (assets, error) {
	out := assets{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(raw)
		a := staticFile{media: mediaOf(name), plain: raw, hash: hex.EncodeToString(sum[:6])}
		if a.gzip, err = squeeze(raw); err != nil {
			return fmt.Errorf("compress %s: %w", name, err)
		}
		out[name] = a
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load static files: %w", err)
	}
	return out, nil
}

// mediaOf does not ask the machine's own tables, which differ.
func mediaOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	}
	if m := mime.TypeByExtension(path.Ext(name)); m != "" {
		return m
	}
	return "application/octet-stream"
}

func squeeze(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(raw); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if b.Len() >= len(raw) {
		return nil, nil
	}
	return b.Bytes(), nil
}

// URL is the address of a file. A name that does not exist keeps its plain address,
// which answers 404.
func (as assets) URL(name string) string {
	a, ok := as[name]
	if !ok {
		return "/static/" + name
	}
	return "/static/" + a.hash + "/" + name
}

// ServeHTTP answers /static/<hash>/<name>, and /static/<name> without keeping it.
func (as assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/static/")
	keep := "no-cache"
	if hash, rest, ok := strings.Cut(name, "/"); ok && as[rest].hash == hash && hash != "" {
		name, keep = rest, "public, max-age=31536000, immutable"
	}
	a, ok := as[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", keep)
	h.Set("Content-Type", a.media)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Add("Vary", "Accept-Encoding")
	body := a.plain
	if a.gzip != nil && page.TakesGzip(r) {
		body = a.gzip
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a reader who has gone away is no fault of ours
	}
}
