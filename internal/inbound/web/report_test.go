package web

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
)

func TestTwoPressesMakeOneReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.report("lost", "same"), w.report("lost", "same")
	if first != second {
		t.Errorf("two presses made %s and %s", first, second)
	}
	if third := w.report("lost", "other"); third == first {
		t.Error("another form gave the same report")
	}
	rec := w.ask("hanako", "ja", "/report/lost", url.Values{"summary": {"別のこと"}, "key": {"same"}})
	if rec.Code != http.StatusConflict || !strings.Contains(rec.Body.String(), "別のこと") || strings.Contains(rec.Body.String(), `value="same"`) {
		t.Errorf("a changed report with the old key: status %d", rec.Code)
	}
}

func TestVirusFormBeginsWithWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := w.get("hanako", "/report/virus")
	do, line, send := strings.Index(body, `<ol class="do">`), strings.Index(body, `name="summary"`), strings.Index(body, `type="submit" data-busy`)
	if do < 0 || !(do < line && line < send) {
		t.Errorf("order of do, line and send: %d, %d, %d", do, line, send)
	}
	if strings.Count(body[do:line], "<li>") != 3 {
		t.Error("want three things to do")
	}
	if strings.Contains(body, "<details class=\"more top\" open") {
		t.Error("what can wait stands open")
	}
}

func TestRefusedReportKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := w.ask("hanako", "ja", "/report/missent", url.Values{"summary": {" "}, "on_behalf": {"だれか知らない人"}, "leave_out": {"本田 誠 (0002)、いない人"},
		"occurred": {"きのう"}, "discovered": {"2026-01-05T10:00"}, "key": {"k"}})
	body := rec.Body.String()
	if rec.Code != http.StatusUnprocessableEntity {
		t.Fatalf("status %d", rec.Code)
	}
	checkHTML(t, "refused", body)
	for _, want := range []string{`role="alert"`, "だれか知らない人", "本田 誠 (0002)、いない人", `href="#summary"`, `href="#on_behalf"`, `href="#leave_out"`, `href="#occurred"`, "2026-01-05T10:00", `value="k"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if p, err := w.parts.Incidents.Find(t.Context(), access.System(), incident.Query{}); err == nil && len(p.Rows) > 0 {
		t.Error("something was stored")
	}
}

func TestReportOnBehalfLeavingOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.post("boss", "/report/rule_broken", url.Values{"summary": {"机に書類が残っていた"}, "on_behalf": {"青木 花子 (0001)"}, "leave_out": {"0005"}, "occurred_unknown": {"1"}})
	body := w.get("hanako", at)
	for _, want := range []string{"青木 花子", "本田 誠"} {
		if !strings.Contains(body, want) {
			t.Errorf("the finder's receipt lacks %q", want)
		}
	}
	if rec := w.ask("admin", "ja", at, nil); rec.Code != http.StatusNotFound {
		t.Errorf("who is left out sees the receipt: status %d", rec.Code)
	}
}

func TestReceiptShowsWhoAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	label := w.report("virus", "k")
	body := w.get("hanako", "/receipt/"+label)
	for _, want := range []string{label, "守谷 恵", "本田 誠", "井上 拓", `href="tel:0300000013"`, "1回目", "data-events=\"/events?subject=inc_", "に知らせます"} {
		if !strings.Contains(body, want) {
			t.Errorf("the receipt lacks %q", want)
		}
	}
	w.post("boss", w.link(label, "per_boss"), url.Values{"note": {"<b>すぐ行きます</b>"}})
	body = w.get("hanako", "/receipt/"+label)
	if !strings.Contains(body, "<q>&lt;b&gt;すぐ行きます&lt;/b&gt;</q>") || !strings.Contains(body, "受け付けた") {
		t.Error("the answer is not shown")
	}
	if rec := w.ask("", "ja", "/receipt/"+label, nil); rec.Code != http.StatusSeeOther {
		t.Errorf("a stranger gets status %d", rec.Code)
	}
}

func TestAdditions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := "/receipt/" + w.report("malfunction", "k")
	w.post("hanako", at+"/add", url.Values{"text": {"二人目も同じ画面になった"}})
	w.post("hanako", at+"/answer", url.Values{"question": {"malfunction.seen"}, "choice": {"1"}})
	w.post("hanako", at+"/answer", url.Values{"question": {"malfunction.repeat"}, "choice": {"unknown"}})
	w.post("hanako", at+"/answer", url.Values{"question": {"malfunction.screen"}, "text": {"請求の画面"}})
	w.post("hanako", at+"/correct", url.Values{"fix_text": {"三人だった"}})
	w.post("hanako", at+"/correct", url.Values{"fix_what": {"discovered"}, "fix_at": {"2026-01-05T10:00"}, "fix_why": {"時計を見た"}})
	body := w.get("hanako", at)
	for _, want := range []string{"二人目も同じ画面になった", "請求の画面", "三人だった", "分かりません → 2026年1月5日(月) 10:00", "時計を見た", "質問はすべて済んでいます"} {
		if !strings.Contains(body, want) {
			t.Errorf("the receipt lacks %q", want)
		}
	}
	for path, form := range map[string]url.Values{
		"/add": {"text": {" "}}, "/answer": {"question": {"malfunction.seen"}, "choice": {"99"}},
		"/correct": {"fix_what": {"occurred"}, "fix_at": {"2999-01-01T00:00"}}, "/correct?": {"fix_what": {"occurred"}},
	} {
		rec := w.ask("hanako", "en", at+path, form)
		if rec.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", path, rec.Code)
		}
		checkHTML(t, path, rec.Body.String())
	}
	if rec := w.ask("auditor", "ja", at+"/add", url.Values{"text": {"x"}}); rec.Code != http.StatusForbidden {
		t.Errorf("the auditor adds words: status %d", rec.Code)
	}
}

// multi makes a multipart body.
func multi(t *testing.T, names map[string][]byte) (string, *bytes.Buffer) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for name, body := range names {
		f, err := m.CreateFormFile("file", name)
		must(t, err)
		_, err = f.Write(body)
		must(t, err)
	}
	must(t, m.Close())
	return m.FormDataContentType(), &b
}

func (w *world) upload(path, media string, body *bytes.Buffer) *http.Response {
	rec := w.ask("hanako", "ja", path, url.Values{}, func(r *http.Request) {
		r.Body, r.ContentLength = http.NoBody, int64(body.Len())
		r.Body = readCloser{body}
		r.Header.Set("Content-Type", media)
	})
	return rec.Result()
}

type readCloser struct{ *bytes.Buffer }

func (readCloser) Close() error { return nil }

func TestEvidence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	label := w.report("virus", "k")
	media, body := multi(t, map[string][]byte{`画面 "1".png`: []byte("\x89PNG\r\n\x1a\n" + strings.Repeat("x", 600)), "page.html": []byte("<html><script>alert(1)</script>")})
	if res := w.upload("/receipt/"+label+"/files", media, body); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("upload: status %d", res.StatusCode)
	}
	c, err := w.parts.Incidents.Case(t.Context(), access.System(), label)
	must(t, err)
	if len(c.Evidence) != 2 {
		t.Fatalf("%d files kept", len(c.Evidence))
	}
	for _, e := range c.Evidence {
		rec := w.ask("hanako", "ja", "/evidence/"+e.ID, nil)
		h := rec.Header()
		if rec.Code != http.StatusOK || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment; ") || h.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: status %d, %v", e.Name, rec.Code, h)
		}
		want := "application/octet-stream"
		if strings.HasSuffix(e.Name, "png") {
			want = "image/png"
			if !strings.Contains(h.Get("Content-Disposition"), "filename*=UTF-8''%E7%94%BB%E9%9D%A2") {
				t.Error(h.Get("Content-Disposition"))
			}
		}
		if h.Get("Content-Type") != want {
			t.Errorf("%s is served as %s", e.Name, h.Get("Content-Type"))
		}
		if rec := w.ask("auditor", "ja", "/evidence/"+e.ID, nil); rec.Code != http.StatusOK {
			t.Errorf("the auditor cannot read: status %d", rec.Code)
		}
		if rec := w.ask("", "ja", "/evidence/"+e.ID, nil); rec.Code != http.StatusSeeOther {
			t.Errorf("a stranger: status %d", rec.Code)
		}
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := "/receipt/" + w.report("virus", "k") + "/files"
	big, bigBody := multi(t, map[string][]byte{"big.bin": make([]byte, 4000)})
	none, noBody := multi(t, nil)
	empty, emptyBody := multi(t, map[string][]byte{"empty.txt": nil})
	cut, cutBody := multi(t, map[string][]byte{"cut.txt": make([]byte, 2000)})
	cutBody.Truncate(1500)
	for _, tc := range []struct {
		name, media string
		body        *bytes.Buffer
		want        int
	}{
		{"too large", big, bigBody, http.StatusRequestEntityTooLarge}, {"no file", none, noBody, http.StatusUnprocessableEntity},
		{"empty", empty, emptyBody, http.StatusUnprocessableEntity}, {"cut off", cut, cutBody, http.StatusUnprocessableEntity},
		{"no form", "text/plain", bytes.NewBufferString("x"), http.StatusUnprocessableEntity},
	} {
		if res := w.upload(at, tc.media, tc.body); res.StatusCode != tc.want {
			t.Errorf("%s: status %d, want %d", tc.name, res.StatusCode, tc.want)
		}
	}
}

func TestTalliesShowSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.large("dpt_it", 5)
	w.report("near_miss", "k")
	body := w.get("hanako", "/tallies")
	if !strings.Contains(body, "報告なし") || !strings.Contains(body, "情報システム部") || strings.Contains(body, "青木 花子</td>") {
		t.Error("the silent department is not shown")
	}
	// Four people work in sales: what they say stands under the whole company.
	if strings.Contains(body[strings.Index(body, "<main"):], "営業部") || !strings.Contains(body, "全社") || !strings.Contains(body, "1件もない部署: 1</b> 情報システム部") {
		t.Error("a small department has numbers of its own")
	}
	checkHTML(t, "tallies", body)
}
