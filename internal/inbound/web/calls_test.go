package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
)

// sheet opens a call sheet and gives the fields that it carries hidden.
func (w *world) sheet(person string) url.Values {
	w.t.Helper()
	at := w.ask(person, "ja", "/calls", nil).Header().Get("Location")
	if !strings.HasPrefix(at, "/calls/new?b=") {
		w.t.Fatalf("a new sheet is at %q", at)
	}
	return hidden(w.get(person, at))
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

func hidden(body string) url.Values {
	out := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(body, -1) {
		out.Set(m[1], m[2])
	}
	return out
}

func with(form url.Values, pairs ...string) url.Values {
	out := url.Values{}
	for k, v := range form {
		out[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

func (w *world) caseOf(label string) *incident.Case {
	w.t.Helper()
	c, err := w.parts.Incidents.Case(w.t.Context(), access.System(), label)
	must(w.t, err)
	return c
}

// TestCallPagesAreSound renders every state of the sheet in both languages.
func TestCallPagesAreSound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	form := w.sheet("admin")
	own := strings.TrimPrefix(w.post("admin", "/calls", with(form, "from", "ours", "caller", "0001", "kind", "virus", "summary", "画面が赤い")), "/calls/")
	sent := w.ask("admin", "ja", "/calls", with(w.sheet("admin"), "from", "outside", "kind", "lost", "summary", "鞄", "name", "通行 一郎", "contact", "03-0000-0099"))
	outer := sent.Header().Get("Location")
	for _, lang := range []string{"ja", "en"} {
		for name, x := range map[string]struct {
			path   string
			form   url.Values
			status int
		}{
			"new":          {"/calls/new?b=" + form.Get("b"), nil, 200},
			"forged":       {"/calls/new?b=1700000000000000.00", nil, 200},
			"sheet":        {"/calls/sheet", nil, 200},
			"own":          {"/calls/" + own, nil, 200},
			"outside":      {outer, nil, 200},
			"receipt":      {"/receipt/" + own, nil, 200},
			"empty":        {"/calls", form, 422},
			"search":       {"/calls", with(form, "find", "1", "caller", "ほん"), 200},
			"nobody found": {"/calls", with(form, "find", "1", "caller", "だれもいない"), 200},
			"bad":          {"/calls", with(form, "from", "outside", "kind", "unsure", "summary", strings.Repeat("長", 201), "occurred", "2999-01-01T00:00", "leave_out", "だれか"), 422},
		} {
			rec := w.ask("admin", lang, x.path, x.form, carry(sent))
			if rec.Code != x.status {
				t.Errorf("%s %s: status %d, want %d\n%s", lang, name, rec.Code, x.status, w.log)
			}
			checkHTML(t, lang+" "+name, rec.Body.String())
		}
	}
	if rec := w.ask("", "ja", "/calls/new", nil); rec.Code != http.StatusSeeOther || !strings.HasPrefix(rec.Header().Get("Location"), "/login") {
		t.Errorf("a stranger gets %d", rec.Code)
	}
}

// A call of one of ours is theirs; who took it and how long it lasted stands beside it.
func TestCallIsTheCallers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	form := with(w.sheet("admin"), "from", "ours", "caller", "青木", "who", "per_hanako", "kind", "lost", "summary", "鞄を電車に忘れた", "text", "8時の山手線", "occurred_unknown", "1")
	at := w.post("admin", "/calls", form)
	if again := w.post("admin", "/calls", form); again != at {
		t.Errorf("a second press led to %s, the first to %s", again, at)
	}
	label := strings.TrimPrefix(at, "/calls/")
	c := w.caseOf(label)
	if c.Finder() != "per_hanako" || c.Reporter != "per_admin" || c.Channel != incident.ByPhone || !c.Began.Known || c.Took() < 0 || c.Took() > time.Hour {
		t.Errorf("case %+v", c.Incident)
	}
	for person, path := range map[string]string{"admin": at, "hanako": "/receipt/" + label, "manager": "/cases/" + label} {
		body := w.get(person, path)
		for _, want := range []string{"電話の始まり", "受け付けた時", "電話から受付まで", "電話を受けた人", "井上 拓"} {
			if !strings.Contains(body, want) {
				t.Errorf("%s does not say %q", path, want)
			}
		}
	}
	// The page of the call is its taker's; the caller has the receipt.
	if rec := w.ask("hanako", "ja", at, nil); rec.Header().Get("Location") != "/receipt/"+label {
		t.Errorf("for the caller: %d %v", rec.Code, rec.Header())
	}
}

// The start cannot be made up, be another's, lie ahead or be of another day; the words are
// taken all the same.
func TestForgedStartIsNotKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seal := func(person string, at time.Time) string {
		micros := strconv.FormatInt(at.UnixMicro(), 10)
		return micros + "." + w.parts.Links.Seal("call", micros+"\n"+person)
	}
	now := time.Now()
	for name, x := range map[string]struct {
		start string
		known bool
	}{
		"good":         {seal("per_admin", now.Add(-time.Minute)), true},
		"another's":    {seal("per_hanako", now.Add(-time.Minute)), false},
		"ahead":        {seal("per_admin", now.Add(time.Hour)), false},
		"two days ago": {seal("per_admin", now.Add(-48*time.Hour)), false},
		"made up":      {fmt.Sprint(now.Add(-time.Minute).UnixMicro()) + ".0123456789abcdef", false},
		"none":         {"", false},
		"no number":    {"x.y", false},
	} {
		at := w.post("admin", "/calls", url.Values{"b": {x.start}, "kind": {"lost"}, "summary": {name}, "key": {"k-" + name}})
		if c := w.caseOf(strings.TrimPrefix(at, "/calls/")); c.Began.Known != x.known || c.Summary != name {
			t.Errorf("%s: began %v", name, c.Began)
		}
	}
}

// The code of a caller from outside is shown to who took the call, on the page of that call,
// until it was written down; it opens the report.
func TestCodeIsReadOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.ask("admin", "ja", "/calls", with(w.sheet("admin"), "from", "outside", "name", "通行 一郎", "kind", "lost", "summary", "鞄"))
	two := w.ask("admin", "ja", "/calls", with(w.sheet("admin"), "kind", "unsure", "summary", "切れた"))
	first, second := one.Header().Get("Location"), two.Header().Get("Location")
	body := w.ask("admin", "ja", first, nil, carry(one)).Body.String()
	m := regexp.MustCompile(`id="the-code"><b>(\d{4} \d{4} \d{4} \d{4})<`).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("no code in\n%s", body)
	}
	if _, err := w.parts.Incidents.OpenCode(t.Context(), m[1], ""); err != nil {
		t.Error(err)
	}
	for _, c := range one.Result().Cookies() {
		if strings.Contains(c.Value, strings.ReplaceAll(m[1], " ", "")) && (c.Path != first || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode) {
			t.Errorf("cookie %+v", c)
		}
	}
	if body := w.get("admin", first); strings.Contains(body, "the-code") {
		t.Error("another browser shows the code")
	}
	kept := w.ask("admin", "ja", first+"/kept", url.Values{}, carry(one))
	if kept.Code != http.StatusSeeOther || len(kept.Result().Cookies()) != 1 || kept.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("kept: %d %v", kept.Code, kept.Header())
	}
	if rec := w.ask("hanako", "ja", first, nil, carry(one)); rec.Code != http.StatusNotFound {
		t.Errorf("for somebody else: %d", rec.Code)
	}
	// Who rang off before they said who they were is nobody; the kind is still to be chosen.
	c := w.caseOf(strings.TrimPrefix(second, "/calls/"))
	if c.Outside == nil || c.Outside.Name != "" || !c.Guessed || c.Kind != incident.Unsure || c.Reporter != "per_admin" {
		t.Errorf("case %+v", c.Incident)
	}
	if body := w.get("admin", "/cases/"+c.Label); !strings.Contains(body, "電話では分からなかった") {
		t.Error("the case does not say why its kind is open")
	}
}

