package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
)

var inviteLink = regexp.MustCompile(`http://example\.com(/invite/[0-9a-z]+)`)

func TestInviteMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.db.UpdateDirectory(t.Context(), func(tx directory.Tx) error {
		for _, p := range []directory.Person{
			{ID: "per_new", Number: "0101", Family: "新田", Given: "学", FamilyKana: "ニッタ", GivenKana: "マナブ", Email: "New@company.example", Department: "dpt_sales", Lang: "ja"},
			{ID: "per_plain", Number: "0102", Family: "野辺", Given: "紙子", FamilyKana: "ノベ", GivenKana: "カミコ", Department: "dpt_it", Lang: "en"},
			{ID: "per_none", Number: "admin", Family: "名無", Given: "権", FamilyKana: "ナナシ", GivenKana: "ゴン", Department: "dpt_it", Lang: "ja"},
		} {
			if err := tx.SavePerson(t.Context(), p); err != nil {
				return err
			}
		}
		return nil
	}))
	for _, lang := range []string{"ja", "en"} {
		rec := w.ask("admin", lang, "/people/invite", nil)
		checkHTML(t, "/people/invite", rec.Body.String())
		if body := rec.Body.String(); rec.Code != http.StatusOK || strings.Count(body, `name="person"`) != 2 || !strings.Contains(body, "new@company.example") && !strings.Contains(body, "New@company.example") || !strings.Contains(body, "名無 権") {
			t.Fatalf("status %d\n%s\n%s", rec.Code, body, w.log)
		}
	}
	for who, want := range map[string]int{"hanako": http.StatusForbidden, "manager": http.StatusForbidden, "auditor": http.StatusForbidden} {
		for _, form := range []url.Values{nil, {"person": {"per_new"}, "days": {"7"}}} {
			if rec := w.ask(who, "ja", "/people/invite", form); rec.Code != want {
				t.Errorf("%s: status %d", who, rec.Code)
			}
		}
		if strings.Contains(w.get(who, "/people"), "/people/invite") {
			t.Errorf("%s is offered it", who)
		}
	}
	if !strings.Contains(w.get("admin", "/people"), "/people/invite") {
		t.Error("the administrator is not offered it")
	}
	// None chosen is nobody, and not everybody.
	for _, form := range []url.Values{{"days": {"7"}}, {"days": {"0"}, "person": {"per_new"}}, {"days": {"7"}, "person": {"per_hanako", "per_nobody"}}} {
		rec := w.ask("admin", "ja", "/people/invite", form)
		if rec.Code != http.StatusUnprocessableEntity || inviteLink.MatchString(rec.Body.String()) {
			t.Errorf("%v: status %d", form, rec.Code)
		}
		checkHTML(t, "/people/invite", rec.Body.String())
	}
	rec := w.ask("admin", "ja", "/people/invite", url.Values{"days": {"7"}, "person": {"per_new", "per_plain"}, "form": {"sheet"}})
	checkHTML(t, "sheet", rec.Body.String())
	links := inviteLink.FindAllStringSubmatch(rec.Body.String(), -1)
	if rec.Code != http.StatusOK || len(links) != 2 || rec.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("sheet: status %d, %d links, %v", rec.Code, len(links), rec.Header())
	}
	if body := w.get("admin", "/people/invite"); strings.Contains(body, "checked") && strings.Contains(body, `value="per_new" checked`) || strings.Contains(body, "/invite/"+links[0][1]) {
		t.Error("who holds a running link is chosen again, or a link is shown again")
	}
	at := links[0][1]
	for _, lang := range []string{"ja", "en"} {
		for range 2 {
			rec := w.ask("", lang, at, nil)
			checkHTML(t, at, rec.Body.String())
			if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "new@company.example") {
				t.Fatalf("opened: status %d\n%s", rec.Code, rec.Body)
			}
		}
	}
	if _, ok, err := w.db.AccountOf(t.Context(), "per_new"); ok || err != nil {
		t.Errorf("opening made an account: %v, %v", ok, err)
	}
	for want, form := range map[string]url.Values{"again": {"password": {password}, "again": {"x"}}, "password": {"password": {"short"}, "again": {"short"}}} {
		rec := w.ask("", "ja", at, form)
		if rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), `id="`+want+`-error"`) || strings.Contains(rec.Body.String(), `value="short"`) {
			t.Errorf("%s: status %d\n%s", want, rec.Code, rec.Body)
		}
	}
	rec = w.ask("", "ja", at, url.Values{"password": {password}, "again": {password}})
	var cookie string
	for _, c := range rec.Result().Cookies() {
		if c.Name == "sekimori" {
			cookie = c.Value
		}
	}
	if rec.Code != http.StatusSeeOther || cookie == "" {
		t.Fatalf("accepted: status %d\n%s", rec.Code, rec.Body)
	}
	if by, err := w.parts.Access.BySecret(t.Context(), cookie); err != nil || by.Person != "per_new" {
		t.Errorf("signed in as %v, %v", by, err)
	}
	if rec := w.ask("", "ja", at, nil); rec.Code != http.StatusNotFound {
		t.Errorf("used: status %d", rec.Code)
	}
	if rec := w.ask("", "ja", at, url.Values{"password": {password}, "again": {password}}); rec.Code != http.StatusNotFound {
		t.Errorf("used again: status %d", rec.Code)
	}
	if _, _, err := w.parts.Access.SignIn(t.Context(), "new@company.example", password, access.Origin{Address: "192.0.2.7"}); err != nil {
		t.Error(err)
	}
	// The file, in which a new link ends the one of the sheet.
	rec = w.ask("admin", "ja", "/people/invite", url.Values{"days": {"3"}, "person": {"per_plain"}, "form": {"csv"}})
	if rec.Code != http.StatusOK || !strings.Contains(rec.Header().Get("Content-Disposition"), "invitations-") || len(inviteLink.FindAllString(rec.Body.String(), -1)) != 1 || !strings.Contains(rec.Body.String(), "0102") {
		t.Errorf("file: status %d, %v\n%s", rec.Code, rec.Header(), rec.Body)
	}
	if rec := w.ask("", "ja", links[1][1], nil); rec.Code != http.StatusNotFound {
		t.Errorf("replaced: status %d", rec.Code)
	}
	if strings.Contains(w.log.String(), strings.TrimPrefix(at, "/invite/")) {
		t.Error("the log holds a link")
	}
}
