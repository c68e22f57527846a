package cases

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"sekimori/internal/domain/directory"
	"sekimori/internal/domain/incident"
	"sekimori/internal/inbound/web/page"
	"sekimori/internal/inbound/web/report"
)

// maxExport bounds one export: beyond it a spreadsheet is no longer the tool.
const maxExport = 50_000

// export gives the list that the same address shows, as a table for a spreadsheet.
func (d Deps) export(w http.ResponseWriter, r *page.Request) error {
	q, wrong := d.query(r)
	if wrong != nil {
		return r.Kit.See(w, r, address("/cases", r.URL.Query(), "enc", ""), "")
	}
	org, err := d.People.View(r.Context(), r.By)
	if err != nil {
		return err
	}
	q.After, q.Limit = "", 200
	var lines [][]string
	for len(lines) < maxExport {
		found, err := d.Cases.Find(r.Context(), r.By, q)
		if err != nil {
			return err
		}
		for _, i := range found.Rows {
			lines = append(lines, cells(r, org, i))
		}
		if q.After = found.Next; q.After == "" {
			break
		}
	}
	return r.Table(w, "cases", header(r), slices.Values(lines))
}

func header(r *page.Request) []string {
	ids := []string{"number", "kind", "urgency", "status", "summary", "occurred", "discovered", "reported", "department",
		"finder", "reporter", "assignee", "waiting", "closed", "closed_by", "demo", "drill", "nearly"}
	for i, id := range ids {
		ids[i] = r.P.T("cases.col." + id)
	}
	return ids
}

func cells(r *page.Request, org *directory.Org, i incident.Row) []string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(r.Kit.Zone).Format("2006-01-02 15:04")
	}
	moment := func(m incident.Moment) string {
		if !m.Known {
			return r.P.T("word.unknown")
		}
		return at(m.At)
	}
	var waiting []string
	for _, x := range i.OpenTracks {
		waiting = append(waiting, r.P.T("receiver."+string(x)))
	}
	demo := ""
	if i.Demo {
		demo = r.P.T("cases.demo")
	}
	drill := ""
	if i.Drill {
		drill = r.P.T("drills.one")
	}
	return []string{i.Label, r.P.T("kind." + string(i.Kind)), r.P.T("urgency." + string(i.Urgency)), r.P.T("status." + string(i.Status)),
		i.Summary, moment(i.Occurred), moment(i.Discovered), at(i.Reported), org.Departments[i.Department].Name,
		finder(r, org, i), org.NameOf(i.Reporter), org.NameOf(i.Assignee), strings.Join(waiting, ", "), at(i.ClosedAt), org.NameOf(i.ClosedBy), demo, drill, report.Nearly(r, &i.Incident)}
}

// finder is who noticed it; a table goes further than the case, and holds no outsider's
// name in full.
func finder(r *page.Request, org *directory.Org, i incident.Row) string {
	if i.Outside != nil {
		return Masked(r, i.Outside)
	}
	if i.Boxed() {
		return r.P.T("near.nobody")
	}
	return org.NameOf(i.Finder())
}
