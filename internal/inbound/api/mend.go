package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sekimori/internal/kit/fault"
)

// errText says that a JSON text holds a character that no column takes.
var errText = errors.New("a text holds the character U+0000")

// unmarshal reads JSON. The library reads each body twice, first into an any: that is
// where texts are looked at.
func unmarshal(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return err
	}
	if tree, ok := v.(*any); ok && holdsNUL(*tree) {
		return errText
	}
	return nil
}

func holdsNUL(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.ContainsRune(v, 0)
	case []any:
		for _, x := range v {
			if holdsNUL(x) {
				return true
			}
		}
	case map[string]any:
		for k, x := range v {
			if strings.ContainsRune(k, 0) || holdsNUL(x) {
				return true
			}
		}
	}
	return false
}

// translate turns what the library found wrong with a request, in its own English, into
// a Problem with our message ids and the caller's language.
func (s *server) translate(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	c := callOf(ctx.Context())
	ctx.SetHeader("Content-Type", problemType)
	ctx.SetHeader("Content-Language", string(c.p.Lang()))
	f := &fault.Error{Kind: fault.Invalid, ID: "fault.invalid"}
	switch m.Status {
	case http.StatusBadRequest:
		f.ID = "fault.bad_json"
		if len(m.Errors) == 0 {
			f.ID = "api.no_body"
		}
	case http.StatusUnsupportedMediaType:
		f.ID = "api.want_json"
	case http.StatusRequestEntityTooLarge:
		f = fault.As(tooLarge(s.MaxBody))
	case http.StatusInternalServerError:
		s.logFailure(ctx.Context(), errors.New(m.Detail))
		f = fault.As(internal(c))
	}
	p := &Problem{Type: "about:blank", Title: http.StatusText(m.Status), Status: m.Status, Code: f.ID, RequestID: c.id, header: http.Header{}}
	p.Detail, _ = c.p.Error(f)
	if f.ID != "fault.invalid" {
		return p, nil
	}
	for _, d := range m.Errors {
		at, id, args := mend(d.Location, d.Message)
		_, texts := c.p.Error(&fault.Error{ID: f.ID, Fields: []fault.Field{{Name: at, ID: id, Args: args}}})
		p.Errors = append(p.Errors, ProblemField{Location: at, Code: id, Message: texts[at]})
	}
	return p, nil
}

// mend finds our message for one of the library's (its package validation lists them).
func mend(at, msg string) (location, id string, args fault.Args) {
	var name string
	var n int
	scan := func(format string, v any) bool {
		_, err := fmt.Sscanf(msg, format, v)
		return err == nil
	}
	number := func() fault.Args { return fault.Args{"min": fmt.Sprint(n), "max": fmt.Sprint(n)} }
	switch {
	case scan("expected required property %s to be present", &name):
		return at + "." + name, "fault.required", nil
	case strings.HasPrefix(msg, "required "):
		return at, "fault.required", nil
	case msg == "unexpected property", msg == "unknown query parameter":
		return at, "fault.unknown_field", nil
	case strings.HasPrefix(msg, "expected value to be one of"):
		return at, "fault.unknown_choice", nil
	case scan("expected length <= %d", &n):
		return at, "fault.too_long", number()
	case scan("expected number <= %d", &n):
		return at, "api.at_most", number()
	case scan("expected number >= %d", &n):
		return at, "api.at_least", number()
	case scan("expected array length <= %d", &n):
		return at, "api.too_many", number()
	}
	for word, id := range map[string]string{
		"string": "api.want_text", "boolean": "api.want_bool", "integer": "api.want_integer",
		"array": "api.want_list", "object": "api.want_object",
	} {
		if msg == "expected "+word || msg == "invalid "+word {
			return at, id, nil
		}
	}
	return at, "api.bad_value", nil
}
