package browser

import (
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

// TestPasskeyAtALink: the protection manager decides that a link wants proof, and somebody
// gives it by a passkey on a phone that is signed in as nobody. What they wrote beside comes along.
func TestPasskeyAtALink(t *testing.T) {
	for _, l := range []struct {
		look
		saved, done, note string
	}{
		{look{"desktop-ja-light", chrome.Options{Lang: "ja"}}, "保存しました", "受け付けました", "指で確かめました"},
		{look{"phone-en-dark", chrome.Options{Lang: "en", Mobile: true, Dark: true}}, "is saved", "you answered", "Seen on the way"},
	} {
		t.Run(l.name, func(t *testing.T) {
			manager := open(t, "1402", l.o)
			seen := func(p *chrome.Page, name string) {
				t.Helper()
				sound(t, p, name)
				if *pictures != "" {
					p.Screenshot(filepath.Join(*pictures, name+"-"+l.name+".png"))
				}
			}
			set := func(value string) {
				manager.Navigate(demoURL + "/settings/links")
				manager.Click(`input[name="wanted"][value="` + value + `"]`)
				manager.Follow(`form[action="/settings/links"] button`)
			}
			set("on")
			t.Cleanup(func() { set("off") })
			if !strings.Contains(manager.Text("body"), l.saved) {
				t.Errorf("after saving:\n%s", manager.Text("body"))
			}
			seen(manager, "settings_links")
			manager.Navigate(demoURL + "/settings")
			seen(manager, "settings")

			reporter := open(t, "1103", chrome.Options{Lang: "ja"})
			reporter.Navigate(demoURL + "/report/missent")
			reporter.Type(`input[name="summary"]`, "見積書を別の会社に送った "+l.name)
			reporter.Follow(`form[action="/report/missent"] button[type="submit"]`)
			label := reporter.URL()[strings.LastIndex(reporter.URL(), "/")+1:]

			p := chrome.New(t, l.o)
			p.Passkeys()
			signIn(p, named()+"/login", "1101")
			p.Navigate(named() + "/account")
			p.Follow(`form[action="/account/passkeys"] button`)
			link := answerLink(t, manager, label, "p1101")
			p.Click(`details.me summary`)
			p.Follow(`form[action="/logout"] button`)
			if l.o.Lang == "en" {
				p.Navigate(named() + "/language?to=en")
			}
			p.Navigate(named() + link)
			seen(p, "answer_proof")
			p.Type(`#note`, l.note)
			p.Follow(`form[data-passkey] button`)
			if text := p.Text("main"); !strings.Contains(text, l.note) || p.Exists(`form[data-passkey]`) {
				t.Errorf("after the passkey, at %s:\n%s", p.URL(), text)
			}
			seen(p, "answer_proven")
			p.Navigate(named() + "/account")
			if !strings.Contains(p.URL(), "/login") {
				t.Errorf("signed in at %s", p.URL())
			}

			signIn(p, named()+"/login", "1101") // others look at this account too
			p.Navigate(named() + "/account")
			p.Follow(`form[action^="/account/passkeys/"][action$="/remove"] button`)
			if p.Exists(`form[action$="/remove"]`) {
				t.Error("the passkey is still there")
			}
		})
	}
}

// answerLink finds the link of the notice about a case to somebody among the demo's mails.
func answerLink(t *testing.T, p *chrome.Page, label, to string) string {
	t.Helper()
	p.Navigate(demoURL + "/outbox?q=" + label)
	p.WaitText("main", label)
	var href string
	p.Eval(`[...document.querySelectorAll('a[href^="/outbox/"]')].find(a => { const row = a.closest("tr, .line, li") || a; return row.textContent.includes("`+label+`") && row.textContent.includes("`+to+`"); })?.getAttribute("href") || ""`, &href)
	if href == "" {
		t.Fatalf("no mail about %s to %s:\n%s", label, to, p.Text("main"))
	}
	p.Navigate(demoURL + href)
	link := p.Attr(`.mail a[href*="/a/"]`, "href")
	return link[strings.Index(link, "/a/"):]
}
