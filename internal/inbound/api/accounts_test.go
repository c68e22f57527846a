package api

import (
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/kit/id"
	"sekimori/internal/kit/passkey"
)

// TestPasskeys: one sees and ends one's own, and who manages accounts anybody's. No
// program adds one.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	k := access.Passkey{ID: id.New("pky", made), Person: "per_hanako", Name: "電話", Key: passkey.Key{ID: []byte{1}, Public: []byte{2}}, Created: made}
	if err := w.db.UpdateAccess(t.Context(), func(tx access.Tx) error { return tx.InsertPasskey(t.Context(), k) }); err != nil {
		t.Fatal(err)
	}
	list := w.send("per_hanako", "GET", "/api/v1/passkeys", "").want(200).json()["items"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["name"] != "電話" || list[0].(map[string]any)["key"] != nil {
		t.Errorf("list %v", list)
	}
	w.send("per_boss", "GET", "/api/v1/passkeys?person=per_hanako", "").want(403)
	w.send("per_boss", "DELETE", "/api/v1/passkeys/"+k.ID+"?person=per_hanako", "").want(403)
	w.send("per_boss", "DELETE", "/api/v1/passkeys/"+k.ID, "").want(404)
	w.send("per_hanako", "POST", "/api/v1/passkeys", `{"name":"x"}`).want(405)
	w.send("per_hanako", "DELETE", "/api/v1/passkeys/"+k.ID, "").want(204)
	w.send("per_hanako", "DELETE", "/api/v1/passkeys/"+k.ID, "").want(404)
}
