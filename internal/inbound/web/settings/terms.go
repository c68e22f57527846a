package settings

import (
	"net/http"
	"strconv"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// termView is what the policy says of one urgency beside its chains, in words.
type termView struct{ Title, Asks, Rests string }

// termsPage is the form of working hours and of how long an answer stands.
type termsPage struct {
	page.Base
	Changed  string
	Edited   int // the version that the form began with
	From, To page.Field
	Asks     []askForm
	Reason   page.Field
	Adopt    bool
}

// askForm is the part of the form about one urgency.
type askForm struct {
	Title       string
	Ask, Answer page.Field
}

// terms says of each urgency when it rests and when an answer is asked after.
func terms(r *page.Request, p notice.Policy) (out []termView) {
	for _, u := range notice.Urgencies() {
		v := termView{Title: r.P.T("urgency." + string(u)), Asks: r.P.T("escalation.never_asks"), Rests: r.P.T("escalation.never_rests")}
		if l := p.Lapse[u]; l.Ask > 0 {
			v.Asks = r.P.T("escalation.asks", "ask", l.Ask, "answer", l.Answer)
		}
		if u != notice.Urgent && p.Hours != (notice.Hours{}) {
			v.Rests = r.P.T("escalation.rests", "from", p.Hours.From, "to", p.Hours.To)
		}
		out = append(out, v)
	}
	return out
}

func (d Deps) terms(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.EditPolicy); err != nil {
		return err
	}
	p, err := d.Notices.Policy(r.Context(), r.By)
	if err != nil {
		return err
	}
	if p.Lapse == nil { // a version from before the rule: the form begins with what is usual
		p.Lapse = notice.DefaultPolicy().Lapse
	}
	return d.renderTerms(w, r, http.StatusOK, p, page.Refused{})
}

func (d Deps) renderTerms(w http.ResponseWriter, r *page.Request, status int, p notice.Policy, bad page.Refused) error {
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	v := termsPage{Base: r.Kit.Base(r, "escalation.terms", "/settings"), Changed: changed(r, org, p.By, p.Version, p.At), Edited: p.Version, Adopt: r.Checked("adopt")}
	v.Errors = bad.Summary
	field := func(name, label, hint, value string) page.Field {
		return page.Field{ID: name, Name: name, Type: "text", Class: "short", Label: r.P.T(label), Hint: r.P.T(hint), Value: value, MaxLen: 5, Error: bad.Fields[name]}
	}
	v.From = field("hours.from", "escalation.from", "escalation.from_hint", p.Hours.From)
	v.To = field("hours.to", "escalation.to", "escalation.to_hint", p.Hours.To)
	for _, u := range notice.Urgencies() {
		l, at := p.Lapse[u], "lapse."+string(u)
		f := askForm{Title: r.P.T("urgency." + string(u)), Ask: field(at+".ask", "escalation.ask", "escalation.ask_hint", strconv.Itoa(l.Ask)),
			Answer: field(at+".answer", "escalation.answer", "escalation.answer_hint", strconv.Itoa(l.Answer))}
		if u == notice.Urgent {
			f.Ask.Hint = r.P.T("escalation.ask_urgent_hint")
		}
		v.Asks = append(v.Asks, f)
	}
	v.Reason = page.Field{ID: "reason", Name: "reason", Type: "text", Label: r.P.T("word.reason"), Hint: r.P.T("settings.reason_hint"), Required: true, MaxLen: 500,
		Value: r.Text("reason"), Error: bad.Fields["reason"]}
	return r.Kit.Render(w, r, status, "terms", v)
}

func (d Deps) saveTerms(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.EditPolicy); err != nil {
		return err
	}
	p, err := d.Notices.Policy(r.Context(), r.By)
	if err != nil {
		return err
	}
	stale := r.Text("version") != strconv.Itoa(p.Version)
	p.Reason, p.Hours, p.Lapse = r.Text("reason"), notice.Hours{From: r.Text("hours.from"), To: r.Text("hours.to")}, map[notice.Urgency]notice.Lapse{}
	for _, u := range notice.Urgencies() {
		at := "lapse." + string(u)
		p.Lapse[u] = notice.Lapse{Ask: minutes(r.Text(at + ".ask")), Answer: minutes(r.Text(at + ".answer"))}
	}
	if stale {
		bad, _ := r.Refused(fault.Clash("fault.policy_changed", nil))
		return d.renderTerms(w, r, bad.Status, p, bad)
	}
	_, err = d.Notices.SetPolicy(r.Context(), r.By, p, r.Checked("adopt"))
	if err == nil {
		return r.Kit.See(w, r, "/settings/policy#terms", "settings.flash_policy")
	}
	bad, ok := r.Refused(err)
	if !ok {
		return err
	}
	return d.renderTerms(w, r, bad.Status, p, bad)
}

// minutes reads a number of minutes: none is 0, what is no number is refused by the
// policy's own check.
func minutes(s string) int {
	if s = strings.TrimSpace(s); s == "" {
		return 0
	}
	return page.Int(s, -1)
}
