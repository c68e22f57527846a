package api

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/sheet"
)

// csvOp describes an operation that answers with a table.
func csvOp(path, id, tag, summary string, more ...*huma.Param) huma.Operation {
	o := op(http.MethodGet, path, id, tag, summary)
	o.Parameters = append(more, &huma.Param{Name: "enc", In: "query", Description: "utf8 (with a byte order mark, the default) or sjis.",
		Schema: &huma.Schema{Type: "string", Enum: []any{"utf8", "sjis"}}})
	o.Responses = map[string]*huma.Response{"200": {Description: "The table", Content: map[string]*huma.MediaType{"text/csv": {}}}}
	return o
}

func queryParam(name, kind, doc string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: doc, Schema: &huma.Schema{Type: kind}}
}

// sendTable streams a table. Once it has begun, an error breaks the connection: a
// table cut short must not look whole.
func (s *server) sendTable(w http.ResponseWriter, r *http.Request, name string, enc sheet.Encoding, header []string, rows iter.Seq[[]string], failed *error) {
	w.Header().Set("Content-Type", enc.Type())
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, err := sheet.Write(w, enc, header, rows)
	if err == nil && failed != nil {
		err = *failed
	}
	if err != nil {
		s.logFailure(r.Context(), err)
		panic(http.ErrAbortHandler)
	}
}

func (s *server) incidentTable() {
	o := csvOp("/incidents.csv", "export-incidents", "incidents", "The incidents that you may see, as a table",
		queryParam("q", "string", "As in the list."), queryParam("kind", "string", "As in the list."), queryParam("status", "string", "As in the list."),
		queryParam("department", "string", "As in the list."), queryParam("unanswered", "boolean", "As in the list."),
		queryParam("from", "string", "As in the list."), queryParam("to", "string", "As in the list."))
	s.plain(o, s.writeIncidents)
}

func (s *server) writeIncidents(w http.ResponseWriter, r *http.Request, by access.Actor) error {
	v := r.URL.Query()
	enc, err := sheet.Chosen(v.Get("enc"))
	if err != nil {
		return err
	}
	in := ListFilter{Text: v.Get("q"), Department: v.Get("department"), From: v.Get("from"), To: v.Get("to"),
		Kinds: list(v.Get("kind")), Statuses: list(v.Get("status"))}
	switch v.Get("unanswered") {
	case "", "false":
	case "true":
		in.Unanswered = true
	default:
		var c fault.Check
		c.Add("unanswered", "api.want_bool", nil)
		return c.Err()
	}
	q, err := s.query(r.Context(), &in)
	if err != nil {
		return err
	}
	q.Limit = 200
	first, err := s.Incidents.Find(r.Context(), by, q) // what is wrong shows before the answer begins
	if err != nil {
		return err
	}
	o, err := s.People.Org(r.Context())
	if err != nil {
		return err
	}
	p := callOf(r.Context()).p
	columns := []string{"label", "kind", "urgency", "status", "summary", "reporter", "on_behalf", "department",
		"occurred", "discovered", "reported", "assignee", "closed", "open_tracks", "drill"}
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = p.T("api.column." + c)
	}
	var failed error
	rows := func(yield func([]string) bool) {
		failed = s.eachRow(r.Context(), by, q, first, func(x incident.Row) bool { return yield(s.cells(p, o, x)) })
	}
	s.sendTable(w, r, "incidents.csv", enc, header, rows, &failed)
	return nil
}

func (s *server) eachRow(ctx context.Context, by access.Actor, q incident.Query, page incident.Page, yield func(incident.Row) bool) error {
	for {
		for _, x := range page.Rows {
			if !yield(x) {
				return nil
			}
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
		var err error
		if page, err = s.Incidents.Find(ctx, by, q); err != nil {
			return err
		}
	}
}

// cells writes one case for people: words of the reader's language, times of the company's zone.
func (s *server) cells(p i18n.Printer, o *directory.Org, x incident.Row) []string {
	at := func(m incident.Moment) string {
		if !m.Known {
			return p.T("word.unknown")
		}
		return m.At.In(s.Zone).Format("2006-01-02 15:04")
	}
	closed := ""
	if !x.ClosedAt.IsZero() {
		closed = x.ClosedAt.In(s.Zone).Format("2006-01-02 15:04")
	}
	drill := ""
	if x.Drill {
		drill = p.T("drills.one")
	}
	var open []string
	for _, r := range x.OpenTracks {
		open = append(open, word(p, "receiver.", string(r)))
	}
	return []string{x.Label, word(p, "kind.", string(x.Kind)), word(p, "urgency.", string(x.Urgency)), word(p, "status.", string(x.Status)),
		x.Summary, o.NameOf(x.Reporter), finder(p, o, x), o.Departments[x.Department].Name,
		at(x.Occurred), at(x.Discovered), x.Reported.In(s.Zone).Format("2006-01-02 15:04"), o.NameOf(x.Assignee), closed, strings.Join(open, " "), drill}
}

// finder is who found it when somebody else reported; of an outsider no more than a list says.
func finder(p i18n.Printer, o *directory.Org, x incident.Row) string {
	if x.Boxed() {
		return p.T("near.nobody")
	}
	if x.Outside == nil {
		return o.NameOf(x.OnBehalf)
	}
	short := x.Outside.Masked()
	return strings.Join(slices.DeleteFunc([]string{p.T("outside.who"), short.Name, short.Contact}, func(s string) bool { return s == "" }), " ")
}

// word is a value's name in the reader's language, or the value where it has none.
func word(p i18n.Printer, prefix, value string) string {
	if p.Has(prefix + value) {
		return p.T(prefix + value)
	}
	return value
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
