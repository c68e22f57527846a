package api

import (
	"strings"
	"testing"
	"time"
)

// TestPhotosOfAThing: a picture or a paper is kept once and comes back as it was sent, as
// an attachment; everything else is refused and leaves nothing behind.
func TestPhotosOfAThing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admin()
	w.send("per_admin", "POST", "/api/v1/assets", stick).want(201)
	const picture = "\x89PNG\r\n\x1a\n made-up"
	put := func(who, name, body, key string) answer {
		return w.send(who, "POST", "/api/v1/assets/USB-0001/photos?name="+name, body, "Content-Type", "text/html", KeyHeader, key)
	}
	made := put("per_admin", "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E.png", picture, "p1").want(201)
	if made.text("media_type") != "image/png" || strings.ContainsAny(made.text("name"), "\"/\\\r\n") || made.text("sha256") == "" {
		t.Errorf("kept: %s", made.Body)
	}
	if again := put("per_admin", "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E.png", picture, "p1").want(201); again.text("id") != made.text("id") {
		t.Errorf("kept twice: %s", again.Body)
	}
	if paper := put("per_boss", "%E5%BB%83%E6%A3%84.pdf", "%PDF-1.7 made-up", "p2").want(201); paper.text("name") != "廃棄.pdf" || paper.text("media_type") != "application/pdf" {
		t.Errorf("a paper: %s", paper.Body)
	}
	if unnamed := put("per_admin", "", picture, "p3").want(201); unnamed.text("name") == "" {
		t.Errorf("nobody can call it anything: %s", unnamed.Body)
	}
	got := w.send("per_auditor", "GET", made.Header().Get("Location"), "").want(200)
	if h := got.Header(); got.Body.String() != picture || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("fetched %q, %v", got.Body, h)
	}
	for name, bad := range map[string]struct {
		body   string
		status int
	}{
		"script": {"<!doctype html><script>alert(1)</script>", 422},
		"svg":    {`<svg xmlns="http://www.w3.org/2000/svg"/>`, 422},
		"none":   {"", 422},
		"large":  {picture + strings.Repeat("x", 10<<20), 413},
	} {
		put("per_admin", name+".png", bad.body, "bad-"+name).want(bad.status)
	}
	put("per_admin", "a%0D%0AX-Evil:1.png", picture, "").want(422)
	w.send("per_admin", "POST", "/api/v1/assets/USB-0001/photos?name=x", picture, "Content-Type", "multipart/form-data; boundary=x").want(415)
	put("per_auditor", "x.png", picture, "").want(403)
	put("per_hanako", "x.png", picture, "").want(404) // not theirs: it does not exist
	put("reporter", "x.png", picture, "").want(403)
	w.send("per_hanako", "GET", made.Header().Get("Location"), "").want(404)
	if n := len(w.send("per_admin", "GET", "/api/v1/assets/USB-0001", "").want(200).json()["photos"].([]any)); n != 3 {
		t.Errorf("%d files are kept", n)
	}
}

// TestCountedByWhatPicturesSay: a program that reads labels itself sends what they say.
func TestCountedByWhatPicturesSay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admin()
	w.send("per_admin", "POST", "/api/v1/assets", stick).want(201)
	stock := w.send("per_admin", "POST", "/api/v1/stock-takes", `{"title":"秋","due":"`+time.Now().AddDate(0, 0, 9).Format(time.DateOnly)+`"}`).want(201)
	at := stock.Header().Get("Location")
	seen := func(codes string) []any {
		t.Helper()
		return w.send("per_boss", "POST", at+"/seen", `{"codes":[`+codes+`],"how":"photo"}`).want(200).json()["items"].([]any)
	}
	for i, want := range []string{"found", "again"} {
		if one := seen(`"https://sekimori.example/assets/USB-0001"`)[0].(map[string]any); one["result"] != want || one["number"] != "USB-0001" {
			t.Errorf("picture %d: %v", i, one)
		}
	}
	for _, theirs := range []string{`"https://other.example/assets/USB-0001"`, `"javascript:alert(1)"`} {
		if one := seen(theirs)[0].(map[string]any); one["number"] != nil || one["sighting"] != nil {
			t.Errorf("%s counted: %v", theirs, one)
		}
	}
	w.send("per_boss", "POST", at+"/seen", `{"codes":[],"how":"photo"}`).want(422)
	w.send("per_auditor", "POST", at+"/seen", `{"codes":["USB-0001"],"how":"photo"}`).want(403)
	lines := w.send("per_admin", "GET", at+"/lines", "").want(200).json()["items"].([]any)
	if shot := lines[0].(map[string]any)["seen"].([]any); len(shot) != 1 || shot[0].(map[string]any)["how"] != "photo" {
		t.Errorf("seen: %v", lines)
	}
}
