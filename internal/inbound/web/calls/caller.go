package calls

import (
	"strings"

	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
	"sekimori/internal/kit/fault"
)

// Who calls, as the form says it.
const (
	fromOurs    = "ours"
	fromOutside = "outside"
)

// maxMatches bounds the list after a search; more are found by typing more.
const maxMatches = 12

// caller is the person id of the one of ours who calls; "" for somebody outside, and for
// who rang off before saying. One who was picked from the list counts only as long as the
// name beside it still means them.
func caller(r *page.Request, o *directory.Org) (string, error) {
	typed := r.Text("caller")
	if r.Text("from") == fromOutside || typed == "" {
		return "", nil
	}
	now, picked := r.Kit.Now(), r.Text("who")
	for _, p := range people.Matching(o, now, typed, maxMatches) {
		if p.ID == picked {
			return picked, nil
		}
	}
	found, err := people.Resolve(o, now, typed, "caller")
	if err != nil && gone(r, o, typed) {
		var c fault.Check
		c.Add("caller", "fault.caller_left", nil)
		return "", c.Err()
	}
	return found, err
}

// gone reports whether what was typed means somebody who has left.
func gone(r *page.Request, o *directory.Org, typed string) bool {
	for _, p := range o.People {
		same := typed == p.Number || strings.EqualFold(strings.Join(strings.Fields(typed), ""), strings.Join(strings.Fields(p.Name()), ""))
		if same && !p.Active(r.Kit.Now()) {
			return true
		}
	}
	return false
}

// matches lists whom the typed name may mean, to pick from.
func matches(r *page.Request, o *directory.Org, bad page.Refused) page.Field {
	f := page.Field{ID: "who", Name: "who", Type: "radio", Label: r.P.T("calls.who"), Class: "cols"}
	typed := r.Text("caller")
	if r.Text("from") == fromOutside || !searching(r) && bad.Fields["caller"] == "" && r.Text("who") == "" {
		return f
	}
	for _, p := range people.Matching(o, r.Kit.Now(), typed, maxMatches) {
		f.Options = append(f.Options, page.Option{Value: p.ID, Label: people.Written(p), Hint: o.Departments[p.Department].Name, On: p.ID == r.Text("who")})
	}
	if len(f.Options) == 1 {
		f.Options[0].On = true
	}
	return f
}

// searching reports whether the form came to look for the caller: by its button, or by the
// key that sends a form while nothing but a name is there. What a browser had to keep is no
// search any more, whichever button was pressed.
func searching(r *page.Request) bool {
	if r.Text("written") != "" {
		return false
	}
	return r.Checked("find") || r.Text("caller") != "" && r.Text("kind") == "" && r.Text("summary") == ""
}