// Whatever is refused, all that was typed comes back, with the start.
func TestRefusedCallKeepsEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.db.UpdateDirectory(t.Context(), func(tx directory.Tx) error {
		return tx.SavePerson(t.Context(), directory.Person{ID: "per_gone", Number: "0009", Family: "去川", Given: "渡", Lang: "ja", Department: "dpt_sales", Left: time.Now().Add(-time.Hour)})
	}))
	start := w.sheet("admin")
	typed := with(start, "from", "ours", "caller", "青木", "kind", "complaint", "summary", "苦情の電話", "text", "くわしく<聞いた>", "name", "だれか", "contact", "03-0000-0099",
		"occurred", "2026-01-05T10:00", "discovered_unknown", "1", "leave_out", "守谷 恵")
	for name, x := range map[string]struct {
		pairs []string
		want  string
	}{
		"nobody of that name": {[]string{"caller", "存在しない"}, "在籍している人が見つかりません"},
		"has left":            {[]string{"caller", "去川 渡"}, "退職しています"},
		"no kind":             {[]string{"kind", ""}, "kind"},
		"no line":             {[]string{"summary", ""}, "summary"},
		"about the taker":     {[]string{"caller", "0001", "leave_out", "井上 拓"}, "あなた自身"},
		"about the caller":    {[]string{"caller", "0001", "leave_out", "青木 花子"}, "「知らせない人」にできません"},
		"a part of a name":    {nil, "青木 花子 (0001)"},
	} {
		form := with(typed, x.pairs...)
		rec := w.ask("admin", "ja", "/calls", form)
		body := rec.Body.String()
		checkHTML(t, name, body)
		if rec.Code != http.StatusUnprocessableEntity || !strings.Contains(body, x.want) {
			t.Errorf("%s: status %d, and no %q", name, rec.Code, x.want)
		}
		if got := hidden(body); got.Get("b") != start.Get("b") || got.Get("key") != start.Get("key") {
			t.Errorf("%s: start or key is lost: %v", name, got)
		}
		for _, v := range []string{form.Get("caller"), form.Get("summary"), "くわしく&lt;聞いた&gt;", "だれか", "03-0000-0099", "2026-01-05T10:00", form.Get("leave_out")} {
			if v != "" && !strings.Contains(body, v) {
				t.Errorf("%s: %q is lost", name, v)
			}
		}
		if strings.Count(body, " checked") < 2 { // who calls, and "I don't know"
			t.Errorf("%s: a choice is lost", name)
		}
	}
	if list := w.get("manager", "/cases"); strings.Contains(list, "INC-") {
		t.Error("something was stored")
	}
}

