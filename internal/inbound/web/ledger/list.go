package ledger

import (
	"net/http"
	"net/url"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
)

const pageSize = 50

// row is one line of the ledger.
type row struct {
	Number, Href, Kind, Model, Department, Keeper, Place string
	State                                                page.Tag
	Who                                                  string // has it, and until when
	Identity                                             page.Tag
}

// tally is one number above the list.
type tally struct {
	Href, Label string
	N           int
	Kind        string
}

type listPage struct {
	page.Base
	Q                          string
	Kinds, States, Departments []page.Option
	Filtered                   bool
	Tallies                    []tally
	Rows                       []row
	First, More                string
	CSV                        []page.Option
	Labels                     string // address of the label sheet for these rows
	MayManage, MayAsk, MayRead bool
}

func (d Deps) list(w http.ResponseWriter, r *page.Request) error {
	v := r.URL.Query()
	q := asset.Query{Text: r.Text("q"), Kind: asset.Kind(v.Get("kind")), State: asset.State(v.Get("state")), Department: v.Get("department"), After: v.Get("after"), Limit: pageSize}
	p := listPage{Base: r.Kit.Base(r, "assets.title", "/assets"), Q: q.Text, Filtered: q.Text != "" || q.Kind != "" || q.State != "" || q.Department != "",
		MayManage: r.By.May(access.ManageAssets) == nil, MayRead: r.By.May(access.ReadAssets) == nil, MayAsk: r.By.May(access.Submit) == nil}
	p.EventsURL = "/events"
	org, err := r.Org()
	if err != nil {
		return err
	}
	p.Kinds = page.Choose(choices(r, "asset.kind.", asset.Kinds(), true), string(q.Kind))
	p.States = page.Choose(choices(r, "asset.state.", asset.States(), true), string(q.State))
	p.Departments = append([]page.Option{{Label: r.P.T("word.all")}}, people.Tree(org, q.Department)...)
	status := http.StatusOK
	found, err := d.Ledger.Find(r.Context(), r.By, q)
	if err != nil {
		bad, ok := r.Refused(err, "q", "kind", "state")
		if !ok {
			return err
		}
		status, p.Errors = bad.Status, bad.Summary
	}
	counts, err := d.Ledger.Count(r.Context(), r.By)
	if err != nil {
		return err
	}
	for _, s := range asset.States() {
		if s == asset.Disposed && counts[s] == 0 {
			continue
		}
		t := tally{Href: "/assets?state=" + string(s), Label: r.P.T("asset.state." + string(s)), N: counts[s]}
		if counts[s] > 0 && (s == asset.Overdue || s == asset.Lost) {
			t.Kind = "shu"
		}
		p.Tallies = append(p.Tallies, t)
	}
	for _, x := range found.Rows {
		p.Rows = append(p.Rows, rowOf(r, x))
	}
	if found.Next != "" {
		p.More = address("/assets", v, "after", found.Next)
	}
	if q.After != "" {
		p.First = address("/assets", v, "after", "")
	}
	p.CSV = []page.Option{{Value: address("/assets.csv", v, "enc", "utf8"), Label: r.P.T("cases.csv_utf8")}, {Value: address("/assets.csv", v, "enc", "sjis"), Label: r.P.T("cases.csv_sjis")}}
	p.Labels = address("/assets/labels", v, "", "")
	return r.Kit.Render(w, r, status, "assets", p)
}

func rowOf(r *page.Request, x asset.Row) row {
	out := row{Number: x.Number, Href: href(x.Number), Kind: r.P.T("asset.kind." + string(x.Kind)), Model: x.Model, Department: x.Department,
		Keeper: x.KeeperName, Place: x.Place, State: StateTag(r, x.Now), Identity: strengthTag(r, x.Strength)}
	if x.BorrowerName != "" {
		out.Who = r.P.T("assets.has_until", "name", x.BorrowerName, "until", r.P.DateTime(x.Due))
	} else if x.Now == asset.Lent { // it is back, and not yet confirmed
		out.Who = r.P.T("loan.state.back")
	}
	return out
}

// href is the page of a thing.
func href(number string) string { return "/assets/" + url.PathEscape(number) }

// choices are the words of a list of values; with all, the first chooses every one.
func choices[T ~string](r *page.Request, prefix string, values []T, all bool) []page.Option {
	var out []page.Option
	if all {
		out = append(out, page.Option{Label: r.P.T("word.all")})
	}
	for _, v := range values {
		out = append(out, page.Option{Value: string(v), Label: r.P.T(prefix + string(v))})
	}
	return out
}

// address is a page with the list's filters and one more value.
func address(path string, v url.Values, key, value string) string {
	next := url.Values{}
	for _, k := range []string{"q", "kind", "state", "department"} {
		if s := v.Get(k); s != "" {
			next.Set(k, s)
		}
	}
	if value != "" {
		next.Set(key, value)
	}
	if len(next) == 0 {
		return path
	}
	return path + "?" + next.Encode()
}

// StateTag is the mark of a state.
func StateTag(r *page.Request, s asset.State) page.Tag {
	t := page.Tag{Text: r.P.T("asset.state." + string(s))}
	switch s {
	case asset.InStore:
		t.Kind, t.Icon = "matsu", "check"
	case asset.Lent:
		t.Kind, t.Icon = "ai", "user"
	case asset.Overdue:
		t.Kind, t.Icon = "shu", "clock"
	case asset.Lost:
		t.Kind, t.Icon = "shu", "lost"
	case asset.InRepair:
		t.Kind, t.Icon = "yama", "malfunction"
	default:
		t.Kind = "quiet"
	}
	return t
}

// strengthTag says how well a medium can be told from others; blank for what no PC reads.
func strengthTag(r *page.Request, s asset.Strength) page.Tag {
	if s == asset.NoMedium {
		return page.Tag{}
	}
	t := page.Tag{Text: r.P.T("asset.strength." + string(s)), Kind: "quiet"}
	switch s {
	case asset.Strong:
		t.Kind, t.Icon = "matsu", "shield-check"
	case asset.Fair:
		t.Kind, t.Icon = "yama", "info"
	case asset.Weak:
		t.Kind, t.Icon = "yama", "alert"
	}
	return t
}
