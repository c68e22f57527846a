package report

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
)

type evidenceLine struct {
	Href, Name, Size, At, Who, Short, Full string
	Erased                                 bool
}

// evidence lists the files of a case; a link stands only where the file may be read.
func evidence(r *page.Request, o *directory.Org, c *incident.Case) []evidenceLine {
	var out []evidenceLine
	for _, e := range c.Evidence {
		sum := fmt.Sprintf("%x", e.SHA256)
		l := evidenceLine{Name: e.Name, Size: r.P.Bytes(e.Size), At: r.P.DateTime(e.At), Who: r.Named(o, e.By), Short: sum[:16], Full: sum, Erased: !e.ErasedAt.IsZero()}
		if !l.Erased && (c.Sight > incident.AsFinder || e.By == r.By.Person) {
			l.Href = "/evidence/" + e.ID
		}
		out = append(out, l)
	}
	return out
}

// upload keeps the files of one form, each as it streams in.
func (d rooms) upload(w http.ResponseWriter, r *page.Request) error {
	if err := writtenBy(r, r.URL.Query().Get("me")); err != nil { // the body streams: no field of it is read before
		return err
	}
	err := r.Upload(w, func(u incident.Upload) error {
		_, err := d.Files.AddEvidence(r.Context(), r.By, r.PathValue("label"), u)
		return err
	})
	return d.done(w, r, err, "files", "report.files_kept", "evidence", "file")
}

// download hands out a file so that no browser runs it: as an attachment, in a
// sandbox, with the type that we found by looking.
func (d rooms) download(w http.ResponseWriter, r *page.Request) error {
	e, body, err := d.Files.OpenEvidence(r.Context(), r.By, r.PathValue("id"))
	if err != nil {
		return err
	}
	defer body.Close()
	h := w.Header()
	h.Set("Content-Type", media(e.Media))
	h.Set("Content-Disposition", disposition(e.Name))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.FormatInt(e.Size, 10))
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(w, body); err != nil && r.Context().Err() == nil {
		r.Kit.Log.ErrorContext(r.Context(), "evidence broken off", "evidence", e.ID, "error", err)
	}
	return nil
}

// media keeps the few types that cannot act; all others are bytes.
func media(found string) string {
	kind, _, _ := strings.Cut(found, ";")
	switch kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf":
		return kind
	case "text/plain":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// disposition names the file for the browser (RFC 6266): an ASCII name for old ones
// and the true name beside it.
func disposition(name string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	return `attachment; filename="` + ascii + `"; filename*=UTF-8''` + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}
