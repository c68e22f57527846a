package people

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/directory"
	"sekimori/internal/inbound/web/page"
)

// pageSize is the people of one page.
const pageSize = 100

// row is one person in the list.
type row struct {
	Href, Name, Kana, Number, Department, Title string
	Phone                                       string
	Duties                                      []string
	Away                                        string // until when
	Left                                        string // since when
	Care                                        bool   // a contact wants care; for who edits the directory
}

type listPage struct {
	page.Base
	Q           string
	Departments []page.Option
	Leavers     bool
	Care        bool // only people whose contacts want care
	Filtered    bool
	Rows        []row
	Pager       page.Pager
	MayEdit     bool
	MayInvite   bool
}

func (d Deps) list(w http.ResponseWriter, r *page.Request) error {
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	now := r.Kit.Now()
	p := listPage{Base: r.Kit.Base(r, "people.title", "/people"), Q: strings.TrimSpace(q.Get("q")), Leavers: q.Get("left") != "", MayEdit: r.By.May(access.EditDirectory) == nil,
		MayInvite: r.By.May(access.ManageAccounts) == nil}
	dep := q.Get("department")
	p.Care = p.MayEdit && q.Get("care") != ""
	p.Filtered = p.Q != "" || dep != "" || p.Leavers || p.Care
	p.Departments = append([]page.Option{{Label: r.P.T("word.all"), On: dep == ""}}, Tree(org, dep)...)
	var found []directory.Person
	for _, x := range org.Sorted() {
		if x.Active(now) == p.Leavers || dep != "" && !within(org, x.Department, dep) || !matches(org, x, p.Q) {
			continue
		}
		if p.Care && !org.CareOf(x.ID, now).Any() && org.Reachable(x.ID, now) {
			continue
		}
		found = append(found, x)
	}
	n := max(page.Int(q.Get("page"), 1), 1)
	from := min((n-1)*pageSize, len(found))
	to := min(from+pageSize, len(found))
	for _, x := range found[from:to] {
		line := rowOf(r, org, x, now)
		line.Care = p.MayEdit && x.Active(now) && org.CareOf(x.ID, now).Any()
		p.Rows = append(p.Rows, line)
	}
	p.Pager = page.Pager{From: from + 1, To: to, Total: len(found)}
	if n > 1 {
		p.Pager.Prev = address(q, n-1)
	}
	if to < len(found) {
		p.Pager.Next = address(q, n+1)
	}
	return r.Kit.Render(w, r, http.StatusOK, "people", p)
}

func address(q url.Values, n int) string {
	next := url.Values{}
	for _, k := range []string{"q", "department", "left", "care"} {
		if v := q.Get(k); v != "" {
			next.Set(k, v)
		}
	}
	if n > 1 {
		next.Set("page", itoa(n))
	}
	if len(next) == 0 {
		return "/people"
	}
	return "/people?" + next.Encode()
}

// matches looks for what was typed in name, reading, number, title and mail address.
func matches(org *directory.Org, p directory.Person, q string) bool {
	if q == "" {
		return true
	}
	q = folded(q)
	for _, s := range []string{p.Name(), p.Kana(), p.Number, p.Title, p.Email, org.Departments[p.Department].Name} {
		if strings.Contains(folded(s), q) {
			return true
		}
	}
	return false
}

// within reports whether a department is the one named or lies below it.
func within(org *directory.Org, dep, top string) bool {
	seen := map[string]bool{}
	for ; dep != "" && !seen[dep]; dep = org.Departments[dep].Parent {
		if dep == top {
			return true
		}
		seen[dep] = true
	}
	return false
}

// Tree lists the departments as a tree, each below the one that it belongs to.
func Tree(org *directory.Org, on string) []page.Option {
	var out []page.Option
	for id := range org.Departments {
		path := org.Path(id)
		out = append(out, page.Option{Value: id, Label: strings.Repeat("　", max(len(path)-1, 0)) + path[len(path)-1], Hint: strings.Join(path, "\x00"), On: id == on})
	}
	slices.SortFunc(out, func(a, b page.Option) int { return strings.Compare(a.Hint, b.Hint) })
	for i := range out {
		out[i].Hint = ""
	}
	return out
}

func rowOf(r *page.Request, org *directory.Org, x directory.Person, now time.Time) row {
	v := row{Href: "/people/" + x.ID, Name: x.Name(), Kana: x.Kana(), Number: x.Number, Title: x.Title, Phone: x.Phone,
		Department: Place(org, x.Department), Duties: dutyWords(r, own(org, x.ID, now))}
	if until, away := org.Away(x.ID, now); away {
		v.Away = r.P.DateTime(until)
	}
	if !x.Active(now) {
		v.Left = r.P.Date(x.Left.Add(-time.Microsecond)) // the last day
	}
	return v
}

// own lists the duties that a person holds themself, without those stood in for.
func own(org *directory.Org, person string, now time.Time) []access.Duty {
	var out []access.Duty
	for _, duty := range access.Duties() {
		if slices.Contains(org.Holders(duty, now), person) {
			out = append(out, duty)
		}
	}
	return out
}

func dutyWords(r *page.Request, ds []access.Duty) []string {
	var out []string
	for _, x := range ds {
		out = append(out, r.P.T("duty."+string(x)))
	}
	return out
}

// Place names a department with those above it. The company itself, which everybody
// belongs to, goes without saying.
func Place(org *directory.Org, department string) string {
	path := org.Path(department)
	if len(path) > 1 {
		path = path[1:]
	}
	return strings.Join(path, " / ")
}
