package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// route is one operation of the document.
type route struct {
	method, path string
	op           struct {
		OperationID string
		Summary     string
		Parameters  []struct {
			Name string
			In   string
			Ref  string `json:"$ref"`
		}
		Responses map[string]struct {
			Content map[string]any
		}
		RequestBody struct {
			Content map[string]any
		}
	}
}

func routesOf(t testing.TB, w *world) []route {
	t.Helper()
	a := w.send("", "GET", "/api/openapi.json", "").want(200)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	must(t, json.Unmarshal(a.Body.Bytes(), &doc))
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("OpenAPI %q, want 3.1", doc.OpenAPI)
	}
	var out []route
	for path, item := range doc.Paths {
		for method, raw := range item {
			r := route{method: strings.ToUpper(method), path: path}
			must(t, json.Unmarshal(raw, &r.op))
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b route) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return out
}

func TestDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	routes := routesOf(t, w)
	if len(routes) < 30 {
		t.Errorf("the document names %d operations", len(routes))
	}
	for _, r := range routes {
		keyed := false
		for _, p := range r.op.Parameters {
			keyed = keyed || p.Name == KeyHeader && p.In == "header"
		}
		if keyed != (r.method == "POST") {
			t.Errorf("%s %s: declares %s: %v", r.method, r.path, KeyHeader, keyed)
		}
		if _, ok := r.op.Responses["default"].Content[problemType]; !ok {
			t.Errorf("%s %s: no problem declared", r.method, r.path)
		}
		if r.op.OperationID == "" || r.op.Summary == "" {
			t.Errorf("%s %s: no operation id or summary", r.method, r.path)
		}
		if !strings.HasPrefix(r.path, "/api/v1/") {
			t.Errorf("%s is outside /api/v1", r.path)
		}
	}
	raw := w.send("", "GET", "/api/openapi.json", "").Body.String()
	for _, never := range []string{"$schema", "ErrorModel"} {
		if strings.Contains(raw, never) {
			t.Errorf("the document mentions %s", never)
		}
	}
}

// TestEveryRouteWantsAToken asks each operation without a token, and with a cookie alone.
func TestEveryRouteWantsAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, r := range routesOf(t, w) {
		path := filled(r.path)
		if code := w.send("", r.method, path, "").want(401).text("code"); code != "fault.unauthenticated" {
			t.Errorf("%s %s: code %q", r.method, path, code)
		}
		if code := w.send("", r.method, path, "", "Cookie", "session=whatever").want(401).text("code"); code != "api.no_cookies" {
			t.Errorf("%s %s with a cookie: code %q", r.method, path, code)
		}
	}
}

// filled replaces the places of a path by something.
func filled(path string) string {
	for strings.Contains(path, "{") {
		i, j := strings.Index(path, "{"), strings.Index(path, "}")
		v := "x"
		if path[i+1:j] == "seq" {
			v = "1"
		}
		path = path[:i] + v + path[j+1:]
	}
	return path
}
