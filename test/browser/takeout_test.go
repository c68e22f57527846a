package browser

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

// TestCarryOnAPhone lives one take-out on telephones: asked for, allowed by two, made into a
// pass, carried there and back with one press each, and confirmed by somebody else.
func TestCarryOnAPhone(t *testing.T) {
	phone := chrome.Options{Lang: "ja", Mobile: true, Width: 390, Height: 844}
	me := open(t, "1103", phone)
	me.Navigate(demoURL + "/take-outs")
	sound(t, me, "no pass")
	me.Follow(`.empty a[href="/requests/new?kind=take_out"]`)
	sound(t, me, "application")
	shoot(t, me, "takeout-form")
	label := askOut(t, me, "顧客名簿 × 2", "健診")
	sound(t, me, "sent")
	allow(t, label, phone)
	me.Navigate(demoURL + "/requests/" + label)
	me.Follow(`form[action^="/take-outs/new"] button`)
	pass := passAt(t, me)
	sound(t, me, "ready")
	me.Follow(`a[href$="/leave"]`)
	sound(t, me, "leave")
	shoot(t, me, "takeout-leave")
	if text := me.Text("#rules"); !strings.Contains(text, "お酒") || !strings.Contains(text, "網棚") {
		t.Errorf("the rules of the way:\n%s", text)
	}
	me.Follow(`form[action$="/leave"] button[type="submit"]`)
	sound(t, me, "moving")
	shoot(t, me, "takeout-moving")
	me.Follow(`form[action$="/delay"] button`)
	me.Follow(`form[action$="/arrive"] button`)
	sound(t, me, "there")
	me.Follow(`form[action$="/back"] button`)
	sound(t, me, "office")
	if me.Exists(`a[href$="/confirm"]`) {
		t.Error("the carrier is offered to confirm their own")
	}
	boss := open(t, "1101", phone)
	boss.Navigate(demoURL + pass + "/confirm")
	sound(t, boss, "confirm")
	shoot(t, boss, "takeout-confirm")
	boss.Follow(`form[action$="/confirm"] button[type="submit"]`)
	sound(t, boss, "closed")
	me.WaitText("#state", "完了") // the carrier's page tells by itself
}

// TestLostOnAPhone presses "I lost it", without any script: the receipt shows the list.
func TestLostOnAPhone(t *testing.T) {
	phone := chrome.Options{Lang: "ja", Mobile: true, Width: 390, Height: 844, NoScript: true}
	me := open(t, "1105", phone)
	me.Navigate(demoURL + "/requests/new?kind=take_out")
	label := askOut(t, me, "契約書の控え × 1", "契約")
	allow(t, label, chrome.Options{Lang: "ja"})
	me.Navigate(demoURL + "/requests/" + label)
	me.Follow(`form[action^="/take-outs/new"] button`)
	pass := passAt(t, me)
	me.Follow(`a[href$="/leave"]`)
	me.Follow(`form[action$="/leave"] button[type="submit"]`)
	me.Click(`details.confirm summary.shu`)
	shoot(t, me, "takeout-lost")
	me.Follow(`form[action$="/lost"] button`)
	if !strings.Contains(me.URL(), "/receipt/INC-") {
		t.Fatalf("after the press at %s:\n%s", me.URL(), me.Text("main"))
	}
	if text := me.Text("main"); !strings.Contains(text, "契約書の控え") || !me.Exists(`a[href^="tel:"]`) {
		t.Errorf("the receipt:\n%s", text)
	}
	me.Navigate(demoURL + pass)
	if text := me.Text("main"); !strings.Contains(text, "紛失として報告済み") || me.Exists(`form[action$="/arrive"]`) {
		t.Errorf("the pass:\n%s", text)
	}
}

// TestTakeOutPages shows the list and a pass in both languages, light and dark, on a PC and
// a phone.
func TestTakeOutPages(t *testing.T) {
	me := open(t, "1106", chrome.Options{Lang: "ja", Mobile: true})
	me.Navigate(demoURL + "/requests/new?kind=take_out")
	label := askOut(t, me, "名簿 × 1", "説明会")
	allow(t, label, chrome.Options{Lang: "ja"})
	me.Navigate(demoURL + "/requests/" + label)
	me.Follow(`form[action^="/take-outs/new"] button`)
	pass := passAt(t, me)
	for n, o := range []chrome.Options{{Width: 1280, Height: 900, Lang: "ja"}, {Width: 1280, Height: 900, Lang: "en", Dark: true}, {Width: 390, Height: 844, Lang: "en", Mobile: true, Dark: true}} {
		manager := open(t, "1402", o)
		for name, path := range map[string]string{"list": "/take-outs?only=all", "pass": pass, "request": "/requests/" + label, "form": "/requests/new?kind=take_out"} {
			manager.Navigate(demoURL + path)
			sound(t, manager, fmt.Sprint(name, " ", n))
			shoot(t, manager, fmt.Sprintf("takeout-%s-%d", name, n))
		}
	}
}

// askOut fills in the form for papers of five people, and gives the label.
func askOut(t *testing.T, p *chrome.Page, papers, purpose string) string {
	t.Helper()
	p.Type(`[name="paper"]`, papers)
	p.Type(`[name="purpose"]`, purpose)
	p.Type(`[name="where"]`, "架空ホール")
	p.Click(`[name="kinds"][value="name"]`)
	p.Click(`[name="kinds"][value="sensitive"]`)
	p.Click(`[name="owners"][value="customers"]`)
	p.Type(`[name="headcount"]`, "5")
	p.Follow(`form[action^="/requests/new"] button[type="submit"]`)
	if !strings.Contains(p.URL(), "/requests/REQ-") {
		t.Fatalf("after sending at %s:\n%s", p.URL(), p.Text("main"))
	}
	return p.URL()[strings.Index(p.URL(), "REQ-"):]
}

// allow has both decide, who are told what a loss would mean.
func allow(t *testing.T, label string, o chrome.Options) {
	t.Helper()
	for _, who := range []string{"1101", "1402"} {
		p := open(t, who, o)
		p.Navigate(demoURL + "/requests/" + label)
		if who == "1101" {
			sound(t, p, "decision")
			shoot(t, p, "takeout-decision")
		}
		if !strings.Contains(p.Text("main"), "当局への報告が必要") {
			t.Errorf("what a loss would mean is not said:\n%s", p.Text("main"))
		}
		p.Follow(`#decide button[value="approve"]`)
	}
}

// passAt is the path of the pass that is open.
func passAt(t *testing.T, p *chrome.Page) string {
	t.Helper()
	at := strings.Index(p.URL(), "/take-outs/TKO-")
	if at < 0 {
		t.Fatalf("no pass at %s:\n%s", p.URL(), p.Text("main"))
	}
	return p.URL()[at:]
}

// shoot takes a picture of the whole page where pictures are wanted.
func shoot(t *testing.T, p *chrome.Page, name string) {
	t.Helper()
	if *pictures != "" {
		p.Screenshot(filepath.Join(*pictures, name+".png"))
	}
}
