package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

// look is one way of seeing a page.
type look struct {
	name string
	o    chrome.Options
}

// TestPagesBehindPagesAreSound looks at what one reaches only by doing something: a
// refused form, an import with problems, the editors, a mail and the page behind its
// link, an error, and what comes out of a printer.
func TestPagesBehindPagesAreSound(t *testing.T) {
	looks := []look{{"desktop-ja-light", chrome.Options{Lang: "ja"}}, {"phone-en-dark", chrome.Options{Lang: "en", Mobile: true, Dark: true}}}
	if *pictures != "" {
		looks = append(looks, look{"phone-ja-light", chrome.Options{Lang: "ja", Mobile: true}}, look{"phone-en-light", chrome.Options{Lang: "en", Mobile: true}}, look{"desktop-en-light", chrome.Options{Lang: "en"}})
	}
	for _, l := range looks {
		t.Run(l.name, func(t *testing.T) {
			p := open(t, "1402", l.o)
			check := sound
			seen := func(name string) {
				t.Helper()
				check(t, p, name)
				if *pictures != "" {
					p.Screenshot(filepath.Join(*pictures, name+"-"+l.name+".png"))
				}
			}
			for name, path := range map[string]string{"steps-edit": "/settings/steps/virus", "chain": "/settings/policy/urgent/supervisor", "settings": "/settings"} {
				p.Navigate(demoURL + path)
				seen(name)
			}
			p.Navigate(demoURL + "/people?q=1301")
			p.Navigate(demoURL + p.Attr(`td.main a`, "href"))
			seen("person")
			p.Navigate(demoURL + "/outbox")
			var mail string // one that nobody has answered yet
			p.Eval(`[...document.querySelectorAll("tr")].find((tr) => tr.textContent.includes("p1402@")).querySelector("a").getAttribute("href")`, &mail)
			p.Navigate(demoURL + mail)
			seen("mail")
			link := p.Attr(`.mail a[href*="/a/"]`, "href")
			stranger := p
			p = open(t, "", l.o)
			p.Navigate(demoURL + link[strings.Index(link, "/a/"):])
			seen("answer")
			p = stranger
			for _, name := range []string{"receipt", "case"} {
				p.Navigate(demoURL + findCase(p, name, "virus"))
				p.Eval(onPaper, nil)
				seen("print-" + name)
			}
			check = shaped // the browser itself notes refusals on its console
			p.Navigate(demoURL + "/people/import")
			p.Upload(`input[type="file"]`, badPeople(t))
			p.Follow(`form[enctype] button[type="submit"]`)
			if !p.Exists("#plan .card.now") {
				t.Errorf("the import names no problem:\n%s", p.Text("main"))
			}
			seen("import-problems")
			p.Navigate(demoURL + "/report/virus")
			p.Follow(`form[action="/report/virus"] button[type="submit"]`) // nothing typed: 422
			answers(t, p, 422)
			seen("refused")
			p.Navigate(demoURL + "/nothing-here")
			answers(t, p, 404)
			seen("missing")
		})
	}
}

// onPaper makes the rules for paper hold on the screen.
const onPaper = `(() => {
	const walk = (rules) => { for (const r of rules) {
		if (r instanceof CSSMediaRule && r.media.mediaText === "print") r.media.mediaText = "all";
		if (r.cssRules) walk(r.cssRules);
	} };
	for (const sheet of document.styleSheets) walk(sheet.cssRules);
})()`

// answers checks the status that the page came with.
func answers(t *testing.T, p *chrome.Page, want int) {
	t.Helper()
	var got int
	p.Eval(`performance.getEntriesByType("navigation")[0].responseStatus`, &got)
	if got != want {
		t.Errorf("%s answers %d, want %d", p.URL(), got, want)
	}
}

// badPeople is a list of people in which some lines need mending.
func badPeople(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "people.csv")
	text := "社員番号,姓,名,セイ,メイ,メールアドレス,電話番号,部門コード,役職,上長社員番号,言語,退職日\n" +
		"1102,鈴木,花子,スズキ,ハナコ,p1102@kaku.example,03-0000-1102,D1,主任,1101,ja,\n" +
		"1102,鈴木,花子,スズキ,ハナコ,p1102@kaku.example,03-0000-1102,D1,,1101,ja,\n" +
		"1999,,,,,not-a-mail,,NOWHERE,,9999,fr,昨日\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
