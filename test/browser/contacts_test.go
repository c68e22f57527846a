package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sekimori/internal/testkit/chrome"
)

// TestContacts: somebody looks where they are told, adds a mail address by the code that
// came there, and the pages are sound wherever they are looked at.
func TestContacts(t *testing.T) {
	for n, o := range []chrome.Options{{Lang: "ja"}, {Lang: "en", Mobile: true}, {Lang: "ja", Mobile: true, Dark: true}, {Lang: "en", Dark: true}} {
		t.Run(fmt.Sprint(o.Lang, o.Mobile, o.Dark), func(t *testing.T) {
			p := open(t, "1402", o)
			p.Navigate(demoURL + "/account/contacts")
			sound(t, p, "contacts")
			picture(p, "contacts", o)
			p.Click(`details:has([name="address"]) summary`)
			address := fmt.Sprintf("second-%d@kaku.example", n)
			p.Type(`#mail-address`, address)
			p.Type(`#mail-name`, "private")
			p.Follow(`details:has([name="address"]) button`)
			sound(t, p, "a new contact")
			picture(p, "contact", o)
			at := p.URL()
			p.Navigate(demoURL + "/outbox")
			p.Follow(`a[href^="/outbox/cod_"]`)
			mail := p.Text("main")
			if !strings.Contains(mail, address) {
				t.Fatalf("the newest code went elsewhere:\n%s", mail)
			}
			code := sixDigits(mail)
			p.Navigate(at)
			p.Type("#code", code)
			p.Follow(`form[action$="/verify"] button`)
			if !strings.Contains(p.Text("main"), address) || p.Count(".tag.matsu") < 1 {
				t.Errorf("after the code:\n%s", p.Text("main"))
			}
			sound(t, p, "proven")
			picture(p, "contacts-proven", o)
			p.Follow(`a[href="` + at[len(demoURL):] + `"]`)
			p.Click(`details:has(form[action$="/remove"]) summary`)
			p.Follow(`form[action$="/remove"] button`)
			if strings.Contains(p.Text("main"), address) {
				t.Error("the contact is still there")
			}
			p.Navigate(demoURL + "/people?care=1")
			sound(t, p, "people whose contacts want care")
			p.Navigate(demoURL + "/settings/policy/urgent/protection_manager")
			p.Click(`fieldset details summary`)
			sound(t, p, "order of channels")
			picture(p, "order-of-channels", o)
		})
	}
}

func sixDigits(s string) string {
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		if len(w) == 6 {
			return w
		}
	}
	return ""
}

// TestPushIsShown: what comes from a push service is shown by the browser's own words, and
// leads to a page of ours, whatever it says.
func TestPushIsShown(t *testing.T) {
	p := open(t, "1402", chrome.Options{Lang: "ja"})
	p.AllowNotifications(demoURL)
	p.Navigate(demoURL + "/account/contacts")
	p.Eval(`navigator.serviceWorker.ready.then(() => document.body.classList.add("settled")); 1`, nil)
	p.Wait("body.settled")
	p.Wait(`form[data-push] button:not([hidden])`)
	for _, tt := range []struct{ data, title, to string }{
		{`{"to":"/a/ntc_01.AbC-_9","lang":"ja"}`, "関守から知らせがあります", "/a/ntc_01.AbC-_9"},
		{`{"to":"/account/contacts/con_01?code=042137","lang":"en"}`, "A notice from Sekimori has arrived", "/account/contacts/con_01?code=042137"},
		{`{"to":"//evil.example/x","lang":"<b>"}`, "関守から知らせがあります", "/"},
		{`{"to":"https://evil.example","title":"Pay now"}`, "関守から知らせがあります", "/"},
		{`no JSON`, "関守から知らせがあります", "/"},
	} {
		p.Eval(`document.body.classList.remove("empty"); window.shown = undefined; navigator.serviceWorker.ready.then(async (w) => {
			for (let n; (n = await w.getNotifications()).length;) { // closing takes a while, and goes by the tag
				for (const x of n) x.close();
				await new Promise((r) => setTimeout(r, 50));
			}
			document.body.classList.add("empty"); }); 1`, nil)
		p.Wait("body.empty")
		shown := false
		for try := 0; try < 4 && !shown; try++ { // a worker that is just being started or ended may miss one
			p.Push(demoURL, tt.data)
			for wait := 0; wait < 50 && !shown; wait++ {
				p.Eval(`navigator.serviceWorker.ready.then(async (w) => { window.shown = (await w.getNotifications())[0]; }); 1`, nil)
				time.Sleep(100 * time.Millisecond)
				p.Eval(`!!window.shown`, &shown)
			}
		}
		if !shown {
			t.Fatalf("%s was not shown", tt.data)
		}
		var title, to string
		p.Eval(`window.shown.title`, &title)
		p.Eval(`window.shown.data.to`, &to)
		if title != tt.title || to != tt.to {
			t.Errorf("%s is shown as %q and leads to %q", tt.data, title, to)
		}
	}
	sound(t, p, "with notifications")
}
