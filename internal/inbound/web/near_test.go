package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/kit/work"
	"sekimori/internal/outbound/store"
)

// large has so many more people work in a department that is then large enough to be named, and a smaller one with which what is
// left of the company is counted.
func (w *world) large(department string, more int) {
	w.t.Helper()
	must(w.t, w.db.UpdateDirectory(w.t.Context(), func(tx directory.Tx) error {
		return tx.SaveDepartment(w.t.Context(), directory.Department{ID: "dpt_stock", Code: "U1", Name: "倉庫部"})
	}))
	w.crowd("dpt_stock", 5)
	w.crowd(department, more)
}

// crowd lets so many more people work in a department.
func (w *world) crowd(department string, n int) {
	w.t.Helper()
	must(w.t, w.db.UpdateDirectory(w.t.Context(), func(tx directory.Tx) error {
		for i := range n {
			id := fmt.Sprint("per_", department, i)
			p := directory.Person{ID: id, Number: fmt.Sprint(department, i), Family: "架空", Given: fmt.Sprint(i), Department: department,
				Email: id + "@company.example", Lang: "ja", Verified: w.parts.Now()}
			if err := tx.SavePerson(w.t.Context(), p); err != nil {
				return err
			}
		}
		return nil
	}))
}

// everything is all rows of the database but those of one table, as text.
func (w *world) everything(without string) (out string) {
	w.t.Helper()
	must(w.t, w.db.Snapshot(w.t.Context(), func(s *store.Snapshot) error {
		tables, err := s.Tables(w.t.Context())
		if err != nil {
			return err
		}
		for _, table := range tables {
			if table.Name == without {
				continue
			}
			if err := s.Rows(w.t.Context(), table, func(row []any) error { out += table.Name + fmt.Sprintln(row); return nil }); err != nil {
				return err
			}
		}
		return nil
	}))
	return out
}

// sessions is when each session was last used.
func (w *world) sessions() (out string) {
	w.t.Helper()
	for _, p := range []string{"hanako", "boss"} {
		all, err := w.parts.Access.Sessions(w.t.Context(), access.Actor{Person: "per_" + p, Via: access.BySession}, "per_"+p)
		must(w.t, err)
		for _, s := range all {
			out += fmt.Sprintln(s.ID, s.Seen)
		}
	}
	return out
}

// The page of the box does not look at the sign-in: it is the same for everybody, sets no
// cookie, is neither logged nor measured, and writes nothing but the row in the box.
func TestNearMissLeavesNoTrace(t *testing.T) {
	t.Parallel()
	measured := 0
	w := newWorld(t, func(p *Parts) {
		p.Metrics = func(route string, _ int, _ time.Duration) {
			if strings.Contains(route, "near") {
				measured++
			}
		}
	})
	w.large("dpt_sales", 2)
	near := w.box("hanako")
	before, sessions := w.everything("inc_box"), w.sessions()
	masked := regexp.MustCompile(`name="(key|work)" value="[^"]*"`)
	bodies := map[string]string{}
	for _, who := range []string{"", "hanako"} {
		rec := w.ask(who, "ja", near, nil)
		if rec.Code != http.StatusOK || rec.Header().Get("Cache-Control") != "no-store" || rec.Header()["Set-Cookie"] != nil {
			t.Fatalf("%q: status %d, %v", who, rec.Code, rec.Header())
		}
		bodies[who] = masked.ReplaceAllString(rec.Body.String(), "")
		key := regexp.MustCompile(`name="key" value="([^"]*)"`).FindStringSubmatch(rec.Body.String())[1]
		form := url.Values{"key": {key}, "nearly": {"missent"}, "department": {"dpt_sales"}, "summary": {"宛先を間違えかけた " + who}, "text": {"声に出して読んだ"}}
		for range 2 { // a double press
			rec = w.ask(who, "ja", near, form, func(r *http.Request) { r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", len(who)) })
			if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/near/in" || rec.Header()["Set-Cookie"] != nil || rec.Header().Get("Cache-Control") != "" && rec.Header().Get("Cache-Control") != "no-store" {
				t.Fatalf("%q: status %d, %v\n%s", who, rec.Code, rec.Header(), w.log)
			}
		}
		rec = w.ask(who, "ja", "/near/in", nil)
		if rec.Code != http.StatusOK || rec.Header()["Set-Cookie"] != nil {
			t.Errorf("%q: status %d, %v", who, rec.Code, rec.Header())
		}
	}
	if bodies[""] != bodies["hanako"] || strings.Contains(bodies["hanako"], "青木") {
		t.Error("the page is not the same for who is signed in")
	}
	if after := w.everything("inc_box"); after != before {
		t.Errorf("something changed beside the box:\n%s\n%s", before, after)
	}
	if after := w.sessions(); after != sessions {
		t.Errorf("a session was used:\n%s%s", sessions, after)
	}
	if w.log.Len() > 0 || measured > 0 {
		t.Errorf("measured %d times, logged:\n%s", measured, w.log)
	}
	box := strings.TrimPrefix(w.everything(""), before)
	if n := strings.Count(w.everything(""), "inc_box["); n != 2 {
		t.Errorf("%d in the box: %s", n, box)
	}
}

// When the database fails, nothing of the request is logged either, and no number is shown
// that would be in the log.
func TestNearMissFailsInSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.get("", "/near")
	must(t, w.db.Close())
	rec := w.ask("hanako", "ja", "/near", url.Values{"summary": {"宛先を間違えかけた"}})
	if rec.Code < 500 || strings.Contains(rec.Body.String(), "req_") || w.log.Len() > 0 {
		t.Errorf("status %d, logged %q\n%s", rec.Code, w.log, rec.Body)
	}
}

