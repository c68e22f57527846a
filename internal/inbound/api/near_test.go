package api

import (
	"strings"
	"testing"

	"sekimori/internal/domain/incident"
)

// A near miss says what it nearly became; one of the box has nobody to write to.
func TestNearMisses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := w.send("per_hanako", "POST", "/api/v1/incidents", `{"kind":"near_miss","nearly":"missent","summary":"宛先を間違えかけた"}`).want(201).text("nearly"); got != "missent" {
		t.Errorf("nearly %q", got)
	}
	for _, body := range []string{`{"kind":"lost","nearly":"lost","summary":"x"}`, `{"kind":"near_miss","nearly":"near_miss","summary":"x"}`} {
		if got := w.send("per_hanako", "POST", "/api/v1/incidents", body).want(422).Body.String(); !strings.Contains(got, "body.nearly") {
			t.Errorf("%s: %s", body, got)
		}
	}
	for range 2 {
		must(t, w.cases.PutInBox(t.Context(), incident.Slip{Key: incident.NewBoxKey(), Summary: "鞄を置き忘れかけた", Words: "手元に戻した"}))
	}
	if n, err := w.cases.OpenBox(t.Context(), false); n != 2 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	list := w.send("per_manager", "GET", "/api/v1/incidents?kind=near_miss&limit=1", "").want(200).json()
	one := list["items"].([]any)[0].(map[string]any)
	if one["channel"] != "box" || one["reporter"] != nil || one["on_behalf"] != nil || one["outside"] != nil {
		t.Errorf("in the list: %v", one)
	}
	at := "/api/v1/incidents/" + one["label"].(string)
	w.send("per_manager", "GET", at, "").want(200)
	w.send("per_manager", "POST", at+"/messages", `{"text":"ありがとう"}`).want(409)
	w.send("per_hanako", "GET", at, "").want(404)
	if s := w.send("per_manager", "GET", "/api/v1/incidents.csv", "", "Accept-Language", "en").want(200).Body.String(); strings.Count(s, "From the box, without a name") != 2 {
		t.Errorf("table: %s", s)
	}
}
