package browser

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

// behind signs a person in behind a cable, with the form for no network at hand.
func behind(t *testing.T, number string, o chrome.Options) (*chrome.Page, *cable) {
	t.Helper()
	p, c := open(t, number, o), newCable(t)
	p.Navigate(c.url("/report"))
	p.Eval(`navigator.serviceWorker.ready.then(() => document.body.classList.add("settled")); 1`, nil)
	p.Wait("body.settled")
	return p, c
}

// picture keeps how a page looks, when that is asked for.
func picture(p *chrome.Page, name string, o chrome.Options) {
	if *pictures == "" {
		return
	}
	on, light := "desktop", "light"
	if o.Mobile {
		on = "phone"
	}
	if o.Dark {
		light = "dark"
	}
	p.Screenshot(filepath.Join(*pictures, strings.Join([]string{name, on, o.Lang, light}, "-")+".png"))
}

// unsent reads how many wait, from the strip on every page.
func unsent(t *testing.T, p *chrome.Page, want int) {
	t.Helper()
	if want == 0 {
		p.Wait(`body[data-unsent="0"]`)
		var shown bool
		if p.Eval(`document.getElementById("unsent").checkVisibility()`, &shown); shown {
			t.Errorf("something waits: %s", p.Text("#unsent"))
		}
		return
	}
	p.Wait("#unsent:not([hidden])")
	p.WaitText("#unsent", fmt.Sprint(want))
}

// onlyOnce checks that a report with this line is one case.
func onlyOnce(t *testing.T, p *chrome.Page, c *cable, line string) {
	t.Helper()
	p.Navigate(c.url("/cases"))
	if n := strings.Count(p.Text("main"), line); n != 1 {
		t.Errorf("%d cases of %q, want one:\n%s", n, line, p.Text("main"))
	}
}

// TestReportWithTheCableOut: the network goes while a report is being written. It is kept,
// said to be unsent, still there after the page is left, and sent once when the network is
// back: with the time of writing and the time of arrival.
func TestReportWithTheCableOut(t *testing.T) {
	for _, o := range []chrome.Options{{Width: 1280, Height: 900, Lang: "ja"}, {Width: 390, Height: 844, Lang: "en", Mobile: true, Dark: true}} {
		t.Run(o.Lang, func(t *testing.T) {
			p, c := behind(t, "1106", o)
			line := "駅で封筒を置き忘れた " + o.Lang
			p.Navigate(c.url("/report/lost"))
			p.Type(`[name="summary"]`, line)
			c.pull()
			p.Follow(`form[action="/report/lost"] button[type="submit"]`)
			if !strings.Contains(p.URL(), "/report/offline") {
				t.Fatalf("at %s:\n%s", p.URL(), p.Text("main"))
			}
			unsent(t, p, 1)
			p.WaitText("#waiting", line)
			picture(p, "offline-kept", o)

			p.Navigate(c.url("/cases")) // any page: there is none
			unsent(t, p, 1)
			p.Wait("#offline-form:not([hidden])")
			p.Click(`input[name="kind"][value="near_miss"]`)
			p.Type(`#offline-form [name="summary"]`, "もう少しで転ぶところ "+o.Lang)
			p.Click(`#offline-form button[type="submit"]`)
			unsent(t, p, 2)
			shaped(t, p, "offline form")

			c.plug()
			p.Navigate(c.url("/report"))
			p.Wait("#sent:not([hidden])")
			unsent(t, p, 0)
			var numbers []string
			p.Eval(`[...document.querySelectorAll("#sent a")].map((a) => a.textContent)`, &numbers)
			if len(numbers) != 2 {
				t.Fatalf("sent: %q", numbers)
			}
			p.Navigate(c.url("/receipt/" + numbers[0]))
			text := p.Text("main")
			if !strings.Contains(text, line) || !strings.Contains(text, map[string]string{"ja": "書いた時", "en": "Written"}[o.Lang]) {
				t.Errorf("the receipt:\n%s", text)
			}
			onlyOnce(t, p, c, line)
		})
	}
}

