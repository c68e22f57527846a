package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sekimori/internal/domain/asset"
	"sekimori/internal/domain/device"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/request"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/i18n"
	"sekimori/internal/kit/jpcal"
	"sekimori/internal/kit/wire"
	"sekimori/internal/outbound/store"
)

// lending is the real rules of applications, of the ledger and of counting over the
// world's store.
func lending(t testing.TB, db *store.DB, files asset.Blobs, people *directory.Service, signer note.Signer, now func() time.Time, zone *time.Location,
	words i18n.Printer, reissue func(context.Context, device.Tx, string) error) (*asset.Service, *request.Service, *asset.StockService) {
	t.Helper()
	cal := jpcal.New(zone, jpcal.Options{})
	assets := asset.NewService(asset.Parts{Store: db, Blobs: files, People: people, Devices: ownersIn{db}, Now: now, Zone: zone, Calendar: cal,
		Reissue: func(ctx context.Context, tx asset.Tx, id string) error { return reissue(ctx, tx.(device.Tx), id) },
		Sign:    func(k wire.MediumToken) (string, error) { return wire.SignMedium(k, signer) },
		Draft:   func(context.Context, asset.Draft) error { return nil }})
	requests, err := request.NewService(request.Parts{Store: db, People: people, Now: now, Zone: zone, Calendar: cal,
		Kinds: []request.Kind{assets.LoanKind(), assets.ExtensionKind(), takingOut(t, db, people, now, zone).Kind()}})
	must(t, err)
	stocks := asset.NewStockService(asset.StockParts{Store: db, People: people, Now: now, Zone: zone, Calendar: cal, Company: "青葉商事", Words: words,
		Signer: signer, Origins: []string{"https://sekimori.example"}})
	return assets, requests, stocks
}

// ownersIn tells whose PC is whose.
type ownersIn struct{ db *store.DB }

func (o ownersIn) Owner(ctx context.Context, id string) (person, name string, ok bool, err error) {
	r, err := o.db.Device(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return "", "", false, nil
	}
	return r.Person, r.Name, err == nil && r.RefusedAt.IsZero(), err
}

func (o ownersIn) OfPerson(ctx context.Context, person string) ([]asset.DeviceRef, error) {
	rs, err := o.db.FindDevices(ctx, device.Query{Person: person, Limit: 10})
	var out []asset.DeviceRef
	for _, r := range rs {
		out = append(out, asset.DeviceRef{ID: r.ID, Name: r.Name})
	}
	return out, err
}

const stick = `{"number":"USB-0001","kind":"usb_memory","model":"Sample 32G","vendor":"0951","product":"1666","serial":"A1","department":"S1","keeper":"0002","place":"棚3"}`

func loanForm(from, until time.Time, pc string) string {
	return fmt.Sprintf(`{"kind":"loan","form":{"asset":"USB-0001","purpose":"展示会","contents":"資料","device":%q,"from":%q,"until":%q}}`,
		pc, from.Format(time.RFC3339), until.Format(time.RFC3339))
}

