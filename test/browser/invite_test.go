package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

// newcomers is a list of two people who cannot sign in yet.
func newcomers(t *testing.T, numbers ...string) string {
	t.Helper()
	text := "社員番号,姓,名,セイ,メイ,メールアドレス,電話番号,部門コード,役職,上長社員番号,言語,退職日\n"
	for _, n := range numbers {
		text += n + ",新井,一番,アライ,イチバン,p" + n + "@kaku.example,03-0000-" + n + ",100,,1101,ja,\n"
	}
	name := filepath.Join(t.TempDir(), "newcomers.csv")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestSignInsForMany: from the list of people to a sheet of links, and from a link to
// being signed in, on a PC and on a phone.
func TestSignInsForMany(t *testing.T) {
	for _, l := range []struct {
		look
		numbers []string
	}{
		{look{"desktop-ja-light", chrome.Options{Lang: "ja"}}, []string{"1801", "1802"}},
		{look{"phone-en-dark", chrome.Options{Lang: "en", Mobile: true, Dark: true}}, []string{"1803", "1804"}},
	} {
		t.Run(l.name, func(t *testing.T) {
			p := open(t, "1502", l.o)
			seen := func(p *chrome.Page, name string) {
				t.Helper()
				sound(t, p, name)
				if *pictures != "" {
					p.Screenshot(filepath.Join(*pictures, name+"-"+l.name+".png"))
				}
			}
			p.Navigate(demoURL + "/people/import")
			p.Upload(`input[type="file"]`, newcomers(t, l.numbers...))
			p.Follow(`form[enctype] button[type="submit"]`)
			p.Follow(`form[action="/people/import/apply"] button[type="submit"]`)
			p.Navigate(demoURL + "/people")
			p.Follow(`a[href="/people/invite"]`)
			seen(p, "invite")
			if n := p.Count(`input[name="person"]:checked`); n != 2 {
				t.Fatalf("%d people are chosen, want the two new ones:\n%s", n, p.Text("main"))
			}
			p.Follow(`form[action="/people/invite"] button[type="submit"]`)
			seen(p, "invited")
			sheet := p.Text("main")
			p.Eval(onPaper, nil)
			seen(p, "print-invited")
			at := strings.Index(sheet, "/invite/")
			if at < 0 || strings.Count(sheet, "/invite/") != 2 {
				t.Fatalf("the sheet holds no two links:\n%s", sheet)
			}
			link := strings.Fields(sheet[at:])[0]

			q := open(t, "", l.o)
			q.Navigate(demoURL + link)
			seen(q, "invitation")
			q.Type(`input[name="password"]`, "a long and quiet river")
			q.Type(`input[name="again"]`, "a long and quiet river")
			q.Follow(`form[action^="/invite/"] button[type="submit"]`)
			sound(t, q, "signed in")
			if !strings.HasSuffix(q.URL(), "/report") || !q.Exists(".me") {
				t.Errorf("after the password at %s:\n%s", q.URL(), q.Text("main"))
			}
		})
	}
}
