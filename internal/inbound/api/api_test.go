package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sekimori/internal/domain/journal"
)

const report = `{"kind":"missent","summary":"見積書を別の会社へ送りました","occurred":"2026-01-05T09:30:00+09:00","discovered":"unknown"}`

// TestCase follows one case from the report to its close, each step by who may do it.
func TestCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.send("reporter", "POST", "/api/v1/incidents", report, KeyHeader, "k1", "User-Agent", "sekimori-cli/1").want(201)
	label := made.text("label")
	if made.Header().Get("Location") != "/api/v1/incidents/"+label || made.text("channel") != "cli" ||
		made.text("occurred") != "2026-01-05T00:30:00Z" || made.text("discovered") != "unknown" {
		t.Errorf("report: %s", made.Body)
	}
	if again := w.send("reporter", "POST", "/api/v1/incidents", report, KeyHeader, "k1").want(201).text("label"); again != label {
		t.Errorf("the same key made %s after %s", again, label)
	}
	other := strings.Replace(report, "見積書", "請求書", 1)
	if code := w.send("reporter", "POST", "/api/v1/incidents", other, KeyHeader, "k1").want(409).text("code"); code != "fault.idempotency_mismatch" {
		t.Errorf("another report with the same key: %s", code)
	}

	at := "/api/v1/incidents/" + label
	w.send("per_hanako", "POST", at+"/facts", `{"text":"unknown","question":"missent.to"}`).want(201)
	w.send("per_hanako", "POST", at+"/facts", `{"corrects":"discovered","moment":"2026-01-05T01:00:00Z"}`).want(201)
	w.send("per_hanako", "POST", at+"/notes", `{"text":"内輪の話"}`).want(403)
	seen := w.send("per_hanako", "GET", at, "").want(200)
	if seen.text("sight") != "finder" || seen.text("discovered") != "2026-01-05T01:00:00Z" {
		t.Errorf("as the finder: %s", seen.Body)
	}

	full := w.send("per_manager", "GET", at, "").want(200).json()
	for _, x := range full["tracks"].([]any) {
		tr := x.(map[string]any)
		person := "per_boss"
		if tr["receiver"] == "protection_manager" {
			person = "per_manager"
		}
		a := w.send(person, "POST", "/api/v1/tracks/"+tr["id"].(string)+"/acknowledge", `{"note":"確認します"}`).want(200)
		if a.text("state") != "acknowledged" || a.text("note") != "確認します" {
			t.Errorf("acknowledge: %s", a.Body)
		}
	}
	w.send("per_manager", "POST", at+"/notes", `{"text":"先方に電話済み"}`).want(204)
	w.send("per_manager", "POST", at+"/steps/1", `{"done":true}`).want(204)
	w.send("per_manager", "POST", at+"/assign", `{"person":"0002"}`).want(204)
	w.send("per_manager", "POST", at+"/status", `{"status":"investigating","reason":"確認できたため"}`).want(204)
	w.send("per_auditor", "POST", at+"/status", `{"status":"preventing","reason":"x"}`).want(403)
	w.send("per_manager", "POST", at+"/close-request", `{"reason":"回収できたため"}`).want(204)
	w.send("per_manager", "POST", at+"/close-confirm", "").want(403)
	w.send("per_boss", "POST", at+"/close-refuse", `{"reason":"もう一点確認"}`).want(204)
	w.send("per_manager", "POST", at+"/close-request", `{"reason":"確認しました"}`).want(204)
	w.send("per_boss", "POST", at+"/close-confirm", "").want(204)
	end := w.send("per_auditor", "GET", at, "").want(200).json()
	if end["status"] != "closed" || end["assignee"].(map[string]any)["number"] != "0002" {
		t.Errorf("at the end: %v", end["status"])
	}
	if steps := end["steps"].([]any); steps[0].(map[string]any)["done"] != true || steps[1].(map[string]any)["done"] != false {
		t.Errorf("steps: %v", steps)
	}
}

func TestListAndTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 5 {
		w.send("per_hanako", "POST", "/api/v1/incidents", fmt.Sprintf(`{"kind":"near_miss","summary":"宛先を間違えかけた %d"}`, i)).want(201)
	}
	var labels []string
	next := ""
	for pages := 0; pages < 10; pages++ {
		page := w.send("per_manager", "GET", "/api/v1/incidents?limit=2&kind=near_miss,lost&after="+next, "").want(200).json()
		for _, x := range page["items"].([]any) {
			labels = append(labels, x.(map[string]any)["label"].(string))
		}
		if next, _ = page["next"].(string); next == "" {
			break
		}
	}
	if len(labels) != 5 || labels[0] <= labels[4] {
		t.Errorf("paged: %v", labels)
	}
	if items := w.send("per_boss", "GET", "/api/v1/incidents?status=closed", "").want(200).json()["items"].([]any); len(items) != 0 {
		t.Errorf("closed: %v", items)
	}
	table := w.send("per_manager", "GET", "/api/v1/incidents.csv", "", "Accept-Language", "en").want(200)
	if s := table.Body.String(); !strings.HasPrefix(s, "\ufeffNumber,Kind,") || strings.Count(s, "\r\n") != 6 || strings.Contains(s, "⟦") {
		t.Errorf("table: %q", s)
	}
	sjis := w.send("per_manager", "GET", "/api/v1/incidents.csv?enc=sjis&from=2026-01-01", "").want(200)
	if !bytes.Contains(sjis.Body.Bytes(), []byte{0x94, 0xd4, 0x8d, 0x86}) { // 番号
		t.Errorf("not Shift_JIS: %q", sjis.Body)
	}
}

