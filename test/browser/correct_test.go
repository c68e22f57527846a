package browser

import (
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

// TestCorrectOneEntry: with keys alone on a PC, and with a thumb and no script on a phone,
// a person corrects one thing that they said; both stand on the receipt and on paper.
func TestCorrectOneEntry(t *testing.T) {
	said := func(p *chrome.Page, words string) {
		t.Helper()
		p.Navigate(demoURL + "/report/lost")
		p.Type(`[name="summary"]`, "名刺入れをなくした")
		p.Follow(`form[action="/report/lost"] button[type="submit"]`)
		p.Type(`form[action$="/add"] textarea`, words)
		p.Follow(`form[action$="/add"] button[type="submit"]`)
	}
	t.Run("keyboard", func(t *testing.T) {
		p := open(t, "1105", chrome.Options{Lang: "ja"})
		said(p, "中身は20枚")
		sel := `a.fixit[href*="/correct/fct_"]`
		if name := p.Attr(sel, "aria-label"); !strings.Contains(name, "中身は20枚") {
			t.Errorf("a reader hears %q", name)
		}
		reach(t, p, sel)
		p.Press("\r")
		p.Wait(`form[action*="/correct/fct_"]`)
		sound(t, p, "correct")
		reach(t, p, `textarea[name="text"]`)
		p.Press("12枚だった")
		reach(t, p, `form[action*="/correct/"] button[type="submit"]`)
		p.Press("\r")
		p.WaitText("main", "12枚だった")
		sound(t, p, "corrected")
		p.Eval(onPaper, nil)
		if p.Exists(`a.fixit`) {
			var shown bool
			p.Eval(`document.querySelector("a.fixit").checkVisibility()`, &shown)
			if shown {
				t.Error("paper has a link to press")
			}
		}
		if text := p.Text("main"); !strings.Contains(text, "中身は20枚") || !strings.Contains(text, "12枚だった") {
			t.Errorf("paper lacks one of the two:\n%s", text)
		}
	})
	t.Run("phone", func(t *testing.T) {
		p := open(t, "1104", chrome.Options{Width: 390, Height: 844, Lang: "en", Mobile: true, NoScript: true})
		said(p, "it had a red band")
		shaped(t, p, "receipt")
		var small int
		p.Eval(`[...document.querySelectorAll("a.fixit")].filter((el) => el.getBoundingClientRect().height < 43.5).length`, &small)
		if n := p.Count("a.fixit"); n < 2 || small > 0 {
			t.Errorf("%d ways to correct, %d of them too small for a thumb", n, small)
		}
		p.Follow(`a.fixit[href*="/correct/fct_"]`)
		shaped(t, p, "correct")
		if *pictures != "" {
			p.Screenshot(filepath.Join(*pictures, "correct-phone-en-light.png"))
		}
		p.Type(`textarea[name="text"]`, "a blue one")
		p.Follow(`form[action*="/correct/"] button[type="submit"]`)
		shaped(t, p, "corrected")
		if *pictures != "" {
			p.Screenshot(filepath.Join(*pictures, "corrected-phone-en-light.png"))
		}
		if text := p.Text("main"); !strings.Contains(text, "red band") || !strings.Contains(text, "a blue one") {
			t.Errorf("the receipt lacks one of the two:\n%s", text)
		}
	})
}