// Who names themself as the caller reports for themself; what waited under another's mark
// is refused, and a form from elsewhere too.
func TestCallOfOneself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.post("hanako", "/calls", with(w.sheet("hanako"), "from", "ours", "caller", "0001", "kind", "lost", "summary", "鞄"))
	label, own := strings.CutPrefix(at, "/receipt/")
	if c := w.caseOf(label); !own || c.Channel != "web" || c.OnBehalf != "" || c.Began.Known {
		t.Errorf("at %s: %+v", at, c.Incident)
	}
	form := with(w.sheet("hanako"), "kind", "lost", "summary", "鞄")
	if rec := w.ask("admin", "ja", "/calls", form); rec.Code != http.StatusForbidden {
		t.Errorf("under another's mark: %d", rec.Code)
	}
	if rec := w.ask("", "ja", "/calls", form); rec.Code != http.StatusUnauthorized {
		t.Errorf("after the session: %d", rec.Code) // which is when a browser keeps it
	}
	if rec := w.ask("hanako", "ja", "/calls", form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); rec.Code != http.StatusForbidden {
		t.Errorf("from elsewhere: %d", rec.Code)
	}
	if after := w.ask("hanako", "ja", "/calls", form); !strings.HasPrefix(after.Header().Get("Location"), "/calls/INC-") {
		t.Errorf("signed in again: %d", after.Code)
	}
	changed := with(form, "summary", "鞄と傘")
	rec := w.ask("hanako", "ja", "/calls", changed)
	if rec.Code != http.StatusConflict || hidden(rec.Body.String()).Get("key") == form.Get("key") || !strings.Contains(rec.Body.String(), "鞄と傘") {
		t.Errorf("changed after it was sent: %d", rec.Code)
	}
}

// One sheet is one report: who goes back and says who called, or that it was somebody else,
// is told that the first is there, and does not make a second one by accident.
func TestOneSheetIsOneReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	form := with(w.sheet("admin"), "from", "ours", "kind", "lost", "summary", "鞄")
	w.post("admin", "/calls", form) // the caller was forgotten
	for name, caller := range map[string]string{"then named": "0001", "then oneself": "井上 拓"} {
		if rec := w.ask("admin", "ja", "/calls", with(form, "caller", caller)); rec.Code != http.StatusConflict {
			t.Errorf("%s: status %d, %s", name, rec.Code, rec.Header().Get("Location"))
		}
	}
	form = with(w.sheet("admin"), "from", "ours", "kind", "lost", "summary", "傘", "caller", "0001")
	w.post("admin", "/calls", form)
	if rec := w.ask("admin", "ja", "/calls", with(form, "caller", "守谷 恵")); rec.Code != http.StatusConflict {
		t.Errorf("another caller: status %d, %s", rec.Code, rec.Header().Get("Location"))
	}
	if n := strings.Count(w.get("manager", "/cases"), `href="/cases/INC-`); n != 2 {
		t.Errorf("%d links to cases, want those of two", n)
	}
}

// What a browser kept is never a search: who pressed that button when the network had gone
// has typed the words all the same.
func TestKeptCallIsNoSearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	form := with(w.sheet("admin"), "from", "ours", "caller", "0001", "find", "1", "kind", "lost", "summary", "鞄")
	if rec := w.ask("admin", "ja", "/calls", form); rec.Code != http.StatusOK {
		t.Errorf("a search: status %d", rec.Code)
	}
	at := w.post("admin", "/calls", with(form, "written", time.Now().UTC().Format(time.RFC3339)))
	if c := w.caseOf(strings.TrimPrefix(at, "/calls/")); c.OnBehalf != "per_hanako" || !c.Written.Known {
		t.Errorf("%+v", c.Incident)
	}
}
