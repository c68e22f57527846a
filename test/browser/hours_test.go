package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sekimori/internal/testkit/chrome"
)

// TestWorkingHours: the manager makes today a day off; a report that is not urgent then
// says until when it waits, and one press tells people now.
func TestWorkingHours(t *testing.T) {
	for _, o := range []chrome.Options{{Lang: "ja"}, {Lang: "en", Mobile: true}, {Lang: "ja", Mobile: true, Dark: true}, {Lang: "en", Dark: true}} {
		t.Run(fmt.Sprint(o.Lang, o.Mobile, o.Dark), func(t *testing.T) {
			m := open(t, "1402", o)
			m.Navigate(demoURL + "/settings/policy/terms")
			sound(t, m, "terms")
			picture(m, "terms", o)
			m.Navigate(demoURL + "/settings/days-off")
			sound(t, m, "no days off")
			today := time.Now().In(time.FixedZone("JST", 9*60*60)).Format(time.DateOnly)
			m.Eval(fmt.Sprintf(`document.querySelector("#day").value = %q; 1`, today), nil)
			m.Type("#name", "創立記念日")
			m.Follow(`form:has(#day) button`)
			sound(t, m, "days off")
			picture(m, "days-off", o)

			p := open(t, "1102", o)
			p.Navigate(demoURL + "/report/complaint")
			p.Type(`[name="summary"]`, "退会したのに案内が届いたと電話があった")
			p.Follow(`form[action="/report/complaint"] button[type="submit"], form[action="/report/complaint"] button:not([type])`)
			sound(t, p, "held")
			picture(p, "held", o)
			label := p.URL()[strings.LastIndex(p.URL(), "/")+1:]
			m.Navigate(demoURL + "/cases/" + label)
			sound(t, m, "held case")
			picture(m, "held-case", o)
			if p.Count(`form[action$="/hurry"]`) != 1 {
				t.Fatalf("nothing waits:\n%s", p.Text("main"))
			}
			p.Follow(`form[action$="/hurry"] button`)
			sound(t, p, "told now")
			if p.Count(`form[action$="/hurry"]`) != 0 {
				t.Errorf("still waits:\n%s", p.Text("#told"))
			}
			m.Navigate(demoURL + "/settings/days-off")
			m.Follow(`form:has([name="drop"]) button`)
			if m.Count(`[name="drop"]`) != 0 {
				t.Errorf("the day is still off:\n%s", m.Text("main"))
			}
			m.Navigate(demoURL + "/settings/policy")
			picture(m, "policy-terms", o)
		})
	}
}
