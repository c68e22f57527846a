package settings

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/cases"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// whoPerLevel is how many entries a level's form has.
const whoPerLevel = 3

// chainView is one chain in words.
type chainView struct {
	Urgency, Receiver string // wire names
	Title             string
	Levels            []levelView
	Calendar          bool // the window is worked out by the calendar
}

// levelView is one level in words, and as its part of the form.
type levelView struct {
	N      int
	Who    string
	Window page.Field
	Repeat page.Field
	Picks  []page.Field
	Times  string
	Order  []page.Field // of channels
	Wrong  string       // what is wrong with the order
	Set    bool         // an order is given
}

// group is the chains of one urgency.
type group struct {
	Title  string
	Chains []chainView
}

type policyPage struct {
	page.Base
	Groups          []group
	Terms           []termView
	Changed, Reason string
	May             bool
	Off             string // channels that levels use and the server does not have
}

type chainPage struct {
	page.Base
	Chain   chainView
	Reason  page.Field
	Adopt   bool
	Changed string
	Edited  int // the version that the form began with
}

func receivers() []notice.Receiver {
	return []notice.Receiver{notice.Supervisor, notice.Manager, notice.ITAdmin}
}

func (d Deps) policy(w http.ResponseWriter, r *page.Request) error {
	p, err := d.Notices.Policy(r.Context(), r.By)
	if err != nil {
		return err
	}
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	turns, err := d.rosterNames(r)
	if err != nil {
		return err
	}
	v := policyPage{Base: r.Kit.Base(r, "settings.policy", "/settings"), May: r.By.May(access.EditPolicy) == nil, Reason: p.Reason}
	v.Changed = changed(r, org, p.By, p.Version, p.At)
	v.Terms = terms(r, p)
	v.Off = offWords(r, org, p)
	for _, u := range notice.Urgencies() {
		g := group{Title: r.P.T("urgency." + string(u))}
		for _, x := range receivers() {
			g.Chains = append(g.Chains, chainOf(r, org, turns, u, x, p.Chains[u][x]))
		}
		v.Groups = append(v.Groups, g)
	}
	return r.Kit.Render(w, r, http.StatusOK, "policy", v)
}

// whom says whom a level tells; rosters by their names.
func whom(r *page.Request, org *directory.Org, turns map[string]string, l notice.Level) string {
	var out []string
	for _, w := range l.Who {
		if w.Kind == "roster" {
			out = append(out, r.P.T("rosters.who", "name", cmp.Or(turns[w.Roster], r.P.T("rosters.gone_one"))))
			continue
		}
		out = append(out, cases.LevelWords(r, org, notice.Level{Who: []notice.Who{w}})...)
	}
	return strings.Join(out, ", ")
}

func chainOf(r *page.Request, org *directory.Org, turns map[string]string, u notice.Urgency, x notice.Receiver, c notice.Chain) chainView {
	v := chainView{Urgency: string(u), Receiver: string(x), Title: r.P.T("receiver." + string(x)), Calendar: u == notice.Light}
	for i, l := range c {
		v.Levels = append(v.Levels, levelView{N: i + 1, Who: whom(r, org, turns, l),
			Times: page.Line(r.P.T("settings.times", "window", l.Window, "repeat", l.Repeat), orderWords(r, l))})
	}
	return v
}

func (d Deps) chain(w http.ResponseWriter, r *page.Request) error {
	return d.renderChain(w, r, http.StatusOK, nil, page.Refused{})
}