func TestNearMissPagesAreSound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.large("dpt_sales", 2)
	near := w.box("hanako")
	for _, lang := range []string{"ja", "en"} {
		n := 0
		check := func(name string, form url.Values, want int, parts ...string) string {
			t.Helper()
			n++
			rec := w.ask("", lang, near, form, func(r *http.Request) { r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", n) })
			if rec.Code != want {
				t.Errorf("%s %s: status %d, want %d", lang, name, rec.Code, want)
			}
			body := rec.Body.String()
			if want < 300 || want >= 400 {
				checkHTML(t, lang+" "+name, body)
			}
			for _, p := range parts {
				if !strings.Contains(body, p) {
					t.Errorf("%s %s: no %s", lang, name, p)
				}
			}
			return body
		}
		// Four people work in the one department: nobody is shown a department so small.
		body := check("form", nil, http.StatusOK, `value="dpt_sales"`, `action="/near"`)
		if strings.Contains(body, "dpt_it") {
			t.Errorf("%s: a small department can be chosen", lang)
		}
		check("empty", url.Values{"text": {"くわしく"}}, http.StatusUnprocessableEntity, "くわしく", `id="summary-error"`)
		check("long", url.Values{"summary": {strings.Repeat("あ", incident.MaxSummary+1)}}, http.StatusUnprocessableEntity, `id="summary-error"`)
		check("nonsense", url.Values{"summary": {"x"}, "nearly": {"fire"}, "department": {"dpt_none"}}, http.StatusUnprocessableEntity, `id="nearly-error"`, `id="department-error"`)
		key := incident.NewBoxKey().String()
		check("first", url.Values{"key": {key}, "summary": {"一"}}, http.StatusSeeOther)
		check("changed", url.Values{"key": {key}, "summary": {"二"}}, http.StatusConflict, `value="二"`)
		checkHTML(t, lang+" in", w.ask("", lang, "/near/in", nil).Body.String())
	}
	if body := w.get("hanako", "/report/near_miss"); !strings.Contains(body, `href="`+near+`"`) || !strings.Contains(body, `name="nearly"`) {
		t.Error("the form with a name leads not to the box, or does not ask what nearly happened")
	}
	if body := w.get("hanako", "/report/lost"); strings.Contains(body, `name="nearly"`) {
		t.Error("the form of a loss asks what nearly happened")
	}
	if !strings.Contains(w.get("hanako", "/tallies"), `href="`+near+`"`) {
		t.Error("the numbers lead not to the box")
	}
	if w.box("boss") != near {
		t.Error("the address of the box tells who came")
	}
}

// A stranger learns no names of departments from the box, and puts nothing under one.
func TestNearMissOfAStranger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.large("dpt_sales", 2)
	if !strings.Contains(w.get("", "/report"), `href="/near"`) {
		t.Error("the report of a stranger leads not to the box")
	}
	for _, path := range []string{"/near", "/near?units=made-up"} {
		if body := w.get("", path); strings.Contains(body, "dpt_sales") || strings.Contains(body, `name="department"`) {
			t.Errorf("%s: departments are shown", path)
		}
	}
	rec := w.ask("", "ja", "/near", url.Values{"summary": {"宛先を間違えかけた"}, "department": {"dpt_sales"}})
	if row := regexp.MustCompile(`(?m)^inc_box\[.*`).FindString(w.everything("")); rec.Code != http.StatusSeeOther || row == "" || strings.Contains(row, "dpt_sales") {
		t.Errorf("status %d, %s", rec.Code, row)
	}
}

// box is the address under which somebody's page of reports leads to the box.
func (w *world) box(who string) string {
	w.t.Helper()
	m := regexp.MustCompile(`href="(/near\?units=[^"]+)"`).FindStringSubmatch(w.get(who, "/report"))
	if m == nil {
		w.t.Fatal("no way to the box")
	}
	return m[1]
}

