package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/outbox"
)

// oneMail is an outbox with one mail.
type oneMail struct{}

func (oneMail) mail() outbox.Message {
	return outbox.Message{ID: "msg_1", At: time.Date(2026, 1, 5, 1, 2, 0, 0, time.UTC), From: "sekimori@company.example", To: "boss@company.example",
		Subject: "【至急】報告がありました", Text: "次のページで受け付けてください。\nhttp://example.com/a/ntc_1.abc\n詳しくは http://elsewhere.example/x", Headers: map[string]string{"Message-ID": "<ntc_1@company.example>"}}
}

func (o oneMail) Messages(context.Context, int) ([]outbox.Message, error) {
	return []outbox.Message{o.mail()}, nil
}

func (o oneMail) Message(_ context.Context, id string) (outbox.Message, bool, error) {
	return o.mail(), id == "msg_1", nil
}

// track gives the id of a case's track to a receiver.
func (w *world) track(label string, to notice.Receiver) string {
	w.t.Helper()
	c, err := w.parts.Incidents.Case(w.t.Context(), access.System(), label)
	must(w.t, err)
	for _, x := range c.Tracks {
		if x.Receiver == to {
			return x.ID
		}
	}
	w.t.Fatalf("%s has no track to %s", label, to)
	return ""
}

// send posts one file.
func (w *world) send(person, path, name string, content []byte) *httptest.ResponseRecorder {
	w.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	part, err := m.CreateFormFile("file", name)
	must(w.t, err)
	_, err = part.Write(content)
	must(w.t, err)
	must(w.t, m.Close())
	r := httptest.NewRequest(http.MethodPost, path, &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.AddCookie(&http.Cookie{Name: "sekimori", Value: w.cookies[person]})
	r.AddCookie(&http.Cookie{Name: "lang", Value: "ja"})
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

func TestEveryDeskPageIsSound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(p *Parts) { p.Outbox = oneMail{} })
	label := w.report("virus", "k1")
	closing := w.report("lost", "k2")
	w.report("near_miss", "k3")
	w.post("manager", "/cases/"+label+"/steps", url.Values{"step": {"1"}, "done": {"1"}})
	w.post("manager", "/cases/"+label+"/steps", url.Values{"step": {"1"}, "done": {"0"}})
	w.post("manager", "/cases/"+label+"/facts", url.Values{"about": {"fix:summary"}, "text": {"開いたのは添付ではなくリンクだった"}})
	w.post("manager", "/cases/"+label+"/facts", url.Values{"about": {"q:virus.trigger"}, "text": {"unknown"}})
	w.post("manager", "/cases/"+label+"/times", url.Values{"which": {"occurred"}, "moment": {"2026-01-05T10:00"}})
	w.post("manager", "/cases/"+label+"/assign", url.Values{"person": {"0003"}})
	w.post("manager", "/cases/"+label+"/status", url.Values{"status": {"investigating"}, "reason": {"確認を始める"}})
	if rec := w.send("manager", "/cases/"+label+"/evidence", "画面.txt", []byte("kept")); rec.Code != http.StatusSeeOther {
		t.Fatalf("upload: status %d\n%s", rec.Code, rec.Body)
	}
	for _, to := range []notice.Receiver{notice.Supervisor, notice.Manager} {
		w.post("manager", "/tracks/"+w.track(closing, to)+"/end", url.Values{"case": {closing}, "reason": {"電話で確認した"}})
	}
	w.post("boss", "/cases/"+closing+"/close", url.Values{"reason": {"見つかった"}})
	w.post("boss", "/people/per_boss/deputies", url.Values{"deputy": {"青木花子"}, "order": {"1"}})
	w.post("boss", "/people/per_boss/absences", url.Values{"from": {"2026-01-05T10:00"}, "until": {"2999-01-05T10:00"}, "note": {"出張"}})

	pages := []struct{ who, path string }{
		{"manager", "/morning"}, {"boss", "/morning"}, {"admin", "/morning"}, {"auditor", "/morning"},
		{"manager", "/cases?q=INC&kind=virus&status=open&unanswered=1&from=2020-01-01&to=2999-01-01&department=dpt_sales"}, {"hanako", "/cases?q=nothing"},
		{"manager", "/cases?from=yesterday"}, {"manager", "/cases?kind=fire"},
		{"manager", "/cases/" + label}, {"boss", "/cases/" + label}, {"admin", "/cases/" + label}, {"auditor", "/cases/" + label},
		{"manager", "/cases/" + closing}, {"boss", "/cases/" + closing}, {"auditor", "/cases/" + closing},
		{"hanako", "/people?q=ほんだ"}, {"manager", "/people?department=dpt_it"}, {"manager", "/people?left=1"}, {"hanako", "/people/per_boss"},
		{"boss", "/people/per_boss"}, {"admin", "/people/per_hanako"}, {"manager", "/people/duties"}, {"hanako", "/people/duties"}, {"admin", "/people/import"},
		{"manager", "/settings"}, {"hanako", "/settings/steps"}, {"manager", "/settings/steps"}, {"manager", "/settings/steps/virus"},
		{"hanako", "/settings/policy"}, {"manager", "/settings/policy"}, {"manager", "/settings/policy/urgent/supervisor"}, {"manager", "/settings/policy/light/it_admin"},
		{"auditor", "/record"}, {"manager", "/record?kind=notice.&before=9"}, {"auditor", "/health"}, {"admin", "/health"},
		{"hanako", "/outbox"}, {"", "/outbox/msg_1"}, {"", "/outbox/msg_2"},
	}
	for _, p := range pages {
		for _, lang := range []string{"ja", "en"} {
			t.Run(lang+p.path+" "+p.who, func(t *testing.T) {
				rec := w.ask(p.who, lang, p.path, nil)
				if rec.Code >= 500 || rec.Code == http.StatusSeeOther || rec.Code == http.StatusForbidden {
					t.Fatalf("status %d\n%s", rec.Code, w.log)
				}
				checkHTML(t, p.path, rec.Body.String())
			})
		}
	}
	for _, path := range []string{"/cases/" + label, "/cases/" + closing} {
		body := w.get("auditor", path)
		if main := body[strings.Index(body, "<main"):strings.Index(body, "</main>")]; strings.Contains(main, "<form") {
			t.Errorf("%s has a form for the auditor", path)
		}
	}
	if body := w.get("boss", "/cases/"+closing); strings.Contains(body, "/close/confirm") {
		t.Error("who asked for the close can confirm it")
	}
	if body := w.get("manager", "/cases/"+closing); !strings.Contains(body, "/close/confirm") {
		t.Error("the second person cannot confirm the close")
	}
	mail := w.get("", "/outbox/msg_1")
	if !strings.Contains(mail, `href="/a/ntc_1.abc"`) || strings.Contains(mail, `href="http://elsewhere`) {
		t.Error("the mail's links are not ours alone")
	}
}

func TestMorningLeadsOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if at := w.ask("hanako", "ja", "/morning", nil); at.Code != http.StatusSeeOther || at.Header().Get("Location") != "/report" {
		t.Errorf("an employee without people below is shown the morning page: %d", at.Code)
	}
	if body := w.get("manager", "/morning"); !strings.Contains(body, "返事を待っている報告はありません") {
		t.Error("the empty page does not say that it is empty")
	}
	label := w.report("virus", "k1")
	mine := "/tracks/" + w.track(label, notice.Manager) + "/ack"
	other := "/tracks/" + w.track(label, notice.Supervisor) + "/ack"
	body := w.get("manager", "/morning")
	if !strings.Contains(body, `action="`+mine+`"`) || strings.Contains(body, `action="`+other+`"`) {
		t.Error("the manager is offered the wrong answers")
	}
	if body := w.get("boss", "/morning"); !strings.Contains(body, `action="`+other+`"`) || strings.Contains(body, `id="near"`) {
		t.Error("the supervisor sees another page than theirs")
	}
	if at := w.post("manager", mine, url.Values{"case": {label}, "next": {"/morning"}}); at != "/morning" {
		t.Errorf("the answer leads to %s", at)
	}
	if body := w.get("manager", "/morning"); strings.Contains(body, mine) {
		t.Error("an answered track still waits")
	}
	if at := w.post("boss", other, url.Values{"next": {"//elsewhere.example"}}); at != "/morning" {
		t.Errorf("the answer leads to %s", at)
	}
}