// TestLoan lends one thing from the application to the count, each step by who may.
func TestLoan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admin()
	pc, _ := w.enrol(w.send("per_admin", "POST", "/api/v1/devices/tokens", `{"person":"0001"}`).want(201).text("secret"))

	w.send("per_hanako", "POST", "/api/v1/assets", stick).want(403)
	w.send("per_admin", "POST", "/api/v1/assets", strings.Replace(stick, "usb_memory", "teapot", 1)).want(422)
	made := w.send("per_admin", "POST", "/api/v1/assets", stick, KeyHeader, "a1").want(201)
	if made.text("state") != "in_store" || made.Header().Get("Location") != "/api/v1/assets/USB-0001" {
		t.Errorf("made: %s", made.Body)
	}
	w.send("per_admin", "POST", "/api/v1/assets", stick).want(422)
	w.send("per_hanako", "GET", "/api/v1/assets/USB-0001", "").want(404) // not theirs yet: it does not exist
	w.send("reporter", "GET", "/api/v1/assets", "").want(403)
	if items := w.send("per_auditor", "GET", "/api/v1/assets?q=Sample&state=in_store&keeper=0002&department=S1", "").want(200).json()["items"].([]any); len(items) != 1 {
		t.Errorf("list: %v", items)
	}
	w.send("per_admin", "PUT", "/api/v1/assets/USB-0001", `{"version":99,"kind":"usb_memory","department":"S1","keeper":"0002"}`).want(409)

	from, until := time.Now(), time.Now().Add(48*time.Hour)
	w.send("per_hanako", "POST", "/api/v1/requests", loanForm(from.Add(-72*time.Hour), until, pc)).want(422)
	w.send("per_auditor", "POST", "/api/v1/requests", loanForm(from, until, pc)).want(403)
	asked := w.send("per_hanako", "POST", "/api/v1/requests", loanForm(from, until, pc), KeyHeader, "r1").want(201)
	again := w.send("per_hanako", "POST", "/api/v1/requests", loanForm(from, until, pc), KeyHeader, "r1").want(201)
	if asked.text("label") == "" || asked.text("label") != again.text("label") || asked.text("state") != "waiting" {
		t.Fatalf("asked: %s, repeated: %s", asked.Body, again.Body)
	}
	at := "/api/v1/requests/" + asked.text("label")
	w.send("per_admin", "GET", at, "").want(404)
	decide := func(who, verdict, digest string) answer {
		return w.send(who, "POST", at+"/decide", fmt.Sprintf(`{"verdict":%q,"digest":%q,"note":"-"}`, verdict, digest))
	}
	digest := asked.text("digest")
	decide("per_hanako", "approve", digest).want(403)
	decide("per_admin", "approve", digest).want(404)
	decide("per_boss", "approve", strings.Repeat("0", 64)).want(409)
	decide("per_boss", "maybe", digest).want(422)
	w.send("per_boss", "POST", at+"/ask", `{"text":"何を渡しますか"}`).want(200)
	w.send("per_hanako", "POST", at+"/reply", `{"text":"冊子の原稿"}`).want(200)
	decide("per_boss", "approve", digest).want(200)
	if one := w.send("per_manager", "GET", "/api/v1/requests?box=for_me", "").want(200).json()["items"].([]any); len(one) != 1 {
		t.Errorf("for the manager: %v", one)
	}
	w.send("per_boss", "POST", "/api/v1/loans", `{"request":"`+asked.text("label")+`","asset":"USB-0001"}`).want(409)
	if got := decide("per_manager", "approve", digest).want(200); got.text("state") != "approved" || len(got.json()["words"].([]any)) != 2 {
		t.Errorf("approved: %s", got.Body)
	}

	w.send("per_hanako", "POST", "/api/v1/loans", `{"request":"`+asked.text("label")+`","asset":"USB-0001"}`).want(404)
	given := w.send("per_boss", "POST", "/api/v1/loans", `{"request":"`+asked.text("label")+`","asset":"USB-0001"}`, KeyHeader, "l1").want(201)
	w.send("per_boss", "POST", "/api/v1/loans", `{"request":"`+asked.text("label")+`","asset":"USB-0001"}`).want(409) // used once
	loan := "/api/v1/loans/" + given.text("label")
	w.send("per_boss", "POST", loan+"/receive", "").want(403)
	if got := w.send("per_hanako", "POST", loan+"/receive", "").want(200); got.text("state") != "out" || got.text("device") != pc {
		t.Errorf("received: %s", got.Body)
	}
	w.send("per_hanako", "POST", loan+"/take-back", "").want(403)
	w.send("per_boss", "POST", loan+"/chase", "").want(409)
	w.send("per_boss", "POST", loan+"/take-back", "").want(200)
	check := `{"content":"work_files","erased":"erased"}`
	w.send("per_hanako", "POST", loan+"/confirm", check).want(403)
	w.send("per_boss", "POST", loan+"/confirm", check).want(403)
	if got := w.send("per_admin", "POST", loan+"/confirm", check).want(200); got.text("state") != "done" {
		t.Errorf("confirmed: %s", got.Body)
	}
	seen := w.send("per_admin", "GET", "/api/v1/assets/USB-0001", "").want(200).json()
	if seen["state"] != "in_store" || len(seen["loans"].([]any)) != 1 || len(seen["history"].([]any)) < 5 {
		t.Errorf("in the end: %v", seen)
	}
	if n := w.send("per_manager", "GET", "/api/v1/assets/count", "").want(200).json()["in_store"]; n != 1.0 {
		t.Errorf("count: %v", n)
	}
}

