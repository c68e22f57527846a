package browser

import (
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

// TestTalkOnAPhone: whoever reported and who works on it write to each other; the page of
// each tells by itself, on a phone, for every reader.
func TestTalkOnAPhone(t *testing.T) {
	phone := chrome.Options{Width: 390, Height: 844, Lang: "ja", Mobile: true}
	p := open(t, "1103", phone)
	p.Navigate(demoURL + "/report/missent")
	p.Type(`[name="summary"]`, "案内状の宛先を取り違えた")
	p.Follow(`form[action="/report/missent"] button[type="submit"]`)
	label := p.URL()[strings.Index(p.URL(), "INC-"):]

	manager := open(t, "1402", phone)
	manager.Navigate(demoURL + "/cases/" + label)
	manager.Type(`form[action$="/say"] textarea`, "何件の宛先でしたか。相手の方には、もう連絡しましたか。")
	manager.Follow(`form[action$="/say"] button`)
	sound(t, manager, "case")
	p.WaitText("#talk", "何件の宛先でしたか") // the reporter's page tells by itself
	p.Type(`form[action$="/say"] textarea`, "3件です。電話で謝り、消してもらいました。")
	p.Follow(`form[action$="/say"] button`)
	sound(t, p, "receipt")
	manager.WaitText("#talk", "3件です")
	var low int
	p.Eval(`[...document.querySelectorAll("#talk button, #talk textarea")].filter((el) => el.getBoundingClientRect().height < 43.5).length`, &low)
	if low > 0 {
		t.Errorf("%d things to press in the talk are too small for a thumb", low)
	}

	for _, lang := range []string{"ja", "en"} {
		for _, dark := range []bool{false, true} {
			look := lang + "-light"
			if dark {
				look = lang + "-dark"
			}
			t.Run(look, func(t *testing.T) {
				o := phone
				o.Lang, o.Dark = lang, dark
				for _, page := range []struct{ name, number, path string }{{"talk-receipt", "1103", "/receipt/"}, {"talk-case", "1402", "/cases/"}} {
					p := open(t, page.number, o)
					p.Navigate(demoURL + page.path + label + "#talk")
					sound(t, p, page.name)
					if *pictures != "" {
						p.Screenshot(filepath.Join(*pictures, page.name+"-phone-"+look+".png"))
					}
				}
				o.Width, o.Height, o.Mobile = 1280, 900, false
				p := open(t, "1402", o)
				p.Navigate(demoURL + "/cases/" + label)
				sound(t, p, "case")
				if *pictures != "" {
					p.Screenshot(filepath.Join(*pictures, "talk-case-desktop-"+look+".png"))
				}
				p.Navigate(demoURL + "/lessons")
				sound(t, p, "lessons")
				if *pictures != "" {
					p.Screenshot(filepath.Join(*pictures, "lessons-desktop-"+look+".png"))
				}
			})
		}
	}
}

// TestCasesTogether: a duplicate is merged on a phone, with a lesson drafted beside it; the
// pages of both cases stay sound.
func TestCasesTogether(t *testing.T) {
	p := open(t, "1104", chrome.Options{Width: 390, Height: 844, Lang: "ja", Mobile: true})
	var labels []string
	for _, line := range []string{"倉庫の端末 PC-7701 の画面が真っ黒になった", "PC-7701 が黒い画面のまま動かない"} {
		p.Navigate(demoURL + "/report/malfunction")
		p.Type(`[name="summary"]`, line)
		p.Follow(`form[action="/report/malfunction"] button[type="submit"]`)
		labels = append(labels, p.URL()[strings.Index(p.URL(), "INC-"):])
	}
	for _, o := range []chrome.Options{{Width: 390, Height: 844, Lang: "ja", Mobile: true}, {Width: 1280, Height: 900, Lang: "en", Dark: true}} {
		look := "phone-ja-light"
		if o.Dark {
			look = "desktop-en-dark"
		}
		m := open(t, "1402", o)
		picture := func(name string) {
			sound(t, m, name)
			if *pictures != "" {
				m.Screenshot(filepath.Join(*pictures, name+"-"+look+".png"))
			}
		}
		m.Navigate(demoURL + "/cases/" + labels[1])
		if !strings.Contains(m.Text("#together"), labels[0]) {
			t.Errorf("the case that is likely the same is not pointed out:\n%s", m.Text("#together"))
		}
		m.Eval(`for (const d of document.querySelectorAll("#together details, #lessons details")) d.open = true; 1`, nil)
		picture("together")
		m.Type(`form[action$="/merge"] input[name="other"]`, labels[0])
		m.Type(`form[action$="/merge"] input[name="reason"]`, "同じ端末")
		m.Follow(`form[action$="/merge"] button`)
		if !strings.Contains(m.Text("main"), labels[0]) {
			t.Errorf("after the merge:\n%s", m.Text("main"))
		}
		picture("merged")
		m.Navigate(demoURL + "/cases/" + labels[0])
		m.Eval(`document.querySelector('form[action$="/lessons"]').closest("details").open = true; 1`, nil)
		m.Type(`form[action$="/lessons"] [name="title"]`, "黒い画面は写真に撮る")
		m.Type(`form[action$="/lessons"] [name="happened"]`, "高橋 誠さんの隣の端末が黒くなりました。")
		m.Type(`form[action$="/lessons"] [name="now"]`, "電源を切らずに写真を撮ります。")
		m.Follow(`form[action$="/lessons"] button`)
		picture("main")
		m.Navigate(demoURL + "/cases/" + labels[1])
		m.Eval(`document.querySelector('form[action$="/unmerge"]').closest("details").open = true; 1`, nil)
		m.Type(`form[action$="/unmerge"] input[name="reason"]`, "確かめ直す")
		m.Follow(`form[action$="/unmerge"] button`)
	}
}