// TestAnswerLostOnTheWay: the server has the report, and the browser does not know. It is
// sent again and is the same one.
func TestAnswerLostOnTheWay(t *testing.T) {
	p, c := behind(t, "1107", chrome.Options{Lang: "ja"})
	const line = "返事が途中で消えた報告"
	p.Navigate(c.url("/report/malfunction"))
	p.Type(`[name="summary"]`, line)
	c.onlyOut()
	p.Follow(`form[action="/report/malfunction"] button[type="submit"]`)
	unsent(t, p, 1)
	c.plug()
	p.Eval(`Promise.all([1, 2, 3].map(() => sekimoriOutbox.me().then((me) => sekimoriOutbox.send(me)))); 1`, nil)
	p.Navigate(c.url("/report"))
	unsent(t, p, 0)
	onlyOnce(t, p, c, line)
}

// TestWaitingReportOfSomebodyElse: signing out asks first; whoever signs in next in the
// same browser neither reads nor sends it, and the server would not take it from them.
func TestWaitingReportOfSomebodyElse(t *testing.T) {
	p, c := behind(t, "1108", chrome.Options{Lang: "ja"})
	const line = "上司に言いにくいこと"
	p.Navigate(c.url("/report/rule_broken"))
	p.Type(`[name="summary"]`, line)
	c.pull()
	p.Follow(`form[action="/report/rule_broken"] button[type="submit"]`)
	unsent(t, p, 1)
	p.Eval(`sekimoriOutbox.list().then((all) => { document.body.dataset.mark = all[0].me; document.body.dataset.sealed = all[0].text.data.byteLength; }); 1`, nil)
	p.Wait("body[data-mark]")
	mark := p.Attr("body", "data-mark")
	if mark == "" || strings.Contains(mark, "1108") {
		t.Errorf("the mark is %q", mark)
	}

	// The session ends on the server meanwhile: the network is back, and nothing is sent.
	p.Eval(`window.stop(); 1`, nil)
	c.plug()
	p.Navigate(demoURL + "/report") // another origin: its own store, the same session
	p.Click(`details.me summary`)
	p.Follow(`.menu form[action="/logout"] button`)
	p.Navigate(c.url("/report/offline"))
	p.Wait("#waiting:not([hidden])")
	p.Click("[data-send]")
	p.WaitText("#waiting", "サインイン")
	unsent(t, p, 1)

	signIn(p, c.url("/login"), "1109")
	p.Navigate(c.url("/report"))
	unsent(t, p, 1)
	p.Navigate(c.url("/report/offline"))
	p.Wait("#waiting:not([hidden])")
	if text := p.Text("main"); strings.Contains(text, line) || !strings.Contains(text, "ほかの人") {
		t.Errorf("the other one reads:\n%s", text)
	}
	picture(p, "offline-others", chrome.Options{Lang: "ja"})
	p.Eval(`fetch("/report/rule_broken", {method: "POST", body: new URLSearchParams({summary: "x", me: "`+mark+`"})}).then((r) => { document.body.dataset.got = r.status; }); 1`, nil)
	p.Wait("body[data-got]")
	if got := p.Attr("body", "data-got"); got != "403" {
		t.Errorf("the server answered %s to somebody else's report", got)
	}

	// Signing out while something of one's own waits asks first.
	p.Navigate(c.url("/report"))
	unsentAndMine := `body[data-unsent="1"]`
	c.pull()
	p.Eval(`sekimoriOutbox.put({me: document.body.dataset.me, action: "/report/near_miss", fields: [["summary", "階段で転びかけた"]]})
		.then(() => document.dispatchEvent(new Event("visibilitychange"))); 1`, nil)
	p.Wait(unsentAndMine)
	p.Click(`details.me summary`)
	p.Click(`.menu form[action="/logout"] button`)
	p.Wait("dialog#leave[open]")
	picture(p, "offline-leave", chrome.Options{Lang: "ja"})
	p.Click(`dialog#leave form[method="dialog"] button`)
	c.plug()
	p.Navigate(c.url("/report"))
	p.Wait("#sent:not([hidden])")
	p.Click(`details.me summary`)
	p.Follow(`.menu form[action="/logout"] button`)

	// It is theirs again when they are back.
	signIn(p, c.url("/login"), "1108")
	p.Wait("#sent:not([hidden])")
	unsent(t, p, 0)
	onlyOnce(t, p, c, line)
}

