package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/incident"
)

// TestEveryPageIsSound renders each page in both languages as those who may see it.
func TestEveryPageIsSound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	label := w.report("virus", "k1")
	w.report("near_miss", "k2")
	w.post("hanako", "/receipt/"+label+"/add", url.Values{"text": {"14時ごろに開いた\n二行目"}})
	w.post("hanako", "/receipt/"+label+"/answer", url.Values{"question": {"virus.signs"}, "choice": {"unknown"}})
	w.post("hanako", "/receipt/"+label+"/correct", url.Values{"fix_what": {"occurred"}, "fix_at": {"2026-01-05T10:00"}})
	w.post("boss", w.link(label, "per_boss"), url.Values{"note": {"すぐ行きます"}})
	must(t, w.parts.Incidents.AddNote(t.Context(), access.System(), label, "確認中"))
	pages := []struct{ who, path string }{
		{"", "/login"}, {"", "/a/" + "nothing.here"}, {"", w.link(label, "per_manager")}, {"boss", w.link(label, "per_boss")},
		{"hanako", "/report"}, {"hanako", "/receipt/" + label}, {"manager", "/receipt/" + label}, {"hanako", "/account"}, {"hanako", "/account/contacts"}, {"hanako", "/account/contacts/per_hanako"}, {"manager", "/people?care=1"}, {"hanako", "/tallies"},
		{"manager", "/nowhere"}, {"manager", "/morning"}, {"manager", "/cases"}, {"manager", "/cases/" + label}, {"manager", "/people"},
		{"manager", "/people/per_hanako"}, {"manager", "/settings"}, {"auditor", "/record"}, {"admin", "/cases"},
	}
	for _, k := range incident.Kinds() {
		pages = append(pages, struct{ who, path string }{"hanako", "/report/" + string(k)})
	}
	for _, p := range pages {
		for _, lang := range []string{"ja", "en"} {
			t.Run(lang+p.path+" "+p.who, func(t *testing.T) {
				rec := w.ask(p.who, lang, p.path, nil)
				if rec.Code >= 500 || rec.Code == http.StatusSeeOther {
					t.Fatalf("status %d\n%s", rec.Code, w.log)
				}
				checkHTML(t, p.path, rec.Body.String())
				if !strings.Contains(rec.Body.String(), `<html lang="`+lang+`"`) {
					t.Error("the page is in another language")
				}
				if rec.Header().Get("Content-Security-Policy") != policy || rec.Header().Get("Cache-Control") != "no-store" {
					t.Error("a header is missing")
				}
			})
		}
	}
}

func TestEveryReceiptIsSound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, k := range incident.Kinds() {
		label := w.report(string(k), "key-"+string(k))
		for _, lang := range []string{"ja", "en"} {
			body := w.ask("hanako", lang, "/receipt/"+label, nil).Body.String()
			checkHTML(t, string(k), body)
			for _, q := range k.Questions() {
				if !strings.Contains(body, `value="`+q+`"`) {
					t.Errorf("%s: the question %s is not asked", k, q)
				}
			}
		}
	}
}

// TestWeight holds the report page to its budget: everything that a first visit
// fetches, as it travels.
func TestWeight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	zip := func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") }
	sum := w.ask("hanako", "ja", "/report", nil, zip).Body.Len()
	body := w.get("hanako", "/report")
	for _, name := range []string{"sekimori.css", "app.js", "icons.svg", "mark.svg", "favicon.svg"} {
		at := strings.Index(body, "/"+name)
		if at < 0 {
			t.Fatalf("the page does not load %s", name)
		}
		from := strings.LastIndex(body[:at], `"`) + 1
		rec := w.ask("", "ja", body[from:at]+"/"+name, nil, zip)
		if rec.Code != http.StatusOK || !strings.Contains(rec.Header().Get("Cache-Control"), "immutable") {
			t.Fatalf("%s: status %d, %v", name, rec.Code, rec.Header())
		}
		sum += rec.Body.Len()
	}
	if sum > 60<<10 {
		t.Errorf("/report weighs %d bytes, at most %d", sum, 60<<10)
	}
	t.Logf("/report weighs %d bytes", sum)
}

func BenchmarkReportPage(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		if rec := w.ask("hanako", "ja", "/report", nil); rec.Code != http.StatusOK {
			b.Fatal(rec.Code)
		}
	}
}