func TestCaseIsWorkedToItsClose(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	label := w.report("lost", "k1")
	at := "/cases/" + label
	if rec := w.ask("hanako", "ja", at, nil); rec.Header().Get("Location") != "/receipt/"+label {
		t.Errorf("the finder is led to %q", rec.Header().Get("Location"))
	}
	if rec := w.ask("auditor", "ja", at+"/notes", url.Values{"text": {"x"}}); rec.Code != http.StatusForbidden {
		t.Errorf("an auditor's note: status %d", rec.Code)
	}
	kept := strings.Repeat("長", 4001)
	if rec := w.ask("manager", "ja", at+"/notes", url.Values{"text": {kept}}); rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), kept) || !strings.Contains(rec.Body.String(), `href="#notes-text"`) {
		t.Errorf("too long a note: status %d, or the words are lost", rec.Code)
	} else {
		checkHTML(t, "refused note", rec.Body.String())
	}
	if rec := w.ask("manager", "en", at+"/assign", url.Values{"person": {"nobody"}}); rec.Code != http.StatusUnprocessableEntity {
		t.Errorf("an unknown assignee: status %d", rec.Code)
	}
	if rec := w.ask("manager", "ja", at+"/close", url.Values{"reason": {"済んだ"}}); rec.Code != http.StatusConflict {
		t.Errorf("a close while tracks wait: status %d", rec.Code)
	}
	for who, to := range map[string]notice.Receiver{"manager": notice.Manager, "boss": notice.Supervisor} {
		id := w.track(label, to)
		if rec := w.ask(who, "ja", "/tracks/"+id+"/pass", url.Values{"case": {label}, "person": {""}}); rec.Code != http.StatusUnprocessableEntity {
			t.Errorf("passing on to nobody: status %d", rec.Code)
		}
		w.post(who, "/tracks/"+id+"/pass", url.Values{"case": {label}, "person": {"井上 拓 (0005)"}, "reason": {"席にいる"}})
		if rec := w.ask(who, "ja", "/tracks/"+id+"/escalate", url.Values{"case": {label}, "level": {"99"}}); rec.Code != http.StatusUnprocessableEntity {
			t.Errorf("a level that is not: status %d", rec.Code)
		}
		w.post(who, "/tracks/"+id+"/escalate", url.Values{"case": {label}, "level": {"0"}})
		w.post(who, "/tracks/"+id+"/ack", url.Values{"case": {label}, "note": {"探します"}})
	}
	if rec := w.send("manager", at+"/evidence", "big.bin", make([]byte, 4000)); rec.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("too large a file: status %d", rec.Code)
	}
	w.post("manager", at+"/close", url.Values{"reason": {"見つかった"}})
	if rec := w.ask("manager", "ja", at+"/close/confirm", url.Values{}); rec.Code != http.StatusForbidden {
		t.Errorf("confirming one's own close: status %d", rec.Code)
	}
	w.post("boss", at+"/close/refuse", url.Values{"reason": {"置き場所も確かめて"}})
	w.post("manager", at+"/close", url.Values{"reason": {"確かめた"}})
	w.post("boss", at+"/close/confirm", url.Values{})
	c, err := w.parts.Incidents.Case(t.Context(), access.System(), label)
	must(t, err)
	if c.Status != incident.Closed {
		t.Errorf("status %s", c.Status)
	}
	body := w.get("manager", at)
	checkHTML(t, "closed", body)
	for _, want := range []string{"置き場所も確かめて", "探します", "井上 拓"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not tell of %q", want)
		}
	}
}

func TestCasesAsCSV(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	label := w.report("virus", "k1")
	w.report("near_miss", "k2")
	utf8 := w.ask("manager", "ja", "/cases.csv?enc=utf8&kind=virus", nil)
	if body := utf8.Body.String(); !strings.HasPrefix(body, "\ufeff番号,") || !strings.Contains(body, label) || strings.Count(body, "\r\n") != 2 {
		t.Errorf("CSV: %q", body)
	}
	sjis := w.ask("manager", "ja", "/cases.csv?enc=sjis", nil)
	if !bytes.HasPrefix(sjis.Body.Bytes(), []byte{0x94, 0xd4, 0x8d, 0x86}) || sjis.Header().Get("Content-Type") != "text/csv; charset=Shift_JIS" {
		t.Errorf("Shift_JIS: %x %s", sjis.Body.Bytes()[:8], sjis.Header().Get("Content-Type"))
	}
	if rec := w.ask("hanako", "ja", "/cases.csv?kind=fire", nil); rec.Code != http.StatusUnprocessableEntity {
		t.Errorf("a kind that is not: status %d", rec.Code)
	}
}

func TestDirectoryPagesChangeIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := w.ask("hanako", "ja", "/people/per_hanako/absences", url.Values{"from": {"2026-01-05T10:00"}, "until": {"2025-01-05T10:00"}, "note": {"出張"}})
	if rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), "出張") {
		t.Errorf("an absence that ends first: status %d", rec.Code)
	}
	checkHTML(t, "refused absence", rec.Body.String())
	w.post("hanako", "/people/per_hanako/absences", url.Values{"from": {"2026-01-05T10:00"}, "until": {"2999-01-05T10:00"}})
	body := w.get("manager", "/people/per_hanako")
	end := regexp.MustCompile(`/people/per_hanako/absences/[^/]+/end`).FindString(body)
	if end == "" {
		t.Fatal("the absence cannot be taken back")
	}
	w.post("manager", end, url.Values{})
	if rec := w.ask("hanako", "ja", "/people/per_boss/deputies", url.Values{"deputy": {"0005"}}); rec.Code != http.StatusForbidden {
		t.Errorf("a deputy for somebody else: status %d", rec.Code)
	}
	w.post("admin", "/people/per_hanako/login", url.Values{"login": {"aoki"}, "password": {"long enough a word"}})
	if rec := w.ask("admin", "ja", "/people/per_hanako/login", url.Values{"login": {"aoki"}, "password": {"short"}}); rec.Code != http.StatusUnprocessableEntity || strings.Contains(rec.Body.String(), `value="short"`) {
		t.Errorf("a short password: status %d, or it is shown", rec.Code)
	}

	rec = w.ask("manager", "ja", "/people/duties", url.Values{"duty": {"it_admin"}, "keep": {"per_admin"}, "add": {"監物 聡"}})
	if rec.Code != http.StatusUnprocessableEntity {
		t.Errorf("an auditor with another duty: status %d", rec.Code)
	}
	checkHTML(t, "refused duty", rec.Body.String())
	w.post("manager", "/people/duties", url.Values{"duty": {"it_admin"}, "keep": {"per_admin"}, "add": {"あおきはなこ"}})
	org, err := w.parts.People.Org(t.Context())
	must(t, err)
	if got := org.Holders(access.ITAdmin, time.Now()); len(got) != 2 {
		t.Errorf("holders %v", got)
	}
}

func TestImportIsSeenBeforeItIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := []byte("社員番号,姓,名,部門コード\r\n0001,青木,華子,S1\r\n0009,和田,修,T1\r\n")
	rec := w.send("admin", "/people/import", "people.csv", file)
	if rec.Code != http.StatusOK {
		t.Fatalf("preview: status %d\n%s", rec.Code, rec.Body)
	}
	body := rec.Body.String()
	checkHTML(t, "preview", body)
	value := func(name string) string {
		m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("the preview has no %s", name)
		}
		return strings.ReplaceAll(m[1], "&#43;", "+")
	}
	form := url.Values{"content": {value("content")}, "hash": {value("hash")}, "version": {value("version")}}
	other := url.Values{"content": {base64.StdEncoding.EncodeToString(bytes.ReplaceAll(file, []byte("和田"), []byte("田和")))}, "hash": form["hash"], "version": form["version"]}
	if rec := w.ask("admin", "ja", "/people/import/apply", other); rec.Code != http.StatusConflict {
		t.Errorf("another file than was seen: status %d", rec.Code)
	}
	w.post("admin", "/people/import/apply", form)
	if body := w.get("hanako", "/people?q=0009"); !strings.Contains(body, "和田 修") {
		t.Error("the new person is not there")
	}
	if rec := w.ask("admin", "ja", "/people/import/apply", form); rec.Code != http.StatusConflict {
		t.Errorf("the same press twice: status %d", rec.Code)
	} else {
		checkHTML(t, "stale", rec.Body.String())
	}
	bad := w.send("admin", "/people/import", "people.csv", []byte("社員番号,姓,部門コード\r\n0001,,S1\r\n0010,林,X9\r\n"))
	if bad.Code != http.StatusUnprocessableEntity || strings.Contains(bad.Body.String(), "/people/import/apply") {
		t.Errorf("a bad file: status %d, or it can be applied", bad.Code)
	}
	checkHTML(t, "problems", bad.Body.String())
	if rec := w.send("admin", "/people/import", "x.png", []byte("\x89PNG\r\n\x1a\n")); rec.Code != http.StatusUnprocessableEntity {
		t.Errorf("no table: status %d", rec.Code)
	}
	if rec := w.send("hanako", "/people/import", "people.csv", file); rec.Code != http.StatusForbidden {
		t.Errorf("an employee's import: status %d", rec.Code)
	}
	for _, path := range []string{"/people/export.csv?enc=utf8", "/people/departments.csv?enc=sjis"} {
		back := w.ask("admin", "ja", path, nil)
		again := w.send("admin", "/people/import", "again.csv", back.Body.Bytes())
		if again.Code != http.StatusOK || strings.Contains(again.Body.String(), "/people/import/apply") {
			t.Errorf("%s does not read back as unchanged: status %d", path, again.Code)
		}
	}
}

