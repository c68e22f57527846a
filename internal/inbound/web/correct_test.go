package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var fixHref = regexp.MustCompile(`href="(/receipt/[^"]+/correct/[^"]+)"`)

// fixes lists the addresses behind "correct" on a page.
func fixes(body string) []string {
	var out []string
	for _, m := range fixHref.FindAllStringSubmatch(body, -1) {
		out = append(out, m[1])
	}
	return out
}

func TestCorrectOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	label := w.report("virus", "k1")
	receipt := "/receipt/" + label
	w.post("hanako", receipt+"/add", url.Values{"text": {"添付は3つ<b>だった"}})
	w.post("hanako", receipt+"/answer", url.Values{"question": {"virus.signs"}, "choice": {"unknown"}})
	w.post("manager", "/cases/"+label+"/notes", url.Values{"text": {"回線を切った"}})
	w.post("manager", "/cases/"+label+"/facts", url.Values{"text": {"担当から一言"}})

	// The reporter corrects the line and their own words, not the manager's.
	own := fixes(w.get("hanako", receipt))
	if len(own) != 3 || own[0] != receipt+"/correct/summary" {
		t.Fatalf("the reporter is offered %q", own)
	}
	// The manager corrects each of them, and the note.
	all := fixes(w.get("manager", "/cases/"+label))
	if len(all) != 5 {
		t.Fatalf("the manager is offered %q", all)
	}
	for _, lang := range []string{"ja", "en"} {
		for _, at := range append(all, own...) {
			rec := w.ask("manager", lang, at, nil)
			if rec.Code != http.StatusOK {
				t.Fatalf("%s: status %d\n%s", at, rec.Code, w.log)
			}
			checkHTML(t, at, rec.Body.String())
		}
	}
	fact := own[2]
	if !strings.Contains(fact, "fct_") {
		t.Fatalf("the third is %s", fact)
	}
	if body := w.get("hanako", fact); !strings.Contains(body, "添付は3つ&lt;b&gt;だった") || strings.Contains(body, "担当どうし") {
		t.Errorf("the page does not show what was sent:\n%s", body)
	}
	if rec := w.ask("hanako", "ja", fact, url.Values{"text": {" "}}); rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), `href="#text"`) {
		t.Errorf("nothing typed: %d", rec.Code)
	}
	if rec := w.ask("hanako", "ja", fact, url.Values{"text": {"4つだった"}}); rec.Code != http.StatusSeeOther || !strings.HasPrefix(rec.Header().Get("Location"), receipt) {
		t.Errorf("corrected: %d to %s", rec.Code, rec.Header().Get("Location"))
	}
	body := w.get("hanako", receipt)
	if a, b := strings.Index(body, "添付は3つ"), strings.Index(body, "4つだった"); a < 0 || b < a || strings.Count(body, "4つだった") != 1 {
		t.Errorf("the correction does not stand beside the original: %d %d\n%s", a, b, body)
	}
	note := all[len(all)-1]
	if rec := w.ask("manager", "ja", note, url.Values{"text": {"切ったのは翌日"}}); rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/cases/"+label+"#said" {
		t.Errorf("note: %d to %s", rec.Code, rec.Header().Get("Location"))
	}
	if body := w.get("manager", "/cases/"+label); !strings.Contains(body, "切ったのは翌日") || !strings.Contains(body, "4つだった") {
		t.Error("the case lacks a correction")
	}
	if body := w.get("hanako", receipt); strings.Contains(body, "翌日") {
		t.Error("the reporter reads the correction of a note")
	}
	// An auditor reads and corrects nothing; the reporter has no note; nobody has what is not there.
	if got := fixes(w.get("auditor", "/cases/"+label)); len(got) != 0 {
		t.Errorf("the auditor is offered %q", got)
	}
	plain := strings.TrimSuffix(note, "?to=case")
	for who, at := range map[string]string{"auditor": fact, "hanako": plain, "manager": receipt + "/correct/occurred"} {
		if rec := w.ask(who, "ja", at, nil); rec.Code != http.StatusNotFound {
			t.Errorf("%s, %s: status %d", who, at, rec.Code)
		}
	}
	if rec := w.ask("auditor", "ja", fact, url.Values{"text": {"x"}}); rec.Code != http.StatusForbidden {
		t.Errorf("the auditor corrects: %d", rec.Code)
	}
}
