package browser

import (
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

// named is the demo under the name that passkeys belong to: an address has none.
func named() string { return strings.Replace(demoURL, "127.0.0.1", "localhost", 1) }

// TestPasskeys: somebody adds a passkey, signs in with it and with nothing else, and ends
// it, on a PC and on a phone. A finger that the device does not know gets nowhere.
func TestPasskeys(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped under -short: needs Chromium")
	}
	for _, l := range []struct {
		look
		number, add, lost, forgotten string
	}{
		{look{"desktop-ja-light", chrome.Options{Lang: "ja"}}, "1104", "パスキーを足しました", "確かめられませんでした", "登録があれば"},
		{look{"phone-en-dark", chrome.Options{Lang: "en", Mobile: true, Dark: true}}, "1103", "The passkey is added", "could not be checked", "If we know"},
		{look{"phone-ja-light", chrome.Options{Lang: "ja", Mobile: true}}, "1102", "パスキーを足しました", "確かめられませんでした", "登録があれば"},
		{look{"desktop-en-dark", chrome.Options{Lang: "en", Dark: true}}, "1101", "The passkey is added", "could not be checked", "If we know"},
	} {
		t.Run(l.name, func(t *testing.T) {
			p := chrome.New(t, l.o)
			seen := func(name string) {
				t.Helper()
				sound(t, p, name)
				if *pictures != "" {
					p.Screenshot(filepath.Join(*pictures, name+"-"+l.name+".png"))
				}
			}
			if l.o.Lang == "en" {
				p.Navigate(named() + "/language?to=en")
			}
			finger := p.Passkeys()
			p.Navigate(named() + "/login")
			seen("login")
			p.Type(`input[name="login"]`, "p"+l.number)
			p.Type(`input[name="password"]`, "sekimori-demo")
			p.Follow(`form[action="/login"] button:not([name])`)

			p.Navigate(named() + "/account")
			p.Follow(`form[action="/account/passkeys"] button`)
			if !strings.Contains(p.Text("main"), l.add) {
				t.Fatalf("after adding:\n%s", p.Text("main"))
			}
			seen("account")

			p.Click(`details.me summary`)
			p.Follow(`form[action="/logout"] button`)
			p.Navigate(named() + "/login")
			finger(false)
			p.Click(`form[action="/login/passkey"] button`)
			p.WaitText(`form[action="/login/passkey"]`, l.lost)
			seen("login_refused")
			finger(true)
			p.Follow(`form[action="/login/passkey"] button`)
			if !p.Exists(".me") {
				t.Fatalf("not signed in at %s:\n%s", p.URL(), p.Text("main"))
			}

			p.Navigate(named() + "/account/confirm") // nothing to ask: they have just come
			if !strings.HasSuffix(p.URL(), "/account") {
				t.Errorf("asked again at %s", p.URL())
			}
			p.Follow(`form[action^="/account/passkeys/"][action$="/remove"] button`)
			if p.Exists(`form[action$="/remove"]`) {
				t.Errorf("still there:\n%s", p.Text("main"))
			}
			seen("account_without")

			q := chrome.New(t, l.o)
			if l.o.Lang == "en" {
				q.Navigate(named() + "/language?to=en")
			}
			q.Navigate(named() + "/reset")
			q.Type(`input[name="whose"]`, "nobody@company.example")
			p = q
			seen("reset")
			q.Follow(`form[action="/reset"] button[type="submit"]`)
			if !strings.Contains(q.Text("main"), l.forgotten) {
				t.Errorf("after asking:\n%s", q.Text("main"))
			}
			seen("reset_asked")
		})
	}
}

// TestPasskeysBelongToAName: under a bare address no page offers what cannot work.
func TestPasskeysBelongToAName(t *testing.T) {
	p := open(t, "1104", chrome.Options{Lang: "ja"})
	p.Navigate(demoURL + "/account")
	if !strings.Contains(p.Text("#passkeys"), "パスキーを足せません") {
		t.Errorf("the account offers:\n%s", p.Text("#passkeys"))
	}
	sound(t, p, "account")
}