// TestSignInEndedWhileWriting: what was typed is not lost, and is sent after the next
// sign-in.
func TestSignInEndedWhileWriting(t *testing.T) {
	p, c := behind(t, "1103", chrome.Options{Lang: "ja"})
	const line = "書いている間に期限が切れた"
	p.Navigate(c.url("/report/near_miss"))
	p.Type(`[name="summary"]`, line)
	p.Eval(`fetch("/logout", {method: "POST"}).then(() => document.body.classList.add("out")); 1`, nil)
	p.Wait("body.out")
	p.Follow(`form[action="/report/near_miss"] button[type="submit"]`)
	p.WaitText("main", "サインインの期限")
	unsent(t, p, 1)
	signIn(p, c.url("/login"), "1103")
	p.Wait("#sent:not([hidden])")
	onlyOnce(t, p, c, line)
}

// TestWrittenBeforeSignIn: on a device where nobody has signed in, a report waits until
// somebody says that it is theirs.
func TestWrittenBeforeSignIn(t *testing.T) {
	p := open(t, "", chrome.Options{Width: 390, Height: 844, Lang: "ja", Mobile: true})
	c := newCable(t)
	p.Navigate(c.url("/report/offline"))
	p.Wait("#offline-form:not([hidden])")
	p.Eval(`navigator.serviceWorker.ready.then(() => document.body.classList.add("settled")); 1`, nil)
	p.Wait("body.settled")
	c.pull()
	p.Click(`input[name="kind"][value="missent"]`)
	p.Type(`#offline-form [name="summary"]`, "宛先を間違えて送った")
	p.Click(`#offline-form button[type="submit"]`)
	unsent(t, p, 1)
	c.plug()
	signIn(p, c.url("/login"), "1105")
	unsent(t, p, 1)
	p.Navigate(c.url("/report/offline"))
	p.Wait("#waiting:not([hidden])")
	if strings.Contains(p.Text("#waiting"), "宛先を間違えて") {
		t.Error("shown before anybody said that it is theirs")
	}
	p.Wait("[data-claim]:not([hidden])")
}