// TestApplicationsGoOtherWays: mended, sent back, withdrawn; and who writes the chains.
func TestApplicationsGoOtherWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admin()
	w.send("per_admin", "POST", "/api/v1/assets", stick).want(201)
	from, until := time.Now(), time.Now().Add(48*time.Hour)
	asked := w.send("per_hanako", "POST", "/api/v1/requests", loanForm(from, until, "")).want(201)
	at := "/api/v1/requests/" + asked.text("id")
	var form struct{ Form json.RawMessage }
	must(t, json.Unmarshal([]byte(loanForm(from, until.Add(time.Hour), "")), &form))
	w.send("per_hanako", "POST", at+"/mend", fmt.Sprintf(`{"form":%s,"revision":7}`, form.Form)).want(409)
	mended := w.send("per_hanako", "POST", at+"/mend", fmt.Sprintf(`{"form":%s,"revision":1}`, form.Form)).want(200)
	if mended.text("digest") == asked.text("digest") || mended.json()["revision"] != 2.0 {
		t.Errorf("mended: %s", mended.Body)
	}
	old := w.send("per_boss", "POST", at+"/decide", fmt.Sprintf(`{"verdict":"approve","digest":%q}`, asked.text("digest"))).want(409)
	if old.text("code") != "request.changed" {
		t.Errorf("a decision about the old form: %s", old.Body)
	}
	w.send("per_boss", "POST", at+"/decide", fmt.Sprintf(`{"verdict":"send_back","digest":%q}`, mended.text("digest"))).want(422) // no reason
	w.send("per_boss", "POST", at+"/decide", fmt.Sprintf(`{"verdict":"send_back","note":"期間を短く","digest":%q}`, mended.text("digest"))).want(200)
	w.send("per_boss", "POST", at+"/withdraw", `{}`).want(403)
	if got := w.send("per_hanako", "POST", at+"/withdraw", `{"reason":"不要になった"}`).want(200); got.text("state") != "withdrawn" {
		t.Errorf("withdrawn: %s", got.Body)
	}
	w.send("per_hanako", "GET", "/api/v1/requests?after=nonsense", "").want(422)
	w.send("per_hanako", "GET", "/api/v1/requests?box=every", "").want(403)
	if all := w.send("per_auditor", "GET", "/api/v1/requests?box=every&state=withdrawn", "").want(200).json()["items"].([]any); len(all) != 1 {
		t.Errorf("all: %v", all)
	}
	chain := `{"version":0,"steps":[{"role":"head","need":"one"}],"remind_hours":8,"climb_hours":16,"life_hours":100}`
	w.send("per_boss", "PUT", "/api/v1/request-chains/loan", chain).want(403)
	w.send("per_manager", "PUT", "/api/v1/request-chains/loan", strings.Replace(chain, `"climb_hours":16`, `"climb_hours":1`, 1)).want(422)
	w.send("per_manager", "PUT", "/api/v1/request-chains/teapot", chain).want(404)
	w.send("per_manager", "PUT", "/api/v1/request-chains/loan", chain).want(200)
	w.send("per_manager", "PUT", "/api/v1/request-chains/loan", chain).want(409)
}

// TestLedgerTable previews, imports and exports the ledger.
func TestLedgerTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admin()
	table := "管理番号,種別,部門コード,管理者社員番号\r\nPC-0001,PC,S1,0001\r\nLK-0001,ロッカー,S1,0002\r\n"
	w.send("per_hanako", "POST", "/api/v1/assets/preview", table, "Content-Type", "text/csv").want(403)
	bad := w.send("per_admin", "POST", "/api/v1/assets/preview", strings.Replace(table, "ロッカー", "急須", 1), "Content-Type", "text/csv").want(200).json()
	if p := bad["problems"].([]any); len(p) != 1 || p[0].(map[string]any)["line"] != 3.0 || p[0].(map[string]any)["message"] == "" {
		t.Errorf("problems: %v", bad)
	}
	plan := w.send("per_admin", "POST", "/api/v1/assets/preview", table, "Content-Type", "text/csv").want(200)
	apply := "/api/v1/assets/import?hash=" + plan.text("hash") + "&version="
	w.send("per_admin", "POST", apply+"old", table, "Content-Type", "text/csv").want(409)
	w.send("per_admin", "POST", apply+plan.text("version"), table, "Content-Type", "text/csv").want(200)
	if out := w.send("per_auditor", "GET", "/api/v1/assets.csv", "").want(200).Body.String(); !strings.Contains(out, "PC-0001") || !strings.Contains(out, "LK-0001") {
		t.Errorf("export: %s", out)
	}
	w.send("per_auditor", "GET", "/api/v1/assets.csv?enc=utf7", "").want(422)

	w.send("per_admin", "POST", "/api/v1/assets/PC-0001/state", `{"state":"in_repair","reason":"画面"}`).want(200)
	w.send("per_admin", "POST", "/api/v1/assets/PC-0001/disposal", `{"method":"destroyed"}`).want(200)
	w.send("per_admin", "POST", "/api/v1/assets/PC-0001/disposal/confirm", "").want(403)
	if got := w.send("per_manager", "POST", "/api/v1/assets/PC-0001/disposal/confirm", "").want(200); got.text("state") != "disposed" {
		t.Errorf("disposed: %s", got.Body)
	}
	photo := w.send("per_admin", "POST", "/api/v1/assets/LK-0001/photos?name=locker.png", "\x89PNG\r\n\x1a\n0000", "Content-Type", "image/png").want(201)
	if got := w.send("per_auditor", "GET", "/api/v1/asset-photos/"+photo.text("id"), "").want(200); got.Header().Get("Content-Type") != "image/png" {
		t.Errorf("photo: %v", got.Header())
	}
	w.send("per_admin", "POST", "/api/v1/assets/LK-0001/photos?name=x.html", "<html>", "Content-Type", "image/png").want(422)
	w.send("per_hanako", "GET", "/api/v1/asset-photos/"+photo.text("id"), "").want(404)

	w.send("per_hanako", "GET", "/api/v1/media/policy", "").want(403)
	w.send("per_admin", "PUT", "/api/v1/media/policy", `{"version":0,"mode":"observe","departments":{"S1":"block"}}`).want(200)
	w.send("per_admin", "PUT", "/api/v1/media/policy", `{"version":0,"mode":"off"}`).want(409)
	if got := w.send("per_auditor", "GET", "/api/v1/media/policy", "").want(200).json(); got["departments"].(map[string]any)["dpt_sales"] != "block" {
		t.Errorf("policy: %v", got)
	}
	w.send("per_auditor", "GET", "/api/v1/media/attempts", "").want(200)
	w.send("per_auditor", "GET", "/api/v1/media/would-block", "").want(200)
}

