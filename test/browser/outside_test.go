package browser

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

var receiptCode = regexp.MustCompile(`\d{4} \d{4} \d{4} \d{4}`)

// TestReportWithoutAnAccount: a stranger with a telephone, with and without script, tells
// what happened, notes the code, and comes back with it on another device.
func TestReportWithoutAnAccount(t *testing.T) {
	looks := []look{
		{"phone-ja-light", chrome.Options{Lang: "ja", Mobile: true}},
		{"phone-en-dark", chrome.Options{Lang: "en", Mobile: true, Dark: true}},
		{"desktop-ja-light-noscript", chrome.Options{Lang: "ja", NoScript: true}},
	}
	if *pictures != "" {
		looks = append(looks, look{"desktop-en-light", chrome.Options{Lang: "en"}}, look{"desktop-ja-dark", chrome.Options{Lang: "ja", Dark: true}})
	}
	for _, l := range looks {
		t.Run(l.name, func(t *testing.T) {
			p := open(t, "", l.o)
			check := sound
			if l.o.NoScript { // the audit is a script too
				check = shaped
			}
			seen := func(p *chrome.Page, name string) {
				t.Helper()
				check(t, p, name)
				if *pictures != "" {
					p.Screenshot(filepath.Join(*pictures, name+"-"+l.name+".png"))
				}
			}
			p.Follow(`main a[href="/report"]`) // from the sign-in page
			seen(p, "outside-tiles")
			if n := p.Count(".tile"); n != 10 {
				t.Fatalf("%d tiles, want ten", n)
			}
			if n := p.Count(`main a[href^="tel:"]`); n != 2 {
				t.Errorf("%d numbers to call, want those of both offices", n)
			}
			p.Follow(`a[href="/report/lost"]`)
			seen(p, "outside-form")
			if strings.Contains(p.Text("main"), "高橋") {
				t.Error("a stranger reads the name of one of our people")
			}
			p.Type(`[name="summary"]`, "電車の網棚に社名入りの鞄があった")
			p.Type(`[name="name"]`, "通行 一郎")
			if !l.o.NoScript {
				p.Wait(`form[data-work="done"]`)
			}
			p.Follow(`form[data-work] button[type="submit"]`)
			if !strings.HasSuffix(p.URL(), "/r") {
				t.Fatalf("after sending at %s:\n%s", p.URL(), p.Text("main"))
			}
			seen(p, "outside-receipt")
			text := p.Text("main")
			code := receiptCode.FindString(text)
			if code == "" {
				t.Fatalf("no code on the receipt:\n%s", text)
			}
			label := text[strings.Index(text, "INC-"):][:13]
			if print := p.Exists(`[data-print]:not([hidden])`); print == l.o.NoScript {
				t.Errorf("the button that prints is shown: %v", print)
			}
			p.Eval(onPaper, nil)
			seen(p, "print-outside-receipt")

			q := open(t, "", l.o)
			q.Navigate(demoURL + "/r")
			seen(q, "outside-open")
			q.Type(`[name="code"]`, strings.ReplaceAll(code, " ", "-"))
			if !l.o.NoScript {
				q.Wait(`form[data-work="done"]`)
			}
			q.Follow(`form[data-work] button[type="submit"]`)
			if !strings.Contains(q.Text("main"), label) || q.Exists("#the-code") {
				t.Errorf("with the code one sees:\n%s", q.Text("main"))
			}
			q.Type(`textarea[name="text"]`, "駅の係員に預けました")
			q.Follow(`form[action="/r/add"] button`)
			seen(q, "outside-again")
			if !strings.Contains(q.Text("main"), "駅の係員に預けました") {
				t.Errorf("what was added is not there:\n%s", q.Text("main"))
			}
			q.Follow(`form[action="/r/leave"] button`)
			if strings.Contains(q.Text("main"), label) || !q.Exists(`[name="code"]`) {
				t.Errorf("after leaving one sees:\n%s", q.Text("main"))
			}

			// Those who work on it.
			if l.o.NoScript {
				return
			}
			m := open(t, "1402", l.o)
			m.Navigate(demoURL + "/cases?q=" + label)
			seen(m, "cases-outside")
			if list := m.Text("main"); strings.Contains(list, "通行 一郎") {
				t.Errorf("the list says who it was:\n%s", list)
			}
			m.Navigate(demoURL + "/cases/" + label)
			seen(m, "case-outside")
			if !strings.Contains(m.Text("main"), "通行 一郎") {
				t.Errorf("the case does not say who it was:\n%s", m.Text("main"))
			}
			m.Navigate(demoURL + "/settings/poster")
			seen(m, "poster")
		})
	}
}

// TestRefusedWithoutAnAccount: what is refused comes back with what was typed.
func TestRefusedWithoutAnAccount(t *testing.T) {
	p := open(t, "", chrome.Options{Lang: "ja", Mobile: true})
	p.Navigate(demoURL + "/report/missent")
	p.Type(`[name="contact"]`, "ichiro@outside.example")
	p.Wait(`form[data-work="done"]`)
	p.Follow(`form[data-work] button[type="submit"]`)
	shaped(t, p, "refused")
	if p.Value(`[name="contact"]`) != "ichiro@outside.example" || !p.Exists(".errors") {
		t.Errorf("the form came back as:\n%s", p.Text("main"))
	}
	p.Navigate(demoURL + "/r")
	p.Type(`[name="code"]`, "1234")
	p.Wait(`form[data-work="done"]`)
	p.Follow(`form[data-work] button[type="submit"]`)
	shaped(t, p, "slip")
	if p.Value(`[name="code"]`) != "1234" || !p.Exists("#code-error") {
		t.Errorf("the slip of the pen came back as:\n%s", p.Text("main"))
	}
}
