package takeouts

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/takeout"
	"sekimori/internal/inbound/web/page"
)

const pageSize = 50

// tab is one of several lists.
type tab struct {
	Href, Label string
	Here        bool
}

// row is one line of the list.
type row struct {
	Label, Href, Who, To, What, Until string
	State                             page.Tag
	Late                              bool
}

type listPage struct {
	page.Base
	Only, Q, Self, Table string
	Tabs                 []tab
	Rows                 []row
	First, More          string
	MayAsk               bool
}

// query reads the filters of the list from the address.
func query(r *page.Request) (only string, q takeout.Query) {
	v := r.URL.Query()
	q = takeout.Query{Text: r.Text("q"), State: takeout.State(v.Get("state")), After: v.Get("after"), Limit: pageSize}
	switch only = v.Get("only"); only {
	case "late":
		q.Late = true
	case "open":
		q.Open = true
	case "all":
	default:
		only, q.Person = "mine", r.By.Person
	}
	return only, q
}

func address(path, only string, q takeout.Query, after string) string {
	v := url.Values{"only": {only}}
	for name, text := range map[string]string{"q": q.Text, "state": string(q.State), "after": after} {
		if text != "" {
			v.Set(name, text)
		}
	}
	return path + "?" + v.Encode()
}

func (d Deps) list(w http.ResponseWriter, r *page.Request) error {
	only, q := query(r)
	p := listPage{Base: r.Kit.Base(r, "takeout.title", "/take-outs"), Only: only, Q: q.Text, Self: r.URL.RequestURI(), MayAsk: r.By.May(access.Submit) == nil,
		Table: address("/take-outs.csv", only, q, "")}
	p.EventsURL = "/events"
	for _, t := range []string{"mine", "late", "open", "all"} {
		p.Tabs = append(p.Tabs, tab{Href: "/take-outs?only=" + t, Label: r.P.T("takeout.only." + t), Here: t == only})
	}
	status := http.StatusOK
	found, err := d.Passes.List(r.Context(), r.By, q)
	if err != nil {
		bad, ok := r.Refused(err, "q")
		if !ok {
			return err
		}
		status, p.Errors = bad.Status, bad.Summary
	}
	for _, x := range found.Rows {
		line := row{Label: x.Label, Href: "/take-outs/" + x.Label, Who: x.PersonName, To: x.Form.To, What: what(r, x.Form), Until: r.P.DateTime(x.Until), State: Tag(r, x), Late: x.IsLate || x.IsOverdue}
		if !x.ErasedAt.IsZero() {
			line.Who, line.To, line.What = r.P.T("cases.erased"), "", ""
		}
		p.Rows = append(p.Rows, line)
	}
	if found.Next != "" {
		p.More = address("/take-outs", only, q, found.Next)
	}
	if q.After != "" {
		p.First = address("/take-outs", only, q, "")
	}
	return r.Kit.Render(w, r, status, "take_outs", p)
}

// what is the first item and how many more there are.
func what(r *page.Request, f takeout.Form) string {
	if len(f.Items) == 0 {
		return ""
	}
	first := Item(r.P, f.Items[0])
	if len(f.Items) == 1 {
		return first
	}
	return r.P.T("takeout.and_more", "first", first, "n", r.P.Count(len(f.Items)-1))
}

// export gives the list with the same filters as a table.
func (d Deps) export(w http.ResponseWriter, r *page.Request) error {
	only, q := query(r)
	q.After, q.Limit = "", 200
	first, err := d.Passes.List(r.Context(), r.By, q)
	if err != nil {
		return err
	}
	org, err := r.Org()
	if err != nil {
		return err
	}
	var header []string
	for _, c := range []string{"label", "state", "who", "department", "to", "items", "people", "until", "expected", "made", "over", "case"} {
		header = append(header, r.P.T("takeout.csv."+c))
	}
	local := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(r.Kit.Zone).Format("2006-01-02 15:04")
	}
	var failed error
	rows := func(yield func([]string) bool) {
		for part := first; ; {
			for _, x := range part.Rows {
				var items []string
				for _, i := range x.Form.Items {
					items = append(items, Item(r.P, i))
				}
				number := ""
				if len(x.Form.Kinds) > 0 {
					number = people(r.P, d.Judge(x.Form))
				}
				if !yield([]string{x.Label, Tag(r, x).Text, x.PersonName, org.Departments[x.Department].Name, x.Form.To, strings.Join(items, " / "), number,
					local(x.Until), local(x.Expected), local(x.Made), local(x.Over), x.Case}) {
					return
				}
			}
			if part.Next == "" {
				return
			}
			q.After = part.Next
			if part, failed = d.Passes.List(r.Context(), r.By, q); failed != nil {
				return
			}
		}
	}
	return r.Table(w, "take-outs-"+only, header, rows, func() error { return failed })
}