// TestStockTake counts a small ledger and reads the signed result.
func TestStockTake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admin()
	w.send("per_admin", "POST", "/api/v1/assets", stick).want(201)
	w.send("per_admin", "POST", "/api/v1/assets", strings.Replace(stick, "USB-0001", "USB-0002", 1)).want(201)
	day := time.Now().Add(72 * time.Hour).Format(time.DateOnly)
	w.send("per_hanako", "POST", "/api/v1/stock-takes", `{"title":"年次","due":"`+day+`"}`).want(403)
	w.send("per_admin", "POST", "/api/v1/stock-takes", `{"title":"年次","due":"31.12."}`).want(422)
	opened := w.send("per_admin", "POST", "/api/v1/stock-takes", `{"title":"年次","due":"`+day+`","departments":["S1"],"kinds":["usb_memory"]}`).want(201)
	at := "/api/v1/stock-takes/" + opened.text("label")
	seen := w.send("per_boss", "POST", at+"/seen", `{"codes":["USB-0001","急須","USB-9999"],"place":"棚3"}`).want(200).json()["items"].([]any)
	if len(seen) != 3 || seen[0].(map[string]any)["result"] != "found" || seen[2].(map[string]any)["result"] != "unknown" {
		t.Errorf("seen: %v", seen)
	}
	w.send("per_boss", "DELETE", "/api/v1/stock-sightings/"+seen[2].(map[string]any)["sighting"].(string), "").want(204)
	if missing := w.send("per_admin", "GET", at+"/lines?result=missing", "").want(200).json()["items"].([]any); len(missing) != 1 {
		t.Errorf("missing: %v", missing)
	}
	if n := w.send("per_admin", "POST", at+"/remind", "").want(200).json()["letters"]; n != 1.0 {
		t.Errorf("letters: %v", n)
	}
	hash := func() string { return w.send("per_admin", "GET", at, "").want(200).text("hash") }
	w.send("per_admin", "POST", at+"/finish", `{"hash":"`+hash()+`"}`).want(409) // the missing one has no note
	w.send("per_admin", "POST", at+"/notes", `{"numbers":["USB-0002"],"done":"searching","text":"倉庫"}`).want(200)
	w.send("per_admin", "GET", at+"/result", "").want(404)
	w.send("per_boss", "POST", at+"/finish", `{"hash":"x"}`).want(403)
	w.send("per_admin", "POST", at+"/finish", `{"hash":"`+hash()+`"}`).want(200)
	var r struct {
		CSV, Data []byte
		Note      string
	}
	must(t, json.Unmarshal(w.send("per_auditor", "GET", at+"/result", "").want(200).Body.Bytes(), &r))
	report, err := asset.VerifyStock(asset.StockSeal{CSV: r.CSV, Data: r.Data, Note: r.Note}, w.verify)
	if err != nil || report.Totals.Missing != 1 || report.Totals.Found != 1 {
		t.Errorf("result: %v %+v", err, report)
	}
}