// The box shares the gate of the other forms without an account.
func TestNearMissIsPutOffAndTakenAfterWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	form := url.Values{"summary": {"宛先を間違えかけた"}}
	rec := w.ask("", "ja", "/near", form)
	for n := 0; rec.Code == http.StatusSeeOther; n++ {
		if n > 20 {
			t.Fatal("nobody is put off")
		}
		rec = w.ask("", "ja", "/near", form)
	}
	if rec.Code != http.StatusTooManyRequests || !strings.Contains(rec.Body.String(), `value="宛先を間違えかけた"`) {
		t.Fatalf("status %d", rec.Code)
	}
	challenge := asked.FindStringSubmatch(rec.Body.String())[1]
	answer, _ := work.Solve(challenge)
	form.Set("work", challenge)
	form.Set("answer", answer)
	if rec = w.ask("", "ja", "/near", form); rec.Code != http.StatusSeeOther {
		t.Errorf("with work: status %d", rec.Code)
	}
}

// What came out of the box is shown wherever cases are, without a reporter.
func TestBoxedCaseOnItsPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2 {
		must(t, w.parts.Incidents.PutInBox(t.Context(), incident.Slip{Key: incident.NewBoxKey(), Nearly: incident.Missent, Summary: "宛先を間違えかけた", Words: "声に出した"}))
	}
	n, err := w.parts.Incidents.OpenBox(t.Context(), false)
	must(t, err)
	if n != 2 {
		t.Fatalf("%d came out", n)
	}
	label := incident.Label(w.parts.Now().In(w.parts.Zone).Year(), 1)
	for _, lang := range []string{"ja", "en"} {
		nobody := map[string]string{"ja": "名前のない箱から", "en": "From the box, without a name"}[lang]
		for _, path := range []string{"/cases", "/cases/" + label, "/receipt/" + label, w.link(label, "per_manager"), "/tallies", "/morning"} {
			rec := w.ask("manager", lang, path, nil)
			body := rec.Body.String()
			checkHTML(t, lang+" "+path, body)
			if says := strings.Contains(body, nobody); rec.Code != http.StatusOK || says == (path == "/tallies" || path == "/morning") {
				t.Errorf("%s %s: status %d, names nobody: %v", lang, path, rec.Code, says)
			}
		}
	}
	if body := w.get("manager", "/cases/"+label); strings.Contains(body, `action="/cases/`+label+`/say"`) || !strings.Contains(body, "声に出した") {
		t.Error("one could write to nobody, or what was told is not there")
	}
	if csv := w.ask("manager", "ja", "/cases.csv?enc=utf8", nil).Body.String(); strings.Count(csv, "名前のない箱から") != 2 || strings.Count(csv, "誤送信") < 2 {
		t.Errorf("the table: %s", csv)
	}
	if rec := w.ask("hanako", "ja", "/cases/"+label, nil); rec.Code != http.StatusNotFound {
		t.Errorf("an employee reads it: %d", rec.Code)
	}
	if rec := w.ask("manager", "ja", "/cases/"+label+"/say", url.Values{"say": {"ありがとう"}}); rec.Code != http.StatusConflict {
		t.Errorf("words to nobody: %d", rec.Code)
	}
}

func TestTalliesTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.large("dpt_it", 5)
	w.post("hanako", "/report/near_miss", url.Values{"summary": {"鞄"}, "nearly": {"lost"}, "key": {"k"}})
	rec := w.ask("hanako", "ja", "/tallies.csv?enc=utf8", nil)
	body := rec.Body.String()
	if !strings.HasPrefix(body, "\ufeff") || rec.Header().Get("Content-Type") != "text/csv; charset=utf-8" {
		t.Errorf("%v: %q", rec.Header(), body[:min(len(body), 20)])
	}
	lines := strings.Split(strings.TrimSpace(body), "\r\n")
	zeros := strings.Repeat(",0", 12)
	for _, want := range []string{"何になりかけたか,なくした・壊した・盗まれた" + zeros + ",1,1", "部署ごと,情報システム部" + zeros + ",0,0", "部署ごと,全社(少人数の部署、選ばなかった人)" + zeros + ",1,1", "ヒヤリハット,合計" + zeros + ",1,1"} {
		found := false
		for _, l := range lines {
			found = found || l == want
		}
		if !found {
			t.Errorf("no line %q in\n%s", want, body)
		}
	}
	if rec := w.ask("", "ja", "/tallies.csv", nil); rec.Code != http.StatusSeeOther {
		t.Errorf("for who is not signed in: %d", rec.Code)
	}
}
