package browser

import (
	"image"
	"image/draw"
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/kit/qr"
	"sekimori/internal/testkit/chrome"
)

// TestBorrowOnAPhone lives one loan: the application is sent and decided on telephones,
// once by the link in the mail, and the thing is handed over, received, brought back and
// checked by a third person.
func TestBorrowOnAPhone(t *testing.T) {
	phone := chrome.Options{Lang: "ja", Mobile: true}
	me := open(t, "1102", phone)
	me.Navigate(demoURL + "/requests/new?kind=loan&asset=DC-0002")
	sound(t, me, "application")
	me.Type(`[name="purpose"]`, "見積書の原本を客先へ届ける")
	me.Type(`[name="contents"]`, "見積書の原本3部")
	me.Follow(`form[action^="/requests/new"] button[type="submit"]`)
	if !strings.Contains(me.URL(), "/requests/REQ-") {
		t.Fatalf("after sending at %s:\n%s", me.URL(), me.Text("main"))
	}
	label := me.URL()[strings.Index(me.URL(), "REQ-"):]
	sound(t, me, "sent")
	if me.Exists(`form[action$="/decide"]`) {
		t.Error("the applicant is offered the decision")
	}

	// 田中 一郎 decides by the link, on a telephone that has no session.
	link := letterLink(t, open(t, "1402", chrome.Options{Lang: "ja"}), "p1101@", label)
	boss := open(t, "", phone)
	boss.Navigate(link)
	sound(t, boss, "letter")
	if !strings.Contains(boss.Text("main"), "見積書の原本を客先へ届ける") || boss.Exists(".track .done") {
		t.Errorf("the page of the letter:\n%s", boss.Text("main"))
	}
	boss.Navigate(link) // opening it again decides nothing either
	boss.Follow(`#decide button[value="approve"]`)
	sound(t, boss, "decided")
	if boss.Exists("#decide") || !strings.Contains(boss.Text("main"), "承認") {
		t.Errorf("after the press:\n%s", boss.Text("main"))
	}
	me.WaitText("#chain", "承認") // the applicant's page tells by itself

	manager := open(t, "1402", phone)
	manager.Navigate(demoURL + "/requests/" + label)
	sound(t, manager, "decision")
	manager.Follow(`#decide button[value="approve"]`)
	me.WaitText("main", "管理者から受け取ってください")

	keeper := open(t, "1104", phone)
	keeper.Navigate(demoURL + "/loans?only=waiting")
	sound(t, keeper, "waiting")
	keeper.Follow(`a[href="/loans/new?request=` + label + `"]`)
	sound(t, keeper, "hand over")
	keeper.Follow(`form[action="/loans/new"] button`)
	loan := keeper.URL()
	if !strings.Contains(loan, "/loans/LOAN-") {
		t.Fatalf("after the hand-over at %s:\n%s", loan, keeper.Text("main"))
	}
	me.Navigate(loan)
	me.Follow(`form[action$="/receive"] button`)
	sound(t, me, "received")
	keeper.WaitText("#way", "受け取り")
	keeper.Navigate(loan)
	keeper.Follow(`form[action$="/back"] button`)
	if keeper.Exists(`form[action$="/confirm"]`) {
		t.Error("who took it back is offered to confirm")
	}
	third := open(t, "1502", phone)
	third.Navigate(loan)
	sound(t, third, "check")
	third.Follow(`form[action$="/confirm"] button`)
	if !strings.Contains(third.Text("#state"), "完了") {
		t.Errorf("after the check:\n%s", third.Text("main"))
	}
	sound(t, third, "done")
}

// letterLink gives the link in the mail that asks somebody to decide an application.
func letterLink(t *testing.T, p *chrome.Page, to, label string) string {
	t.Helper()
	p.Navigate(demoURL + "/outbox")
	p.WaitText("main", label)
	var mail string
	p.Eval(`[...document.querySelectorAll("tr")].find((tr) => tr.textContent.includes("`+to+`") && tr.textContent.includes("`+label+`")).querySelector("a").getAttribute("href")`, &mail)
	p.Navigate(demoURL + mail)
	link := p.Attr(`.mail a[href*="/q/"]`, "href")
	return demoURL + link[strings.Index(link, "/q/"):]
}

// TestBorrowWithoutScript: an application and a decision are plain forms.
func TestBorrowWithoutScript(t *testing.T) {
	o := chrome.Options{Lang: "ja", Mobile: true, NoScript: true}
	me := open(t, "1103", o)
	me.Navigate(demoURL + "/requests/new?kind=loan&asset=DC-0002")
	me.Type(`[name="purpose"]`, "契約書を届ける")
	me.Type(`[name="contents"]`, "契約書1部")
	me.Follow(`form[action^="/requests/new"] button[type="submit"]`)
	label := me.URL()[strings.LastIndex(me.URL(), "/")+1:]
	boss := open(t, "1101", o)
	boss.Navigate(demoURL + "/requests/" + label)
	boss.Follow(`#decide button[value="refuse"]`) // without a reason
	if !boss.Exists("#decide .error") {
		t.Errorf("no reason is asked for:\n%s", boss.Text("main"))
	}
	boss.Type(`#decide [name="note"]`, "今回は郵送してください")
	boss.Follow(`#decide button[value="refuse"]`)
	me.Navigate(demoURL + "/requests/" + label)
	if !strings.Contains(me.Text("main"), "今回は郵送してください") {
		t.Errorf("the reason is not shown:\n%s", me.Text("main"))
	}
}

