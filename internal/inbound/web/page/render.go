package page

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/kit/i18n"
)

//go:embed templates/*.html
var own embed.FS

// parse reads the layout and its parts once and puts each page beside a copy of them.
// Files whose name begins with "_" are shared by the pages of their room.
func (k *Kit) parse(p i18n.Printer) (map[string]*template.Template, error) {
	base, err := template.New("").Option("missingkey=error").Funcs(k.funcs(p)).ParseFS(k.Layout, "layout.html", "parts.html")
	if err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	mine, err := fs.Sub(own, "templates")
	if err != nil {
		return nil, err
	}
	set := map[string]*template.Template{}
	for _, room := range append([]fs.FS{mine}, k.Rooms...) {
		if err := parseRoom(set, base, room); err != nil {
			return nil, err
		}
	}
	return set, nil
}

func parseRoom(set map[string]*template.Template, base *template.Template, room fs.FS) error {
	files, err := fs.Glob(room, "*.html")
	if err != nil {
		return err
	}
	shared, err := fs.Glob(room, "_*.html")
	if err != nil {
		return err
	}
	for _, f := range files {
		if strings.HasPrefix(f, "_") {
			continue
		}
		name := strings.TrimSuffix(f, ".html")
		if set[name] != nil {
			return fmt.Errorf("page %q exists twice", name)
		}
		t, err := base.Clone()
		if err != nil {
			return fmt.Errorf("page %q: %w", name, err)
		}
		if t, err = t.ParseFS(room, append(shared, f)...); err != nil {
			return fmt.Errorf("page %q: %w", name, err)
		}
		if t.Lookup("body") == nil {
			return fmt.Errorf("page %q defines no body", name)
		}
		set[name] = t
	}
	return nil
}

// funcs are the words that templates may use, bound to one language.
func (k *Kit) funcs(p i18n.Printer) template.FuncMap {
	return template.FuncMap{
		"t":        p.T,
		"asset":    k.Asset,
		"icon":     k.icon,
		"date":     p.Date,
		"datetime": p.DateTime,
		"clock":    p.Clock,
		"bytes":    p.Bytes,
		"count":    p.Count,
		"since":    func(at time.Time) template.HTML { return k.since(p, at) },
		"join": func(list []string) string {
			if p.Lang() == i18n.EN {
				return strings.Join(list, ", ")
			}
			return strings.Join(list, "、")
		},
		"place": func(i int) int { return i + 1 }, // people count from one
		"tel":   func(phone string) template.URL { return template.URL(Tel(phone)) },
	}
}

// icon is one drawing of the set; words always stand beside it.
func (k *Kit) icon(name string) template.HTML {
	return template.HTML(`<svg class="icon" aria-hidden="true"><use href="` +
		template.HTMLEscapeString(k.Asset("icons.svg")+"#i-"+name) + `"></use></svg>`)
}

// since writes how long ago something was; the script keeps it running.
func (k *Kit) since(p i18n.Printer, at time.Time) template.HTML {
	e := template.HTMLEscapeString
	words := p.T("page.since_now")
	if d := k.Now().Sub(at); d >= time.Minute {
		words = p.T("page.since", "length", p.Ago(d))
	}
	return template.HTML(`<time datetime="` + at.UTC().Format(time.RFC3339) + `" data-since="` + at.UTC().Format(time.RFC3339) +
		`" data-now="` + e(p.T("page.since_now")) + `" data-minute="` + e(p.T("page.since_minute")) + `" data-hour="` + e(p.T("page.since_hour")) +
		`" data-day="` + e(p.T("page.since_day")) + `" data-after="` + e(p.T("page.since_after")) + `">` + e(words) + `</time>`)
}

// Render writes a page. It is made in memory first, so that a fault in a template
// becomes an error page and never half a page.
func (k *Kit) Render(w http.ResponseWriter, r *Request, status int, name string, data any) error {
	t := k.pages[r.P.Lang()][name]
	if t == nil {
		return fmt.Errorf("render %s: no such page", name)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", data); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	if r.flash != "" {
		k.dropFlash(w)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(r.P.Lang()))
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	return k.write(w, r.Request, status, b.Bytes())
}

// write sends a text, compressed when the browser can take it.
func (k *Kit) write(w http.ResponseWriter, hr *http.Request, status int, body []byte) error {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if len(body) > 1024 && TakesGzip(hr) {
		var b bytes.Buffer
		z, _ := k.gzips.Get().(*gzip.Writer)
		if z == nil {
			z = gzip.NewWriter(&b)
		} else {
			z.Reset(&b)
		}
		if _, err := z.Write(body); err != nil {
			return fmt.Errorf("compress page: %w", err)
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("compress page: %w", err)
		}
		k.gzips.Put(z)
		h.Set("Content-Encoding", "gzip")
		body = b.Bytes()
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if hr.Method != http.MethodHead {
		// A reader who has gone away is no fault of ours.
		_, _ = w.Write(body)
	}
	return nil
}

// TakesGzip reports whether the request's sender can read gzip.
func TakesGzip(hr *http.Request) bool {
	for _, v := range hr.Header.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(v, ",") {
			name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") && strings.ReplaceAll(q, " ", "") != "q=0" {
				return true
			}
		}
	}
	return false
}