// TestRefusals holds what is told of input that must be mended.
func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.Repeat("あ", 201)
	for _, tc := range []struct {
		name, person, method, path, body string
		status                           int
		code, field                      string // field is "location code" of the first
		headers                          []string
	}{
		{"unknown address", "per_boss", "GET", "/api/v1/nothing", "", 404, "fault.not_found", "", nil},
		{"unknown method", "per_boss", "DELETE", "/api/v1/incidents", "", 405, "fault.method_not_allowed", "", nil},
		{"bad token", "nobody", "GET", "/api/v1/me", "", 401, "fault.bad_token", "", nil},
		{"basic", "per_boss", "GET", "/api/v1/me", "", 401, "api.want_bearer", "", []string{"Authorization", "Basic eDp5"}},
		{"form", "per_boss", "POST", "/api/v1/incidents", "kind=lost", 415, "api.no_forms", "", []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"multipart", "per_boss", "POST", "/api/v1/incidents/x/evidence", "x", 415, "api.no_forms", "", []string{"Content-Type", "multipart/form-data; boundary=x"}},
		{"text", "per_boss", "POST", "/api/v1/incidents", "{}", 415, "api.want_json", "", []string{"Content-Type", "text/plain"}},
		{"no body", "per_boss", "POST", "/api/v1/incidents", "", 400, "api.no_body", "", nil},
		{"no JSON", "per_boss", "POST", "/api/v1/incidents", "{", 400, "fault.bad_json", "", nil},
		{"NUL", "per_boss", "POST", "/api/v1/incidents", `{"kind":"lost","summary":"a\u0000b"}`, 400, "fault.bad_json", "", nil},
		{"not an object", "per_boss", "POST", "/api/v1/incidents", `[]`, 422, "fault.invalid", "body api.want_object", nil},
		{"unknown field", "per_boss", "POST", "/api/v1/incidents", `{"kind":"lost","summary":"x","colour":"red"}`, 422, "fault.invalid", "body.colour fault.unknown_field", nil},
		{"unknown query", "per_boss", "GET", "/api/v1/incidents?colour=red", "", 422, "fault.invalid", "query.colour fault.unknown_field", nil},
		{"missing field", "per_boss", "POST", "/api/v1/incidents", `{"kind":"lost"}`, 422, "fault.invalid", "body.summary fault.required", nil},
		{"empty field", "per_boss", "POST", "/api/v1/incidents", `{"kind":"lost","summary":" "}`, 422, "fault.invalid", "body.summary fault.required", nil},
		{"too long", "per_boss", "POST", "/api/v1/incidents", `{"kind":"lost","summary":"` + long + `"}`, 422, "fault.invalid", "body.summary fault.too_long", nil},
		{"unknown kind", "per_boss", "POST", "/api/v1/incidents", `{"kind":"fire","summary":"x"}`, 422, "fault.invalid", "body.kind fault.unknown_choice", nil},
		{"number for text", "per_boss", "POST", "/api/v1/incidents", `{"kind":"lost","summary":5}`, 422, "fault.invalid", "body.summary api.want_text", nil},
		{"bad time", "per_boss", "POST", "/api/v1/incidents", `{"kind":"lost","summary":"x","occurred":"yesterday"}`, 422, "fault.invalid", "body.occurred api.bad_time", nil},
		{"future", "per_boss", "POST", "/api/v1/incidents", `{"kind":"lost","summary":"x","occurred":"2999-01-01T00:00:00Z"}`, 422, "fault.invalid", "body.occurred fault.in_future", nil},
		{"nobody", "per_boss", "POST", "/api/v1/incidents", `{"kind":"lost","summary":"x","on_behalf":"9999"}`, 422, "fault.invalid", "body.on_behalf fault.unknown_person", nil},
		{"long key", "per_boss", "POST", "/api/v1/incidents", `{"kind":"lost","summary":"x"}`, 422, "fault.invalid", "header.Idempotency-Key fault.too_long", []string{KeyHeader, strings.Repeat("k", 101)}},
		{"spaced key", "per_boss", "POST", "/api/v1/journal/verify", ``, 422, "fault.invalid", "header.Idempotency-Key api.bad_key", []string{KeyHeader, "a b"}},
		{"bad cursor", "per_boss", "GET", "/api/v1/incidents?after=zzz", "", 422, "fault.invalid", "query.after api.bad_cursor", nil},
		{"bad limit", "per_boss", "GET", "/api/v1/incidents?limit=9999", "", 422, "fault.invalid", "query.limit api.at_most", nil},
		{"limit of words", "per_boss", "GET", "/api/v1/incidents?limit=ten", "", 422, "fault.invalid", "query.limit api.want_integer", nil},
		{"bad date", "per_boss", "GET", "/api/v1/incidents?from=soon", "", 422, "fault.invalid", "query.from api.bad_time", nil},
		{"control character", "per_boss", "GET", "/api/v1/incidents?q=a%00b", "", 422, "fault.invalid", "query.q api.bad_text", nil},
		{"bad query", "per_boss", "GET", "/api/v1/incidents?q=%zz", "", 422, "api.bad_query", "", nil},
		{"NUL in the path", "per_boss", "GET", "/api/v1/incidents/a%00b", "", 404, "fault.not_found", "", nil},
		{"no such case", "per_boss", "GET", "/api/v1/incidents/INC-1999-0001", "", 404, "fault.not_found", "", nil},
		{"no such track", "per_boss", "POST", "/api/v1/tracks/trk_x/acknowledge", "{}", 404, "fault.not_found", "", nil},
		{"not allowed", "per_hanako", "GET", "/api/v1/journal/entries", "", 403, "fault.denied", "", nil},
		{"scope", "reporter", "GET", "/api/v1/people", "", 403, "fault.scope", "", nil},
		{"large body", "per_boss", "POST", "/api/v1/incidents", `{"summary":"` + strings.Repeat("x", 11_000) + `"}`, 413, "fault.too_large", "", nil},
		{"table encoding", "per_boss", "GET", "/api/v1/incidents.csv?enc=ebcdic", "", 422, "fault.invalid", "query.enc fault.unknown_choice", nil},
		{"import without version", "per_manager", "POST", "/api/v1/people/import", "x", 422, "fault.invalid", "query.version api.want_integer", nil},
		{"import of nonsense", "per_manager", "POST", "/api/v1/people/preview", "x", 422, "fault.bad_csv", "body.file fault.csv_unknown_kind", nil},
		{"bad scope", "per_boss", "POST", "/api/v1/tokens", `{"name":"x","scopes":["all"],"days":1}`, 422, "fault.invalid", "body.scopes fault.unknown_scope", nil},
		{"huge number", "per_boss", "POST", "/api/v1/tokens", `{"name":"x","scopes":[],"days":1e400}`, 400, "fault.bad_json", "", nil},
		{"fraction", "per_boss", "POST", "/api/v1/tokens", `{"name":"x","scopes":[],"days":1.5}`, 422, "fault.invalid", "body.days api.want_integer", nil},
		{"no such entry", "per_auditor", "GET", "/api/v1/journal/entries/99999/proof", "", 404, "fault.not_found", "", nil},
		{"negative entry", "per_auditor", "GET", "/api/v1/journal/entries/-1/proof", "", 422, "fault.invalid", "path.seq api.at_least", nil},
		{"unknown kind of list", "per_manager", "PUT", "/api/v1/steps/fire", `{"steps":["x"]}`, 422, "fault.invalid", "path.kind fault.unknown_choice", nil},
		{"long line of a list", "per_manager", "PUT", "/api/v1/steps/lost", `{"steps":["x","` + long + `"]}`, 422, "fault.invalid", "body.steps.2 fault.too_long", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, lang := range []string{"ja", "en"} {
				a := w.send(tc.person, tc.method, tc.path, tc.body, append([]string{"Accept-Language", lang}, tc.headers...)...)
				if a.Code != tc.status || a.Header().Get("Content-Type") != problemType || a.Header().Get("Content-Language") != lang {
					t.Fatalf("%s: %d %q %q: %s", lang, a.Code, a.Header().Get("Content-Type"), a.Header().Get("Content-Language"), a.Body)
				}
				var p Problem
				must(t, json.Unmarshal(a.Body.Bytes(), &p))
				field := ""
				if len(p.Errors) > 0 {
					field = p.Errors[0].Location + " " + p.Errors[0].Code
				}
				if p.Code != tc.code || field != tc.field || p.Status != tc.status || strings.Contains(a.Body.String(), "⟦") || p.RequestID != a.Header().Get("X-Request-Id") {
					t.Errorf("%s: %s", lang, a.Body)
				}
			}
		})
	}
	if w.log.Len() > 0 {
		t.Errorf("people's mistakes were logged as ours: %s", w.log)
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	label := w.send("per_hanako", "POST", "/api/v1/incidents", report).want(201).text("label")
	facts := "/api/v1/incidents/" + label + "/facts"
	first := w.send("per_hanako", "POST", facts, `{"text":"追記"}`, KeyHeader, "f1").want(201)
	again := w.send("per_hanako", "POST", facts, `{"text":"追記"}`, KeyHeader, "f1").want(201)
	if first.Body.String() != again.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" ||
		again.Header().Get("Content-Type") != "application/json" {
		t.Errorf("replay: %v %s", again.Header(), again.Body)
	}
	w.send("per_hanako", "POST", facts, `{"text":"別"}`, KeyHeader, "f1").want(409)
	w.send("per_boss", "POST", facts, `{"text":"追記"}`, KeyHeader, "f1").want(201) // another person's key is another key
	if n := len(w.send("per_hanako", "GET", "/api/v1/incidents/"+label, "").json()["entries"].([]any)); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
	w.replies.kept["per_hanako f2"] = Reply{Status: -1}
	if code := w.send("per_hanako", "POST", facts, `{"text":"x"}`, KeyHeader, "f2").want(409).text("code"); code != "api.key_in_use" {
		t.Errorf("in use: %s", code)
	}

	token := `{"name":"定期","scopes":["incident:report"],"days":30}`
	made := w.send("per_hanako", "POST", "/api/v1/tokens", token, KeyHeader, "t1").want(201)
	if !strings.HasPrefix(made.text("secret"), "skm_") {
		t.Errorf("token: %s", made.Body)
	}
	if shown := w.send("per_hanako", "POST", "/api/v1/tokens", token, KeyHeader, "t1").want(201); shown.text("secret") != "" || shown.text("id") != made.text("id") {
		t.Errorf("the secret was kept: %s", shown.Body)
	}
	if n := len(w.send("per_hanako", "GET", "/api/v1/tokens", "").want(200).json()["items"].([]any)); n != 3 {
		t.Errorf("%d tokens, want 3", n)
	}
	w.send("per_hanako", "DELETE", "/api/v1/tokens/"+made.text("id"), "").want(204)
	w.send("per_hanako", "DELETE", "/api/v1/tokens/"+made.text("id"), "").want(404)
}

