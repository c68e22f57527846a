package api

import (
	"encoding/base64"
	"io"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
)

func (s *server) evidenceRoutes() {
	up := op(http.MethodPost, "/incidents/{incident}/evidence", "add-evidence", "evidence", "Keep a file with a case")
	up.Description = "The body is the file itself. Its type is found by looking at it; the Content-Type that is sent is not used."
	up.Parameters = []*huma.Param{pathParam("incident", "Id or label of the case."), queryParam("name", "string", "The file's name.")}
	up.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
	up.Responses = map[string]*huma.Response{"201": {Description: "Kept", Content: map[string]*huma.MediaType{
		"application/json": {Schema: s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[evidenceView](), true, "")}}}}
	s.stream["POST "+up.Path] = s.Incidents.Limits().File + 1 // one more, so that the domain says what is too large
	s.plain(up, s.addEvidence)

	down := op(http.MethodGet, "/evidence/{evidence}", "get-evidence", "evidence", "Fetch a file; the reading is recorded")
	down.Parameters = []*huma.Param{pathParam("evidence", "Id of the file.")}
	down.Responses = map[string]*huma.Response{"200": {Description: "The file", Content: map[string]*huma.MediaType{"application/octet-stream": {}}}}
	s.plain(down, s.getEvidence)
}

func pathParam(name, doc string) *huma.Param {
	return &huma.Param{Name: name, In: "path", Required: true, Description: doc, Schema: &huma.Schema{Type: "string"}}
}

func (s *server) addEvidence(w http.ResponseWriter, r *http.Request, by access.Actor) error {
	return s.keepFile(w, r, func(name, media string, body io.Reader) (string, any, error) {
		e, err := s.Incidents.AddEvidence(r.Context(), by, r.PathValue("incident"), incident.Upload{Name: name, Media: media, Body: body})
		if err != nil {
			return "", nil, err
		}
		o, err := s.People.Org(r.Context())
		if err != nil {
			return "", nil, err
		}
		return v1 + "/evidence/" + e.ID, evidenceOf(o, e), nil
	})
}

func (s *server) getEvidence(w http.ResponseWriter, r *http.Request, by access.Actor) error {
	e, body, err := s.Incidents.OpenEvidence(r.Context(), by, r.PathValue("evidence"))
	if err != nil {
		return err
	}
	w.Header().Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(e.SHA256[:])+":") // RFC 9530
	s.sendFile(w, r, e.Name, e.Media, e.Size, body)
	return nil
}
