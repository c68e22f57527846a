package browser

import (
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

// TestNearMissWithoutAName: somebody who is signed in puts a near miss in the box, with and
// without script, and sees the numbers that everybody sees.
func TestNearMissWithoutAName(t *testing.T) {
	looks := []look{
		{"phone-ja-light", chrome.Options{Lang: "ja", Mobile: true}},
		{"desktop-en-dark", chrome.Options{Lang: "en", Dark: true}},
		{"phone-en-dark-noscript", chrome.Options{Lang: "en", Mobile: true, Dark: true, NoScript: true}},
	}
	if *pictures != "" {
		looks = append(looks, look{"desktop-ja-light", chrome.Options{Lang: "ja"}}, look{"phone-en-dark", chrome.Options{Lang: "en", Mobile: true, Dark: true}})
	}
	for _, l := range looks {
		t.Run(l.name, func(t *testing.T) {
			check := sound
			if l.o.NoScript { // the audit is a script too
				check = shaped
			}
			p := open(t, "1102", l.o)
			seen := func(name string) {
				t.Helper()
				check(t, p, name)
				if *pictures != "" {
					p.Screenshot(filepath.Join(*pictures, name+"-"+l.name+".png"))
				}
			}
			p.Navigate(demoURL + "/report/near_miss")
			seen("near-with-name")
			if n := p.Count(`[name="nearly"]`); n != 10 {
				t.Errorf("%d choices of what nearly happened, want nine and none", n)
			}
			p.Follow(`main a[href^="/near"]`)
			seen("near")
			if who := p.Text("header"); strings.Contains(who, "鈴木") {
				t.Errorf("the page knows who it is: %s", who)
			}
			p.Type(`[name="text"]`, "復唱で気づいた")
			p.Type(`[name="summary"]`, "折り返しの番号を読み違えかけた")
			p.Click(`.choice:has([value="missent"])`)
			if !l.o.NoScript {
				p.Wait(`form[data-work="done"]`)
			}
			p.Follow(`form[data-work] button[type="submit"]`)
			if !strings.HasSuffix(p.URL(), "/near/in") {
				t.Fatalf("after sending at %s:\n%s", p.URL(), p.Text("main"))
			}
			seen("near-in")
			p.Navigate(demoURL + "/tallies")
			seen("tallies")
			if n := p.Count("th.share > svg:last-child"); n < 10 {
				t.Errorf("%d bars", n)
			}
		})
	}
}

// TestNearMissRefused: what is refused comes back with what was typed.
func TestNearMissRefused(t *testing.T) {
	p := open(t, "", chrome.Options{Lang: "ja", Mobile: true})
	p.Navigate(demoURL + "/near")
	p.Type(`[name="text"]`, "復唱で気づいた")
	p.Wait(`form[data-work="done"]`)
	p.Follow(`form[data-work] button[type="submit"]`)
	shaped(t, p, "near-refused")
	if p.Value(`[name="text"]`) != "復唱で気づいた" || !p.Exists("#summary-error") {
		t.Errorf("the form came back as:\n%s", p.Text("main"))
	}
}
