package browser

import (
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

// TestCallSheet: a call is taken from the first word to the number, on a PC and on a phone,
// with and without script, by somebody of ours and by a stranger.
func TestCallSheet(t *testing.T) {
	looks := []look{
		{"phone-ja-light", chrome.Options{Lang: "ja", Mobile: true}},
		{"desktop-en-dark", chrome.Options{Lang: "en", Dark: true}},
		{"desktop-ja-light-noscript", chrome.Options{Lang: "ja", NoScript: true}},
	}
	if *pictures != "" {
		looks = append(looks, look{"desktop-ja-light", chrome.Options{Lang: "ja"}}, look{"phone-en-dark", chrome.Options{Lang: "en", Mobile: true, Dark: true}},
			look{"phone-ja-dark", chrome.Options{Lang: "ja", Mobile: true, Dark: true}}, look{"desktop-en-light", chrome.Options{Lang: "en"}})
	}
	for _, l := range looks {
		t.Run(l.name, func(t *testing.T) {
			p := open(t, "1205", l.o)
			check := sound
			if l.o.NoScript { // the audit is a script too
				check = shaped
			}
			seen := func(name string) {
				t.Helper()
				check(t, p, name)
				if *pictures != "" {
					p.Screenshot(filepath.Join(*pictures, name+"-"+l.name+".png"))
				}
			}
			p.Navigate(demoURL + "/report")
			p.Follow(`main a[href="/calls"]`)
			at := p.URL()
			seen("call-new")
			if !l.o.NoScript {
				p.Wait(`[role="timer"]:not([hidden])`)
			}
			p.Navigate(at) // a reload
			if p.URL() != at {
				t.Errorf("a reload leads from %s to %s", at, p.URL())
			}
			if n := p.Count(`input[name="kind"]`); n != 11 {
				t.Errorf("%d kinds, want ten and one for who cannot tell", n)
			}
			p.Type(`[name="caller"]`, "佐藤")
			p.Follow(`button[name="find"]`)
			seen("call-search")
			if !strings.Contains(p.Text(".ours"), "佐藤 大輔 (1103)") || p.Value(`[name="caller"]`) != "佐藤" {
				t.Fatalf("the search found:\n%s", p.Text(".ours"))
			}
			p.Click(`[name="who"]`)
			p.Click(`[name="kind"][value="virus"]`)
			p.Type(`[name="summary"]`, "画面が赤くなったとの電話")
			p.Follow(`form.call .press.shu`)
			if !strings.Contains(p.URL(), "/calls/INC-") {
				t.Fatalf("after sending at %s:\n%s", p.URL(), p.Text("main"))
			}
			seen("call-own")
			if p.Exists("#the-code") || !strings.Contains(p.Text(".spoken.label"), "INC-") {
				t.Errorf("to one of ours is read out:\n%s", p.Text("main"))
			}
			label := strings.TrimSpace(p.Text(".spoken.label"))

			p.Navigate(demoURL + "/calls")
			p.Click(`[name="from"][value="outside"]`)
			p.Type(`[name="name"]`, "通行 一郎")
			p.Type(`[name="contact"]`, "03-0000-0099")
			seen("call-outside")
			p.Click(`[name="kind"][value="unsure"]`)
			p.Type(`[name="summary"]`, "御社の鞄が駅にあった")
			p.Follow(`form.call .press.shu`)
			seen("call-code")
			if !receiptCode.MatchString(p.Text("#the-code")) {
				t.Fatalf("no code to read out:\n%s", p.Text("main"))
			}
			p.Follow(`form[action$="/kept"] button`)
			if p.Exists("#the-code") {
				t.Error("the code stands there after it was written down")
			}
			seen("call-kept")

			p.Navigate(demoURL + "/calls/sheet")
			seen("call-paper")
			if !l.o.NoScript && !p.Exists(`[data-print]:not([hidden])`) {
				t.Error("no button that prints")
			}
			pdf := ""
			if *pictures != "" {
				pdf = filepath.Join(*pictures, "call-paper-"+l.name+".pdf")
			}
			if n := p.Print(pdf); n != 1 {
				t.Errorf("the form takes %d sheets of paper, want 1", n)
			}

			m := open(t, "1402", l.o)
			m.Navigate(demoURL + "/cases/" + label)
			check(t, m, "call-case")
			if *pictures != "" {
				m.Screenshot(filepath.Join(*pictures, "call-case-"+l.name+".png"))
			}
			if !strings.Contains(m.Text("main"), "清水 蓮") {
				t.Errorf("the case does not say who took the call:\n%s", m.Text("main"))
			}

			check = shaped // the browser itself notes refusals on its console
			p.Navigate(demoURL + "/calls")
			p.Click(`[name="from"][value="outside"]`)
			p.Type(`[name="name"]`, "通行 一郎")
			p.Type(`[name="contact"]`, "03-0000-0099")
			p.Follow(`form.call .press.shu`) // neither kind nor line
			seen("call-refused")
			if p.Value(`[name="name"]`) != "通行 一郎" || p.Value(`[name="contact"]`) != "03-0000-0099" || !p.Exists(".errors") {
				t.Errorf("the sheet came back as:\n%s", p.Text("main"))
			}
		})
	}
}

// TestCallSheetByKeyboard: a call is taken without a mouse. Enter in the caller's field
// searches while nothing else is there.
func TestCallSheetByKeyboard(t *testing.T) {
	p := open(t, "1205", chrome.Options{Lang: "ja"})
	p.Navigate(demoURL + "/calls")
	p.Type(`[name="caller"]`, "1103")
	p.Press("\r")
	p.Wait(`[name="who"]:checked`) // one alone is chosen
	p.Eval(`document.querySelector('[name="kind"]').focus()`, nil)
	p.Press(" ")
	p.Eval(`document.querySelector('[name="summary"]').focus()`, nil)
	p.Type(`[name="summary"]`, "キーボードだけの受付")
	p.Press("\r")
	p.WaitText("h1", "受け付けました")
	if !strings.Contains(p.URL(), "/calls/INC-") || !strings.Contains(p.Text("main"), "佐藤 大輔") {
		t.Errorf("at %s:\n%s", p.URL(), p.Text("main"))
	}
}

// TestCallKeptWithoutANetwork: the network goes, and then the sign-in ends, while somebody is
// on the telephone. The sheet is kept in the browser and sent once, with its beginning.
func TestCallKeptWithoutANetwork(t *testing.T) {
	p, c := behind(t, "1205", chrome.Options{Lang: "ja"})
	const line = "電話の途中で網が切れた"
	p.Navigate(c.url("/calls"))
	p.Type(`[name="caller"]`, "佐藤 大輔")
	p.Click(`[name="kind"][value="lost"]`)
	p.Type(`[name="summary"]`, line)
	c.pull()
	p.Follow(`form.call .press.shu`)
	if !strings.Contains(p.URL(), "/report/offline") {
		t.Fatalf("at %s:\n%s", p.URL(), p.Text("main"))
	}
	unsent(t, p, 1)
	p.WaitText("#waiting", line)
	p.WaitText("#waiting", "なくした")
	c.plug()
	p.Navigate(c.url("/report"))
	p.Wait("#sent:not([hidden])")
	unsent(t, p, 0)
	label := strings.TrimSpace(p.Text("#sent a"))
	p.Navigate(c.url("/receipt/" + label[strings.Index(label, "INC-"):]))
	text := p.Text("main")
	for _, want := range []string{line, "佐藤 大輔", "電話の始まり", "電話から受付まで", "書いた時"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q on the receipt:\n%s", want, text)
		}
	}
	onlyOnce(t, p, c, line)

	const second = "電話の途中でサインインが切れた"
	p.Navigate(c.url("/calls"))
	p.Click(`[name="from"][value="outside"]`)
	p.Type(`[name="name"]`, "通行 一郎")
	p.Click(`[name="kind"][value="lost"]`)
	p.Type(`[name="summary"]`, second)
	p.Eval(`fetch("/logout", { method: "POST" }).then(() => document.body.classList.add("left")); 1`, nil)
	p.Wait("body.left")
	p.Follow(`form.call .press.shu`)
	if !strings.Contains(p.URL(), "ended=1") {
		t.Fatalf("at %s:\n%s", p.URL(), p.Text("main"))
	}
	signIn(p, c.url("/login"), "1205")
	p.Wait("#sent:not([hidden])")
	onlyOnce(t, p, c, second)
}