// TestSignInEndedBetweenReportAndPicture: a picture that the server would not take from
// nobody, or from somebody else, stays until its own writer is back.
func TestSignInEndedBetweenReportAndPicture(t *testing.T) {
	p, c := behind(t, "1102", chrome.Options{Lang: "ja"})
	const line = "写真つきで報告した"
	sign := `(who) => real("/login", {method: "POST", body: new URLSearchParams({login: who, password: "sekimori-demo"})})`
	send := func(after string) (state string) {
		t.Helper()
		p.Eval(`delete document.body.dataset.went; window.real ||= window.fetch; window.fetch = async (...a) => {
			const res = await real(...a);
			if (String(a[0]).startsWith("/report/")) { `+after+` }
			return res;
		};
		sekimoriOutbox.me().then((me) => sekimoriOutbox.send(me, (label) => { document.body.dataset.label = label; }, true)).then(() => sekimoriOutbox.list())
			.then((all) => { document.body.dataset.went = all.map((x) => x.state + x.files.length).join(); }); 1`, nil)
		p.Wait("body[data-went]")
		return p.Attr("body", "data-went")
	}
	p.Eval(`sekimoriOutbox.me().then((me) => sekimoriOutbox.put({me, action: "/report/near_miss", fields: [["summary", "`+line+`"]],
		files: [new File(["a picture"], "photo-of-it.txt", {type: "text/plain"})]})).then(() => document.body.classList.add("put")); 1`, nil)
	p.Wait("body.put")
	p.Eval(`sekimoriOutbox.list().then((all) => {
		document.body.dataset.kept = JSON.stringify(all, (k, v) => v instanceof ArrayBuffer || ArrayBuffer.isView(v) ? "" : v);
	}); 1`, nil)
	p.Wait("body[data-kept]")
	if kept := p.Attr("body", "data-kept"); strings.Contains(kept, "photo-of-it") || strings.Contains(kept, "near_miss") || !strings.Contains(kept, `"me"`) {
		t.Errorf("in the clear lies %s", kept)
	}
	if got := send(`await real("/logout", {method: "POST"});`); got != "signin1" {
		t.Fatalf("after signing out: %q waits", got)
	}
	p.Eval(`(`+sign+`)("p1101").then(() => document.body.classList.add("other")); 1`, nil)
	p.Wait("body.other")
	if got := send(""); got != "signin1" {
		t.Fatalf("while somebody else is signed in: %q waits", got)
	}
	p.Eval(`(`+sign+`)("p1102").then(() => document.body.classList.add("back")); 1`, nil)
	p.Wait("body.back")
	if got := send(""); got != "" {
		t.Fatalf("back again: %q waits", got)
	}
	p.Navigate(c.url("/receipt/" + p.Attr("body", "data-label")))
	if text := p.Text("main"); !strings.Contains(text, "photo-of-it.txt") {
		t.Errorf("the picture is lost:\n%s", text)
	}
}

// TestRefusedToSomebodyElseIsSentLater: a page of one person that is still open when another
// has signed in is refused, and what waits goes by itself when its writer is back.
func TestRefusedToSomebodyElseIsSentLater(t *testing.T) {
	p, _ := behind(t, "1104", chrome.Options{Lang: "ja"})
	p.Eval(`fetch("/login", {method: "POST", body: new URLSearchParams({login: "p1103", password: "sekimori-demo"})})
		.then(() => sekimoriOutbox.me()).then((me) => sekimoriOutbox.put({me, action: "/report/near_miss", fields: [["summary", "開いたままの画面から"]]}).then(() => sekimoriOutbox.send(me)))
		.then(() => sekimoriOutbox.list()).then((all) => { document.body.dataset.went = all.map((x) => x.state).join(); }); 1`, nil)
	p.Wait("body[data-went]")
	if got := p.Attr("body", "data-went"); got != "signin" {
		t.Errorf("state %q", got)
	}
}

// TestStrangersFormWithTheCableOut: nothing that somebody typed without signing in is lost
// when they sign in and say that it is theirs.
func TestStrangersFormWithTheCableOut(t *testing.T) {
	p := open(t, "", chrome.Options{Lang: "ja"})
	c := newCable(t)
	p.Navigate(c.url("/report"))
	p.Eval(`navigator.serviceWorker.ready.then(() => document.body.classList.add("settled")); 1`, nil)
	p.Wait("body.settled")
	p.Navigate(c.url("/report/lost"))
	for name, text := range map[string]string{"summary": "電車に鞄を忘れた", "text": "黒い鞄で中に名簿", "contact": "kaban@example.com"} {
		p.Type(`[name="`+name+`"]`, text)
	}
	p.Wait(`form[data-work="done"]`)
	c.pull()
	p.Follow(`form[action="/report/lost"] button[type="submit"]`)
	unsent(t, p, 1)
	c.plug()
	signIn(p, c.url("/login"), "1101")
	p.Navigate(c.url("/report/offline"))
	p.Wait("#waiting:not([hidden])")
	p.Click("[data-claim]:not([hidden])")
	p.Wait("#sent:not([hidden])")
	p.Follow("#sent a")
	for _, text := range []string{"電車に鞄を忘れた", "黒い鞄で中に名簿", "kaban@example.com"} {
		if got := p.Text("main"); !strings.Contains(got, text) {
			t.Errorf("%q is lost:\n%s", text, got)
		}
	}
}
