package cases

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/kit/fault"
)

// pageSize is the rows of one page of the list.
const pageSize = 50

// row is one line of the list.
type row struct {
	Label, Href, Summary string
	Erased               bool
	Kind                 page.Tag
	Department           string
	Reported             string
	Status               page.Tag
	Waiting              []string // whose answer is missing
	Assignee             string
	Demo                 bool
	Outside              string // who reported from outside, as far as a list says it
	Unread               int    // messages that the reader has not read
}

// listPage is the list with its filters.
type listPage struct {
	page.Base
	Wrong       map[string]string // what must be mended, by filter
	Q, From, To string
	Kinds       []page.Option
	Statuses    []page.Option
	Departments []page.Option
	Unanswered  bool
	Unread      bool
	Filtered    bool
	Rows        []row
	Self        string // this page with its filters, for refetching
	First, More string // addresses of the first and the next page; may be empty
	CSV         []page.Option
}

func (d Deps) list(w http.ResponseWriter, r *page.Request) error {
	q, wrong := d.query(r)
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	var found incident.Page
	if wrong == nil {
		found, wrong = d.Cases.Find(r.Context(), r.By, q)
	}
	p := d.listOf(r, q, org, found)
	status := http.StatusOK
	if wrong != nil {
		bad, ok := r.Refused(wrong, "q", "kind", "status", "department", "from", "to")
		if !ok {
			return wrong
		}
		status, p.Errors, p.Wrong = bad.Status, bad.Summary, bad.Fields
	}
	return r.Kit.Render(w, r, status, "cases", p)
}

// query reads the filters from the address, so that a list can be kept as a bookmark.
func (d Deps) query(r *page.Request) (incident.Query, error) {
	v := r.URL.Query()
	var c fault.Check
	q := incident.Query{Text: strings.TrimSpace(v.Get("q")), Department: v.Get("department"), Unanswered: v.Get("unanswered") != "", Unread: v.Get("unread") != "",
		After: v.Get("after"), Limit: pageSize}
	for _, k := range v["kind"] {
		if k != "" {
			q.Kinds = append(q.Kinds, incident.Kind(k))
		}
	}
	for _, s := range v["status"] {
		switch s {
		case "":
		case "open":
			q.Statuses = append(q.Statuses, openStatuses()...)
		default:
			q.Statuses = append(q.Statuses, incident.Status(s))
		}
	}
	q.From = day(&c, v.Get("from"), "from", r.Kit.Zone)
	if q.To = day(&c, v.Get("to"), "to", r.Kit.Zone); !q.To.IsZero() {
		q.To = q.To.AddDate(0, 0, 1) // the day that was named counts as a whole
	}
	return q, c.Err()
}

// day reads the date of a filter as the midnight that it begins with.
func day(c *fault.Check, s, field string, zone *time.Location) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.DateOnly, strings.ReplaceAll(s, "/", "-"), zone)
	c.That(err == nil, field, "fault.bad_date", nil)
	return t
}

func openStatuses() []incident.Status {
	return slices.DeleteFunc(incident.Statuses(), func(s incident.Status) bool { return !s.Open() })
}