func TestEvidence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	label := w.send("per_hanako", "POST", "/api/v1/incidents", report).want(201).text("label")
	at := "/api/v1/incidents/" + label + "/evidence?name="
	file := "%PDF-1.7 \x00 made-up"
	put := func(body, name, key string) answer {
		return w.send("per_hanako", "POST", at+name, body, "Content-Type", "text/html", KeyHeader, key)
	}
	made := put(file, "%E7%94%BB%E9%9D%A2.pdf", "e1").want(201)
	if made.text("media_type") != "application/pdf" || made.text("name") != "画面.pdf" {
		t.Errorf("evidence: %s", made.Body)
	}
	if again := put(file, "%E7%94%BB%E9%9D%A2.pdf", "e1").want(201); again.text("id") != made.text("id") {
		t.Errorf("kept twice: %s", again.Body)
	}
	put(strings.Replace(file, "up", "UP", 1), "%E7%94%BB%E9%9D%A2.pdf", "e1").want(409)
	got := w.send("per_manager", "GET", made.Header().Get("Location"), "").want(200)
	if got.Body.String() != file || !strings.HasPrefix(got.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("fetched %q %v", got.Body, got.Header())
	}
	put(strings.Repeat("x", 1001), "big", "").want(413)
	put("", "empty", "").want(422)
	w.send("per_auditor", "POST", at+"x", "x").want(403)
}

func TestPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	me := w.send("reporter", "GET", "/api/v1/me", "").want(200).json()
	if me["number"] != "0001" || fmt.Sprint(me["permissions"]) != "[incident:report]" {
		t.Errorf("me: %v", me)
	}
	page := w.send("per_hanako", "GET", "/api/v1/people?limit=3", "").want(200).json()
	if items := page["items"].([]any); len(items) != 3 || items[0].(map[string]any)["name"] != "青木 花子" {
		t.Errorf("people: %v", items)
	}
	rest := w.send("per_hanako", "GET", "/api/v1/people?limit=3&after="+page["next"].(string), "").want(200).json()
	if len(rest["items"].([]any)) != 1 || rest["next"] != "" {
		t.Errorf("the rest: %v", rest)
	}
	table := w.send("per_manager", "GET", "/api/v1/people.csv", "").want(200).Body.String()
	changed := strings.Replace(table, "花子", "華子", 1)
	plan := w.send("per_manager", "POST", "/api/v1/people/preview", changed, "Content-Type", "text/csv").want(200).json()
	if len(plan["changes"].([]any)) != 1 || plan["unchanged"] != 3.0 || len(plan["problems"].([]any)) != 0 {
		t.Fatalf("plan: %v", plan)
	}
	path := fmt.Sprintf("/api/v1/people/import?version=%.0f&hash=%s", plan["version"], plan["hash"])
	w.send("per_hanako", "POST", path, changed, "Content-Type", "text/csv").want(403)
	w.send("per_manager", "POST", path, table, "Content-Type", "text/csv").want(409)
	w.send("per_manager", "POST", path, changed, "Content-Type", "text/csv", KeyHeader, "i1").want(200)
	w.send("per_manager", "POST", path, changed, "Content-Type", "text/csv", KeyHeader, "i1").want(200)
	if after := w.send("per_manager", "GET", "/api/v1/people.csv", "").want(200).Body.String(); after != changed {
		t.Errorf("after the import: %s", after)
	}
	w.send("per_manager", "GET", "/api/v1/people.csv?departments=true&enc=sjis", "").want(200)
}

func TestSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if items := w.send("per_hanako", "GET", "/api/v1/steps", "").want(200).json()["items"].([]any); len(items) != 10 {
		t.Errorf("%d lists", len(items))
	}
	w.send("per_hanako", "PUT", "/api/v1/steps/lost", `{"steps":["電話する"]}`).want(403)
	l := w.send("per_manager", "PUT", "/api/v1/steps/lost", `{"steps":["電話する","記録する"]}`).want(200).json()
	if l["version"] != 2.0 || len(l["steps"].([]any)) != 2 {
		t.Errorf("list: %v", l)
	}
	if p := w.send("per_hanako", "GET", "/api/v1/policy", "").want(200).json(); len(p["chains"].(map[string]any)) != 3 {
		t.Errorf("policy: %v", p)
	}
}

func TestTerms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.send("per_hanako", "GET", "/api/v1/policy", "").want(200).json()
	if p["hours"].(map[string]any)["from"] != "09:00" || p["lapse"].(map[string]any)["urgent"].(map[string]any)["ask"] != 30.0 {
		t.Errorf("terms: %v %v", p["hours"], p["lapse"])
	}
	const path = "/api/v1/policy/terms"
	body := `{"version":1,"lapse":{"urgent":{"ask":20,"answer":5},"normal":{"ask":0,"answer":0},"light":{"ask":0,"answer":0}},"hours":{"from":"08:30","to":"17:30"},"reason":"繁忙期"}`
	w.send("per_hanako", "PUT", path, body).want(403)
	w.send("per_manager", "PUT", path, strings.Replace(body, "08:30", "18:30", 1)).want(422)
	w.send("per_manager", "PUT", path, strings.Replace(body, `"ask":20`, `"ask":0`, 1)).want(422)
	p = w.send("per_manager", "PUT", path, body).want(200).json()
	if p["version"] != 2.0 || p["hours"].(map[string]any)["to"] != "17:30" || len(p["chains"].(map[string]any)) != 3 {
		t.Errorf("saved: %v", p)
	}
	w.send("per_manager", "PUT", path, body).want(409)

	w.send("per_hanako", "PUT", "/api/v1/link-proof", `{"on":true}`).want(403)
	w.send("per_manager", "PUT", "/api/v1/link-proof", `{"on":true}`).want(204)
	if p := w.send("per_hanako", "GET", "/api/v1/link-proof", "").want(200).json(); p["on"] != true || p["fixed"] != false {
		t.Errorf("proof at links: %v", p)
	}
	w.send("per_hanako", "PUT", "/api/v1/days-off/2027-06-01", `{"name":"創立記念日"}`).want(403)
	w.send("per_manager", "PUT", "/api/v1/days-off/2027-02-30", `{"name":"x"}`).want(422)
	w.send("per_manager", "PUT", "/api/v1/days-off/2027-06-01", `{"name":"創立記念日"}`).want(204)
	if items := w.send("per_hanako", "GET", "/api/v1/days-off", "").want(200).json()["items"].([]any); len(items) != 1 || items[0].(map[string]any)["day"] != "2027-06-01" {
		t.Errorf("days off: %v", items)
	}
	w.send("per_manager", "DELETE", "/api/v1/days-off/2027-06-01", "").want(204)
	if items := w.send("per_hanako", "GET", "/api/v1/days-off", "").want(200).json()["items"].([]any); len(items) != 0 {
		t.Errorf("days off: %v", items)
	}
	id := w.send("per_hanako", "POST", "/api/v1/incidents", report).want(201).json()["id"].(string)
	if got := w.send("per_hanako", "POST", "/api/v1/incidents/"+id+"/tell-now", "{}").want(200).json(); got["woken"] != 0.0 {
		t.Errorf("nothing was held: %v", got)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send("per_hanako", "POST", "/api/v1/incidents", report).want(201)
	_, err := w.sealer.SealOnce(t.Context(), 1000)
	must(t, err)
	list := w.send("per_auditor", "GET", "/api/v1/journal/entries?limit=2&kind=account.", "").want(200).json()
	if items := list["items"].([]any); len(items) != 2 || list["next"] == "" {
		t.Errorf("entries: %v", list)
	}
	if v := w.send("per_auditor", "POST", "/api/v1/journal/verify", "").want(200).json()["report"].(map[string]any); v["intact"] != true {
		t.Errorf("verdict: %v", v)
	}
	export := w.send("per_auditor", "GET", "/api/v1/journal/export", "").want(200)
	cp := w.send("per_auditor", "GET", "/api/v1/journal/checkpoint", "").want(200)
	kept, err := journal.ParseCheckpoint([]byte(cp.text("note")), w.verify)
	must(t, err)
	r, err := journal.Verify(export.Body, w.verify, []journal.Checkpoint{kept})
	if err != nil || !r.Intact || r.Entries == 0 {
		t.Errorf("the export: %+v, %v", r, err)
	}
	proof := w.send("per_auditor", "GET", "/api/v1/journal/entries/1/proof", "").want(200)
	if e, _, err := journal.CheckProof(proof.Body.Bytes(), w.verify); err != nil || e.Seq != 1 {
		t.Errorf("proof: %v", err)
	}
	if key := w.send("per_hanako", "GET", "/api/v1/journal/key", "").want(200).text("origin"); key != origin {
		t.Errorf("key of %q", key)
	}
	if a := w.send("per_hanako", "GET", "/api/v1/journal/export", "").want(403); a.Header().Get("Content-Type") != problemType {
		t.Errorf("refused export: %v", a.Header())
	}
}

