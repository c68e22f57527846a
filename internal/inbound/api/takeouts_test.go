package api

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/outbound/store"
)

// takingOut is the real rules of take-outs over the world's store, with no ledger.
func takingOut(t testing.TB, db *store.DB, people *directory.Service, now func() time.Time, zone *time.Location) *takeout.Service {
	t.Helper()
	law, err := takeout.Grounds()
	must(t, err)
	return takeout.NewService(takeout.Parts{Store: db, People: people, Now: now, Zone: zone, Calendar: jpcal.New(zone, jpcal.Options{}), Law: law,
		Things: func(context.Context, access.Actor, string) (takeout.Thing, bool, error) {
			return takeout.Thing{}, false, nil
		},
		Report: func(ctx context.Context, _ access.Actor, _ takeout.Loss, also func(tx takeout.Tx, incident, label string) error) error {
			return db.UpdateIncidents(ctx, func(tx incident.Tx) error { return also(tx.(takeout.Tx), "inc_x", "INC-2026-0099") })
		},
		Lose: func(context.Context, takeout.Tx, access.Actor, string, string) error { return nil }})
}

// TestTakeOut goes one way by programs, each step by who may.
func TestTakeOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admin()
	now := time.Now()
	line := fmt.Sprintf(`[{"name":"名簿.zip","size":10,"sha256":%q,"kinds":["name"],"people":1001}]`, strings.Repeat("ab", 32))
	kept := w.send("per_hanako", "POST", "/api/v1/take-out-manifests", line, KeyHeader, "m1").want(201)
	manifest := kept.text("id")
	if w.send("per_hanako", "POST", "/api/v1/take-out-manifests", line).want(201).text("id") != manifest {
		t.Error("the same list was kept twice")
	}
	w.send("per_hanako", "POST", "/api/v1/take-out-manifests", `{`).want(422)
	w.send("per_hanako", "POST", "/api/v1/take-out-manifests", `[{"name":"a","sha256":"x"}]`).want(422)
	asked := w.send("per_hanako", "POST", "/api/v1/requests", fmt.Sprintf(`{"kind":"take_out","form":{"items":[{"kind":"paper","name":"案内","count":3}],"purpose":"展示会","where":"架空ホール","way":"foot","from":%q,"until":%q,
		"kinds":["none"],"owners":["customers"],"headcount":5,"certainty":"known","manifest":%q}}`, now.Format(time.RFC3339), now.Add(30*time.Hour).Format(time.RFC3339), manifest)).want(201)
	req := asked.text("label")
	if body := w.send("per_hanako", "GET", "/api/v1/requests/"+req+"/manifest", "").want(200).Body.String(); !strings.Contains(body, "名簿.zip") {
		t.Errorf("manifest: %s", body)
	}
	w.send("per_hanako", "POST", "/api/v1/take-outs", fmt.Sprintf(`{"request":%q}`, req)).want(409)
	w.send("per_hanako", "GET", "/api/v1/take-outs/TKO-2026-0001", "").want(404)
	w.send("per_hanako", "GET", "/api/v1/take-outs?after=x", "").want(422)
	w.send("per_hanako", "GET", "/api/v1/take-outs?state=flying", "").want(422)
	w.send("per_hanako", "POST", "/api/v1/take-outs/TKO-2026-0001/leave", `{"rules":true}`).want(422)
	if items := w.send("per_hanako", "GET", "/api/v1/take-outs?open=true&late=true&q=x", "").want(200).Body.String(); !strings.Contains(items, `"items":[]`) {
		t.Errorf("list: %s", items)
	}
}
