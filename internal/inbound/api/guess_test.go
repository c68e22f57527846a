package api

import (
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
)

// TestGuessedKind: whoever works on a case sees that its kind was guessed, and says once of
// what kind it is; nobody else does.
func TestGuessedKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	taken, err := w.cases.TakeMail(t.Context(), access.System(), incident.Mailed{Key: "1", Sender: "ichiro@outside.example", Subject: "変なメール", Kind: incident.Complaint, Guessed: true})
	must(t, err)
	at := "/api/v1/incidents/" + taken.Incident.Label
	seen := w.send("per_manager", "GET", at, "").want(200)
	if seen.json()["guessed"] != true || seen.text("kind") != "complaint" {
		t.Errorf("before: %s", seen.Body)
	}
	for _, tt := range []struct {
		who, body string
		want      int
	}{
		{"per_manager", `{"kind":"pigeon"}`, 422},
		{"per_manager", `{}`, 422},
		{"per_hanako", `{"kind":"virus"}`, 404},  // does not see it
		{"reporter", `{"kind":"virus"}`, 404},    // with a token for reports only, as little
		{"per_auditor", `{"kind":"virus"}`, 403}, // changes nothing
		{"per_manager", `{"kind":"virus"}`, 204},
		{"per_manager", `{"kind":"lost"}`, 409}, // once
	} {
		if a := w.send(tt.who, "POST", at+"/kind", tt.body); a.Code != tt.want {
			t.Errorf("%s %s: %d %s", tt.who, tt.body, a.Code, a.Body)
		}
	}
	after := w.send("per_manager", "GET", at, "").want(200)
	if _, still := after.json()["guessed"]; still || after.text("kind") != "virus" || after.text("urgency") != "urgent" {
		t.Errorf("after: %s", after.Body)
	}
}
