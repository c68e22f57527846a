package browser

import (
	"encoding/json"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

// reach presses Tab until the element that matches has the focus, and fails when the
// focus cannot be seen on the way or never gets there.
func reach(t *testing.T, p *chrome.Page, sel string) {
	t.Helper()
	js, err := json.Marshal(sel)
	if err != nil {
		t.Fatal(err)
	}
	var at struct {
		There, Seen bool
		What        string
	}
	for range 150 {
		p.Press("\t")
		p.Eval(`(() => {
			const el = document.activeElement, drawn = (e) => e && getComputedStyle(e).outlineStyle !== "none" && parseFloat(getComputedStyle(e).outlineWidth) >= 2;
			return {There: el.matches(`+string(js)+`), What: el.outerHTML.slice(0, 120),
				Seen: el === document.body || el.matches(":focus-visible") && (drawn(el) || drawn(el.closest(".choice,.tile")))};
		})()`, &at)
		if !at.Seen {
			t.Errorf("the focus cannot be seen on %s", at.What)
		}
		if at.There {
			return
		}
	}
	t.Fatalf("Tab never reaches %s on %s; last at %s", sel, p.URL(), at.What)
}

// enter signs a person in with nothing but keys.
func enter(t *testing.T, number string) *chrome.Page {
	t.Helper()
	p := open(t, "", chrome.Options{Lang: "ja"})
	reach(t, p, `input[name="login"]`)
	p.Press("p" + number)
	reach(t, p, `input[name="password"]`)
	p.Press("sekimori-demo\r")
	p.Wait(".me")
	return p
}

// TestByKeyboardAlone: sign in, report, answer and sign out with Tab, Enter and the
// typed words; the focus is always to be seen.
func TestByKeyboardAlone(t *testing.T) {
	p := enter(t, "1105")
	reach(t, p, `a[href="/report/lost"]`)
	p.Press("\r")
	p.Wait(`form[action="/report/lost"]`)
	reach(t, p, `[name="summary"]`)
	p.Press("名刺入れを電車に置き忘れた")
	reach(t, p, `form[action="/report/lost"] button[type="submit"]`)
	p.Press("\r")
	p.Wait("#told")
	label := p.URL()[strings.Index(p.URL(), "INC-"):]

	boss := enter(t, "1101")
	reach(t, boss, `nav a[href="/morning"]`)
	boss.Press("\r")
	boss.Wait("#unanswered")
	reach(t, boss, `#unanswered form:has(input[value="`+label+`"]) button`)
	boss.Press("\r")
	p.WaitText("#told", "受け付けた")
	p.WaitText("#told", "田中")

	boss.Wait(".banner.ok")
	reach(t, boss, ".me > summary")
	boss.Press("\r")
	reach(t, boss, `form[action="/logout"] button`)
	boss.Press("\r")
	boss.Wait(`input[name="login"]`)
}

// TestPagesSpeakToEveryReader: the language is named, the landmarks stand, the skip
// link leads to the content, every control has a name, and nothing is hidden behind a
// picture without words.
func TestPagesSpeakToEveryReader(t *testing.T) {
	for _, lang := range []string{"ja", "en"} {
		t.Run(lang, func(t *testing.T) {
			p := open(t, "1402", chrome.Options{Lang: lang})
			for _, path := range []string{"/report", "/report/virus", "/morning", "/cases", "/people", "/people/import", "/people/duties", "/settings/policy", "/record", "/account", "/nothing-here"} {
				p.Navigate(demoURL + path)
				var found struct {
					Lang     string
					Marks    []int
					Nameless []string
				}
				p.Eval(`({
					Lang: document.documentElement.lang,
					Marks: ["main#main", "body > header", "header nav[aria-label]", "footer", "a.skip[href='#main']"].map((s) => document.querySelectorAll(s).length),
					Nameless: [...document.querySelectorAll("input:not([type=hidden]),select,textarea,button,a[href],summary")].filter((el) =>
						!(el.getAttribute("aria-label") || el.labels?.length && [...el.labels].some((l) => l.textContent.trim()) ||
							!el.matches("input,select,textarea") && el.textContent.trim())).map((el) => el.outerHTML.slice(0, 120)),
				})`, &found)
				if found.Lang != lang {
					t.Errorf("%s says that it is in %q, want %q", path, found.Lang, lang)
				}
				for i, n := range found.Marks {
					if n != 1 {
						t.Errorf("%s: %d of landmark %d, want one", path, n, i)
					}
				}
				for _, el := range found.Nameless {
					t.Errorf("%s: no name on %s", path, el)
				}
			}
			p.Navigate(demoURL + "/morning")
			p.Press("\t")
			var shown bool
			p.Eval(`document.activeElement.matches("a.skip") && document.activeElement.getBoundingClientRect().top >= 0`, &shown)
			if !shown {
				t.Error("the first Tab does not show the way past the navigation")
			}
			p.Press("\r")
			var inside bool
			p.Eval(`document.activeElement.id === "main"`, &inside)
			if !inside {
				t.Error("the way past the navigation does not lead into the content")
			}
		})
	}
}

// TestTargetsFitAThumb: on a phone whatever is pressed is at least 44 pixels high;
// links inside a sentence or a table's cell are as high as their words.
func TestTargetsFitAThumb(t *testing.T) {
	p := open(t, "1402", chrome.Options{Lang: "en", Mobile: true})
	paths := []string{"/report", "/report/virus", "/morning", "/cases", "/people", "/people/duties", "/settings", "/settings/policy", "/record", "/account",
		findCase(p, "receipt", "virus"), findCase(p, "case", "virus"), findDevice(t, p), "/devices"}
	for _, path := range paths {
		p.Navigate(demoURL + path)
		var small []string
		p.Eval(`[...document.querySelectorAll("button,summary,select,.press,.tile,nav a,.choice,input:not([type=hidden],[type=checkbox],[type=radio]),textarea,.line > a,.row > a")]
			.filter((el) => el.checkVisibility() && !el.closest(".sr") && el.getBoundingClientRect().height < 43.5)
			.map((el) => Math.round(el.getBoundingClientRect().height) + " px: " + el.outerHTML.slice(0, 100))`, &small)
		for _, el := range small {
			t.Errorf("%s: %s", path, el)
		}
	}
}