// renderChain shows the form of one chain; typed is what was sent, nil at first.
func (d Deps) renderChain(w http.ResponseWriter, r *page.Request, status int, typed notice.Chain, bad page.Refused) error {
	if err := r.By.May(access.EditPolicy); err != nil {
		return err
	}
	u, x, err := which(r)
	if err != nil {
		return err
	}
	pol, err := d.Notices.Policy(r.Context(), r.By)
	if err != nil {
		return err
	}
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	turns, err := d.rosterNames(r)
	if err != nil {
		return err
	}
	c := typed
	if c == nil {
		c = pol.Chains[u][x]
	}
	p := chainPage{Base: r.Kit.Base(r, "settings.policy", "/settings"), Chain: chainOf(r, org, turns, u, x, c), Adopt: r.Checked("adopt"), Edited: pol.Version}
	p.Title = r.P.T("settings.chain_of", "urgency", r.P.T("urgency."+string(u)), "receiver", p.Chain.Title)
	p.Changed = changed(r, org, pol.By, pol.Version, pol.At)
	p.Reason = page.Field{ID: "reason", Name: "reason", Type: "text", Label: r.P.T("word.reason"), Hint: r.P.T("settings.reason_hint"), Required: true, MaxLen: 500,
		Value: r.Text("reason"), Error: bad.Fields["reason"]}
	p.Errors = bad.Summary
	n := min(len(c)+1, notice.MaxLevels) // one empty level to add
	p.Chain.Levels = nil
	for i := range n {
		var l notice.Level
		if i < len(c) {
			l = c[i]
		}
		p.Chain.Levels = append(p.Chain.Levels, d.levelForm(r, org, turns, i+1, l, i < len(c), bad.Fields, fmt.Sprintf("%s.%s.%d", u, x, i+1)))
	}
	return r.Kit.Render(w, r, status, "chain", p)
}

func (d Deps) levelForm(r *page.Request, org *directory.Org, turns map[string]string, n int, l notice.Level, used bool, wrong map[string]string, at string) levelView {
	number := func(name, label, hint string, v int) page.Field {
		f := page.Field{ID: fmt.Sprintf("%s-%d", name, n), Name: fmt.Sprintf("%s_%d", name, n), Type: "text", Class: "short", Label: r.P.T(label), Hint: r.P.T(hint), MaxLen: 4, Error: wrong[at+"."+name]}
		if v > 0 {
			f.Value = strconv.Itoa(v)
		}
		return f
	}
	v := levelView{N: n, Window: number("window", "settings.window", "settings.window_hint", l.Window), Repeat: number("repeat", "settings.repeat", "settings.repeat_hint", l.Repeat)}
	for i := range max(whoPerLevel, len(l.Who)) {
		f := page.Field{ID: fmt.Sprintf("who-%d-%d", n, i+1), Name: fmt.Sprintf("who_%d", n), Type: "select", Label: r.P.T("settings.who", "n", i+1), Options: choices(r, org, turns, l.Who)}
		on := ""
		if i < len(l.Who) {
			on = wire(l.Who[i])
		}
		f.Options = page.Choose(f.Options, on)
		if i == 0 {
			f.Error = wrong[at+".who"]
		}
		v.Picks = append(v.Picks, f)
	}
	v.order(r, l)
	v.Wrong = wrong[at+".channels"]
	if !used {
		v.Who = r.P.T("settings.level_new")
	}
	return v
}