func (d Deps) listOf(r *page.Request, q incident.Query, org *directory.Org, found incident.Page) listPage {
	v := r.URL.Query()
	p := listPage{Base: r.Kit.Base(r, "cases.title", "/cases"), Q: v.Get("q"), From: v.Get("from"), To: v.Get("to"), Unanswered: q.Unanswered, Unread: q.Unread}
	p.EventsURL, p.Self = "/events", r.URL.RequestURI()
	p.Filtered = q.Text != "" || len(q.Kinds) > 0 || len(q.Statuses) > 0 || q.Department != "" || q.Unanswered || q.Unread || !q.From.IsZero() || !q.To.IsZero()
	p.Kinds = append(p.Kinds, page.Option{Value: "", Label: r.P.T("word.all"), On: len(q.Kinds) == 0})
	for _, k := range incident.Kinds() {
		p.Kinds = append(p.Kinds, page.Option{Value: string(k), Label: r.P.T("kind." + string(k)), On: slices.Contains(v["kind"], string(k))})
	}
	p.Statuses = append(p.Statuses, page.Option{Value: "", Label: r.P.T("word.all"), On: len(q.Statuses) == 0}, page.Option{Value: "open", Label: r.P.T("cases.open_ones"), On: slices.Contains(v["status"], "open")})
	for _, s := range incident.Statuses() {
		p.Statuses = append(p.Statuses, page.Option{Value: string(s), Label: r.P.T("status." + string(s)), On: slices.Contains(v["status"], string(s))})
	}
	p.Departments = append(p.Departments, page.Option{Value: "", Label: r.P.T("word.all"), On: q.Department == ""})
	p.Departments = append(p.Departments, departments(org, q.Department)...)
	for _, i := range found.Rows {
		p.Rows = append(p.Rows, rowOf(r, org, i))
	}
	if found.Next != "" {
		p.More = address("/cases", v, "after", found.Next)
	}
	if q.After != "" {
		p.First = address("/cases", v, "after", "")
	}
	p.CSV = []page.Option{{Value: address("/cases.csv", v, "enc", "utf8"), Label: r.P.T("cases.csv_utf8")}, {Value: address("/cases.csv", v, "enc", "sjis"), Label: r.P.T("cases.csv_sjis")}}
	return p
}

// departments lists the tree, each with the names above it, in their order.
func departments(org *directory.Org, on string) []page.Option {
	var out []page.Option
	for id := range org.Departments {
		out = append(out, page.Option{Value: id, Label: strings.Join(org.Path(id), " / "), On: id == on})
	}
	slices.SortFunc(out, func(a, b page.Option) int { return strings.Compare(a.Label, b.Label) })
	return out
}

// address is the page with the same filters and one of them set; "" takes it away.
// The place in the list is kept only when it is the one that is set.
func address(path string, v url.Values, key, value string) string {
	next := url.Values{}
	for k, xs := range v {
		for _, x := range xs {
			if x != "" && k != "after" {
				next.Add(k, x)
			}
		}
	}
	next.Del(key)
	if value != "" {
		next.Set(key, value)
	}
	if len(next) == 0 {
		return path
	}
	return path + "?" + next.Encode()
}

func rowOf(r *page.Request, org *directory.Org, i incident.Row) row {
	out := row{Label: i.Label, Href: "/cases/" + i.Label, Summary: i.Summary, Erased: !i.ErasedAt.IsZero(), Kind: KindTag(r, &i.Incident),
		Department: org.Departments[i.Department].Name, Reported: r.P.DateTime(i.Reported), Status: StatusTag(r, i.Status),
		Assignee: org.NameOf(i.Assignee), Demo: i.Demo, Unread: i.Unread}
	if i.Outside != nil {
		out.Outside = Masked(r, i.Outside)
	}
	if i.Boxed() {
		out.Outside = r.P.T("near.nobody")
	}
	for _, x := range i.OpenTracks {
		out.Waiting = append(out.Waiting, r.P.T("receiver."+string(x)))
	}
	return out
}

// Masked is who reported from outside, for lists that many read: the case itself has the
// rest.
func Masked(r *page.Request, o *incident.Outsider) string {
	m := o.Masked()
	return page.Line(r.P.T("outside.who"), m.Name, m.Contact)
}

// KindTag is the kind's icon and word; what the rules call urgent is vermilion.
func KindTag(r *page.Request, i *incident.Incident) page.Tag {
	t := page.Tag{Icon: string(i.Kind), Text: r.P.T("kind." + string(i.Kind))}
	if i.Drill {
		t.Text = r.P.T("drills.subject", "subject", t.Text)
	}
	switch i.Urgency {
	case "urgent":
		t.Kind = "shu"
	case "light":
		t.Kind = "matsu"
	}
	return t
}

// StatusTag is the word of a status with its colour.
func StatusTag(r *page.Request, s incident.Status) page.Tag {
	t := page.Tag{Text: r.P.T("status." + string(s))}
	switch s {
	case incident.Closed:
		t.Kind = "matsu"
	case incident.Withdrawn, incident.Merged:
		t.Kind = "quiet"
	case incident.Closing:
		t.Kind = "yama"
	default:
		t.Kind = "ai"
	}
	return t
}
