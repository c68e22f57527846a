package browser

import (
	"fmt"
	"strings"
	"testing"

	"sekimori/internal/testkit/chrome"
)

// TestRostersAndDrills: a roster is made, gets an exception with a gap, and goes again; a
// drill is started and ended. Every page is sound wherever it is looked at.
func TestRostersAndDrills(t *testing.T) {
	for n, o := range []chrome.Options{{Lang: "ja"}, {Lang: "en", Mobile: true}, {Lang: "ja", Mobile: true, Dark: true}, {Lang: "en", Dark: true}} {
		t.Run(fmt.Sprint(o.Lang, o.Mobile, o.Dark), func(t *testing.T) {
			p := open(t, "1402", o)
			p.Navigate(demoURL + "/settings/rosters")
			sound(t, p, "rosters")
			picture(p, "rosters-none", o)
			p.Navigate(demoURL + "/settings/rosters/new")
			name := fmt.Sprintf("Desk %d", n)
			p.Type("#name", name)
			p.Type("#people", "1201")
			p.Type("#people-2", "1202")
			sound(t, p, "the form of a roster")
			picture(p, "roster", o)
			p.Follow(`main form[action="/settings/rosters/new"] button[type="submit"]`)
			if text := p.Text("main"); !strings.Contains(text, name) {
				t.Fatalf("no roster:\n%s", text)
			}
			id := p.Attr("section.card[id^=rst_]", "id")
			p.Click("#" + id + " details summary")
			p.Type("#person-"+id, "1202")
			p.Eval(fmt.Sprintf(`document.getElementById("kind-%s").value = "remove";
				const at = (h) => { const d = new Date(Date.now() + h * 3600e3); d.setMinutes(d.getMinutes() - d.getTimezoneOffset()); return d.toISOString().slice(0, 16); };
				document.getElementById("from-%s").value = at(24 * 8); document.getElementById("until-%s").value = at(24 * 9); 1`, id, id, id), nil)
			p.Follow("#" + id + ` details form button`)
			sound(t, p, "rosters with an exception")
			picture(p, "rosters", o)
			if p.Count("#"+id+" .line form") != 1 {
				t.Errorf("the exception is not there:\n%s", p.Text("main"))
			}
			if p.Count("#"+id+" tr.now") != 1 {
				t.Errorf("the gap is not shown:\n%s", p.Text("main"))
			}
			p.Follow("#" + id + " a[href^='/settings/rosters/']")
			p.Click("details.confirm summary")
			p.Follow(`form[action$="/drop"] button`)
			if strings.Contains(p.Text("main"), name) {
				t.Error("the roster is still there")
			}

			p.Navigate(demoURL + "/drills")
			if !p.Exists("#finder") {
				t.Fatalf("no form:\n%s", p.Text("main"))
			}
			if n > 0 { // there are drills: the form is folded away
				p.Click("details.confirm summary")
			}
			sound(t, p, "the form of a drill")
			picture(p, "drill-start", o)
			p.Type("#finder", "1102")
			p.Follow(`form[action="/drills"] button`)
			sound(t, p, "drills")
			picture(p, "drills", o)
			label := p.Attr("article.card", "id")
			p.Navigate(demoURL + "/cases/" + label)
			sound(t, p, "the case of a drill")
			picture(p, "drill-case", o)
			p.Navigate(demoURL + "/cases")
			sound(t, p, "the list with a drill")
			picture(p, "drill-list", o)
			p.Navigate(demoURL + "/drills")
			p.Follow("#" + label + ` form[action$="/end"] button`)
			if p.Exists("#" + label + ` form[action$="/end"]`) {
				t.Error("the drill goes on")
			}
			p.Navigate(demoURL + "/settings")
			sound(t, p, "settings")
			picture(p, "settings", o)
		})
	}
}
