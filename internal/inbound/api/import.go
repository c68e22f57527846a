package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/sheet"
)

// maxTable is how many bytes a table may have; the reader of tables has the same limit.
const maxTable = 8 << 20

// planView is what an import would do, or did.
type planView struct {
	Kind      string        `json:"kind" doc:"people or departments, by the header line."`
	Encoding  string        `json:"encoding"`
	Version   int64         `json:"version" doc:"Give it, with hash, to the import."`
	Hash      string        `json:"hash"`
	Lines     int           `json:"lines"`
	Adds      []planEntry   `json:"adds"`
	Changes   []planEntry   `json:"changes"`
	Leaves    []planEntry   `json:"leaves"`
	Unchanged int           `json:"unchanged"`
	Problems  []planProblem `json:"problems" doc:"With any, nothing can be imported."`
}

type planEntry struct {
	Line   int          `json:"line"`
	Key    string       `json:"key" doc:"Employee number or department code."`
	Name   string       `json:"name"`
	Fields []planChange `json:"fields"`
}

type planChange struct {
	Column string `json:"column"`
	Old    string `json:"old"`
	New    string `json:"new"`
}

type planProblem struct {
	Line    int    `json:"line"`
	Column  string `json:"column,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (s *server) importRoutes() {
	file := func(o huma.Operation) huma.Operation {
		o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
		o.Responses = map[string]*huma.Response{"200": {Description: "The plan", Content: map[string]*huma.MediaType{
			"application/json": {Schema: s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[planView](), true, "")}}}}
		s.stream["POST "+o.Path] = maxTable + 1
		return o
	}
	s.plain(file(op(http.MethodPost, "/people/preview", "preview-import", "people", "Say what a table of people or departments would change")), s.preview)
	apply := file(op(http.MethodPost, "/people/import", "import-people", "people", "Import a table that was previewed, all of it or nothing"))
	apply.Parameters = []*huma.Param{queryParam("version", "integer", "The version of the preview."), queryParam("hash", "string", "The hash of the preview.")}
	s.plain(apply, s.importPeople)
	s.plain(csvOp("/people.csv", "export-people", "people", "The directory as a table that the import reads back",
		queryParam("departments", "boolean", "The departments instead of the people.")), s.writePeople)
}

func (s *server) preview(w http.ResponseWriter, r *http.Request, by access.Actor) error {
	body := &upload{r: r.Body}
	plan, err := s.People.PreviewImport(r.Context(), by, body)
	if err != nil {
		if body.err != nil {
			return cutOff(body.err)
		}
		return err
	}
	return s.sendPlan(w, r, plan)
}

func (s *server) importPeople(w http.ResponseWriter, r *http.Request, by access.Actor) error {
	var c fault.Check
	version, err := strconv.ParseInt(r.URL.Query().Get("version"), 10, 64)
	c.That(err == nil, "version", "api.want_integer", nil)
	if err := c.Err(); err != nil {
		return err
	}
	body := &upload{r: r.Body}
	plan, err := s.People.ApplyImport(r.Context(), by, body, version, r.URL.Query().Get("hash"))
	if err != nil {
		if body.err != nil {
			return cutOff(body.err)
		}
		return err
	}
	return s.sendPlan(w, r, plan)
}

func (s *server) sendPlan(w http.ResponseWriter, r *http.Request, plan directory.Plan) error {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(planOf(r.Context(), plan)); err != nil {
		s.logFailure(r.Context(), err)
	}
	return nil
}

func planOf(ctx context.Context, p directory.Plan) planView {
	v := planView{Kind: string(p.Kind), Encoding: string(p.Encoding), Version: p.Version, Hash: p.Hash, Lines: p.Lines,
		Adds: planEntries(p.Adds), Changes: planEntries(p.Changes), Leaves: planEntries(p.Leaves), Unchanged: p.Unchanged, Problems: []planProblem{}}
	for _, x := range p.Problems {
		// As a field of a fault, so that numbers and dates in it are written for people.
		_, texts := callOf(ctx).p.Error(&fault.Error{ID: "fault.invalid", Fields: []fault.Field{{Name: "x", ID: x.ID, Args: x.Args}}})
		v.Problems = append(v.Problems, planProblem{Line: x.Line, Column: x.Column, Code: x.ID, Message: texts["x"]})
	}
	return v
}

func planEntries(es []directory.Entry) []planEntry {
	out := make([]planEntry, 0, len(es))
	for _, e := range es {
		x := planEntry{Line: e.Line, Key: e.Key, Name: e.Name, Fields: []planChange{}}
		for _, f := range e.Fields {
			x.Fields = append(x.Fields, planChange{Column: f.Column, Old: f.Old, New: f.New})
		}
		out = append(out, x)
	}
	return out
}

func (s *server) writePeople(w http.ResponseWriter, r *http.Request, by access.Actor) error {
	enc, err := sheet.Chosen(r.URL.Query().Get("enc"))
	if err != nil {
		return err
	}
	export, name := s.People.ExportPeople, "people.csv"
	switch r.URL.Query().Get("departments") {
	case "", "false":
	case "true":
		export, name = s.People.ExportDepartments, "departments.csv"
	default:
		var c fault.Check
		c.Add("departments", "api.want_bool", nil)
		return c.Err()
	}
	header, rows, err := export(r.Context(), by)
	if err != nil {
		return err
	}
	s.sendTable(w, r, name, enc, header, rows, nil)
	return nil
}
