package stocks

import (
	"net/http"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/asset"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/people"
	"sekimori/internal/kit/fault"
	"sekimori/internal/kit/jpcal"
)

// row is one count.
type row struct {
	Label, Href, Title, Where, Due, Opened string
	State                                  page.Tag
	Expected                               int
}

type listPage struct {
	page.Base
	Rows   []row
	MayNew bool
}

func (d Deps) list(w http.ResponseWriter, r *page.Request) error {
	all, err := d.Counts.Stocks(r.Context(), r.By)
	if err != nil {
		return err
	}
	org, err := r.Org()
	if err != nil {
		return err
	}
	p := listPage{Base: r.Kit.Base(r, "stocks.title", "/assets"), MayNew: r.By.May(access.ManageAssets) == nil}
	for _, t := range all {
		x := row{Label: t.Label, Href: "/stocktakes/" + t.Label, Title: t.Title, Due: r.P.Date(t.Due.In(r.Kit.Zone, 0)), Opened: page.Line(org.NameOf(t.OpenedBy), r.P.DateTime(t.OpenedAt)), Expected: t.Expected, State: stateTag(r, t)}
		if !t.ErasedAt.IsZero() {
			x.Title = r.P.T("cases.erased")
		}
		var names []string
		for _, id := range t.Departments {
			names = append(names, org.Departments[id].Name)
		}
		x.Where = strings.Join(names, " / ")
		if len(names) == 0 {
			x.Where = r.P.T("stock.paper.whole")
		}
		p.Rows = append(p.Rows, x)
	}
	return r.Kit.Render(w, r, http.StatusOK, "stocktakes", p)
}

// stateTag is the mark of where a count stands.
func stateTag(r *page.Request, t asset.StockTake) page.Tag {
	switch {
	case !t.Open():
		return page.Tag{Kind: "matsu", Icon: "check", Text: r.P.T("stocks.finished")}
	case jpcal.DateOf(r.Kit.Now(), r.Kit.Zone).After(t.Due):
		return page.Tag{Kind: "shu", Icon: "clock", Text: r.P.T("stocks.late")}
	}
	return page.Tag{Kind: "ai", Icon: "clipboard-check", Text: r.P.T("stocks.open")}
}

// formPage opens a count.
type formPage struct {
	page.Base
	Heading            page.Field
	Departments, Kinds page.Field
	Due                page.Field
}

func (d Deps) form(w http.ResponseWriter, r *page.Request) error {
	return d.showForm(w, r, http.StatusOK, page.Refused{})
}

func (d Deps) showForm(w http.ResponseWriter, r *page.Request, status int, bad page.Refused) error {
	if err := r.By.May(access.ManageAssets); err != nil {
		return err
	}
	org, err := r.Org()
	if err != nil {
		return err
	}
	p := formPage{Base: r.Kit.Base(r, "stocks.new", "/assets")}
	p.Errors = bad.Summary
	p.Heading = page.Field{ID: "title", Name: "title", Required: true, MaxLen: 80, Label: r.P.T("stocks.field.title"), Value: r.Text("title"), Error: bad.Fields["title"]}
	due := r.Text("due")
	if due == "" {
		due = jpcal.DateOf(r.Kit.Now(), r.Kit.Zone).Add(14).String()
	}
	p.Due = page.Field{ID: "due", Name: "due", Type: "date", Class: "short", Required: true, Label: r.P.T("stocks.field.due"), Value: due, Error: bad.Fields["due"]}
	p.Departments = page.Field{ID: "departments", Name: "departments", Type: "checkbox", Optional: true, Label: r.P.T("stocks.field.departments"), Hint: r.P.T("stocks.departments_hint"), Error: bad.Fields["departments"],
		Options: page.Choose(people.Tree(org, ""), r.Texts("departments")...)}
	p.Kinds = page.Field{ID: "kinds", Name: "kinds", Type: "checkbox", Class: "cols", Optional: true, Label: r.P.T("stocks.field.kinds"), Hint: r.P.T("stocks.kinds_hint"), Error: bad.Fields["kinds"]}
	for _, k := range asset.Kinds() {
		p.Kinds.Options = append(p.Kinds.Options, page.Option{Value: string(k), Label: r.P.T("asset.kind." + string(k))})
	}
	p.Kinds.Options = page.Choose(p.Kinds.Options, r.Texts("kinds")...)
	return r.Kit.Render(w, r, status, "stocktake_new", p)
}

func (d Deps) open(w http.ResponseWriter, r *page.Request) error {
	n := asset.NewStock{Title: r.Text("title"), Departments: r.Texts("departments")}
	for _, k := range r.Texts("kinds") {
		n.Kinds = append(n.Kinds, asset.Kind(k))
	}
	var c fault.Check
	due, err := jpcal.ParseDate(r.Text("due"))
	c.That(err == nil, "due", "fault.bad_date", nil)
	n.Due = due
	var t *asset.StockTake
	if err = c.Err(); err == nil {
		t, err = d.Counts.OpenStock(r.Context(), r.By, n)
	}
	if err != nil {
		bad, ok := r.Refused(err, "title", "due", "departments", "kinds")
		if !ok {
			return err
		}
		return d.showForm(w, r, bad.Status, bad)
	}
	return r.Kit.See(w, r, "/stocktakes/"+t.Label, "stocks.flash_open")
}