func TestSettingsAreSaved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if rec := w.ask("hanako", "ja", "/settings/steps/virus", url.Values{"steps": {"x"}}); rec.Code != http.StatusForbidden {
		t.Errorf("an employee's list: status %d", rec.Code)
	}
	rec := w.ask("manager", "ja", "/settings/steps/virus", url.Values{"steps": {"一つ目\n" + strings.Repeat("長", 201)}})
	if rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), "2行目") {
		t.Errorf("too long a line: status %d", rec.Code)
	}
	checkHTML(t, "refused steps", rec.Body.String())
	w.post("manager", "/settings/steps/virus", url.Values{"steps": {"一つ目\r\n\r\n二つ目"}})
	if body := w.get("hanako", "/settings/steps"); !strings.Contains(body, "<li>二つ目</li>") {
		t.Error("the new list is not shown")
	}

	at := "/settings/policy/urgent/supervisor"
	form := url.Values{"version": {"1"}, "who_1": {"supervisor:1", "first:protection_manager"}, "window_1": {"5"}, "repeat_1": {"2"}, "who_2": {"", ""}, "window_2": {""}, "repeat_2": {""}}
	rec = w.ask("manager", "ja", at, form)
	if rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), `href="#reason"`) {
		t.Errorf("no reason: status %d", rec.Code)
	}
	checkHTML(t, "refused chain", rec.Body.String())
	form.Set("reason", "夜勤を始める")
	form.Set("repeat_1", "9")
	if rec := w.ask("manager", "ja", at, form); rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), `href="#repeat-1"`) {
		t.Errorf("a repeat over its window: status %d", rec.Code)
	}
	form.Set("repeat_1", "2")
	w.post("manager", at, form)
	p, err := w.parts.Notices.Policy(t.Context(), access.Actor{Person: "per_hanako"})
	must(t, err)
	if c := p.Chains[notice.Urgent][notice.Supervisor]; len(c) != 1 || len(c[0].Who) != 2 || c[0].Window != 5 {
		t.Errorf("saved %+v", c)
	}
	if rec := w.ask("manager", "ja", at, form); rec.Code != http.StatusConflict {
		t.Errorf("saving over another's change: status %d", rec.Code)
	}
}

func TestRecordIsReadAndProved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.report("virus", "k1")
	if rec := w.ask("hanako", "ja", "/record", nil); rec.Code != http.StatusForbidden {
		t.Errorf("an employee reads the record: status %d", rec.Code)
	}
	rec := w.ask("auditor", "ja", "/record/verify", url.Values{})
	if rec.Code != http.StatusOK {
		t.Fatalf("verify: status %d\n%s\n%s", rec.Code, rec.Body, w.log)
	}
	checkHTML(t, "verdict", rec.Body.String())
	rec = w.ask("auditor", "ja", "/record/export.ndjson", nil)
	if rec.Code != http.StatusOK || !strings.HasPrefix(rec.Header().Get("Content-Disposition"), "attachment;") || !strings.HasPrefix(rec.Body.String(), "{") {
		t.Errorf("export: status %d %v", rec.Code, rec.Header())
	}
	if rec := w.ask("hanako", "ja", "/record/export.ndjson", nil); rec.Code != http.StatusForbidden {
		t.Errorf("an employee's export: status %d", rec.Code)
	}
	if rec := w.ask("auditor", "ja", "/record/checkpoint.txt", nil); rec.Code != http.StatusNotFound {
		t.Errorf("a checkpoint that is not yet: status %d", rec.Code)
	}
}
