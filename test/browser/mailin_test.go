package browser

import (
	"net/smtp"
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

// TestKindOfAMail: a report that came by mail says on its page that its kind was guessed;
// whoever works on it says with one press what it is.
func TestKindOfAMail(t *testing.T) {
	p := open(t, "1402", chrome.Options{Width: 1280, Height: 900, Lang: "ja"})
	mail := strings.ReplaceAll("From: =?utf-8?B?6YCa6KGMIOS4gOmDjg==?= <ichiro@outside.example>\nTo: report@kaku.example\nSubject: 御社から届いた請求書について\nMessage-ID: <browser1@outside.example>\n"+
		"Content-Type: text/html; charset=utf-8\n\n<p>身に覚えのない請求書が<b>届きました</b>。</p><script>document.title='x'</script>\n", "\n", "\r\n")
	if err := smtp.SendMail(demoIntake, nil, "ichiro@outside.example", []string{"report@kaku.example"}, []byte(mail)); err != nil {
		t.Fatal(err)
	}
	p.Navigate(demoURL + "/cases")
	p.WaitText("main", "御社から届いた請求書について")
	var href string
	p.Eval(`[...document.querySelectorAll('main a[href^="/cases/INC-"]')].find((a) => a.closest("tr, li, .line").textContent.includes("御社から届いた請求書")).getAttribute("href")`, &href)
	for _, lang := range []string{"ja", "en"} {
		for _, dark := range []bool{false, true} {
			look := lang + "-light"
			if dark {
				look = lang + "-dark"
			}
			t.Run(look, func(t *testing.T) {
				for name, o := range map[string]chrome.Options{"phone": {Width: 390, Height: 844, Mobile: true}, "desktop": {Width: 1280, Height: 900}} {
					o.Lang, o.Dark = lang, dark
					p := open(t, "1402", o)
					p.Navigate(demoURL + href)
					sound(t, p, "case")
					if *pictures != "" {
						p.Screenshot(filepath.Join(*pictures, "mail-case-"+name+"-"+look+".png"))
					}
				}
			})
		}
	}
	p.Navigate(demoURL + href)
	p.Eval(`document.querySelector("#kind-kind").value = "missent"`, nil)
	p.Follow(`form[action$="/kind"] button`)
	sound(t, p, "case")
	var left bool
	p.Eval(`!!document.querySelector("#kind-kind")`, &left)
	if left {
		t.Error("the kind is still asked for")
	}
	p.WaitText("main", "誤送信")
}
