package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sekimori/internal/domain/audit"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/journal"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// pageSize is the entries of one page.
const pageSize = 25

// line is one entry as an auditor reads it.
type line struct {
	Seq                 int64
	When, Kind, Word    string
	Who, Subject, Name  string // Name is what people call the subject; "" when it has none
	SubjectHref         string
	Content             []pair
	Erased, Broken      string // why there is no content to read
	ID, Leaf, Committed string
}

// pair is one thing that an entry's content says.
type pair struct{ Name, Value string }

// recordPage is the list with what proves it.
type recordPage struct {
	page.Base
	Kind, Subject string
	Kinds         []page.Option
	Filtered      bool
	Lines         []line
	First, More   string
	Key, Origin   string
	Check         *checkView
	Verdict       *verdict
}

// checkView is the newest checkpoint.
type checkView struct {
	When, Root string
	Size       int64
}

// verdict is the outcome of a look at the whole record, in words.
type verdict struct {
	Intact               bool
	Head, Text           string
	Entries, Erased      int64
	Checkpoints          int
	When, Place, EventID string
}

func (d Deps) list(w http.ResponseWriter, r *page.Request) error { return d.render(w, r, nil) }

func (d Deps) render(w http.ResponseWriter, r *page.Request, v *verdict) error {
	q := r.URL.Query()
	before, _ := strconv.ParseInt(q.Get("before"), 10, 64) // what is no number begins at the end
	entries, err := d.Audit.Entries(r.Context(), r.By, audit.Query{Before: max(before, 0), Kind: strings.TrimSpace(q.Get("kind")), Subject: strings.TrimSpace(q.Get("subject")), Limit: pageSize})
	if err != nil {
		return err
	}
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	p := recordPage{Base: r.Kit.Base(r, "record.title", "/record"), Kind: q.Get("kind"), Subject: q.Get("subject"), Key: d.Audit.PublicKey(), Origin: d.Audit.Origin(), Verdict: v}
	p.Filtered = p.Kind != "" || p.Subject != ""
	p.Kinds = append(p.Kinds, page.Option{Label: r.P.T("word.all")})
	for _, k := range []string{"incident.", "notice.", "account.", "directory.", "device.", "incident.erased"} {
		p.Kinds = append(p.Kinds, page.Option{Value: k, Label: r.P.T("record.kind." + strings.TrimSuffix(k, "."))})
	}
	if p.Kind != "" && !slices.ContainsFunc(p.Kinds, func(o page.Option) bool { return o.Value == p.Kind }) {
		p.Kinds = append(p.Kinds, page.Option{Value: p.Kind, Label: p.Kind})
	}
	p.Kinds = page.Choose(p.Kinds, p.Kind)
	called, err := d.called(r, org, entries)
	if err != nil {
		return err
	}
	for _, e := range entries {
		p.Lines = append(p.Lines, lineOf(r, org, called, e))
	}
	if len(entries) == pageSize && entries[len(entries)-1].Seq > 0 {
		p.More = address(q, entries[len(entries)-1].Seq)
	}
	if before > 0 {
		p.First = address(q, 0)
	}
	cp, err := d.Audit.Checkpoint(r.Context(), r.By)
	switch {
	case err == nil:
		p.Check = &checkView{When: r.P.DateTime(cp.At), Root: cp.Root.String(), Size: cp.Size}
	case !fault.Is(err, fault.NotFound):
		return err
	}
	return r.Kit.Render(w, r, http.StatusOK, "record", p)
}

func address(q url.Values, before int64) string {
	next := url.Values{}
	for _, k := range []string{"kind", "subject"} {
		if v := q.Get(k); v != "" {
			next.Set(k, v)
		}
	}
	if before > 0 {
		next.Set("before", strconv.FormatInt(before, 10))
	}
	if len(next) == 0 {
		return "/record"
	}
	return "/record?" + next.Encode()
}

// known is how many of the newest cases are called by their numbers; older ones by
// their ids.
const known = 200

// called names the subjects of entries: a case by its number, when the reader may see
// it, and a person by name.
func (d Deps) called(r *page.Request, org *directory.Org, entries []journal.Entry) (map[string]string, error) {
	out := map[string]string{}
	cases := false
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Subject, "inc_"):
			cases = true
		case strings.HasPrefix(e.Subject, "per_"):
			out[e.Subject] = org.NameOf(e.Subject)
		}
	}
	if !cases {
		return out, nil
	}
	found, err := d.Cases.Find(r.Context(), r.By, incident.Query{Limit: known})
	if err != nil {
		return nil, err
	}
	for _, x := range found.Rows {
		out[x.ID] = x.Label
	}
	return out, nil
}

