package api

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/fault"
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

// upload passes a body on and remembers why it broke off: a caller's broken
// connection is not a failure of ours.
type upload struct {
	r   io.Reader
	err error
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		u.err = err
	}
	return n, err
}

func (s *server) addEvidence(w http.ResponseWriter, r *http.Request, by access.Actor) error {
	body := &upload{r: r.Body}
	look := bufio.NewReaderSize(body, 4<<10)
	head, err := look.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return cutOff(err)
	}
	e, err := s.Incidents.AddEvidence(r.Context(), by, r.PathValue("incident"),
		incident.Upload{Name: r.URL.Query().Get("name"), Media: http.DetectContentType(head), Body: look})
	if err != nil {
		if body.err != nil && fault.As(err) == nil {
			return cutOff(body.err)
		}
		return err
	}
	o, err := s.People.Org(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", v1+"/evidence/"+e.ID)
	w.WriteHeader(http.StatusCreated)
	if err := json.NewEncoder(w).Encode(evidenceOf(o, e)); err != nil {
		s.logFailure(r.Context(), fmt.Errorf("write answer: %w", err))
	}
	return nil
}

func (s *server) getEvidence(w http.ResponseWriter, r *http.Request, by access.Actor) error {
	e, body, err := s.Incidents.OpenEvidence(r.Context(), by, r.PathValue("evidence"))
	if err != nil {
		return err
	}
	defer body.Close()
	h := w.Header()
	h.Set("Content-Type", e.Media)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": e.Name}))
	h.Set("Content-Length", strconv.FormatInt(e.Size, 10))
	h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(e.SHA256[:])+":") // RFC 9530
	if _, err := io.Copy(w, body); err != nil {
		s.logFailure(r.Context(), fmt.Errorf("send evidence %s: %w", e.ID, err))
		panic(http.ErrAbortHandler)
	}
	return nil
}
