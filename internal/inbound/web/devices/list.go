package devices

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sekimori/internal/domain/access"
	"sekimori/internal/domain/device"
	"sekimori/internal/inbound/web/page"
)

// pageSize is the rows of one page of the list; pressing is how many that are isolated
// or failing stand before them.
const (
	pageSize = 50
	pressing = 200
)

// row is one line of the list.
type row struct {
	Shown
	PersonHref string
	Document   string   // version applied of version desired
	Behind     bool     // the newest desired state is not in force yet
	Unread     []string // what could not be read, and why
	Since      string   // when the newest step of the order was reached
}

type listPage struct {
	page.Base
	Q           string
	States      []page.Option
	Filtered    bool
	Failing     []Shown
	Rows        []row
	Self        string // this page with its filters, for refetching
	First, More string
	CSV         []page.Option
	MayEnrol    bool
	Commands    []command // of the first PC, while there is none
}

func (d Deps) list(w http.ResponseWriter, r *page.Request) error {
	q := query(r)
	found, wrong := d.PCs.List(r.Context(), r.By, q)
	p := d.listOf(r, q, found)
	status := http.StatusOK
	if wrong != nil {
		bad, ok := r.Refused(wrong, "q", "state")
		if !ok {
			return wrong
		}
		status, p.Errors = bad.Status, bad.Summary
		return r.Kit.Render(w, r, status, "devices", p)
	}
	// What cannot wait stands above the list and its filters, whatever they are.
	failing, err := d.PCs.List(r.Context(), r.By, device.Query{State: device.StateFailing, Limit: pressing})
	if err != nil {
		return err
	}
	for _, v := range failing.Rows {
		p.Failing = append(p.Failing, Show(r, v))
	}
	rows := found.Rows
	if q.State == "" && q.Text == "" && q.After == "" {
		isolated, err := d.PCs.List(r.Context(), r.By, device.Query{State: device.StateIsolated, Limit: pressing})
		if err != nil {
			return err
		}
		rows = first(failing.Rows, isolated.Rows, found.Rows)
	}
	for _, v := range rows {
		p.Rows = append(p.Rows, rowOf(r, v))
	}
	return r.Kit.Render(w, r, status, "devices", p)
}

// first joins lists, each device where it stands first.
func first(lists ...[]device.View) []device.View {
	var out []device.View
	done := map[string]bool{}
	for _, v := range slices.Concat(lists...) {
		if !done[v.ID] {
			done[v.ID] = true
			out = append(out, v)
		}
	}
	return out
}

// query reads the filters from the address.
func query(r *page.Request) device.Query {
	v := r.URL.Query()
	return device.Query{Text: strings.TrimSpace(v.Get("q")), State: v.Get("state"), After: v.Get("after"), Limit: pageSize}
}

func (d Deps) listOf(r *page.Request, q device.Query, found device.Page) listPage {
	v := r.URL.Query()
	p := listPage{Base: r.Kit.Base(r, "devices.title", "/devices"), Q: q.Text, Self: r.URL.RequestURI(), Filtered: q.Text != "" || q.State != "",
		MayEnrol: r.By.May(access.ManageDevices) == nil}
	p.EventsURL = "/events?subject=devices&subject=time"
	p.States = []page.Option{{Label: r.P.T("word.all")}}
	for _, s := range []string{device.StateIsolated, device.StateFailing, device.StateOffline, device.StateRefused} {
		p.States = append(p.States, page.Option{Value: s, Label: r.P.T("devices.only." + s)})
	}
	p.States = page.Choose(p.States, q.State)
	if found.Next != "" {
		p.More = address("/devices", v, "after", found.Next)
	}
	if q.After != "" {
		p.First = address("/devices", v, "after", "")
	}
	p.CSV = []page.Option{{Value: address("/devices.csv", v, "enc", "utf8"), Label: r.P.T("cases.csv_utf8")}, {Value: address("/devices.csv", v, "enc", "sjis"), Label: r.P.T("cases.csv_sjis")}}
	if len(found.Rows) == 0 && !p.Filtered {
		p.Commands = d.commands(r, "")
	}
	return p
}

// address is the page with the same filters and one of them set; "" takes it away.
func address(path string, v url.Values, key, value string) string {
	next := url.Values{}
	for _, k := range []string{"q", "state"} {
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

func rowOf(r *page.Request, v device.View) row {
	out := row{Shown: Show(r, v), PersonHref: "/people/" + v.Person, Behind: v.Applied < v.Desired, Unread: unread(r, v.Facts),
		Document: r.P.T("devices.version", "applied", strconv.FormatInt(v.Applied, 10), "desired", strconv.FormatInt(v.Desired, 10))}
	for _, s := range out.Stages {
		if s.When != "" {
			out.Since = s.When
		}
	}
	return out
}

// unread lists what a PC could not read of itself, each with its reason.
func unread(r *page.Request, facts []device.Fact) []string {
	var out []string
	for _, f := range facts {
		if f.Unread != "" {
			out = append(out, r.P.T("devices.unread_why", "what", factName(r, f.Name), "why", f.Unread))
		}
	}
	return out
}