// choices lists whom a level can tell. A person named by hand elsewhere stays a choice.
func choices(r *page.Request, org *directory.Org, turns map[string]string, have []notice.Who) []page.Option {
	out := []page.Option{{Value: "", Label: r.P.T("settings.nobody")}}
	all := []notice.Who{}
	for up := range 3 {
		all = append(all, notice.Who{Kind: "supervisor", Up: up + 1})
	}
	for _, duty := range []access.Duty{access.ProtectionManager, access.ITAdmin, access.Approver} {
		all = append(all, notice.Who{Kind: "duty", Duty: duty}, notice.Who{Kind: "duty", Duty: duty, All: true})
	}
	for _, id := range slices.SortedFunc(maps.Keys(turns), func(a, b string) int { return cmp.Compare(turns[a], turns[b]) }) {
		all = append(all, notice.Who{Kind: "roster", Roster: id})
	}
	for _, w := range have {
		if !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	for _, w := range all {
		out = append(out, page.Option{Value: wire(w), Label: whom(r, org, turns, notice.Level{Who: []notice.Who{w}})})
	}
	return out
}

// wire writes one entry of a level as a select's value; unwire reads it.
func wire(w notice.Who) string {
	switch w.Kind {
	case "supervisor":
		return "supervisor:" + strconv.Itoa(w.Up)
	case "duty":
		if w.All {
			return "all:" + string(w.Duty)
		}
		return "first:" + string(w.Duty)
	}
	if w.Kind == "roster" {
		return "roster:" + w.Roster
	}
	return "person:" + w.ID
}

func unwire(s string) notice.Who {
	kind, rest, _ := strings.Cut(s, ":")
	switch kind {
	case "supervisor":
		return notice.Who{Kind: kind, Up: page.Int(rest, 0)}
	case "first", "all":
		return notice.Who{Kind: "duty", Duty: access.Duty(rest), All: kind == "all"}
	case "person":
		return notice.Who{Kind: kind, ID: rest}
	case "roster":
		return notice.Who{Kind: kind, Roster: rest}
	}
	return notice.Who{Kind: s} // refused by the policy's own check
}

func which(r *page.Request) (notice.Urgency, notice.Receiver, error) {
	u, x := notice.Urgency(r.PathValue("urgency")), notice.Receiver(r.PathValue("receiver"))
	if !slices.Contains(notice.Urgencies(), u) || !slices.Contains(receivers(), x) {
		return "", "", fault.Missing("chain")
	}
	return u, x, nil
}

func (d Deps) saveChain(w http.ResponseWriter, r *page.Request) error {
	if err := r.By.May(access.EditPolicy); err != nil {
		return err
	}
	u, x, err := which(r)
	if err != nil {
		return err
	}
	pol, err := d.Notices.Policy(r.Context(), r.By)
	if err != nil {
		return err
	}
	typed := readChain(r)
	var bad page.Refused
	if r.Text("version") != strconv.Itoa(pol.Version) {
		bad, _ = r.Refused(fault.Clash("fault.policy_changed", nil))
		return d.renderChain(w, r, bad.Status, typed, bad)
	}
	next := notice.Policy{Reason: r.Text("reason"), Lapse: pol.Lapse, Hours: pol.Hours, Chains: map[notice.Urgency]map[notice.Receiver]notice.Chain{}}
	for k, m := range pol.Chains {
		next.Chains[k] = maps.Clone(m)
	}
	next.Chains[u][x] = typed
	_, err = d.Notices.SetPolicy(r.Context(), r.By, next, r.Checked("adopt"))
	if err == nil {
		return r.Kit.See(w, r, "/settings/policy#"+string(u)+"-"+string(x), "settings.flash_policy")
	}
	bad, ok := r.Refused(err)
	if !ok {
		return err
	}
	// The policy names its fields by chain and level; lead each to its control.
	for i, f := range fault.As(err).Fields {
		if i >= len(bad.Summary) {
			break
		}
		bad.Summary[i] = page.FieldError{ID: controlOf(f.Name, fmt.Sprintf("%s.%s.", u, x)), Text: bad.Fields[f.Name]}
	}
	return d.renderChain(w, r, bad.Status, typed, bad)
}

// controlOf is the control that shows a field of the policy: "urgent.supervisor.2.window"
// is window-2.
func controlOf(field, chain string) string {
	rest, ok := strings.CutPrefix(field, chain)
	level, name, two := strings.Cut(rest, ".")
	switch {
	case !ok || !two:
		if field == "reason" {
			return "reason"
		}
		return ""
	case name == "who":
		return "who-" + level + "-1"
	case name == "channels":
		return "after-" + level + "-mail"
	}
	return name + "-" + level
}

// readChain reads the levels in their order; one that names nobody and no times is
// left out. It is never nil.
func readChain(r *page.Request) notice.Chain {
	c := notice.Chain{}
	for n := 1; n <= notice.MaxLevels; n++ {
		var l notice.Level
		for _, s := range r.Texts(fmt.Sprintf("who_%d", n)) {
			if w := unwire(s); !slices.Contains(l.Who, w) {
				l.Who = append(l.Who, w)
			}
		}
		window, repeat := r.Text(fmt.Sprintf("window_%d", n)), r.Text(fmt.Sprintf("repeat_%d", n))
		if len(l.Who) == 0 && window == "" && repeat == "" {
			continue // an empty level is a level taken away
		}
		l.Window, l.Repeat = page.Int(window, 0), page.Int(repeat, 0)
		l.Channels = readOrder(r, n)
		c = append(c, l)
	}
	return c
}