func lineOf(r *page.Request, org *directory.Org, called map[string]string, e journal.Entry) line {
	l := line{Seq: e.Seq, When: r.P.DateTime(e.At), Kind: e.Kind, Word: e.Kind, Subject: e.Subject, Name: called[e.Subject], ID: e.ID, Leaf: e.LeafHash().String(), Committed: fmt.Sprintf("%x", e.Commitment)}
	if id := "event." + e.Kind; r.P.Has(id) {
		l.Word = r.P.T(id)
	}
	switch prefix, _, _ := strings.Cut(e.Subject, "_"); prefix {
	case "inc":
		l.SubjectHref = "/cases/" + e.Subject
	case "per":
		l.SubjectHref = "/people/" + e.Subject
	case "dev":
		l.SubjectHref = "/devices/" + e.Subject
	}
	ev, err := e.Open()
	switch {
	case errors.Is(err, journal.ErrErased):
		l.Erased = r.P.T("record.erased", "at", r.P.DateTime(e.ErasedAt))
		return l
	case err != nil:
		l.Broken = r.P.T("record.broken")
		return l
	}
	l.Who = org.NameOf(ev.Actor)
	if id := "record.actor." + ev.Actor; r.P.Has(id) {
		l.Who = r.P.T(id)
	}
	var data any
	if len(ev.Data) > 0 && json.Unmarshal(ev.Data, &data) == nil {
		l.Content = pairs(r, org, "", data)
	}
	return l
}

// pairs lays content out as names and values, people by their names and times in the
// reader's own way. Names that the catalogue does not know stay as they are stored.
func pairs(r *page.Request, org *directory.Org, name string, v any) []pair {
	switch v := v.(type) {
	case map[string]any:
		var out []pair
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(out, pairs(r, org, strings.TrimPrefix(name+"."+k, "."), v[k])...)
		}
		return out
	case []any:
		var texts []string
		for _, x := range v {
			switch x.(type) {
			case map[string]any, []any:
				raw, err := json.Marshal(v)
				if err != nil {
					return nil
				}
				return []pair{{title(r, name), string(raw)}}
			}
			texts = append(texts, value(r, org, x))
		}
		return []pair{{title(r, name), strings.Join(texts, ", ")}}
	}
	if s := value(r, org, v); s != "" {
		return []pair{{title(r, name), s}}
	}
	return nil
}

func title(r *page.Request, name string) string {
	if id := "record.field." + strings.ToLower(name); r.P.Has(id) {
		return r.P.T(id)
	}
	return name
}

func value(r *page.Request, org *directory.Org, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return r.P.T("word.yes")
		}
		return r.P.T("word.no")
	case string:
		if strings.HasPrefix(v, "per_") {
			return org.NameOf(v)
		}
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			if t.IsZero() {
				return ""
			}
			return r.P.DateTime(t)
		}
		return v
	}
	return fmt.Sprint(v)
}

// verify looks at the whole record now. The answer is the page itself, not a
// redirect: nothing was changed that a second sending could change twice.
func (d Deps) verify(w http.ResponseWriter, r *page.Request) error {
	v, err := d.Audit.Verify(r.Context(), r.By)
	if err != nil {
		return err
	}
	x := &verdict{Intact: v.Report.Intact, Entries: v.Report.Entries, Erased: v.Report.Erased, Checkpoints: v.Report.Checkpoints, When: r.P.DateTime(v.At)}
	if x.Intact {
		x.Head, x.Text = r.P.T("record.intact"), r.P.T("record.intact_text")
		return d.render(w, r, x)
	}
	x.Head = r.P.T("record.not_intact")
	if bad := v.Report.FirstBad; bad != nil {
		x.Text, x.EventID = r.P.T("record.reason."+bad.Reason), bad.ID
		x.Place = r.P.T("record.bad_at", "n", bad.Seq)
		if bad.RangeFrom != bad.RangeTo {
			x.Place = r.P.T("record.bad_range", "from", bad.RangeFrom, "to", bad.RangeTo)
		}
	}
	return d.render(w, r, x)
}

func (d Deps) checkpoint(w http.ResponseWriter, r *page.Request) error {
	cp, err := d.Audit.Checkpoint(r.Context(), r.By)
	if err != nil {
		return err
	}
	download(w, "text/plain; charset=utf-8", fmt.Sprintf("checkpoint-%d.txt", cp.Size))
	_, err = w.Write(cp.Note)
	return gone(r, err)
}

// export streams the record: it may be larger than memory. What goes wrong before the
// first byte is an error page; afterwards the connection is cut, so that half a file
// never looks whole.
func (d Deps) export(w http.ResponseWriter, r *page.Request) error {
	name := "journal-" + r.Kit.Now().In(r.Kit.Zone).Format("20060102-1504") + ".ndjson"
	out := &late{w: w, start: func() { download(w, "application/x-ndjson", name) }}
	err := d.Audit.Export(r.Context(), r.By, out)
	if err == nil || !out.begun {
		return err
	}
	r.Kit.Log.ErrorContext(r.Context(), "journal export cut short", "request", r.ID, "error", err)
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		return gone(r, conn.Close())
	}
	return nil
}

// late sets the headers only when the first byte goes out.
type late struct {
	w     io.Writer
	start func()
	begun bool
}

// Write passes bytes on.
func (l *late) Write(p []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.start()
	}
	return l.w.Write(p)
}

func download(w http.ResponseWriter, media, name string) {
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// gone drops the error of a reader who has gone away.
func gone(r *page.Request, err error) error {
	if r.Context().Err() != nil {
		return nil
	}
	return err
}