func TestNewNamesMissingParts(t *testing.T) {
	t.Parallel()
	if _, err := New(Parts{}); err == nil || !strings.Contains(err.Error(), "part Replies is missing") {
		t.Errorf("New: %v", err)
	}
}

// FuzzRoutes throws bytes at every operation: nothing that a caller sends may look like
// a failure of ours.
func FuzzRoutes(f *testing.F) {
	w := newWorld(f)
	routes := routesOf(f, w)
	label := w.send("per_hanako", "POST", "/api/v1/incidents", report).want(http.StatusCreated).text("label")
	for i := range routes {
		for _, body := range []string{"", "{}", report, `{"text":"x","reason":"y","person":"0001","level":-1,"done":true,"status":"closed","note":"z"}`, "社員番号,姓\r\n1,青木"} {
			f.Add(uint8(i), label, "", "application/json", "", []byte(body))
			f.Add(uint8(i), "x\x00", "limit=-1&after=1", "text/csv", "k", []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, id, query, kind, key string, body []byte) {
		r := routes[int(n)%len(routes)]
		req, err := http.NewRequestWithContext(t.Context(), r.method, "http://localhost/", bytes.NewReader(body))
		must(t, err)
		req.URL.Path, req.URL.RawQuery = strings.NewReplacer("{incident}", id, "{track}", id, "{step}", id, "{token}", id,
			"{kind}", id, "{seq}", id, "{evidence}", id).Replace(r.path), query
		req.Header.Set("Authorization", "Bearer "+w.tokens["per_manager"])
		req.Header.Set("Content-Type", kind)
		if key != "" {
			req.Header.Set(KeyHeader, key)
		}
		a := serve(w, req)
		if a.Code >= 500 || a.Code == 0 {
			t.Errorf("%s %s?%s: %d %s", r.method, req.URL.Path, query, a.Code, a.Body)
		}
	})
}
