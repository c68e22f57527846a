package settings

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/notice"
	"sekimori/internal/inbound/web/page"
)

// order is the part of a level's form that says which channels are used, and when.
func (v *levelView) order(r *page.Request, l notice.Level) {
	v.Set = len(l.Channels) > 0
	for _, c := range directory.Channels() {
		f := page.Field{ID: fmt.Sprintf("after-%d-%s", v.N, c), Name: fmt.Sprintf("after_%d_%s", v.N, c), Type: "text", Class: "short",
			Label: r.P.T("contacts.channel." + string(c)), MaxLen: 4}
		for _, o := range l.Channels {
			if o.Channel == string(c) {
				f.Value = strconv.Itoa(o.After)
			}
		}
		v.Order = append(v.Order, f)
	}
}

// readOrder reads the channels of a level; one without a number is not used. What is no
// number is refused by the policy's own check.
func readOrder(r *page.Request, n int) []notice.Offset {
	var out []notice.Offset
	for _, c := range directory.Channels() {
		if s := r.Text(fmt.Sprintf("after_%d_%s", n, c)); s != "" {
			out = append(out, notice.Offset{Channel: string(c), After: page.Int(s, -1)})
		}
	}
	slices.SortStableFunc(out, func(a, b notice.Offset) int { return cmp.Compare(a.After, b.After) })
	return out
}

// offWords names the channels that a policy's levels use and the server does not have.
func offWords(r *page.Request, org *directory.Org, p notice.Policy) string {
	used := map[string]bool{}
	for _, chains := range p.Chains {
		for _, chain := range chains {
			for _, l := range chain {
				for _, o := range l.Channels {
					used[o.Channel] = true
				}
			}
		}
	}
	var out []string
	for _, c := range directory.Channels() {
		if used[string(c)] && !org.Has(c) {
			out = append(out, r.P.T("contacts.channel."+string(c)))
		}
	}
	return strings.Join(out, ", ")
}

// orderWords says in which order a level uses its channels; "" for all at once.
func orderWords(r *page.Request, l notice.Level) string {
	var out []string
	for _, o := range l.Channels {
		id := "contacts.order_line"
		if o.After == 0 {
			id = "contacts.order_now"
		}
		out = append(out, r.P.T(id, "channel", r.P.T("contacts.channel."+o.Channel), "n", o.After))
	}
	return strings.Join(out, ", ")
}