// TestCountWithTheCamera: a label before the camera is counted, and can be taken back.
func TestCountWithTheCamera(t *testing.T) {
	admin := open(t, "1502", chrome.Options{Lang: "ja"})
	admin.Navigate(demoURL + "/stocktakes/new")
	admin.Type(`[name="title"]`, "カメラで数える")
	sound(t, admin, "new count")
	admin.Follow(`form[action="/stocktakes/new"] button[type="submit"]`)
	count := admin.URL()
	sound(t, admin, "count")

	p := open(t, "1502", chrome.Options{Lang: "ja", Mobile: true, Camera: labelled(t, demoURL+"/assets/HDD-0002")})
	p.Navigate(count)
	p.Type(`[name="place"]`, "サーバー室")
	p.Click("[data-scan-start]")
	p.WaitText("[data-scan-list]", "HDD-0002")
	p.Click("[data-scan-stop]")
	sound(t, p, "counting")
	if !found(admin, count) {
		t.Error("what the camera read is not counted")
	}
	p.Click("[data-scan-list] button")
	p.WaitText("[data-scan-status]", "取り消しました")
	if found(admin, count) {
		t.Error("what was taken back is still counted")
	}

	// The same by hand, where no script runs.
	plain := open(t, "1502", chrome.Options{Lang: "ja", Mobile: true, NoScript: true})
	plain.Navigate(count)
	plain.Type(`[name="code"]`, "hdd-0002")
	plain.Follow(`form[action$="/seen"] button[type="submit"]`)
	if !found(admin, count) {
		t.Errorf("what was typed is not counted:\n%s", plain.Text("main"))
	}
}

// found reports whether HDD-0002 is among what was found.
func found(p *chrome.Page, count string) bool {
	p.Navigate(count + "?result=found")
	return strings.Contains(p.Text("#rows"), "HDD-0002")
}

// labelled is what a camera sees that looks at a label.
func labelled(t *testing.T, text string) image.Image {
	t.Helper()
	c, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewGray(image.Rect(0, 0, 640, 480))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	c.Runs(func(x, y, n int) {
		draw.Draw(img, image.Rect(150+x*7, 80+y*7, 150+(x+n)*7, 80+(y+1)*7), image.Black, image.Point{}, draw.Src)
	})
	return img
}

// TestEveryLendingPageIsSound opens the pages of lending in both languages, light and
// dark, on a PC and a phone, and takes their pictures when asked.
func TestEveryLendingPageIsSound(t *testing.T) {
	pages := []struct{ name, number, path string }{
		{"requests", "1402", "/requests"}, {"request", "1402", "a[href^='/requests/REQ-']"}, {"loan-form", "1102", "/requests/new?kind=loan"},
		{"assets", "1502", "/assets"}, {"asset", "1502", "/assets/PC-0901"}, {"asset-usb", "1502", "/assets/USB-0001"}, {"asset-edit", "1502", "/assets/USB-0001/edit"},
		{"loans", "1502", "/loans?only=open"}, {"loan", "1502", "a[href^='/loans/LOAN-']"}, {"hand-overs", "1502", "/loans?only=waiting"}, {"media", "1502", "/media"},
		{"stocktakes", "1502", "/stocktakes"}, {"stocktake", "1502", "tbody tr:last-child a[href^='/stocktakes/STK-']"}, {"labels", "1502", "/assets/labels"}, {"asset-import", "1502", "/assets/import"},
		{"approvals", "1402", "/settings/approvals?who=1102"}, {"approval", "1402", "/settings/approvals/loan"}, {"morning-lending", "1402", "/morning"},
	}
	for _, l := range looks() {
		t.Run(l.name, func(t *testing.T) {
			var p *chrome.Page
			who := ""
			for _, pg := range pages {
				if pg.number != who {
					p, who = open(t, pg.number, l.o), pg.number
				}
				path := pg.path
				if !strings.HasPrefix(path, "/") {
					path = p.Attr("#rows "+path+", table "+path, "href") // the first of the list before it
				}
				p.Navigate(demoURL + path)
				sound(t, p, pg.name)
				if *pictures != "" {
					p.Screenshot(filepath.Join(*pictures, pg.name+"-"+l.name+".png"))
				}
			}
		})
	}
}

// looks are both languages, light and dark, on a PC and a phone.
func looks() []look {
	var out []look
	for _, lang := range []string{"ja", "en"} {
		for _, shade := range []string{"light", "dark"} {
			out = append(out, look{"desktop-" + lang + "-" + shade, chrome.Options{Width: 1280, Height: 900, Lang: lang, Dark: shade == "dark"}},
				look{"phone-" + lang + "-" + shade, chrome.Options{Width: 390, Height: 844, Mobile: true, Lang: lang, Dark: shade == "dark"}})
		}
	}
	return out
}
